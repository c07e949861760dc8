import { kpisCsv, type Scope } from "../../api/questions";
import type { Kpi, KpisAnswer } from "../../api/types";
import { language } from "../../app/preferences";
import { Card } from "../../components/Card/Card";
import { CopyLink } from "../../components/CopyLink/CopyLink";
import { Head } from "../../components/Head/Head";
import { KpiCard, KpiSkeleton } from "../../components/KpiCard/KpiCard";
import { ComparePicker, comparedText, PeriodPicker } from "../../components/PeriodPicker/PeriodPicker";
import { Practice } from "../../components/Practice/Practice";
import { Rich } from "../../components/Rich/Rich";
import { Answered, Empty, LateBanner } from "../../components/States/States";
import { TruthLine } from "../../components/TruthLine/TruthLine";
import { formatMoney } from "../../format/money";
import { formatRatio, ofPeople } from "../../format/numbers";
import { count, counted } from "../../format/words";
import { site } from "../../app/view";
import { tooFew } from "../../model/kpis";
import { t } from "../../text";
import { useComparedKpis } from "../use-compared-kpis";
import { useScope } from "../use-scope";
import "./Revenue.css";

const MONEY = ["revenue", "average_order_value", "revenue_per_customer", "lifetime_value"];
const COUNTS = ["orders", "customers", "purchases_per_customer", "repeat_rate"];

function find(kpis: Kpi[], id: string, currency?: string | null): Kpi | null {
  return kpis.find((kpi) => kpi.id === id && (currency === undefined || kpi.currency === currency)) ?? null;
}

/** The site's own currency first, then the others in the API's order. */
function currenciesOf(kpis: Kpi[]): string[] {
  const all = [...new Set(kpis.filter((kpi) => kpi.unit === "money" && kpi.currency && kpi.value != null).map((kpi) => kpi.currency!))];
  const own = site.value!.currency;
  return all.sort((a, b) => Number(b === own) - Number(a === own));
}

function sentenceOf(kpis: Kpi[], currency: string): string | null {
  const often = find(kpis, "purchases_per_customer");
  const worth = find(kpis, "revenue_per_customer", currency);
  if (often?.value == null || worth?.value == null || tooFew(worth)) return null;
  const fill = { x: formatRatio(language.value, often.value), money: formatMoney(language.value, worth.value, currency) };
  const again = find(kpis, "repeat_rate");
  if (again?.value == null || tooFew(again)) return t("revenue.sentence.short", fill);
  const told = ofPeople(again.value);
  return t("revenue.sentence", { ...fill, k: count(told.count), base: count(told.base) });
}

function Cards({ kpis, asOf, ids, currency }: { kpis: Kpi[]; asOf: string; ids: string[]; currency?: string }) {
  return (
    <div class="grid grid-4">
      {ids.flatMap((id) => find(kpis, id, currency) ?? []).map((kpi) => (
        <KpiCard key={kpi.id} kpi={kpi} asOf={asOf} plain />
      ))}
    </div>
  );
}

function Figures({ data, scope }: { data: KpisAnswer; scope: Scope }) {
  const currencies = currenciesOf(data.kpis);
  const sentence = currencies[0] ? sentenceOf(data.kpis, currencies[0]) : null;
  const others = find(data.kpis, "other_currencies")?.value ?? 0;
  if ((find(data.kpis, "orders")?.value ?? 0) === 0) return <Card><Empty title={t("revenue.none")} action={<Practice line />}>{t("revenue.none.how")}</Empty></Card>;
  return (
    <>
      <LateBanner asOf={data.as_of} />
      {sentence && (
        <Card label={t("menu.revenue")}>
          <p class="lead revenue-lead"><Rich text={sentence} /></p>
        </Card>
      )}
      <p class="compared">{comparedText()}</p>
      <Cards kpis={data.kpis} asOf={data.as_of} ids={COUNTS} />
      {currencies.map((currency) => (
        <div key={currency} class="stack revenue-currency">
          {currencies.length > 1 && <div class="section-head"><h2>{t("revenue.currency", { currency })}</h2></div>}
          <Cards kpis={data.kpis} asOf={data.as_of} ids={MONEY} currency={currency} />
        </div>
      ))}
      {others > 0 && <p class="muted small">{counted("revenue.others", others)}</p>}
      <div class="card revenue-truth"><TruthLine asOf={data.as_of} csv={kpisCsv(scope)} link /></div>
    </>
  );
}

export function Revenue() {
  const scope = useScope();
  const answer = useComparedKpis(scope);
  const skeleton = <div class="grid grid-4">{[0, 1, 2, 3, 4, 5, 6, 7].map((id) => <KpiSkeleton key={id} />)}</div>;
  return (
    <>
      <Head title={t("menu.revenue")} question={t("revenue.question")}>
        <PeriodPicker />
        <ComparePicker />
        <CopyLink compact />
      </Head>
      <div class={answer.data && answer.loading ? "stack dim" : "stack"}>
        <Answered answer={answer} skeleton={skeleton}>
          {(data) => <Figures data={data} scope={scope} />}
        </Answered>
      </div>
    </>
  );
}
