import { ask, sitePath } from "./client";
import type { Rejection } from "./rejections";

/** Whether sending works, as far as the collector behind this address knows since it started. */
export interface Sending {
  since: string;
  settingsFetchedAt: string | null;
  accepted: { first: string; last: string } | null;
  lastRefusal: (Rejection & { origin?: string }) | null;
  /** The last request with no key, or one of no site: perhaps another site's. */
  unknownSender: { at: string; reason: string } | null;
}

export function askSending(site: string, signal?: AbortSignal): Promise<Sending> {
  return ask(sitePath(site, "sending"), { signal });
}
