/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
// Runs in the operator's browser: fills the page from the stream of states. Everything that comes from the chain is put in as text.
import { LineChart } from "echarts/charts";
import { AriaComponent, GridComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import type { Snapshot } from "./snapshot";

echarts.use([LineChart, AriaComponent, GridComponent, TooltipComponent, SVGRenderer]);

interface Cell {
  text: string;
  /** The whole of what is shortened. */
  title?: string;
  number?: boolean;
  tone?: "good" | "bad";
}

const byId = (id: string): HTMLElement | null => document.getElementById(id);
const text = (value: string): Cell => ({ text: value });
const long = (value: string): Cell => ({
  text: value.length > 14 ? `${value.slice(0, 8)}…${value.slice(-4)}` : value,
  title: value,
});

function number(value: number | null, unit = "", digits = 4): Cell {
  if (value === null) return { text: "none", number: true };
  const shown = value.toLocaleString("en-US", { maximumSignificantDigits: Math.max(digits, integerDigits(value)) });
  return { text: `${shown.replace("-", "−")}${unit === "" ? "" : ` ${unit}`}`, number: true };
}

const integerDigits = (value: number): number => Math.min(15, Math.trunc(Math.abs(value)).toString().length);

function money(value: number | null, asset: string): Cell {
  if (value === null) return { text: "none yet", number: true };
  const shown = value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  return { text: `${shown.replace("-", "−")} ${asset}`, number: true, ...(value < 0 && { tone: "bad" }) };
}

/** Puts rows into a table, or its words for none. A table that did not change is left alone, so that a selection in it stays. */
const shownRows = new Map<string, string>();
function fill(id: string, rows: readonly (readonly Cell[])[]): void {
  const table = byId(id);
  const body = table?.querySelector("tbody");
  if (!table || !body) return;
  const key = JSON.stringify(rows);
  if (shownRows.get(id) === key || (rows.length === 0 && !shownRows.has(id))) return;
  shownRows.set(id, key);
  if (rows.length === 0) {
    const cell = document.createElement("td");
    cell.colSpan = table.querySelectorAll("th").length;
    cell.textContent = "None now.";
    const row = document.createElement("tr");
    row.append(cell);
    body.replaceChildren(row);
    return;
  }
  body.replaceChildren(
    ...rows.map((cells) => {
      const row = document.createElement("tr");
      row.append(
        ...cells.map(({ text: content, title, number: isNumber, tone }, place) => {
          const cell = document.createElement(place === 0 ? "th" : "td");
          if (place === 0) cell.setAttribute("scope", "row");
          cell.textContent = content;
          if (title !== undefined) cell.title = title;
          cell.classList.toggle("number", isNumber === true);
          if (tone !== undefined) cell.classList.add(tone);
          return cell;
        }),
      );
      return row;
    }),
  );
  rows[0]?.forEach(({ number: isNumber }, place) => {
    table.querySelectorAll("thead th")[place]?.classList.toggle("number", isNumber === true);
  });
}

const charts = new Map<string, echarts.ECharts>();
function draw(id: string, points: readonly (readonly [number, number])[], unit: string): void {
  const box = byId(id);
  if (box === null) return;
  const view = charts.get(id) ?? echarts.init(box, null, { renderer: "svg" });
  charts.set(id, view);
  const style = getComputedStyle(document.documentElement);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  const label = { color: color("--muted"), fontSize: 12 };
  const last = points[points.length - 1]?.[1];
  view.setOption({
    useUTC: true,
    animation: false,
    aria: {
      enabled: true,
      label: {
        description:
          last === undefined ? "No block yet." : `${String(points.length)} blocks, last ${String(last)} ${unit}.`,
      },
    },
    grid: { left: 8, right: 12, top: 28, bottom: 4, containLabel: true },
    tooltip: { trigger: "axis" },
    xAxis: { type: "time", axisLabel: { ...label, hideOverlap: true } },
    yAxis: {
      type: "value",
      name: unit,
      nameTextStyle: label,
      axisLabel: label,
      splitLine: { lineStyle: { color: color("--rule") } },
    },
    series: [
      {
        type: "line",
        showSymbol: points.length < 3,
        step: "end",
        data: points.map(([time, value]) => [time * 1000, value]),
        lineStyle: { color: color("--line"), width: 2 },
        itemStyle: { color: color("--line") },
      },
    ],
  });
}

function show(state: Snapshot): void {
  const { asset } = state;
  const status = byId("status");
  if (status !== null) {
    const word = state.ready ? (state.dryRun ? "Ready, dry run" : "Ready") : "Not ready";
    const line = `${word}: block ${state.block.toLocaleString("en-US")}`;
    if (status.dataset["word"] !== word) status.setAttribute("aria-live", "polite");
    else status.setAttribute("aria-live", "off"); // said once, not with each block
    status.dataset["word"] = word;
    status.textContent = line;
    status.className = state.ready ? "ready" : "unready";
  }
  byId("reasons")?.replaceChildren(
    ...state.reasons.map(({ code, text: why }) => {
      const item = document.createElement("li");
      item.textContent = `${code}: ${why}`;
      return item;
    }),
  );
  const total = state.profit.reduce((sum, { earned, gas }) => sum + earned - gas, 0);
  const facts: [string, string][] = [
    ["Block time", new Date(state.blockTime * 1000).toISOString().replace("T", " ").slice(0, 19)],
    ["Chain", String(state.chainId)],
    ["Vault", state.vault],
    ["Profit after gas", money(total, asset).text],
  ];
  byId("facts")?.replaceChildren(
    ...facts.map(([name, value]) => {
      const entry = document.createElement("div");
      const term = document.createElement("dt");
      const definition = document.createElement("dd");
      term.textContent = name;
      definition.textContent = value;
      entry.append(term, definition);
      return entry;
    }),
  );

  fill(
    "lanes",
    state.lanes.map((lane) => [
      text(lane.name),
      {
        text: lane.isOpen ? (lane.diverged ? "open, price in doubt" : "open") : "closed",
        ...(lane.isOpen && { tone: "good" }),
      },
      number(lane.price, asset, 6),
      number(lane.headPct, "%"),
      number(lane.premiumPct, "%"),
      number(lane.pace, lane.name),
      money(lane.debt, asset),
      { ...number(lane.unhealthy), ...(lane.unhealthy > 0 && { tone: "bad" }) },
    ]),
  );
  fill(
    "profit",
    state.profit.map(({ kind, count, earned, gas }) => [
      text(kind),
      number(count),
      money(earned, asset),
      money(gas, asset),
      money(earned - gas, asset),
    ]),
  );
  fill(
    "actions",
    state.actions.map((one) => [
      text(String(one.block)),
      text(one.kind),
      text(one.name),
      {
        text: one.result,
        ...(one.result === "mined" && { tone: "good" }),
        ...(one.result === "reverted" && { tone: "bad" }),
      },
      money(one.expected, asset),
      money(one.earned, asset),
      money(one.gas, asset),
      long(one.hash),
    ]),
  );
  fill(
    "missed",
    state.missed.map((one) => [
      text(String(one.block)),
      text(one.kind),
      text(one.name),
      long(one.owner),
      long(one.taker),
      text(one.reason),
    ]),
  );
  fill(
    "positions",
    state.positions.map((one) => [
      text(one.name),
      long(one.owner),
      number(one.collateral, one.name),
      money(one.debt, asset),
      number(one.ltvPct, "%"),
      { ...number(one.distancePct, "%"), ...(one.distancePct < 0 && { tone: "bad" }) },
    ]),
  );
  fill("buffer", [
    [text("cash"), number(state.buffer.cash, asset, 6), money(state.buffer.cash, asset)],
    ...state.buffer.inventory.map(({ name, amount, value }) => [text(name), number(amount, name), money(value, asset)]),
  ]);
  fill(
    "nodes",
    state.nodes.map((node) => [
      text(node.host),
      text(node.role),
      number(node.head),
      number(node.ageSeconds, "s"),
      number(node.latencyMs, "ms", 3),
      number(node.errors),
      number(node.score, "", 3),
    ]),
  );
  fill(
    "signers",
    state.signers.map((one) => [
      long(one.address),
      number(one.nonce),
      number(one.pending),
      number(one.balance, "ETH"),
      number(one.waitingBlocks, "blocks"),
    ]),
  );
  fill(
    "fleet",
    state.fleet.map((one) => [
      text(one.id),
      text(one.host),
      text(one.role),
      long(one.signer),
      number(one.head),
      number(one.lagBlocks, "blocks"),
      number(one.jobs),
      number(one.seenSecondsAgo, "s ago"),
    ]),
  );
  draw(
    "profit-chart",
    state.series.map(({ time, profit }) => [time, profit] as const),
    asset,
  );
  draw(
    "unhealthy-chart",
    state.series.map(({ time, unhealthy }) => [time, unhealthy] as const),
    "positions",
  );
}

const source = new EventSource("events");
source.addEventListener("message", ({ data }: MessageEvent<string>) => show(JSON.parse(data) as Snapshot));
source.addEventListener("error", () => {
  const status = byId("status");
  if (status === null) return;
  status.textContent = "The keeper does not answer; this page shows its last state.";
  status.className = "unready";
});
let resizing: number | undefined;
addEventListener("resize", () => {
  cancelAnimationFrame(resizing ?? 0);
  resizing = requestAnimationFrame(() => {
    for (const view of charts.values()) view.resize();
  });
});
