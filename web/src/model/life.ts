import type { ActorEvent } from "../api/types";
import { dayOf, daysBetween, type Day } from "../format/dates";
import type { Stage } from "./stages";

/** One stretch of a life: a stage, from when to when. */
export interface Stretch {
  stage: Stage;
  from: number;
  to: number;
}

/** A line of the timeline: a day's head, a silence, or an event. */
export type Row =
  | { kind: "day"; key: string; day: Day; events: number }
  | { kind: "silence"; key: string; days: number; stage: Stage | null }
  | { kind: "event"; key: string; event: ActorEvent; stage: Stage | null; next: Stage | null };

/** Quieter than this is said in words. */
const SILENT_DAYS = 7;

/** Events by which a life is told; views and searches come on request. */
const SMALL = new Set(["visit", "content_view", "search", "engage", "impression", "return_visit", "cart_view", "compare", "none", "cart_remove", "checkout_progress"]);

export function stageAt(event: ActorEvent, model: string, stages: Stage[]): Stage | null {
  const id = event.stages[model]?.stage;
  return stages.find((stage) => stage.id === id) ?? null;
}

/** Whether an event is a milestone of this life; the first of each kind counts, and everything about money and others. */
export function milestonesOf(events: ActorEvent[]): ActorEvent[] {
  const seen = new Set<string>();
  return events.filter((event) => {
    const what = event.milestone;
    if (!what) return false;
    const first = !seen.has(what);
    seen.add(what);
    return SMALL.has(what) ? first && what !== "none" : true;
  });
}

/** The stages of a life, in order; events without a stage leave it where it was. */
export function stretchesOf(events: ActorEvent[], model: string, stages: Stage[], until: number): Stretch[] {
  const found: Stretch[] = [];
  for (const event of events) {
    const stage = stageAt(event, model, stages);
    if (!stage) continue;
    const at = Date.parse(event.timestamp);
    const last = found[found.length - 1];
    if (last?.stage.id === stage.id) continue;
    if (last) last.to = at;
    found.push({ stage, from: at, to: until });
  }
  return found;
}

/** Days, silences and events, newest first unless asked otherwise. */
export function rowsOf(events: ActorEvent[], model: string, stages: Stage[], zone: string, newestFirst: boolean): Row[] {
  const ordered = newestFirst ? [...events].reverse() : events;
  const days = ordered.map((event) => dayOf(new Date(event.timestamp), zone));
  const rows: Row[] = [];
  ordered.forEach((event, index) => {
    const stage = stageAt(event, model, stages);
    if (index === 0 || days[index] !== days[index - 1]) {
      const gap = index === 0 ? 0 : Math.abs(daysBetween(days[index - 1], days[index])) - 1;
      if (gap >= SILENT_DAYS) rows.push({ kind: "silence", key: `s${index}`, days: gap, stage: stageAt(newestFirst ? event : ordered[index - 1], model, stages) });
      rows.push({ kind: "day", key: `d${index}`, day: days[index], events: days.filter((day) => day === days[index]).length });
    }
    rows.push({ kind: "event", key: event.message_id + index, event, stage, next: ordered[index + 1] ? stageAt(ordered[index + 1], model, stages) : null });
  });
  return rows;
}

const MONEY = ["revenue", "value", "total"];

/** The amount that came with an event, as it was sent. */
export function amountOf(event: ActorEvent): { amount: number; currency: string | null } | null {
  for (const name of MONEY) {
    const value = event.properties?.[name];
    const amount = typeof value === "number" ? value : typeof value === "string" && value.trim() !== "" ? Number(value) : NaN;
    if (Number.isFinite(amount)) {
      const currency = event.properties?.currency;
      return { amount, currency: typeof currency === "string" && /^[A-Z]{3}$/.test(currency) ? currency : null };
    }
  }
  return null;
}

/** Money and referrals are what a life turns on: their dots are filled. */
export function isKey(event: ActorEvent): boolean {
  return ["purchase", "repeat_purchase", "contract", "renewal", "upgrade", "invite_sent", "share", "review", "testimonial", "referred_signup", "referred_purchase"].includes(event.milestone ?? "");
}

const ABOUT = ["name", "title", "query", "path", "order_id", "nps", "rating", "via", "method", "plan"];

/** What would be a number without a word for it. */
const WITH_NAME: Record<string, string> = { nps: "NPS" };

function told(name: string, value: string | number): string {
  return WITH_NAME[name] ? `${WITH_NAME[name]} ${value}` : String(value);
}

/** One line about an event, from what came with it. */
export function aboutOf(event: ActorEvent): string {
  const properties = event.properties ?? {};
  const found = ABOUT.flatMap((name) => {
    const value = properties[name];
    return typeof value === "string" || typeof value === "number" ? [told(name, value)] : [];
  });
  return [...new Set(found)].slice(0, 2).join(" · ");
}
