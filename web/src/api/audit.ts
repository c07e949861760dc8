import { ask, siteApi } from "./client";

export interface AuditEntry {
  at: string;
  /** An e-mail address, or "command line". */
  by: string;
  action: string;
  /** What was changed, in words. */
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
