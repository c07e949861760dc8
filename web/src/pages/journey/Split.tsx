import { askFunnel, funnelCsv, keyOf, type FunnelOptions } from "../../api/questions";
import type { FunnelAnswer, Step } from "../../api/types";
import { useAnswer } from "../../api/use-answer";
import { stages } from "../../app/models";
import { language } from "../../app/preferences";
import { setParams } from "../../app/router";
import { comparison, param } from "../../app/view";
import { Card } from "../../components/Card/Card";
import { DataTable, HeatCell, Nothing, type Column } from "../../components/DataTable/DataTable";
import { Select } from "../../components/Field/Field";
import { Answered, Empty, Skeleton } from "../../components/States/States";
import { TruthLine } from "../../components/TruthLine/TruthLine";
import { formatNumber, formatShare } from "../../format/numbers";
import { valueName } from "../../format/names";
import { count, rangeText } from "../../format/words";
import { lastGate, type Part } from "../../model/funnel";
import { ENOUGH } from "../../model/kpis";
import { arrivalIndex } from "../../model/stages";
import { t } from "../../text";
import { useEarlier, type Journey } from "./use-journey";

const BY = ["channel", "campaign", "device", "country", "persona", "touchpoint"] as const;
type By = (typeof BY)[number];

const MOST_ROWS = 12;

interface Row {
  key: string;
  name: string;
  known: boolean;
  steps: Step[];
  before: Step[] | null;
}

type Breakdown = NonNullable<FunnelAnswer["breakdown"]>;

function keyOfValue(entry: Breakdown[number]): string {
  return entry.other ? "\u0000other" : JSON.stringify(entry.value);
}

function rowsOf(breakdown: Breakdown, before: Breakdown | null, by: By): Row[] {
  return breakdown.map((entry) => {
    const value = entry.value?.[0] ?? null;
    const name = entry.other ? t("split.other") : value === null ? t("split.none") : valueName(by, value);
    const key = keyOfValue(entry);
    return { key, name, known: value !== null, steps: entry.steps, before: before?.find((each) => keyOfValue(each) === key)?.steps ?? null };
  });
}

/** How many people a row lost on the way; the rows with most to win come first. */
function lostIn(row: Row): number {
  return row.steps.reduce((sum, step) => sum + (step.drop_off ?? 0), 0);
}

/** Of 100, or of 1,000 where so few come through that 100 says nothing. */
function baseOf(rows: Row[], last: number): 100 | 1000 {
  const best = Math.max(...rows.map((row) => row.steps[last].overall_rate ?? 0));
  return best < 0.02 ? 1000 : 100;
}

function perBase(rate: number | null, base: number): string {
  return rate == null ? "–" : formatNumber(language.value, rate * base, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

function tooFewFor(step: Step): string | undefined {
  return step.count < ENOUGH ? t("few.people", { n: step.count }) : undefined;
}

function rateColumns(rows: Row[], arrival: Part, gates: Part[]): Column<Row>[] {
  return gates.map((gate, at) => {
    const before = gates[at - 1] ?? arrival;
    const enough = (row: Row) => row.steps[before.index].count >= ENOUGH;
    const best = Math.max(...rows.filter((row) => row.known && enough(row)).map((row) => row.steps[gate.index].step_rate ?? 0), 0.0001);
    return {
      id: gate.stage.id,
      name: gate.stage.label,
      figure: true,
      sort: (row: Row) => row.steps[gate.index].step_rate,
      cell: (row: Row) => {
        const rate = row.steps[gate.index].step_rate;
        if (rate == null || !enough(row)) return <span class="heat none"><Nothing why={tooFewFor(row.steps[before.index])} /></span>;
        return <HeatCell strength={row.known ? rate / best : 0}>{formatShare(language.value, rate)}</HeatCell>;
      },
    };
  });
}

function columnsOf(rows: Row[], parts: Part[], arrival: number): Column<Row>[] {
  const last = lastGate(parts)!;
  const gates = parts.filter((part) => part.step.gate && part.index > arrival);
  const base = baseOf(rows, last.index);
  const columns: Column<Row>[] = [
    { id: "value", name: t(`split.${currentBy()}`), sort: (row) => row.name, cell: (row) => <span class={row.known ? "strong nowrap" : "split-note nowrap"}>{row.name}</span> },
    { id: "people", name: t("split.came"), figure: true, sort: (row) => row.steps[0].count, cell: (row) => count(row.steps[0].count) },
    ...rateColumns(rows, parts[arrival], gates),
    {
      id: "whole",
      name: t(base === 100 ? "split.per-hundred" : "split.per-thousand", { do: last.stage.phrases.who }),
      figure: true,
      sort: (row) => row.steps[last.index].overall_rate,
      cell: (row) => (row.steps[0].count < ENOUGH ? <Nothing why={tooFewFor(row.steps[0])} /> : <b>{perBase(row.steps[last.index].overall_rate, base)}</b>),
    },
  ];
  if (!comparison.value) return columns;
  return [
    ...columns,
    {
      id: "before",
      name: t("split.before"),
      what: t("split.before.what", { range: rangeText(comparison.value) }),
      figure: true,
      priority: 2,
      sort: (row) => row.before?.[last.index].overall_rate ?? null,
      cell: (row) => (row.before && row.before[0].count >= ENOUGH ? <span class="muted">{perBase(row.before[last.index].overall_rate, base)}</span> : <Nothing why={row.before ? tooFewFor(row.before[0]) : undefined} />),
    },
  ];
}

function currentBy(): By {
  return BY.find((by) => by === param("by")) ?? "channel";
}

/** The funnel per channel, device and so on, by the event with which people arrived. */
export function Split({ journey }: { journey: Journey }) {
  const { scope, parts } = journey;
  const by = currentBy();
  const arrival = arrivalIndex(stages.value);
  const options: FunnelOptions = { breakdown: { by: [by], step: arrival + 1, limit: MOST_ROWS } };
  const answer = useAnswer(keyOf("funnel", scope, options), (signal) => askFunnel(scope, options, signal));
  const earlier = useEarlier(scope, "funnel", options);
  const choices = BY.map((value) => ({ value, label: t(`split.${value}`) }));
  return (
    <Card
      title={
        <span class="split-head">
          {t("split.by")}
          <Select quiet label={t("split.by")} value={by} options={choices} onChange={(value) => setParams({ by: value === "channel" ? null : value })} />
        </span>
      }
      stale={!!answer.data && answer.loading}
      foot={answer.data && <TruthLine asOf={answer.data.as_of} facts={[t("truth.rows", { n: count(answer.data.entered) })]} csv={funnelCsv(scope, options)} link />}
    >
      <Answered answer={answer} skeleton={<Skeleton lines={6} />}>
        {(data) => {
          const rows = rowsOf(data.breakdown ?? [], comparison.value ? (earlier.data?.breakdown ?? null) : null, by).sort((a, b) => Number(b.known) - Number(a.known) || lostIn(b) - lostIn(a));
          if (!rows.length) return <Empty title={t("split.empty")} />;
          return <DataTable key={by} caption={`${t("split.by")} ${t(`split.${by}`)}`} columns={columnsOf(rows, parts, arrival)} rows={rows} rowKey={(row) => row.key} />;
        }}
      </Answered>
    </Card>
  );
}
