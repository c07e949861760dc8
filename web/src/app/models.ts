import { computed, signal } from "@preact/signals";
import { ask, sitePath } from "../api/client";
import { isProblem, type Problem } from "../api/problem";
import type { Model } from "../api/types";
import { stagesOf, type Stage } from "../model/stages";
import { modelParam } from "./view";

const DEFAULT_MODEL = "aaarrr";

interface Loaded {
  site: string;
  models: Model[];
  problem: Problem | null;
}

export const loadedModels = signal<Loaded | null>(null);

export async function loadModels(site: string): Promise<void> {
  try {
    const answer = await ask<{ models: Model[] }>(sitePath(site, "models"));
    loadedModels.value = { site, models: answer.models, problem: null };
  } catch (error) {
    if (isProblem(error)) loadedModels.value = { site, models: [], problem: error };
  }
}

export const models = computed<Model[]>(() => loadedModels.value?.models ?? []);

/** The model of the address without its version; the site's first where the usual one is not there. */
export const modelId = computed(() => {
  const asked = modelParam.value.split("@")[0];
  if (asked || !models.value.length) return asked || DEFAULT_MODEL;
  return (models.value.find((each) => each.id === DEFAULT_MODEL) ?? models.value[0]).id;
});

/** Null while models load, and if the address names one that is not there. */
export const model = computed<Model | null>(() => models.value.find((each) => each.id === modelId.value) ?? null);

export const stages = computed<Stage[]>(() => (model.value ? stagesOf(model.value) : []));

export function modelName(each: Model, language: string): string {
  return each.labels[language] ?? each.labels.en ?? each.id;
}

/** The part in brackets where there is one, as on the switcher: AAARRR. */
export function modelShortName(each: Model, language: string): string {
  const name = modelName(each, language);
  return /\(([^)]+)\)\s*$/.exec(name)?.[1] ?? name;
}
