import type { FunnelOptions } from "../../api/questions";
import type { PeopleRow } from "../../api/people";
import type { FunnelAnswer } from "../../api/types";
import { param } from "../../app/view";
import { valueName } from "../../format/names";
import { t } from "../../text";

export const BY = ["channel", "campaign", "device", "country", "persona", "touchpoint"] as const;
export type By = (typeof BY)[number];

const MOST_ROWS = 12;

export type Breakdown = NonNullable<FunnelAnswer["breakdown"]>;
export type SplitRow = Breakdown[number];

/** What the journey is split by, as the address says. */
export function currentBy(): By {
  return BY.find((by) => by === param("by")) ?? "channel";
}

/** Values are those of the event with which people arrived, at the step of this index. */
export function splitOptions(by: By, arrival: number): FunnelOptions {
  return { breakdown: { by: [by], step: arrival + 1, limit: MOST_ROWS } };
}

const OTHER = "~other";
const NONE = "~none";

/** A row as the address names it; a value that begins with the sign of the others has one more. */
export function nameInAddress({ value, other }: Pick<SplitRow, "value" | "other">): string {
  if (other) return OTHER;
  const text = value?.[0];
  if (text == null) return NONE;
  return text.startsWith("~") ? `~${text}` : text;
}

/** The people of a row, as the API is asked for them; null where the listed rows are not known yet. */
export function peopleRow(name: string, listed: Breakdown | null): PeopleRow | null {
  if (name === OTHER) return listed && { other_than: listed.flatMap((row) => (row.value ? [row.value] : [])) };
  if (name === NONE) return { value: [null] };
  return { value: [name.startsWith("~") ? name.slice(1) : name] };
}

export function rowName(name: string, by: By): string {
  if (name === OTHER) return t("split.other");
  if (name === NONE) return t("split.none");
  return valueName(by, name.startsWith("~") ? name.slice(1) : name);
}
