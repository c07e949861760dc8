import { askFunnel, funnelCsv, keyOf, type FunnelOptions } from "../../api/questions";
import type { FunnelAnswer } from "../../api/types";
import { useAnswer } from "../../api/use-answer";
import { setParams } from "../../app/router";
import { param } from "../../app/view";
import { Card } from "../../components/Card/Card";
import { Rich } from "../../components/Rich/Rich";
import { Answered, Empty, Skeleton } from "../../components/States/States";
import { StepRows } from "../../components/StepRows/StepRows";
import { TruthLine } from "../../components/TruthLine/TruthLine";
import { didText } from "../../format/names";
import { ofPeople } from "../../format/numbers";
import { count, counted, duration } from "../../format/words";
import { gapsOf, hotGap, type Part } from "../../model/funnel";
import type { Stage, Tone } from "../../model/stages";
import { t } from "../../text";
import { useScope } from "../use-scope";
import { askedSteps, FIRST_STEPS, readSteps, writeSteps, type BuiltStep } from "./steps";
import { ORDERS, StepEditor, WINDOWS } from "./StepEditor";

/** The kind of stage that a meaning stands for, so that buying is amber here, too. */
const TONE_OF: Record<string, Tone> = { impression: "hear", purchase: "buy", contract: "buy", renewal: "buy", upgrade: "buy", login: "return", feature_use: "return", support_request: "return", delivery: "return", feedback: "return", share: "tell", invite_sent: "tell", review: "tell", signup: "start", activation: "start", add_to_cart: "start", checkout_start: "start", checkout_progress: "start", trial_start: "start" };

function partsFor(steps: BuiltStep[], data: FunnelAnswer): Part[] {
  const asked = steps.filter((step) => step.name.trim());
  return data.steps.map((step, index) => {
    const built = asked[index];
    const label = built?.kind === "milestone" ? didText(built.name) : (built?.name ?? step.label);
    const tone = (built?.kind === "milestone" && TONE_OF[built.name]) || "look";
    const stage: Stage = { id: String(index), label, gate: true, ownHit: false, tone, later: false, phrases: { past: "", who: "", do: "" } };
    return { index, step, stage };
  });
}

function sentenceOf(data: FunnelAnswer): string {
  const last = data.steps[data.steps.length - 1];
  if (data.steps.length === 1) return counted("builder.one", last.count);
  if (last.count === 0) return t("builder.sentence.none");
  const told = ofPeople(last.overall_rate ?? 0);
  return t("builder.sentence", { base: count(told.base), n: count(told.count) });
}

function Hints({ data, onUse }: { data: FunnelAnswer; onUse: (index: number, name: string) => void }) {
  return (
    <>
      {data.hints?.map((hint) => {
        const index = Number(/steps\[(\d+)\]/.exec(hint.field)?.[1] ?? 0);
        const unknown = /`([^`]+)`/.exec(hint.detail)?.[1] ?? "";
        return (
          <p key={hint.field} class="builder-hint" role="status">
            {t("builder.hint", { name: unknown })}
            {hint.nearest.slice(0, 2).map((name) => (
              <button key={name} type="button" class="link" onClick={() => onUse(index, name)}>{t("builder.hint.nearest", { name })}</button>
            ))}
          </p>
        );
      })}
    </>
  );
}

/** Steps of one's own, counted as they are made; the funnel is its address. */
export function Builder() {
  const scope = useScope();
  const steps = readSteps(param("steps")) ?? FIRST_STEPS;
  const window = WINDOWS.find((each) => each === param("window")) ?? "30d";
  const order = ORDERS.find((each) => each === param("order")) ?? "ordered";
  const asked = askedSteps(steps);
  const options: FunnelOptions = { steps: asked, window: window === "none" ? undefined : window, order };
  const key = asked.length ? keyOf("funnel", { ...scope, model: "" }, [options, window]) : null;
  const answer = useAnswer(key, (signal) => askFunnel(scope, options, signal));
  const change = (next: BuiltStep[]) => setParams({ steps: writeSteps(next) }, { replace: true });
  // A hint counts the steps that were asked about, without the empty ones.
  const use = (index: number, name: string) => {
    const filled = steps.filter((step) => step.name.trim())[index];
    change(steps.map((step) => (step === filled ? { ...step, name } : step)));
  };
  return (
    <div class="builder">
      <StepEditor steps={steps} window={window} order={order} onSteps={change} />
      <div class="builder-answer">
        <Card stale={!!answer.data && answer.loading} label={t("events.tab.funnel")} foot={answer.data && <TruthLine asOf={answer.data.as_of} facts={[counted("truth.entered", answer.data.entered), answer.data.window_s ? t("truth.window", { time: duration(answer.data.window_s) }) : null]} csv={funnelCsv(scope, options)} link />}>
          {key === null ? (
            <Empty title={t("builder.add")} />
          ) : (
            <Answered answer={answer} skeleton={<Skeleton lines={6} />}>
              {(data) => {
                const parts = partsFor(steps, data);
                const gaps = gapsOf(parts);
                return (
                  <>
                    {data.entered > 0 && <p class="lead"><Rich text={sentenceOf(data)} /></p>}
                    <Hints data={data} onUse={use} />
                    {data.entered === 0 ? <Empty title={t("builder.nobody")} /> : <StepRows own parts={parts} gaps={gaps} hot={hotGap(gaps)} />}
                  </>
                );
              }}
            </Answered>
          )}
        </Card>
      </div>
    </div>
  );
}
