import { abilities } from "../api/abilities";
import { askKpis, keyOf, type Scope } from "../api/questions";
import type { Kpi, KpisAnswer } from "../api/types";
import { useAnswer, type Answer } from "../api/use-answer";
import { comparison } from "../app/view";

function withPrevious(kpis: Kpi[], earlier: Kpi[] | null): Kpi[] {
  return kpis.map((kpi) => {
    const then = earlier?.find((each) => each.id === kpi.id && each.currency === kpi.currency);
    return { ...kpi, previous: then?.value ?? null };
  });
}

/**
 * The KPIs with the earlier value of the comparison chosen. The answer brings that of the range just before; for any other
 * the same question is asked about that range.
 */
export function useComparedKpis(scope: Scope): Answer<KpisAnswer> {
  const now = useAnswer(keyOf("kpis", scope, abilities.value.trend), (signal) => askKpis(scope, signal, { trend: true }));
  const other = comparison.value && comparison.value.name !== "prev" ? { ...scope, from: comparison.value.from, to: comparison.value.to } : null;
  const then = useAnswer(other ? keyOf("kpis", other) : null, (signal) => askKpis(other!, signal));
  if (!now.data || comparison.value?.name === "prev") return now;
  const data = { ...now.data, kpis: withPrevious(now.data.kpis, other ? (then.data?.kpis ?? null) : null) };
  return { ...now, data, loading: now.loading || then.loading };
}
