import type { ActorEvent } from "./types";

/** An event as the stream tells it. */
export interface LiveEvent extends ActorEvent {
  /** Nobody's, when it came without an id. */
  actor: string | null;
  received_at: string;
  kind: string;
  page_path: string | null;
  channel: string | null;
  device: string | null;
  country: string | null;
  bot: string | null;
}

/** More cannot be read, and a page that is left open must not grow. */
export const MOST_EVENTS = 200;

/** What came in, newest first; while somebody reads, it waits. */
export interface LiveBuffer {
  shown: LiveEvent[];
  waiting: LiveEvent[];
}

export const NOTHING_YET: LiveBuffer = { shown: [], waiting: [] };

/** A stream that was cut may tell an event again. */
export function received(buffer: LiveBuffer, event: LiveEvent): LiveBuffer {
  if (buffer.waiting.some((each) => each.message_id === event.message_id) || buffer.shown.some((each) => each.message_id === event.message_id)) return buffer;
  return { ...buffer, waiting: [event, ...buffer.waiting].slice(0, MOST_EVENTS) };
}

export function letThrough(buffer: LiveBuffer): LiveBuffer {
  if (!buffer.waiting.length) return buffer;
  return { shown: [...buffer.waiting, ...buffer.shown].slice(0, MOST_EVENTS), waiting: [] };
}
