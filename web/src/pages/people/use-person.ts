import { useEffect, useState } from "preact/hooks";
import { askPerson } from "../../api/people";
import type { ActorAnswer, ActorEvent } from "../../api/types";
import { useAnswer, type Answer } from "../../api/use-answer";

/** Pages fetched by themselves: 5,000 events tell a life; the rest is a click away. */
const PAGES_AT_ONCE = 5;

interface Person {
  answer: Answer<ActorAnswer>;
  events: ActorEvent[];
  /** More pages than were fetched by themselves. */
  more: (() => void) | null;
}

async function pages(site: string, id: string, signal: AbortSignal): Promise<ActorAnswer> {
  const first = await askPerson(site, id, null, signal);
  let last = first;
  const events = [...first.events];
  for (let page = 1; page < PAGES_AT_ONCE && last.next; page += 1) {
    last = await askPerson(site, id, last.next, signal);
    events.push(...last.events);
  }
  return { ...first, events, next: last.next };
}

export function usePerson(site: string, id: string): Person {
  const answer = useAnswer(JSON.stringify(["person", site, id]), (signal) => pages(site, id, signal));
  const [later, setLater] = useState<{ events: ActorEvent[]; next: string | null } | null>(null);
  useEffect(() => setLater(null), [answer.data]);
  const next = later ? later.next : (answer.data?.next ?? null);
  const events = [...(answer.data?.events ?? []), ...(later?.events ?? [])];
  const more = () => void askPerson(site, id, next).then((page) => setLater({ events: [...(later?.events ?? []), ...page.events], next: page.next }));
  return { answer, events, more: next ? more : null };
}
