import { useState } from "preact/hooks";
import { liveConnected, liveEvents, livePaused, liveWaiting, pauseLive, type LiveEvent } from "../../api/live";
import { model, stages } from "../../app/models";
import { PeopleNow } from "../../app/Frame";
import { language } from "../../app/preferences";
import { pageAddress, zone } from "../../app/view";
import { Button } from "../../components/Button/Button";
import { Card } from "../../components/Card/Card";
import { StageBadge } from "../../components/Stage/Stage";
import { Properties } from "../../components/Timeline/Properties";
import { elsewhere } from "../../components/Timeline/Why";
import { formatTimeWithSeconds } from "../../format/dates";
import { didText, personName, valueName } from "../../format/names";
import { counted, whenText } from "../../format/words";
import { stageAt } from "../../model/life";
import type { Stage } from "../../model/stages";
import { t } from "../../text";
import "../../components/Timeline/Timeline.css";

/** From so much later on, it is said when it happened. */
const LATE_MS = 60_000;

function stageOf(event: LiveEvent): Stage | null {
  return model.value && stageAt(event, model.value.id, stages.value);
}

/** Where somebody came from and with what, as far as the event tells. */
function cameWith(event: LiveEvent): string {
  return (["channel", "device", "country"] as const).flatMap((by) => (event[by] ? [valueName(by, event[by])] : [])).join(" · ");
}

function Details({ event, stage }: { event: LiveEvent; stage: Stage | null }) {
  const others = elsewhere(event);
  const late = Date.parse(event.received_at) - Date.parse(event.timestamp) > LATE_MS;
  return (
    <div class="why">
      <dl>
        <dt>{t("person.why.meaning")}</dt>
        <dd>{event.milestone ? <>{didText(event.milestone)} <code>{event.milestone}</code></> : <a class="link" href={pageAddress(["events", "meaning"], { name: event.event })}>{t("live.no-meaning")}</a>}</dd>
        <dt>{t("col.stage")}</dt>
        <dd>{stage ? stage.label : t("live.no-stage")}</dd>
        {others && <><dt>{t("person.why.elsewhere")}</dt><dd>{others}</dd></>}
        {event.actor && <><dt>{t("people.name")}</dt><dd><a class="link" href={pageAddress(["people", event.actor])}>{personName(null, event.actor)}</a></dd></>}
        {cameWith(event) && <><dt>{t("live.with")}</dt><dd>{cameWith(event)}</dd></>}
        {late && <><dt>{t("live.happened")}</dt><dd>{whenText(event.timestamp)}</dd></>}
        <Properties of={event.properties} />
      </dl>
    </div>
  );
}

function Row({ event }: { event: LiveEvent }) {
  const [open, setOpen] = useState(false);
  const stage = stageOf(event);
  return (
    <li>
      <span class="faint tab">{formatTimeWithSeconds(language.value, event.received_at, zone.value)}</span>
      <div class="ev-what">
        <button type="button" class="ev-button" aria-expanded={open} onClick={() => setOpen(!open)}>
          <b>{didText(event.milestone)}</b> <code>{event.event}</code>
          {event.page_path && <span class="ev-about">{event.page_path}</span>}
        </button>
        {open && <Details event={event} stage={stage} />}
      </div>
      {stage ? <StageBadge stage={stage} /> : <span />}
    </li>
  );
}

function Pause() {
  const waiting = liveWaiting.value;
  const paused = livePaused.value;
  return (
    <Button look={paused && waiting ? "first" : "second"} onClick={() => pauseLive(!paused)}>
      {paused ? (waiting ? counted("live.go-on.waiting", waiting) : t("live.go-on")) : t("live.pause")}
    </Button>
  );
}

/** What comes in right now, newest on top; it can be held to read. */
export function Live() {
  const events = liveEvents.value;
  return (
    <Card
      title={t("live.title")}
      tools={
        <span class="live-head">
          <PeopleNow />
          <Pause />
        </span>
      }
    >
      {!liveConnected.value && events.length > 0 && <p class="slow muted small" role="status">{t("live.lost")}</p>}
      {events.length === 0 ? (
        <p class="names-note" role="status">{t("live.waiting")}</p>
      ) : (
        <ul class="live-list" aria-label={t("live.title")}>
          {events.map((event) => (
            <Row key={event.message_id} event={event} />
          ))}
        </ul>
      )}
    </Card>
  );
}
