import { signal } from "@preact/signals";
import { askUnmapped } from "../api/questions";
import { namedPeriod } from "../model/period";
import { addDays } from "../format/dates";
import { today } from "./view";

/** How many names of events nobody has given a meaning yet; shown beside Events in the menu. */
export const notUnderstood = signal(0);

/** Counted once per site, over the last 30 days and today. */
export async function countNotUnderstood(site: string): Promise<void> {
  notUnderstood.value = 0;
  const { from } = namedPeriod("30d", today.value);
  try {
    const answer = await askUnmapped({ site, from, to: addDays(today.value, 1) });
    notUnderstood.value = answer.names.filter((name) => !name.understood_now).length + answer.names_more;
  } catch {
    // The mark is only a reminder; the page itself says what went wrong.
  }
}
