import type { ComponentChildren } from "preact";
import { modelName, models } from "../../app/models";
import { language } from "../../app/preferences";
import { address } from "../../app/router";
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
import { Snippet } from "./Snippet";
import { Waiting } from "./Waiting";
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

/** How events get here, and the reader's own account. */
export function Setup() {
  const { name, timezone, currency } = site.value!;
  const part = address.value.path[2];
  const tabs = [
    { id: "site", path: ["setup"], label: t("setup.site") },
    { id: "you", path: ["setup", "you"], label: t("account.title") },
  ];
  return (
    <>
      <Head title={t("menu.setup")} question={t(part === "you" ? "setup.question.later" : "setup.question")} />
      <Tabs label={t("menu.setup")} tabs={tabs} current={part === "you" ? "you" : "site"} />
      {part === "you" ? (
        <div class="setup-account"><Account /></div>
      ) : (
        <div class="setup">
          <Card label={t("menu.setup")}>
            <ol>
              <Step number={1} done title={t("setup.site")}>
                <p class="muted">{t("setup.site.facts", { name, zone: zoneName(timezone), currency: currencyName(currency) })}</p>
              </Step>
              <Step number={2} title={t("setup.send")}><Snippet /></Step>
              <Step number={3} title={t("setup.open")}><p class="muted">{t("setup.open.what")}</p></Step>
              <Step number={4} title={t("setup.models")}>
                <Models />
                <p class="small faint">{t("setup.models.what")}</p>
              </Step>
            </ol>
          </Card>
          <div class="stack setup-aside">
            <Waiting />
            <Practice />
          </div>
        </div>
      )}
    </>
  );
}
