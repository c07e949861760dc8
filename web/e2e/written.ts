import type { Locator } from "@playwright/test";
import type { Look } from "./looks";
import { expect } from "./test";

/** A number as it stands in a text, and what its last digit is worth: "14.0" is 14 and 0.1. */
export interface Written {
  value: number;
  digit: number;
}

const FORMS = {
  en: { number: /[+−-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|[+−-]?\d+(?:\.\d+)?/g, group: /,/g, point: "." },
  nl: { number: /[+−-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?|[+−-]?\d+(?:,\d+)?/g, group: /\./g, point: "," },
};

/** All numbers of a text, read as somebody of that language does. */
export function numbersIn(text: string, language: Look["language"]): Written[] {
  const { number, group, point } = FORMS[language];
  return (text.match(number) ?? []).map((found) => {
    const plain = found.replace(group, "").replace(point, ".").replace("−", "-");
    return { value: Number(plain), digit: 10 ** -(plain.split(".")[1]?.length ?? 0) };
  });
}

/** Also of a drawing, whose elements have no inner text. */
function textsOf(where: Locator): Promise<string[]> {
  return where.evaluateAll((all) => all.map((each) => (each instanceof HTMLElement ? each.innerText : (each.textContent ?? ""))));
}

/** Whether a figure, rounded to as many digits as are written, reads like this. */
function reads(written: Written, figure: number): boolean {
  return Math.abs(written.value - figure) <= written.digit / 2 + 1e-9;
}

/** The numbers of each element have to be these figures, in their order, rounded as they are written. */
export async function expectFigures(where: Locator, language: Look["language"], figures: number[], what: string): Promise<void> {
  const texts = await textsOf(where);
  const written = texts.flatMap((text) => numbersIn(text, language));
  const wrong = written.length !== figures.length || written.some((each, index) => !reads(each, figures[index]));
  expect(wrong ? { texts, written: written.map((each) => each.value) } : "as the API says", `${what}: the API says ${JSON.stringify(figures)}`).toBe("as the API says");
}

/** What the words for lengths of time stand for, in both languages. */
const SECONDS: Record<string, number> = { s: 1, sec: 1, min: 60, h: 3600, u: 3600, day: 86_400, days: 86_400, dag: 86_400, dagen: 86_400 };

/** Lengths of time, each of one unit or two that follow one another, in seconds. */
export async function expectDurations(where: Locator, seconds: number[], what: string): Promise<void> {
  const texts = await textsOf(where);
  const found: { value: number; unit: number }[] = [];
  for (const text of texts) {
    let last = 0;
    for (const [, n, word] of text.matchAll(/(\d+)\s(days|day|dagen|dag|min|sec|s|h|u)\b/g)) {
      const unit = SECONDS[word];
      const before = found.at(-1);
      if (before && last > unit) Object.assign(before, { value: before.value + Number(n) * unit, unit });
      else found.push({ value: Number(n) * unit, unit });
      last = unit;
    }
  }
  const wrong = found.length !== seconds.length || found.some(({ value, unit }, index) => Math.abs(value - seconds[index]) > unit);
  expect(wrong ? { texts, found } : "as the API says", `${what}: the API says ${JSON.stringify(seconds)} seconds`).toBe("as the API says");
}
