import { signal } from "@preact/signals";
import { sharedPlace, sharedQuery, sharedSearch, type SharedPlace } from "./place";
import { PREFIX } from "./prefix";

/** The address below `/app/`: what is shown hangs on it and on nothing else. */
export interface Address {
  path: string[];
  query: URLSearchParams;
}

const ROOT = `${PREFIX}/app/`;

/** Set on a page that was shared: nothing but that page is there. */
export const shared: SharedPlace | null = typeof location === "undefined" ? null : sharedPlace(location.pathname, PREFIX);

/** What was shared, once the link is opened. */
export interface SharedView {
  site: string;
  page: string;
  view: string;
  fixed: boolean;
}

let sharedView: SharedView | null = null;

/** Whether the visitor of a shared page sees one period and no other. */
export const periodIsFixed = signal(false);

export function showShared(view: SharedView): void {
  sharedView = view;
  periodIsFixed.value = view.fixed;
  address.value = read();
}

/** A part that is no valid percent-encoding is taken as it stands. */
function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function read(): Address {
  if (shared) {
    const { site, page, view, fixed } = sharedView ?? { site: "", page: "", view: "", fixed: false };
    return { path: [site, page].filter(Boolean), query: sharedQuery(view, location.search, fixed) };
  }
  const below = location.pathname.startsWith(ROOT) ? location.pathname.slice(ROOT.length) : "";
  return { path: below.split("/").filter(Boolean).map(decode), query: new URLSearchParams(location.search) };
}

export const address = signal<Address>(typeof location === "undefined" ? { path: [], query: new URLSearchParams() } : read());

/** An address inside the app; empty values are left out, so that defaults stay out of links. */
export function toAddress(path: string[], query: Record<string, string | null | undefined> = {}): string {
  const filled = Object.entries(query).filter((entry): entry is [string, string] => !!entry[1]);
  if (shared) return sharedAddress(filled);
  const search = readable(new URLSearchParams(filled).toString());
  return ROOT + path.map(encodeURIComponent).join("/") + (search ? `?${search}` : "");
}

/** Whatever page is asked for, here is only the one that was shared. */
function sharedAddress(filled: [string, string][]): string {
  const search = readable(sharedSearch(sharedView?.view ?? "", filled));
  return `${PREFIX}/${shared!.kind}/${encodeURIComponent(shared!.token)}${search ? `?${search}` : ""}`;
}

function readable(search: string): string {
  return search.replace(/%2C/g, ",").replace(/%3A/g, ":").replace(/%40/g, "@");
}

export function go(to: string, options: { replace?: boolean; keepScroll?: boolean } = {}): void {
  const pathChanges = new URL(to, location.href).pathname !== location.pathname;
  history[options.replace ? "replaceState" : "pushState"](null, "", to);
  address.value = read();
  if (pathChanges && !options.keepScroll) scrollTo(0, 0);
}

/** Changes parameters of this page and keeps the others. */
export function setParams(changes: Record<string, string | null | undefined>, options: { replace?: boolean } = {}): void {
  const query = Object.fromEntries(address.value.query);
  go(toAddress(address.value.path, { ...query, ...changes }), { ...options, keepScroll: true });
}

/** What the server answers below `/app/api/` is no page of the interface. */
function isOurs(link: HTMLAnchorElement): boolean {
  return !link.target && !link.hasAttribute("download") && link.origin === location.origin && (shared ? link.pathname === location.pathname : link.pathname.startsWith(ROOT) && !link.pathname.startsWith(`${ROOT}api/`));
}

/** Makes plain links move inside the app; with a modifier they open a new tab as everywhere. */
export function listenToAddress(): void {
  addEventListener("popstate", () => (address.value = read()));
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element).closest?.("a[href]") as HTMLAnchorElement | null;
    if (!link || !isOurs(link)) return;
    event.preventDefault();
    go(link.href);
  });
}
