import type { Model, ModelStage, Phrases } from "../api/types";
import { language } from "../app/preferences";
import { t } from "../text";

export const TONES = ["hear", "look", "start", "return", "buy", "tell", "leave", "none"] as const;
export type Tone = (typeof TONES)[number];

export interface Stage {
  id: string;
  label: string;
  gate: boolean;
  ownHit: boolean;
  tone: Tone;
  /** Whether an earlier stage of the model has the same tone. */
  later: boolean;
  phrases: Phrases;
}

/** What the model says; a tone that this interface does not know yet is shown grey. */
function toneOf(stage: ModelStage): Tone {
  return TONES.find((tone) => tone === stage.tone) ?? "none";
}

/** A model's own phrases, in place of those of the tone. */
function phrasesOf(stage: ModelStage, tone: Tone): Phrases {
  return stage.phrases?.[language.value] ?? { past: t(`tone.${tone}.past`), who: t(`tone.${tone}.who`), do: t(`tone.${tone}.do`) };
}

export function stagesOf(model: Model): Stage[] {
  const tones = model.stages.map(toneOf);
  return model.stages.map((stage, index) => ({
    id: stage.id,
    label: labelOf(stage.labels),
    gate: stage.gate,
    ownHit: stage.own_hit,
    tone: tones[index],
    later: tones[index] !== "none" && tones.indexOf(tones[index]) < index,
    phrases: phrasesOf(stage, tones[index]),
  }));
}

export function labelOf(labels: Record<string, string>): string {
  return labels[language.value] ?? labels.en ?? Object.values(labels)[0] ?? "";
}

/** "14 take a first step": in some phrases, the number stands inside. */
export function countedDo(stage: Stage, number: string): string {
  const phrase = stage.phrases.do;
  return phrase.includes("{n}") ? phrase.replace("{n}", number) : `${number} ${phrase}`;
}

/** "take a first step now"; Dutch has the word where the number would be: "zetten nu een eerste stap". */
export function doNow(stage: Stage): string {
  const phrase = stage.phrases.do;
  return phrase.includes("{n}") ? phrase.replace(/(er )?\{n\}/, t("leak.word-now")) : `${phrase} ${t("leak.word-now")}`;
}

export function toneClass(stage: { tone: Tone; later?: boolean } | null | undefined): string {
  if (!stage) return "tone-none";
  return `tone-${stage.tone}${stage.later ? " later" : ""}`;
}

/** The stage at which people arrive: where a visit's channel is known. */
export function arrivalIndex(stages: Stage[]): number {
  return Math.max(0, stages.findIndex((stage) => stage.tone === "look"));
}
