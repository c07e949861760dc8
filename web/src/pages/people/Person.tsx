import { useEffect, useState } from "preact/hooks";
import type { ActorAnswer, ActorEvent } from "../../api/types";
import { model, models, modelShortName, stages } from "../../app/models";
import { language } from "../../app/preferences";
import { forgetRecent, rememberPerson } from "../../app/recent-people";
import { setParams } from "../../app/router";
import { pageAddress, param, site, zone } from "../../app/view";
import { LinkButton } from "../../components/Button/Button";
import { Card } from "../../components/Card/Card";
import { copyText } from "../../components/CopyLink/CopyLink";
import { Head } from "../../components/Head/Head";
import { Icon } from "../../components/Icon/Icon";
import { ModelSwitcher } from "../../components/ModelSwitcher/ModelSwitcher";
import { Ribbon } from "../../components/Ribbon/Ribbon";
import { Segment } from "../../components/Segment/Segment";
import { StageBadge } from "../../components/Stage/Stage";
import { Answered, Empty, Skeleton } from "../../components/States/States";
import { Timeline } from "../../components/Timeline/Timeline";
import { TruthLine } from "../../components/TruthLine/TruthLine";
import { dayOf } from "../../format/dates";
import { initials, personName } from "../../format/names";
import { formatSpan } from "../../format/durations";
import { count, counted, dayText, whenText } from "../../format/words";
import { milestonesOf, rowsOf, stretchesOf } from "../../model/life";
import { stagesOf } from "../../model/stages";
import { t } from "../../text";
import { useNames } from "../use-names";
import { usePerson } from "./use-person";
import "../../components/Who/Who.css";
import "./Person.css";

function NowIn({ person }: { person: ActorAnswer }) {
  const found = models.value.flatMap((each) => {
    const now = person.stages[each.id];
    const stage = now && stagesOf(each).find((one) => one.id === now.stage);
    return stage ? [{ each, stage, since: (Date.now() - Date.parse(now.since)) / 1000 }] : [];
  });
  const ordered = found.sort((a, b) => Number(b.each.id === model.value?.id) - Number(a.each.id === model.value?.id));
  if (!ordered.length) return null;
  return (
    <section>
      <h2>{t("person.now-in")}</h2>
      <ul class="facts-stages">
        {ordered.slice(0, 3).map(({ each, stage, since }) => (
          <li key={each.id}>
            <StageBadge stage={stage} />
            <span class="faint micro">{modelShortName(each, language.value)} · {formatSpan(language.value, since)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Facts({ person, events }: { person: ActorAnswer; events: ActorEvent[] }) {
  const nps = [...events].reverse().find((event) => event.properties?.nps !== undefined)?.properties?.nps;
  return (
    <aside class="card facts" aria-label={t("people.name")}>
      <NowIn person={person} />
      <hr />
      <dl>
        <dt>{t("person.events")}</dt>
        <dd>{count(events.length)}{person.next ? "+" : ""}</dd>
        {(typeof nps === "number" || typeof nps === "string") && <><dt>{t("person.nps")}</dt><dd>{nps}</dd></>}
      </dl>
      <hr />
      <section>
        <h2>{counted("person.traces", person.ids.length)}</h2>
        <ul class="facts-ids">
          {person.ids.map((id) => (
            <li key={id}>
              <Icon name={id.includes("@") ? "mail" : "person"} size={15} />
              <code class="cut" title={id}>{id}</code>
            </li>
          ))}
        </ul>
      </section>
    </aside>
  );
}

/** Everything that came back about the person, as a file. */
function saveData(person: ActorAnswer, events: ActorEvent[]): void {
  const text = JSON.stringify({ ...person, events, next: undefined }, null, 2);
  const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = `${t("person.data.name")}-${person.actor}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

const ROWS = 120;

function Life({ person, events, more }: { person: ActorAnswer; events: ActorEvent[]; more: (() => void) | null }) {
  const everything = param("view") === "table";
  const oldest = param("order") === "oldest";
  const [shown, setShown] = useState(ROWS);
  const told = everything ? events : milestonesOf(events);
  const id = model.value!.id;
  const until = Math.max(Date.now(), Date.parse(events[events.length - 1]?.timestamp ?? "") || 0);
  const stretches = stretchesOf(events, id, stages.value, until);
  const rows = rowsOf(told, id, stages.value, zone.value, !oldest);
  const tabs = [
    { value: "milestones", label: t("person.milestones") },
    { value: "everything", label: t("person.everything", { n: count(events.length) }) },
  ];
  return (
    <Card
      title={t("person.life")}
      tools={<Segment label={t("person.show")} value={everything ? "everything" : "milestones"} options={tabs} onChange={(value) => setParams({ view: value === "everything" ? "table" : null })} />}
      foot={
        <TruthLine asOf={person.as_of}>
          <button type="button" class="act" onClick={() => setParams({ order: oldest ? null : "oldest" })}>{t(oldest ? "person.newest" : "person.oldest")}</button>
          <button type="button" class="act" onClick={() => saveData(person, events)}>
            <Icon name="download" size={14} />
            {t("person.data")}
          </button>
        </TruthLine>
      }
    >
      {stretches.length > 0 && <Ribbon stretches={stretches} events={told} until={until} />}
      {rows.length ? <Timeline rows={rows.slice(0, shown)} /> : <Empty title={t("person.milestones")}>{t("person.none")}</Empty>}
      {rows.length > shown && <button type="button" class="link life-more" onClick={() => setShown(shown + ROWS)}>{t("more")}</button>}
      {rows.length <= shown && more && everything && <button type="button" class="link life-more" onClick={more}>{t("person.earlier")}</button>}
    </Card>
  );
}

function Unknown({ id }: { id: string }) {
  return (
    <>
      <Head title={t("people.unknown", { id })} question={t("people.unknown.why")} />
      <LinkButton look="second" href={pageAddress(["people"])}>{t("person.back")}</LinkButton>
    </>
  );
}

/** Anybody whose id the site knows: who they are now, and their whole life. */
export function Person({ id }: { id: string }) {
  const siteId = site.value!.id;
  const { answer, events, more } = usePerson(siteId, id);
  const person = answer.data;
  const gone = answer.problem?.status === 404;
  const known = useNames(person ? [person] : [])(person ?? { actor: id });
  useEffect(() => {
    if (person) rememberPerson(siteId, { id, name: known });
    else if (gone) forgetRecent(siteId, id);
  }, [person, gone, known]);
  const name = personName(known, person?.actor ?? id);
  const span = events.length ? t("person.since", { day: dayText(dayOf(new Date(events[0].timestamp), zone.value)), ago: whenText(events[events.length - 1].timestamp) }) : undefined;
  if (gone) return <Unknown id={id} />;
  return (
    <>
      <a class="back muted small" href={pageAddress(["people"])}>
        <Icon name="left" size={14} />
        {t("person.back")}
      </a>
      <div class="person-head">
        <span class="avatar big-avatar" aria-hidden="true">{initials(known)}</span>
        <Head title={name} question={span}>
          <ModelSwitcher />
          <button type="button" class="ctl only-wide-flex" onClick={() => void copyText(location.href, t("link.copied"))}>
            <Icon name="link" size={15} />
            {t("truth.link")}
          </button>
        </Head>
      </div>
      <Answered answer={answer} skeleton={<div class="card"><Skeleton lines={8} /></div>}>
        {(data) => (
          <div class="person-grid">
            <Facts person={data} events={events} />
            <Life person={data} events={events} more={more} />
          </div>
        )}
      </Answered>
    </>
  );
}
