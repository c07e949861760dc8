import type { Kpi } from "../../api/types";
import { language } from "../../app/preferences";
import type { Change as ChangeInfo } from "../../format/change";
import { formatChangeSize, formatKpi, kpiChange } from "../../model/kpis";
import { plural, t } from "../../text";
import "./Change.css";

function sizeText(kpi: Kpi, change: ChangeInfo): string {
  const { text, points } = formatChangeSize(language.value, kpi, change);
  if (points) return plural("change.points", change.size, text);
  if (kpi.unit === "seconds") return t(change.up ? "change.slower" : "change.faster", { time: text });
  return text || t("change.new");
}

/** The change in words: "▼ 3.0 points", "= within chance". */
export function changeText(kpi: Kpi, change: ChangeInfo): { sign: string; text: string } {
  if (change.verdict === "same") return { sign: "=", text: t("change.same") };
  if (change.verdict === "chance") return { sign: "=", text: t("change.chance") };
  return { sign: change.up ? "▲" : "▼", text: sizeText(kpi, change) };
}

/** For a screen reader: "4.9 points, worse; was 46.1%". */
export function changeSentence(kpi: Kpi): string {
  const change = kpiChange(kpi);
  if (!change) return "";
  const { text } = changeText(kpi, change);
  const word = change.verdict === "better" || change.verdict === "worse" ? `, ${t(`change.${change.verdict}`)}` : "";
  return `${text}${word}; ${t("change.was", { value: formatKpi(language.value, kpi, kpi.previous) })}`;
}

export function Change({ kpi }: { kpi: Kpi }) {
  const change = kpiChange(kpi);
  if (!change) return null;
  const { sign, text } = changeText(kpi, change);
  // A sign shows better or worse by its direction; where less is better, the direction is that of the judgement.
  const shown = kpi.unit === "seconds" && sign !== "=" ? (change.verdict === "better" ? "▲" : "▼") : sign;
  return (
    <span class={`change ${change.verdict}`}>
      <span class={`change-size ${change.verdict}`}>
        {shown} {text}
      </span>
      <span class="change-was">{t("change.was", { value: formatKpi(language.value, kpi, kpi.previous) })}</span>
    </span>
  );
}

/** A change in percent where no more is known, as in a column of counts. */
export function PercentChange({ now, before }: { now: number; before: number | null | undefined }) {
  if (before == null || (before === 0 && now === 0)) return <>–</>;
  const percent = before === 0 ? null : Math.round(((now - before) / before) * 100);
  if (percent === null) return <span class="change-size same">{t("change.new")}</span>;
  if (percent === 0) return <span class="change-size same">= {t("change.same")}</span>;
  return <span class={`change-size ${percent > 0 ? "better" : "worse"}`}>{percent > 0 ? "▲" : "▼"} {Math.abs(percent)}%</span>;
}
