import { abilities } from "../api/abilities";
import type { FoundPerson } from "../api/types";
import { choosePeriod } from "../components/PeriodPicker/PeriodPicker";
import { mayShare, openShareDialog } from "../components/ShareDialog/open";
import type { IconName } from "../components/Icon/Icon";
import { personName } from "../format/names";
import { PERIODS } from "../model/period";
import { t, type TextKey } from "../text";
import { modelName, models } from "./models";
import { PAGES } from "./pages";
import { isDark, language, setLanguage, setTheme } from "./preferences";
import { go, setParams, toAddress } from "./router";
import { address } from "./router";
import { pageAddress, site, sites } from "./view";

export interface Entry {
  id: string;
  group: string;
  icon: IconName;
  name: string;
  hint?: string;
  run: () => void;
}

const SPLITS = ["channel", "campaign", "device", "country", "persona", "touchpoint"] as const;
const DEFINITIONS = ["customers", "revenue", "purchases_per_customer", "referrals_per_customer", "activation_rate", "retention_rate", "repeat_rate", "nps", "k_factor", "viral_cycle_time_s", "average_order_value", "lifetime_value"] as const;

function here(): Entry[] {
  const page = address.value.path[1];
  const share: Entry[] = mayShare() ? [{ id: "share", group: t("palette.here"), icon: "share", name: t("share.without"), run: openShareDialog }] : [];
  if (page !== "journey") return share;
  const isTable = address.value.query.get("view") === "table";
  return [...share, { id: "view", group: t("palette.here"), icon: isTable ? "chart" : "table", name: t(isTable ? "palette.view.chart" : "palette.view.table"), run: () => setParams({ view: isTable ? null : "table" }) }];
}

function pages(): Entry[] {
  return PAGES.filter((page) => site.value && page.for(site.value)).map((page) => ({
    id: `page-${page.id}`,
    group: t("palette.pages"),
    icon: page.icon,
    name: t(`menu.${page.id}`),
    hint: `G ${page.key.toUpperCase()}`,
    run: () => go(pageAddress([page.id])),
  }));
}

function splits(): Entry[] {
  return SPLITS.map((by) => ({
    id: `split-${by}`,
    group: t("palette.pages"),
    icon: "funnel",
    name: t("palette.split", { what: t(`split.${by}`).toLowerCase() }),
    run: () => go(pageAddress(["journey"], { by })),
  }));
}

function periods(): Entry[] {
  return PERIODS.map((name, index) => ({ id: `period-${name}`, group: t("palette.periods"), icon: "calendar", name: t(`period.${name}`), hint: String(index + 1), run: () => choosePeriod(name) }));
}

function switches(): Entry[] {
  return [
    ...models.value.map((model): Entry => ({ id: `model-${model.id}`, group: t("palette.models"), icon: "journey", name: modelName(model, language.value), run: () => go(pageAddress(["journey"], { m: model.id })) })),
    ...sites.value.filter((each) => each.id !== site.value?.id).map((each): Entry => ({ id: `site-${each.id}`, group: t("menu.site"), icon: "globe", name: t("palette.site", { name: each.name }), run: () => go(toAddress([each.id, "today"])) })),
    { id: "language", group: t("palette.settings"), icon: "globe", name: t("menu.language.switch"), hint: "L", run: () => setLanguage(language.value === "en" ? "nl" : "en") },
    { id: "theme", group: t("palette.settings"), icon: isDark() ? "sun" : "moon", name: t(isDark() ? "menu.theme.light" : "menu.theme.dark"), hint: "D", run: () => setTheme(isDark() ? "light" : "dark") },
  ];
}

function definitions(): Entry[] {
  return DEFINITIONS.map((id) => ({
    id: `kpi-${id}`,
    group: t("palette.definitions"),
    icon: "bulb",
    name: `${t(`kpi.${id}`)} \u2014 ${t(`kpi.${id}.what` as TextKey)}`,
    run: () => go(pageAddress([id.includes("referral") || id.startsWith("k_") || id.startsWith("viral") ? "referral" : id.includes("value") ? "revenue" : "today"])),
  }));
}

/** Finds each word of the query somewhere in the name; those at its start come first. */
export function matching(entries: Entry[], query: string): Entry[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return entries;
  const score = (entry: Entry) => {
    const name = entry.name.toLowerCase();
    if (!words.every((word) => name.includes(word))) return -1;
    return name.startsWith(words[0]) ? 2 : name.includes(` ${words[0]}`) ? 1 : 0;
  };
  return entries.map((entry) => ({ entry, score: score(entry) })).filter((each) => each.score >= 0).sort((a, b) => b.score - a.score).map((each) => each.entry);
}

/** People who fit; the address tells apart two of one name. */
export function peopleEntries(people: FoundPerson[]): Entry[] {
  return people.map((person) => ({
    id: `person-${person.actor}`,
    group: t("palette.people"),
    icon: "person",
    name: personName(person.name ?? person.email_hint, person.actor),
    hint: person.name ? (person.email_hint ?? undefined) : undefined,
    run: () => go(pageAddress(["people", person.actor])),
  }));
}

export function paletteEntries(query: string): Entry[] {
  if (!site.value) return matching(switches(), query);
  const found = query ? matching([...here(), ...pages(), ...splits(), ...periods(), ...switches(), ...definitions()], query) : [...here(), ...pages(), ...periods(), ...switches()];
  const id = query.trim();
  if (!id) return found;
  const person: Entry = abilities.value.search
    ? { id: "people", group: t("palette.people"), icon: "people", name: t("palette.people.all", { q: id }), run: () => go(pageAddress(["people"], { q: id })) }
    : { id: "person", group: t("palette.people"), icon: "person", name: t("palette.person", { q: id }), run: () => go(pageAddress(["people", id])) };
  return [...found, person];
}
