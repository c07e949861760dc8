import { StageName } from "../../components/Stage/Stage";
import { duration } from "../../format/words";
import type { Gap } from "../../model/funnel";
import { toneClass } from "../../model/stages";
import { t } from "../../text";

/** Times span seconds to weeks, so the axis is logarithmic; nothing is read from it but longer and shorter. */
function place(seconds: number, longest: number): number {
  return (Math.log1p(seconds) / Math.log1p(Math.max(longest, 1))) * 100;
}

/** How long those who went on took, per gap: from half of them to nine of ten. */
export function Between({ gaps }: { gaps: Gap[] }) {
  const longest = Math.max(...gaps.map((gap) => gap.to.step.time_from_previous.p90_s ?? 0));
  return (
    <div class="between">
      <p class="muted small between-note">{t("between.what")}</p>
      {gaps.map((gap) => {
        const { p50_s: half, p90_s: most } = gap.to.step.time_from_previous;
        const start = half == null ? 0 : place(half, longest);
        const end = most == null ? 0 : place(most, longest);
        return (
          <div key={gap.to.stage.id} class={`between-row ${toneClass(gap.to.stage)}`}>
            <span class="between-name">
              <StageName stage={gap.from.stage} />
              <span class="faint" aria-hidden="true">→</span>
              <StageName stage={gap.to.stage} />
            </span>
            <span class="between-track" aria-hidden="true">{!!half && <i style={{ left: `${Math.min(start, 98)}%`, width: `${Math.max(end - start, 1)}%` }} />}</span>
            <span class="between-figures tab">
              {!half ? (
                <span class="faint">{t(half == null ? "between.none" : "between.at-once")}</span>
              ) : (
                <>
                  {t("between.half")} <b>{duration(half)}</b>
                  <small>{t("between.most")} {duration(most)}</small>
                </>
              )}
            </span>
          </div>
        );
      })}
    </div>
  );
}
