/** A page that was shared: looked at by itself, or within another site. */
export interface SharedPlace {
  kind: "share" | "embed";
  token: string;
}

/** What the address below the prefix says of it; null for the interface itself. */
export function sharedPlace(pathname: string, prefix: string): SharedPlace | null {
  const found = /^\/(share|embed)\/([^/]+)\/?$/.exec(pathname.startsWith(prefix) ? pathname.slice(prefix.length) : "");
  if (!found) return null;
  try {
    return { kind: found[1] as SharedPlace["kind"], token: decodeURIComponent(found[2]) };
  } catch {
    return null;
  }
}

/**
 * The parameters of a shared page: those that were shared, and over them what the visitor chose. Of a period that is
 * fixed, neither it nor its comparison can be chosen.
 */
export function sharedQuery(view: string, search: string, fixed: boolean): URLSearchParams {
  const query = new URLSearchParams(view);
  for (const [name, value] of new URLSearchParams(search)) {
    if (fixed && FIXED.includes(name)) continue;
    query.set(name, value);
  }
  for (const name of NEVER) query.delete(name);
  return query;
}

const FIXED = ["p", "c"];
/** People are no part of what is shared. */
const NEVER = ["step", "state", "of", "q", "name", "token", "back"];

/** How a visitor's choice is written: a default that differs from what was shared is written as empty, or it would not be seen. */
export function sharedSearch(view: string, filled: [string, string][]): string {
  const shared = new URLSearchParams(view);
  const search = new URLSearchParams(filled.filter(([name, value]) => shared.get(name) !== value));
  for (const name of shared.keys()) if (!filled.some(([each]) => each === name)) search.set(name, "");
  return search.toString();
}
