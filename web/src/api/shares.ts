import { ask, siteApi } from "./client";

/** A link by which a page is seen without signing in. */
export interface Share {
  id: string;
  page: string;
  /** The parameters of the page. */
  view: string;
  period: "free" | "fixed";
  by: string;
  created_at: string;
  expires_at: string;
  last_opened: string | null;
  has_password: boolean;
  /** Sites that may show the page within their own. */
  origins: string[];
}

export interface NewShare {
  page: string;
  view: string;
  period: Share["period"];
  days: number;
  password: string | null;
  origins: string[];
}

export async function askShares(site: string, signal?: AbortSignal): Promise<Share[]> {
  return (await ask<{ shares: Share[] }>(siteApi(site, "shares"), { signal })).shares;
}

/** The address comes once: only its hash is kept. */
export function makeShare(site: string, share: NewShare): Promise<{ id: string; url: string }> {
  return ask(siteApi(site, "shares"), { body: share });
}

export function revokeShare(site: string, id: string): Promise<void> {
  return ask(siteApi(site, `shares/${encodeURIComponent(id)}`), { method: "DELETE" });
}

/** What a visitor is told of a link before its figures. */
export interface OpenedShare {
  site: string | { id: string; name?: string; timezone?: string; currency?: string };
  name?: string;
  timezone?: string;
  currency?: string;
  page: string;
  view: string;
  period: Share["period"];
  needs_password: boolean;
}

function visitorPath(token: string): string {
  return `share/api/${encodeURIComponent(token)}`;
}

export function askShared(token: string): Promise<OpenedShare> {
  return ask(visitorPath(token));
}

/** Keeps the way open for this browser, by a cookie. */
export function enterShared(token: string, password: string): Promise<void> {
  return ask(visitorPath(token), { body: { password } });
}
