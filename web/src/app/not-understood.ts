import { signal } from "@preact/signals";
import { askUnmapped } from "../api/questions";
import { pageIsAnswered } from "../api/use-answer";
import { namedPeriod } from "../model/period";
import { addDays } from "../format/dates";
import { address } from "./router";
import { site, today } from "./view";

/** How many names of events nobody has given a meaning yet; shown beside Events in the menu. */
export const notUnderstood = signal(0);

/** Counted once per site, over the last 30 days and today, after the figures of the page. */
export async function countNotUnderstood(id: string): Promise<void> {
  notUnderstood.value = 0;
  // The page of events opens where there is something to do, so there it is a figure of the page.
  if (address.value.path[1] !== "events") await pageIsAnswered();
  if (site.value?.id !== id) return;
  const { from } = namedPeriod("30d", today.value);
  try {
    const answer = await askUnmapped({ site: id, from, to: addDays(today.value, 1) });
    if (site.value?.id === id) notUnderstood.value = answer.names.filter((name) => !name.understood_now).length + answer.names_more;
  } catch {
    // The mark is only a reminder; the page itself says what went wrong.
  }
}
