import type { TrendPoint } from "../../api/types";

const WIDTH = 240;
const HEIGHT = 34;
const PAD = 3;

/** The shape of a figure over the period; unfinished periods are left out, because they look like a fall. */
export function Sparkline({ trend }: { trend: TrendPoint[] }) {
  const points = trend.filter((point) => point.complete && point.value != null).map((point) => point.value as number);
  if (points.length < 3) return null;
  const low = Math.min(...points);
  const span = Math.max(...points) - low || 1;
  const at = points.map((value, index) => {
    const x = (index / (points.length - 1)) * WIDTH;
    const y = HEIGHT - PAD - ((value - low) / span) * (HEIGHT - 2 * PAD);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return (
    <svg class="kpi-spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <polygon points={`0,${HEIGHT} ${at.join(" ")} ${WIDTH},${HEIGHT}`} fill="var(--ink-3)" opacity=".07" />
      <polyline points={at.join(" ")} fill="none" stroke="var(--ink-3)" stroke-width="1.5" vector-effect="non-scaling-stroke" stroke-linejoin="round" />
    </svg>
  );
}
