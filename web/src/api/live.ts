import { computed, effect, signal } from "@preact/signals";
import { abilities } from "./abilities";
import { apiAddress, sitePath } from "./client";
import { letThrough, NOTHING_YET, received, type LiveBuffer, type LiveEvent } from "./live-buffer";

export type { LiveEvent } from "./live-buffer";

/** Values on the page change at most once a second. */
const QUIET_MS = 1000;
/** A browser connects again by itself, but not after an answer such as 503. */
const FIRST_RETRY_MS = 3000;
const LONGEST_RETRY_MS = 60_000;
/** A stream that is back sooner was never gone, for a reader. */
const LOST_AFTER_MS = 10_000;

export const peopleNow = signal<number | null>(null);
export const liveEvents = signal<LiveEvent[]>([]);
/** How many came in while the list was held. */
export const liveWaiting = signal(0);
export const livePaused = signal(false);
export const liveConnected = signal(false);

let pendingPeople: number | null = null;
let buffer: LiveBuffer = NOTHING_YET;
let timer: ReturnType<typeof setTimeout> | null = null;
let losing: ReturnType<typeof setTimeout> | undefined;

function show(): void {
  timer = null;
  peopleNow.value = pendingPeople;
  if (!livePaused.value) buffer = letThrough(buffer);
  liveEvents.value = buffer.shown;
  liveWaiting.value = buffer.waiting.length;
}

function later(): void {
  timer ??= setTimeout(show, QUIET_MS);
}

export function pauseLive(paused: boolean): void {
  livePaused.value = paused;
  show();
}

function parse<T>(event: MessageEvent): T | null {
  try {
    return JSON.parse(event.data as string) as T;
  } catch {
    return null;
  }
}

function connected(is: boolean): void {
  clearTimeout(losing);
  losing = undefined;
  if (is) liveConnected.value = true;
  else losing = setTimeout(() => (liveConnected.value = false), LOST_AFTER_MS);
}

function open(site: string, lost: () => void): EventSource {
  const source = new EventSource(apiAddress(sitePath(site, "live")), { withCredentials: true });
  source.addEventListener("open", () => connected(true));
  source.addEventListener("error", () => {
    if (!losing) connected(false);
    if (source.readyState === EventSource.CLOSED) lost();
  });
  source.addEventListener("people", (event) => {
    pendingPeople = parse<{ now: number }>(event)?.now ?? pendingPeople;
    if (peopleNow.value === null) show();
    else later();
  });
  source.addEventListener("event", (event) => {
    const one = parse<LiveEvent>(event);
    if (!one) return;
    buffer = received(buffer, one);
    later();
  });
  return source;
}

/** Listens until it is told to stop; a stream that ended is opened again, each time after a longer wait. */
function listen(site: string): () => void {
  let wait = FIRST_RETRY_MS;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let source: EventSource;
  const connect = () => {
    source = open(site, () => {
      retry = setTimeout(connect, wait);
      wait = Math.min(wait * 2, LONGEST_RETRY_MS);
    });
    source.addEventListener("open", () => (wait = FIRST_RETRY_MS));
  };
  connect();
  return () => {
    clearTimeout(retry);
    source.close();
  };
}

function forget(): void {
  pendingPeople = null;
  buffer = NOTHING_YET;
  livePaused.value = false;
  show();
}

/** One stream for the site in sight, and none while the page is hidden. */
export function followLive(siteId: () => string | null): void {
  const hidden = signal(document.hidden);
  document.addEventListener("visibilitychange", () => (hidden.value = document.hidden));
  const wanted = computed(() => (abilities.value.live && !hidden.value ? siteId() : null));
  let stop: (() => void) | null = null;
  let current: string | null = null;
  effect(() => {
    const next = wanted.value;
    stop?.();
    stop = null;
    if (!next) return;
    if (next !== current) {
      current = next;
      // What a change of these signals causes is none of this effect's business.
      setTimeout(forget);
    }
    stop = listen(next);
  });
}
