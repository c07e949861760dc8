import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test, type Browser, type Page } from "@playwright/test";
import { ACCOUNT, state } from "../state";

const ROUNDS = Number(process.env.ETAPPE_BENCH_ROUNDS ?? 10);
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

function row(name: string, times: Times[]): string {
  const [view, data] = [times.map((each) => each.view), times.map((each) => each.data)];
  return `${name.padEnd(26)}${at(0.5, view)}${at(0.95, view)}   ${at(0.5, data)}${at(0.95, data)}`;
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
  const first: Times[] = [];
  const changes = new Map<string, Times[]>(PAGES.map((page) => [page, []]));
  for (let round = 0; round < ROUNDS; round += 1) {
    // A browser that was never here: nothing is kept, neither files nor answers.
    const context = await browser.newContext({ storageState: session });
    const page = await context.newPage();
    first.push(await opened(page));
    for (const each of PAGES) changes.get(each)!.push(await page.evaluate(followLink, { page: each, loading: LOADING }));
    await context.close();
  }
  const sizes = execFileSync(process.execPath, [fileURLToPath(new URL("../../dev/size.mjs", import.meta.url))]).toString().trim().split("\n").pop()!.trim();
  console.log(
    [
      "",
      `gzipped: ${sizes}`,
      `${state().shop.messages} events, ${ROUNDS} rounds, on loopback; milliseconds`,
      `${"".padEnd(26)}     until there       with figures`,
      `${"".padEnd(26)}   p50   p95      p50   p95`,
      row("first opening, today", first),
      ...PAGES.map((page) => row(`change to ${page}`, changes.get(page)!)),
      "People and Set-up answer with what is known; Today comes last, with figures that are less than half a minute old.",
    ].join("\n"),
  );
});
