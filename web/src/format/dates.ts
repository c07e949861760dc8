import { LOCALES, type Language } from "./locale";

/** A calendar day, YYYY-MM-DD, without a zone: the API reads it in the site's. */
export type Day = string;

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(language: Language, zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language + zone + JSON.stringify(options);
  let made = formatters.get(key);
  if (!made) formatters.set(key, (made = new Intl.DateTimeFormat(LOCALES[language], { timeZone: zone, ...options })));
  return made;
}

/** A zone that this browser does not know must not break a page. */
export function knownZone(zone: string): string {
  try {
    new Intl.DateTimeFormat("en-GB", { timeZone: zone });
    return zone;
  } catch {
    return "UTC";
  }
}

export function dayOf(instant: Date, zone: string): Day {
  const parts = formatter("en", zone, { year: "numeric", month: "2-digit", day: "2-digit" }).formatToParts(instant);
  const part = (type: string) => parts.find((each) => each.type === type)!.value;
  return `${part("year")}-${part("month")}-${part("day")}`;
}

const MS_PER_DAY = 86_400_000;

export function addDays(day: Day, days: number): Day {
  return new Date(Date.parse(`${day}T00:00Z`) + days * MS_PER_DAY).toISOString().slice(0, 10);
}

export function addMonths(day: Day, months: number): Day {
  const date = new Date(`${day}T00:00Z`);
  const wanted = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + months);
  const last = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  date.setUTCDate(Math.min(wanted, last));
  return date.toISOString().slice(0, 10);
}

export function daysBetween(from: Day, to: Day): number {
  return Math.round((Date.parse(`${to}T00:00Z`) - Date.parse(`${from}T00:00Z`)) / MS_PER_DAY);
}

/** Monday is 0. */
export function weekday(day: Day): number {
  return (new Date(`${day}T00:00Z`).getUTCDay() + 6) % 7;
}

export function isDay(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00Z`)) && addDays(text, 0) === text;
}

function noon(day: Day): Date {
  return new Date(`${day}T12:00Z`);
}

/** 12 May 2026; without the year where it is the present one. */
export function formatDay(language: Language, day: Day, options: { year?: boolean; short?: boolean; weekday?: boolean } = {}): string {
  return formatter(language, "UTC", {
    day: "numeric",
    month: options.short ? "short" : "long",
    ...(options.year ? { year: "numeric" } : {}),
    ...(options.weekday ? { weekday: "long" } : {}),
  })
    .format(noon(day))
    .replace(/^(\p{L}+),/u, "$1");
}

/** Monday; Dutch writes it small. */
export function weekdayName(language: Language, day: Day): string {
  return formatter(language, "UTC", { weekday: "long" }).format(noon(day));
}

/** 12 April – 11 May; both ends included. */
export function formatRange(language: Language, first: Day, last: Day, thisYear: string): string {
  if (first === last) return formatDay(language, first, { year: first.slice(0, 4) !== thisYear });
  const years = first.slice(0, 4) !== last.slice(0, 4) || last.slice(0, 4) !== thisYear;
  const sameMonth = first.slice(0, 7) === last.slice(0, 7);
  const start = sameMonth ? String(Number(first.slice(8))) : formatDay(language, first, { year: years && first.slice(0, 4) !== last.slice(0, 4) });
  return `${start} \u2013 ${formatDay(language, last, { year: years })}`;
}

/** "March", for 2026-03; with the year where it is another. */
export function formatMonth(language: Language, month: string, thisYear: string): string {
  const options: Intl.DateTimeFormatOptions = month.startsWith(thisYear) ? { month: "long" } : { month: "long", year: "numeric" };
  return formatter(language, "UTC", options).format(noon(`${month}-01`));
}

export function formatMonthShort(language: Language, month: string): string {
  return formatter(language, "UTC", { month: "short" }).format(noon(`${month}-01`)).replace(".", "");
}

/** 09:41 */
export function formatTime(language: Language, instant: string, zone: string): string {
  return formatter(language, zone, { hour: "2-digit", minute: "2-digit", hour12: false }).format(new Date(instant));
}

/** 09:41:07 */
export function formatTimeWithSeconds(language: Language, instant: string, zone: string): string {
  return formatter(language, zone, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false }).format(new Date(instant));
}

/** "Amsterdam", for Europe/Amsterdam. */
export function zoneName(zone: string): string {
  return zone.slice(zone.lastIndexOf("/") + 1).replace(/_/g, " ");
}
