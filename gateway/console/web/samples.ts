// What the venue has measured, second by second: fetched from /api/history, kept for the time shown.
// Enters: rows. Leaves: columns for the charts, and the questions that alerts ask: now, rate, increase.

/** The answer of /api/history. */
export interface HistoryAnswer {
  names: string[];
  rows: (number | null)[][];
}

export const KEEP_MS = 3600_000;

export class Samples {
  private names = new Map<string, number>();
  private rows: (number | null)[][] = [];

  /** Takes rows that are newer than those that it has; those older than an hour go. */
  add(answer: HistoryAnswer): void {
    this.names = new Map(answer.names.map((name, i) => [name, i + 1]));
    const newest = this.newestMs();
    this.rows.push(...answer.rows.filter((row) => (row[0] ?? 0) > newest));
    const oldest = this.newestMs() - KEEP_MS;
    while ((this.rows[0]?.[0] ?? Infinity) < oldest) this.rows.shift();
  }

  /** Forgets everything: the venue was started again. */
  clear(): void {
    this.rows = [];
  }

  /** When the newest row was taken; 0 when there is none. */
  newestMs(): number {
    return this.rows.at(-1)?.[0] ?? 0;
  }

  /** The newest value; null when the venue does not have it. */
  now(name: string): number | null {
    return this.value(this.rows.length - 1, name);
  }

  /** How much a counter has grown over the last `seconds`; null without two rows. */
  increase(name: string, seconds: number): number | null {
    const last = this.rows.length - 1;
    const first = this.indexAt(this.newestMs() - seconds * 1000);
    const a = this.value(first, name);
    const b = this.value(last, name);
    return first >= last || a === null || b === null ? null : Math.max(0, b - a);
  }

  /** The same a second. */
  rate(name: string, seconds: number): number | null {
    const first = this.indexAt(this.newestMs() - seconds * 1000);
    const took = (this.newestMs() - (this.rows[first]?.[0] ?? 0)) / 1000;
    const grown = this.increase(name, seconds);
    return grown === null || took <= 0 ? null : grown / took;
  }

  /** Times in seconds of the rows of the last `minutes`. */
  times(minutes: number): number[] {
    return this.rows.slice(this.indexAt(this.newestMs() - minutes * 60_000)).map((row) => (row[0] ?? 0) / 1000);
  }

  /** A gauge over these rows, each value times `factor`. */
  column(name: string, minutes: number, factor = 1): (number | null)[] {
    const from = this.indexAt(this.newestMs() - minutes * 60_000);
    return this.rows.slice(from).map((_, i) => {
      const value = this.value(from + i, name);
      return value === null ? null : value * factor;
    });
  }

  /** A counter's growth a second over these rows; a counter that fell began anew, which is a gap. */
  rates(name: string, minutes: number): (number | null)[] {
    const from = this.indexAt(this.newestMs() - minutes * 60_000);
    return this.rows.slice(from).map((row, i) => {
      const before = this.rows[from + i - 1];
      const a = this.value(from + i - 1, name);
      const b = this.value(from + i, name);
      return !before || a === null || b === null || b < a ? null : (b - a) / (((row[0] ?? 0) - (before[0] ?? 0)) / 1000);
    });
  }

  private value(row: number, name: string): number | null {
    const column = this.names.get(name);
    return column === undefined ? null : this.rows[row]?.[column] ?? null;
  }

  private indexAt(ms: number): number {
    const i = this.rows.findIndex((row) => (row[0] ?? 0) >= ms);
    return i < 0 ? this.rows.length : i;
  }
}
