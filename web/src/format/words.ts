import { language } from "../app/preferences";
import { thisYear, today, zone } from "../app/view";
import { t, plural, type TextKey, type Fill } from "../text";
import { addDays, dayOf, daysBetween, formatDay, formatRange, formatTime, zoneName } from "./dates";
import { formatDuration } from "./durations";
import { formatCount } from "./numbers";

/** The formats with the reader's language and the site's zone filled in. */
export const count = (value: number | null | undefined) => formatCount(language.value, value);

export const duration = (seconds: number | null | undefined) => formatDuration(language.value, seconds);

/** A text for a number of things, the number written as the language does. */
export function counted(key: TextKey, value: number, fill: Fill = {}): string {
  return plural(key, value, count(value), fill);
}

/** For what begins a sentence or a column; Dutch writes weekdays and months small. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A name within a sentence begins small, unless it is an abbreviation: "social ads", "SMS". */
export function withinSentence(name: string): string {
  return /^\p{Lu}(?!\p{Lu})/u.test(name) ? name.charAt(0).toLowerCase() + name.slice(1) : name;
}

/** A half-open range with its last day included: 12 April – 11 May */
export function rangeText(range: { from: string; to: string }): string {
  return formatRange(language.value, range.from, addDays(range.to, -1), thisYear.value);
}

export function dayText(day: string): string {
  return formatDay(language.value, day, { year: day.slice(0, 4) !== thisYear.value });
}

export function timeText(instant: string): string {
  return formatTime(language.value, instant, zone.value);
}

const MINUTE = 60;
const HOUR = 3600;

/** 2 h ago, yesterday, 10 May */
export function agoText(instant: string): string {
  const seconds = (Date.now() - Date.parse(instant)) / 1000;
  if (seconds < MINUTE) return t("ago.now");
  const day = dayOf(new Date(instant), zone.value);
  if (seconds < 12 * HOUR || day === today.value) {
    const whole = seconds < HOUR ? Math.round(seconds / MINUTE) * MINUTE : Math.round(seconds / HOUR) * HOUR;
    return t("ago.time", { time: duration(whole) });
  }
  if (daysBetween(day, today.value) === 1) return t("ago.yesterday.short");
  return formatDay(language.value, day, { short: true, year: day.slice(0, 4) !== thisYear.value });
}

/** "yesterday at 20:14" and "10 May", inside a sentence. */
export function whenText(instant: string): string {
  const day = dayOf(new Date(instant), zone.value);
  if (day === today.value) return t("ago.today", { time: timeText(instant) });
  return daysBetween(day, today.value) === 1 ? t("ago.yesterday", { time: timeText(instant) }) : dayText(day);
}

const LATE_S = 3600;

/** Up to when the figures are complete. */
export function completeText(asOf: string): string {
  const day = dayOf(new Date(asOf), zone.value);
  const time = timeText(asOf);
  return day === today.value ? t("truth.complete", { time }) : t("truth.complete.day", { day: dayText(day), time });
}

export function isLate(asOf: string): boolean {
  return (Date.now() - Date.parse(asOf)) / 1000 > LATE_S;
}

export function zoneText(): string {
  return t("truth.zone", { zone: zoneName(zone.value) });
}
