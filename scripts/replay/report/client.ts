/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
// Runs in the reader's browser: bundled with the parts of ECharts that it uses and put into the page by html.ts.
import { LineChart } from "echarts/charts";
import { AriaComponent, GridComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import type { Chart, Line } from "./charts";
import type { Point } from "./downsample";

echarts.use([LineChart, AriaComponent, GridComponent, TooltipComponent, SVGRenderer]);

const charts = JSON.parse(document.getElementById("charts")?.textContent ?? "[]") as Chart[];
const times = charts.flatMap(({ lines }) => lines.flatMap(({ points }) => points.map(([time]) => time)));
const start = times.reduce((a, b) => Math.min(a, b), Infinity);
const end = times.reduce((a, b) => Math.max(a, b), -Infinity);
const still = matchMedia("(prefers-reduced-motion: reduce)");
const dark = matchMedia("(prefers-color-scheme: dark)");

const hidden = new Set<string>();
let from = start;
let to = end;

const pad = (n: number): string => String(n).padStart(2, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
function clock(seconds: number): string {
  const date = new Date(seconds * 1000);
  const day = `${String(date.getUTCDate())} ${MONTHS[date.getUTCMonth()] ?? ""}`;
  return `${day} ${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}`;
}

function format(value: number | null, { decimals, unit }: Chart): string {
  if (value === null) return "none";
  const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return `${value.toLocaleString("en-US", digits).replace("-", "−")}${unit.startsWith("%") ? " %" : ""}`;
}

/** Index of the last point at or before a time; -1 when there is none. */
function indexAt(points: Point[], time: number): number {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((points[middle]?.[0] ?? Infinity) <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The value of a line at any time: held for a stepped line, on the straight line between points otherwise. */
function valueAt({ points, step }: Line, time: number): number | null {
  const index = indexAt(points, time);
  const before = points[index];
  const after = points[index + 1];
  if (before === undefined) return null;
  if (before[1] === null || before[0] === time || step) return before[1];
  if (after === undefined) return time > before[0] ? null : before[1];
  return after[1] === null ? null : before[1] + ((after[1] - before[1]) * (time - before[0])) / (after[0] - before[0]);
}

/** The part of a line in sight, cut off at its edges. */
function visible(line: Line): [number, number | null][] {
  const inner = line.points.filter(([time]) => time > from && time < to);
  const edge = (time: number): Point => [time, valueAt(line, time)];
  return [edge(from), ...inner, edge(to)].map(([time, value]) => [time * 1000, value]);
}

const escape = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${String(char.charCodeAt(0))};`);

/** SVG has one look for a line's pattern wherever it is drawn. */
const swatch = ({ dash, width }: Line, color: string): string =>
  `<svg width="26" height="8" aria-hidden="true"><line x1="0" x2="26" y1="4" y2="4" stroke="${color}" stroke-width="${String(width)}" stroke-dasharray="${dash.join(" ")}"/></svg>`;

const views = charts.flatMap((chart) => {
  const box = document.getElementById(`chart-${chart.id}`);
  if (box === null) return [];
  return [{ chart, box, view: echarts.init(box, null, { renderer: "svg" }), cursor: null as number | null }];
});
type View = (typeof views)[number];

const shown = ({ lines }: Chart): Line[] => lines.filter(({ engine }) => engine === null || !hidden.has(engine));

function draw(one: View): void {
  const { chart, box, view } = one;
  const style = getComputedStyle(document.documentElement);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  const text = { color: color("--muted"), fontFamily: style.fontFamily, fontSize: 12 };
  const narrow = box.clientWidth < 480;
  view.setOption(
    {
      useUTC: true,
      animation: false,
      textStyle: { fontFamily: style.fontFamily },
      aria: { enabled: true, label: { description: box.dataset["summary"] ?? "" } },
      grid: { left: 8, right: narrow ? 12 : 20, top: 34, bottom: 4, containLabel: true },
      xAxis: {
        type: "time",
        min: from * 1000,
        max: to * 1000,
        splitNumber: narrow ? 3 : 6,
        axisLine: { onZero: false, lineStyle: { color: color("--rule-strong") } },
        axisTick: { lineStyle: { color: color("--rule-strong") } },
        axisLabel: {
          ...text,
          hideOverlap: true,
          formatter: {
            year: "{d} {MMM}",
            month: "{d} {MMM}",
            day: "{d} {MMM}",
            hour: "{HH}:{mm}",
            minute: "{HH}:{mm}",
          },
        },
      },
      yAxis: {
        type: "value",
        scale: !chart.fromZero,
        minInterval: chart.decimals === 0 ? 1 : 0,
        splitNumber: 4,
        name: chart.unit,
        nameTextStyle: { ...text, align: "left", padding: [0, 0, 4, 0] },
        nameLocation: "end",
        nameGap: 12,
        axisLabel: {
          ...text,
          formatter: (value: number) => value.toLocaleString("en-US", { maximumFractionDigits: 4 }).replace("-", "−"),
        },
        splitLine: { lineStyle: { color: color("--rule") } },
      },
      tooltip: {
        trigger: "axis",
        confine: true,
        transitionDuration: still.matches ? 0 : 0.1,
        backgroundColor: color("--raised"),
        borderColor: color("--rule-strong"),
        padding: [8, 12],
        textStyle: { color: color("--ink"), fontSize: 13 },
        axisPointer: { type: "line", lineStyle: { color: color("--muted"), type: "solid" } },
        formatter: (params: unknown) => {
          const [first] = params as { axisValue: number }[];
          const time = first === undefined ? from : first.axisValue / 1000;
          const rows = shown(chart).map(
            (line) =>
              `<tr><td>${swatch(line, color(line.color))}</td><td>${escape(line.name)}</td><td>${format(valueAt(line, time), chart)}</td></tr>`,
          );
          return `<b>${clock(time)} UTC</b><table class="tip">${rows.join("")}</table>`;
        },
      },
      series: shown(chart).map((line) => ({
        type: "line",
        name: line.name,
        data: visible(line),
        step: line.step ? "end" : false,
        showSymbol: false,
        connectNulls: false,
        emphasis: { disabled: true },
        z: line.engine === "spillway" ? 4 : 3,
        lineStyle: { color: color(line.color), width: line.width, type: line.dash.length > 0 ? line.dash : "solid" },
        itemStyle: { color: color(line.color) },
      })),
    },
    { notMerge: true },
  );
}

const range = document.getElementById("range");
const live = document.getElementById("live");
const say = (text: string): void => {
  if (live !== null) live.textContent = text;
};

function drawAll(): void {
  if (range !== null) range.textContent = `${clock(from)} to ${clock(to)} UTC`;
  for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-zoom]")) {
    const needs = button.dataset["needs"];
    const off =
      (needs === "left" && from <= start) ||
      (needs === "right" && to >= end) ||
      (needs === "zoom" && to - from >= end - start);
    // Not `disabled`, which would throw the keyboard's focus away.
    button.setAttribute("aria-disabled", String(off));
  }
  for (const one of views) draw(one);
}

/** Least stretch that can be zoomed to, seconds. */
const LEAST = Math.min(end - start, 600);

function show(nextFrom: number, nextTo: number): void {
  const width = Math.min(end - start, Math.max(LEAST, nextTo - nextFrom));
  from = Math.round(Math.min(Math.max(start, nextFrom), end - width));
  to = Math.round(from + width);
  drawAll();
  say(`Showing ${clock(from)} to ${clock(to)} UTC`);
}

function zoom(kind: string): void {
  const width = to - from;
  if (kind === "in") show(from + width / 4, to - width / 4);
  else if (kind === "out") show(from - width / 2, to + width / 2);
  else if (kind === "left") show(from - width / 2, to - width / 2);
  else if (kind === "right") show(from + width / 2, to + width / 2);
  else show(start, end);
}

/** Puts the reading line of a chart at a time, and says the values there. */
function read(one: View, time: number): void {
  one.cursor = Math.min(to, Math.max(from, time));
  const x = one.view.convertToPixel({ xAxisIndex: 0 }, one.cursor * 1000);
  one.view.dispatchAction({ type: "showTip", x, y: one.box.clientHeight / 2 });
  const values = shown(one.chart).map((line) => `${line.name} ${format(valueAt(line, one.cursor ?? from), one.chart)}`);
  say(`${clock(one.cursor)} UTC: ${values.join(", ")}`);
}

for (const one of views) {
  one.box.addEventListener("keydown", (event) => {
    const step = (to - from) / (event.shiftKey ? 10 : 60);
    const keys: Record<string, () => void> = {
      ArrowRight: () => {
        read(one, (one.cursor ?? from - step) + step);
      },
      ArrowLeft: () => {
        read(one, (one.cursor ?? to + step) - step);
      },
      Home: () => {
        read(one, from);
      },
      End: () => {
        read(one, to);
      },
      "+": () => {
        zoom("in");
      },
      "-": () => {
        zoom("out");
      },
      "0": () => {
        zoom("all");
      },
      Escape: () => {
        one.view.dispatchAction({ type: "hideTip" });
      },
    };
    const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key === "=" ? "+" : event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  });
  one.box.addEventListener("blur", () => {
    one.view.dispatchAction({ type: "hideTip" });
  });
}

for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-zoom]")) {
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") !== "true") zoom(button.dataset["zoom"] ?? "all");
  });
}
for (const box of document.querySelectorAll<HTMLInputElement>("input[data-engine]")) {
  box.addEventListener("change", () => {
    const engine = box.dataset["engine"] ?? "";
    if (box.checked) hidden.delete(engine);
    else hidden.add(engine);
    drawAll();
  });
}
for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-copy]")) {
  const source = document.getElementById(button.dataset["copy"] ?? "");
  button.hidden = false;
  button.addEventListener("click", () => {
    if (source === null) return;
    navigator.clipboard.writeText(source.textContent).then(
      () => {
        say("Copied");
        button.textContent = "Copied";
      },
      () => {
        getSelection()?.selectAllChildren(source);
        say("Selected; copy it with your keyboard");
      },
    );
  });
}

function fit(): void {
  for (const { view } of views) view.resize();
  drawAll();
}
let pending = 0;
new ResizeObserver(() => {
  cancelAnimationFrame(pending);
  pending = requestAnimationFrame(fit);
}).observe(document.body);
dark.addEventListener("change", drawAll);
// On paper the page is another width, and always light.
addEventListener("beforeprint", fit);
addEventListener("afterprint", fit);
matchMedia("print").addEventListener("change", fit);
drawAll();
