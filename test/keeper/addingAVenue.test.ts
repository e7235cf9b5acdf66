// Follows the page "Adding a venue" of docs/keeper.md: its example is compiled as it stands there, and sold on.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { loadFixture, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { ZeroAddress } from "ethers";
import { ethers } from "hardhat";
import ts from "typescript";
import type { z } from "zod";

import type { VenueChoice } from "../../scripts/keeper/venues/Venue";
import { USDC, deployMarket, priceE36 } from "../contracts/periphery/fixture";
import { configOf, runKeeper, signer } from "./world";

const market = () => deployMarket("MockERC20");
const ROOT = resolve(__dirname, "../..");

/** The page's example, with its imports leading to where they lead from `scripts/keeper/venues`. */
function exampleOfPage(): string {
  const page = readFileSync(join(ROOT, "docs/keeper.md"), "utf8");
  const section = page.slice(page.indexOf("## Adding a venue"));
  const example = /```ts\n([\s\S]*?)```/.exec(section)?.[1];
  if (example === undefined) throw new Error("the page has no example");
  const to = (folder: string) => `from "../../../scripts/keeper/${folder}`;
  return example
    .replaceAll('from "./', to("venues/"))
    .replaceAll('from "../chain/', to("chain/"))
    .replaceAll('from "../../lib"', 'from "../../../scripts/lib"');
}

/** What the compiler has against a file, with the project's settings. */
function complaints(file: string): string[] {
  const { config } = ts.readConfigFile(join(ROOT, "tsconfig.json"), (path) => readFileSync(path, "utf8")) as {
    config: unknown;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const program = ts.createProgram([file], { ...options, noEmit: true });
  const source = program.getSourceFile(file);
  return ts
    .getPreEmitDiagnostics(program, source)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}

describe("adding a venue, as docs/keeper.md says", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(__dirname, ".venue-"))));
  after(() => rmSync(folder, { recursive: true }));

  it("compiles, is read with the block's batch, and is sold on", async () => {
    const file = join(folder, "DeskVenue.ts");
    writeFileSync(file, exampleOfPage());
    expect(complaints(file)).to.deep.equal([]);
    const { desk } = (await import(file)) as { desk: z.ZodType<VenueChoice> };

    const m = await loadFixture(market);
    const [weth, vault, auctionHouse, buffer, flashLiquidator] = (await Promise.all(
      [m.weth, m.vault, m.house, m.buffer, m.liquidator].map((contract) => contract.getAddress()),
    )) as [string, string, string, string, string];
    const target = await ethers.deployContract("MockDesk", [m.weth, m.usdc, priceE36(2900n)]);
    await m.usdc.mint(target, 10_000n * USDC);
    const config = configOf({ vault, auctionHouse, buffer, flashLiquidator }, weth, ZeroAddress);
    const choice = desk.parse({ kind: "desk", desk: await target.getAddress() });
    const { step } = await runKeeper({ ...config, venues: new Map([[weth, [choice]]]) });
    await step();
    await m.oracle.setPrice(priceE36(2350n));
    await m.house.open(m.weth, m.borrowers[0]!, m.keeper);
    await time.increase(300);

    const sold: string[] = [];
    for (let i = 0; i < 3; i++) {
      for (const { decision } of await step()) {
        if (decision.kind === "buy") sold.push(...decision.sale.parts.map(({ venue }) => venue));
      }
    }
    expect(new Set(sold)).to.deep.equal(new Set([`desk:${await target.getAddress()}`]));
    expect(await m.weth.balanceOf(target)).to.be.gt(0);
    expect(await m.usdc.balanceOf(target)).to.be.lt(USDC); // all of its money, and no more
    expect(await m.usdc.balanceOf(signer.address)).to.be.gt(0);
  });
});
