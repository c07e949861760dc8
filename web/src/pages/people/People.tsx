import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import { abilities } from "../../api/abilities";
import { searchPeople } from "../../api/people";
import { askReferrals, keyOf } from "../../api/questions";
import type { FoundAnswer } from "../../api/types";
import { useAnswer } from "../../api/use-answer";
import { recentPeople } from "../../app/recent-people";
import { go, setParams } from "../../app/router";
import { useDebounced } from "../../app/use-debounced";
import { pageAddress, param, period, site } from "../../app/view";
import { Button } from "../../components/Button/Button";
import { Card } from "../../components/Card/Card";
import { DataTable, Nothing } from "../../components/DataTable/DataTable";
import { Field } from "../../components/Field/Field";
import { Head } from "../../components/Head/Head";
import { Who } from "../../components/Who/Who";
import { Answered, Empty, Skeleton } from "../../components/States/States";
import { valueName } from "../../format/names";
import { agoText, capital, count, counted, rangeText } from "../../format/words";
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

const MOST_AMBASSADORS = 10;

function Ambassadors() {
  const scope = useScope();
  const answer = useAnswer(keyOf("referrals", scope), (signal) => askReferrals(scope, signal));
  const shown = answer.data?.advocates.slice(0, MOST_AMBASSADORS) ?? [];
  if (answer.data && !shown.length) return null;
  return (
    <Card title={t("people.ambassadors")} tools={<span class="muted small">{rangeText(period.value)}</span>}>
      <Answered answer={answer} skeleton={<Skeleton lines={4} />}>
        {() => (
          <ul class="people-list">
            {shown.map((each) => (
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

const MOST_FOUND = 20;

function whenSeen(instant: string | null) {
  return instant ? <span class="muted nowrap">{agoText(instant)}</span> : <Nothing />;
}

function Results({ data }: { data: FoundAnswer }) {
  return (
    <>
      <p class="people-found muted small" role="status">{data.more ? counted("people.found.more", data.people.length) : counted("people.found", data.people.length)}</p>
      <DataTable
        caption={t("menu.people")}
        rows={data.people}
        rowKey={(row) => row.actor}
        onOpen={(row) => go(pageAddress(["people", row.actor]))}
        columns={[
          { id: "who", name: t("people.name"), cell: (row) => <Who id={row.actor} name={row.name ?? row.email_hint} hint={row.name && row.email_hint} /> },
          { id: "channel", name: t("people.channel"), priority: 2, cell: (row) => <span class="muted">{row.channel ? valueName("channel", row.channel) : <Nothing />}</span> },
          { id: "device", name: t("split.device"), priority: 3, cell: (row) => <span class="muted">{row.device ? capital(valueName("device", row.device)) : <Nothing />}</span> },
          { id: "country", name: t("split.country"), priority: 3, cell: (row) => <span class="muted">{row.country ? valueName("country", row.country) : <Nothing />}</span> },
          { id: "first", name: t("people.first-seen"), figure: true, priority: 2, sort: (row) => row.first_seen, cell: (row) => whenSeen(row.first_seen) },
          { id: "seen", name: t("people.last-seen"), figure: true, sort: (row) => row.last_seen, cell: (row) => whenSeen(row.last_seen) },
        ]}
      />
    </>
  );
}

function Search() {
  const q = param("q") ?? "";
  const [typed, setTyped] = useState(q);
  const still = useDebounced(typed);
  const id = site.value!.id;
  // Another question calls off the one that runs.
  const answer = useAnswer(q ? JSON.stringify(["people", id, q]) : null, (signal) => searchPeople(id, q, MOST_FOUND, signal));
  // A later effect would undo the first letters of a quick typist.
  useLayoutEffect(() => setTyped(q), [q]);
  useEffect(() => {
    if (still === typed && still.trim() !== q) setParams({ q: still.trim() || null }, { replace: true });
  }, [still]);
  return (
    <Card label={t("people.search.label")} stale={!!answer.data && answer.loading}>
      <div class="people-search">
        <Field label={t("people.search.label")} type="search" value={typed} placeholder={t("people.search")} onInput={(event) => setTyped(event.currentTarget.value)} autocomplete="off" spellcheck={false} hint={t("people.search.what")} />
      </div>
      {q && (
        <Answered answer={answer} skeleton={<Skeleton lines={4} />}>
          {(data) => (data.people.length ? <Results data={data} /> : <Empty title={t("people.none-found", { q })}>{t("people.none-found.how")}</Empty>)}
        </Answered>
      )}
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
