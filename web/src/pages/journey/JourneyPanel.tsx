import { askPeople, peopleCsv, type PeopleQuestion, type PeopleState } from "../../api/people";
import { askFunnel, downloadCsv, keyOf, type Scope } from "../../api/questions";
import { useAnswer } from "../../api/use-answer";
import { stages } from "../../app/models";
import { setParams } from "../../app/router";
import { param } from "../../app/view";
import { PeoplePanel } from "../../components/PeoplePanel/PeoplePanel";
import { Segment } from "../../components/Segment/Segment";
import { StageName } from "../../components/Stage/Stage";
import { count, counted } from "../../format/words";
import { partsOf, type Part } from "../../model/funnel";
import { arrivalIndex } from "../../model/stages";
import { t } from "../../text";
import { currentBy, nameInAddress, peopleRow, rowName, splitOptions } from "./split";
import { useJourney, WHOLE } from "./use-journey";

const STATES: PeopleState[] = ["dropped", "open", "reached"];

function countIn(part: Part, state: PeopleState): number | null {
  if (state === "reached") return part.step.count;
  return state === "open" ? part.step.open : part.step.drop_off;
}

/** The gate that people came from when they stopped at this one. */
function gateBefore(parts: Part[], part: Part): Part | null {
  return [...parts].reverse().find((each) => each.index < part.index && each.step.gate) ?? null;
}

function titleOf(part: Part, from: Part | null, state: PeopleState): string {
  const n = countIn(part, state) ?? 0;
  if (state === "open") return counted("people.title.open", n);
  const past = (state === "dropped" && from ? from : part).stage.phrases.past;
  if (state === "reached") return counted("people.title.reached", n, { past });
  return counted(part.step.open > 0 ? "people.title.not-yet" : "people.title.dropped", n, { past });
}

/** The row of the split whose people are open, if it is one of a split. */
function useRow(scope: Scope) {
  const name = param("of");
  const by = currentBy();
  const options = splitOptions(by, arrivalIndex(stages.value));
  const { data } = useAnswer(name ? keyOf("funnel", scope, options) : null, (signal) => askFunnel(scope, options, signal));
  if (!name) return null;
  const listed = data?.breakdown ?? null;
  const found = listed?.find((each) => nameInAddress(each) === name) ?? null;
  return { name: `${t(`split.${by}`)}: ${rowName(name, by)}`, parts: found ? partsOf(found, stages.value) : [], options, people: peopleRow(name, listed) };
}

/** The people behind a figure of the journey; which one is in the address. */
export function JourneyPanel() {
  const journey = useJourney();
  const { scope } = journey;
  const row = useRow(scope);
  const { parts } = row ?? journey;
  const step = Number(param("step"));
  const part = parts.find((each) => each.index + 1 === step) ?? null;
  const from = part && gateBefore(parts, part);
  const state = STATES.find((each) => each === param("state")) ?? "dropped";
  const close = () => setParams({ step: null, state: null, of: null });
  const names = { dropped: t(part && part.step.open > 0 ? "people.not-on" : "people.stopped"), open: t("people.open"), reached: t("people.went-on") };
  const options = STATES.map((value) => ({
    value,
    label: (
      <>
        {names[value]}{" "}
        {part && countIn(part, value) != null && <span class="tab">{count(countIn(part, value))}</span>}
      </>
    ),
    disabled: false,
  }));
  // Who "others" are is known once the rows are.
  if (row && !row.people) return null;
  const question: PeopleQuestion = { scope, funnel: row?.options ?? WHOLE, step, state, row: row?.people ?? undefined };
  return (
    <PeoplePanel
      title={part ? titleOf(part, from, state) : t("people.panel")}
      eyebrow={
        part && (
          <>
            {from && <><StageName stage={from.stage} /><span class="faint" aria-hidden="true">→</span></>}
            <StageName stage={part.stage} />
            {row && <span class="panel-row">{row.name}</span>}
          </>
        )
      }
      states={part && part.step.gate && part.index > 0 ? <Segment label={t("people.panel")} value={state} options={options} onChange={(value) => setParams({ state: value })} /> : null}
      id={JSON.stringify(question)}
      ask={(cursor, signal) => askPeople(question, cursor, signal)}
      csv={() => downloadCsv(peopleCsv(question))}
      showLast={state !== "reached"}
      onClose={close}
    />
  );
}
