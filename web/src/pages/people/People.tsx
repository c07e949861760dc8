import { useEffect, useRef, useState } from "preact/hooks";
import { abilities } from "../../api/abilities";
import { searchPeople } from "../../api/people";
import { askReferrals, keyOf } from "../../api/questions";
import type { PersonRow } from "../../api/types";
import { useAnswer } from "../../api/use-answer";
import { stages } from "../../app/models";
import { recentPeople } from "../../app/recent-people";
import { go, setParams } from "../../app/router";
import { pageAddress, param, site } from "../../app/view";
import { Button } from "../../components/Button/Button";
import { Card } from "../../components/Card/Card";
import { DataTable, Nothing } from "../../components/DataTable/DataTable";
import { Field } from "../../components/Field/Field";
import { Head } from "../../components/Head/Head";
import { StageBadge } from "../../components/Stage/Stage";
import { Who } from "../../components/Who/Who";
import { Answered, Empty, Skeleton } from "../../components/States/States";
import { valueName } from "../../format/names";
import { agoText, count, counted } from "../../format/words";
import { t } from "../../text";
import { useScope } from "../use-scope";
import "./People.css";

/** Any id opens its person, also where the server cannot search yet. */
function OpenById() {
  const [id, setId] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    if (id.trim()) go(pageAddress(["people", id.trim()]));
  };
  return (
    <Card title={t("people.open-id")}>
      <form class="open-id" onSubmit={submit}>
        <Field label={t("people.id")} value={id} onInput={(event) => setId(event.currentTarget.value)} code autocomplete="off" spellcheck={false} hint={t("people.open-id.what")} />
        <Button type="submit" disabled={!id.trim()}>{t("people.go")}</Button>
      </form>
    </Card>
  );
}

function Recent() {
  const recent = recentPeople(site.value!.id);
  if (!recent.length) return null;
  return (
    <Card title={t("people.recent")}>
      <ul class="people-list">
        {recent.map((each) => (
          <li key={each.id}><Who id={each.id} name={each.name} /></li>
        ))}
      </ul>
    </Card>
  );
}

function Ambassadors() {
  const scope = useScope();
  const answer = useAnswer(keyOf("referrals", scope), (signal) => askReferrals(scope, signal));
  if (answer.data && !answer.data.advocates.length) return null;
  return (
    <Card title={t("people.ambassadors")}>
      <Answered answer={answer} skeleton={<Skeleton lines={4} />}>
        {(data) => (
          <ul class="people-list">
            {data.advocates.slice(0, 10).map((each) => (
              <li key={each.actor}>
                <Who id={each.actor} name={each.name} />
                <b class="tab">{count(each.referred)}</b>
              </li>
            ))}
          </ul>
        )}
      </Answered>
    </Card>
  );
}

const TYPING_MS = 250;

function stageOf(id: string | null | undefined) {
  return stages.value.find((stage) => stage.id === id) ?? null;
}

function Results({ rows, total }: { rows: PersonRow[]; total: number }) {
  return (
    <>
      <p class="people-found muted small" role="status">{counted("people.found", total)}</p>
      <DataTable
        caption={t("menu.people")}
        rows={rows}
        rowKey={(row) => row.actor}
        onOpen={(row) => go(pageAddress(["people", row.actor]))}
        columns={[
          { id: "who", name: t("people.name"), cell: (row) => <Who id={row.actor} name={row.name} /> },
          { id: "stage", name: t("people.stage"), cell: (row) => { const stage = stageOf(row.stage); return stage ? <StageBadge stage={stage} /> : <Nothing />; } },
          { id: "channel", name: t("people.channel"), priority: 2, cell: (row) => <span class="muted">{row.channel ? valueName("channel", row.channel) : <Nothing />}</span> },
          { id: "seen", name: t("people.last-seen"), figure: true, sort: (row) => row.last_seen, cell: (row) => <span class="muted nowrap">{row.last_seen ? agoText(row.last_seen) : <Nothing />}</span> },
        ]}
      />
    </>
  );
}

function Search() {
  const q = param("q") ?? "";
  const [typed, setTyped] = useState(q);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const id = site.value!.id;
  const answer = useAnswer(JSON.stringify(["people", id, q]), (signal) => searchPeople(id, q, null, signal));
  useEffect(() => setTyped(q), [q]);
  const type = (text: string) => {
    setTyped(text);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setParams({ q: text.trim() || null }, { replace: true }), TYPING_MS);
  };
  return (
    <Card label={t("people.search.label")} stale={!!answer.data && answer.loading}>
      <div class="people-search">
        <Field label={t("people.search.label")} type="search" value={typed} placeholder={t("people.search")} onInput={(event) => type(event.currentTarget.value)} autocomplete="off" spellcheck={false} />
      </div>
      <Answered answer={answer} skeleton={<Skeleton lines={6} />}>
        {(data) => (data.people.length ? <Results rows={data.people} total={data.total} /> : <Empty title={t("people.none-found", { q })} />)}
      </Answered>
    </Card>
  );
}

export function People() {
  return (
    <>
      <Head title={t("menu.people")} question={t("people.question")} />
      <div class="stack">
        {abilities.value.search ? <Search /> : <OpenById />}
        <div class="grid grid-2 one">
          <Ambassadors />
          <Recent />
        </div>
      </div>
    </>
  );
}
