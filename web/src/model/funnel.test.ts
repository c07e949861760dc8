import { expect, it } from "vitest";
import type { FunnelAnswer, Step } from "../api/types";
import { setLanguage } from "../app/preferences";
import { biggestGap, funnelSentence, gapsOf, partsOf } from "./funnel";
import { stagesOf } from "./stages";

const MODEL = {
  id: "aaarrr",
  labels: { en: "AAARRR", nl: "AAARRR" },
  version: "1",
  stages: [["awareness", "hear"], ["acquisition", "look"], ["activation", "start"], ["retention", "return"], ["revenue", "buy"]].map(([id, tone], index) => ({
    id, labels: { en: id, nl: id }, tone, phrases: null, gate: id !== "retention", own_hit: id === "revenue", ordinal: index + 1,
  })),
};

function step(count: number, options: Partial<Step> = {}): Step {
  const times = { mean_s: null, p50_s: 60, p75_s: null, p90_s: null, p95_s: null };
  return { label: "", gate: true, count, skipped: 0, open: 0, step_rate: null, step_rate_closed: null, step_rate_interval: null, overall_rate: count / 1000, drop_off: 0, time_from_previous: times, ...options };
}

const steps = [step(1000), step(900, { drop_off: 100 }), step(140, { drop_off: 760, open: 60 }), step(50, { gate: false, drop_off: null }), step(41, { drop_off: 99 })];
const parts = () => partsOf({ steps } as FunnelAnswer, stagesOf(MODEL));

it("finds what lies between gates, and passes over what is not for everybody", () => {
  const gaps = gapsOf(parts());
  expect(gaps.map((gap) => `${gap.from.stage.id}>${gap.to.stage.id}`)).toEqual(["awareness>acquisition", "acquisition>activation", "activation>revenue"]);
  expect(gaps[1]).toMatchObject({ lost: 760, open: 60 });
  expect(biggestGap(gaps)?.to.stage.id).toBe("activation");
});

it("says it in both languages", () => {
  setLanguage("en");
  expect(funnelSentence(parts(), gapsOf(parts()))).toBe("Of 100 people who hear of you, 4 pay. Most stop between acquisition and activation.");
  setLanguage("nl");
  expect(funnelSentence(parts(), gapsOf(parts()))).toBe("Van de 100 mensen die van je horen, betalen er 4. De meesten stoppen tussen acquisition en activation.");
  setLanguage("en");
});
