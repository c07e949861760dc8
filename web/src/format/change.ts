import type { Language } from "./locale";
import { formatNumber } from "./numbers";

/** How a figure is told, which decides how its change is. */
export type ChangeKind = "percent" | "points" | "own";

export interface Change {
  /** `chance`: the earlier value lies inside the interval. */
  verdict: "better" | "worse" | "same" | "chance";
  up: boolean;
  /** The difference in its own unit, as a positive number; in percent or points where that is the kind. */
  size: number;
}

export interface ChangeOptions {
  kind: ChangeKind;
  /** +1 if more is better, −1 if less is. */
  direction: 1 | -1;
  interval?: readonly [number, number] | null;
  /** Differences below this read as "same": half of the last digit shown. */
  smallest: number;
}

/** Null where there is nothing to compare with. */
export function compare(value: number | null, previous: number | null, options: ChangeOptions): Change | null {
  if (value == null || previous == null) return null;
  const difference = value - previous;
  const size = Math.abs(difference);
  const up = difference > 0;
  if (size < options.smallest) return { verdict: "same", up, size: 0 };
  const shown = options.kind === "points" ? size * 100 : options.kind === "percent" ? (previous === 0 ? NaN : (size / Math.abs(previous)) * 100) : size;
  const { interval } = options;
  if (interval && previous >= interval[0] && previous <= interval[1]) return { verdict: "chance", up, size: shown };
  if (options.kind === "percent" && shown < 0.5) return { verdict: "same", up, size: shown };
  return { verdict: up === options.direction > 0 ? "better" : "worse", up, size: shown };
}

/** 6% from ten percent on without decimals, 0.6% below one. */
export function formatPercentChange(language: Language, percent: number): string {
  return `${formatNumber(language, percent, { maximumFractionDigits: percent < 1 ? 1 : 0 })}%`;
}

export function formatPoints(language: Language, points: number): string {
  return formatNumber(language, points, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}
