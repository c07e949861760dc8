import { signal } from "@preact/signals";
import { shared } from "../app/router";
import { ask } from "./client";

/** What this server can answer, by its own description; what it cannot is not offered. */
export interface Abilities {
  trend: boolean;
  people: boolean;
  search: boolean;
  live: boolean;
  compare: boolean;
  /** What was unusual about a day. */
  changes: boolean;
  /** It hands out a tracker of its own. */
  script: boolean;
}

interface OpenApi {
  paths: Record<string, Record<string, { parameters?: { name: string }[] } | undefined>>;
}

const NONE: Abilities = { trend: false, people: false, search: false, live: false, compare: false, changes: false, script: false };

/** A page that was shared shows figures only. */
const NO_PEOPLE = { people: false, search: false, live: false, changes: false };

export const abilities = signal<Abilities>(NONE);

/** Whether the server has said it, or could not: pages wait for it, so as not to ask everything twice. */
export const abilitiesKnown = signal(false);

export function abilitiesOf(document: OpenApi): Abilities {
  const at = (rest: string) => Object.entries(document.paths).find(([path]) => path.replace(/\{[^}]*\}/g, "{}") === `/v1/sites/{}/${rest}`)?.[1];
  const hasParameter = (rest: string, name: string) => !!at(rest)?.get?.parameters?.some((each) => each.name === name);
  return {
    trend: hasParameter("kpis", "trend"),
    compare: hasParameter("kpis", "compare"),
    changes: !!at("changes")?.get,
    people: !!at("actors")?.post,
    search: !!at("actors")?.get,
    live: !!at("live")?.get,
    script: !!document.paths["/t.js"]?.get,
  };
}

/** Asked once; without an answer only what every server has is shown. */
export async function loadAbilities(): Promise<void> {
  try {
    const found = abilitiesOf(await ask<OpenApi>("openapi.json"));
    abilities.value = shared ? { ...found, ...NO_PEOPLE } : found;
  } catch {
    // An older server, or one that is away: the pages say so themselves.
  }
  abilitiesKnown.value = true;
}
