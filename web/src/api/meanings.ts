import { ask, siteApi } from "./client";

/** What somebody said of a name that no vocabulary knows: its milestone, or that it is to be ignored. */
export interface SavedMeaning {
  event: string;
  milestone: string | null;
  ignore: boolean;
  by: string;
  at: string;
}

function pathOf(site: string, event: string): string {
  return siteApi(site, `meanings/${encodeURIComponent(event)}`);
}

export async function askMeanings(site: string, signal?: AbortSignal): Promise<SavedMeaning[]> {
  return (await ask<{ meanings: SavedMeaning[] }>(siteApi(site, "meanings"), { signal })).meanings;
}

/** Counts for events that come in from now on. Without a milestone the event is ignored. */
export function saveMeaning(site: string, event: string, milestone: string | null): Promise<void> {
  return ask(pathOf(site, event), { method: "PUT", body: milestone ? { milestone } : { ignore: true } });
}

export function removeMeaning(site: string, event: string): Promise<void> {
  return ask(pathOf(site, event), { method: "DELETE" });
}
