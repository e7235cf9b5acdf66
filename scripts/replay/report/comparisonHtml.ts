import type { EngineResult } from "../model/result";
import {
  done,
  enginesOf,
  ratioSentence,
  sharedParameters,
  type Comparison,
  type Outcome,
  type Total,
} from "./comparison";
import { BASELINE, engineStyle } from "./engines";
import { engineSwatch, kindsBelow } from "./html";
import { markup, type Markup } from "../../lib";
import { bestEngines, formatNumber, measure, shown, type Measure } from "./measures";
import { commandBlock, keepersText, matchSentence, pageHead, renderPage } from "./page";

/** The measures that scenarios are compared by, in the order of the page. */
export const COMPARED = (
  [
    "excessDrawdownPct",
    "badDebtPct",
    "lenderLossPct",
    "borrowerLossPct",
    "liquidatedPct",
    "amplification",
    "bufferPnlPct",
    "keeperProfitPct",
    "gasCostPct",
    "transactions",
    "worstLtvPct",
    "timeOverLimitMinutes.p50",
    "timeOverLimitMinutes.p90",
    "timeOverLimitMinutes.p100",
    "timeUnderwaterMinutes",
  ] as const
).map(measure);

const HEADLINES = ["excessDrawdownPct", "badDebtPct", "borrowerLossPct"] as const;

/** Many scenarios as one page that needs nothing but itself; it links to the scenarios' own pages where `html` is written. */
export function renderComparison(comparison: Comparison, formats: readonly string[]): string {
  const { outcomes } = comparison;
  const engines = enginesOf(outcomes);
  const link = (outcome: Outcome): Markup =>
    "result" in outcome && formats.includes("html")
      ? markup`<a href="${outcome.result.scenario}/index.html">${outcome.title}</a>`
      : markup`${outcome.title}`;
  return renderPage({
    title: "Every scenario: liquidation replays",
    skip: "Skip to the totals",
    head: header(comparison, engines),
    main: markup`${totalsSection(comparison, engines)} ${scenariosSection(outcomes, engines, link)}
    ${failuresSection(outcomes)} ${runSection(comparison)}`,
    data: {},
  });
}

function header(comparison: Comparison, engines: readonly string[]): Markup {
  const shared = sharedParameters(comparison);
  const facts: [string, string][] = [
    ["Scenarios", String(done(comparison.outcomes).length)],
    ["Engines", engines.map((id) => engineStyle(id).name).join(", ")],
  ];
  if (shared) {
    facts.push(["Book over venue depth", `${formatNumber(shared.bookToDepth, 0)} times`]);
    facts.push(["Buffer", `${formatNumber(100 * shared.buffer, 1)} % of the book`]);
    facts.push(["Spillway's keeper", keepersText(shared.keepers)]);
    facts.push(["Seed", String(shared.seed)]);
  }
  return pageHead({
    kicker: "Spillway replay",
    title: "Every scenario",
    lead: `Real crashes, and what is changed or made up. Within each the same prices, borrowers and market, once for each way of liquidating.${shared ? ` ${matchSentence(shared.match)}` : ""}`,
    facts,
  });
}

const spelt = (count: number): string => ["no", "one", "two", "three", "four", "five"][count] ?? formatNumber(count, 0);

function totalsSection(comparison: Comparison, engines: readonly string[]): Markup {
  const { scenarios, asked, engines: totals } = comparison.totals;
  if (scenarios.length === 0) {
    return markup`<section aria-labelledby="totals">
      <h2 id="totals" class="headline">No real crash was replayed</h2>
      <p>Totals are taken over real crashes only.</p>
    </section>`;
  }
  const missing = asked > scenarios.length ? ` ${asked - scenarios.length} of those asked for failed.` : "";
  const fields = (Object.keys(Object.values(totals)[0] ?? {}) as (keyof Total)[]).map(measure);
  return markup`<section aria-labelledby="totals">
    <h2 id="totals" class="headline">
      ${scenarios.length === 1 ? "The one real crash" : `The ${spelt(scenarios.length)} real crashes together`}
    </h2>
    <p class="comparison">${ratioSentence(comparison, (id) => engineStyle(id).name)}${missing}</p>
    <ul class="cards">
      ${engines.map(
        (id) =>
          markup`<li class="card">
            <h3>
              ${engineSwatch(id)}
              ${engineStyle(id).name}${id === BASELINE ? markup` <span class="soft">baseline</span>` : ""}
            </h3>
            <dl>
              ${HEADLINES.map(
                (field) =>
                  markup`<div>
                    <dt>${measure(field).label}</dt>
                    <dd>${shown(measure(field), totals[id])}<span class="unit"> %</span></dd>
                  </div>`,
              )}
            </dl>
          </li>`,
      )}
    </ul>
    <p>
      Sums over ${scenarios.join(", ")}: each crash counts alike, whatever the size of its book. The highest LTV and the
      longest wait over the limit are those of any of them.
    </p>
    ${table("totals", engines, [{ rows: fields.map((row) => ({ row, head: markup`<span class="measure">${row.label}</span> <span class="unit">${row.unit}</span>`, figures: totals })) }], "Measure")}
  </section>`;
}

function scenariosSection(
  outcomes: readonly Outcome[],
  engines: readonly string[],
  link: (one: Outcome) => Markup,
): Markup {
  const groups = COMPARED.map((row) => ({
    title: markup`${row.label}${row.unit === "" ? "" : markup` <span class="unit">${row.unit}</span>`}<span class="why"
        >${row.explanation}
        ${row.better === null ? "" : row.better === "lower" ? "Less is better." : "More is better."}</span
      >`,
    rows: done(outcomes).map((outcome) => ({ row, head: link(outcome), figures: outcome.result.engines })),
  }));
  return markup`<section aria-labelledby="scenarios">
    <h2 id="scenarios">Scenario by scenario</h2>
    <p>
      “The book” is what all collateral was worth at the start. Losses and depths are positive numbers.
      <span class="mark"><span aria-hidden="true">✓</span> best</span> marks the best figure of a row, whoever has it; the
      baseline is not compared.
    </p>
    ${table("scenarios", engines, groups, "Scenario")}
  </section>`;
}

interface Row {
  row: Measure;
  head: Markup;
  figures: Record<string, Partial<EngineResult>>;
}

function table(
  label: string,
  engines: readonly string[],
  groups: readonly { title?: Markup; rows: readonly Row[] }[],
  first: string,
): Markup {
  const line = ({ row, head, figures }: Row): Markup => {
    const best = bestEngines(row, figures);
    return markup`<tr role="row">
      <th scope="row" role="rowheader">${head}</th>
      ${engines.map(
        (id) =>
          markup`<td role="cell" ${best.has(id) ? markup` class="best"` : ""}>
            <span class="who" aria-hidden="true">${engineStyle(id).name}</span
            ><span class="value">${shown(row, figures[id])}</span
            >${best.has(id) ? markup` <span class="mark"><span aria-hidden="true">✓</span> best</span>` : ""}
            ${kindsBelow(row, figures[id])}
          </td>`,
      )}
    </tr>`;
  };
  return markup`<table class="figures" role="table" aria-labelledby="${label}" style="--engines: ${engines.length}">
    <thead role="rowgroup">
      <tr role="row">
        <th scope="col" role="columnheader">${first}</th>
        ${engines.map((id) => markup`<th scope="col" role="columnheader">${engineSwatch(id)}<span>${engineStyle(id).name}</span>${id === BASELINE ? markup`<span class="soft">baseline</span>` : ""}</th>`)}
      </tr>
    </thead>
    ${groups.map(
      ({ title, rows }) =>
        markup`<tbody role="rowgroup">
          ${
            title
              ? markup`<tr role="row" class="group">
                  <th scope="rowgroup" role="rowheader" colspan="${engines.length + 1}">${title}</th>
                </tr>`
              : ""
          }
          ${rows.map(line)}
        </tbody>`,
    )}
  </table>`;
}

function failuresSection(outcomes: readonly Outcome[]): Markup {
  const failed = outcomes.flatMap((outcome) => ("error" in outcome ? [outcome] : []));
  if (failed.length === 0) return markup``;
  return markup`<section aria-labelledby="failed">
    <h2 id="failed">What failed</h2>
    <ul>
      ${failed.map(({ scenario, error }) => markup`<li><strong>${scenario}</strong>: ${error.code}, ${error.message}</li>`)}
    </ul>
  </section>`;
}

function runSection(comparison: Comparison): Markup {
  const [first] = done(comparison.outcomes);
  const versions = Object.entries(first?.result.versions ?? {});
  return markup`<section aria-labelledby="run">
    <h2 id="run">Run it again</h2>
    <p>The same command gives the same figures, down to the state roots on the pages of the scenarios.</p>
    ${commandBlock(comparison.command)}
    <div class="scroll" role="region" tabindex="0" aria-label="Versions">
      <table class="plain">
        <caption>
          Versions
        </caption>
        <tbody>
          ${versions.map(
            ([name, version]) =>
              markup`<tr>
                <th scope="row">${name}</th>
                <td>${version}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}
