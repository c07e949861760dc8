import { expect, it } from "vitest";
import { grainOf, namedPeriod, parseComparison, parsePeriod, writeDates } from "./period";

const TODAY = "2026-05-12"; // a Tuesday

it("ends relative periods yesterday, so that they are complete", () => {
  expect(namedPeriod("30d", TODAY)).toMatchObject({ from: "2026-04-12", to: "2026-05-12" });
  expect(namedPeriod("12w", TODAY)).toMatchObject({ from: "2026-02-16", to: "2026-05-11" });
  expect(namedPeriod("12m", TODAY)).toMatchObject({ from: "2025-05-01", to: "2026-05-01" });
  expect(namedPeriod("mtd", "2026-05-01")).toMatchObject({ from: "2026-05-01", to: "2026-05-02" });
});

it("reads and writes dates with the last day included", () => {
  const period = parsePeriod("2026-04-12..2026-05-11", TODAY);
  expect(period).toMatchObject({ from: "2026-04-12", to: "2026-05-12", name: null });
  expect(writeDates(period!)).toBe("2026-04-12..2026-05-11");
  expect(parsePeriod("2026-05-11..2026-04-12", TODAY)).toBeNull();
  expect(parsePeriod("soon", TODAY)).toBeNull();
});

it("compares fairly", () => {
  const period = namedPeriod("30d", TODAY);
  expect(parseComparison(null, period)).toMatchObject({ from: "2026-03-13", to: "2026-04-12" });
  expect(parseComparison("year", period)).toMatchObject({ from: "2025-04-13", to: "2025-05-13" });
  expect(parseComparison("none", period)).toBeNull();
  expect(grainOf(period)).toBe("day");
});
