import type { Part } from "../../model/funnel";

/** The drawing's sizes; the width is that of the room. */
export const HEIGHT = 206;
export const BASE = HEIGHT - 1;
export const BAR = 14;
const LEAST = 3;

export interface Bar {
  part: Part;
  x: number;
  top: number;
  height: number;
  /** The top of the earlier period's bar. */
  before: number | null;
}

export function barsOf(parts: Part[], before: number[] | null, width: number): Bar[] {
  const most = Math.max(...parts.map((part) => part.step.count), ...(before ?? []), 1);
  const tall = (people: number) => (people > 0 ? Math.max((people / most) * (HEIGHT - 2), LEAST) : 0);
  return parts.map((part, index) => {
    const height = tall(part.step.count);
    const earlier = before?.[index];
    return { part, x: (index * width) / parts.length + 2, top: BASE - height, height, before: earlier === undefined ? null : BASE - tall(earlier) };
  });
}

/** An S between the tops of two bars. */
function slope(x1: number, y1: number, x2: number, y2: number): string {
  const dx = x2 - x1;
  return `C${(x1 + dx * 0.5).toFixed(1)},${y1.toFixed(1)} ${(x2 - dx * 0.5).toFixed(1)},${y2.toFixed(1)} ${x2.toFixed(1)},${y2.toFixed(1)}`;
}

/** The ribbon of those who go on, from one gate's bar to the next. */
export function ribbon(from: Bar, to: Bar): string {
  const [x1, x2] = [from.x + BAR, to.x];
  return `M${x1.toFixed(1)},${BASE} V${from.top.toFixed(1)} ${slope(x1, from.top, x2, to.top)} V${BASE}Z`;
}

/** What is lost above it. */
export function lost(from: Bar, to: Bar): string {
  const [x1, x2] = [from.x + BAR, to.x];
  return `M${x1.toFixed(1)},${from.top.toFixed(1)} H${x2.toFixed(1)} V${to.top.toFixed(1)} ${slope(x2, to.top, x1, from.top)}Z`;
}
