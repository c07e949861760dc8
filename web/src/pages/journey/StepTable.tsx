import type { ComponentChildren } from "preact";
import { language } from "../../app/preferences";
import { comparison, param } from "../../app/view";
import { PercentChange } from "../../components/Change/Change";
import { DataTable, Nothing, type Column } from "../../components/DataTable/DataTable";
import type { OpenPeople } from "../../components/River/River";
import { StageName } from "../../components/Stage/Stage";
import { formatInterval, formatShare } from "../../format/numbers";
import { count, duration, rangeText } from "../../format/words";
import type { Part } from "../../model/funnel";
import { t } from "../../text";
import type { Journey } from "./use-journey";

/** The people of a figure, where the server can list them. */
function People({ onOpen, step, state, children }: { onOpen?: OpenPeople; step: number; state: "dropped" | "open" | "reached"; children: ComponentChildren }) {
  if (!onOpen) return <>{children}</>;
  return (
    <button type="button" class="cell-link" onClick={() => onOpen(step, state)}>
      {children}
    </button>
  );
}

function rate(part: Part): ComponentChildren {
  const { step, index } = part;
  if (index === 0) return <Nothing why={t("col.first")} />;
  if (!step.gate) return <Nothing why={t("journey.define.optional")} />;
  if (step.step_rate == null) return <Nothing why={t("few.none")} />;
  return (
    <>
      {formatShare(language.value, step.step_rate, step.step_rate_interval)}
      {step.step_rate_interval && <span class="sub">{formatInterval(language.value, step.step_rate_interval)}</span>}
    </>
  );
}

/** Who may still come, and the rate without them; it says nothing where nobody's time is over. */
function StillOpen({ part, onOpen }: { part: Part; onOpen?: OpenPeople }) {
  const { open, step_rate_closed: closed } = part.step;
  if (open === 0) return <Nothing />;
  return (
    <>
      <People onOpen={onOpen} step={part.index + 1} state="open">{count(open)}</People>
      {closed != null && (part.step.drop_off ?? 0) > open && <span class="sub">{t("col.open.without", { rate: formatShare(language.value, closed) })}</span>}
    </>
  );
}

function columnsOf(before: number[] | null, onOpen?: OpenPeople): Column<Part>[] {
  const gateOnly = (part: Part, show: () => ComponentChildren) => (part.step.gate && part.index > 0 ? show() : <Nothing why={part.index ? t("journey.define.optional") : t("col.first")} />);
  const columns: Column<Part>[] = [
    { id: "stage", name: t("col.stage"), cell: (part) => <StageName stage={part.stage} /> },
    { id: "people", name: t("col.people"), figure: true, cell: (part) => <b><People onOpen={onOpen} step={part.index + 1} state="reached">{count(part.step.count)}</People></b> },
    { id: "rate", name: t("col.of-before"), figure: true, cell: rate },
    { id: "all", name: t("col.of-all"), figure: true, priority: 3, cell: (part) => <span class="muted">{formatShare(language.value, part.step.overall_rate)}</span> },
    { id: "stop", name: t("col.stop"), figure: true, cell: (part) => gateOnly(part, () => <People onOpen={onOpen} step={part.index + 1} state="dropped">{count(part.step.drop_off)}</People>) },
    { id: "open", name: t("col.open"), what: t("col.open.what"), figure: true, priority: 2, cell: (part) => gateOnly(part, () => <StillOpen part={part} onOpen={onOpen} />) },
    { id: "skipped", name: t("col.skipped"), what: t("col.skipped.what"), figure: true, priority: 3, cell: (part) => <span class="muted">{part.step.gate ? count(part.step.skipped) : <Nothing why={t("journey.define.optional")} />}</span> },
    { id: "time", name: t("col.time"), what: t("col.time.what"), figure: true, priority: 2, cell: (part) => <span class="muted nowrap">{duration(part.index === 0 ? null : part.step.time_from_previous.p50_s || null)}</span> },
  ];
  if (!comparison.value) return columns;
  return [...columns, { id: "before", name: t("col.before"), what: t("col.before.what", { range: rangeText(comparison.value) }), figure: true, cell: (part) => <PercentChange now={part.step.count} before={before?.[part.index]} /> }];
}

export function StepTable({ journey, onOpen }: { journey: Journey; onOpen?: OpenPeople }) {
  // Of a split, the row is chosen and no step of everybody.
  const chosen = param("of") ? 0 : Number(param("step"));
  return <DataTable caption={t("journey.steps")} columns={columnsOf(journey.before, onOpen)} rows={journey.parts} rowKey={(part) => part.stage.id} selected={(part) => part.index + 1 === chosen} />;
}
