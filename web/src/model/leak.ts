import type { Leak } from "../api/types";
import { language } from "../app/preferences";
import { thisYear } from "../app/view";
import { formatMonth } from "../format/dates";
import { formatMoneyEstimate } from "../format/money";
import { formatEstimate, ofPeople } from "../format/numbers";
import { valueName } from "../format/names";
import { count, withinSentence } from "../format/words";
import { t } from "../text";
import { countedDo, type Stage } from "./stages";

/** Below it, the people themselves are told and not a rate. */
const FEW = 100;

export interface LeakWords {
  sentence: string;
  month: string;
  /** Of a hundred: those who go on now, and those who did besides in the best month. */
  now: number;
  lost: number;
  worth: string | null;
  where: string | null;
}

function worthText(leak: Leak): string | null {
  const { worth } = leak;
  if (!worth || !(worth.customers > 0)) return null;
  const customers = formatEstimate(language.value, worth.customers);
  if (!worth.revenue || !worth.currency) return t("leak.worth.people", { customers });
  return t("leak.worth", { customers, money: formatMoneyEstimate(language.value, worth.revenue, worth.currency) });
}

/** People by where they came from, within a sentence: names of the interface's own begin small there. */
function groupText({ by, value }: NonNullable<Leak["where"]>): string {
  if (value === null) return t("leak.where.none");
  return by === "channel" ? t("leak.where.channel", { name: withinSentence(valueName(by, value)) }) : valueName(by, value);
}

function whereText(leak: Leak): string | null {
  const { where } = leak;
  if (!where || where.rate == null || where.best_rate == null) return null;
  const told = ofPeople(where.rate, [where.best_rate]);
  return t("leak.where", { group: groupText(where), then: count(told.others[0]), now: count(told.count), base: count(told.base) });
}

/** Null if the difference is too small to be told, which reads as "no leak". */
export function leakWords(leak: Leak, from: Stage, to: Stage): LeakWords | null {
  const month = formatMonth(language.value, leak.best_month, thisYear.value);
  const told = ofPeople(leak.rate, [leak.best_rate]);
  const [then] = told.others;
  if (told.count === then) return null;
  const few = leak.actors < FEW;
  const fill = { who: from.phrases.who, month };
  const sentence = few
    ? t("leak.exact", { ...fill, actors: count(leak.actors), do: countedDo(to, `**${count(leak.reached)}**`), then: count(Math.round(leak.best_rate * leak.actors)) })
    : t("leak.usual", { ...fill, base: count(told.base), do: countedDo(to, `**${count(told.count)}**`), then: count(then) });
  const now = Math.round(leak.rate * 100);
  return { sentence, month, now, lost: Math.max(Math.round(leak.best_rate * 100) - now, 0), worth: worthText(leak), where: whereText(leak) };
}
