import { language } from "../../app/preferences";
import { formatShare } from "../../format/numbers";
import { count } from "../../format/words";
import { gapSentence, stepHint, type Gap, type Part } from "../../model/funnel";
import { toneClass } from "../../model/stages";
import { t } from "../../text";
import type { OpenPeople } from "../River/River";
import "./StepRows.css";

interface Props {
  parts: Part[];
  gaps: Gap[];
  hot: Gap | null;
  /** Steps of the reader's own rather than a model's stages. */
  own?: boolean;
  onOpen?: OpenPeople;
}

function Row({ part, last, onOpen }: { part: Part; last: boolean; onOpen?: OpenPeople }) {
  const { step, stage, index } = part;
  const share = step.overall_rate ?? 0;
  const inside = (
    <>
      <span class="srow-line" />
      <span class="srow-name">
        {stage.label}
        <small>{[stage.phrases.past, step.gate ? "" : t("line.optional")].filter(Boolean).join(" · ")}</small>
      </span>
      <span class="srow-count tab">
        {count(step.count)}
        <small>{formatShare(language.value, step.overall_rate)}</small>
      </span>
      <span class="srow-bar">{step.count > 0 && <i style={{ width: `${Math.min(share, 1) * 100}%` }} />}</span>
    </>
  );
  const className = ["srow", toneClass(stage), step.gate ? "" : "optional", index === 0 ? "first" : "", last ? "last" : ""].join(" ");
  if (!onOpen) return <div class={className}>{inside}</div>;
  return (
    <button type="button" class={className} onClick={() => onOpen(index + 1, "reached")}>
      {inside}
      <span class="vh">, {stepHint(step, index)}</span>
    </button>
  );
}

/** The funnel as rows: on a phone, and where it has many steps. */
export function StepRows({ parts, gaps, hot, own, onOpen }: Props) {
  return (
    <ol class="srows">
      {parts.map((part, index) => {
        const gap = gaps.find((each) => each.from === part);
        const sentence = gap && gapSentence(gap, own);
        return (
          <li key={part.stage.id}>
            <Row part={part} last={index === parts.length - 1} onOpen={onOpen} />
            {index < parts.length - 1 && (
              <div class={gap && gap === hot ? "sgap hot" : "sgap"}>
                <span class="srow-line" />
                {gap && (onOpen ? <button type="button" onClick={() => onOpen(gap.to.index + 1, "dropped")}>{sentence}</button> : <p>{sentence}</p>)}
              </div>
            )}
          </li>
        );
      })}
    </ol>
  );
}
