// The alert rules of config/prometheus/alerts.yaml, looked at in the browser over the last minutes of samples. Names, severities and
// texts come from that file (scripts/console puts them into the bundle); what stands here are the conditions, in its words.
import rules from "alerts:rules";
import type { Samples } from "./samples";

/** One rule of alerts.yaml, as the bundle has it. */
export interface Rule {
  alert: string;
  severity: string;
  description: string;
  for_s: number;
}

export interface Alert extends Rule {
  since_ms: number;
}

const above = (value: number | null, limit: number) => value !== null && value > limit;

/** By name. Those that a browser cannot see are left to Prometheus, and said so. */
export const conditions: Record<string, ((s: Samples) => boolean) | "prometheus only"> = {
  WirebookDown: "prometheus only", // the page itself says that nobody answers
  WirebookNotReady: (s) => s.now("ready") === 0,
  WirebookAgentStuck: (s) => above(s.now("agents_stuck"), 0),
  WirebookJournalSpaceLow: (s) => (s.now("space_level") ?? 0) >= 1,
  WirebookJournalFillsUp: (s) => {
    const left = s.column("free_bytes", 15);
    const [first, last] = [left[0] ?? null, left.at(-1) ?? null];
    return left.length > 600 && first !== null && last !== null && last + ((last - first) / left.length) * 4 * 3600 < 0;
  },
  WirebookExportBehind: (s) => above(s.now("export_lag"), 60),
  WirebookExportRefused: (s) => (s.now("export_state") ?? 0) >= 3,
  WirebookClockStep: (s) => above(s.now("clock_step"), 1),
  WirebookReloadFailed: (s) => above(s.increase("reloads_failed", 900), 0),
  WirebookArchiveFailed: (s) => above(s.increase("archive_failed", 900), 0),
  WirebookSnapshotFailed: (s) => above(s.increase("snapshots_failed", 3600), 0),
  WirebookPoolFull: (s) => above(s.increase("pool_full", 300), 0),
  WirebookRejectBurst: (s) => {
    const rejects = s.rate("rejects", 60);
    return above(rejects, 10) && above(rejects, 0.2 * (s.rate("transactions", 60) ?? 0));
  },
  WirebookBadLogins: (s) => above(s.increase("logins_bad", 300), 50),
  WirebookTurnsTooLong: (s) => above(s.rate("turns_over_limit", 300), 1),
  WirebookRingNearlyFull: (s) => above(s.increase("ring_full_stops", 300), 0),
  WirebookLinkDown: (s) => s.now("link_up") === 0,
  WirebookEnaAllowance: "prometheus only", // a row a driver's counter: in /metrics
};

/** Keeps since when each condition holds. */
export class Watch {
  private since = new Map<string, number>();

  /** The alerts that stand, gravest first, as of the newest sample. */
  look(samples: Samples): Alert[] {
    const now = samples.newestMs();
    const found: Alert[] = [];
    for (const rule of rules) {
      const condition = conditions[rule.alert];
      if (typeof condition !== "function" || !condition(samples)) {
        this.since.delete(rule.alert);
        continue;
      }
      const since_ms = this.since.get(rule.alert) ?? now;
      this.since.set(rule.alert, since_ms);
      if (now - since_ms >= rule.for_s * 1000) found.push({ ...rule, since_ms });
    }
    return found.sort((a, b) => Number(b.severity === "page") - Number(a.severity === "page"));
  }
}
