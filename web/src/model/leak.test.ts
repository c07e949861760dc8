import { expect, it } from "vitest";
import type { Leak } from "../api/types";
import { setLanguage } from "../app/preferences";
import { leakWords } from "./leak";
import { doNow, type Stage } from "./stages";

const stage = (id: string, who: string, does: string): Stage => ({ id, label: id, gate: true, ownHit: false, tone: "start", later: false, phrases: { past: "", who, do: does } });
const from = stage("acquisition", "come to you", "come to you");
const to = stage("activation", "take a first step", "take a first step");

const leak: Leak = { stage: "activation", label: "", from_stage: "acquisition", actors: 18_904, reached: 2647, rate: 0.14, best_rate: 0.171, best_month: "2020-03", lost: 586, advice: "" };
const plain = (text: string) => text.replace(/\u00a0/g, " ");

it("tells the leak in natural frequencies", () => {
  setLanguage("en");
  const words = leakWords({ ...leak, worth: { customers: 203, revenue: 13_820, currency: "EUR" } }, from, to)!;
  expect(words.sentence).toBe("Of 100 people who come to you, **14** take a first step. In March 2020 it was ~~17~~.");
  expect(words).toMatchObject({ now: 14, lost: 3 });
  expect(plain(words.worth!)).toBe("Getting back there is worth about **200 customers a month**, roughly **€14,000**.");
});

it("puts the number inside where Dutch does", () => {
  setLanguage("nl");
  const [bij, stap] = [stage("a", "bij je komen", "komen er {n} bij je"), stage("b", "een eerste stap zetten", "zetten er {n} een eerste stap")];
  expect(leakWords(leak, bij, stap)!.sentence).toBe("Van de 100 mensen die bij je komen, zetten er **14** een eerste stap. In maart 2020 waren dat er ~~17~~.");
  expect(doNow(stap)).toBe("zetten nu een eerste stap");
  setLanguage("en");
});

it("tells people and not rates where there are few, and nothing where nothing differs", () => {
  expect(leakWords({ ...leak, actors: 40, reached: 6, rate: 0.15, best_rate: 0.25 }, from, to)!.sentence).toContain("Of the 40 people who come to you, **6** take a first step.");
  expect(leakWords({ ...leak, rate: 0.1401, best_rate: 0.1402 }, from, to)).toBeNull();
});
