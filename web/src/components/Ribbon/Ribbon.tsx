import type { ActorEvent } from "../../api/types";
import { language } from "../../app/preferences";
import { zone } from "../../app/view";
import { dayOf, formatMonthShort } from "../../format/dates";
import { formatMoney } from "../../format/money";
import { dayText } from "../../format/words";
import { amountOf, type Stretch } from "../../model/life";
import { toneClass } from "../../model/stages";
import { t } from "../../text";
import "./Ribbon.css";

interface Props {
  stretches: Stretch[];
  events: ActorEvent[];
  until: number;
}

const DAY = 86_400_000;
const MOST_MONTHS = 6;
const MOST_TICKS = 80;

function monthsBetween(from: number, to: number): number[] {
  const months: number[] = [];
  const date = new Date(from);
  date.setUTCHours(0, 0, 0, 0);
  date.setUTCDate(1);
  for (date.setUTCMonth(date.getUTCMonth() + 1); date.getTime() < to; date.setUTCMonth(date.getUTCMonth() + 1)) months.push(date.getTime());
  const every = Math.max(1, Math.ceil(months.length / MOST_MONTHS));
  return months.filter((_, index) => index % every === 0);
}

interface Amount {
  left: number;
  text: string;
  /** Whether there is room for it on a phone, too. */
  always: boolean;
}

/** So much of the ribbon's width has no other amount, in percent; on a phone an amount takes more of it. */
const ROOM = 9;
const ROOM_ON_A_PHONE = 20;

/** An amount at the end stands before its place rather than behind it. */
const END = 88;

/** Amounts above the ribbon, as long as they do not run into one another. */
function amounts(events: ActorEvent[], at: (time: number) => number): Amount[] {
  const found: Amount[] = [];
  const before = (left: number, room: number) => (left > END ? left - room : left);
  const fits = (left: number, room: number, last: Amount | undefined) => !last || before(left, room) - before(last.left, room) > room;
  for (const event of events) {
    if (event.milestone !== "purchase" && event.milestone !== "repeat_purchase") continue;
    const money = amountOf(event);
    const left = at(Date.parse(event.timestamp));
    if (!money || !fits(left, ROOM, found.at(-1))) continue;
    const always = fits(left, ROOM_ON_A_PHONE, found.filter((each) => each.always).at(-1));
    found.push({ left, text: formatMoney(language.value, money.amount, money.currency), always });
  }
  return found;
}

/** A whole life on one line, by stage. */
export function Ribbon({ stretches, events, until }: Props) {
  const from = stretches[0].from;
  const span = Math.max(until - from, DAY);
  const at = (time: number) => ((time - from) / span) * 100;
  const step = Math.max(1, Math.ceil(events.length / MOST_TICKS));
  const names = [...new Set(stretches.map((each) => each.stage.label))].join(", ");
  const label = t("person.ribbon", { first: dayText(dayOf(new Date(from), zone.value)), last: dayText(dayOf(new Date(until), zone.value)), stages: names });
  return (
    <div class="ribbon" role="img" aria-label={label}>
      <div class="ribbon-amounts">
        {amounts(events, at).map((each) => (
          <span key={each.left} class={each.always ? undefined : "only-wide"} style={each.left > END ? { right: `${100 - each.left}%` } : { left: `${each.left}%` }}>{each.text}</span>
        ))}
      </div>
      <div class="ribbon-ticks">
        {events.filter((_, index) => index % step === 0).map((event) => (
          <i key={event.message_id} style={{ left: `${Math.min(at(Date.parse(event.timestamp)), 99.6)}%` }} />
        ))}
      </div>
      <div class="ribbon-stages">
        {stretches.map((each) => (
          <span key={each.from} class={toneClass(each.stage)} style={{ flexGrow: Math.max((each.to - each.from) / span, 0.004) * 1000 }} title={each.stage.label}>
            <b>{each.stage.label}</b>
          </span>
        ))}
      </div>
      <div class="ribbon-months">
        {monthsBetween(from, until).map((month) => (
          <span key={month} style={{ left: `${at(month)}%` }}>{formatMonthShort(language.value, new Date(month).toISOString().slice(0, 7))}</span>
        ))}
      </div>
    </div>
  );
}
