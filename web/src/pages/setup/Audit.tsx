import { askAudit, auditKey } from "../../api/audit";
import { useAnswer } from "../../api/use-answer";
import { language } from "../../app/preferences";
import { site, thisYear, zone } from "../../app/view";
import { Card } from "../../components/Card/Card";
import { DataTable } from "../../components/DataTable/DataTable";
import { Answered, Empty, Skeleton } from "../../components/States/States";
import { dayOf, formatDay } from "../../format/dates";
import { timeText } from "../../format/words";
import { t } from "../../text";

function atText(instant: string): string {
  const day = dayOf(new Date(instant), zone.value);
  return `${formatDay(language.value, day, { short: true, year: day.slice(0, 4) !== thisYear.value })} ${timeText(instant)}`;
}

/** As the server calls whoever uses its command line. */
const COMMAND_LINE = "command line";

export function byText(by: string): string {
  return by === COMMAND_LINE ? t("audit.by.command-line") : by;
}

/** Who changed what of this site, newest first. */
export function Audit() {
  const id = site.value!.id;
  const answer = useAnswer(auditKey(id), (signal) => askAudit(id, signal));
  return (
    <Card title={t("audit.title")} stale={!!answer.data && answer.loading}>
      <p class="setup-note muted small">{t("audit.what")}</p>
      <Answered answer={answer} skeleton={<Skeleton lines={6} />}>
        {(entries) =>
          entries.length ? (
            <DataTable
              caption={t("audit.title")}
              rows={entries}
              rowKey={(row) => row.at + row.action + row.what}
              columns={[
                { id: "at", name: t("refused.when"), cell: (row) => <span class="nowrap tab">{atText(row.at)}</span> },
                { id: "by", name: t("people.name"), priority: 2, cell: (row) => byText(row.by) },
                { id: "did", name: t("audit.change"), cell: (row) => t(`audit.did.${row.action}`) },
                { id: "what", name: t("audit.about"), cell: (row) => <span class="audit-what">{row.what}</span> },
              ]}
            />
          ) : (
            <Empty title={t("audit.none")} />
          )
        }
      </Answered>
    </Card>
  );
}
