import { language } from "../../app/preferences";
import { model, modelName, modelShortName, models } from "../../app/models";
import { setParams, shared } from "../../app/router";
import { counted } from "../../format/words";
import { stagesOf } from "../../model/stages";
import { t } from "../../text";
import { Icon } from "../Icon/Icon";
import { Popover } from "../Popover/Popover";
import { StageDots } from "../Stage/Stage";

export function chooseModel(id: string): void {
  setParams({ m: id, step: null, state: null, of: null });
}

export function ModelSwitcher() {
  // Another model would be another page than the one that was shared.
  if (models.value.length < 2 || shared) return null;
  const now = model.value;
  return (
    <Popover title={t("model.choose")} role="listbox" width={340} align="end" button={<><em>{t("model.label")}</em>{now ? modelShortName(now, language.value) : "…"}<Icon name="down" size={14} /></>}>
      {(close) => (
        <div class="options">
          {models.value.map((each) => (
            <button key={each.id} type="button" role="option" class="option" aria-selected={each.id === now?.id} onClick={() => (chooseModel(each.id), close())}>
              {each.id === now?.id ? <Icon name="check" size={14} weight={2} /> : <span />}
              <span>
                {modelName(each, language.value)}
                <small>{counted("model.stages", each.stages.length)}</small>
              </span>
              <StageDots stages={stagesOf(each)} />
            </button>
          ))}
        </div>
      )}
    </Popover>
  );
}
