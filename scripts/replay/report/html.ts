import { join } from "node:path";
import type { EngineResult, ReplayParameters, ReplayResult, ReplaySeries } from "../model/result";
import { buildCharts, type Chart, type Line } from "./charts";
import type { Point } from "./downsample";
import { BASELINE, engineStyle, orderedEngines } from "./engines";
import { contested, KEEPER_COLUMNS, keeperName } from "./keeperTable";
import { markup, type Markup } from "../../lib";
import { bestEngines, formatNumber, MEASURES, shown, transactionsText, type Measure } from "./measures";
import { commandBlock, keepersText, matchSentence, pageHead, renderPage, sentenceCase } from "./page";
import { verdict } from "./verdict";

/**
 * The report as one page that needs nothing but itself: no network, no other file. It stands on its tables; the charts
 * are drawn on top by the script in it.
 */
export function renderReport(given: ReplayResult, series: ReplaySeries): string {
  const result = withoutKey(given);
  const charts = buildCharts(series);
  const title = `${sentenceCase(result.scenario)}: liquidation replay`;
  return renderPage({
    title,
    skip: "Skip to the verdict",
    head: header(result, series),
    main: markup`${verdictSection(result)} ${figuresSection(result)} ${keepersSection(result)}
    ${
      charts.length > 0
        ? chartsSection(charts, result)
        : markup`<section aria-labelledby="charts-title">
            <h2 id="charts-title">Step by step</h2>
            <p>This run left no series to draw.</p>
          </section>`
    }
    ${runSection(result)}`,
    data: { result, charts: charts.map(forClient) },
    client: join(__dirname, "client.ts"),
  });
}

/** What the script needs; values at six digits are finer than any screen. */
function forClient({ lines, ...chart }: Chart): unknown {
  const round = ([time, value]: Point): Point => [time, value === null ? null : Number(value.toPrecision(6))];
  return {
    id: chart.id,
    unit: chart.unit,
    decimals: chart.decimals,
    fromZero: chart.fromZero,
    lines: lines.map(({ extremes: _, points, ...line }) => ({ ...line, points: points.map(round) })),
  };
}

const utc = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");

const swatch = (color: string, dash: number[], width = 2.5): Markup =>
  markup`<svg class="swatch" width="30" height="10" aria-hidden="true" focusable="false">
    <line
      x1="1"
      x2="29"
      y1="5"
      y2="5"
      style="stroke: var(${color})"
      stroke-width="${width}"
      stroke-dasharray="${dash.join(" ")}"
    />
  </svg>`;

/** Under the number of transactions, how many of each kind. */
export const kindsBelow = ({ field }: Measure, engine: Partial<EngineResult> = {}): Markup => {
  const kinds = field === "transactions" ? transactionsText(engine) : "";
  return kinds === "" ? markup`` : markup`<span class="kinds">${kinds}</span>`;
};

export const engineSwatch = (id: string): Markup => {
  const { color, dash } = engineStyle(id);
  return swatch(color, dash);
};

function header({ scenario, seed, engines, parameters }: ReplayResult, series: ReplaySeries): Markup {
  const time = Object.values(series).find((one) => one.time.length > 0)?.time ?? [];
  const [first] = time;
  const last = time[time.length - 1];
  const facts: [string, string][] = [
    [
      "Engines",
      orderedEngines(engines)
        .map((id) => engineStyle(id).name)
        .join(", "),
    ],
    ["Book over venue depth", `${formatNumber(parameters.bookToDepth, 0)} times`],
    ["Buffer", `${formatNumber(100 * parameters.buffer, 1)} % of the book`],
    ["Spillway's keeper", keepersText(parameters.keepers)],
    ...(parameters.rivals > 0 ? [["Rivals", String(parameters.rivals)] as [string, string]] : []),
    ["Seed", String(seed)],
  ];
  if (first !== undefined && last !== undefined) facts.unshift(["Time, UTC", `${utc(first)} to ${utc(last)}`]);
  return pageHead({
    kicker: "Spillway replay",
    title: sentenceCase(scenario),
    lead: `The same crash, the same borrowers and the same market, once for each way of liquidating. What differs below is what liquidating did. ${matchSentence(parameters.match)}`,
    facts,
  });
}

const HEADLINES = ["excessDrawdownPct", "badDebtPct", "borrowerLossPct"] as const;

function verdictSection(result: ReplayResult): Markup {
  const { headline, comparison, engines } = verdict(result);
  const rows = HEADLINES.flatMap((field) => MEASURES.filter((row) => row.field === field));
  return markup`<section aria-labelledby="verdict">
    <h2 id="verdict" class="headline">${headline}</h2>
    <p class="comparison">${comparison}</p>
    <ul class="cards">
      ${engines.map(
        ({ engine, sentence }) =>
          markup`<li class="card">
            <h3>
              ${engineSwatch(engine)}
              ${engineStyle(engine).name}${engine === BASELINE ? markup` <span class="soft">baseline</span>` : ""}
            </h3>
            <dl>
              ${rows.map(
                (row) =>
                  markup`<div>
                    <dt>${row.label}</dt>
                    <dd>${shown(row, result.engines[engine])}<span class="unit"> %</span></dd>
                  </div>`,
              )}
            </dl>
            <p>${sentence}</p>
          </li>`,
      )}
    </ul>
  </section>`;
}

function figuresSection(result: ReplayResult): Markup {
  const ids = orderedEngines(result.engines);
  const groups = [...new Set(MEASURES.map(({ group }) => group))];
  const row = (one: Measure): Markup => {
    const best = bestEngines(one, result.engines);
    const direction = one.better === null ? "" : one.better === "lower" ? "Less is better." : "More is better.";
    return markup`<tr role="row">
      <th scope="row" role="rowheader">
        <span class="measure">${one.label}</span> <span class="unit">${one.unit}</span
        ><span class="why">${one.explanation} ${direction}</span>
      </th>
      ${ids.map((id) => {
        const value = shown(one, result.engines[id]);
        return markup`<td role="cell" ${best.has(id) ? markup` class="best"` : ""}>
          <span class="who" aria-hidden="true">${engineStyle(id).name}</span
          ><span class="value">${value}</span
          >${best.has(id) ? markup` <span class="mark"><span aria-hidden="true">✓</span> best</span>` : ""}
          ${kindsBelow(one, result.engines[id])}
        </td>`;
      })}
    </tr>`;
  };
  return markup`<section aria-labelledby="figures">
    <h2 id="figures">The figures</h2>
    <p>
      “The book” is what all collateral was worth at the start. Losses and depths are positive numbers.
      <span class="mark"><span aria-hidden="true">✓</span> best</span> marks the best figure of a row, whoever has it;
      the baseline is not compared.
    </p>
    <table class="figures" role="table" aria-labelledby="figures" style="--engines: ${ids.length}">
      <thead role="rowgroup">
        <tr role="row">
          <th scope="col" role="columnheader">Measure</th>
          ${ids.map((id) => markup`<th scope="col" role="columnheader">${engineSwatch(id)}<span>${engineStyle(id).name}</span>${id === BASELINE ? markup`<span class="soft">baseline</span>` : ""}</th>`)}
        </tr>
      </thead>
      ${groups.map(
        (group) =>
          markup`<tbody role="rowgroup">
            <tr role="row" class="group">
              <th scope="rowgroup" role="rowheader" colspan="${ids.length + 1}">${group}</th>
            </tr>
            ${MEASURES.filter((one) => one.group === group).map(row)}
          </tbody>`,
      )}
    </table>
  </section>`;
}

/** Who earned what, where several keepers competed. */
function keepersSection({ engines }: ReplayResult): Markup {
  const tables = contested(engines);
  if (tables.length === 0) return markup``;
  return markup`<section aria-labelledby="keepers">
    <h2 id="keepers">Who earned what</h2>
    <p>
      Several keepers with the same code, strangers to each other, acted in the same blocks. Of their transactions the
      one with the highest tip goes first, of equal ones the one that is drawn.
    </p>
    ${tables.map(({ engine, keepers }) => {
      const { name } = engineStyle(engine);
      return markup`<div class="scroll" role="region" tabindex="0" aria-label="Keepers of ${name}">
        <table class="plain">
          <caption>
            Keepers of ${name}
          </caption>
          <thead>
            <tr>
              <th scope="col">Keeper</th>
              ${KEEPER_COLUMNS.map(
                ({ label, explanation }) =>
                  markup`<th scope="col">${label}<span class="why">${explanation}</span></th>`,
              )}
            </tr>
          </thead>
          <tbody>
            ${keepers.map(
              (keeper, place) =>
                markup`<tr>
                  <th scope="row">${keeperName(place)}</th>
                  ${KEEPER_COLUMNS.map(({ of }) => markup`<td>${of(keeper)}</td>`)}
                </tr>`,
            )}
          </tbody>
        </table>
      </div>`;
    })}
  </section>`;
}

function chartsSection(charts: Chart[], { engines }: ReplayResult): Markup {
  const ids = orderedEngines(engines);
  const button = (kind: string, needs: string, label: string, text: string): Markup =>
    markup`<button type="button" data-zoom="${kind}" data-needs="${needs}" aria-label="${label}">${text}</button>`;
  return markup`<section aria-labelledby="charts-title">
    <h2 id="charts-title">Step by step</h2>
    <p>
      All charts show the same stretch of time, in UTC.
      <span class="screen" id="charts-help"
        >Point at a chart to read its values, or move into it with the Tab key and use the arrow keys; <kbd>+</kbd>,
        <kbd>−</kbd> and <kbd>0</kbd> zoom. Under each chart its main figures stand as a table.</span
      >
    </p>
    <noscript
      ><p><strong>The charts need JavaScript.</strong> The tables under them do not.</p></noscript
    >
    <div class="tools" role="group" aria-label="What the charts show">
      <div class="picks">
        ${ids.map((id) => markup`<label><input type="checkbox" checked data-engine="${id}" /> ${engineSwatch(id)} ${engineStyle(id).name}</label>`)}
      </div>
      <div class="zoom">
        ${button("in", "", "Zoom in", "+")}${button("out", "zoom", "Zoom out", "−")}${button("left", "left", "Earlier", "←")}${button("right", "right", "Later", "→")}${button("all", "zoom", "Whole run", "Whole run")}<span
          id="range"
        ></span>
      </div>
    </div>
    <div class="charts">${charts.map(figureOf)}</div>
  </section>`;
}

function figureOf(chart: Chart): Markup {
  const spoken = `${chart.title}, ${chart.unit}. ${chart.summary} The table after the chart has more.`;
  const key = ({ name, color, dash, width }: Line): Markup => markup`<li>${swatch(color, dash, width)} ${name}</li>`;
  const value = (point: Point): Markup => markup`${formatNumber(point[1], chart.decimals)}`;
  const when = (point: Point): Markup => markup`${value(point)} <span class="when">${utc(point[0])}</span>`;
  return markup`<figure class="chart" id="${chart.id}" aria-labelledby="${chart.id}-title">
    <figcaption>
      <h3 id="${chart.id}-title">${chart.title}</h3>
      <p>${chart.shows}</p>
      ${chart.summary === "" ? "" : markup`<p class="summary">${chart.summary} <span class="soft">(${chart.unit})</span></p>`}
      <ul class="key">
        ${chart.lines.filter(({ keyed }) => keyed).map(key)}
      </ul>
    </figcaption>
    <div
      class="plot"
      id="chart-${chart.id}"
      role="img"
      tabindex="0"
      aria-label="${spoken}"
      aria-describedby="charts-help"
      data-summary="${spoken}"
    ></div>
    <details>
      <summary>Figures of this chart<span class="hidden">: ${chart.title}</span></summary>
      <div class="scroll" role="region" tabindex="0" aria-label="Figures: ${chart.title}">
        <table>
          <thead>
            <tr>
              <th scope="col">${chart.unit}</th>
              <th scope="col">Start</th>
              <th scope="col">Lowest, UTC</th>
              <th scope="col">Highest, UTC</th>
              <th scope="col">End</th>
            </tr>
          </thead>
          <tbody>
            ${chart.lines.map(
              ({ name, extremes }) =>
                markup`<tr>
                  <th scope="row">${name}</th>
                  <td>${value(extremes.first)}</td>
                  <td>${when(extremes.lowest)}</td>
                  <td>${when(extremes.highest)}</td>
                  <td>${value(extremes.last)}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </details>
  </figure>`;
}

const MEANINGS: Record<string, string> = {
  engines: "Ways of liquidating that were compared",
  bookToDepth: "The book's collateral over the collateral whose sale moves the market by 1 %",
  buffer: "The buffer's cash over the book's starting value",
  keepers:
    "What Spillway's keeper does: for profit only what pays for itself, as a service at a loss too what the protocol needs",
  rivals: "Keepers beside the first at each engine",
  match: "What is the same for one borrower at every engine: the distance from the liquidation threshold, or the LTV",
  stepSeconds: "Seconds between two steps",
  fromSeconds: "Start, seconds from the start of the prices",
  toSeconds: "End, seconds from the start of the prices",
  prices: "Where the price path comes from: the scenario, or a file given by hand",
  fork: "The chain that was forked; “reconstructed” is built locally and is not mainnet's state",
};

function parameterText(value: unknown): string {
  if (value === null || value === undefined) return "none";
  if (typeof value === "number") return formatExact(value);
  if (Array.isArray(value)) return value.map(parameterText).join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

const formatExact = (value: number): string =>
  value.toLocaleString("en-US", { maximumSignificantDigits: 15, useGrouping: Math.abs(value) >= 1e5 });

function forkText(fork: ReplayParameters["fork"]): string {
  return fork === "reconstructed" ? fork : `${fork.url}, block ${String(fork.block)}`;
}

/** A node's address may hold a key, and the page is made to be passed on: only its host stays, everywhere. */
function withoutKey(result: ReplayResult): ReplayResult {
  const { fork } = result.parameters;
  if (fork === "reconstructed") return result;
  const parsed = URL.canParse(fork.url) ? new URL(fork.url) : null;
  const bare = parsed === null ? "URL" : `${parsed.protocol}//${parsed.host}`;
  if (fork.url === bare || fork.url === `${bare}/`) return result;
  const quoted = (text: string): string => JSON.stringify(text).slice(1, -1);
  const text = JSON.stringify(result).replaceAll(quoted(fork.url), () => quoted(`${bare}/YOUR-KEY`));
  return JSON.parse(text) as ReplayResult;
}

function runSection({ parameters, seed, versions, command, engines }: ReplayResult): Markup {
  const table = (caption: string, rows: [string, string, string][]): Markup =>
    markup`<div class="scroll" role="region" tabindex="0" aria-label="${caption}">
      <table class="plain">
        <caption>
          ${caption}
        </caption>
        <tbody>
          ${rows.map(
            ([name, value, note]) =>
              markup`<tr>
                <th scope="row">${name}${note === "" ? "" : markup`<span class="why">${note}</span>`}</th>
                <td>${value}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  const rows = Object.entries(parameters).map(([name, value]): [string, string, string] => [
    sentenceCase(name),
    name === "fork"
      ? forkText(parameters.fork)
      : name === "engines"
        ? parameters.engines.join(", ")
        : parameterText(value),
    MEANINGS[name] ?? "",
  ]);
  return markup`<section aria-labelledby="run">
    <h2 id="run">Run it again</h2>
    <p>The same command gives the same figures, down to the state roots; only the time it takes may differ.</p>
    ${commandBlock(command)}
    <button type="button" class="screen" data-copy="command" hidden>Copy the command</button>
    ${table(
      "State roots",
      orderedEngines(engines).map((id) => [engineStyle(id).name, engines[id]?.stateRoot ?? "", ""]),
    )}
    <details class="more" open>
      <summary>Parameters and versions</summary>
      <div class="pair">
        ${table("Parameters", [["Seed", String(seed), "Where all chance in the run comes from"], ...rows])}
        ${table(
          "Versions",
          Object.entries(versions).map(([name, version]) => [name, version, ""]),
        )}
      </div>
    </details>
  </section>`;
}
