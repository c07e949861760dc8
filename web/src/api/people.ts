import { ask, sitePath } from "./client";
import { funnelBody, type CsvQuestion, type FunnelOptions, type Scope } from "./questions";
import type { ActorAnswer, FoundAnswer, PeopleAnswer } from "./types";

export type PeopleState = "reached" | "dropped" | "open";

/** A row of the funnel's breakdown: that of a value, or all but those that are listed. */
export type PeopleRow = { value: (string | null)[] } | { other_than: (string | null)[][] };

export interface PeopleQuestion {
  scope: Scope;
  funnel: FunnelOptions;
  /** Counted from 1, as everywhere in the API. */
  step: number;
  state: PeopleState;
  /** Everybody, unless it is given. */
  row?: PeopleRow;
}

function bodyOf({ scope, funnel, step, state, row }: PeopleQuestion): Record<string, unknown> {
  return { ...funnelBody(scope, funnel), step, state, ...row };
}

export function askPeople(question: PeopleQuestion, cursor: string | null, signal?: AbortSignal): Promise<PeopleAnswer> {
  const body = { ...bodyOf(question), ...(cursor ? { cursor } : {}) };
  return ask(sitePath(question.scope.site, "actors"), { body, signal });
}

export function peopleCsv(question: PeopleQuestion): CsvQuestion {
  return { path: sitePath(question.scope.site, "actors"), body: bodyOf(question), name: `people-${question.scope.site}-${question.state}` };
}

export function searchPeople(site: string, q: string, limit: number, signal?: AbortSignal): Promise<FoundAnswer> {
  return ask(sitePath(site, "actors"), { query: { q, limit }, signal });
}

export function askPerson(site: string, id: string, cursor: string | null, signal?: AbortSignal): Promise<ActorAnswer> {
  return ask(sitePath(site, `actors/${encodeURIComponent(id)}`), { query: { limit: 1000, cursor }, signal });
}
