import { askRejections, type Rejection } from "../../api/rejections";
import { useAnswer } from "../../api/use-answer";
import { site } from "../../app/view";
import { Card } from "../../components/Card/Card";
import { DataTable, Nothing } from "../../components/DataTable/DataTable";
import { Answered, Empty, Skeleton } from "../../components/States/States";
import { agoText, count, counted } from "../../format/words";
import { reasonText, whatToDo } from "../../model/refusals";
import { t } from "../../text";

interface Reason {
  reason: string;
  times: number;
}

function byReason(rejections: Rejection[]): Reason[] {
  const times = new Map<string, number>();
  for (const each of rejections) times.set(each.reason, (times.get(each.reason) ?? 0) + 1);
  return [...times].map(([reason, n]) => ({ reason, times: n })).sort((a, b) => b.times - a.times);
}

function Lists({ rejections }: { rejections: Rejection[] }) {
  return (
    <div class="stack">
      <Card title={counted("refused.what", rejections.length)}>
        <DataTable
          caption={t("refused.reason")}
          rows={byReason(rejections)}
          rowKey={(row) => row.reason}
          columns={[
            { id: "reason", name: t("refused.reason"), cell: (row) => <b>{reasonText(row.reason)}</b> },
            { id: "change", name: t("refused.change"), cell: (row) => <span class="muted">{whatToDo(row.reason) ?? <Nothing />}</span> },
            { id: "times", name: t("refused.count"), figure: true, cell: (row) => count(row.times) },
          ]}
        />
      </Card>
      <Card title={t("refused.when")}>
        <DataTable
          caption={t("refused.when")}
          rows={rejections}
          rowKey={(row) => row.receivedAt + row.messageId}
          columns={[
            { id: "when", name: t("refused.when"), cell: (row) => <span class="nowrap">{agoText(row.receivedAt)}</span> },
            { id: "event", name: t("refused.event"), cell: (row) => <code>{row.event ?? row.type ?? "–"}</code> },
            { id: "reason", name: t("refused.reason"), cell: (row) => <span class="muted">{reasonText(row.reason)}</span> },
          ]}
        />
      </Card>
    </div>
  );
}

/** The last messages that were not taken, why, and what to change. */
export function Refused() {
  const id = site.value!.id;
  const answer = useAnswer(JSON.stringify(["rejections", id]), (signal) => askRejections(id, signal));
  return (
    <Answered answer={answer} skeleton={<div class="card"><Skeleton lines={4} /></div>}>
      {(data) => (data.rejections.length ? <Lists rejections={data.rejections} /> : <Card><Empty title={t("refused.none")} /></Card>)}
    </Answered>
  );
}
