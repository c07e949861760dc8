import { useState } from "preact/hooks";
import { abilities } from "../../api/abilities";
import { ignoreEvent, removeMeaning, saveMeaning } from "../../api/meanings";
import { isProblem, Problem } from "../../api/problem";
import { askUnmapped, keyOf, unmappedCsv, type Scope } from "../../api/questions";
import type { UnmappedAnswer, UnmappedName } from "../../api/types";
import { forgetAnswers, useAnswer } from "../../api/use-answer";
import { countNotUnderstood } from "../../app/not-understood";
import { setParams } from "../../app/router";
import { toast } from "../../app/toasts";
import { param, period, site, today, zone } from "../../app/view";
import { addDays, dayOf } from "../../format/dates";
import { Button } from "../../components/Button/Button";
import { Card } from "../../components/Card/Card";
import { CodeBlock } from "../../components/CodeBlock/CodeBlock";
import { Answered, Empty, Failed, Skeleton } from "../../components/States/States";
import { TruthLine } from "../../components/TruthLine/TruthLine";
import { agoText, count, counted, dayText } from "../../format/words";
import { t } from "../../text";
import { useScope } from "../use-scope";
import { Choices } from "./Choices";

/** What was said of an event can be taken back for as long as the toast is there. */
async function say(scope: Scope, name: string, milestone: string | null, again: () => void): Promise<void> {
  await (milestone ? saveMeaning(scope.site, name, milestone) : ignoreEvent(scope.site, name));
  const refresh = () => {
    forgetAnswers();
    void countNotUnderstood(scope.site);
    again();
  };
  refresh();
  toast(t(milestone ? "meaning.saved" : "meaning.ignored"), {
    label: t("undo"),
    run: () => void removeMeaning(scope.site, name).then(() => (toast(t("meaning.undone")), refresh())),
  });
}

function Names({ names, chosen, data }: { names: UnmappedName[]; chosen: UnmappedName; data: UnmappedAnswer }) {
  return (
    <div class="names">
      <ul aria-label={t("meaning.names")}>
        {names.map((each) => (
          <li key={each.name + each.kind}>
            <button type="button" aria-pressed={each === chosen} onClick={() => setParams({ name: each.name }, { replace: true })}>
              <code class="cut" title={each.name}>{each.name}</code>
              <b>{count(each.events)}</b>
              <small>
                {each.understood_now ? t("meaning.understood-now") : t("meaning.since", { day: dayText(dayOf(new Date(each.first_seen), zone.value)), ago: agoText(each.last_seen) })}
              </small>
            </button>
          </li>
        ))}
      </ul>
      <p class="names-note">
        {data.names_more > 0 && <>{t("meaning.more", { n: count(data.names_more) })}. </>}
        {t("meaning.share", { n: count(data.events) })}
      </p>
    </div>
  );
}

/** Without a way to save it here, the line for the vocabulary file is shown to take along. */
function vocabularyLine(name: string, milestone: string): string {
  return `[[rule]]\nid = "own-${name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "")}"\nevent = ${JSON.stringify(name)}\nmilestone = "${milestone}"`;
}

function Meaning({ name, scope, again }: { name: UnmappedName; scope: Scope; again: () => void }) {
  const [milestone, setMilestone] = useState<string | null>(name.suggestion?.milestone ?? null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const mayEdit = site.value!.role !== "viewer";
  const send = async (chosen: string | null) => {
    setBusy(true);
    setProblem(null);
    try {
      await say(scope, name.name, chosen, again);
    } catch (error) {
      setProblem(isProblem(error) ? error : new Problem(0, "unknown", ""));
    }
    setBusy(false);
  };
  const fill = { times: counted("meaning.times", name.events), people: counted("meaning.people", name.people), day: dayText(dayOf(new Date(name.first_seen), zone.value)) };
  return (
    <div class="meaning">
      <div>
        <h2>{t("meaning.what", { name: name.name })}</h2>
        <p class="muted small">{t("meaning.until", fill)}</p>
      </div>
      {name.example && <CodeBlock code={JSON.stringify(name.example, null, 2)} label={name.name} />}
      <Choices suggestion={name.suggestion} value={milestone} onChange={setMilestone} />
      {problem && <Failed problem={problem} />}
      {!mayEdit && <p class="muted small">{t("meaning.editor")}</p>}
      {mayEdit && abilities.value.meanings && (
        <div class="meaning-go">
          <Button disabled={!milestone || busy} onClick={() => void send(milestone)}>{t("meaning.save")}</Button>
          <Button look="second" disabled={busy} onClick={() => void send(null)}>{t("meaning.ignore")}</Button>
        </div>
      )}
      {mayEdit && !abilities.value.meanings && milestone && (
        <div>
          <p class="muted small">{t("meaning.by-file")}</p>
          <CodeBlock code={vocabularyLine(name.name, milestone)} label={t("meaning.save")} />
        </div>
      )}
    </div>
  );
}

/** Names of events that no vocabulary knows, and what they may mean. */
export function Meanings() {
  const page = useScope();
  // What came in today belongs to it, too: a name is to be understood before its day is over.
  const scope = { ...page, to: period.value.name ? addDays(today.value, 1) : page.to };
  const answer = useAnswer(keyOf("unmapped", scope), (signal) => askUnmapped(scope, signal));
  return (
    <Card label={t("events.tab.meaning")} stale={!!answer.data && answer.loading} foot={answer.data && answer.data.names.length > 0 && <TruthLine asOf={answer.data.as_of} csv={unmappedCsv(scope)} link />}>
      <Answered answer={answer} skeleton={<Skeleton lines={6} />}>
        {(data) => {
          if (!data.names.length) return <Empty title={t("meaning.all")}>{t("meaning.all.why")}</Empty>;
          const chosen = data.names.find((each) => each.name === param("name")) ?? data.names[0];
          return (
            <div class="mapping">
              <Names names={data.names} chosen={chosen} data={data} />
              <Meaning key={chosen.name} name={chosen} scope={scope} again={answer.again} />
            </div>
          );
        }}
      </Answered>
    </Card>
  );
}
