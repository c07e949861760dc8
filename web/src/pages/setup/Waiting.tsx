import { useEffect, useState } from "preact/hooks";
import { askFunnel, type Scope } from "../../api/questions";
import { liveEvents } from "../../api/live";
import { askSending, type Sending } from "../../api/sending";
import { today, pageAddress, site } from "../../app/view";
import { LinkButton } from "../../components/Button/Button";
import { Icon, type IconName } from "../../components/Icon/Icon";
import { Skeleton } from "../../components/States/States";
import { didText } from "../../format/names";
import { addDays } from "../../format/dates";
import { agoText, counted } from "../../format/words";
import { reasonText, whatToDo } from "../../model/refusals";
import { t } from "../../text";

const EVERY_MS = 3000;

export interface Seen {
  reached: boolean | null;
  people: number | null;
  /** Null where the collectors are elsewhere. */
  sending: Sending | null;
}

/** How many people were here in the last 30 days; a funnel of one step costs a fraction of the KPIs. */
async function askPeople(id: string): Promise<number> {
  const scope: Scope = { site: id, from: addDays(today.value, -30), to: addDays(today.value, 1) };
  return (await askFunnel(scope, { steps: [{ any: true }] })).entered;
}

/** The collector answers at once; figures are only asked for where it has not seen an event since it started. */
async function lookAt(id: string): Promise<Seen> {
  const sending = await askSending(id).catch(() => null);
  if (sending?.accepted) return { reached: true, people: null, sending };
  const people = await askPeople(id).catch(() => null);
  return { reached: sending !== null || people !== null, people, sending };
}

/** Looks every few seconds whether somebody came; stops once somebody did. */
export function useSeen(): Seen {
  const [seen, setSeen] = useState<Seen>({ reached: null, people: null, sending: null });
  const id = site.value!.id;
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    let gone = false;
    const look = async () => {
      const found = await lookAt(id);
      if (gone) return;
      setSeen(found);
      if (!isThere(found)) timer = setTimeout(look, document.hidden ? EVERY_MS * 3 : EVERY_MS);
    };
    void look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [id]);
  return seen;
}

export function isThere({ people, sending }: Seen): boolean {
  return !!sending?.accepted || !!people;
}

/** What was refused after the last event that was taken: the reason why nothing comes. */
function troubleOf(sending: Sending | null): { reason: string; at: string; origin?: string; mine: boolean } | null {
  if (!sending) return null;
  const { lastRefusal, unknownSender, accepted } = sending;
  const isNews = (at: string) => !accepted || at > accepted.last;
  if (lastRefusal && isNews(lastRefusal.receivedAt)) return { reason: lastRefusal.reason, at: lastRefusal.receivedAt, origin: lastRefusal.origin, mine: true };
  // Whose it was is not known: where events arrive, it was hardly this site's.
  if (unknownSender && !accepted) return { ...unknownSender, mine: false };
  return null;
}

function Check({ icon, text, note, tone }: { icon: IconName; text: string; note: string; tone: "ok" | "later" | "bad" }) {
  return (
    <li class={tone}>
      <Icon name={icon} weight={tone === "ok" ? 2 : 1.6} />
      <span>{text}</span>
      <span class="faint micro">{note}</span>
    </li>
  );
}

const CAUSES = ["key", "blocker", "cache", "domain", "consent"] as const;

function Causes() {
  return (
    <details class="causes">
      <summary>{t("setup.wrong")}</summary>
      <ul>
        {CAUSES.map((cause) => (
          <li key={cause}>{t(`setup.wrong.${cause}`)}</li>
        ))}
      </ul>
    </details>
  );
}

function There({ seen }: { seen: Seen }) {
  const newest = liveEvents.value[0];
  const said = newest
    ? t("setup.there.event", { event: didText(newest.milestone), ago: agoText(newest.received_at) })
    : seen.sending?.accepted
      ? t("setup.there.accepted", { ago: agoText(seen.sending.accepted.last) })
      : counted("setup.there.what", seen.people ?? 0);
  return (
    <div class="wait">
      <span class="wait-mark"><Icon name="check" size={22} weight={2.2} /></span>
      <h2>{t("setup.there")}</h2>
      <p>{said}</p>
      <LinkButton href={pageAddress(["today"])}>{t("setup.today")}</LinkButton>
    </div>
  );
}

function StillWaiting() {
  return (
    <div class="wait">
      <svg class="pulse" viewBox="0 0 72 72" aria-hidden="true">
        <circle class="pulse-ring" cx="36" cy="36" r="30" fill="none" stroke="var(--ink-3)" stroke-width="1.5" />
        <circle cx="36" cy="36" r="22" fill="none" stroke="var(--line-strong)" stroke-width="1.5" />
        <circle cx="36" cy="36" r="6" fill="var(--ink)" />
      </svg>
      <h2>{t("setup.waiting")}</h2>
      <p>{t("setup.waiting.what")}</p>
    </div>
  );
}

/** In place of waiting: something came and was refused, and this is what to change. */
function Refusal({ trouble }: { trouble: NonNullable<ReturnType<typeof troubleOf>> }) {
  const change = whatToDo(trouble.reason);
  return (
    <div class="wait">
      <span class="wait-mark refused"><Icon name="close" size={22} weight={2.2} /></span>
      <h2>{t(trouble.mine ? "setup.refused" : "setup.unknown")}</h2>
      <p>{reasonText(trouble.reason)} {change}</p>
      {trouble.origin && <p>{t("setup.refused.origin")} <code>{trouble.origin}</code></p>}
      {!trouble.mine && <p>{t("setup.unknown.what")}</p>}
      <p class="faint micro">{agoText(trouble.at)}</p>
    </div>
  );
}

function Checks({ seen }: { seen: Seen }) {
  const { reached, sending } = seen;
  const there = isThere(seen);
  const trouble = troubleOf(sending);
  const fetched = sending?.settingsFetchedAt;
  return (
    <ul class="checks">
      <Check icon={reached ? "check" : "close"} tone={reached ? "ok" : "bad"} text={t("setup.check.reached")} note="" />
      {sending && <Check icon={fetched ? "check" : "ring"} tone={fetched ? "ok" : "later"} text={t("setup.check.tracker")} note={fetched ? agoText(fetched) : t("setup.check.not-yet")} />}
      <Check icon={there ? "check" : "ring"} tone={there ? "ok" : "later"} text={t("setup.check.first")} note={there ? "" : t("setup.check.not-yet")} />
      {sending && <Check icon={trouble?.mine ? "close" : "check"} tone={trouble?.mine ? "bad" : "ok"} text={t("setup.check.refused")} note={trouble?.mine ? agoText(trouble.at) : t("setup.check.none")} />}
    </ul>
  );
}

/** Whether the first event came, with what can be checked from here. */
export function Waiting({ seen }: { seen: Seen }) {
  if (seen.reached === null) return <section class="card wait-card" aria-busy="true"><Skeleton lines={4} /></section>;
  const there = isThere(seen);
  const trouble = troubleOf(seen.sending);
  return (
    <section class={there ? "card wait-card there" : "card wait-card"} aria-live="polite">
      {there ? <There seen={seen} /> : trouble ? <Refusal trouble={trouble} /> : <StillWaiting />}
      <Checks seen={seen} />
      {seen.reached && !seen.sending && <p class="wait-foot faint">{t("setup.check.elsewhere")}</p>}
      {trouble?.mine && <p class="wait-foot">{there && `${reasonText(trouble.reason)} `}<a class="link" href={pageAddress(["events", "refused"])}>{t("events.tab.refused")}</a></p>}
      {!there && <Causes />}
    </section>
  );
}
