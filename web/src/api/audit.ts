import { ask, siteApi } from "./client";

export type Action =
  | "site_created"
  | "settings_changed"
  | "keys_created"
  | "key_created"
  | "key_revoked"
  | "admin_token_replaced"
  | "first_account_made"
  | "user_added"
  | "role_changed"
  | "password_reset"
  | "password_changed"
  | "user_removed"
  | "meaning_saved"
  | "meaning_taken_back"
  | "link_made"
  | "link_revoked";

export interface AuditEntry {
  at: string;
  /** An e-mail address, or "command line". */
  by: string;
  action: Action;
  /** What was changed: an address and a role, what a key is for and the first digits of its hash, an event and what it means, a page and the id of its link. */
  what: string;
}

/** The same answer for the list and for whether there is one. */
export function auditKey(site: string): string {
  return JSON.stringify(["audit", site]);
}

/** Newest first. */
export async function askAudit(site: string, signal?: AbortSignal): Promise<AuditEntry[]> {
  return (await ask<{ entries: AuditEntry[] }>(siteApi(site, "audit"), { signal })).entries;
}
