import { join } from "node:path";
import { markup, type Markup } from "../../../lib";
import { formatNumber, measure } from "../../report/measures";
import { pageHead, renderPage, sentenceCase } from "../../report/page";
import { list } from "../../report/verdict";
import { unitOf, withUnit, type Value } from "../../model/overrides";
import { DECISIVE, FIELDS, measures, type Field, type Point, type Sweep } from "../summary";
import { frontier, SHOWN } from "./table";

/** What the page's script is given. */
export interface PageData {
  axes: { name: string; label: string; unit: string; values: Value[] }[];
  maps: { field: Field; label: string; unit: string; better: "lower" | "higher" }[];
  points: {
    values: Record<string, Value>;
    mean: Record<Field, number>;
    worst: Record<Field, number>;
    frontier: boolean;
  }[];
}

const MAPS: readonly Field[] = [...DECISIVE, "bufferPnlPct"];

/** The sweep as one page that needs nothing but itself. It stands on its tables; heat maps are drawn on top by the script in it. */
export function renderSweepPage(sweep: Sweep): string {
  const data: PageData = {
    axes: sweep.axes.map(({ name, values }) => ({
      name,
      label: sentenceCase(name),
      unit: unitOf(name),
      values,
    })),
    maps: MAPS.map((field) => {
      const { label, unit, better } = measure(field);
      return { field, label, unit, better: better ?? "lower" };
    }),
    points: sweep.points.map(({ values, mean, worst, frontier: on }) => ({ values, mean, worst, frontier: on })),
  };
  return renderPage({
    title: `${list(sweep.scenarios.map(sentenceCase))}: sweep`,
    skip: "Skip to the frontier",
    head: head(sweep),
    main: markup`${frontierSection(sweep)} ${mapsSection(sweep)} ${pointsSection(sweep)} ${runSection(sweep)}`,
    data: { sweep: data },
    client: join(__dirname, "client.ts"),
  });
}

function head(sweep: Sweep): Markup {
  const { axes, points, scenarios, seeds } = sweep;
  const runs = points.reduce((sum, point) => sum + point.runs.length, 0);
  const facts: [string, string][] = [
    ["Scenarios", scenarios.map(sentenceCase).join(", ")],
    ["Seeds", seeds === 1 ? "1" : `1 to ${seeds}`],
    ["Points", String(points.length)],
    ["Runs", String(runs)],
    ...axes.map(({ name, values }): [string, string] => [
      sentenceCase(name),
      values.map((v) => withUnit(name, v)).join(", "),
    ]),
  ];
  return pageHead({
    kicker: "Spillway sweep",
    title: "What each choice costs",
    lead: "The same crashes and the same borrowers for every choice of Spillway's parameters. Figures are means over all scenarios and seeds unless they say otherwise.",
    facts,
  });
}

const described = (sweep: Sweep, { values }: Point): string =>
  sweep.axes.map(({ name }) => `${name} ${withUnit(name, values[name] ?? Number.NaN)}`).join(", ");

function frontierSection(sweep: Sweep): Markup {
  const on = frontier(sweep);
  return markup`<section aria-labelledby="frontier">
    <h2 id="frontier" class="headline">${on.length} of ${sweep.points.length} choices are on the frontier</h2>
    <p class="comparison">
      No other choice makes the crash less deep, leaves less bad debt or costs borrowers less without being worse in
      another of the three. Figures that read the same count as the same.
    </p>
    ${table(sweep, on, SHOWN, "The frontier, the least deep crash first")}
    <figure class="chart" id="trade" aria-labelledby="trade-title">
      <figcaption>
        <h3 id="trade-title">Extra drawdown against borrowers' loss</h3>
        <p>Each mark is a choice: the further to the left and the lower, the better. Its colour is the bad debt. Diamonds are the frontier.</p>
      </figcaption>
      <div class="plot" id="plot-trade" role="img" aria-label="Extra drawdown against borrowers' loss; the figures stand in the tables."></div>
    </figure>
  </section>`;
}

function mapsSection({ axes }: Sweep): Markup {
  const options = axes.map(({ name }) => markup`<option value="${name}">${sentenceCase(name)}</option>`);
  const rest = axes.map(
    ({ name, values }) =>
      markup`<label data-rest="${name}"
        >${sentenceCase(name)}
        <select data-fix="${name}">
          ${values.map((value) => markup`<option value="${value}">${withUnit(name, value)}</option>`)}
        </select></label
      >`,
  );
  return markup`<section aria-labelledby="maps">
    <h2 id="maps">Heat maps</h2>
    <p>The more a cell stands out from the page, the worse. A star marks the frontier. The same figures stand in the table of all choices.</p>
    <noscript><p><strong>The heat maps need JavaScript.</strong> The tables do not.</p></noscript>
    <div class="tools" role="group" aria-label="What the heat maps show">
      <div class="picks">
        <label>Across <select id="across">${options}</select></label>
        ${axes.length > 1 ? markup`<label>Upwards <select id="upwards">${options}</select></label>` : ""}
        ${rest}
        <label
          >Figures
          <select id="kind">
            <option value="mean">Mean of all runs</option>
            <option value="worst">Worst run</option>
          </select></label
        >
      </div>
    </div>
    <div class="charts">
      ${MAPS.map((field) => {
        const { label, unit, explanation } = measure(field);
        return markup`<figure class="chart" aria-labelledby="${field}-title">
          <figcaption>
            <h3 id="${field}-title">${label}, ${unit}</h3>
            <p>${explanation}</p>
          </figcaption>
          <div class="plot" id="plot-${field}" role="img" tabindex="0" aria-label="${label}"></div>
        </figure>`;
      })}
    </div>
  </section>`;
}

function table(sweep: Sweep, points: readonly Point[], fields: readonly Field[], caption: string): Markup {
  const shown = fields.map((field) => measure(field));
  return markup`<div class="scroll" role="region" tabindex="0" aria-label="${caption}">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${sweep.axes.map(({ name }) => markup`<th scope="col">${sentenceCase(name)} <span class="unit">${unitOf(name)}</span></th>`)}
          ${shown.map(({ label, unit }) => markup`<th scope="col">${label} <span class="unit">${unit}</span></th>`)}
        </tr>
      </thead>
      <tbody>
        ${points.map(
          (point) =>
            markup`<tr ${point.frontier ? markup`class="on-frontier"` : ""}>
              ${sweep.axes.map(({ name }, index) => {
                const value = String(point.values[name]);
                return index === 0
                  ? markup`<th scope="row" aria-label="${described(sweep, point)}">${value}${point.frontier ? markup` <span class="mark" title="on the frontier">★</span>` : ""}</th>`
                  : markup`<td>${value}</td>`;
              })}
              ${shown.map(({ field, format }) => {
                const mean = format(point.mean[field as Field]);
                const worst = format(point.worst[field as Field]);
                return markup`<td>${mean}${worst === mean ? "" : markup`<span class="when">worst ${worst}</span>`}</td>`;
              })}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

function pointsSection(sweep: Sweep): Markup {
  const several = sweep.scenarios.length > 1;
  return markup`<section aria-labelledby="points">
    <h2 id="points">All choices</h2>
    <p>Under each mean stands the worst of its single runs, where it reads otherwise. <span class="mark">★</span> marks the frontier.</p>
    ${table(sweep, sweep.points, FIELDS, "All choices")}
    <details class="more">
      <summary>What the figures mean</summary>
      <dl>
        ${measures.map(
          ({ label, explanation }) =>
            markup`<dt class="measure">${label}</dt>
              <dd>${explanation}</dd>`,
        )}
      </dl>
    </details>
    ${several ? scenariosOf(sweep) : ""}
  </section>`;
}

/** The three figures of each point in each scenario. */
function scenariosOf(sweep: Sweep): Markup {
  return markup`<details class="more">
    <summary>Scenario by scenario</summary>
    ${sweep.scenarios.map((name) => {
      const points = sweep.points.flatMap((point) => {
        const mean = point.scenarios[name];
        return mean === undefined ? [] : [{ ...point, mean, worst: mean }];
      });
      return table(sweep, points, SHOWN, `${sentenceCase(name)}, means over the seeds`);
    })}
  </details>`;
}

function runSection(sweep: Sweep): Markup {
  const { command, code, versions, bookToDepth, buffer, keepers, stepSeconds, fromSeconds, toSeconds } = sweep;
  const hours = (seconds: number): string => `${formatNumber(seconds / 3600, 2)} h`;
  const rows: [string, string][] = [
    ["Book to depth, where it is not varied", formatNumber(bookToDepth, 0)],
    ["Buffer, where it is not varied", `${formatNumber(100 * buffer, 1)} % of the book`],
    ["Keepers, where they are not varied", keepers],
    ["Step", stepSeconds === "scenario" ? "as the scenario says" : `${stepSeconds} s`],
    ["From", hours(fromSeconds)],
    ["To", toSeconds === "end" ? "the end of the prices" : hours(toSeconds)],
    ["Fingerprint of the code", code],
    ...Object.entries(versions),
  ];
  return markup`<section aria-labelledby="run">
    <h2 id="run">Run it again</h2>
    <p>The same command gives the same figures. State roots of all runs stand in <code>sweep.json</code>.</p>
    <pre id="command" tabindex="0" role="region" aria-label="Command"><code>${command.split(" ").map((word, i) => markup`${i === 0 ? "" : " "}<span class="word">${word}</span>`)}</code></pre>
    <div class="scroll" role="region" tabindex="0" aria-label="Parameters">
      <table class="plain">
        <tbody>
          ${rows.map(
            ([name, value]) =>
              markup`<tr>
                <th scope="row">${name}</th>
                <td>${value}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}
