import { LineChart as Lines } from "echarts/charts";
import { AriaComponent, GridComponent, TooltipComponent } from "echarts/components";
import { init, use, type ComposeOption, type ECharts } from "echarts/core";
import type { LineSeriesOption } from "echarts/charts";
import type { GridComponentOption, TooltipComponentOption } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";
import { useEffect, useRef } from "preact/hooks";
import type { Tone } from "../../model/stages";
import "./LineChart.css";

// The SVG renderer writes style attributes as text, which the content security policy refuses; the canvas does not.
use([Lines, GridComponent, TooltipComponent, AriaComponent, CanvasRenderer]);

type Option = ComposeOption<LineSeriesOption | GridComponentOption | TooltipComponentOption>;

export interface Line {
  name: string;
  tone: Tone;
  values: (number | null)[];
  /** From this point on the figures may still change; the line is dashed. */
  unfinishedFrom: number;
}

interface Props {
  labels: string[];
  lines: Line[];
  format: (value: number) => string;
  label: string;
  dark: boolean;
  unfinished: string;
}

function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Built as elements: a text with style attributes would be refused by the policy. */
function tooltip({ labels, lines, format, unfinished }: Props, index: number): HTMLElement {
  const box = document.createElement("div");
  const title = box.appendChild(document.createElement("b"));
  title.textContent = labels[index];
  for (const line of lines) {
    const value = line.values[index];
    if (value == null) continue;
    const row = box.appendChild(document.createElement("div"));
    row.className = `chart-tip tone-${line.tone}`;
    row.appendChild(document.createElement("i"));
    row.appendChild(document.createElement("span")).textContent = line.name;
    row.appendChild(document.createElement("b")).textContent = format(value);
    if (index >= line.unfinishedFrom) row.appendChild(document.createElement("small")).textContent = unfinished;
  }
  return box;
}

function seriesOf(line: Line): LineSeriesOption[] {
  const color = token(line.tone === "none" ? "--ink-3" : `--st-${line.tone}`);
  const common: LineSeriesOption = { type: "line", name: line.name, color, symbol: "circle", symbolSize: 5, showSymbol: line.values.length < 40, animation: false, emphasis: { disabled: true } };
  const solid = line.values.map((value, index) => (index < line.unfinishedFrom ? value : null));
  // One point more, so that the dashes begin where the line ends.
  const dashed = line.values.map((value, index) => (index >= line.unfinishedFrom - 1 ? value : null));
  return [
    { ...common, data: solid, lineStyle: { width: 2, color } },
    { ...common, data: dashed, lineStyle: { width: 1.5, type: [4, 4], color }, itemStyle: { color: token("--surface"), borderColor: color, borderWidth: 1.5 }, symbolSize: 4, z: 1 },
  ];
}

function optionOf(props: Props): Option {
  const [faint, line, font] = [token("--ink-3"), token("--line"), token("--font")];
  const text = { color: faint, fontFamily: font, fontSize: 12 };
  return {
    animation: false,
    aria: { enabled: false },
    grid: { left: 4, right: 12, top: 16, bottom: 4, outerBoundsMode: "same", outerBoundsContain: "axisLabel" },
    xAxis: { type: "category", data: props.labels, boundaryGap: false, axisLine: { lineStyle: { color: line } }, axisTick: { show: false }, axisLabel: { ...text, hideOverlap: true } },
    yAxis: { type: "value", min: 0, ...axisUpTo(Math.max(...props.lines.flatMap((each) => each.values.map((value) => value ?? 0)))), splitLine: { lineStyle: { color: line } }, axisLabel: { ...text, formatter: (value: number) => `${Math.round(value * 100)}%` } },
    tooltip: {
      trigger: "axis",
      className: "chart-tooltip",
      axisPointer: { type: "line", lineStyle: { color: faint, type: "solid", width: 1 } },
      formatter: (points: unknown) => tooltip(props, (points as { dataIndex: number }[])[0]?.dataIndex ?? 0),
    },
    series: props.lines.flatMap(seriesOf),
  } as Option;
}

/** No share is above all, so the axis ends there. */
function axisUpTo(most: number): { splitNumber: number } | { max: number; interval: number } {
  return most > 0.8 ? { max: 1, interval: 0.25 } : { splitNumber: 4 };
}

export function LineChart(props: Props) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<ECharts | null>(null);

  useEffect(() => {
    const made = init(box.current!, null, { renderer: "canvas" });
    chart.current = made;
    const observer = new ResizeObserver(() => made.resize());
    observer.observe(box.current!);
    return () => {
      observer.disconnect();
      made.dispose();
    };
  }, []);

  useEffect(() => {
    chart.current?.setOption(optionOf(props), { notMerge: true });
  }, [props.labels.join(), props.lines, props.dark]);

  return <div ref={box} class="line-chart" role="img" aria-label={props.label} />;
}
