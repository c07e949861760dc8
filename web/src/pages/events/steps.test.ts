import { expect, it } from "vitest";
import { askedSteps, readSteps, writeSteps, type BuiltStep } from "./steps";

const steps: BuiltStep[] = [
  { kind: "milestone", name: "visit" },
  { kind: "event", name: "Cart > Checkout: begun" },
  { kind: "event", name: "" },
];

it("keeps a funnel in the address", () => {
  expect(readSteps(writeSteps(steps))).toEqual(steps);
  expect(readSteps("x:1")).toBeNull();
});

it("asks only about steps that say something", () => {
  expect(askedSteps(steps)).toEqual([{ milestone: "visit" }, { event: "Cart > Checkout: begun" }]);
});
