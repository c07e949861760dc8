import { writeDates, type Range } from "./period";

/** The pages that can be shared: figures, and no people. */
export const SHAREABLE = ["today", "journey", "referral", "revenue"] as const;

export function isShareable(page: string | undefined): page is (typeof SHAREABLE)[number] {
  return (SHAREABLE as readonly (string | undefined)[]).includes(page);
}

/** For how long a link may live; the first is what is offered. */
export const LIVES = [30, 7, 90, 365] as const;

const KEPT = ["by", "view", "tab", "bots"];

/** What of a page's address goes into a link. Model and period are written out, so that a default that changes does not change it. */
export function viewOf(query: URLSearchParams, now: { model: string; period: Range & { param: string }; fixed: boolean }): string {
  const view = new URLSearchParams({ p: now.fixed ? writeDates(now.period) : now.period.param, m: query.get("m") ?? now.model });
  const compared = query.get("c");
  if (!now.fixed && compared) view.set("c", compared);
  for (const name of KEPT) {
    const value = query.get(name);
    if (value) view.set(name, value);
  }
  return view.toString();
}

/** The origins in a text, one a line or parted by commas; those that are none are named. */
export function originsOf(text: string): { origins: string[]; wrong: string[] } {
  const origins: string[] = [];
  const wrong: string[] = [];
  for (const part of text.split(/[\s,;]+/).filter(Boolean)) {
    const origin = originOf(part);
    if (!origin) wrong.push(part);
    else if (!origins.includes(origin)) origins.push(origin);
  }
  return { origins, wrong };
}

/** Of a whole address, the part that browsers compare: without a path. */
function originOf(text: string): string | null {
  try {
    const url = new URL(/^[a-z]+:\/\//i.test(text) ? text : `https://${text}`);
    const isHost = url.hostname.includes(".") || url.hostname === "localhost";
    return /^https?:$/.test(url.protocol) && isHost ? url.origin : null;
  } catch {
    return null;
  }
}

/** The address of the embedded page, from that of the shared one. */
export function embedAddress(address: string): string {
  return address.replace(/\/share\/([^/]+)$/, "/embed/$1");
}

export function embedCode(address: string, title: string): string {
  const escaped = title.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  return `<iframe src="${embedAddress(address)}" title="${escaped}"\n        width="100%" height="900" style="border: 0"></iframe>`;
}
