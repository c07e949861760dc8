import { useState } from "preact/hooks";
import { askKeys, KEY_KINDS, revokeKey, type KeyKind, type SiteKey } from "../../api/keys";
import { offers } from "../../api/session";
import { useAnswer } from "../../api/use-answer";
import { site } from "../../app/view";
import { Card } from "../../components/Card/Card";
import { DataTable } from "../../components/DataTable/DataTable";
import { Select } from "../../components/Field/Field";
import { MadeKey, MakeKey } from "../../components/NewKey/NewKey";
import { Revoke } from "../../components/Revoke/Revoke";
import { Answered, Empty, Skeleton } from "../../components/States/States";
import { agoText } from "../../format/words";
import { t } from "../../text";
import { byText } from "./Audit";

function madeText(key: SiteKey): string {
  return key.created_at ? agoText(key.created_at) : t("site-keys.made.unknown");
}

function List({ keys, again }: { keys: SiteKey[]; again: () => void }) {
  return (
    <DataTable
      caption={t("site-keys.title")}
      rows={keys}
      rowKey={(row) => row.id}
      columns={[
        {
          id: "kind",
          name: t("site-keys.kind"),
          cell: (row) => (
            <span class="row-lines">
              <b>{t(`site-keys.kind.${row.kind}`)}</b>
              <small class="faint micro mono">{row.digits}</small>
              <small class="only-narrow faint micro">{madeText(row)}</small>
            </span>
          ),
        },
        { id: "by", name: t("meaning.by"), priority: 3, cell: (row) => <span class="muted">{row.by ? byText(row.by) : "–"}</span> },
        { id: "made", name: t("site-keys.made-at"), priority: 2, sort: (row) => row.created_at, cell: (row) => <span class="muted nowrap">{madeText(row)}</span> },
        {
          id: "revoke",
          name: "",
          figure: true,
          cell: (row) => <Revoke which={t("site-keys.revoke.which", { kind: t(`site-keys.kind.${row.kind}`), digits: row.digits })} sure={t("site-keys.sure")} done={t("site-keys.revoked")} revoke={() => revokeKey(site.value!.id, row.id)} again={again} />,
        },
      ]}
    />
  );
}

function Make({ again }: { again: () => void }) {
  const [kind, setKind] = useState<KeyKind>("browser");
  const [made, setMade] = useState("");
  return (
    <Card title={t("site-keys.new")}>
      <div class="keys-new">
        <Select label={t("site-keys.kind")} value={kind} options={KEY_KINDS.map((value) => ({ value, label: t(`site-keys.kind.${value}`) }))} onChange={(value) => (setKind(value), setMade(""))} />
        <p class="muted small">{t(`site-keys.kind.${kind}.what`)}</p>
        {made ? <MadeKey value={made} /> : <MakeKey kind={kind} look="first" onMade={(key) => (setMade(key), again())} />}
      </div>
    </Card>
  );
}

/** The keys that open this site, and new ones; for its admins. */
export function Keys() {
  const id = site.value!.id;
  const answer = useAnswer(offers("keys") ? JSON.stringify(["keys", id]) : null, (signal) => askKeys(id, signal));
  return (
    <div class="stack">
      <Make again={answer.again} />
      <Card title={t("site-keys.title")} stale={!!answer.data && answer.loading}>
        <p class="setup-note muted small">{t("site-keys.what")}</p>
        <Answered answer={answer} skeleton={<Skeleton lines={4} />}>
          {(keys) => (keys.length ? <List keys={keys} again={answer.again} /> : <Empty title={t("site-keys.none")} />)}
        </Answered>
      </Card>
    </div>
  );
}
