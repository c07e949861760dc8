import { abilities } from "../../api/abilities";
import { modelId, stages } from "../../app/models";
import { setParams } from "../../app/router";
import { comparison, param } from "../../app/view";
import { Card } from "../../components/Card/Card";
import { CopyLink } from "../../components/CopyLink/CopyLink";
import { Definition } from "../../components/Definition/Definition";
import { Head } from "../../components/Head/Head";
import { ModelSwitcher } from "../../components/ModelSwitcher/ModelSwitcher";
import { ComparePicker, PeriodPicker } from "../../components/PeriodPicker/PeriodPicker";
import { River, type OpenPeople } from "../../components/River/River";
import { Segment } from "../../components/Segment/Segment";
import { Answered, EmptyPeriod, LateBanner, Skeleton } from "../../components/States/States";
import { StepRows } from "../../components/StepRows/StepRows";
import { TruthLine } from "../../components/TruthLine/TruthLine";
import { funnelCsv } from "../../api/questions";
import { count, counted, duration, rangeText } from "../../format/words";
import { funnelSentence, lastGate } from "../../model/funnel";
import { ENOUGH } from "../../model/kpis";
import { t } from "../../text";
import { Between } from "./Between";
import { OverTime } from "./OverTime";
import { Split, type OpenRow } from "./Split";
import { StepTable } from "./StepTable";
import { useJourney, WHOLE, type Journey as JourneyData } from "./use-journey";
import "./Journey.css";

const TABS = ["funnel", "time", "between"] as const;
type Tab = (typeof TABS)[number];

/** More steps than this read better as rows. */
const MOST_COLUMNS = 8;

const openPeople: OpenPeople = (step, state) => setParams({ step: String(step), state, of: null });

const openRow: OpenRow = (row, step, state) => setParams({ step: String(step), state, of: row });

/** Absent where the server cannot list the people of a figure. */
function opener(): OpenPeople | undefined {
  return abilities.value.people ? openPeople : undefined;
}

function Funnel({ journey }: { journey: JourneyData }) {
  const { parts, gaps, hot, before } = journey;
  if (param("view") === "table") return <StepTable journey={journey} onOpen={opener()} />;
  const rows = <StepRows parts={parts} gaps={gaps} hot={hot} onOpen={opener()} />;
  if (parts.length > MOST_COLUMNS) return rows;
  return (
    <div class="funnel-room">
      <div class="funnel-river">
        <River parts={parts} gaps={gaps} before={before} hot={hot} onOpen={opener()} />
        {before && comparison.value && <p class="funnel-outline">{t("compare.outline", { range: rangeText(comparison.value) })}</p>}
      </div>
      <div class="funnel-rows">{rows}</div>
    </div>
  );
}

function Sentence({ journey }: { journey: JourneyData }) {
  const { entered } = journey.answer.data!;
  const few = entered > 0 && entered < ENOUGH;
  return <p class="lead journey-sentence">{few ? t("journey.few", { n: count(entered) }) : funnelSentence(journey.parts, journey.gaps)}</p>;
}

function Define() {
  return (
    <Definition name={t("journey.tab.funnel")}>
      {t("journey.define")}
      <br />
      <br />
      {t("journey.define.optional")} {t("journey.define.open")}
    </Definition>
  );
}

function Title({ journey }: { journey: JourneyData }) {
  const first = stages.value[0];
  const last = journey.parts.length ? lastGate(journey.parts)?.stage : stages.value.filter((stage) => stage.gate).at(-1);
  return <>{first && last ? t("journey.from-to", { first: first.label, last: last.label }) : t("menu.journey")}</>;
}

function MainCard({ journey, tab }: { journey: JourneyData; tab: Tab }) {
  const { answer, scope } = journey;
  const tabs = TABS.map((value) => ({ value, label: t(`journey.tab.${value}`) }));
  const data = answer.data;
  const facts = data && [counted("truth.entered", data.entered), data.window_s ? t("truth.window", { time: duration(data.window_s) }) : null];
  return (
    <Card
      title={<Title journey={journey} />}
      define={<Define />}
      tools={<Segment label={t("journey.tabs")} value={tab} options={tabs} onChange={(value) => setParams({ tab: value === "funnel" ? null : value, view: null })} />}
      stale={!!data && answer.loading}
      foot={data && <TruthLine asOf={data.as_of} facts={facts ?? []} table={tab !== "between"} csv={funnelCsv(scope, WHOLE)} link />}
    >
      <Answered answer={answer} skeleton={<Skeleton height={380} />}>
        {(funnel) =>
          funnel.entered === 0 ? (
            <EmptyPeriod />
          ) : (
            <>
              <Sentence journey={journey} />
              {tab === "funnel" && <Funnel journey={journey} />}
              {tab === "time" && <OverTime scope={scope} />}
              {tab === "between" && <Between gaps={journey.gaps} />}
            </>
          )
        }
      </Answered>
    </Card>
  );
}

export function Journey() {
  const journey = useJourney();
  const tab = TABS.find((each) => each === param("tab")) ?? "funnel";
  const data = journey.answer.data;
  const hasPeople = !!data && data.entered > 0;
  return (
    <>
      <Head title={t("menu.journey")} question={t("journey.question")}>
        <PeriodPicker />
        <ComparePicker />
        <ModelSwitcher />
        <CopyLink compact />
      </Head>
      <div class="stack">
        <LateBanner asOf={data?.as_of} />
        <MainCard journey={journey} tab={tab} />
        {hasPeople && param("view") !== "table" && (
          <div class="only-wide">
            <Card title={t("journey.steps")} stale={journey.answer.loading}>
              <StepTable journey={journey} onOpen={opener()} />
            </Card>
          </div>
        )}
        {hasPeople && <Split key={modelId.value} journey={journey} onOpen={abilities.value.people ? openRow : undefined} />}
      </div>
    </>
  );
}
