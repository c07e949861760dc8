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
const AT_ONCE = 5;

async function look(siteId: string, actors: string[], signal: AbortSignal): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  // A few at a time, so that a long list does not hold up the questions of the page.
  for (let at = 0; at < actors.length; at += AT_ONCE) {
    const asked = actors.slice(at, at + AT_ONCE);
    const found = await Promise.all(asked.map((actor) => searchPeople(siteId, actor, 3, signal)));
    found.forEach(({ people }, index) => {
      const name = people.find((each) => each.actor === asked[index])?.name;
      if (name) names.set(asked[index], name);
    });
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
