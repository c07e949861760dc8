import { useState } from "preact/hooks";
import type { SavedMeaning } from "../../api/meanings";
import { Card } from "../../components/Card/Card";
import { DataTable } from "../../components/DataTable/DataTable";
import { didText } from "../../format/names";
import { agoText } from "../../format/words";
import { t } from "../../text";
import type { Meanings } from "./use-meanings";

export function meaningText(saved: SavedMeaning): string {
  return saved.milestone ? t("meaning.means", { did: lower(didText(saved.milestone)) }) : t("meaning.means.nothing");
}

export function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function Undo({ event, meanings }: { event: string; meanings: Meanings }) {
  const [state, setState] = useState<"quiet" | "busy" | "failed">("quiet");
  const undo = () => {
    setState("busy");
    meanings.remove(event).catch(() => setState("failed"));
  };
  return (
    <>
      {state === "failed" && <span class="worse small" role="alert">{t("state.failed")} </span>}
      <button type="button" class="link row-act" disabled={state === "busy"} onClick={undo} aria-label={t("meaning.undo", { name: event })}>{t("undo")}</button>
    </>
  );
}

/** What was said of names so far, each to be taken back. */
export function SavedMeanings({ meanings }: { meanings: Meanings }) {
  const saved = meanings.answer.data;
  if (!saved?.length) return null;
  return (
    <Card title={t("meaning.list")}>
      <p class="meanings-note muted small">{t("meaning.list.what")}</p>
      <DataTable
        caption={t("meaning.list")}
        rows={saved}
        rowKey={(row) => row.event}
        columns={[
          { id: "event", name: t("refused.event"), cell: (row) => <code>{row.event}</code> },
          { id: "means", name: t("person.why.meaning"), cell: (row) => meaningText(row) },
          { id: "by", name: t("meaning.by"), priority: 3, cell: (row) => <span class="muted">{row.by}</span> },
          { id: "at", name: t("refused.when"), priority: 2, cell: (row) => <span class="muted nowrap">{agoText(row.at)}</span> },
          { id: "undo", name: "", figure: true, cell: (row) => <Undo event={row.event} meanings={meanings} /> },
        ]}
      />
    </Card>
  );
}
