import type { ComponentChildren } from "preact";
import type { Kpi } from "../../api/types";
import { language } from "../../app/preferences";
import { comparison, pageAddress, shared } from "../../app/view";
import { capital, completeText, count, rangeText, zoneText } from "../../format/words";
import { formatMoney } from "../../format/money";
import { formatKpi, intervalText, kpiChange, specOf, tooFew } from "../../model/kpis";
import { hasShape } from "../../model/trend";
import { hasText, t } from "../../text";
import { Change, changeSentence } from "../Change/Change";
import { Definition } from "../Definition/Definition";
import { IntervalBar } from "./IntervalBar";
import { Sparkline } from "./Sparkline";
import "./KpiCard.css";

const MONEY_COUNTS = new Set(["revenue", "revenue_to_date", "order_amounts"]);

export function kpiName(id: string): string {
  const key = `kpi.${id}`;
  return hasText(key) ? t(key) : id;
}

/** The sum behind a figure, from the counts that came with it. */
function sumOf(kpi: Kpi): string | null {
  const key = specOf(kpi.id).sum;
  if (!key || kpi.value == null) return null;
  const counts = Object.entries(kpi.counts).map(([name, value]) => [name, MONEY_COUNTS.has(name) ? formatMoney(language.value, value, kpi.currency) : count(value)]);
  return t(key, { ...Object.fromEntries(counts), value: formatKpi(language.value, kpi, kpi.value) });
}

export function KpiDefinition({ kpi, asOf }: { kpi: Kpi; asOf: string }) {
  const what = `kpi.${kpi.id}.what`;
  const interval = intervalText(language.value, kpi);
  const notes = [
    ...(comparison.value && kpi.previous != null ? [t("compare.was", { range: rangeText(comparison.value) })] : []),
    ...(interval && !tooFew(kpi) ? [`${interval}: ${t("kpi.interval.what")}`] : []),
    ...(kpiChange(kpi)?.verdict === "chance" ? [`${capital(t("change.chance"))}: ${t("change.chance.what")}`] : []),
  ];
  return (
    <Definition name={kpiName(kpi.id)} notes={notes} sum={sumOf(kpi)} advice={kpi.advice} truth={`${completeText(asOf)} · ${zoneText()}`}>
      {hasText(what) ? t(what) : kpi.id}
    </Definition>
  );
}

function sentenceOf(kpi: Kpi): string {
  const few = tooFew(kpi);
  const name = kpiName(kpi.id);
  if (kpi.value == null || few) return `${name}: ${few ? t(few.text, { n: few.count }) : t("few.none")}`;
  const interval = intervalText(language.value, kpi);
  const fill = { name, value: formatKpi(language.value, kpi, kpi.value), change: changeSentence(kpi) };
  return interval ? t("kpi.sentence.interval", { ...fill, interval }) : t("kpi.sentence", fill);
}

interface Props {
  kpi: Kpi;
  asOf: string;
  /** Without a link, as on the page that explains the figure. */
  plain?: boolean;
  note?: ComponentChildren;
  spark?: boolean;
}

function Value({ kpi }: { kpi: Kpi }) {
  const few = tooFew(kpi);
  if (few || kpi.value == null) {
    return (
      <>
        <span class="kpi-value faint">–</span>
        <span class="kpi-note muted">{few ? t(few.text, { n: few.count }) : t("few.none")}</span>
      </>
    );
  }
  const interval = intervalText(language.value, kpi);
  return (
    <>
      <span class="kpi-value">{formatKpi(language.value, kpi, kpi.value)}</span>
      <Change kpi={kpi} />
      {interval && (
        <span class="kpi-interval tab">
          <IntervalBar interval={kpi.interval!} before={kpi.previous} />
          {interval}
        </span>
      )}
    </>
  );
}

export function KpiCard({ kpi, asOf, plain, note, spark = true }: Props) {
  const { page } = specOf(kpi.id);
  // On the page of the figures themselves no section stands above the cards.
  const Name = plain ? "h2" : "h3";
  const few = tooFew(kpi);
  const answers = kpi.id === "nps" && !few && kpi.counts.answers !== undefined ? t("kpi.answers", { n: count(kpi.counts.answers) }) : null;
  return (
    <article class="card kpi">
      <header class="kpi-head">
        <Name class="kpi-name">{plain || shared ? kpiName(kpi.id) : <a class="kpi-link" href={pageAddress([page])} aria-label={sentenceOf(kpi)}>{kpiName(kpi.id)}</a>}</Name>
        <KpiDefinition kpi={kpi} asOf={asOf} />
      </header>
      <Value kpi={kpi} />
      {answers && <span class="kpi-interval">{answers}</span>}
      {note && <span class="kpi-note muted">{note}</span>}
      {spark && !few && hasShape(kpi.trend) && <Sparkline kpi={kpi} trend={kpi.trend} />}
    </article>
  );
}

/** A figure that is no KPI of the API's list, in the same dress. */
export function FigureCard({ name, what, value, note, sum, truth }: { name: string; what: string; value: string; note?: string; sum?: string; truth?: string }) {
  return (
    <article class="card kpi">
      <header class="kpi-head">
        <h2 class="kpi-name">{name}</h2>
        <Definition name={name} sum={sum} truth={truth}>{what}</Definition>
      </header>
      <span class="kpi-value">{value}</span>
      {note && <span class="kpi-note muted">{note}</span>}
    </article>
  );
}

export function KpiSkeleton() {
  return (
    <div class="card kpi kpi-skeleton" aria-hidden="true">
      <span class="bone" />
      <span class="bone" />
      <span class="bone" />
    </div>
  );
}

