import { useState } from "preact/hooks";
import type { KpisAnswer, Leak } from "../../api/types";
import { stages } from "../../app/models";
import { keep, kept, language } from "../../app/preferences";
import { pageAddress, shared, site, thisYear, today } from "../../app/view";
import { Button, LinkButton } from "../../components/Button/Button";
import { Card } from "../../components/Card/Card";
import { Hundred, HundredLegend } from "../../components/Hundred/Hundred";
import { Icon } from "../../components/Icon/Icon";
import { plainText, Rich } from "../../components/Rich/Rich";
import { StageName } from "../../components/Stage/Stage";
import { TruthLine } from "../../components/TruthLine/TruthLine";
import { addDays, formatDay } from "../../format/dates";
import { count } from "../../format/words";
import { leakWords, type LeakWords } from "../../model/leak";
import { ENOUGH } from "../../model/kpis";
import { doNow, type Stage } from "../../model/stages";
import { t } from "../../text";
import { abilities } from "../../api/abilities";
import "./LeakCard.css";

const HIDDEN_DAYS = 7;

function hiddenKey(leak: Leak): string {
  return `leak.${site.value?.id}.${leak.from_stage}.${leak.stage}`;
}

/** Until when the reader put this leak aside; a week at most. */
function useHidden(leak: Leak): [string | null, (until: string | null) => void] {
  const key = hiddenKey(leak);
  const [until, setUntil] = useState(() => kept(key));
  const set = (day: string | null) => {
    keep(key, day);
    setUntil(day);
  };
  return [until && until > today.value ? until : null, set];
}

function whoStopped(index: number): string {
  return abilities.value.people ? pageAddress(["journey"], { step: String(index), state: "dropped" }) : pageAddress(["journey"]);
}

interface FoundProps {
  leak: Leak;
  words: LeakWords;
  from: Stage;
  to: Stage;
  asOf: string;
  stale?: boolean;
}

function Eyebrow({ from, to }: { from: Stage; to: Stage }) {
  return (
    <div class="leak-eyebrow">
      <span class="leak-tag">{t("leak.biggest")}</span>
      <StageName stage={from} />
      <span class="leak-to">
        <span class="faint" aria-hidden="true">→</span>
        <StageName stage={to} />
      </span>
    </div>
  );
}

function Found({ leak, words, from, to, asOf, stale }: FoundProps) {
  const [hidden, hide] = useHidden(leak);
  if (hidden) {
    return (
      <Card label={t("leak.biggest")}>
        <div class="leak-quiet">
          <p class="muted">{t("leak.hidden", { day: formatDay(language.value, hidden, { year: hidden.slice(0, 4) !== thisYear.value }) })}</p>
          <Button look="second" onClick={() => hide(null)}>{t("leak.show")}</Button>
        </div>
      </Card>
    );
  }
  const index = stages.value.indexOf(to) + 1;
  const legend = [
    { mark: "now" as const, count: count(words.now), text: doNow(to), stage: to },
    { mark: "lost" as const, count: count(words.lost), text: t("leak.dots.then", { month: words.month }) },
    { mark: "rest" as const, count: count(100 - words.now - words.lost), text: t("leak.dots.rest", { month: words.month }) },
  ];
  return (
    <Card stale={stale} label={t("leak.biggest")} foot={<TruthLine asOf={asOf} facts={[t("truth.went-on", { from: count(leak.actors), n: count(leak.reached) })]} link />}>
      <div class="leak">
        <div class="leak-say">
          <Eyebrow from={from} to={to} />
          <h2 class="leak-sentence"><Rich text={words.sentence} /></h2>
          {words.worth && <p class="leak-worth"><Rich text={words.worth} /></p>}
          {words.where && (
            <div class="leak-advice">
              <Icon name="bulb" size={17} />
              <span>{words.where}</span>
            </div>
          )}
          {!shared && (
            <div class="leak-go">
              {abilities.value.people && <LinkButton href={whoStopped(index)}>{t("leak.see")}</LinkButton>}
              <LinkButton look={abilities.value.people ? "second" : "first"} href={pageAddress(["journey"])}>{t("leak.journey")}</LinkButton>
              <Button look="quiet" onClick={() => hide(addDays(today.value, HIDDEN_DAYS))}>{t("leak.hide")}</Button>
            </div>
          )}
        </div>
        <div class="leak-hundred">
          <Hundred now={words.now} lost={words.lost} stage={to} label={plainText(words.sentence)} />
          <HundredLegend items={legend} />
        </div>
      </div>
    </Card>
  );
}

function Nothing({ few, asOf, stale }: { few: boolean; asOf: string; stale?: boolean }) {
  return (
    <Card stale={stale} label={t("leak.biggest")} foot={<TruthLine asOf={asOf} />}>
      <div class="leak-none">
        <span class="leak-tag calm">{t(few ? "leak.title.few" : "leak.title.none")}</span>
        <h2 class="leak-sentence">{t(few ? "leak.few" : "leak.none")}</h2>
        {!few && <p class="leak-worth">{t("leak.none.how")}</p>}
        {!shared && (
          <div class="leak-go">
            <LinkButton look="second" href={pageAddress(["journey"])}>{t("leak.journey")}</LinkButton>
          </div>
        )}
      </div>
    </Card>
  );
}

/** The one thing to fix next. */
export function LeakCard({ kpis, stale }: { kpis: KpisAnswer; stale?: boolean }) {
  const leak = kpis.biggest_leak;
  const from = stages.value.find((stage) => stage.id === leak?.from_stage);
  const to = stages.value.find((stage) => stage.id === leak?.stage);
  const words = leak && from && to ? leakWords(leak, from, to) : null;
  if (leak && from && to && words) return <Found leak={leak} words={words} from={from} to={to} asOf={kpis.as_of} stale={stale} />;
  const visitors = kpis.kpis.find((kpi) => kpi.id === "visitors")?.value ?? 0;
  return <Nothing few={visitors < ENOUGH} asOf={kpis.as_of} stale={stale} />;
}
