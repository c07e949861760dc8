import { useState } from "preact/hooks";
import type { SavedMeaning } from "../../api/meanings";
import { isProblem, Problem } from "../../api/problem";
import { askUnmapped, keyOf, unmappedCsv } from "../../api/questions";
import type { UnmappedAnswer, UnmappedName } from "../../api/types";
import { useAnswer } from "../../api/use-answer";
import { setParams } from "../../app/router";
import { param, period, site, today, zone } from "../../app/view";
import { addDays, dayOf } from "../../format/dates";
import { Button } from "../../components/Button/Button";
import { Card } from "../../components/Card/Card";
import { CodeBlock } from "../../components/CodeBlock/CodeBlock";
import { Answered, Empty, Failed, Skeleton } from "../../components/States/States";
import { TruthLine } from "../../components/TruthLine/TruthLine";
import { agoText, capital, count, counted, dayText } from "../../format/words";
import { t } from "../../text";
import { useScope } from "../use-scope";
import { Choices } from "./Choices";
import { Preview } from "./Preview";
import { meaningText, SavedMeanings } from "./SavedMeanings";
import { useMeanings, type Meanings } from "./use-meanings";

function noteOf(name: UnmappedName, meanings: Meanings): string {
  const saved = meanings.of(name.name);
  if (saved) return capital(meaningText(saved));
  if (name.understood_now) return t("meaning.understood-now");
  return t("meaning.since", { day: dayText(dayOf(new Date(name.first_seen), zone.value)), ago: agoText(name.last_seen) });
}

function Names({ names, chosen, data, meanings }: { names: UnmappedName[]; chosen: UnmappedName; data: UnmappedAnswer; meanings: Meanings }) {
  return (
    <div class="names">
      <ul aria-label={t("meaning.names")}>
        {names.map((each) => (
          <li key={each.name + each.kind}>
            <button type="button" aria-pressed={each === chosen} onClick={() => setParams({ name: each.name }, { replace: true })}>
              <code class="cut" title={each.name}>{each.name}</code>
              <b>{count(each.events)}</b>
              <small>{noteOf(each, meanings)}</small>
            </button>
          </li>
        ))}
      </ul>
      <p class="names-note">
        {data.names_more > 0 && <>{t("meaning.more", { n: count(data.names_more) })}. </>}
        {counted("meaning.share", data.events)}
      </p>
    </div>
  );
}

/** Without a way to save it here, the line for the vocabulary file is shown to take along. */
function vocabularyLine(name: string, milestone: string): string {
  return `[[rule]]\nid = "own-${name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "")}"\nevent = ${JSON.stringify(name)}\nmilestone = "${milestone}"`;
}

/** What was said already, and how to take it back. */
function Said({ saved, busy, undo }: { saved: SavedMeaning; busy: boolean; undo: () => void }) {
  return (
    <div class="meaning-said">
      <p>
        <b>{capital(meaningText(saved))}</b>
        <span class="muted small">{t("meaning.said", { by: saved.by, ago: agoText(saved.at) })}</span>
      </p>
      <Button look="second" disabled={busy} onClick={undo}>{t("undo")}</Button>
    </div>
  );
}

function ByFile({ name, milestone }: { name: string; milestone: string }) {
  return (
    <div>
      <p class="muted small">{t("meaning.by-file")}</p>
      <CodeBlock code={vocabularyLine(name, milestone)} label={t("meaning.save")} />
    </div>
  );
}

function Say({ name, meanings }: { name: UnmappedName; meanings: Meanings }) {
  const [milestone, setMilestone] = useState<string | null>(name.suggestion?.milestone ?? null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const saved = meanings.of(name.name);
  const act = async (change: () => Promise<void>) => {
    setBusy(true);
    setProblem(null);
    try {
      await change();
    } catch (error) {
      setProblem(isProblem(error) ? error : new Problem(0, "unknown", ""));
    }
    setBusy(false);
  };
  return (
    <>
      {saved ? <Said saved={saved} busy={busy} undo={() => void act(() => meanings.remove(name.name))} /> : <Choices suggestion={name.suggestion} value={milestone} onChange={setMilestone} />}
      {!saved && <Preview name={name.name} milestone={milestone} />}
      {problem && <Failed problem={problem} />}
      {!saved && meanings.offered && (
        <div class="meaning-go">
          <Button disabled={!milestone || busy} onClick={() => void act(() => meanings.save(name.name, milestone))}>{t("meaning.save")}</Button>
          <Button look="second" disabled={busy} onClick={() => void act(() => meanings.save(name.name, null))}>{t("meaning.ignore")}</Button>
          <p class="faint small">{t("meaning.from-now")}</p>
        </div>
      )}
      {!saved && isMissing(meanings.answer.problem) && milestone && <ByFile name={name.name} milestone={milestone} />}
    </>
  );
}

/** An Etappe that keeps no meanings yet. */
function isMissing(problem: Problem | null): boolean {
  return problem?.status === 404 || problem?.status === 405;
}

function Meaning({ name, meanings }: { name: UnmappedName; meanings: Meanings }) {
  const mayEdit = site.value!.role !== "viewer";
  const fill = { times: counted("meaning.times", name.events), people: counted("meaning.people", name.people), day: dayText(dayOf(new Date(name.first_seen), zone.value)) };
  return (
    <div class="meaning">
      <div>
        <h2>{t("meaning.what", { name: name.name })}</h2>
        <p class="muted small">{t(meanings.of(name.name) ? "meaning.counts" : "meaning.until", fill)}</p>
      </div>
      {name.example && <CodeBlock code={JSON.stringify(name.example, null, 2)} label={name.name} />}
      {mayEdit ? <Say name={name} meanings={meanings} /> : <p class="muted small">{t("meaning.editor")}</p>}
      {meanings.answer.problem && !isMissing(meanings.answer.problem) && <Failed problem={meanings.answer.problem} retryIn={meanings.answer.retryIn} again={meanings.answer.again} />}
    </div>
  );
}

/** Names of events that no vocabulary knows, and what they may mean. */
export function NotUnderstood() {
  const page = useScope();
  // What came in today belongs to it, too: a name is to be understood before its day is over.
  const scope = { ...page, to: period.value.name ? addDays(today.value, 1) : page.to };
  const answer = useAnswer(keyOf("unmapped", scope), (signal) => askUnmapped(scope, signal));
  const meanings = useMeanings(answer.again);
  return (
    <div class="stack">
      <Card label={t("events.tab.meaning")} stale={!!answer.data && answer.loading} foot={answer.data && answer.data.names.length > 0 && <TruthLine asOf={answer.data.as_of} csv={unmappedCsv(scope)} link />}>
        <Answered answer={answer} skeleton={<Skeleton lines={6} />}>
          {(data) => {
            if (!data.names.length) return <Empty title={t("meaning.all")}>{t("meaning.all.why")}</Empty>;
            const chosen = data.names.find((each) => each.name === param("name")) ?? data.names[0];
            return (
              <div class="mapping">
                <Names names={data.names} chosen={chosen} data={data} meanings={meanings} />
                <Meaning key={chosen.name} name={chosen} meanings={meanings} />
              </div>
            );
          }}
        </Answered>
      </Card>
      <SavedMeanings meanings={meanings} />
    </div>
  );
}
