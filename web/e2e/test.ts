import { test as base, expect, type BrowserContext, type Page } from "@playwright/test";
import { state, type State } from "./state";

/** Everything that a page may not do; asked for at the end of each test. */
export class Guard {
  private readonly found: string[] = [];
  private readonly allowed: RegExp[] = [];

  constructor(private readonly address: string) {}

  /** For what a test brings about on purpose, such as an answer of 401. */
  allow(pattern: RegExp): void {
    this.allowed.push(pattern);
  }

  add(what: string): void {
    this.found.push(what);
  }

  async watch(context: BrowserContext): Promise<void> {
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} forbids ${event.blockedURI} ${event.sample}`));
    });
    context.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.add(`console ${message.type()}: ${message.text()} (${message.location().url})`);
    });
    context.on("weberror", (error) => this.add(`uncaught: ${error.error().stack ?? error.error().message}`));
    context.on("request", (request) => {
      const url = new URL(request.url());
      if (url.protocol.startsWith("http") && url.origin !== new URL(this.address).origin) this.add(`request to another host: ${request.url()}`);
    });
    context.on("response", (response) => {
      if (response.status() >= 400) this.add(`${response.status()} from ${response.request().method()} ${response.url()}`);
    });
  }

  problems(): string[] {
    return this.found.filter((each) => !this.allowed.some((pattern) => pattern.test(each)));
  }
}

interface Fixtures {
  run: State;
  guard: Guard;
}

export const test = base.extend<Fixtures>({
  run: async ({}, use) => use(state()),
  baseURL: async ({}, use) => use(state().address),
  storageState: async ({}, use) => use(state().session),
  guard: [
    async ({ context, baseURL }, use) => {
      const guard = new Guard(baseURL!);
      await guard.watch(context);
      await use(guard);
      expect(guard.problems(), "what the pages did that they may not do").toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

/** Waits until nothing is loading and nothing moves. */
export async function settled(page: Page): Promise<void> {
  await page.waitForFunction(() => document.fonts.status === "loaded" && !!document.querySelector("h1") && !document.querySelector('.skeleton, .bone, .dim, .stale, .stale-stack, [aria-busy="true"], [role="status"][aria-label]'), undefined, { timeout: 45_000 });
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

export async function open(page: Page, path: string): Promise<void> {
  await page.goto(`/app/${state().site}/${path}`);
  await settled(page);
}

/** Asks the API with the site's read token: what the interface shows is compared with that. */
export async function ask<T>(path: string, options: { body?: unknown; accept?: string; of?: { site: string; readToken: string } } = {}): Promise<T> {
  const { address } = state();
  const { site, readToken } = options.of ?? state();
  const answer = await fetch(`${address}/v1/sites/${site}/${path}`, {
    method: options.body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${readToken}`, accept: options.accept ?? "application/json", ...(options.body === undefined ? {} : { "content-type": "application/json" }) },
    body: options.body === undefined ? undefined : JSON.stringify(options.body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
  return (options.accept ? text : JSON.parse(text)) as T;
}

/** Sends events to the site that is there for it. */
export async function send(batch: Record<string, unknown>[]): Promise<void> {
  const { address, busy } = state();
  const headers = { authorization: `Basic ${Buffer.from(`${busy.writeKey}:`).toString("base64")}` };
  const answer = await fetch(`${address}/v1/batch`, { method: "POST", headers, body: JSON.stringify({ batch }) });
  if (!answer.ok) throw new Error(`the events were refused: ${answer.status} ${await answer.text()}`);
}

/** The default period as the API takes it: thirty days that end yesterday. */
export function lastThirtyDays(): { from: string; to: string } {
  const today = new Intl.DateTimeFormat("sv-SE", { timeZone: "Europe/Amsterdam" }).format(new Date());
  const from = new Date(Date.parse(`${today}T00:00:00Z`) - 30 * 86_400_000).toISOString().slice(0, 10);
  return { from, to: today };
}
