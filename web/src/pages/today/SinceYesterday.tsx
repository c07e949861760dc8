import { abilities } from "../../api/abilities";
import { askChanges } from "../../api/questions";
import type { Change, ChangesAnswer } from "../../api/types";
import { useAnswer, type Answer } from "../../api/use-answer";
import { language } from "../../app/preferences";
import { bots, pageAddress, site } from "../../app/view";
import { Card } from "../../components/Card/Card";
import { Rich } from "../../components/Rich/Rich";
import { Skeleton } from "../../components/States/States";
import { weekdayName } from "../../format/dates";
import { formatMoney } from "../../format/money";
import { count, counted } from "../../format/words";
import { t } from "../../text";
import "./SinceYesterday.css";

const MOST_LINES = 5;
/** With fewer days to compare with, the server calls nothing unusual. */
const LEAST_DAYS = 4;

function ChangeLine({ change, weekday }: { change: Change; weekday: string }) {
  const money = (value: number) => formatMoney(language.value, value, change.currency);
  const text =
    change.id === "revenue"
      ? t("since.change.money", { what: money(change.value), weekday, low: money(change.low), high: money(change.high) })
      : t("since.change", { what: counted(`since.${change.id}`, change.value), weekday, low: count(change.low), high: count(change.high) });
  const less = change.value < change.low;
  return (
    <li>
      <span class={less ? "since-mark worse" : "since-mark better"} role="img" aria-label={t(less ? "since.less" : "since.more")}>{less ? "▼" : "▲"}</span>
      <span><Rich text={text} /></span>
    </li>
  );
}

function NameLine({ name, events }: { name: string; events: number }) {
  return (
    <li>
      <span class="since-mark faint" aria-hidden="true">?</span>
      <span>
        <Rich text={counted("since.name", events, { name: `“${name}”` })} />{" "}
        <a class="link" href={pageAddress(["events", "meaning"], { name })}>{t("since.name.what")}</a>
      </span>
    </li>
  );
}

/** Below this many, nobody notices that earlier figures moved. */
const LEAST_LATE = 10;

function LateLine({ late }: { late: ChangesAnswer["late"] }) {
  return (
    <li>
      <span class="since-mark faint" aria-hidden="true">↺</span>
      <span><Rich text={counted("since.late", late.events, { people: counted("meaning.people", late.people) })} /></span>
    </li>
  );
}

function Lines({ changes }: { changes: ChangesAnswer }) {
  const weekday = weekdayName(language.value, changes.day);
  const lines = [
    ...changes.changes.map((change) => <ChangeLine key={change.id} change={change} weekday={weekday} />),
    ...changes.new_names.map((each) => <NameLine key={`name ${each.kind} ${each.name}`} name={each.name} events={each.events} />),
    ...(changes.late.events >= LEAST_LATE ? [<LateLine key="late" late={changes.late} />] : []),
  ];
  if (!lines.length) return <p class="since-lines muted">{t("since.ordinary", { weekday })}</p>;
  return <ul class="since-lines">{lines.slice(0, MOST_LINES)}</ul>;
}

/** Asked with the page's other questions, for its place appears only with their answers. */
export function useChanges(): Answer<ChangesAnswer> {
  const id = site.value!.id;
  const key = abilities.value.changes ? JSON.stringify(["changes", id, bots.value]) : null;
  return useAnswer(key, (signal) => askChanges(id, bots.value, signal));
}

/** What was unlike other days of that weekday; nothing where there are no such days yet, or while the day is not all in. */
export function SinceYesterday({ answer }: { answer: Answer<ChangesAnswer> }) {
  const { data, loading } = answer;
  const enough = data && data.complete && (data.compared_days >= LEAST_DAYS || data.new_names.length > 0 || data.late.events >= LEAST_LATE);
  // Its room is kept, so that what lies below does not jump.
  const coming = loading && !data;
  if (!enough && !coming) return null;
  return (
    <>
      <div class="section-head">
        <h2>{t("since")}</h2>
        <p>{t("since.what")}</p>
      </div>
      <Card label={t("since")}>{enough ? <Lines changes={data} /> : <Skeleton lines={1} />}</Card>
    </>
  );
}
