import { expect, test } from "vitest";
import type { Step } from "../../api/types";
import { nameInAddress, peopleRow, type Breakdown } from "./split";

const steps: Step[] = [];
const rows: Breakdown = [
  { value: ["Email"], other: false, steps },
  { value: [null], other: false, steps },
  { value: ["~other"], other: false, steps },
  { value: ["~none"], other: false, steps },
  { value: null, other: true, steps },
];

test("every row has a name of its own in the address, and is asked for by its value", () => {
  const names = rows.map(nameInAddress);
  expect(new Set(names).size).toBe(rows.length);
  for (const row of rows.slice(0, 4)) expect(peopleRow(nameInAddress(row), null)).toEqual({ value: row.value });
});

test("the others are all but the listed rows, once these are known", () => {
  const name = nameInAddress(rows[4]);
  expect(peopleRow(name, null)).toBeNull();
  expect(peopleRow(name, rows)).toEqual({ other_than: [["Email"], [null], ["~other"], ["~none"]] });
});
