import { abilities } from "../api/abilities";
import { searchPeople } from "../api/people";
import { useAnswer } from "../api/use-answer";
import { site } from "../app/view";

interface Person {
  actor: string;
  name?: string | null;
}

/** More are not looked up for one list. */
const MOST = 50;

async function look(siteId: string, actors: string[], signal: AbortSignal): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  // One after another: a site's questions take turns, and those of the page come first.
  for (const actor of actors) {
    const { people } = await searchPeople(siteId, actor, 3, signal);
    const name = people.find((each) => each.actor === actor)?.name;
    if (name) names.set(actor, name);
  }
  return names;
}

/** The names of people of whom an answer tells the id alone; who cannot be looked up keeps it. */
export function useNames(people: Person[]): (person: Person) => string | null {
  const id = site.value!.id;
  const unnamed = people.filter((each) => !each.name).slice(0, MOST).map((each) => each.actor);
  const wanted = abilities.value.search && unnamed.length > 0;
  const { data } = useAnswer(wanted ? JSON.stringify(["names", id, unnamed]) : null, (signal) => look(id, unnamed, signal));
  return ({ actor, name }) => name ?? data?.get(actor) ?? null;
}
