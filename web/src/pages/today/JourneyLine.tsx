import type { CSSProperties } from "preact";
import type { FunnelAnswer, Step } from "../../api/types";
import { model, modelShortName, stages } from "../../app/models";
import { language } from "../../app/preferences";
import { pageAddress, shared } from "../../app/view";
import { periodName } from "../../components/PeriodPicker/PeriodPicker";
import { StageName } from "../../components/Stage/Stage";
import { count } from "../../format/words";
import { stepHint } from "../../model/funnel";
import { toneClass, type Stage } from "../../model/stages";
import { t } from "../../text";
import "./JourneyLine.css";

function Part({ step, stage, index, most }: { step: Step; stage: Stage; index: number; most: number }) {
  return (
    <li class={toneClass(stage)}>
      <span class="line-name"><StageName stage={stage} /></span>
      <b class="line-count tab">{count(step.count)}</b>
      <span class="line-under">{stepHint(step, index)}</span>
      <span class="line-bar" aria-hidden="true">
        {step.count > 0 && <i style={{ width: `${(step.count / most) * 100}%` }} />}
      </span>
    </li>
  );
}

/** The whole journey on one line, as a way in. */
export function JourneyLine({ funnel }: { funnel: FunnelAnswer }) {
  const most = Math.max(...funnel.steps.map((step) => step.count), 1);
  const parts = funnel.steps.flatMap((step, index) => (stages.value[index] ? [{ step, stage: stages.value[index], index }] : []));
  return (
    <ul class="line" style={{ "--n": String(parts.length) } as CSSProperties}>
      {parts.map((part) => (
        <Part key={part.stage.id} {...part} most={most} />
      ))}
    </ul>
  );
}

export function JourneyLineHead() {
  return (
    <div class="section-head">
      <h2>{shared ? t("today.line") : <a class="plain-link" href={pageAddress(["journey"])}>{t("today.line")}</a>}</h2>
      <p>{t("today.line.where", { model: model.value ? modelShortName(model.value, language.value) : "", period: periodName().toLowerCase() })}</p>
    </div>
  );
}
