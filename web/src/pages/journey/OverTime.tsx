import { useMemo } from "preact/hooks";
import { askFunnel, keyOf, type Scope } from "../../api/questions";
import type { FunnelAnswer } from "../../api/types";
import { useAnswer } from "../../api/use-answer";
import { stages } from "../../app/models";
import { isDark, language } from "../../app/preferences";
import { param, period } from "../../app/view";
import { lazy } from "../../app/lazy";
import { DataTable, Nothing, type Column } from "../../components/DataTable/DataTable";
import type { Line } from "../../components/LineChart/LineChart";
import { StageName } from "../../components/Stage/Stage";
import { Answered, Skeleton } from "../../components/States/States";
import { formatDay } from "../../format/dates";
import { formatShare } from "../../format/numbers";
import { count } from "../../format/words";
import { grainOf } from "../../model/period";
import { t } from "../../text";

const LineChart = lazy(() => import("../../components/LineChart/LineChart").then((module) => module.LineChart));

type Trend = NonNullable<FunnelAnswer["trend"]>;

/** The stages that everybody passes, without the first, whose share is always the whole. */
function drawn(trend: Trend): number[] {
  const steps = trend[0]?.steps ?? [];
  return steps.flatMap((step, index) => (index > 0 && step.gate && stages.value[index] ? [index] : []));
}

function periodText(start: string): string {
  return formatDay(language.value, start, { short: true });
}

/** The first period in which somebody may still come; from there on lines are dashed. */
function unfinishedFrom(trend: Trend, index: number): number {
  const at = trend.findIndex((each) => each.steps[index].open > 0);
  return at < 0 ? trend.length : at;
}

function linesOf(trend: Trend): Line[] {
  return drawn(trend).map((index) => ({
    name: stages.value[index].label,
    tone: stages.value[index].tone,
    values: trend.map((each) => each.steps[index].overall_rate),
    unfinishedFrom: unfinishedFrom(trend, index),
  }));
}

function columnsOf(trend: Trend): Column<Trend[number]>[] {
  return [
    { id: "period", name: t("time.period"), sort: (row) => row.period, cell: (row) => <span class="nowrap">{periodText(row.period)}</span> },
    { id: "people", name: t("col.people"), figure: true, sort: (row) => row.steps[0].count, cell: (row) => count(row.steps[0].count) },
    ...drawn(trend).map((index): Column<Trend[number]> => ({
      id: String(index),
      name: stages.value[index].label,
      figure: true,
      sort: (row) => row.steps[index].overall_rate,
      cell: (row) => {
        const step = row.steps[index];
        if (step.overall_rate == null) return <Nothing why={t("few.none")} />;
        return (
          <>
            {formatShare(language.value, step.overall_rate)}
            {step.open > 0 && <span class="sub">{t("time.unfinished")}</span>}
          </>
        );
      },
    })),
  ];
}

function Chart({ trend }: { trend: Trend }) {
  const lines = useMemo(() => linesOf(trend), [trend, language.value]);
  return (
    <>
      <LineChart labels={trend.map((each) => periodText(each.period))} lines={lines} format={(value: number) => formatShare(language.value, value)} label={t("time.chart")} dark={isDark()} unfinished={t("time.unfinished")} />
      <div class="chart-legend">
        {drawn(trend).map((index) => (
          <StageName key={index} stage={stages.value[index]} />
        ))}
      </div>
    </>
  );
}

/** The share of everybody that reached each stage, by when they began. */
export function OverTime({ scope }: { scope: Scope }) {
  const grain = grainOf(period.value);
  const options = { trend: grain };
  const answer = useAnswer(keyOf("funnel", scope, options), (signal) => askFunnel(scope, options, signal));
  return (
    <Answered answer={answer} skeleton={<Skeleton height={300} />}>
      {(data) =>
        param("view") === "table" ? (
          <DataTable caption={t("journey.tab.time")} columns={columnsOf(data.trend ?? [])} rows={data.trend ?? []} rowKey={(row) => row.period} />
        ) : (
          <div class="over-time">
            <p class="muted small over-time-note">{t("time.what", { grain: t(`time.grain.${grain}`) })}</p>
            <Chart trend={data.trend ?? []} />
          </div>
        )
      }
    </Answered>
  );
}
