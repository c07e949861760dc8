import type { Page, Route } from "@playwright/test";
import { state } from "./state";

/**
 * Stand-ins for answers of the server, where a test needs a moment that the real one passes in an instant, or a set-up
 * that this run does not have: a practice site half made, another provider. `identity-provider.e2e.ts` and the tests in
 * Rust try the real ones.
 */

/** Says in the session that the Etappe can do less than it can. */
export async function withoutOffer(page: Page, what: string): Promise<void> {
  await page.route("**/app/api/session", async (route) => {
    const answer = await route.fetch();
    if (!answer.ok() || answer.status() === 204) return route.fulfill({ response: answer });
    const session = (await answer.json()) as { offers: string[] };
    session.offers = session.offers.filter((each) => each !== what);
    await route.fulfill({ response: answer, json: session });
  });
}

/** Answers calls of the interface's own API below `/app/api/`; a handler gets the method and the body. */
export async function standInFor(page: Page, path: string, answer: (method: string, body: unknown, route: Route) => { status?: number; json?: unknown } | Promise<{ status?: number; json?: unknown }>): Promise<void> {
  const { address } = state();
  await page.route(`${address}${path}`, async (route) => {
    const text = route.request().postData();
    const { status = 200, json } = await answer(route.request().method(), text ? JSON.parse(text) : undefined, route);
    await route.fulfill(json === undefined ? { status } : { status, json });
  });
}

/** The practice site: started once, half done at the next question, and ready after that. */
export async function standInPractice(page: Page, site = "practice"): Promise<{ started: number }> {
  const told = { started: 0 };
  let asked = 0;
  await standInFor(page, "/app/api/practice", (method) => {
    if (method === "POST") {
      told.started += 1;
      return { status: 202 };
    }
    if (!told.started) return { json: { state: "none", done: 0, site } };
    asked += 1;
    return { json: { state: asked > 2 ? "ready" : "running", done: asked > 2 ? 1 : 0.5, site } };
  });
  return told;
}

/** The site of the run under the name of the practice site. */
export async function standInPracticeSite(page: Page): Promise<void> {
  await page.route("**/app/api/session", async (route) => {
    const answer = await route.fetch();
    const session = (await answer.json()) as { sites: { id: string; practice?: boolean }[] };
    for (const each of session.sites) each.practice = each.id === state().site;
    await route.fulfill({ response: answer, json: session });
  });
}
