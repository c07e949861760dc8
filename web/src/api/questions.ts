import { language } from "../app/preferences";
import type { Range } from "../model/period";
import { trendGrain } from "../model/trend";
import { abilities } from "./abilities";
import { ask, askRaw, sitePath } from "./client";
import type { ChangesAnswer, FunnelAnswer, KpisAnswer, MeaningAnswer, ReferralsAnswer, UnmappedAnswer } from "./types";

/** What every question of a page sends along. */
export interface Scope extends Range {
  site: string;
  model?: string;
  bots?: string;
}

/** Sentences in an answer are in the reader's language, so another language is another answer. */
export function keyOf(name: string, scope: Scope, more: unknown = null): string {
  return JSON.stringify([name, language.value, scope.site, scope.from, scope.to, scope.model ?? "", scope.bots ?? "", more]);
}

function queryOf(scope: Scope): Record<string, string | undefined> {
  return { from: scope.from, to: scope.to, model: scope.model, bots: scope.bots || undefined };
}

/** With `trend`, each figure brings its course over the period, where the server can tell it. */
export function askKpis(scope: Scope, signal?: AbortSignal, options: { trend?: boolean } = {}): Promise<KpisAnswer> {
  const trend = options.trend && abilities.value.trend ? trendGrain(scope) : undefined;
  return ask(sitePath(scope.site, "kpis"), { query: { ...queryOf(scope), trend }, signal });
}

export interface FunnelStep {
  event?: string;
  milestone?: string;
  stage?: string;
  model?: string;
  any?: boolean;
}

export interface FunnelOptions {
  steps?: FunnelStep[];
  window?: string;
  order?: string;
  breakdown?: { by: string[]; step: number; limit?: number };
  trend?: "day" | "week" | "month";
}

/** Thirty days to get through the journey, unless another time is asked for. */
export const JOURNEY_WINDOW = "30d";

export function funnelBody(scope: Scope, options: FunnelOptions): Record<string, unknown> {
  const { steps, window = steps ? undefined : JOURNEY_WINDOW, ...rest } = options;
  const asked = steps ? { steps } : { model: scope.model };
  return { ...asked, from: scope.from, to: scope.to, ...(window ? { window } : {}), ...(scope.bots ? { bots: scope.bots } : {}), ...rest };
}

export function askFunnel(scope: Scope, options: FunnelOptions, signal?: AbortSignal): Promise<FunnelAnswer> {
  return ask(sitePath(scope.site, "funnel"), { body: funnelBody(scope, options), signal });
}

export function askReferrals(scope: Scope, signal?: AbortSignal): Promise<ReferralsAnswer> {
  return ask(sitePath(scope.site, "referrals"), { query: queryOf(scope), signal });
}

/** What was unusual about a day, by default yesterday. */
export function askChanges(site: string, bots: string, signal?: AbortSignal): Promise<ChangesAnswer> {
  return ask(sitePath(site, "changes"), { query: { bots }, signal });
}

export function askUnmapped(scope: Scope, signal?: AbortSignal): Promise<UnmappedAnswer> {
  return ask(sitePath(scope.site, "unmapped"), { query: { ...queryOf(scope), model: undefined, limit: 100 }, signal });
}

/** What is around an event of the range, and what a meaning would change. */
export function askMeaning(scope: Scope, event: string, signal?: AbortSignal): Promise<MeaningAnswer> {
  return ask(sitePath(scope.site, "meaning"), { query: { ...queryOf(scope), model: undefined, event }, signal });
}

/** The API's own table for a view, as a file. */
export type CsvQuestion = { path: string; query?: Record<string, string | undefined>; body?: unknown; name: string };

export function kpisCsv(scope: Scope): CsvQuestion {
  return { path: sitePath(scope.site, "kpis"), query: queryOf(scope), name: `kpis-${scope.site}-${scope.from}` };
}

export function referralsCsv(scope: Scope): CsvQuestion {
  return { path: sitePath(scope.site, "referrals"), query: queryOf(scope), name: `referrals-${scope.site}-${scope.from}` };
}

export function unmappedCsv(scope: Scope): CsvQuestion {
  return { path: sitePath(scope.site, "unmapped"), query: { ...queryOf(scope), model: undefined }, name: `unmapped-${scope.site}` };
}

export function funnelCsv(scope: Scope, options: FunnelOptions): CsvQuestion {
  return { path: sitePath(scope.site, "funnel"), body: funnelBody(scope, options), name: `funnel-${scope.site}-${scope.from}` };
}

export async function downloadCsv(question: CsvQuestion): Promise<void> {
  const response = await askRaw(question.path, { query: question.query, body: question.body, accept: "text/csv" });
  const address = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = `${question.name}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
