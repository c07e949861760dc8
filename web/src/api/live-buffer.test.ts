import { expect, it } from "vitest";
import { letThrough, MOST_EVENTS, NOTHING_YET, received, type LiveBuffer, type LiveEvent } from "./live-buffer";

const event = (id: number): LiveEvent => ({ message_id: `m${id}`, actor: "a", timestamp: "", received_at: "", event: "Signed Up", kind: "track", milestone: "signup", page_path: null, channel: null, device: null, country: null, bot: null, stages: {}, properties: null });

const ids = (events: LiveEvent[]) => events.map((each) => each.message_id);

function all(from: number, to: number, start: LiveBuffer = NOTHING_YET): LiveBuffer {
  let buffer = start;
  for (let id = from; id <= to; id += 1) buffer = received(buffer, event(id));
  return buffer;
}

it("lets events wait until they are let through, newest first", () => {
  const waiting = all(1, 3);
  expect(waiting.shown).toEqual([]);
  expect(ids(letThrough(waiting).shown)).toEqual(["m3", "m2", "m1"]);
  expect(ids(letThrough(all(4, 5, letThrough(waiting))).shown)).toEqual(["m5", "m4", "m3", "m2", "m1"]);
});

it("takes an event once, also when a stream that was cut tells it again", () => {
  const shown = letThrough(all(1, 3));
  expect(ids(letThrough(all(2, 4, all(2, 4, shown))).shown)).toEqual(["m4", "m3", "m2", "m1"]);
});

it("keeps no more than can be read, however long it waits", () => {
  const long = all(1, MOST_EVENTS + 50);
  expect(long.waiting.length).toBe(MOST_EVENTS);
  const shown = letThrough(all(1000, 1010, letThrough(long))).shown;
  expect(shown.length).toBe(MOST_EVENTS);
  expect(shown[0].message_id).toBe("m1010");
});
