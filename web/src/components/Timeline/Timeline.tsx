import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ActorEvent } from "../../api/types";
import { language, singleKeys } from "../../app/preferences";
import { overlay } from "../../app/keys";
import { today } from "../../app/view";
import { addDays, formatDay } from "../../format/dates";
import { formatMoney } from "../../format/money";
import { didText } from "../../format/names";
import { counted, timeText } from "../../format/words";
import { aboutOf, amountOf, isKey, type Row } from "../../model/life";
import { toneClass, type Stage } from "../../model/stages";
import { t } from "../../text";
import { StageBadge } from "../Stage/Stage";
import { Why } from "./Why";
import "./Timeline.css";

function titleOf(event: ActorEvent): string {
  if (event.milestone === "purchase" || event.milestone === "repeat_purchase") {
    const money = amountOf(event);
    if (money) return t("did.purchase.for", { money: formatMoney(language.value, money.amount, money.currency) });
  }
  return didText(event.milestone);
}

function dayName(day: string): string {
  if (day === today.value) return t("day.today");
  if (day === addDays(today.value, -1)) return t("day.yesterday");
  return formatDay(language.value, day, { year: day.slice(0, 4) !== today.value.slice(0, 4) });
}

interface EventProps {
  row: Extract<Row, { kind: "event" }>;
  last: boolean;
  first: boolean;
  /** The stage above, which the line has before this dot. */
  above: Stage | null;
}

function EventRow({ row, last, first, above }: EventProps) {
  const [open, setOpen] = useState(false);
  const { event, stage } = row;
  const about = aboutOf(event);
  const classes = ["ev", toneClass(stage ?? above), isKey(event) ? "key" : "", last ? "last" : "", first ? "first" : ""].join(" ");
  return (
    <li class={classes}>
      <span class="ev-time tab">{timeText(event.timestamp)}</span>
      <span class="ev-line" />
      <div class="ev-what">
        <button type="button" class="ev-button" aria-expanded={open} onClick={() => setOpen(!open)}>
          <b>{titleOf(event)}</b> <code>{event.event}</code>
          {about && <span class="ev-about">{about}</span>}
        </button>
        {open && <Why event={event} stage={stage} />}
      </div>
      <span class="ev-stage">{stage && <StageBadge stage={stage} />}</span>
    </li>
  );
}

/** j and k go to the next and the previous event. */
function useJumps(box: { current: HTMLElement | null }): void {
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const step = event.key === "j" ? 1 : event.key === "k" ? -1 : 0;
      if (!step || event.ctrlKey || event.metaKey || event.altKey || !singleKeys.value || overlay.value) return;
      if ((event.target as HTMLElement).matches("input, textarea, select")) return;
      const all = [...(box.current?.querySelectorAll<HTMLElement>(".ev-button") ?? [])];
      const at = all.indexOf(document.activeElement as HTMLElement);
      const next = all[at < 0 && step < 0 ? all.length - 1 : at + step];
      if (!next) return;
      event.preventDefault();
      next.focus();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}

/** A life as a list: days, silences, and events on a line in the colour of their stage. */
export function Timeline({ rows }: { rows: Row[] }) {
  const box = useRef<HTMLOListElement>(null);
  useJumps(box);
  let above: Stage | null = null;
  return (
    <ol ref={box} class="timeline">
      {rows.map((row, index) => {
        if (row.kind === "day") {
          return (
            <li key={row.key} class={`ev day ${toneClass(above)} ${index === 0 ? "first" : ""}`}>
              <span class="ev-line" />
              <h3>{dayName(row.day)}</h3>
            </li>
          );
        }
        if (row.kind === "silence") {
          return (
            <li key={row.key} class={`ev silence ${toneClass(row.stage ?? above)}`}>
              <span class="ev-line" />
              <p>{counted("person.silent", row.days)}</p>
            </li>
          );
        }
        const before: Stage | null = above;
        above = row.stage ?? above;
        return <EventRow key={row.key} row={row} above={before} first={index === 1} last={index === rows.length - 1} />;
      })}
    </ol>
  );
}
