import type { FunnelAnswer, Step } from "../api/types";
import { language } from "../app/preferences";
import { formatShare, ofPeople } from "../format/numbers";
import { count, duration } from "../format/words";
import { plainText } from "../components/Rich/Rich";
import { t } from "../text";
import { countedDo, type Stage } from "./stages";

/** A step with the stage it stands for. */
export interface Part {
  index: number;
  step: Step;
  stage: Stage;
}

/** What happens between a gate and the next one. */
export interface Gap {
  from: Part;
  to: Part;
  rate: number | null;
  /** Did not go on; the API counts those who may still come among them. */
  lost: number;
  open: number;
  /** Null where it says nothing: nobody went on, or one event led to both. */
  usual: number | null;
}

export function partsOf(answer: Pick<FunnelAnswer, "steps">, stages: Stage[]): Part[] {
  return answer.steps.flatMap((step, index) => (stages[index] ? [{ index, step, stage: stages[index] }] : []));
}

export function gapsOf(parts: Part[]): Gap[] {
  const gates = parts.filter((part) => part.step.gate);
  return gates.slice(1).map((to, index) => ({
    from: gates[index],
    to,
    rate: to.step.step_rate,
    lost: to.step.drop_off ?? 0,
    open: to.step.open,
    usual: to.step.time_from_previous.p50_s || null,
  }));
}

/** Where most do not go on; null if everybody does. */
export function biggestGap(gaps: Gap[]): Gap | null {
  const most = [...gaps].sort((a, b) => b.lost - a.lost)[0];
  return most && most.lost > 0 ? most : null;
}

/** Whether most of those who did not go on may still do so; then nothing is wrong yet. */
export function isUnderWay(gap: Gap): boolean {
  return gap.open * 2 > gap.lost;
}

/** The biggest gap, if it is worth marking. */
export function hotGap(gaps: Gap[]): Gap | null {
  const biggest = biggestGap(gaps);
  return biggest && !isUnderWay(biggest) ? biggest : null;
}

export function lastGate(parts: Part[]): Part | null {
  const gates = parts.filter((part) => part.step.gate);
  return gates[gates.length - 1] ?? null;
}

/** "Of 100 people who hear of you, 4 pay. Most stop between …" */
export function funnelSentence(parts: Part[], gaps: Gap[]): string {
  const [first] = parts;
  const last = lastGate(parts);
  if (!first || !last || last === first || last.step.overall_rate == null) return "";
  const told = ofPeople(last.step.overall_rate);
  const fill = { base: count(told.base), who: first.stage.phrases.who, do: countedDo(last.stage, count(told.count)) };
  const gap = biggestGap(gaps);
  if (!gap) return t("journey.sentence.no-stop", fill);
  const key = isUnderWay(gap) ? "journey.sentence.open" : "journey.sentence";
  return t(key, { ...fill, a: gap.from.stage.label, b: gap.to.stage.label });
}

/** The sentence of a gap, where there is no room for a drawing; steps of one's own have no name to begin it with. */
export function gapSentence(gap: Gap, own = false): string {
  const start = own ? "builder.gap" : "journey.gap";
  const fill = { stage: gap.from.stage.label, rate: formatShare(language.value, gap.rate), n: count(gap.lost), open: count(gap.open), time: duration(gap.usual) };
  if (gap.open > 0 && gap.open === gap.lost) return t(gap.usual == null ? `${start}.waiting.no-time` : `${start}.waiting`, fill);
  if (gap.open > 0) return t(gap.usual == null ? `${start}.open.no-time` : `${start}.open`, fill);
  return t(gap.usual == null ? `${start}.no-time` : start, fill);
}

/** Under a step's figure: how many of those at the step before came here. */
export function stepHint(step: Step, index: number): string {
  if (index === 0) return t("line.start");
  if (!step.gate) return t("line.optional");
  return step.step_rate == null ? "" : t("line.rate", { rate: formatShare(language.value, step.step_rate) });
}

export function chartLabel(parts: Part[]): string {
  const steps = parts.map((part) => t("journey.chart.step", { n: count(part.step.count), past: part.stage.phrases.past })).join(", ");
  return plainText(t("journey.chart", { steps }));
}
