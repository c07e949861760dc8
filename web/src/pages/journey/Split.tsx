import type { ComponentChildren } from "preact";
import type { PeopleState } from "../../api/people";
import { askFunnel, funnelCsv, keyOf } from "../../api/questions";
import type { Step } from "../../api/types";
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
import { count, rangeText } from "../../format/words";
import { lastGate, type Part } from "../../model/funnel";
import { ENOUGH } from "../../model/kpis";
import { arrivalIndex } from "../../model/stages";
import { t } from "../../text";
import { BY, currentBy, nameInAddress, rowName, splitOptions, type Breakdown, type By } from "./split";
import { useEarlier, type Journey } from "./use-journey";

/** Opens the people of a row, by its name in the address. */
export type OpenRow = (row: string, step: number, state: PeopleState) => void;

interface Row {
  /** Its name in the address. */
  key: string;
  name: string;
  known: boolean;
  steps: Step[];
  before: Step[] | null;
}

function rowsOf(breakdown: Breakdown, before: Breakdown | null, by: By): Row[] {
  return breakdown.map((entry) => {
    const key = nameInAddress(entry);
    const known = entry.value?.[0] != null;
    return { key, name: rowName(key, by), known, steps: entry.steps, before: before?.find((each) => nameInAddress(each) === key)?.steps ?? null };
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

interface PeopleProps {
  row: Row;
  step: number;
  state: PeopleState;
  onOpen?: OpenRow;
  children: ComponentChildren;
}

/** A figure that opens its people, where the server can list them and there are any. */
function People({ row, step, state, onOpen, children }: PeopleProps) {
  if (!onOpen) return <>{children}</>;
  return (
    <button type="button" class="cell-link" onClick={() => onOpen(row.key, step, state)}>
      {children}
    </button>
  );
}

function rateColumns(rows: Row[], arrival: Part, gates: Part[], onOpen?: OpenRow): Column<Row>[] {
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
        return <HeatCell strength={row.known ? rate / best : 0}><People row={row} step={gate.index + 1} state="dropped" onOpen={onOpen}>{formatShare(language.value, rate)}</People></HeatCell>;
      },
    };
  });
}

function columnsOf(rows: Row[], parts: Part[], arrival: number, onOpen?: OpenRow): Column<Row>[] {
  const last = lastGate(parts)!;
  const gates = parts.filter((part) => part.step.gate && part.index > arrival);
  const base = baseOf(rows, last.index);
  const columns: Column<Row>[] = [
    { id: "value", name: t(`split.${currentBy()}`), sort: (row) => row.name, cell: (row) => <span class={row.known ? "strong nowrap" : "split-note nowrap"}>{row.name}</span> },
    { id: "people", name: t("split.came"), figure: true, sort: (row) => row.steps[0].count, cell: (row) => <People row={row} step={1} state="reached" onOpen={onOpen}>{count(row.steps[0].count)}</People> },
    ...rateColumns(rows, parts[arrival], gates, onOpen),
    {
      id: "whole",
      name: t(base === 100 ? "split.per-hundred" : "split.per-thousand", { do: last.stage.phrases.who }),
      figure: true,
      sort: (row) => row.steps[last.index].overall_rate,
      cell: (row) => (row.steps[0].count < ENOUGH ? <Nothing why={tooFewFor(row.steps[0])} /> : <b><People row={row} step={last.index + 1} state="reached" onOpen={onOpen}>{perBase(row.steps[last.index].overall_rate, base)}</People></b>),
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

/** The funnel per channel, device and so on, by the event with which people arrived. */
export function Split({ journey, onOpen }: { journey: Journey; onOpen?: OpenRow }) {
  const { scope, parts } = journey;
  const by = currentBy();
  const arrival = arrivalIndex(stages.value);
  const options = splitOptions(by, arrival);
  const answer = useAnswer(keyOf("funnel", scope, options), (signal) => askFunnel(scope, options, signal));
  const earlier = useEarlier(scope, "funnel", options);
  // A row of another split is none of this one.
  const choose = (value: By) => setParams({ by: value === "channel" ? null : value, ...(param("of") ? { of: null, step: null, state: null } : {}) });
  const choices = BY.map((value) => ({ value, label: t(`split.${value}`) }));
  return (
    <Card
      title={
        <span class="split-head">
          {t("split.by")}
          <Select quiet label={t("split.by")} value={by} options={choices} onChange={choose} />
        </span>
      }
      stale={!!answer.data && answer.loading}
      foot={answer.data && <TruthLine asOf={answer.data.as_of} facts={[t("truth.rows", { n: count(answer.data.entered) })]} csv={funnelCsv(scope, options)} link />}
    >
      <Answered answer={answer} skeleton={<Skeleton lines={6} />}>
        {(data) => {
          const rows = rowsOf(data.breakdown ?? [], comparison.value ? (earlier.data?.breakdown ?? null) : null, by).sort((a, b) => Number(b.known) - Number(a.known) || lostIn(b) - lostIn(a));
          if (!rows.length) return <Empty title={t("split.empty")} />;
          return <DataTable key={by} caption={`${t("split.by")} ${t(`split.${by}`)}`} columns={columnsOf(rows, parts, arrival, onOpen)} rows={rows} rowKey={(row) => row.key} selected={(row) => row.key === param("of")} />;
        }}
      </Answered>
    </Card>
  );
}
