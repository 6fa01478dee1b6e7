// Numbers and times as people read them.

/** 1234567 -> 1.23M */
export function short(v: number): string {
  for (const [unit, word] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]] as const)
    if (Math.abs(v) >= unit * 10) return `${(v / unit).toPrecision(3)}${word}`;
  return Number.isInteger(v) ? String(v) : v.toPrecision(3);
}

/** Seconds -> 12 us, 3.4 ms, 5 s */
export function duration(s: number): string {
  if (s === 0) return "0";
  if (s < 1e-3) return `${Number((s * 1e6).toPrecision(3))} µs`;
  if (s < 1) return `${Number((s * 1e3).toPrecision(3))} ms`;
  return `${Number(s.toPrecision(3))} s`;
}

export const whole = (v: number | null) => (v === null ? "–" : v.toLocaleString("en-US"));
export const price = (v: number | null) => (v === null ? "–" : v.toFixed(4).replace(/(\.\d\d)(\d*?)0+$/, "$1$2"));
export const clock = (ms: number) => new Date(ms).toISOString().slice(11, 19) + " UTC";

/** 20261122 -> 2026-11-22 */
export const day = (v: number | null) => (v ? String(v).replace(/(\d{4})(\d\d)(\d\d)/, "$1-$2-$3") : "none open");

const phases: Record<string, string> = {
  P: "pre-open", O: "opening cross", T: "trading", C: "closing cross", X: "extended hours", Z: "closed", H: "halted", V: "pause",
};

/** The phase's letter's code -> its name. */
export const phase = (code: number | null) => (code ? phases[String.fromCharCode(code)] ?? "unknown" : "–");
