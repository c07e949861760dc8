import { askShares, revokeShare, type Share } from "../../api/shares";
import { offers } from "../../api/session";
import { useAnswer } from "../../api/use-answer";
import { pageAddress, site, today, zone } from "../../app/view";
import { LinkButton } from "../../components/Button/Button";
import { Card } from "../../components/Card/Card";
import { DataTable } from "../../components/DataTable/DataTable";
import { Revoke } from "../../components/Revoke/Revoke";
import { pageName } from "../../components/ShareDialog/open";
import { Answered, Empty, Skeleton } from "../../components/States/States";
import { dayOf } from "../../format/dates";
import { agoText, dayText, rangeText } from "../../format/words";
import { parsePeriod } from "../../model/period";
import { t } from "../../text";

function periodText(share: Share): string {
  const period = parsePeriod(new URLSearchParams(share.view).get("p"), today.value);
  if (!period) return "";
  const range = period.name ? t(`period.${period.name}`) : rangeText(period);
  return share.period === "free" ? t("share.row.free", { range }) : t("share.row.fixed", { range });
}

function marksOf(share: Share): string {
  return [share.has_password ? t("share.row.password") : "", share.origins.length ? t("share.row.embed", { origins: share.origins.map((each) => each.replace(/^https:\/\//, "")).join(", ") }) : ""].filter(Boolean).join(" · ");
}

function isOver(share: Share): boolean {
  return Date.parse(share.expires_at) <= Date.now();
}

function List({ shares, again }: { shares: Share[]; again: () => void }) {
  return (
    <DataTable
      caption={t("share.list")}
      rows={shares}
      rowKey={(row) => row.id}
      columns={[
        {
          id: "page",
          name: t("share.page"),
          cell: (row) => (
            <span class="row-lines">
              <b>{pageName(row.page)}</b>
              <small class="faint micro">{periodText(row)}</small>
              <small class="only-narrow faint micro">{t("share.row.when", { day: dayText(dayOf(new Date(row.expires_at), zone.value)), ago: row.last_opened ? agoText(row.last_opened) : t("share.never") })}</small>
              {marksOf(row) && <small class="faint micro">{marksOf(row)}</small>}
            </span>
          ),
        },
        { id: "by", name: t("meaning.by"), priority: 3, cell: (row) => <span class="muted">{row.by}</span> },
        { id: "until", name: t("share.until"), priority: 2, sort: (row) => row.expires_at, cell: (row) => (isOver(row) ? <span class="worse">{t("share.over")}</span> : <span class="nowrap">{dayText(dayOf(new Date(row.expires_at), zone.value))}</span>) },
        { id: "opened", name: t("share.opened"), priority: 2, sort: (row) => row.last_opened, cell: (row) => <span class="muted nowrap">{row.last_opened ? agoText(row.last_opened) : t("share.never")}</span> },
        { id: "revoke", name: "", figure: true, cell: (row) => <Revoke which={t("share.revoke.which", { page: pageName(row.page) })} sure={t("share.sure")} done={t("share.revoked")} revoke={() => revokeShare(site.value!.id, row.id)} again={again} /> },
      ]}
    />
  );
}

/** Every link that leads to a page of this site, and the way to end it. */
export function Shares() {
  const id = site.value!.id;
  const answer = useAnswer(offers("shares") ? JSON.stringify(["shares", id]) : null, (signal) => askShares(id, signal));
  return (
    <Card title={t("share.list")} stale={!!answer.data && answer.loading}>
      <p class="setup-note muted small">{t("share.list.what")}</p>
      <Answered answer={answer} skeleton={<Skeleton lines={4} />}>
        {(shares) => (shares.length ? <List shares={shares} again={answer.again} /> : <Empty title={t("share.none")} action={<LinkButton look="second" href={pageAddress(["today"])}>{t("state.page.today")}</LinkButton>}>{t("share.none.how")}</Empty>)}
      </Answered>
    </Card>
  );
}
