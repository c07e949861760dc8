import { NOTHING, type Language } from "./locale";

type Unit = "s" | "min" | "h" | "day" | "week";

const SECONDS: Record<Unit, number> = { week: 604_800, day: 86_400, h: 3_600, min: 60, s: 1 };

const WORDS: Record<Language, Record<Unit, [one: string, many: string]>> = {
  en: { s: ["s", "s"], min: ["min", "min"], h: ["h", "h"], day: ["day", "days"], week: ["week", "weeks"] },
  nl: { s: ["s", "s"], min: ["min", "min"], h: ["u", "u"], day: ["dag", "dagen"], week: ["week", "weken"] },
};

/** Which two units a length is told in; beyond two hours seconds are noise, beyond a week hours are. */
function unitsFor(seconds: number): [Unit, Unit | null] {
  if (seconds < 60) return ["s", null];
  if (seconds < 3_600) return ["min", null];
  if (seconds < 86_400) return ["h", "min"];
  if (seconds < 7 * 86_400) return ["day", "h"];
  return ["day", null];
}

function word(language: Language, count: number, unit: Unit): string {
  return `${count}\u00a0${WORDS[language][unit][count === 1 ? 0 : 1]}`;
}

/** 4 min · 2 h 10 min · 1 day 2 h */
export function formatDuration(language: Language, seconds: number | null | undefined): string {
  if (seconds == null) return NOTHING;
  const [large, small] = unitsFor(seconds);
  if (!small) return word(language, Math.round(seconds / SECONDS[large]), large);
  // Rounded in the small unit first, so that 23 h 59.8 min becomes 1 day and not 23 h 60 min.
  const smalls = Math.round(seconds / SECONDS[small]);
  const perLarge = SECONDS[large] / SECONDS[small];
  const larges = Math.floor(smalls / perLarge);
  const rest = smalls % perLarge;
  if (large === "h" && larges === 24) return word(language, 1, "day");
  return rest === 0 ? word(language, larges, large) : `${word(language, larges, large)} ${word(language, rest, small)}`;
}

/** One unit only, for places with little room: 5 weeks. */
export function formatSpan(language: Language, seconds: number): string {
  if (seconds >= 3 * SECONDS.week) return word(language, Math.round(seconds / SECONDS.week), "week");
  const [large] = unitsFor(seconds);
  return word(language, Math.max(1, Math.round(seconds / SECONDS[large])), large);
}
