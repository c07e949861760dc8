import { askMeaning, keyOf } from "../../api/questions";
import type { MeaningAnswer, Neighbour } from "../../api/types";
import { useAnswer } from "../../api/use-answer";
import { modelShortName, models } from "../../app/models";
import { language } from "../../app/preferences";
import { site, today } from "../../app/view";
import { StageBadge } from "../../components/Stage/Stage";
import { didText } from "../../format/names";
import { addDays } from "../../format/dates";
import { count, counted } from "../../format/words";
import { stagesOf } from "../../model/stages";
import { t } from "../../text";

/** What somebody did: in words where it is understood, otherwise by its name. */
function Did({ neighbour }: { neighbour: Neighbour }) {
  return neighbour.milestone ? <>{didText(neighbour.milestone)}</> : <code>{neighbour.event}</code>;
}

function Neighbours({ title, neighbours }: { title: string; neighbours: Neighbour[] }) {
  return (
    <div>
      <h3>{title}</h3>
      {neighbours.length ? (
        <ul>
          {neighbours.map((each) => (
            <li key={each.event + each.milestone}>
              <span class="cut" title={each.event}><Did neighbour={each} /></span>
              <b class="tab">{count(each.count)}</b>
            </li>
          ))}
        </ul>
      ) : (
        <p class="faint small">{t("meaning.alone")}</p>
      )}
    </div>
  );
}

/** Where the event would be in each model. */
function Stages({ answer, milestone }: { answer: MeaningAnswer; milestone: string }) {
  const possible = answer.meanings.find((each) => each.milestone === milestone);
  if (!possible) return null;
  return (
    <>
      <p class="small">{t("meaning.preview", { events: counted("meaning.preview.events", answer.events), people: counted("meaning.people", answer.people) })}</p>
      <ul class="preview-stages">
        {models.value.map((model) => {
          const stage = stagesOf(model).find((each) => each.id === possible.stages[model.id]);
          return (
            <li key={model.id}>
              <span class="faint micro">{modelShortName(model, language.value)}</span>
              {stage ? <StageBadge stage={stage} /> : <span class="faint micro">{t("meaning.no-stage")}</span>}
            </li>
          );
        })}
      </ul>
    </>
  );
}

/** What people do around the event, and what the chosen meaning would change. Nothing is saved by looking. */
export function Preview({ name, milestone }: { name: string; milestone: string | null }) {
  const scope = { site: site.value!.id, from: addDays(today.value, -30), to: addDays(today.value, 1) };
  const { data } = useAnswer(keyOf("meaning", scope, name), (signal) => askMeaning(scope, name, signal));
  if (!data || !data.events) return null;
  return (
    <div class="preview">
      <div class="preview-sides">
        <Neighbours title={t("meaning.before")} neighbours={data.before} />
        <Neighbours title={t("meaning.after")} neighbours={data.after} />
      </div>
      {milestone && <Stages answer={data} milestone={milestone} />}
    </div>
  );
}
