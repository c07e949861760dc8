import { ask, sitePath } from "./client";

export function saveMeaning(site: string, event: string, milestone: string): Promise<void> {
  return ask(sitePath(site, `meanings/${encodeURIComponent(event)}`), { method: "PUT", body: { milestone } });
}

export function ignoreEvent(site: string, event: string): Promise<void> {
  return ask(sitePath(site, `meanings/${encodeURIComponent(event)}`), { method: "PUT", body: { ignore: true } });
}

export function removeMeaning(site: string, event: string): Promise<void> {
  return ask(sitePath(site, `meanings/${encodeURIComponent(event)}`), { method: "DELETE" });
}
