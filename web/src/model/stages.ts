import type { Model, ModelStage, Phrases } from "../api/types";
import { language } from "../app/preferences";
import { t } from "../text";

export const TONES = ["hear", "look", "start", "return", "buy", "tell", "leave", "none"] as const;
export type Tone = (typeof TONES)[number];

/** The tones of the shipped models, for servers that do not tell them yet. */
const SHIPPED: Record<string, Tone[]> = {
  aaarrr: ["hear", "look", "start", "return", "buy", "tell"],
  aarrr: ["look", "start", "return", "tell", "buy"],
  "awareness-advocacy": ["hear", "look", "buy", "start", "return", "tell"],
  klantreis: ["hear", "look", "buy", "return", "tell"],
  b2b: ["hear", "look", "buy", "return", "tell"],
  "advocacy-loop": ["hear", "look", "buy", "return", "tell"],
  store: ["look", "start", "buy", "leave"],
};

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

function toneOf(model: Model, index: number): Tone {
  const stage = model.stages[index];
  if ((TONES as readonly string[]).includes(stage.tone ?? "")) return stage.tone as Tone;
  return SHIPPED[model.id]?.[index] ?? "none";
}

function phrasesOf(stage: ModelStage, tone: Tone): Phrases {
  const own = stage.phrases?.[language.value];
  return { past: own?.past ?? t(`tone.${tone}.past`), who: own?.who ?? t(`tone.${tone}.who`), do: own?.do ?? t(`tone.${tone}.do`) };
}

export function stagesOf(model: Model): Stage[] {
  const tones = model.stages.map((_, index) => toneOf(model, index));
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
