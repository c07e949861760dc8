import type { ActorEvent } from "../../api/types";
import { model, modelName, modelShortName, models } from "../../app/models";
import { language } from "../../app/preferences";
import { didText } from "../../format/names";
import { labelOf, type Stage } from "../../model/stages";
import { t } from "../../text";
import { Properties } from "./Properties";

/** The stages of the same event in the other models. */
export function elsewhere(event: ActorEvent): string {
  return models.value
    .filter((each) => each.id !== model.value?.id)
    .flatMap((each) => {
      const stage = each.stages.find((one) => one.id === event.stages[each.id]?.stage);
      return stage ? [`${modelShortName(each, language.value)}: ${labelOf(stage.labels)}`] : [];
    })
    .join(", ");
}

/** Why an event is in its stage: the rule, its version, and what came with the event. */
export function Why({ event, stage }: { event: ActorEvent; stage: Stage | null }) {
  const now = model.value;
  const decided = now ? event.stages[now.id] : undefined;
  const name = now ? modelName(now, language.value) : "";
  const others = elsewhere(event);
  return (
    <div class="why">
      <p>
        <b>{stage ? t("person.why", { stage: stage.label }) : t("person.why.none")}</b>{" "}
        {decided?.rule ? t("person.why.rule", { rule: decided.rule, model: name }) : t("person.why.no-rule", { model: name })}
      </p>
      <dl>
        <dt>{t("person.why.meaning")}</dt>
        <dd>{event.milestone ? <>{didText(event.milestone)} <code>{event.milestone}</code></> : t("person.why.not-understood")}</dd>
        {decided && <><dt>{t("person.why.version")}</dt><dd><code>{decided.version}</code></dd></>}
        {others && <><dt>{t("person.why.elsewhere")}</dt><dd>{others}</dd></>}
        <Properties of={event.properties} />
      </dl>
    </div>
  );
}
