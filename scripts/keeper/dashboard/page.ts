import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Markup, bundle, contentHash, markup } from "../../lib";

let page: string | undefined;

/** A table whose rows the script fills. */
const table = (id: string, title: string, empty: string, columns: readonly string[]): Markup => markup`
  <section aria-labelledby="${id}-title">
    <h2 id="${id}-title">${title}</h2>
    <div class="scroll" role="region" tabindex="0" aria-labelledby="${id}-title">
      <table id="${id}">
        <thead><tr>${columns.map((column) => markup`<th scope="col">${column}</th>`)}</tr></thead>
        <tbody><tr><td colspan="${columns.length}">${empty}</td></tr></tbody>
      </table>
    </div>
  </section>`;

const chart = (id: string, title: string): Markup => markup`
  <figure>
    <figcaption id="${id}-title">${title}</figcaption>
    <div class="plot" id="${id}" role="img" aria-labelledby="${id}-title"></div>
  </figure>`;

/** The keeper's page. It has no figures of its own: its script fills it from `/events`, and again with each block. */
export function renderDashboard(): string {
  if (page !== undefined) return page;
  const script = bundle(join(__dirname, "client.ts"));
  page = markup`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta
      http-equiv="Content-Security-Policy"
      content="default-src 'none'; script-src '${contentHash(script)}'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
    />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>Spillway keeper</title>
    <link rel="icon" href="data:," />
    <style>${new Markup(readFileSync(join(__dirname, "page.css"), "utf8"))}</style>
  </head>
  <body>
    <a class="skip" href="#main">Skip to the lanes</a>
    <header>
      <h1>Spillway keeper</h1>
      <p id="status" role="status" aria-live="polite">Waiting for the keeper.</p>
      <ul id="reasons"></ul>
      <dl id="facts"></dl>
    </header>
    <main id="main" tabindex="-1">
      ${table("lanes", "Lanes", "No market was read yet.", ["Market", "Lane", "Price", "Asks", "Premium", "Pace an hour", "Debt", "Unhealthy"])}
      <div class="charts">
        ${chart("profit-chart", "Profit after gas")}
        ${chart("unhealthy-chart", "Unhealthy positions")}
      </div>
      ${table("profit", "What it earned", "Nothing was sent yet.", ["Kind", "Transactions", "Earned", "Gas", "Profit"])}
      ${table("actions", "What it did", "Nothing was sent yet.", ["Block", "What", "Market", "Result", "Expected", "Earned", "Gas", "Transaction"])}
      ${table("missed", "What others did", "Nobody was faster.", ["Block", "What", "Market", "Position", "Taker", "Why not we"])}
      ${table("positions", "Positions nearest to liquidation", "The book is empty.", ["Market", "Owner", "Collateral", "Debt", "LTV", "Distance"])}
      ${table("buffer", "Buffer", "Not read yet.", ["Holds", "Amount", "Worth"])}
      ${table("nodes", "Nodes", "No node was asked yet.", ["Node", "Role", "Head", "Age", "Latency", "Errors", "Score"])}
      ${table("signers", "Signers", "None yet.", ["Address", "Next nonce", "Pending", "Ether", "Stuck for"])}
      ${table("fleet", "Fleet", "This keeper works on its own.", ["Member", "Host", "Role", "Signer", "Head", "Lag", "Jobs", "Seen"])}
    </main>
    <script>${new Markup(script)}</script>
  </body>
</html>`.text;
  return page;
}
