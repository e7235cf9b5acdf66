import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

/** A page as it was opened. `problems` collects what the browser complains about and every request but the page's own. */
export interface Shown {
  page: Page;
  problems: string[];
}

/**
 * Has a browser for the tests of the `describe` that it is called in, or skips them. What it returns opens a page's HTML from a
 * file, or a URL; pages are closed after each test.
 */
export function useBrowser(): (page: string, options?: BrowserContextOptions) => Promise<Shown> {
  let browser: Browser | undefined;
  let folder: string | undefined;
  const open: Page[] = [];

  before(async function () {
    const executablePath = findChromium();
    if (executablePath === undefined) {
      console.warn(
        "      No Chromium found: install one (apt-get install chromium) or set CHROMIUM_PATH to run these.",
      );
      this.skip();
    }
    browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
    folder = mkdtempSync(join(tmpdir(), "spillway-page-"));
  });
  afterEach(async () => {
    for (const page of open.splice(0)) await page.context().close();
  });
  after(async () => {
    await browser?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  return async (shown, options = {}) => {
    if (browser === undefined || folder === undefined) throw new Error("there is no browser before the first test");
    const file = join(folder, "index.html");
    const isUrl = /^http:/.test(shown);
    if (!isUrl) writeFileSync(file, shown);
    const page = await (await browser.newContext(options)).newPage();
    open.push(page);
    const problems: string[] = [];
    const address = isUrl ? shown : pathToFileURL(file).href;
    page.on("console", (message) => problems.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("request", (request) => {
      if (!request.url().startsWith(address) && !request.url().startsWith("data:"))
        problems.push(`request: ${request.url()}`);
    });
    await page.goto(address);
    return { page, problems };
  };
}

/** CHROMIUM_PATH, or the first Chromium on the PATH. */
function findChromium(): string | undefined {
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const found = [process.env["CHROMIUM_PATH"] ?? "", ...folders.flatMap((dir) => names.map((name) => join(dir, name)))];
  return found.find((path) => path !== "" && existsSync(path));
}
