import { computed, effect, signal } from "@preact/signals";
import { abilities } from "./abilities";
import { apiAddress, sitePath } from "./client";
import type { ActorEvent } from "./types";

export type LiveEvent = ActorEvent & { actor?: string };

/** Values on the page change at most once a second. */
const QUIET_MS = 1000;
const MOST_EVENTS = 200;

export const peopleNow = signal<number | null>(null);
export const liveEvents = signal<LiveEvent[]>([]);
export const livePaused = signal(false);
export const liveConnected = signal(false);

let pendingPeople: number | null = null;
let pendingEvents: LiveEvent[] = [];
let timer: ReturnType<typeof setTimeout> | null = null;

function show(): void {
  timer = null;
  if (pendingPeople !== null) peopleNow.value = pendingPeople;
  if (pendingEvents.length && !livePaused.value) {
    liveEvents.value = [...pendingEvents.reverse(), ...liveEvents.value].slice(0, MOST_EVENTS);
    pendingEvents = [];
  }
  if (pendingEvents.length > MOST_EVENTS) pendingEvents = pendingEvents.slice(-MOST_EVENTS);
}

function later(): void {
  timer ??= setTimeout(show, QUIET_MS);
}

function parse<T>(event: MessageEvent): T | null {
  try {
    return JSON.parse(event.data as string) as T;
  } catch {
    return null;
  }
}

function listen(site: string): () => void {
  const source = new EventSource(apiAddress(sitePath(site, "live")), { withCredentials: true });
  source.addEventListener("open", () => (liveConnected.value = true));
  source.addEventListener("error", () => (liveConnected.value = false));
  source.addEventListener("people", (event) => {
    pendingPeople = parse<{ now: number }>(event)?.now ?? null;
    if (peopleNow.value === null) show();
    else later();
  });
  source.addEventListener("event", (event) => {
    const one = parse<LiveEvent>(event);
    if (one) pendingEvents.push(one);
    later();
  });
  return () => source.close();
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
    if (next !== current && next !== null) {
      peopleNow.value = null;
      liveEvents.value = [];
      current = next;
    }
    if (next) stop = listen(next);
  });
}
