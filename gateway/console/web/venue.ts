// Asks the venue. Every path is of this page's own origin; the token lives in this tab only.
import type { HistoryAnswer } from "./samples";

/** An answer of the exports' database: gateway/console/exports.h says what the states mean. */
export interface Answer<T> {
  state: "ok" | "waiting" | "off" | "away" | "slow" | "refused" | "busy";
  age_ms: number;
  data: T | null;
}

export interface SymbolRow {
  symbol: string;
  trades: number | null;
  shares: number | null;
  low: number | null;
  high: number | null;
  last: number | null;
  halted: boolean;
}

export interface SessionRow {
  user_name: string;
  online: boolean;
  since: string;
  gateway: number;
  peer: string | null;
  peer_port: number | null;
  reason: string | null;
}

/** Price, shares, orders. */
export type Level = [number, number, number];

export interface Book {
  bids: Level[];
  asks: Level[];
  seq: number;
  moved: string;
}

/** The token is wrong, or there is none. */
export class Unauthorized extends Error {}

const KEY = "wirebook-token";

export const token = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value: string) => sessionStorage.setItem(KEY, value),
  clear: () => sessionStorage.removeItem(KEY),
};

async function ask(path: string): Promise<Response> {
  const answer = await fetch(path, {
    headers: { Authorization: `Bearer ${token.get()}` },
    signal: AbortSignal.timeout(8000),
    cache: "no-store",
  });
  if (answer.status === 401) throw new Unauthorized();
  return answer;
}

async function askJson<T>(path: string): Promise<T> {
  const answer = await ask(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json() as Promise<T>;
}

export const venue = {
  login: () => ask("/api/login"),
  history: (since: number) => askJson<HistoryAnswer>(`/api/history?since=${since}`),
  symbols: () => askJson<Answer<SymbolRow[]>>("/api/symbols"),
  sessions: () => askJson<Answer<SessionRow[]>>("/api/sessions"),
  book: (symbol: string) => askJson<Answer<Book>>(`/api/book?symbol=${encodeURIComponent(symbol)}`),
  /** The lines of /readyz that are not "ok". */
  async troubles(): Promise<string[]> {
    const text = await (await ask("/readyz")).text();
    return text.split("\n").filter((line) => line !== "" && !line.startsWith("ok "));
  },
};
