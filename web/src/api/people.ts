import { ask, sitePath } from "./client";
import { funnelBody, type CsvQuestion, type FunnelOptions, type Scope } from "./questions";
import type { ActorAnswer, FoundAnswer, PeopleAnswer } from "./types";

export type PeopleState = "reached" | "dropped" | "open";

export interface PeopleQuestion {
  scope: Scope;
  funnel: FunnelOptions;
  /** Counted from 1, as everywhere in the API. */
  step: number;
  state: PeopleState;
}

export function askPeople(question: PeopleQuestion, cursor: string | null, signal?: AbortSignal): Promise<PeopleAnswer> {
  const body = { ...funnelBody(question.scope, question.funnel), step: question.step, state: question.state, ...(cursor ? { cursor } : {}) };
  return ask(sitePath(question.scope.site, "actors"), { body, signal });
}

export function peopleCsv(question: PeopleQuestion): CsvQuestion {
  const body = { ...funnelBody(question.scope, question.funnel), step: question.step, state: question.state };
  return { path: sitePath(question.scope.site, "actors"), body, name: `people-${question.scope.site}-${question.state}` };
}

export function searchPeople(site: string, q: string, limit: number, signal?: AbortSignal): Promise<FoundAnswer> {
  return ask(sitePath(site, "actors"), { query: { q, limit }, signal });
}

export function askPerson(site: string, id: string, cursor: string | null, signal?: AbortSignal): Promise<ActorAnswer> {
  return ask(sitePath(site, `actors/${encodeURIComponent(id)}`), { query: { limit: 1000, cursor }, signal });
}
