import { ask, siteApi } from "./client";

/** What a key is for: the scopes of write keys, and reading. */
export const KEY_KINDS = ["browser", "server", "pixel", "read"] as const;
export type KeyKind = (typeof KEY_KINDS)[number];

/** A key as it is listed: only its hash is known. */
export interface SiteKey {
  id: string;
  /** The first digits of the hash, as the audit trail names the key. */
  digits: string;
  kind: KeyKind;
  /** Unknown for keys of earlier versions. */
  by: string | null;
  created_at: string | null;
}

export async function askKeys(site: string, signal?: AbortSignal): Promise<SiteKey[]> {
  return (await ask<{ keys: SiteKey[] }>(siteApi(site, "keys"), { signal })).keys;
}

/** The text of a key comes once: only its hash is kept. */
export function makeKey(site: string, kind: KeyKind): Promise<{ id: string; kind: KeyKind; key: string }> {
  return ask(siteApi(site, "keys"), { body: { kind } });
}

export function revokeKey(site: string, id: string): Promise<void> {
  return ask(siteApi(site, `keys/${encodeURIComponent(id)}`), { method: "DELETE" });
}
