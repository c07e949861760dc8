import type { TrendPoint } from "../api/types";
import { daysBetween } from "../format/dates";
import type { Range } from "./period";

export type Grain = "day" | "week" | "month";

const MOST_DAYS = 31;
const MOST_WEEKS = 26;

/** The grain of a small line: as many points as it has room for. */
export function trendGrain(range: Range): Grain {
  const days = daysBetween(range.from, range.to);
  if (days <= MOST_DAYS) return "day";
  return days <= MOST_WEEKS * 7 ? "week" : "month";
}

/** A stretch of the line, by the places of its points in the trend; dashed where a period is not over. */
export interface Stretch {
  from: number;
  to: number;
  dashed: boolean;
}

/** Fewer points than this have no shape. */
const LEAST_POINTS = 3;

function known(trend: TrendPoint[]): number[] {
  return trend.flatMap((point, index) => (point.value == null ? [] : [index]));
}

export function hasShape(trend: TrendPoint[] | null | undefined): trend is TrendPoint[] {
  if (!trend || known(trend).length < LEAST_POINTS) return false;
  // The same figure every day, such as one order a customer, says nothing beside the figure of the whole period.
  return new Set(known(trend).map((index) => trend[index].value)).size > 1;
}

/** Neighbours that are joined: a period without a figure parts the line, and a point with no neighbour is a stretch of its own. */
export function stretchesOf(trend: TrendPoint[]): Stretch[] {
  const found: Stretch[] = [];
  for (const index of known(trend)) {
    const joined = index > 0 && trend[index - 1].value != null;
    const follows = trend[index + 1]?.value != null;
    if (!joined && !follows) found.push({ from: index, to: index, dashed: !trend[index].complete });
    if (!joined) continue;
    const dashed = !trend[index].complete || !trend[index - 1].complete;
    const last = found[found.length - 1];
    if (last?.to === index - 1 && last.dashed === dashed) last.to = index;
    else found.push({ from: index - 1, to: index, dashed });
  }
  return found;
}

/** The points that a sentence about the line names. Periods that are not over are neither lowest nor highest: they look like a fall. */
export function endsOf(trend: TrendPoint[]): { low: TrendPoint; high: TrendPoint } | null {
  const over = trend.filter((point) => point.complete && point.value != null);
  if (!over.length) return null;
  const by = (better: (a: number, b: number) => boolean) => over.reduce((best, point) => (better(point.value!, best.value!) ? point : best));
  return { low: by((a, b) => a < b), high: by((a, b) => a > b) };
}
