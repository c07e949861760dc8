import { askFunnel, keyOf, kpisCsv, type Scope } from "../../api/questions";
import type { Kpi, KpisAnswer } from "../../api/types";
import { useAnswer, type Answer } from "../../api/use-answer";
import { PeopleNow } from "../../app/Frame";
import { language } from "../../app/preferences";
import { today } from "../../app/view";
import { Card } from "../../components/Card/Card";
import { CopyLink } from "../../components/CopyLink/CopyLink";
import { Head } from "../../components/Head/Head";
import { KpiCard, KpiSkeleton } from "../../components/KpiCard/KpiCard";
import { ComparePicker, comparedText, PeriodPicker } from "../../components/PeriodPicker/PeriodPicker";
import { Answered, EmptyPeriod, LateBanner, Skeleton } from "../../components/States/States";
import { TruthLine } from "../../components/TruthLine/TruthLine";
import { formatDay } from "../../format/dates";
import { capital, count } from "../../format/words";
import { JUST_COUNTS, STEERING } from "../../model/kpis";
import { hasText, plural, t } from "../../text";
import { useComparedKpis } from "../use-compared-kpis";
import { useScope } from "../use-scope";
import { JourneyLine, JourneyLineHead } from "./JourneyLine";
import { LeakCard } from "./LeakCard";
import { SinceYesterday, useChanges } from "./SinceYesterday";
import "./Today.css";

function inOrder(kpis: Kpi[], ids: string[]): Kpi[] {
  return ids.flatMap((id) => kpis.filter((kpi) => kpi.id === id).slice(0, 1));
}

function JustCounts({ kpis, scope }: { kpis: KpisAnswer; scope: Scope }) {
  const counts = inOrder(kpis.kpis, JUST_COUNTS).filter((kpi) => kpi.value != null);
  return (
    <Card label={t("today.counts")} foot={<TruthLine asOf={kpis.as_of} csv={kpisCsv(scope)} link />}>
      <p class="just-counts">
        <span class="just-counts-note">{t("today.counts")}</span>
        {counts.map((kpi) => {
          const key = `today.count.${kpi.id}`;
          return (
            <span key={kpi.id}>
              <b class="tab">{count(kpi.value)}</b> {hasText(key) ? plural(key, kpi.value!, "") : kpi.id}
            </span>
          );
        })}
      </p>
    </Card>
  );
}

function SteerHead() {
  return (
    <div class="section-head">
      <h2>{t("today.steer")}</h2>
      <p>{comparedText()}</p>
    </div>
  );
}

function Figures({ answer, scope }: { answer: Answer<KpisAnswer>; scope: Scope }) {
  const changes = useChanges();
  const skeleton = (
    <>
      <div class="card leak-skeleton"><Skeleton lines={5} /></div>
      <SteerHead />
      <div class="grid grid-4">{STEERING.map((id) => <KpiSkeleton key={id} />)}</div>
    </>
  );
  return (
    <Answered answer={answer} skeleton={<div class="stack">{skeleton}</div>}>
      {(kpis) =>
        (kpis.kpis.find((kpi) => kpi.id === "visitors")?.value ?? 0) === 0 ? (
          <Card><EmptyPeriod /></Card>
        ) : (
          <div class={answer.loading ? "stack stale-stack" : "stack"}>
            <LateBanner asOf={kpis.as_of} />
            <LeakCard kpis={kpis} stale={answer.loading} />
            <SinceYesterday answer={changes} />
            <SteerHead />
            <div class="grid grid-4">
              {inOrder(kpis.kpis, STEERING).map((kpi) => (
                <KpiCard key={kpi.id} kpi={kpi} asOf={kpis.as_of} />
              ))}
            </div>
            <JustCounts kpis={kpis} scope={scope} />
          </div>
        )
      }
    </Answered>
  );
}

export function Today() {
  const scope = useScope();
  const kpis = useComparedKpis(scope);
  const funnel = useAnswer(keyOf("funnel", scope, "line"), (signal) => askFunnel(scope, {}, signal));
  const empty = funnel.data?.entered === 0;
  return (
    <>
      <Head title={t("menu.today")} question={t("today.head", { day: capital(formatDay(language.value, today.value, { weekday: true, year: true })) })}>
        <PeopleNow long />
        <PeriodPicker />
        <ComparePicker />
        <CopyLink compact />
      </Head>
      <div class="stack">
        <Figures answer={kpis} scope={scope} />
        {!empty && (
          <>
            <JourneyLineHead />
            <Card stale={!!funnel.data && funnel.loading} label={t("today.line")}>
              <Answered answer={funnel} skeleton={<Skeleton lines={2} />}>
                {(answer) => <JourneyLine funnel={answer} />}
              </Answered>
            </Card>
          </>
        )}
      </div>
    </>
  );
}

