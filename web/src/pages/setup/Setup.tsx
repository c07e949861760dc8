import type { ComponentChildren } from "preact";
import { askAudit, auditKey } from "../../api/audit";
import { offers } from "../../api/session";
import { useAnswer } from "../../api/use-answer";
import { modelName, models } from "../../app/models";
import { language } from "../../app/preferences";
import { address } from "../../app/router";
import { sharingOffered } from "../../app/sharing";
import { pageAddress, site } from "../../app/view";
import { Card } from "../../components/Card/Card";
import { Head } from "../../components/Head/Head";
import { Icon } from "../../components/Icon/Icon";
import { Practice } from "../../components/Practice/Practice";
import { Tabs } from "../../components/Tabs/Tabs";
import { StageDots } from "../../components/Stage/Stage";
import { LOCALES } from "../../format/locale";
import { zoneName } from "../../format/dates";
import { counted } from "../../format/words";
import { stagesOf } from "../../model/stages";
import { t } from "../../text";
import { Account } from "./Account";
import { Audit } from "./Audit";
import { Colleagues } from "./Colleagues";
import { Keys } from "./Keys";
import { Shares } from "./Shares";
import { Snippet } from "./Snippet";
import { isThere, useSeen, Waiting } from "./Waiting";
import "./Setup.css";

function currencyName(code: string): string {
  try {
    return new Intl.DisplayNames([LOCALES[language.value]], { type: "currency" }).of(code) ?? code;
  } catch {
    return code;
  }
}

function Step({ number, done, title, children }: { number: number; done?: boolean; title: string; children: ComponentChildren }) {
  return (
    <li class="setup-step">
      <span class={done ? "setup-number done" : "setup-number"} aria-hidden="true">{done ? <Icon name="check" size={15} weight={2.2} /> : number}</span>
      <h2>{title}</h2>
      <div class="setup-in">{children}</div>
    </li>
  );
}

function Models() {
  return (
    <ul class="setup-models">
      {models.value.map((each) => (
        <li key={each.id}>
          <a href={pageAddress(["journey"], { m: each.id })}>
            <span>
              <b>{modelName(each, language.value)}</b>
              <small class="faint micro">{counted("model.stages", each.stages.length)}</small>
            </span>
            <StageDots stages={stagesOf(each)} />
          </a>
        </li>
      ))}
    </ul>
  );
}

/** How events get here: four steps, and beside them whether the first one came. */
function SetUpSite() {
  const { name, timezone, currency } = site.value!;
  const seen = useSeen();
  const came = isThere(seen);
  return (
    <div class="setup">
      <Card label={t("menu.setup")}>
        <ol>
          <Step number={1} done title={t("setup.site")}>
            <p class="muted">{t("setup.site.facts", { name, zone: zoneName(timezone), currency: currencyName(currency) })}</p>
          </Step>
          <Step number={2} done={came} title={t("setup.send")}><Snippet /></Step>
          <Step number={3} done={came} title={t("setup.open")}><p class="muted">{t("setup.open.what")}</p></Step>
          <Step number={4} title={t("setup.models")}>
            <Models />
            <p class="small faint">{t("setup.models.what")}</p>
          </Step>
        </ol>
      </Card>
      <div class="stack setup-aside">
        <Waiting seen={seen} />
        <Practice />
      </div>
    </div>
  );
}

const PARTS = ["site", "share", "keys", "audit", "you"] as const;
type Part = (typeof PARTS)[number];

/** What the reader may use, as far as this Etappe has it. */
function useParts(): Part[] {
  const { id, role } = site.value!;
  const audit = useAnswer(role === "admin" && offers("audit") ? auditKey(id) : null, (signal) => askAudit(id, signal));
  const offered: Record<Part, boolean> = { site: true, share: sharingOffered.value, keys: role === "admin" && offers("keys"), audit: role === "admin" && !!(audit.data ?? (audit.problem && audit.problem.status !== 404)), you: true };
  return PARTS.filter((part) => offered[part]);
}

function PartPage({ part }: { part: Part }) {
  switch (part) {
    case "share":
      return (
        <div class="stack">
          <Shares />
          <Colleagues />
        </div>
      );
    case "keys":
      return <Keys />;
    case "audit":
      return <Audit />;
    case "you":
      return <div class="setup-account"><Account /></div>;
    case "site":
      return <SetUpSite />;
  }
}

/** How events get here, who sees what, and the reader's own account. */
export function Setup() {
  const parts = useParts();
  const current = PARTS.find((part) => part === address.value.path[2]) ?? "site";
  const tabs = parts.map((part) => ({ id: part, path: part === "site" ? ["setup"] : ["setup", part], label: part === "you" ? t("account.title") : t(`setup.tab.${part}`) }));
  return (
    <>
      <Head title={t("menu.setup")} question={t(current === "site" ? "setup.question" : "setup.question.later")} />
      <Tabs label={t("menu.setup")} tabs={tabs} current={current} />
      <PartPage part={current} />
    </>
  );
}
