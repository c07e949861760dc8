import { expect, it } from "vitest";
import type { ActorEvent } from "../api/types";
import { amountOf, milestonesOf, rowsOf, stretchesOf } from "./life";
import type { Stage } from "./stages";

const stage = (id: string): Stage => ({ id, label: id, gate: true, ownHit: false, tone: "look", later: false, phrases: { past: "", who: "", do: "" } });
const stages = [stage("acquisition"), stage("revenue")];

function event(day: string, milestone: string, at: string | null, properties: Record<string, unknown> = {}): ActorEvent {
  return { message_id: day + milestone, event: milestone, timestamp: `${day}T10:00:00Z`, milestone, stages: { m: { stage: at, rule: null, version: "1" } }, properties };
}

const life = [event("2026-01-01", "visit", "acquisition"), event("2026-01-01", "visit", "acquisition"), event("2026-02-01", "purchase", "revenue", { revenue: "74.50", currency: "EUR" })];

it("tells a life by its milestones", () => {
  expect(milestonesOf(life).map((each) => each.milestone)).toEqual(["visit", "purchase"]);
});

it("says silences in words", () => {
  const rows = rowsOf(life, "m", stages, "UTC", false);
  expect(rows.map((row) => row.kind)).toEqual(["day", "event", "event", "silence", "day", "event"]);
  expect(rows.find((row) => row.kind === "silence")).toMatchObject({ days: 30 });
});

it("cuts a life into stages", () => {
  const until = Date.parse("2026-03-01T00:00:00Z");
  expect(stretchesOf(life, "m", stages, until).map((each) => [each.stage.id, each.to === until])).toEqual([["acquisition", false], ["revenue", true]]);
});

it("reads amounts as they were sent", () => {
  expect(amountOf(life[2])).toEqual({ amount: 74.5, currency: "EUR" });
  expect(amountOf(life[0])).toBeNull();
});
