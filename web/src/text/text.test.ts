import { expect, it } from "vitest";
import { en } from "./en";
import { nl } from "./nl";

const placeholders = (text: string) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();
const marks = (text: string) => [text.split("**").length, text.split("~~").length];

it("has the same keys in both languages", () => {
  expect(Object.keys(nl)).toEqual(Object.keys(en));
});

it("has the same placeholders and marks in both languages", () => {
  for (const key of Object.keys(en) as (keyof typeof en)[]) {
    if (/^tone\..*\.do$/.test(key)) continue; // Dutch puts the number inside
    expect(placeholders(nl[key]), key).toEqual(placeholders(en[key]));
    if (!en[key].includes("¦")) expect(marks(nl[key]), key).toEqual(marks(en[key]));
  }
});

it("leaves no text empty", () => {
  for (const [key, text] of [...Object.entries(en), ...Object.entries(nl)]) expect(text.trim(), key).not.toBe("");
});
