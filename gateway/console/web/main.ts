// The console's page: logs in, asks the venue every second, and shows what it said. It changes nothing at the venue.
import "./console.css";
import { Watch, type Alert } from "./alerts";
import { Charts } from "./charts";
import { clock, day, duration, phase, short, whole } from "./format";
import { Samples } from "./samples";
import { showBook, showChoices, showSessions, showTurnover } from "./tables";
import { token, Unauthorized, venue } from "./venue";

const SECOND = 1000;
const DATABASE_EVERY = 2; // turns

function element<T extends HTMLElement = HTMLElement>(selector: string): T {
  const found = document.querySelector<T>(selector);
  if (!found) throw new Error(`no ${selector}`);
  return found;
}

const samples = new Samples();
const watch = new Watch();
let charts: Charts | undefined;
let minutes = 5;
let turns = 0;
let timer = 0;

function showState(word: string, kind: "good" | "warn" | "bad"): void {
  const badge = element("#state");
  badge.textContent = word;
  badge.className = `badge ${kind}`;
}

function showFacts(): void {
  const lag = samples.now("export_lag");
  const perSecond = (name: string) => short(Math.round(samples.rate(name, 5) ?? 0));
  const facts: [string, string][] = [
    ["Phase", phase(samples.now("phase"))],
    ["Trading day", day(samples.now("trading_day"))],
    ["Sessions", whole(samples.now("sessions"))],
    ["Open orders", whole(samples.now("orders_open"))],
    ["Transactions/s", perSecond("transactions")],
    ["Fills/s", perSecond("fills")],
    ["Rejects/s", perSecond("rejects")],
    ["Durable to", whole(samples.now("durable_seq"))],
    ["Export lag", lag === null ? "no export" : duration(lag)],
  ];
  element("#facts").replaceChildren(...facts.map(([name, value]) => {
    const box = document.createElement("div");
    const label = document.createElement("span");
    const strong = document.createElement("strong");
    label.className = "fact";
    label.textContent = name;
    strong.textContent = value;
    box.append(label, strong);
    return box;
  }));
}

function showAlerts(alerts: Alert[], troubles: string[]): void {
  const items = alerts.map((a) => item(a.severity === "page" ? "bad" : "warn", `${a.alert} since ${clock(a.since_ms)}`, a.description));
  for (const line of troubles) {
    const kind = line.startsWith("FAILED") ? "bad" : "warn";
    items.push(item(kind, line.replace(/^(FAILED|warning) /, ""), ""));
  }
  if (items.length === 0) items.push(item("good", "none", ""));
  element("#alerts ul").replaceChildren(...items);
}

function item(kind: string, text: string, more: string): HTMLLIElement {
  const li = document.createElement("li");
  const strong = document.createElement("strong");
  strong.className = kind;
  strong.textContent = text;
  li.append(strong);
  if (more) li.append(Object.assign(document.createElement("small"), { textContent: more }));
  return li;
}

async function askDatabase(): Promise<void> {
  const [symbols, sessions] = await Promise.all([venue.symbols(), venue.sessions()]);
  const select = element<HTMLSelectElement>("#symbol");
  showTurnover(element("#turnover"), symbols);
  showSessions(element("#sessions"), sessions);
  showChoices(select, symbols.data ?? []);
  if (select.value) showBook(element("#books"), await venue.book(select.value));
  else showBook(element("#books"), { ...symbols, data: null });
}

async function turn(): Promise<void> {
  const answer = await venue.history(samples.newestMs());
  const lastSeq = samples.now("durable_seq") ?? 0;
  samples.add(answer);
  if ((samples.now("durable_seq") ?? 0) < lastSeq) samples.clear(); // another venue
  const troubles = await venue.troubles();
  const alerts = watch.look(samples);
  const grave = samples.now("ready") === 0 || alerts.some((a) => a.severity === "page");
  showState(grave ? "trouble" : alerts.length + troubles.length > 0 ? "attention" : "ready",
    grave ? "bad" : alerts.length + troubles.length > 0 ? "warn" : "good");
  element("#clock").textContent = clock(samples.newestMs());
  showFacts();
  showAlerts(alerts, troubles);
  charts?.draw(samples, minutes);
  if (turns++ % DATABASE_EVERY === 0) await askDatabase();
}

function loggedOut(why: string): void {
  clearTimeout(timer);
  token.clear();
  element("main").hidden = true;
  element("#logout").hidden = true;
  element("#login").hidden = false;
  element("#login-error").textContent = why;
  showState("logged out", "warn");
  element("#token").focus();
}

async function run(): Promise<void> {
  try {
    await turn();
  } catch (error) {
    if (error instanceof Unauthorized) return loggedOut("This token is not, or no longer, right.");
    showState("no answer", "bad");
  }
  timer = window.setTimeout(() => void run(), SECOND);
}

function loggedIn(): void {
  element("#login").hidden = true;
  element("#login-error").textContent = "";
  element("main").hidden = false;
  element("#logout").hidden = false;
  charts ??= new Charts(element("#charts"));
  void run();
}

async function logIn(event: SubmitEvent): Promise<void> {
  const input = element<HTMLInputElement>("#token");
  event.preventDefault();
  token.set(input.value.trim());
  input.value = "";
  try {
    await venue.login();
    loggedIn();
  } catch (error) {
    loggedOut(error instanceof Unauthorized ? "That token is wrong." : "The venue does not answer.");
  }
}

element("#login").addEventListener("submit", (event) => void logIn(event as SubmitEvent));
element("#logout").addEventListener("click", () => loggedOut(""));
element("#symbol").addEventListener("change", () => void askDatabase().catch(() => undefined));
for (const button of document.querySelectorAll<HTMLButtonElement>("nav button"))
  button.addEventListener("click", () => {
    minutes = Number(button.dataset.minutes);
    document.querySelectorAll("nav button").forEach((b) => b.setAttribute("aria-pressed", String(b === button)));
    charts?.draw(samples, minutes);
  });
if (token.get()) loggedIn();
else loggedOut("");
