import { askFunnel, keyOf, type FunnelOptions, type Scope } from "../../api/questions";
import type { FunnelAnswer } from "../../api/types";
import { useAnswer, type Answer } from "../../api/use-answer";
import { stages } from "../../app/models";
import { comparison } from "../../app/view";
import { gapsOf, hotGap, partsOf, type Gap, type Part } from "../../model/funnel";
import { useScope } from "../use-scope";

export interface Journey {
  scope: Scope;
  answer: Answer<FunnelAnswer>;
  parts: Part[];
  gaps: Gap[];
  /** Where most stop, if it is worth marking. */
  hot: Gap | null;
  /** The people of the earlier period, step by step. */
  before: number[] | null;
}

export const WHOLE: FunnelOptions = {};

/** The earlier period, if there is a comparison. */
export function useEarlier(scope: Scope, name: string, options: FunnelOptions): Answer<FunnelAnswer> {
  const earlier = comparison.value && { ...scope, from: comparison.value.from, to: comparison.value.to };
  return useAnswer(earlier && keyOf(name, earlier, options), (signal) => askFunnel(earlier!, options, signal));
}

export function useJourney(): Journey {
  const scope = useScope();
  const answer = useAnswer(keyOf("funnel", scope, WHOLE), (signal) => askFunnel(scope, WHOLE, signal));
  const earlier = useEarlier(scope, "funnel", WHOLE);
  const parts = answer.data ? partsOf(answer.data, stages.value) : [];
  const gaps = gapsOf(parts);
  const hot = hotGap(gaps);
  const before = comparison.value && earlier.data ? earlier.data.steps.map((step) => step.count) : null;
  return { scope, answer, parts, gaps, hot, before };
}
