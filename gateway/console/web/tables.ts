// Books, instruments, sessions: what the exports' database says. Text goes in as text, never as HTML.
import type { Answer, Book, Level, SessionRow, SymbolRow } from "./venue";
import { clock, price, whole } from "./format";

const notes: Record<Answer<unknown>["state"], string> = {
  ok: "",
  waiting: "asking the database…",
  off: "Not shown: management.conninfo names no database.",
  away: "The database cannot be reached; this is old.",
  slow: "The database did not answer in time; this is old.",
  refused: "The database refused the question; the venue's log says why.",
  busy: "Too many books are looked at; wait half a minute.",
};

function row(...cells: string[]): HTMLTableRowElement {
  const tr = document.createElement("tr");
  for (const text of cells) tr.insertCell().textContent = text;
  return tr;
}

/** Fills the section's table, and says how old it is or why it is empty. */
function fill<T>(section: HTMLElement, answer: Answer<T>, empty: string, rows: (data: T) => HTMLTableRowElement[]): void {
  const age = answer.data && answer.age_ms > 5000 ? ` ${Math.round(answer.age_ms / 1000)} s old.` : "";
  const found = answer.data ? rows(answer.data) : [];
  const nothing = answer.state === "ok" && found.length === 0 ? empty : "";
  section.querySelector(".note")!.textContent = notes[answer.state] + nothing + age;
  section.querySelector("table")!.hidden = found.length === 0;
  section.querySelector("tbody")!.replaceChildren(...found);
}

export function showSessions(section: HTMLElement, answer: Answer<SessionRow[]>): void {
  fill(section, answer, "Nobody has logged in today.", (data) =>
    data.map((s) => {
      const tr = row(s.user_name, s.online ? "logged in" : "away", clock(Date.parse(s.since)), String(s.gateway),
        s.peer === null ? "–" : `${s.peer}:${s.peer_port ?? "?"}`);
      tr.cells[1]!.className = s.online ? "good" : "";
      return tr;
    }));
}

export function showTurnover(section: HTMLElement, answer: Answer<SymbolRow[]>): void {
  fill(section, answer, "No instrument yet.", (data) =>
    data.map((s) => row(s.halted ? `${s.symbol} (halted)` : s.symbol, price(s.last), price(s.low), price(s.high), whole(s.shares), whole(s.trades))));
}

export function showBook(section: HTMLElement, answer: Answer<Book>): void {
  const cells = (level: Level | undefined) => (level ? [whole(level[2]), whole(level[1]), price(level[0])] : ["", "", ""]);
  fill(section, answer, "No open orders.", (book) =>
    Array.from({ length: Math.max(book.bids.length, book.asks.length) }, (_, i) =>
      row(...cells(book.bids[i]), ...cells(book.asks[i]).reverse())));
}

/** Keeps the choice of a symbol while the list changes. */
export function showChoices(select: HTMLSelectElement, rows: SymbolRow[]): void {
  const symbols = rows.map((r) => r.symbol);
  if (symbols.join() === [...select.options].map((o) => o.value).join()) return;
  const chosen = select.value;
  select.replaceChildren(...symbols.map((symbol) => new Option(symbol, symbol, false, symbol === chosen)));
}
