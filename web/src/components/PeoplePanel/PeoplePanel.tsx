import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Problem, isProblem } from "../../api/problem";
import type { LastEvent, PeopleAnswer, PersonRow } from "../../api/types";
import { language } from "../../app/preferences";
import { pageAddress } from "../../app/view";
import { initials, personName, valueName } from "../../format/names";
import { formatShare } from "../../format/numbers";
import { agoText, count } from "../../format/words";
import { hasText, t } from "../../text";
import { copyText } from "../CopyLink/CopyLink";
import { Icon } from "../Icon/Icon";
import { Failed, Skeleton } from "../States/States";
import "../Who/Who.css";
import "./PeoplePanel.css";

interface Props {
  title: string;
  eyebrow?: ComponentChildren;
  states?: ComponentChildren;
  /** Changes when another figure is asked for. */
  id: string;
  ask: (cursor: string | null, signal: AbortSignal) => Promise<PeopleAnswer>;
  csv: () => Promise<void>;
  /** What they did last: not for those who went on. */
  showLast: boolean;
  onClose: () => void;
}

interface State {
  id: string;
  people: PersonRow[];
  total: number;
  last: LastEvent[];
  /** How many did something else last. */
  others: number;
  sample: number;
  next: string | null;
  problem: Problem | null;
  loading: boolean;
}

const NOTHING: Omit<State, "id"> = { people: [], total: 0, last: [], others: 0, sample: 0, next: null, problem: null, loading: true };

function usePeople({ id, ask }: Pick<Props, "id" | "ask">): [State, () => void] {
  const [state, setState] = useState<State>({ id, ...NOTHING });
  const abort = useRef<AbortController | null>(null);

  const load = (cursor: string | null, known: PersonRow[]) => {
    abort.current?.abort();
    const current = (abort.current = new AbortController());
    setState((old) => ({ ...old, id, loading: true, problem: null }));
    ask(cursor, current.signal).then(
      (answer) => {
        if (current.signal.aborted) return;
        setState(() => ({ id, people: [...known, ...answer.people], total: answer.total, last: answer.last_events, others: answer.other_last_events, sample: answer.sample, next: answer.next, problem: null, loading: false }));
      },
      (error: unknown) => {
        if (current.signal.aborted) return;
        setState((old) => ({ ...old, problem: isProblem(error) ? error : new Problem(0, "unknown", ""), loading: false }));
      },
    );
  };

  useEffect(() => {
    setState({ id, ...NOTHING });
    load(null, []);
    return () => abort.current?.abort();
  }, [id]);

  return [state, () => load(state.problem && !state.people.length ? null : state.next, state.people)];
}

function Person({ person }: { person: PersonRow }) {
  const about = (["channel", "device", "country"] as const).flatMap((by) => (person[by] ? [valueName(by, person[by])] : [])).join(" · ");
  return (
    <li>
      <a class="person-row" href={pageAddress(["people", person.actor])}>
        <span class="avatar" aria-hidden="true">{initials(person.name)}</span>
        <span class="person-words">
          <span class="person-name cut">{personName(person.name, person.actor)}</span>
          <span class="person-about">{about}</span>
        </span>
        <span class="micro faint nowrap">{person.last_seen && agoText(person.last_seen)}</span>
      </a>
    </li>
  );
}

/** A view of a page or a screen has no name of its own. */
function eventName({ event }: LastEvent): string {
  const key = `people.did.${event}`;
  return hasText(key) ? t(key) : event;
}

function LastLine({ name, title, share }: { name: string; title?: string; share: number }) {
  return (
    <li>
      <span class="cut" title={title}>{name}</span>
      <b class="tab">{formatShare(language.value, share)}</b>
      <i aria-hidden="true"><i style={{ width: `${share * 100}%` }} /></i>
    </li>
  );
}

function DidLast({ last, others, total }: { last: LastEvent[]; others: number; total: number }) {
  if (!last.length || !total) return null;
  return (
    <div class="did-last">
      <b>{t("people.did-last")}</b>
      <ul>
        {last.map((each) => (
          <LastLine key={each.event + each.milestone} name={eventName(each)} title={each.event} share={each.count / total} />
        ))}
        {others > 0 && <LastLine name={t("people.did-other")} share={others / total} />}
      </ul>
    </div>
  );
}

function Foot({ state, csv }: { state: State; csv: () => Promise<void> }) {
  const [failed, setFailed] = useState(false);
  return (
    <footer class="panel-foot">
      <span role={failed ? "alert" : undefined} class={failed ? "worse" : undefined}>
        {failed ? t("truth.csv.failed") : t("people.of", { n: count(state.people.length), total: count(state.total) })}
      </span>
      <button type="button" class="ctl" onClick={() => (setFailed(false), void csv().catch(() => setFailed(true)))}>
        <Icon name="download" size={14} />
        {t("truth.csv")}
      </button>
      <button type="button" class="ctl" onClick={() => void copyText(location.href, t("link.copied"))}>
        <Icon name="link" size={14} />
        {t("people.link")}
      </button>
    </footer>
  );
}

/** Beside the page, not over it; a sheet on a phone. Focus moves in when it opens and back when it closes. */
export function PeoplePanel(props: Props) {
  const [state, more] = usePeople(props);
  const box = useRef<HTMLElement>(null);

  // Before the next key can arrive, as in `Overlay`.
  useLayoutEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    box.current?.querySelector<HTMLElement>("h2")?.focus({ preventScroll: true });
    return () => before?.isConnected && before.focus({ preventScroll: true });
  }, []);

  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => event.key === "Escape" && !event.defaultPrevented && !document.querySelector(".popover, .overlay") && props.onClose();
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  });

  return (
    <aside ref={box} class="panel" aria-label={t("people.panel")}>
      <header class="panel-head">
        {props.eyebrow && <div class="panel-eyebrow">{props.eyebrow}</div>}
        <h2 tabIndex={-1}>{props.title}</h2>
        <button type="button" class="panel-close" aria-label={t("close")} onClick={props.onClose}>
          <Icon name="close" />
        </button>
        {props.states && <div class="panel-states">{props.states}</div>}
      </header>
      <div class="panel-list">
        {props.showLast && <DidLast last={state.last} others={state.others} total={state.sample} />}
        {state.problem && <div class="state-room"><Failed problem={state.problem} again={more} /></div>}
        {!state.problem && !state.loading && !state.people.length && <p class="panel-none muted">{t("people.nobody")}</p>}
        <ul>
          {state.people.map((person) => (
            <Person key={person.actor} person={person} />
          ))}
        </ul>
        {state.loading && <Skeleton lines={6} />}
        {state.next && !state.loading && <button type="button" class="link panel-more" onClick={more}>{t("more")}</button>}
      </div>
      {!state.problem && <Foot state={state} csv={props.csv} />}
    </aside>
  );
}
