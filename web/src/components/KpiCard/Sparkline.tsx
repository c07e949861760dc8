import type { Kpi, TrendPoint } from "../../api/types";
import { language } from "../../app/preferences";
import { period, thisYear } from "../../app/view";
import { formatDay, formatMonth } from "../../format/dates";
import { formatKpi } from "../../model/kpis";
import { endsOf, stretchesOf, trendGrain, type Grain } from "../../model/trend";
import { t } from "../../text";

const WIDTH = 240;
const HEIGHT = 34;
const PAD = 3;

function periodText(point: TrendPoint, grain: Grain): string {
  if (grain === "month") return formatMonth(language.value, point.period.slice(0, 7), thisYear.value);
  return formatDay(language.value, point.period, { short: true, year: point.period.slice(0, 4) !== thisYear.value });
}

/** What the line shows, for who does not see it. */
function sentenceOf(kpi: Kpi, trend: TrendPoint[]): string {
  const grain = trendGrain(period.value);
  const ends = endsOf(trend);
  if (!ends) return t("trend.unfinished");
  const value = (point: TrendPoint) => formatKpi(language.value, { ...kpi, interval: null }, point.value);
  const said = t(`trend.${grain}`, { low: value(ends.low), lowest: periodText(ends.low, grain), high: value(ends.high), highest: periodText(ends.high, grain) });
  return trend[trend.length - 1].complete ? said : `${said} ${t("trend.unfinished")}`;
}

/** The shape of a figure over the period; what leads to a period that is not over is dashed, because it looks like a fall. */
export function Sparkline({ kpi, trend }: { kpi: Kpi; trend: TrendPoint[] }) {
  const values = trend.flatMap((point) => point.value ?? []);
  const low = Math.min(...values);
  const span = Math.max(...values) - low;
  const x = (index: number) => ((index / (trend.length - 1)) * WIDTH).toFixed(1);
  const y = (value: number) => (HEIGHT - PAD - ((value - low) / span) * (HEIGHT - 2 * PAD)).toFixed(1);
  return (
    <svg class="kpi-spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img">
      <title>{sentenceOf(kpi, trend)}</title>
      {stretchesOf(trend).map(({ from, to, dashed }) => {
        const line = trend.slice(from, to + 1).map((point, index) => `${x(from + index)},${y(point.value!)}`).join(" ");
        return (
          <g key={from}>
            {!dashed && to > from && <polygon points={`${x(from)},${HEIGHT} ${line} ${x(to)},${HEIGHT}`} fill="var(--ink-3)" opacity=".07" />}
            <polyline points={from === to ? `${line} ${line}` : line} fill="none" stroke="var(--ink-3)" stroke-width="1.5" stroke-dasharray={dashed ? "3 3" : undefined} vector-effect="non-scaling-stroke" stroke-linejoin="round" stroke-linecap="round" />
          </g>
        );
      })}
    </svg>
  );
}
