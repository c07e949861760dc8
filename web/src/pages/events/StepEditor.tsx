import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { setParams } from "../../app/router";
import { Button } from "../../components/Button/Button";
import { Card } from "../../components/Card/Card";
import { Field, Select } from "../../components/Field/Field";
import { Icon } from "../../components/Icon/Icon";
import { didText } from "../../format/names";
import { MILESTONES } from "../../model/milestones";
import { t } from "../../text";
import type { BuiltStep } from "./steps";

export const WINDOWS = ["1d", "7d", "30d", "90d", "none"] as const;
export const ORDERS = ["ordered", "strict", "unordered"] as const;
type Window = (typeof WINDOWS)[number];
type Order = (typeof ORDERS)[number];

/** As many as the API takes. */
const MOST_STEPS = 32;
const TYPING_MS = 450;

interface Props {
  steps: BuiltStep[];
  window: Window;
  order: Order;
  onSteps: (steps: BuiltStep[]) => void;
}

/** A name is asked about when the typing stops, not at every letter. */
function EventName({ name, onChange }: { name: string; onChange: (name: string) => void }) {
  const [typed, setTyped] = useState(name);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  // A later effect would undo the first letters of a quick typist.
  useLayoutEffect(() => setTyped(name), [name]);
  const type = (text: string) => {
    setTyped(text);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onChange(text), TYPING_MS);
  };
  return <Field label={t("builder.event")} value={typed} placeholder={t("builder.event.placeholder")} onInput={(event) => type(event.currentTarget.value)} code autocomplete="off" spellcheck={false} />;
}

function choices(): { value: string; label: string }[] {
  const meanings = MILESTONES.map((each) => ({ value: `m:${each}`, label: `${didText(each)}` })).sort((a, b) => a.label.localeCompare(b.label));
  return [{ value: "e:", label: t("builder.event") }, ...meanings];
}

function StepFields({ step, index, onChange }: { step: BuiltStep; index: number; onChange: (step: BuiltStep) => void }) {
  const value = step.kind === "milestone" ? `m:${step.name}` : "e:";
  return (
    <div class="builder-fields">
      <Select
        quiet
        label={t("builder.step", { n: index + 1 })}
        value={value}
        options={choices()}
        onChange={(chosen) => onChange(chosen === "e:" ? { kind: "event", name: "" } : { kind: "milestone", name: chosen.slice(2) })}
      />
      {step.kind === "event" && <EventName name={step.name} onChange={(name) => onChange({ kind: "event", name })} />}
    </div>
  );
}

function swapped(steps: BuiltStep[], a: number, b: number): BuiltStep[] {
  const next = [...steps];
  [next[a], next[b]] = [next[b], next[a]];
  return next;
}

export function StepEditor({ steps, window, order, onSteps }: Props) {
  return (
    <Card title={t("events.tab.funnel")}>
      <div class="builder-steps">
        <p class="muted small">{t("builder.what")}</p>
        <ol>
          {steps.map((step, index) => (
            <li key={index} class="builder-step">
              <span class="builder-number" aria-hidden="true">{index + 1}</span>
              <StepFields step={step} index={index} onChange={(changed) => onSteps(steps.map((each, at) => (at === index ? changed : each)))} />
              <span class="builder-acts">
                <button type="button" aria-label={t("builder.up", { n: index + 1 })} disabled={index === 0} onClick={() => onSteps(swapped(steps, index, index - 1))}><Icon name="up" size={14} /></button>
                <button type="button" aria-label={t("builder.down", { n: index + 1 })} disabled={index === steps.length - 1} onClick={() => onSteps(swapped(steps, index, index + 1))}><Icon name="down" size={14} /></button>
                <button type="button" aria-label={t("builder.remove", { n: index + 1 })} disabled={steps.length === 1} onClick={() => onSteps(steps.filter((_, at) => at !== index))}><Icon name="close" size={14} /></button>
              </span>
            </li>
          ))}
        </ol>
        {steps.length < MOST_STEPS && (
          <Button look="second" onClick={() => onSteps([...steps, { kind: "milestone", name: "purchase" }])}>
            <Icon name="plus" size={14} />
            {t("builder.add")}
          </Button>
        )}
      </div>
      <div class="builder-options">
        <Select label={t("builder.window")} value={window} options={WINDOWS.map((value) => ({ value, label: t(`builder.window.${value}`) }))} onChange={(value) => setParams({ window: value === "30d" ? null : value }, { replace: true })} />
        <Select label={t("builder.order")} value={order} options={ORDERS.map((value) => ({ value, label: t(`builder.order.${value}`) }))} onChange={(value) => setParams({ order: value === "ordered" ? null : value }, { replace: true })} />
      </div>
    </Card>
  );
}
