import { expect, it } from "vitest";
import type { TrendPoint } from "../api/types";
import { endsOf, hasShape, stretchesOf, trendGrain } from "./trend";

const points = (...values: (number | null)[]): TrendPoint[] => values.map((value, index) => ({ period: `2026-04-${String(index + 1).padStart(2, "0")}`, value, complete: true }));

it("asks by day for a month, by week for half a year and by month beyond", () => {
  expect(trendGrain({ from: "2026-04-12", to: "2026-05-12" })).toBe("day");
  expect(trendGrain({ from: "2026-01-01", to: "2026-02-01" })).toBe("day");
  expect(trendGrain({ from: "2026-01-01", to: "2026-02-02" })).toBe("week");
  expect(trendGrain({ from: "2026-01-05", to: "2026-07-06" })).toBe("week");
  expect(trendGrain({ from: "2026-01-05", to: "2026-07-07" })).toBe("month");
});

it("draws one line where every period has a figure", () => {
  expect(stretchesOf(points(1, 2, 3))).toEqual([{ from: 0, to: 2, dashed: false }]);
});

it("dashes what leads to a period that is not over", () => {
  const trend = points(1, 2, 3);
  trend[2].complete = false;
  expect(stretchesOf(trend)).toEqual([
    { from: 0, to: 1, dashed: false },
    { from: 1, to: 2, dashed: true },
  ]);
});

it("parts the line where a period has no figure", () => {
  expect(stretchesOf(points(1, 2, null, 4, null, 6, 7))).toEqual([
    { from: 0, to: 1, dashed: false },
    { from: 3, to: 3, dashed: false },
    { from: 5, to: 6, dashed: false },
  ]);
});

it("has no shape with fewer than three figures", () => {
  expect(hasShape(null)).toBe(false);
  expect(hasShape(undefined)).toBe(false);
  expect(hasShape(points(1, null, 2))).toBe(false);
  expect(hasShape(points(1, 2, 3))).toBe(true);
  expect(hasShape(points(1, 1, null, 1))).toBe(false);
});

it("names the lowest and the highest of the periods that are over", () => {
  const trend = points(5, 2, 9, 1);
  trend[3].complete = false;
  expect(endsOf(trend)).toEqual({ low: trend[1], high: trend[2] });
  expect(endsOf(trend.slice(3))).toBeNull();
});
