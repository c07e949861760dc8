import { request } from "@playwright/test";
import { state } from "./state";

export interface Wanted {
  page?: string;
  view?: string;
  period?: "free" | "fixed";
  days?: number;
  password?: string | null;
  origins?: string[];
}

export interface Link {
  id: string;
  token: string;
}

/** Whoever signed in at the start, without a page. */
async function signedIn() {
  const { address, session } = state();
  const context = await request.newContext({ baseURL: address, storageState: session });
  const { csrf } = (await (await context.get("/app/api/session")).json()) as { csrf: string };
  return { context, headers: { "X-CSRF-Token": csrf } };
}

/** Makes a link to a page of a site. */
export async function makeLink(site: string, wanted: Wanted = {}): Promise<Link> {
  const { context, headers } = await signedIn();
  const data = { page: "today", view: "p=30d&m=aaarrr", period: "free", days: 30, ...wanted };
  const answer = await context.post(`/app/api/sites/${site}/shares`, { headers, data });
  if (answer.status() !== 201) throw new Error(`no link: ${answer.status()} ${await answer.text()}`);
  const { id, url } = (await answer.json()) as { id: string; url: string };
  await context.dispose();
  return { id, token: url.replace("/share/", "") };
}

export async function revokeLink(site: string, id: string): Promise<void> {
  const { context, headers } = await signedIn();
  await context.delete(`/app/api/sites/${site}/shares/${id}`, { headers });
  await context.dispose();
}

/** What is listed of a link to a page with such parameters. */
export async function listedLink(site: string, page: string, view: RegExp): Promise<Record<string, unknown> | undefined> {
  const { context } = await signedIn();
  const { shares } = (await (await context.get(`/app/api/sites/${site}/shares`)).json()) as { shares: Record<string, unknown>[] };
  await context.dispose();
  return shares.find((each) => each.page === page && view.test(String(each.view)));
}
