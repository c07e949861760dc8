import type { ComponentChildren } from "preact";
import { abilities } from "../../api/abilities";
import { notUnderstood } from "../../app/not-understood";
import { address } from "../../app/router";
import { Tabs } from "../../components/Tabs/Tabs";
import { Head } from "../../components/Head/Head";
import { PeriodPicker } from "../../components/PeriodPicker/PeriodPicker";
import { count } from "../../format/words";
import { t } from "../../text";
import { Builder } from "./Builder";
import { Live } from "./Live";
import { NotUnderstood } from "./NotUnderstood";
import { Refused } from "./Refused";
import "./Events.css";

const TABS = ["live", "meaning", "refused", "funnel"] as const;
type Tab = (typeof TABS)[number];

function shownTabs(): Tab[] {
  return TABS.filter((tab) => tab !== "live" || abilities.value.live);
}

function labelOf(tab: Tab): ComponentChildren {
  return (
    <>
      {t(`events.tab.${tab}`)}
      {tab === "meaning" && notUnderstood.value > 0 && <b class="tab">{count(notUnderstood.value)}</b>}
    </>
  );
}

export function Events() {
  const tabs = shownTabs();
  const current = tabs.find((tab) => tab === address.value.path[2]) ?? (notUnderstood.value > 0 || !abilities.value.live ? "meaning" : "live");
  return (
    <>
      <Head title={t("menu.events")} question={t("events.question")}>
        {(current === "meaning" || current === "funnel") && <PeriodPicker compares={false} />}
      </Head>
      <Tabs label={t("events.tabs")} current={current} tabs={tabs.map((tab) => ({ id: tab, path: ["events", tab], label: labelOf(tab) }))} />
      {current === "live" && <Live />}
      {current === "meaning" && <NotUnderstood />}
      {current === "refused" && <Refused />}
      {current === "funnel" && <Builder />}
    </>
  );
}
