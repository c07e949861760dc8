import { toneClass, type Stage } from "../../model/stages";
import "./Hundred.css";

interface Props {
  /** How many of a hundred do it now, and how many more did before. */
  now: number;
  lost: number;
  stage: Pick<Stage, "tone" | "later">;
  label: string;
  columns?: number;
}

const CELL = 24;
const RADIUS = 8.2;

/** A hundred people as dots: those who go on, those lost since then, the rest. */
export function Hundred({ now, lost, stage, label, columns = 10 }: Props) {
  const rows = 100 / columns;
  const dots = Array.from({ length: 100 }, (_, index) => {
    const [cx, cy] = [(index % columns) * CELL + 9, Math.floor(index / columns) * CELL + 9];
    if (index < now) return <circle key={index} cx={cx} cy={cy} r={RADIUS} fill="var(--c)" />;
    if (index < now + lost) return <circle key={index} cx={cx} cy={cy} r={RADIUS - 1.2} fill="none" stroke="var(--leak)" stroke-width="2.4" />;
    return <circle key={index} cx={cx} cy={cy} r={RADIUS} fill="var(--rest-dot)" />;
  });
  return (
    <svg class={`hundred ${toneClass(stage)}`} role="img" aria-label={label} viewBox={`0 0 ${columns * CELL - 6} ${rows * CELL - 6}`}>
      {dots}
    </svg>
  );
}

/** A hundred customers, and the new people they bring below them. */
export function HundredAndMore({ more, label }: { more: number; label: string }) {
  const columns = 20;
  const shown = Math.min(more, 100);
  const step = 15;
  const at = (index: number, top: number) => ({ cx: (index % columns) * step + 6, cy: Math.floor(index / columns) * step + 6 + top });
  const height = 5 * step + (shown ? 8 + Math.ceil(shown / columns) * step : 0);
  return (
    <svg class="hundred-more tone-tell" role="img" aria-label={label} viewBox={`0 0 ${columns * step - 3} ${height - 3}`}>
      {Array.from({ length: 100 }, (_, index) => (
        <circle key={index} {...at(index, 0)} r={5.2} fill="var(--rest-dot)" />
      ))}
      {Array.from({ length: shown }, (_, index) => (
        <circle key={`n${index}`} {...at(index, 5 * step + 8)} r={5.2} fill="var(--c)" />
      ))}
    </svg>
  );
}

export function HundredLegend({ items }: { items: { mark: "now" | "lost" | "rest"; count: string; text: string; stage?: Pick<Stage, "tone" | "later"> }[] }) {
  return (
    <ul class="hundred-legend">
      {items.map((item) => (
        <li key={item.mark}>
          <svg width="12" height="12" aria-hidden="true" class={toneClass(item.stage)}>
            {item.mark === "lost" ? <circle cx="6" cy="6" r="4.6" fill="none" stroke="var(--leak)" stroke-width="2" /> : <circle cx="6" cy="6" r="5.5" fill={item.mark === "now" ? "var(--c)" : "var(--line-strong)"} />}
          </svg>
          <b>{item.count}</b>
          <span>{item.text}</span>
        </li>
      ))}
    </ul>
  );
}
