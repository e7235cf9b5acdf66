/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
// Runs in the reader's browser: bundled with the parts of ECharts that it uses and put into the page.
import { HeatmapChart, ScatterChart } from "echarts/charts";
import { AriaComponent, GridComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import type { PageData } from "./html";

echarts.use([
  HeatmapChart,
  ScatterChart,
  AriaComponent,
  GridComponent,
  TooltipComponent,
  VisualMapComponent,
  SVGRenderer,
]);

const { axes, maps, points } = JSON.parse(document.getElementById("sweep")?.textContent ?? "") as PageData;
type Axis = PageData["axes"][number];
type Point = PageData["points"][number];

const dark = matchMedia("(prefers-color-scheme: dark)");
const select = (id: string): HTMLSelectElement | null => document.querySelector(`#${id}`);
const live = document.getElementById("live");

function format(value: number): string {
  const decimals = Math.abs(value) >= 100 ? 0 : 2;
  return value
    .toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
    .replace("-", "−");
}
const withUnit = ({ unit }: Axis, value: string | number): string =>
  unit === "" ? String(value) : `${String(value)} ${unit}`;
const told = ({ values }: Point): string =>
  axes.map((axis) => `${axis.label} ${withUnit(axis, values[axis.name] ?? Number.NaN)}`).join(", ");

const style = (): CSSStyleDeclaration => getComputedStyle(document.documentElement);
const color = (name: string): string => style().getPropertyValue(name).trim();
/** From good to bad; one hue, so that it can be told with any colour vision and on paper. */
const scale = (): string[] =>
  dark.matches && !matchMedia("print").matches ? ["#1d2a35", "#2f6d94", "#b9e0f7"] : ["#f1f6fa", "#7fb2d3", "#0b3a5b"];

const plots = new Map<string, { box: HTMLElement; view: echarts.ECharts }>();
for (const id of ["trade", ...maps.map(({ field }) => field)]) {
  const box = document.getElementById(`plot-${id}`);
  if (box !== null) plots.set(id, { box, view: echarts.init(box, null, { renderer: "svg" }) });
}

function textOf(): { color: string; fontFamily: string; fontSize: number } {
  return { color: color("--muted"), fontFamily: style().fontFamily, fontSize: 12 };
}

function tooltip(html: (point: number) => string): object {
  return {
    confine: true,
    transitionDuration: 0,
    backgroundColor: color("--raised"),
    borderColor: color("--rule-strong"),
    textStyle: { color: color("--ink"), fontSize: 13 },
    formatter: (params: unknown) => html((params as { data: { point: number } }).data.point),
  };
}

/** What a point is and what came of it. All of it is our own numbers and names. */
function tip(index: number): string {
  const point = points[index];
  if (point === undefined) return "";
  const rows = maps.map(
    ({ field, label }) =>
      `<tr><td>${label}</td><td>${format(point.mean[field])} %</td><td>worst ${format(point.worst[field])} %</td></tr>`,
  );
  return `<b>${told(point)}</b>${point.frontier ? " ★" : ""}<table class="tip">${rows.join("")}</table>`;
}

/** The points that the chosen axes show, and where. */
function cells(x: Axis, y: Axis | undefined): { point: number; column: number; row: number }[] {
  const fixed = axes.flatMap(({ name }) => {
    if (name === x.name || name === y?.name) return [];
    const value = document.querySelector<HTMLSelectElement>(`select[data-fix="${name}"]`)?.value;
    return [[name, value] as const];
  });
  return points.flatMap(({ values }, point) => {
    if (fixed.some(([name, value]) => String(values[name]) !== value)) return [];
    const row = y === undefined ? 0 : y.values.indexOf(values[y.name] ?? Number.NaN);
    return [{ point, column: x.values.indexOf(values[x.name] ?? Number.NaN), row }];
  });
}

function drawMap(map: PageData["maps"][number], x: Axis, y: Axis | undefined, kind: "mean" | "worst"): void {
  const plot = plots.get(map.field);
  if (plot === undefined) return;
  const shown = cells(x, y);
  const valueOf = (index: number): number => points[index]?.[kind][map.field] ?? Number.NaN;
  // one scale for all points, so that switching a third axis can be compared
  const all = points.map((_, index) => valueOf(index));
  const low = Math.min(...all);
  const high = Math.max(...all);
  const sorted = [...shown].sort((a, b) => valueOf(a.point) - valueOf(b.point));
  const [first] = sorted;
  const last = sorted[sorted.length - 1];
  const name = (one: { point: number } | undefined): string => {
    const point = one && points[one.point];
    return point === undefined ? "" : `${format(valueOf(one?.point ?? 0))} % at ${told(point)}`;
  };
  const summary = `${map.label}, ${x.label}${y === undefined ? "" : ` by ${y.label}`}: lowest ${name(first)}; highest ${name(last)}.`;
  plot.box.setAttribute("aria-label", summary);
  const [light = "", middle = "", strong = ""] = scale();
  const ramp = map.better === "lower" ? [light, middle, strong] : [strong, middle, light];
  const label = textOf();
  const category = (axis: Axis): object => ({
    type: "category",
    data: axis.values.map(String),
    name: axis.unit === "" ? axis.label : `${axis.label}, ${axis.unit}`,
    nameLocation: "middle",
    nameTextStyle: label,
    axisLabel: { ...label, hideOverlap: true },
    axisLine: { lineStyle: { color: color("--rule-strong") } },
    axisTick: { show: false },
  });
  // dark cells take light letters: past the middle of the ramp, whichever way it runs
  const letters = (value: number): string => {
    const share = high > low ? (value - low) / (high - low) : 0;
    const strength = map.better === "lower" ? share : 1 - share;
    const inverted = dark.matches && !matchMedia("print").matches;
    return strength > (inverted ? 0.72 : 0.62) ? (inverted ? "#0b1117" : "#ffffff") : inverted ? "#ffffff" : "#10202d";
  };
  plot.view.setOption(
    {
      animation: false,
      textStyle: { fontFamily: style().fontFamily },
      aria: { enabled: true, label: { description: summary } },
      grid: { left: 34, right: 12, top: 10, bottom: 30, containLabel: true },
      xAxis: { ...category(x), nameGap: 28 },
      yAxis:
        y === undefined
          ? { type: "category", data: [""], axisLine: { show: false }, axisTick: { show: false } }
          : { ...category(y), nameGap: 42 },
      visualMap: {
        show: false,
        type: "continuous",
        min: low,
        max: high > low ? high : low + 1,
        dimension: 2,
        inRange: { color: ramp },
      },
      tooltip: tooltip(tip),
      series: [
        {
          type: "heatmap",
          data: shown.map(({ point, column, row }) => {
            const value = valueOf(point);
            const starred = points[point]?.frontier === true;
            return {
              point,
              value: [column, row, value],
              label: {
                show: true,
                color: letters(value),
                fontSize: 12,
                formatter: `${format(value)}${starred ? " ★" : ""}`,
              },
            };
          }),
          itemStyle: { borderColor: color("--paper"), borderWidth: 2 },
          emphasis: { itemStyle: { borderColor: color("--ink") } },
        },
      ],
    },
    { notMerge: true },
  );
}

function drawTrade(): void {
  const plot = plots.get("trade");
  if (plot === undefined) return;
  const label = textOf();
  const debts = points.map(({ mean }) => mean.badDebtPct);
  const most = Math.max(...debts);
  const axis = (name: string, gap: number): object => ({
    type: "value",
    scale: true,
    name,
    nameLocation: "middle",
    nameGap: gap,
    nameTextStyle: label,
    axisLabel: label,
    axisLine: { show: true, lineStyle: { color: color("--rule-strong") } },
    splitLine: { lineStyle: { color: color("--rule") } },
  });
  const on = points.filter(({ frontier }) => frontier).map(told);
  const summary = `Extra drawdown against borrowers' loss. On the frontier: ${on.join("; ")}.`;
  plot.box.setAttribute("aria-label", summary);
  plot.view.setOption(
    {
      animation: false,
      textStyle: { fontFamily: style().fontFamily },
      aria: { enabled: true, label: { description: summary } },
      grid: { left: 34, right: 24, top: 16, bottom: 34, containLabel: true },
      xAxis: axis("Crash made deeper by, %", 30),
      yAxis: axis("Borrowers' loss, % of book", 44),
      visualMap: {
        show: false,
        type: "continuous",
        min: 0,
        max: most > 0 ? most : 1,
        dimension: 2,
        inRange: { color: [color("--spillway"), color("--aave")] },
      },
      tooltip: tooltip(tip),
      series: [
        {
          type: "scatter",
          data: points.map(({ mean, frontier }, point) => ({
            point,
            value: [mean.excessDrawdownPct, mean.borrowerLossPct, mean.badDebtPct],
            symbol: frontier ? "diamond" : "circle",
            symbolSize: frontier ? 18 : 9,
            itemStyle: { opacity: frontier ? 1 : 0.6, borderColor: color("--ink"), borderWidth: frontier ? 1.5 : 0 },
          })),
        },
      ],
    },
    { notMerge: true },
  );
}

const across = select("across");
const upwards = select("upwards");
const kind = select("kind");
const [, second] = axes;
if (upwards !== null && second !== undefined) upwards.value = second.name;

function drawAll(): void {
  const x = axes.find(({ name }) => name === across?.value);
  const y = upwards === null ? undefined : axes.find(({ name }) => name === upwards.value);
  if (x === undefined) return;
  for (const label of document.querySelectorAll<HTMLElement>("label[data-rest]")) {
    label.hidden = label.dataset["rest"] === x.name || label.dataset["rest"] === y?.name;
  }
  for (const map of maps) drawMap(map, x, y, kind?.value === "worst" ? "worst" : "mean");
  drawTrade();
}

let shownAcross = across?.value ?? "";
for (const one of document.querySelectorAll("select")) {
  one.addEventListener("change", () => {
    // one axis can't go both ways: the other gives way
    if (upwards !== null && across !== null && across.value === upwards.value) {
      if (one === across) upwards.value = shownAcross;
      else across.value = axes.find(({ name }) => name !== upwards.value)?.name ?? "";
    }
    shownAcross = across?.value ?? "";
    drawAll();
    if (live !== null) live.textContent = "The heat maps are drawn anew";
  });
}

function fit(): void {
  for (const { view } of plots.values()) view.resize();
  drawAll();
}
let pending = 0;
new ResizeObserver(() => {
  cancelAnimationFrame(pending);
  pending = requestAnimationFrame(fit);
}).observe(document.body);
dark.addEventListener("change", drawAll);
addEventListener("beforeprint", fit);
addEventListener("afterprint", fit);
matchMedia("print").addEventListener("change", fit);
drawAll();
