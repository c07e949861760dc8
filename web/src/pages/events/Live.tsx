import { useState } from "preact/hooks";
import { liveConnected, liveEvents, livePaused, type LiveEvent } from "../../api/live";
import { model, stages } from "../../app/models";
import { PeopleNow } from "../../app/Frame";
import { Button } from "../../components/Button/Button";
import { Card } from "../../components/Card/Card";
import { StageBadge } from "../../components/Stage/Stage";
import { Why } from "../../components/Timeline/Why";
import { didText } from "../../format/names";
import { timeText } from "../../format/words";
import { aboutOf, stageAt } from "../../model/life";
import { t } from "../../text";
import "../../components/Timeline/Timeline.css";

function Row({ event }: { event: LiveEvent }) {
  const [open, setOpen] = useState(false);
  const stage = model.value ? stageAt(event, model.value.id, stages.value) : null;
  return (
    <li>
      <span class="faint tab">{timeText(event.timestamp)}</span>
      <div class="ev-what">
        <button type="button" class="ev-button" aria-expanded={open} onClick={() => setOpen(!open)}>
          <b>{didText(event.milestone)}</b> <code>{event.event}</code>
          <span class="ev-about">{aboutOf(event)}</span>
        </button>
        {open && <Why event={event} stage={stage} />}
      </div>
      {stage ? <StageBadge stage={stage} /> : <span />}
    </li>
  );
}

/** What comes in right now; it can be paused to read. */
export function Live() {
  const events = liveEvents.value;
  return (
    <Card
      title={t("live.title")}
      tools={
        <span class="live-head">
          <PeopleNow />
          <Button look="second" onClick={() => (livePaused.value = !livePaused.value)}>{t(livePaused.value ? "live.go-on" : "live.pause")}</Button>
        </span>
      }
    >
      {!liveConnected.value && events.length > 0 && <p class="slow muted small" role="status">{t("live.lost")}</p>}
      {events.length === 0 ? (
        <p class="names-note" role="status">{t("live.waiting")}</p>
      ) : (
        <ul class="live-list">
          {events.map((event) => (
            <Row key={event.message_id} event={event} />
          ))}
        </ul>
      )}
    </Card>
  );
}
