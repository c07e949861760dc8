import { toneClass, type Stage as StageInfo } from "../../model/stages";
import "./Stage.css";

type Named = Pick<StageInfo, "label" | "gate" | "tone" | "later">;

/** A stage's dot and name. A stage that not everybody passes has a hollow dot. */
export function StageName({ stage }: { stage: Named }) {
  return (
    <span class={`stage ${toneClass(stage)}`}>
      <span class={stage.gate ? "stage-dot" : "stage-dot open"} />
      <span class="cut">{stage.label}</span>
    </span>
  );
}

export function StageBadge({ stage }: { stage: Named }) {
  return (
    <span class={`stage-badge ${toneClass(stage)}`}>
      <span class="stage-dot" />
      {stage.label}
    </span>
  );
}

export function StageDots({ stages }: { stages: Named[] }) {
  return (
    <span class="stage-dots" aria-hidden="true">
      {stages.map((stage, index) => (
        <span key={index} class={`stage-dot ${toneClass(stage)}`} />
      ))}
    </span>
  );
}
