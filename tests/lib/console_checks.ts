// The console's modules without a browser: samples and alerts. Bundled and run by tests/integ/test_console.py; silence is good.
import rules from "alerts:rules";
import { conditions, Watch } from "../../gateway/console/web/alerts";
import { duration, phase, price, short } from "../../gateway/console/web/format";
import { Samples, type HistoryAnswer } from "../../gateway/console/web/samples";

function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

const names = ["ready", "agents_stuck", "space_level", "free_bytes", "export_lag", "export_state", "clock_step", "pool_full", "reloads_failed",
  "archive_failed", "snapshots_failed", "rejects", "transactions", "logins_bad", "turns_over_limit", "ring_full_stops", "link_up"];
const healthy: Record<string, (second: number) => number | null> = {
  ready: () => 1, agents_stuck: () => 0, space_level: () => 0, free_bytes: () => 1e12, export_lag: () => 0.02, export_state: () => 2,
  clock_step: () => 0, pool_full: () => 7, reloads_failed: () => 7, archive_failed: () => 7, snapshots_failed: () => 7,
  rejects: (s) => s, transactions: (s) => 1000 * s, logins_bad: () => 3,
  turns_over_limit: () => 9, ring_full_stops: () => 0, link_up: () => null,
};

/** Twenty minutes of a venue in which `sick` differs from a healthy one. */
function venue(sick: Record<string, (second: number) => number | null> = {}): HistoryAnswer {
  const rows = Array.from({ length: 1200 }, (_, second) =>
    [1e12 + second * 1000, ...names.map((name) => (sick[name] ?? healthy[name]!)(second))]);
  return { names, rows };
}

/** The alerts after these twenty minutes, second by second as the page sees them. */
function alerts(sick?: Record<string, (second: number) => number | null>): string {
  const samples = new Samples();
  const watch = new Watch();
  const { rows, ...head } = venue(sick);
  let found: string[] = [];
  for (const row of rows) {
    samples.add({ ...head, rows: [row] });
    found = watch.look(samples).map((a) => a.alert);
  }
  return found.join();
}

for (const rule of rules) check(conditions[rule.alert] !== undefined, `${rule.alert} of alerts.yaml has no condition`);
for (const name of Object.keys(conditions)) check(rules.some((r) => r.alert === name), `${name} is not in alerts.yaml`);

const sick: [string, Record<string, (second: number) => number | null>][] = [
  ["", {}],
  ["WirebookNotReady", { ready: () => 0 }],
  ["WirebookAgentStuck", { agents_stuck: () => 1 }],
  ["WirebookJournalSpaceLow", { space_level: () => 1 }],
  ["WirebookJournalFillsUp", { free_bytes: (s) => 1e11 - s * 1e7 }],
  ["", { free_bytes: (s) => 1e12 - s * 1e6 }],
  ["WirebookExportBehind", { export_lag: () => 61 }],
  ["", { export_lag: (s) => (s < 1190 ? 0 : 61) }], // not for a minute yet
  ["WirebookExportRefused", { export_state: () => 3 }],
  ["WirebookClockStep", { clock_step: () => 1.5 }],
  ["WirebookPoolFull", { pool_full: (s) => (s < 1100 ? 7 : 8) }],
  ["WirebookArchiveFailed", { archive_failed: (s) => (s < 1100 ? 7 : 8) }],
  ["WirebookSnapshotFailed", { snapshots_failed: (s) => (s < 1100 ? 7 : 8) }],
  ["WirebookReloadFailed", { reloads_failed: (s) => (s < 1100 ? 7 : 8) }],
  ["", { pool_full: (s) => (s < 800 ? 7 : 8) }], // long ago
  ["WirebookRejectBurst", { rejects: (s) => 300 * s }],
  ["", { rejects: (s) => 5 * s, transactions: (s) => 6 * s }], // few
  ["WirebookBadLogins", { logins_bad: (s) => s }],
  ["WirebookTurnsTooLong", { turns_over_limit: (s) => 2 * s }],
  ["WirebookRingNearlyFull", { ring_full_stops: (s) => (s < 1199 ? 0 : 1) }],
  ["WirebookLinkDown", { link_up: () => 0 }],
];
for (const [expected, values] of sick) check(alerts(values) === expected, `expected ${expected || "no alert"}, found ${alerts(values)}`);
const tried = new Set(sick.map(([name]) => name));
for (const [name, condition] of Object.entries(conditions))
  check(condition === "prometheus only" || tried.has(name), `${name} is not tried`);

const samples = new Samples();
samples.add(venue());
check(samples.rate("transactions", 60) === 1000, "a rate");
check(samples.rates("rejects", 1).length === 61 && samples.rates("rejects", 1)[60] === 1, "rates");
check(samples.rates("link_up", 1).every((v) => v === null), "a metric that is not there is a gap");
const before = samples.times(60).length;
samples.add(venue());
check(samples.times(60).length === before, "rows that are known are not taken again");
samples.add({ names, rows: [[1e12 + 4e6, ...names.map(() => 0)]] });
check(samples.times(120).length === 801, `an hour is kept, not ${samples.times(120).length}`);
check(samples.rates("transactions", 60).at(-1) === null, "a counter that fell is a gap");

check(short(1234567) === "1235k" || short(12345678) === "12.3M", short(1234567));
check(short(999) === "999" && short(123456) === "123k", short(123456));
check(duration(0.0000123) === "12.3 µs" && duration(0.25) === "250 ms" && duration(3) === "3 s", duration(0.0000123));
check(price(220) === "220.00" && price(0.0001) === "0.0001" && price(12.345) === "12.345" && price(null) === "–", price(12.345));
check(phase(84) === "trading" && phase(1) === "unknown" && phase(null) === "–", "phases");
