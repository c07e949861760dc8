import { computed, signal } from "@preact/signals";
import { sessionState, type Site } from "../api/session";
import { dayOf, knownZone } from "../format/dates";
import { parseComparison, parsePeriod, namedPeriod, DEFAULT_PERIOD, type Comparison, type Period } from "../model/period";
import { address, periodIsFixed, shared, toAddress } from "./router";

export { shared } from "./router";

/** The parameters that follow the reader from page to page. */
const TRAVELLING = ["p", "c", "m", "bots"];

/** Parameters that some page understands; others are named in a toast. */
export const KNOWN_PARAMS = [...TRAVELLING, "by", "view", "tab", "step", "state", "of", "q", "name", "steps", "window", "order", "token", "back", "reason"];

/** The site of a page that was shared; who looks at it has no session. */
export const sharedSite = signal<Site | null>(null);

export const sites = computed<Site[]>(() => (shared ? (sharedSite.value ? [sharedSite.value] : []) : sessionState.value.is === "in" ? sessionState.value.session.sites : []));

/** The site of the address; null if there is none or the reader may not see it. */
export const site = computed<Site | null>(() => sites.value.find((each) => each.id === address.value.path[0]) ?? null);

/** The id that the server gives to the site of invented people. */
const PRACTICE = "practice";

export function isPractice(each: Site): boolean {
  return each.practice ?? each.id === PRACTICE;
}

export const zone = computed(() => knownZone(site.value?.timezone ?? "UTC"));

export const today = computed(() => dayOf(new Date(), zone.value));

export const thisYear = computed(() => today.value.slice(0, 4));

export const period = computed<Period>(() => parsePeriod(address.value.query.get("p"), today.value) ?? namedPeriod(DEFAULT_PERIOD, today.value));

/** Whether the period reaches into today: what is not over cannot be compared with what is. */
export const isUnfinished = computed(() => period.value.to > today.value);

export const comparison = computed<Comparison | null>(() => (isUnfinished.value || periodIsFixed.value ? null : parseComparison(address.value.query.get("c"), period.value)));

export const bots = computed(() => address.value.query.get("bots") ?? "");

/** The model of the address with its version, if one is asked for; empty for the site's own. */
export const modelParam = computed(() => address.value.query.get("m") ?? "");

export function param(name: string): string | null {
  return address.value.query.get(name);
}

/** A page of this site; the period and what else travels goes along. */
export function pageAddress(path: string[], query: Record<string, string | null | undefined> = {}): string {
  const travelling = Object.fromEntries(TRAVELLING.map((name) => [name, address.value.query.get(name)]));
  return toAddress([site.value?.id ?? address.value.path[0] ?? "", ...path], { ...travelling, ...query });
}
