import { keep, kept } from "./preferences";

export interface RecentPerson {
  id: string;
  name: string | null;
}

const MOST = 8;

function keyFor(site: string): string {
  return `people.${site}`;
}

/** Whom the reader opened lately, in this browser only. */
export function recentPeople(site: string): RecentPerson[] {
  try {
    const list: unknown = JSON.parse(kept(keyFor(site)) ?? "[]");
    return Array.isArray(list) ? (list as RecentPerson[]).filter((each) => typeof each?.id === "string") : [];
  } catch {
    return [];
  }
}

export function rememberPerson(site: string, person: RecentPerson): void {
  const others = recentPeople(site).filter((each) => each.id !== person.id);
  keep(keyFor(site), JSON.stringify([person, ...others].slice(0, MOST)));
}

export function forgetRecent(site: string, id: string): void {
  keep(keyFor(site), JSON.stringify(recentPeople(site).filter((each) => each.id !== id)));
}
