import { useState } from "preact/hooks";
import { askReferrals, keyOf, referralsCsv, type Scope } from "../../api/questions";
import type { Kpi, KpisAnswer, ReferralsAnswer } from "../../api/types";
import { useAnswer, type Answer } from "../../api/use-answer";
import { language } from "../../app/preferences";
import { comparison, shared } from "../../app/view";
import { Card } from "../../components/Card/Card";
import { CopyLink } from "../../components/CopyLink/CopyLink";
import { DataTable } from "../../components/DataTable/DataTable";
import { Definition } from "../../components/Definition/Definition";
import { Head } from "../../components/Head/Head";
import { HundredAndMore } from "../../components/Hundred/Hundred";
import { FigureCard, KpiCard, KpiSkeleton } from "../../components/KpiCard/KpiCard";
import { ComparePicker, comparedText, PeriodPicker } from "../../components/PeriodPicker/PeriodPicker";
import { Rich } from "../../components/Rich/Rich";
import { Answered, LateBanner, Skeleton } from "../../components/States/States";
import { Who } from "../../components/Who/Who";
import { TruthLine } from "../../components/TruthLine/TruthLine";
import { formatNumber, formatShare } from "../../format/numbers";
import { count, counted } from "../../format/words";
import { ENOUGH } from "../../model/kpis";
import { t } from "../../text";
import { useComparedKpis } from "../use-compared-kpis";
import { useScope } from "../use-scope";
import { Rounds } from "./Rounds";
import "./Referral.css";

const CARDS = ["referrals_per_customer", "k_factor", "viral_cycle_time_s"];

function per100(value: number | null | undefined): string {
  return count(value == null ? null : value * 100);
}

function leadText(data: ReferralsAnswer, before: number | null): string {
  if (data.referred === 0) return t("referral.lead.none");
  if (data.customers < ENOUGH) return t("referral.lead.few", { n: count(data.customers) });
  const n = per100(data.referrals_per_customer);
  return before == null ? t("referral.lead", { n }) : t("referral.lead.before", { n, m: per100(before) });
}

function Lead({ data, before }: { data: ReferralsAnswer; before: number | null }) {
  const shows = data.referred > 0 && data.customers >= ENOUGH && data.referrals_per_customer != null;
  const more = Math.round((data.referrals_per_customer ?? 0) * 100);
  return (
    <Card label={t("menu.referral")}>
      <div class="lead-card">
        <div>
          <p class="lead"><Rich text={leadText(data, before)} /></p>
          {data.invitations > 0 && <p class="lead-2">{t("referral.lead.sent", { inviters: count(data.inviters), invitations: count(data.invitations) })}</p>}
        </div>
        {shows && <HundredAndMore more={more} label={t("referral.dots", { n: count(more) })} />}
      </div>
    </Card>
  );
}

function noteOf(kpi: Kpi): string | null {
  if (kpi.id === "referrals_per_customer") return t("referral.sum", { referred: count(kpi.counts.referred), customers: count(kpi.counts.customers) });
  return kpi.id === "k_factor" ? t("referral.k.plain") : t("referral.cycle.plain");
}

function Cards({ kpis, data }: { kpis: KpisAnswer; data: ReferralsAnswer | null }) {
  const shown = CARDS.flatMap((id) => kpis.kpis.filter((kpi) => kpi.id === id));
  const fill = data && { converted: count(data.converted), invitations: count(data.invitations) };
  return (
    <div class="grid grid-4">
      {shown.map((kpi) => (
        <KpiCard key={kpi.id} kpi={kpi} asOf={kpis.as_of} plain note={kpi.value == null ? null : noteOf(kpi)} />
      ))}
      {data && (
        <FigureCard
          name={t("referral.works")}
          what={t("referral.works.what")}
          value={data.invitations ? formatShare(language.value, data.converted / data.invitations, data.invitations < 400 ? [0, 1] : null) : "–"}
          note={data.invitations ? t("referral.works.sum", fill!) : t("few.none")}
        />
      )}
    </div>
  );
}

const FIRST_ROWS = 5;

function Ambassadors({ data, scope }: { data: ReferralsAnswer; scope: Scope }) {
  const [all, setAll] = useState(false);
  const rows = all ? data.advocates : data.advocates.slice(0, FIRST_ROWS);
  return (
    <Card
      title={t("referral.ambassadors")}
      foot={
        <TruthLine asOf={data.as_of} facts={[counted("referral.ambassadors.shown", rows.length)]} csv={referralsCsv(scope)}>
          {data.advocates.length > rows.length && (
            <button type="button" class="act" onClick={() => setAll(true)}>
              {t("referral.ambassadors.all", { n: count(data.advocates.length) })}
            </button>
          )}
        </TruthLine>
      }
    >
      <DataTable
        key={String(all)}
        caption={t("referral.ambassadors")}
        rows={rows}
        rowKey={(row) => row.actor}
        columns={[
          {
            id: "who",
            name: t("referral.who"),
            cell: (row) => <Who id={row.actor} name={row.name} />,
          },
          { id: "brought", name: t("referral.brought"), figure: true, cell: (row) => <b>{count(row.referred)}</b> },
        ]}
      />
    </Card>
  );
}

/** Invitations are counted first and people after; shares are of the same kind alone, and all bars are of one scale. */
function Chain({ data }: { data: ReferralsAnswer }) {
  const rows = [
    { name: t("referral.chain.sent"), hint: counted("referral.chain.by", data.inviters), n: data.invitations, of: data.invitations },
    { name: t("referral.chain.worked"), hint: t("referral.chain.within"), n: data.converted, of: data.invitations },
    { name: t("referral.chain.came"), hint: t("referral.chain.came.what"), n: data.referred, of: null },
    { name: t("referral.chain.started"), hint: t("referral.chain.started.what"), n: data.referred_activated, of: data.referred },
  ];
  const most = Math.max(...rows.map((row) => row.n), 1);
  return (
    <Card
      title={t("referral.chain")}
      define={<Definition name={t("referral.chain")}>{t("referral.chain.what")}</Definition>}
      foot={<TruthLine asOf={data.as_of} link />}
    >
      <ul class="chain tone-tell">
        {rows.map((row) => {
          const share = row.of ? row.n / row.of : null;
          return (
            <li key={row.name}>
              <span class="chain-name">
                <b>{row.name}</b> <span class="faint small">{row.hint}</span>
              </span>
              <b class="tab">{count(row.n)}</b>
              <span class="chain-share muted small tab">{share == null ? "" : formatNumber(language.value, share, { style: "percent", maximumFractionDigits: share < 0.1 ? 1 : 0 })}</span>
              <span class="chain-bar" aria-hidden="true">{row.n > 0 && <i style={{ width: `${(row.n / most) * 100}%` }} />}</span>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}

function Body({ data, before, kpis, scope }: { data: ReferralsAnswer; before: number | null; kpis: Answer<KpisAnswer>; scope: Scope }) {
  return (
    <>
      <LateBanner asOf={data.as_of} />
      <Lead data={data} before={before} />
      <p class="compared">{comparedText()}</p>
      <Answered answer={kpis} skeleton={<div class="grid grid-4">{[0, 1, 2, 3].map((id) => <KpiSkeleton key={id} />)}</div>}>
        {(answer) => <Cards kpis={answer} data={data} />}
      </Answered>
      {data.generations.length > 0 && (
        <div class={shared ? "grid" : "grid referral-pair"}>
          <Rounds data={data} />
          {!shared && <Ambassadors data={data} scope={scope} />}
        </div>
      )}
      {data.invitations > 0 && <Chain data={data} />}
    </>
  );
}

export function Referral() {
  const scope = useScope();
  const answer = useAnswer(keyOf("referrals", scope), (signal) => askReferrals(scope, signal));
  const kpis = useComparedKpis(scope);
  const before = comparison.value ? (kpis.data?.kpis.find((kpi) => kpi.id === "referrals_per_customer")?.previous ?? null) : null;
  return (
    <>
      <Head title={t("menu.referral")} question={t("referral.question")}>
        <PeriodPicker />
        <ComparePicker />
        <CopyLink compact />
      </Head>
      <div class={answer.data && answer.loading ? "stack dim" : "stack"}>
        <Answered answer={answer} skeleton={<div class="card"><Skeleton lines={4} /></div>}>
          {(data) => <Body data={data} before={before} kpis={kpis} scope={scope} />}
        </Answered>
      </div>
    </>
  );
}
