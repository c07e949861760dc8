import { describe, expect, it } from "vitest";
import type { Model, ModelStage } from "../api/types";
import { language } from "../app/preferences";
import { countedDo, stagesOf } from "./stages";

const stage = (id: string, tone: string | null, phrases: ModelStage["phrases"] = null): ModelStage => ({ id, labels: { en: id, nl: id }, gate: true, own_hit: false, ordinal: 1, tone, phrases });
const model = (...stages: ModelStage[]): Model => ({ id: "own", labels: { en: "Own", nl: "Eigen" }, version: "1", stages });

describe("stages", () => {
  it("have the tone that the model says, and none of another", () => {
    const [buy, unknown, none] = stagesOf(model(stage("a", "buy"), stage("b", "dance"), stage("c", null)));
    expect([buy.tone, unknown.tone, none.tone]).toEqual(["buy", "none", "none"]);
  });

  it("have the phrases of the model in the languages that it has them in, and those of the tone in the others", () => {
    const own = { nl: { past: "namen een abonnement", who: "een abonnement nemen", do: "nemen er {n} een abonnement" }, en: null };
    const told = () => countedDo(stagesOf(model(stage("a", "buy", own)))[0], "14");
    language.value = "nl";
    expect(told()).toBe("nemen er 14 een abonnement");
    language.value = "en";
    expect(told()).toBe("14 pay");
  });
});
