import type { Page, Route } from "@playwright/test";
import { state } from "./state";

/**
 * Stand-ins for what the Etappe under test does not answer. Each is to go as soon as the binary has the real thing: a
 * test that passes with its stand-in passes without it.
 */
interface Path {
  path: string;
  method: "get" | "put";
  parameters?: { name: string }[];
}

/** Describes more in `/openapi.json` than the binary does, so that the interface offers it. */
export async function standInDescribed(page: Page, paths: Path[]): Promise<void> {
  await page.route("**/openapi.json", async (route) => {
    const answer = await route.fetch();
    const document = (await answer.json()) as { paths: Record<string, Record<string, unknown>> };
    for (const { path, method, parameters = [] } of paths) document.paths[path] = { ...document.paths[path], [method]: { parameters } };
    await route.fulfill({ response: answer, json: document });
  });
}

const DAY = 86_400_000;

/** A course for every figure: a wave, a gap, and a last part that is not over. */
function courseOf(value: number, from: string, to: string, grain: string): { period: string; value: number | null; complete: boolean }[] {
  const step = { day: 1, week: 7, month: 30 }[grain]! * DAY;
  const count = Math.max(Math.floor((Date.parse(to) - Date.parse(from)) / step), 1);
  return Array.from({ length: count }, (_, index) => ({
    period: new Date(Date.parse(from) + index * step).toISOString().slice(0, 10),
    value: index === 7 ? null : value * (1 + 0.3 * Math.sin(index * 1.7) + 0.1 * Math.cos(index * 5)),
    complete: index < count - 1,
  }));
}

/** Gives the KPIs a course; the other members are the binary's. What was asked for is returned as it grows. */
export async function standInTrend(page: Page): Promise<string[]> {
  const asked: string[] = [];
  await standInDescribed(page, [{ path: "/v1/sites/{site}/kpis", method: "get", parameters: [{ name: "trend" }] }]);
  await page.route("**/kpis?*", async (route) => {
    const url = new URL(route.request().url());
    const grain = url.searchParams.get("trend");
    if (!grain) return route.fallback();
    asked.push(grain);
    url.searchParams.delete("trend");
    const answer = await route.fetch({ url: url.toString() });
    if (!answer.ok()) return route.fulfill({ response: answer });
    const body = (await answer.json()) as { from: string; to: string; kpis: { id: string; value: number | null; trend?: unknown }[] };
    const { searchParams } = url;
    for (const kpi of body.kpis) kpi.trend = kpi.id === "viral_cycle_time_s" ? null : courseOf(kpi.value ?? 0, searchParams.get("from")!, searchParams.get("to")!, grain);
    await route.fulfill({ response: answer, json: body });
  });
  return asked;
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

/** The live stream; each call of what is returned is told to whoever listens, by a stream that is opened again. */
export async function standInLive(page: Page, tell: (connection: number) => { status?: number; people?: number; events?: Record<string, unknown>[] }): Promise<void> {
  await standInDescribed(page, [{ path: "/v1/sites/{site}/live", method: "get" }]);
  let connection = 0;
  await page.route("**/v1/sites/*/live", async (route) => {
    connection += 1;
    const { status = 200, people, events = [] } = tell(connection);
    if (status !== 200) return route.fulfill({ status, json: { type: "urn:etappe:problem:unavailable", status } });
    const lines = [...(people === undefined ? [] : [`event: people\ndata: ${JSON.stringify({ now: people })}\n\n`]), ...events.map((event) => `event: event\ndata: ${JSON.stringify(event)}\n\n`)];
    await route.fulfill({ headers: { "content-type": "text/event-stream" }, body: `retry: 700\n\n: open\n\n${lines.join("")}` });
  });
}

export function liveEvent(id: number, more: Record<string, unknown> = {}): Record<string, unknown> {
  const at = new Date(Date.now() - 2000).toISOString();
  return {
    id: `live-${id}`, actor: "klant-0101", at, received_at: at, event: "Signed Up", kind: "track", milestone: "signup", page_path: `/planten/monstera?${id}`,
    channel: "Organic Search", device: "mobile", country: "NL", stages: { aaarrr: "acquisition" }, ...more,
  };
}

/** Finds people by their number or name; what was asked for is returned as it grows. */
export async function standInSearch(page: Page, options: { slowly?: number } = {}): Promise<string[]> {
  const asked: string[] = [];
  await standInDescribed(page, [{ path: "/v1/sites/{site}/actors", method: "get" }]);
  const seen = { channel: "Organic Search", device: "mobile", country: "NL", first_seen: "2026-01-12T10:00:00Z", last_seen: new Date(Date.now() - 7_200_000).toISOString() };
  const known = [
    { actor: "klant-0101", name: "Sanne de Vries", email_hint: "k…@wielewaal.example", ...seen },
    { actor: "klant-0102", name: "Sanne van der Schoot-Middelburg", email_hint: "k…@wielewaal.example", ...seen, channel: "Paid Social" },
    { actor: "klant-0103", name: null, email_hint: null, ...seen, channel: null, country: null },
  ];
  await page.route("**/v1/sites/*/actors?*", async (route) => {
    const url = new URL(route.request().url());
    const q = url.searchParams.get("q")!.toLowerCase();
    asked.push(q);
    if (options.slowly) await new Promise((done) => setTimeout(done, options.slowly));
    const people = known.filter((each) => each.name?.toLowerCase().includes(q) || each.actor.startsWith(q)).slice(0, Number(url.searchParams.get("limit")));
    await route.fulfill({ json: { people, more: q === "klant" } }).catch(() => undefined); // called off meanwhile
  });
  return asked;
}

/** Keeps what is said of names, as the server does. */
export async function standInMeanings(page: Page): Promise<Map<string, Record<string, unknown>>> {
  const kept = new Map<string, Record<string, unknown>>();
  const base = `/app/api/sites/${state().site}/meanings`;
  await standInFor(page, base, () => ({ json: { meanings: [...kept.values()] } }));
  await standInFor(page, `${base}/*`, (method, body, route) => {
    const event = decodeURIComponent(new URL(route.request().url()).pathname.split("/").pop()!);
    if (!route.request().headers()["x-csrf-token"]) return { status: 403, json: { type: "urn:etappe:problem:csrf" } };
    if (method === "DELETE") kept.delete(event);
    else kept.set(event, { event, milestone: null, ignore: false, ...(body as object), by: "anna@wielewaal.example", at: new Date().toISOString() });
    return { status: 204 };
  });
  return kept;
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

export const SHARE_TOKEN = "Zq3m5VtR8wKp";

/** Links and what is made of them; what is made is returned as it grows. */
export async function standInShares(page: Page, shares: Record<string, unknown>[] = []): Promise<{ made: Record<string, unknown>[]; shares: Record<string, unknown>[] }> {
  const told = { made: [] as Record<string, unknown>[], shares };
  const base = `/app/api/sites/${state().site}/shares`;
  await standInFor(page, base, (method, body) => {
    if (method === "GET") return { json: { shares: told.shares } };
    told.made.push(body as Record<string, unknown>);
    return { status: 201, json: { id: "s1", url: `/share/${SHARE_TOKEN}` } };
  });
  await standInFor(page, `${base}/*`, (method, _body, route) => {
    if (method === "DELETE") told.shares = told.shares.filter((each) => each.id !== new URL(route.request().url()).pathname.split("/").pop());
    return { status: 204 };
  });
  return told;
}

export function aShare(more: Record<string, unknown> = {}): Record<string, unknown> {
  const at = (days: number) => new Date(Date.now() + days * DAY).toISOString();
  return { id: "s1", page: "today", view: "p=30d&m=aaarrr", period: "free", by: "anna@wielewaal.example", created_at: at(-3), expires_at: at(27), last_opened: at(-0.1), has_password: false, origins: [], ...more };
}

interface SharedPageOptions {
  page: string;
  view: string;
  period?: "free" | "fixed";
  password?: string;
  status?: number;
}

/** A page that was shared, for who has no session: its figures are the binary's, and nothing but figures is let through. */
export async function standInShared(page: Page, options: SharedPageOptions): Promise<string[]> {
  const { site, readToken } = state();
  const asked: string[] = [];
  let open = !options.password;
  await standInFor(page, `/share/api/${SHARE_TOKEN}`, (method, body) => {
    if (options.status) return { status: options.status, json: { type: "urn:etappe:problem:share-over", status: options.status } };
    if (method === "GET") return { json: { site: { id: site, name: "Wielewaal", timezone: "Europe/Amsterdam", currency: "EUR" }, page: options.page, view: options.view, period: options.period ?? "free", needs_password: !!options.password } };
    open = (body as { password: string }).password === options.password;
    return open ? { status: 204 } : { status: 401, json: { type: "urn:etappe:problem:wrong-password", status: 401 } };
  });
  await page.route("**/v1/sites/**", async (route) => {
    const { pathname } = new URL(route.request().url());
    const rest = pathname.split(`/sites/${site}/`)[1];
    asked.push(rest);
    const { authorization } = route.request().headers();
    const may = options.password ? open && !authorization : authorization === `Bearer share_${SHARE_TOKEN}`;
    if (!may || !["kpis", "stages", "referrals", "models", "funnel", "lifecycle"].includes(rest)) return route.fulfill({ status: 401, json: { type: "urn:etappe:problem:unauthorized", status: 401 } });
    await route.continue({ headers: { ...route.request().headers(), authorization: `Bearer ${readToken}` } });
  });
  return asked;
}
