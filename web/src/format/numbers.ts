import { LOCALES, NOTHING, withRealMinus, type Language } from "./locale";

const formatters = new Map<string, Intl.NumberFormat>();

/** Making a formatter is slow, using one is not. */
function formatter(language: Language, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = language + JSON.stringify(options);
  let made = formatters.get(key);
  if (!made) formatters.set(key, (made = new Intl.NumberFormat(LOCALES[language], options)));
  return made;
}

export function formatNumber(language: Language, value: number, options: Intl.NumberFormatOptions = {}): string {
  return withRealMinus(formatter(language, options).format(value));
}

/** 21,480 · 21.480 */
export function formatCount(language: Language, value: number | null | undefined): string {
  return value == null ? NOTHING : formatNumber(language, value, { maximumFractionDigits: 0 });
}

/** For axes: 12K in both languages. */
export function formatAxis(language: Language, value: number): string {
  if (Math.abs(value) < 10_000) return formatCount(language, value);
  const [size, letter] = Math.abs(value) < 1e6 ? [1e3, "K"] : [1e6, "M"];
  return formatNumber(language, value / (size as number), { maximumFractionDigits: 1 }) + letter;
}

/** A figure such as purchases per customer: two decimals, none where they say nothing. */
export function formatRatio(language: Language, value: number | null | undefined): string {
  if (value == null) return NOTHING;
  if (value !== 0 && Math.abs(value) < 0.01) return formatNumber(language, value, { maximumSignificantDigits: 2 });
  return formatNumber(language, value, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

/** NPS and the like carry their sign. */
export function formatScore(language: Language, value: number | null | undefined): string {
  if (value == null) return NOTHING;
  return formatNumber(language, value, { maximumFractionDigits: 0, signDisplay: "exceptZero" });
}

/** Wider than this, a decimal pretends a precision that is not there. */
const WIDE_INTERVAL = 0.05;

function shareDecimals(value: number, interval?: readonly [number, number] | null): number {
  if (interval && interval[1] - interval[0] > WIDE_INTERVAL) return 0;
  return value >= 0.01 && value <= 0.99 ? 1 : 0;
}

/** 14.0% · 14,0% ; "<0.1%" for what rounds away. */
export function formatShare(language: Language, value: number | null | undefined, interval?: readonly [number, number] | null): string {
  if (value == null) return NOTHING;
  if (value > 0 && value < 0.001) return `<${formatNumber(language, 0.1)}%`;
  const small = value > 0 && value < 0.01;
  const digits = small ? 1 : shareDecimals(value, interval);
  return `${formatNumber(language, value * 100, { minimumFractionDigits: digits, maximumFractionDigits: digits })}%`;
}

/** 38.4–44.0% · 38–44% */
export function formatInterval(language: Language, interval: readonly [number, number]): string {
  const digits = interval[1] - interval[0] > WIDE_INTERVAL ? 0 : 1;
  const write = (value: number) => formatNumber(language, value * 100, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${write(interval[0])}\u2013${write(interval[1])}%`;
}

/** An estimate of the server's keeps two significant digits: about 200. */
export function formatEstimate(language: Language, value: number): string {
  return formatNumber(language, value, { maximumSignificantDigits: 2 });
}

/** A rate as natural frequencies: 14 of 100, or 4 of 1,000 where 100 is too coarse. */
export interface Of {
  base: 100 | 1000;
  count: number;
}

/** The same base for all rates of a sentence, so that they can be compared. */
export function ofPeople(rate: number, others: number[] = []): Of & { others: number[] } {
  const rates = [rate, ...others];
  const inHundred = rates.map((each) => Math.round(each * 100));
  const tooCoarse = rate * 100 < 2 || others.some((_, index) => inHundred[index + 1] === inHundred[0]);
  const base = tooCoarse ? 1000 : 100;
  const [count, ...rest] = rates.map((each) => Math.round(each * base));
  return { base, count, others: rest };
}
