import { request } from "node:http";

import { expect } from "chai";
import { Registry } from "prom-client";

import { type Dashboard, serveDashboard } from "../../scripts/keeper/dashboard/server";
import { Metrics } from "../../scripts/keeper/metrics/Metrics";
import type { HealthReason } from "../../scripts/keeper/health";
import { useBrowser } from "../chromium";
import { OWNER, sampleSnapshot } from "./dashboard-sample";

/** What a server on the loopback answers to a GET, under a name of the caller's choice. */
function get(
  port: number,
  path: string,
  host = "127.0.0.1",
  method = "GET",
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path, method, headers: { host } }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (part: string) => (body += part));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    asked.on("error", reject);
    asked.end();
  });
}

describe("keeper's page", function () {
  this.timeout(60_000);
  const state: { ready: boolean; reasons: HealthReason[]; alive: boolean } = { ready: true, reasons: [], alive: true };
  let dashboard: Dashboard;
  const url = (): string => `http://127.0.0.1:${dashboard.port}/`;

  const metrics = new Metrics();

  beforeEach(async () => {
    Object.assign(state, { ready: true, reasons: [], alive: true });
    dashboard = await serveDashboard(0, {
      registry: metrics.registry,
      health: () => state,
      alive: () => state.alive,
    });
  });
  afterEach(() => dashboard.close());

  it("answers only on the loopback's own names, and only GET", async () => {
    const { port } = dashboard;
    expect((await get(port, "/healthz")).status).to.equal(200);
    expect((await get(port, "/healthz", "localhost:80")).status).to.equal(200);
    expect((await get(port, "/state", "evil.example")).status).to.equal(421);
    expect((await get(port, "/readyz", "127.0.0.1", "POST")).status).to.equal(405);
    expect((await get(port, "/nothing")).status).to.equal(404);
  });

  it("says whether it is alive, whether it is ready, and why not", async () => {
    const { port } = dashboard;
    expect((await get(port, "/readyz")).status).to.equal(200);
    Object.assign(state, { ready: false, reasons: [{ code: "stalled", text: "no block" }], alive: false });
    const ready = await get(port, "/readyz");
    expect(ready.status).to.equal(503);
    expect(JSON.parse(ready.body)).to.deep.include({ ready: false, reasons: [{ code: "stalled", text: "no block" }] });
    expect((await get(port, "/healthz")).status).to.equal(503);
  });

  it("serves the metrics", async () => {
    metrics.setHealth({ ready: false, reasons: [{ code: "no-node", text: "none" }] });
    metrics.setProfit([{ kind: "buy", earned: 12.5, gas: 2 }]);
    const { body } = await get(dashboard.port, "/metrics");
    expect(body).to.include("keeper_ready 0").and.to.include('keeper_reason{code="no-node"} 1');
    expect(body).to.include('keeper_earned{kind="buy"} 12.5').and.to.include('keeper_gas_cost{kind="buy"} 2');
  });

  it("refuses a port that is in use by name", async () => {
    const served = { registry: new Registry(), health: () => state, alive: () => true };
    const error: unknown = await serveDashboard(dashboard.port, served).catch((thrown: unknown) => thrown);
    expect(error).to.include({ code: "PORT_IN_USE" });
    expect(String(error)).to.include("metricsPort");
  });

  it("ends its streams when it is closed", async () => {
    const { port } = dashboard;
    const ended = get(port, "/events");
    await new Promise((resolve) => setTimeout(resolve, 50));
    await dashboard.close();
    expect((await ended.catch(() => ({ status: 200 }))).status).to.equal(200);
  });

  describe("in a browser", () => {
    const open = useBrowser();

    it("shows every table, draws both charts, and follows the blocks without a complaint", async () => {
      dashboard.push(sampleSnapshot());
      const { page, problems } = await open(url());
      await page.locator("#status.ready").waitFor();
      const rows = async (id: string): Promise<string[]> =>
        page.locator(`#${id} tbody tr`).first().locator("th, td").allInnerTexts();
      expect(await rows("lanes")).to.deep.equal([
        "WETH",
        "open",
        "2,345.67 USDC",
        "−1.25 %",
        "0.42 %",
        "12.5 WETH",
        "1,234,567.50 USDC",
        "3",
      ]);
      expect(await rows("profit")).to.deep.equal(["buy", "2", "22.50 USDC", "7.00 USDC", "15.50 USDC"]);
      expect(await rows("positions")).to.include.members(["85.26 %", "−2.72 %"]);
      expect(await rows("missed")).to.include("gas");
      expect(await rows("nodes")).to.include("127.0.0.1:8545");
      expect(await rows("fleet")).to.include("watcher");
      expect(await page.locator("#positions tbody td").first().getAttribute("title")).to.equal(OWNER);
      for (const id of ["profit-chart", "unhealthy-chart"]) {
        const lines = page.locator(`#${id} svg path[fill="none"]`);
        expect(await lines.count(), id).to.be.greaterThan(0);
      }

      dashboard.push(sampleSnapshot({ block: 21_000_001, actions: [] }));
      await page.locator("#status", { hasText: "21,000,001" }).waitFor();
      expect(await rows("actions")).to.deep.equal(["None now."]);
      expect(problems).to.deep.equal([]);
    });

    it("says what keeps the keeper from acting, and when it is gone", async () => {
      const reasons: HealthReason[] = [{ code: "low-balance", text: "top it up" }];
      dashboard.push(sampleSnapshot({ ready: false, reasons }));
      const { page } = await open(url());
      await page.locator("#status.unready").waitFor();
      expect(await page.locator("#reasons li").allInnerTexts()).to.deep.equal(["low-balance: top it up"]);
      await dashboard.close();
      await page.locator("#status", { hasText: "does not answer" }).waitFor();
    });

    it("shows a token's name as text, whatever it says", async () => {
      const name = "<img src=x onerror=document.title=1>";
      const { lanes } = sampleSnapshot();
      dashboard.push(sampleSnapshot({ lanes: lanes.map((lane) => ({ ...lane, name })) }));
      const { page, problems } = await open(url());
      await page.locator("#status.ready").waitFor();
      expect(await page.locator("#lanes tbody th").first().innerText()).to.equal(name);
      expect(await page.locator("img").count()).to.equal(0);
      expect(problems).to.deep.equal([]);
    });

    it("is read on a phone without scrolling sideways, and by keyboard", async () => {
      dashboard.push(sampleSnapshot());
      const { page } = await open(url(), { viewport: { width: 360, height: 740 } });
      await page.locator("#status.ready").waitFor();
      expect(await page.evaluate("document.documentElement.scrollWidth")).to.be.at.most(360);
      await page.keyboard.press("Tab");
      expect(await page.evaluate("document.activeElement.textContent")).to.equal("Skip to the lanes");
      await page.keyboard.press("Enter");
      expect(await page.evaluate("document.activeElement.id")).to.equal("main");
      await page.keyboard.press("Tab");
      expect(await page.evaluate("document.activeElement.className"), "tables scroll by keyboard").to.equal("scroll");
    });
  });
});
