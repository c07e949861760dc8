import { useEffect, useId, useRef, useState } from "preact/hooks";
import { language } from "../../app/preferences";
import { formatShare } from "../../format/numbers";
import { count, counted, duration } from "../../format/words";
import { chartLabel, stepHint, type Gap, type Part } from "../../model/funnel";
import { toneClass } from "../../model/stages";
import { t } from "../../text";
import { moveAlong } from "../move-along";
import { StageName } from "../Stage/Stage";
import { BAR, BASE, barsOf, HEIGHT, lost, ribbon, type Bar } from "./shape";
import "./River.css";

export type OpenPeople = (step: number, state: "reached" | "dropped" | "open") => void;

interface Props {
  parts: Part[];
  gaps: Gap[];
  before: number[] | null;
  hot: Gap | null;
  /** Absent where the server cannot list people. */
  onOpen?: OpenPeople;
}

function useWidth(): [{ current: HTMLDivElement | null }, number] {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const box = ref.current;
    if (!box) return;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.round(entry.contentRect.width)));
    observer.observe(box);
    return () => observer.disconnect();
  }, []);
  return [ref, width];
}

function Defs({ id, gates }: { id: string; gates: Bar[] }) {
  return (
    <defs>
      <pattern id={`${id}-hatch`} width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <rect width="1.5" height="7" fill="var(--ink-4)" opacity=".75" />
      </pattern>
      <linearGradient id={`${id}-fall`} x1="0" x2="1">
        <stop offset="0" stop-color="#fff" stop-opacity=".95" />
        <stop offset=".55" stop-color="#fff" stop-opacity=".5" />
        <stop offset="1" stop-color="#fff" stop-opacity="0" />
      </linearGradient>
      <mask id={`${id}-mask`} maskContentUnits="objectBoundingBox">
        <rect width="1" height="1" fill={`url(#${id}-fall)`} />
      </mask>
      {gates.map((bar, index) => (
        <linearGradient key={index} id={`${id}-g${index}`} x1="0" x2="1">
          <stop class={toneClass(bar.part.stage)} offset="0" stop-color="var(--c)" stop-opacity=".3" />
          <stop class={toneClass((gates[index + 1] ?? bar).part.stage)} offset="1" stop-color="var(--c)" stop-opacity={gates[index + 1] ? ".3" : "0"} />
        </linearGradient>
      ))}
    </defs>
  );
}

/** A gate is filled; a stage that not everybody passes is hollow, or pale where there is no room for a hole. */
function BarShape({ bar }: { bar: Bar }) {
  const { x, top, height } = bar;
  if (height === 0) return null;
  if (bar.part.step.gate) return <rect x={x} y={top} width={BAR} height={height} rx={Math.min(3, height / 2)} fill="var(--c)" />;
  if (height < 16) return <rect x={x} y={top} width={BAR} height={height} rx="2" fill="var(--c)" opacity=".55" />;
  return <rect x={x + 1} y={top + 1} width={BAR - 2} height={height - 1} rx="3" fill="var(--surface)" stroke="var(--c)" stroke-width="2" stroke-dasharray="3 2.5" />;
}

function Drawing({ parts, before, width }: { parts: Part[]; before: number[] | null; width: number }) {
  const id = useId().replace(/[^\w-]/g, "");
  const bars = barsOf(parts, before, width);
  const gates = bars.filter((bar) => bar.part.step.gate);
  const end = gates[gates.length - 1];
  return (
    <svg width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} role="img" aria-label={chartLabel(parts)}>
      <Defs id={id} gates={gates} />
      <line x1="0" x2={width} y1={BASE + 0.5} y2={BASE + 0.5} stroke="var(--line)" />
      {gates.slice(1).map((to, index) => (
        <g key={index}>
          <path d={lost(gates[index], to)} fill={`url(#${id}-hatch)`} mask={`url(#${id}-mask)`} />
          <path d={ribbon(gates[index], to)} fill={`url(#${id}-g${index})`} />
        </g>
      ))}
      {end && <rect x={end.x + BAR} y={end.top} width={width / parts.length - BAR} height={end.height} fill={`url(#${id}-g${gates.length - 1})`} />}
      {bars.map((bar) => (
        <g key={bar.part.index} class={toneClass(bar.part.stage)}>
          <BarShape bar={bar} />
          {bar.before != null && Math.abs(bar.before - bar.top) >= 1.5 && <path d={`M${bar.x - 2},${BASE} V${bar.before} H${bar.x + BAR + 2} V${BASE}`} fill="none" stroke="var(--ink)" stroke-opacity=".5" />}
        </g>
      ))}
    </svg>
  );
}

function Top({ part, onOpen }: { part: Part; onOpen?: OpenPeople }) {
  const inside = (
    <>
      <StageName stage={part.stage} />
      <span class="river-phrase">{part.stage.phrases.past}</span>
      <span class="river-count">
        {count(part.step.count)}{" "}
        {part.index > 0 && part.step.overall_rate != null && <small>{formatShare(language.value, part.step.overall_rate)}</small>}
      </span>
    </>
  );
  if (!onOpen) return <div class="river-top">{inside}</div>;
  return (
    <button type="button" class="river-top" onClick={() => onOpen(part.index + 1, "reached")}>
      {inside}
      <span class="vh">, {stepHint(part.step, part.index)}</span>
    </button>
  );
}

function GapBox({ gap, hot, narrow, onOpen }: { gap: Gap; hot: boolean; narrow: boolean; onOpen?: OpenPeople }) {
  const short = narrow ? ".short" : "";
  const inside = (
    <>
      <b>{t(`journey.go-on${short}`, { rate: formatShare(language.value, gap.rate) })}</b>
      {(gap.open === 0 || gap.open < gap.lost) && <span>{counted(gap.open > 0 ? `journey.not-on${short}` : `journey.stop${short}`, gap.lost)}</span>}
      {gap.open > 0 && <span>{counted(`journey.open${short}`, gap.open)}</span>}
      {gap.usual != null && <small>{t("journey.usually", { time: duration(gap.usual) })}</small>}
    </>
  );
  const className = hot ? "river-gap hot" : "river-gap";
  if (!onOpen) return <div class={className}>{inside}</div>;
  return (
    <button type="button" class={className} onClick={() => onOpen(gap.to.index + 1, "dropped")}>
      {inside}
    </button>
  );
}

/** Below it, the words under a gap are cut short rather than broken. */
const NARROW = 820;

/** The funnel: bars of people, and a ribbon between them that narrows where people stop. */
export function River({ parts, gaps, before, hot, onOpen }: Props) {
  const [box, width] = useWidth();
  const columns = { gridTemplateColumns: `repeat(${parts.length}, minmax(0, 1fr))` };
  return (
    <div class="river" onKeyDown={moveAlong}>
      <div class="river-row" style={columns}>
        {parts.map((part) => (
          <Top key={part.stage.id} part={part} onOpen={onOpen} />
        ))}
      </div>
      <div ref={box} class="river-drawing">{width > 0 && <Drawing parts={parts} before={before} width={width} />}</div>
      <div class="river-row" style={columns}>
        {parts.map((part) => {
          const gap = gaps.find((each) => each.from === part);
          if (gap) return <GapBox key={part.stage.id} gap={gap} hot={gap === hot} narrow={width < NARROW} onOpen={onOpen} />;
          return <div key={part.stage.id} class="river-optional">{!part.step.gate && t("journey.optional")}</div>;
        })}
      </div>
    </div>
  );
}
