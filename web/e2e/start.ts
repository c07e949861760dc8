import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Etappe } from "./etappe";
import { SCREENSHOTS } from "./folders";
import { showing, type Proxy } from "./proxy";
import { makeShop, type Shop } from "./shop";
import { writeState, type State } from "./state";

const VISIBLE_MS = 120_000;

/** A page of another site with nothing in it, as on the first day. */
export const EMPTY_SITE = "nieuw";
/** Where tests send events of their own, so that the figures of the shop stay what they are. */
export const BUSY_SITE = "kas";
/** The invented people of `etappe simulate`. */
export const PRACTICE_SITE = "practice";

const ZONE = "Europe/Amsterdam";

async function untilVisible(etappe: Etappe, shop: Shop): Promise<void> {
  const { site, read_token } = etappe.greeting;
  const url = `${etappe.address}/v1/sites/${site}/kpis?from=2000-01-01&to=2090-01-01`;
  // A larger shop takes longer; a millisecond a message is far more than it needs.
  const end = Date.now() + VISIBLE_MS + shop.messages.length;
  let seen = "";
  while (Date.now() < end) {
    const answer = await fetch(url, { headers: { authorization: `Bearer ${read_token}` } });
    const body = (await answer.json()) as { kpis?: { id: string; value: number }[] };
    const value = (id: string) => body.kpis?.find((kpi) => kpi.id === id)?.value;
    seen = `${value("visitors")} people and ${value("orders")} orders`;
    if (value("visitors") === shop.people && value("orders") === shop.orders) return;
    await new Promise((done) => setTimeout(done, 1000));
  }
  throw new Error(`After ${VISIBLE_MS / 1000} s the figures show ${seen}; ${shop.people} people and ${shop.orders} orders were sent.\n${etappe.lastWords()}`);
}

/** The day before today where the shop is. */
function yesterday(): string {
  const today = new Intl.DateTimeFormat("sv-SE", { timeZone: ZONE }).format(new Date());
  return new Date(Date.parse(`${today}T00:00:00Z`) - 86_400_000).toISOString().slice(0, 10);
}

/** Invents the people of the practice site up to the end of yesterday: with one seed, always the same people and events. */
async function simulate(etappe: Etappe): Promise<{ site: string; readToken: string }> {
  const words = ["--site", PRACTICE_SITE, "--seed", "1", "--until", yesterday(), "--timezone", ZONE, "--currency", "EUR", "--json"];
  const { site, read_token: readToken } = JSON.parse(await etappe.command("simulate", ...words)) as { site: string; read_token: string };
  const sent = Date.now();
  const url = `${etappe.address}/v1/sites/${site}/kpis?from=2000-01-01&to=2090-01-01`;
  let complete = "";
  while (Date.now() < sent + VISIBLE_MS) {
    const answer = await fetch(url, { headers: { authorization: `Bearer ${readToken}` } });
    complete = ((await answer.json()) as { as_of?: string }).as_of ?? "";
    if (Date.parse(complete) > sent) return { site, readToken };
    await new Promise((done) => setTimeout(done, 500));
  }
  throw new Error(`After ${VISIBLE_MS / 1000} s the practice site is complete up to ${complete || "no moment"}.\n${etappe.lastWords()}`);
}

/** Messages that cannot be taken, for the page that says why. */
async function sendRefused(etappe: Etappe): Promise<void> {
  const batch = [{ type: "track", event: "Order Completed" }, { type: "track", userId: "klant-0001" }];
  const headers = { authorization: `Basic ${Buffer.from(`${etappe.greeting.write_key}:`).toString("base64")}` };
  await fetch(`${etappe.address}/v1/batch`, { method: "POST", headers, body: JSON.stringify({ batch }) });
}

/** Starts Etappe in a folder of its own and fills it; what is returned ends and removes both. */
export default async function start(): Promise<() => Promise<void>> {
  const began = Date.now();
  const folder = mkdtempSync(join(tmpdir(), "etappe-e2e-"));
  // The engine ends a moment after who started it, and writes until then.
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
  let etappe: Etappe | null = null;
  let proxy: Proxy | null = null;
  const end = async () => {
    proxy?.stop();
    await etappe?.stop();
    remove();
  };
  // Also when the run is cut short and nobody calls what is returned.
  process.once("exit", () => remove());
  try {
    // Where the machine is busy with other work a page takes its time, and none of its questions fails.
    etappe = await Etappe.start(join(folder, "data"), { ETAPPE_INSIGHTS__QUEUE_TIMEOUT: "45s" });
    const { site } = etappe.greeting;
    await etappe.command("keys", "set", "--site", site, `timezone=${ZONE}`, "currency=EUR");
    await etappe.command("keys", "create", "--site", EMPTY_SITE);
    await etappe.command("keys", "set", "--site", EMPTY_SITE, `timezone=${ZONE}`);
    const busy = JSON.parse(await etappe.command("keys", "create", "--site", BUSY_SITE, "--json")) as { write_key: string };
    await etappe.command("keys", "set", "--site", BUSY_SITE, `timezone=${ZONE}`);
    const seed = Number(process.env.ETAPPE_E2E_SEED ?? 20240601);
    const events = process.env.ETAPPE_E2E_EVENTS;
    const shop = makeShop(seed, Date.now(), events ? Number(events) : undefined);
    const file = join(folder, "shop.ndjson");
    writeFileSync(file, shop.messages.map((message) => JSON.stringify(message)).join("\n") + "\n");
    await etappe.command("import", "--site", site, file);
    await sendRefused(etappe);
    await untilVisible(etappe, shop);
    // What is measured is the shop alone.
    const practice = events ? null : await simulate(etappe);
    mkdirSync(SCREENSHOTS, { recursive: true });
    const dist = process.env.ETAPPE_WEB_DIST;
    if (dist) proxy = await showing(resolve(dist), new URL(etappe.address));
    const address = proxy?.address ?? etappe.address;
    const welcome = etappe.greeting.welcome.replace(etappe.address, address);
    const state: State = { address, site, readToken: etappe.greeting.read_token, busy: { site: BUSY_SITE, writeKey: busy.write_key }, practice, welcome, session: join(folder, "session.json"), shop: { people: shop.people, orders: shop.orders, messages: shop.messages.length } };
    writeState(join(folder, "state.json"), state);
    console.log(`Etappe runs at ${address} with ${shop.messages.length} messages (seed ${seed}, ETAPPE_E2E_SEED), ready after ${Math.round((Date.now() - began) / 1000)} s`);
    return end;
  } catch (error) {
    await end();
    throw error;
  }
}
