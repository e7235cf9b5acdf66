import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Keepers, Match } from "../model/choices";
import { bundle, contentHash, embedJson, markup, Markup } from "../../lib";

export interface PageParts {
  title: string;
  /** Of the link over which a keyboard gets past the head. */
  skip: string;
  head: Markup;
  main: Markup;
  /** Element id → what stands in it as JSON, for the script. */
  data: Readonly<Record<string, unknown>>;
  /** The script's source: a path. It draws on top of a page that stands without it. None where nothing is drawn. */
  client?: string;
}

export interface HeadParts {
  kicker: string;
  title: string;
  lead: string;
  /** What was run, name and value, in the order of the page. */
  facts: readonly (readonly [name: string, value: string])[];
}

/** The top of a page: what it is, and what was run. */
export const pageHead = ({ kicker, title, lead, facts }: HeadParts): Markup =>
  markup`<header class="top">
    <p class="kicker">${kicker}</p>
    <h1>${title}</h1>
    <p class="lead">${lead}</p>
    <dl class="facts">
      ${facts.map(
        ([name, value]) =>
          markup`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
  </header>`;

/** A page that needs nothing but itself: no network, no other file. */
export function renderPage({ title, skip, head, main, data, client }: PageParts): string {
  const script = client === undefined ? undefined : bundle(client);
  const page = markup`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; ${script === undefined ? "" : markup`script-src '${contentHash(script)}'; `}style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
        />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <link rel="icon" href="data:," />
        <style>
          ${new Markup(readFileSync(join(__dirname, "page.css"), "utf8"))}
        </style>
      </head>
      <body>
        <a class="skip" href="#main">${skip}</a>
        ${head}
        <main id="main" tabindex="-1">${main}</main>
        <footer><p>Made by the Spillway replay. This page works offline and loads nothing.</p></footer>
        <div id="live" class="hidden" role="status" aria-live="polite"></div>
        ${Object.entries(data).map(
          ([id, value]) => markup`<script type="application/json" id="${id}">
            ${embedJson(value)}
          </script>`,
        )}
        ${script === undefined ? "" : markup`<script>${new Markup(script)}</script>`}
      </body>
    </html> `;
  return page.text;
}

/** A command that breaks between words only, and is copied as it is. */
export const commandBlock = (command: string): Markup =>
  markup`<pre id="command" tabindex="0" role="region" aria-label="Command"><code>${command.split(" ").map((word, i) => markup`${i === 0 ? "" : " "}<span class="word">${word}</span>`)}</code></pre>`;

/** `black-thursday` → `Black thursday`, `bookToDepth` → `Book to depth`. */
export function sentenceCase(name: string): string {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/[-_.]+/g, " ")
    .toLowerCase()
    .trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What Spillway's keeper was told by `--keepers`. */
export function keepersText(keepers: Keepers): string {
  return keepers === "profit" ? "for profit only" : "as a service, at a loss too";
}

/** A sentence on what `--match` held equal. */
export function matchSentence(match: Match): string {
  return match === "ltv"
    ? "A borrower has the same collateral and the same LTV at every protocol, and so stands nearer to the threshold where that is lower."
    : "A borrower has the same collateral at every protocol and stands at the same distance from its liquidation threshold, which is not the same LTV.";
}
