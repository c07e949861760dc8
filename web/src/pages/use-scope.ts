import type { Scope } from "../api/questions";
import { modelId } from "../app/models";
import { bots, modelParam, period, site } from "../app/view";

/** What the address asks for: site, period, model, robots. */
export function useScope(): Scope {
  return { site: site.value!.id, from: period.value.from, to: period.value.to, model: modelParam.value || modelId.value, bots: bots.value };
}
