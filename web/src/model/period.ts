import { addDays, addMonths, daysBetween, isDay, weekday, type Day } from "../format/dates";

/** The choices of the period picker, in the order of their keys 1 to 6. */
export const PERIODS = ["today", "7d", "30d", "12w", "mtd", "12m"] as const;
export type PeriodName = (typeof PERIODS)[number];
export const DEFAULT_PERIOD: PeriodName = "30d";

/** `to` is the day after the last one: ranges are half-open, as in the API. */
export interface Range {
  from: Day;
  to: Day;
}

export interface Period extends Range {
  /** The name, or the two dates as they stand in the address. */
  param: string;
  name: PeriodName | null;
}

export type CompareName = "prev" | "year" | "none";
export const DEFAULT_COMPARE: CompareName = "prev";

/** 52 weeks rather than a year, so that weekdays stay aligned. */
const YEAR_DAYS = 364;

const RANGES: Record<PeriodName, (today: Day) => Range> = {
  today: (today) => ({ from: today, to: addDays(today, 1) }),
  "7d": (today) => ({ from: addDays(today, -7), to: today }),
  "30d": (today) => ({ from: addDays(today, -30), to: today }),
  // Whole weeks and months that have ended, so that they are complete.
  "12w": (today) => {
    const monday = addDays(today, -weekday(today));
    return { from: addDays(monday, -84), to: monday };
  },
  mtd: (today) => {
    const first = `${today.slice(0, 8)}01`;
    return { from: first, to: first === today ? addDays(today, 1) : today };
  },
  "12m": (today) => {
    const first = `${today.slice(0, 8)}01`;
    return { from: addMonths(first, -12), to: first };
  },
};

export function namedPeriod(name: PeriodName, today: Day): Period {
  return { ...RANGES[name](today), param: name, name };
}

/** Two dates as in the address, the last one included: 2026-04-12..2026-05-11 */
function parseDates(text: string): Range | null {
  const [first, last, ...more] = text.split("..");
  if (more.length || !isDay(first ?? "") || !isDay(last ?? "") || last < first) return null;
  return { from: first, to: addDays(last, 1) };
}

export function writeDates(range: Range): string {
  return `${range.from}..${addDays(range.to, -1)}`;
}

/** Null if the text is no period, so that the page can say so. */
export function parsePeriod(text: string | null, today: Day): Period | null {
  if (!text) return namedPeriod(DEFAULT_PERIOD, today);
  if ((PERIODS as readonly string[]).includes(text)) return namedPeriod(text as PeriodName, today);
  const dates = parseDates(text);
  return dates && { ...dates, param: text, name: null };
}

export interface Comparison extends Range {
  param: string;
  name: CompareName | null;
}

/** What the period is compared with; null if with nothing. */
export function parseComparison(text: string | null, period: Range): Comparison | null {
  const days = daysBetween(period.from, period.to);
  const chosen = text || DEFAULT_COMPARE;
  if (chosen === "none") return null;
  if (chosen === "year") return { from: addDays(period.from, -YEAR_DAYS), to: addDays(period.to, -YEAR_DAYS), param: "year", name: "year" };
  const dates = parseDates(chosen);
  if (dates) return { ...dates, param: chosen, name: null };
  return { from: addDays(period.from, -days), to: period.from, param: "prev", name: "prev" };
}

/** The grain of a line over time: enough points to see a shape, few enough to read. */
export function grainOf(range: Range): "day" | "week" | "month" {
  const days = daysBetween(range.from, range.to);
  if (days <= 31) return "day";
  return days <= 200 ? "week" : "month";
}
