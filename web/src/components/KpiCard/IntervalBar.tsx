import type { Interval } from "../../api/types";

const WIDTH = 64;

/** The bar is the 95 % interval, the tick the value before; the line spans a little more than both. */
export function IntervalBar({ interval, before }: { interval: Interval; before: number | null }) {
  const low = Math.min(interval[0], before ?? interval[0]);
  const high = Math.max(interval[1], before ?? interval[1]);
  const pad = (high - low) * 0.4 || 0.01;
  const x = (value: number) => ((value - low + pad) / (high - low + 2 * pad)) * WIDTH;
  return (
    <svg width={WIDTH} height="10" viewBox={`0 0 ${WIDTH} 10`} aria-hidden="true">
      <rect x="0" y="4.5" width={WIDTH} height="1" fill="var(--line-strong)" />
      <rect x={x(interval[0])} y="3" width={Math.max(x(interval[1]) - x(interval[0]), 3)} height="4" rx="2" fill="var(--ink-3)" />
      {before != null && <rect x={x(before) - 0.75} y="0" width="1.5" height="10" fill="var(--ink)" />}
    </svg>
  );
}
