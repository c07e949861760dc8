import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { test, type Browser, type BrowserContext, type Page, type Request } from "@playwright/test";
import { ACCOUNT, state } from "../state";

const ROUNDS = Number(process.env.ETAPPE_BENCH_ROUNDS ?? 10);
/** The page that a browser opens first, as its questions are noted. */
const FIRST = "first";
const PAGES = ["journey", "referral", "revenue", "people", "events", "setup", "today"];

/** What stands where figures are to come, or were. */
const LOADING = '.skeleton, .bone, .dim, .stale, .stale-stack, .lazy-room, [aria-busy="true"], [role="status"][aria-label]';

interface Times {
  /** Until the page's name stands there, and with it what can be used. */
  view: number;
  /** Until every figure does. */
  data: number;
}

/** Counts from the start of the navigation, as a reader does who follows a link. */
function watchFirstView(loading: string): void {
  const found: { view?: number; data?: number } = {};
  const look = () => {
    if (!document.querySelector("h1")) return;
    requestAnimationFrame(() => {
      found.view ??= performance.now();
      if (!document.querySelector(loading)) {
        found.data ??= performance.now();
        (window as unknown as { times: typeof found }).times = found;
      }
    });
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true });
}

/** What a page asks the server for, to ask it again without a browser that draws at the same time. */
interface Question {
  url: string;
  method: string;
  body: string | null;
  headers: Record<string, string>;
}

/** Those that the server needs besides the cookie. */
const NEEDED_HEADERS = ["accept", "accept-language", "content-type", "x-csrf-token"];

/** Notes what each page asks; `is` says which page is being opened. */
function noteQuestions(page: Page, questions: Map<string, Question[]>, is: () => string): void {
  page.on("request", (request: Request) => {
    if (request.resourceType() !== "fetch" || !new URL(request.url()).pathname.startsWith("/v1/")) return;
    const headers = Object.fromEntries(Object.entries(request.headers()).filter(([name]) => NEEDED_HEADERS.includes(name)));
    const question = { url: request.url(), method: request.method(), body: request.postData(), headers };
    questions.set(is(), [...(questions.get(is()) ?? []), question]);
  });
}

/** Asks all questions of a page at once and returns the milliseconds until the last answer. */
async function askedAlone(context: BrowserContext, questions: Question[]): Promise<number> {
  const began = performance.now();
  await Promise.all(
    questions.map(async ({ url, method, body, headers }) => {
      const answer = await context.request.fetch(url, { method, headers, ...(body == null ? {} : { data: body }) });
      if (!answer.ok()) throw new Error(`${method} ${url}: ${answer.status()} ${await answer.text()}`);
    }),
  );
  return performance.now() - began;
}

/** Follows a link of the menu and counts from the click. */
function followLink({ page, loading }: { page: string; loading: string }): Promise<Times> {
  const link = [...document.querySelectorAll<HTMLAnchorElement>("nav a[href]")].find((each) => new URL(each.href).pathname.endsWith(`/${page}`))!;
  const before = document.querySelector("h1")?.textContent;
  return new Promise((done, fail) => {
    const began = performance.now();
    let view = 0;
    const look = () => {
      const name = document.querySelector("h1")?.textContent;
      if (!name || name === before) return;
      requestAnimationFrame(() => {
        view ||= performance.now() - began;
        if (document.querySelector(loading)) return;
        observer.disconnect();
        done({ view, data: performance.now() - began });
      });
    };
    const observer = new MutationObserver(look);
    observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    setTimeout(() => fail(new Error(`${page} was not complete after a minute`)), 60_000);
    link.click();
  });
}

function at(share: number, times: number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  return `${Math.round(sorted[Math.min(Math.ceil(share * sorted.length) - 1, sorted.length - 1)])}`.padStart(6);
}

function row(name: string, times: Times[], alone: number[] | undefined): string {
  const [view, data] = [times.map((each) => each.view), times.map((each) => each.data)];
  const asked = alone ? `   ${at(0.5, alone)}${at(0.95, alone)}` : "";
  return `${name.padEnd(26)}${at(0.5, view)}${at(0.95, view)}   ${at(0.5, data)}${at(0.95, data)}${asked}`;
}

/** The share of all processors' time that was idle within a while. */
async function idleShare(milliseconds: number): Promise<number> {
  const times = () => {
    const all = cpus().map((each) => each.times);
    const sum = (of: (times: (typeof all)[number]) => number) => all.reduce((total, each) => total + of(each), 0);
    return { idle: sum((each) => each.idle), all: sum((each) => each.idle + each.user + each.nice + each.sys + each.irq) };
  };
  const before = times();
  await new Promise((done) => setTimeout(done, milliseconds));
  const after = times();
  return (after.idle - before.idle) / (after.all - before.all);
}

/** Waits until the database has put in order what was just loaded; a shop's events come over months. */
async function quiet(): Promise<number> {
  const began = Date.now();
  while ((await idleShare(2_000)) < 0.9 && Date.now() < began + 120_000);
  return Math.round((Date.now() - began) / 1000);
}

async function account(browser: Browser): Promise<string> {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(state().welcome);
  await page.getByLabel("Your name").fill(ACCOUNT.name);
  await page.getByLabel("E-mail address").fill(ACCOUNT.email);
  await page.getByLabel("Password", { exact: true }).fill(ACCOUNT.password);
  await page.getByRole("button", { name: "Make the account" }).click();
  await page.getByRole("navigation").first().waitFor();
  await context.storageState({ path: state().session });
  await context.close();
  return state().session;
}

async function opened(page: Page): Promise<Times> {
  await page.addInitScript(watchFirstView, LOADING);
  await page.goto(`${state().address}/app/${state().site}/today`);
  const times = await page.waitForFunction(() => (window as unknown as { times?: Times }).times, undefined, { timeout: 60_000 });
  return (await times.jsonValue()) as Times;
}

test("how quick the interface is", async ({ browser }) => {
  const session = await account(browser);
  const waited = await quiet();
  const first: Times[] = [];
  const changes = new Map<string, Times[]>(PAGES.map((page) => [page, []]));
  const questions = new Map<string, Question[]>();
  for (let round = 0; round < ROUNDS; round += 1) {
    // A browser that was never here: nothing is kept, neither files nor answers.
    const context = await browser.newContext({ storageState: session });
    const page = await context.newPage();
    let current = FIRST;
    if (round === 0) noteQuestions(page, questions, () => current);
    first.push(await opened(page));
    for (const each of PAGES) {
      current = each;
      changes.get(each)!.push(await page.evaluate(followLink, { page: each, loading: LOADING }));
    }
    await context.close();
  }
  const alone = new Map<string, number[]>();
  const context = await browser.newContext({ storageState: session });
  await quiet();
  for (const [page, asked] of questions) {
    const times: number[] = [];
    for (let round = 0; round < 2 * ROUNDS; round += 1) {
      // Longer than questions share a look for what is new.
      await new Promise((done) => setTimeout(done, 300));
      times.push(await askedAlone(context, asked));
    }
    alone.set(page, times);
  }
  const sizes = execFileSync(process.execPath, [fileURLToPath(new URL("../../dev/size.mjs", import.meta.url))]).toString().trim().split("\n").pop()!.trim();
  console.log(
    [
      "",
      `gzipped: ${sizes}`,
      `${state().shop.messages} events, ${ROUNDS} rounds, on loopback; milliseconds`,
      `${"".padEnd(26)}     until there   with figures     data alone`,
      `${"".padEnd(26)}   p50   p95      p50   p95      p50   p95`,
      row("first opening, today", first, alone.get(FIRST)),
      ...PAGES.map((page) => row(`change to ${page}`, changes.get(page)!, alone.get(page))),
      `Measured ${waited} s after loading, when the machine was idle.`,
      "Data alone: the same questions at once, while no browser draws.",
      "People and Set-up answer with what is known; Today comes last, with figures that are less than half a minute old.",
    ].join("\n"),
  );
});
