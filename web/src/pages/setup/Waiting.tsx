import { useEffect, useState } from "preact/hooks";
import { askRejections } from "../../api/rejections";
import { askKpis, type Scope } from "../../api/questions";
import { liveEvents } from "../../api/live";
import { today, pageAddress, site } from "../../app/view";
import { LinkButton } from "../../components/Button/Button";
import { Icon, type IconName } from "../../components/Icon/Icon";
import { Skeleton } from "../../components/States/States";
import { didText } from "../../format/names";
import { addDays } from "../../format/dates";
import { agoText, count, counted } from "../../format/words";
import { t } from "../../text";

const EVERY_MS = 3000;

export interface Seen {
  reached: boolean | null;
  people: number | null;
  refused: number | null;
}

/** Looks every few seconds whether somebody came; stops once somebody did. */
export function useSeen(): Seen {
  const [seen, setSeen] = useState<Seen>({ reached: null, people: null, refused: null });
  const id = site.value!.id;
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    let gone = false;
    const scope: Scope = { site: id, from: addDays(today.value, -30), to: addDays(today.value, 1) };
    const look = async () => {
      const [kpis, refused] = await Promise.allSettled([askKpis(scope), askRejections(id)]);
      if (gone) return;
      const people = kpis.status === "fulfilled" ? (kpis.value.kpis.find((kpi) => kpi.id === "visitors")?.value ?? 0) : null;
      setSeen({ reached: kpis.status === "fulfilled", people, refused: refused.status === "fulfilled" ? refused.value.rejections.length : null });
      if (!people && !document.hidden) timer = setTimeout(look, EVERY_MS);
      else if (!people) timer = setTimeout(look, EVERY_MS * 3);
    };
    void look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [id]);
  return seen;
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

function There({ people }: { people: number }) {
  const newest = liveEvents.value[0];
  return (
    <div class="wait">
      <span class="wait-mark"><Icon name="check" size={22} weight={2.2} /></span>
      <h2>{t("setup.there")}</h2>
      <p>{newest ? t("setup.there.event", { event: didText(newest.milestone), ago: agoText(newest.received_at) }) : counted("setup.there.what", people)}</p>
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

/** Whether the first event came, with what can be checked from here. */
export function Waiting({ seen }: { seen: Seen }) {
  const { reached, people, refused } = seen;
  if (reached === null) return <section class="card wait-card" aria-busy="true"><Skeleton lines={4} /></section>;
  const there = !!people;
  return (
    <section class={there ? "card wait-card there" : "card wait-card"} aria-live="polite">
      {there ? <There people={people} /> : <StillWaiting />}
      <ul class="checks">
        <Check icon={reached ? "check" : "close"} tone={reached ? "ok" : "bad"} text={t("setup.check.reached")} note="" />
        <Check icon={there ? "check" : "ring"} tone={there ? "ok" : "later"} text={t("setup.check.first")} note={there ? "" : t("setup.check.not-yet")} />
        {refused !== null && <Check icon={refused ? "close" : "check"} tone={refused ? "bad" : "ok"} text={t("setup.check.refused")} note={refused ? count(refused) : t("setup.check.none")} />}
      </ul>
      {refused ? <p class="wait-foot"><a class="link" href={pageAddress(["events", "refused"])}>{t("events.tab.refused")}</a></p> : null}
      {!there && <Causes />}
    </section>
  );
}
