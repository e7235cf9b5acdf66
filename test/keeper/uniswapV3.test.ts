import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { ethers } from "hardhat";

import { Reads } from "../../scripts/keeper/chain/Reads";
import { Q96, quoteRanges, sqrtPriceAtTick, type VenueQuote } from "../../scripts/lib";
import { UniswapV3Venue } from "../../scripts/keeper/venues/UniswapV3Venue";
import { MAX_TICK, MIN_TICK, deployToken, deployVenue } from "../contracts/uniswap";
import { HardhatRpc } from "./world";

const WETH = 10n ** 18n;
const USDC = 10n ** 6n;

async function deployPool() {
  const [, trader] = await ethers.getSigners();
  const weth = await deployToken("WETH", 18);
  const usdc = await deployToken("USDC", 6);
  const venue = await deployVenue(trader!, weth, usdc, WETH, 3000n * USDC);
  await venue.addLiquidity(MIN_TICK, MAX_TICK, 10n ** 16n);
  const tick = Number((await venue.pool.slot0()).tick);
  const at = (offset: number) => Math.floor((tick + offset) / 10) * 10;
  await venue.addLiquidity(at(-60), at(60), 3n * 10n ** 16n);
  await venue.addLiquidity(at(-150), at(-20), 2n * 10n ** 16n);
  await venue.addLiquidity(at(20), at(150), 2n * 10n ** 16n);
  return { venue, weth, usdc, trader: trader! };
}

/** Two reads: the first learns where to look for ticks, the second what lies behind them. */
async function quoteOf(opened: UniswapV3Venue): Promise<VenueQuote> {
  const rpc = new HardhatRpc();
  let quote: VenueQuote | undefined;
  for (let i = 0; i < 3; i++) {
    const reads = new Reads(await ethers.provider.getBlockNumber());
    const done = opened.read(reads);
    await reads.send(rpc);
    quote = done();
  }
  return quote!;
}

describe("UniswapV3Venue", () => {
  it("knows the price at a tick", () => {
    expect(sqrtPriceAtTick(0)).to.equal(Q96);
    // 1.0001^(±200,000/2) · 2^96 and the outermost ticks, whitepaper section 6.1
    for (const tick of [-887_270, -200_000, -1, 1, 200_000, 887_270]) {
      const exact = 1.0001 ** (tick / 2) * 2 ** 96;
      expect(Math.abs(Number(sqrtPriceAtTick(tick)) / exact - 1)).to.be.lessThan(1e-9);
    }
  });

  for (const side of ["WETH", "USDC"] as const) {
    it(`quotes sales of ${side} to the rounding of what the real pool pays, across ticks`, async () => {
      const { venue, weth, usdc, trader } = await loadFixture(deployPool);
      const [sold, bought] = side === "WETH" ? [weth, usdc] : [usdc, weth];
      const [collateral, loan] = [await sold.getAddress(), await bought.getAddress()];
      const block = await ethers.provider.getBlockNumber();
      const opened = await UniswapV3Venue.open(
        new HardhatRpc(),
        block,
        await venue.pool.getAddress(),
        collateral,
        loan,
      );
      const quote = await quoteOf(opened);
      const one = side === "WETH" ? WETH : 3000n * USDC;
      expect(quote.most).to.be.gt(one);
      for (const share of [1n, 10n, 100n, 400n, 700n, 999n]) {
        const amount = (quote.most * share) / 1000n;
        const expected = quote.proceeds(amount);
        const snapshot: unknown = await ethers.provider.send("evm_snapshot", []);
        const before = await bought.balanceOf(trader);
        await venue.sell(sold, amount);
        const got = (await bought.balanceOf(trader)) - before;
        // in each of five ranges at most the pool rounds input and fee to a unit, which is worth this much of what it pays
        const unit = side === "WETH" ? 1n : 10n ** 12n / 3000n;
        expect(got - expected).to.be.within(-10n * unit, 10n * unit);
        await ethers.provider.send("evm_revert", [snapshot]);
      }
    });
  }

  it("sells nothing past what it knows, and gets nothing for more", () => {
    const liquidity = 10n ** 18n;
    const pool = { sqrtPriceX96: Q96, fee: 3000n, zeroForOne: true };
    const quote = quoteRanges({ ...pool, ranges: [{ liquidity, sqrtPriceEndX96: (Q96 * 99n) / 100n }] });
    // Δ(1/√P)·L = (100/99 − 1)·1e18, and the fee on top
    expect(quote.most).to.equal((10_101_010_101_010_101n * 1_000_000n) / 997_000n);
    expect(quote.proceeds(quote.most)).to.be.closeTo(10n ** 16n, 2n); // L·Δ√P
    expect(quote.proceeds(2n * quote.most)).to.equal(quote.proceeds(quote.most));
    expect(quote.marginalE36(0n)).to.equal((10n ** 36n * 997n) / 1000n);
    expect(quote.marginalE36(quote.most)).to.be.closeTo((10n ** 36n * 997n * 9801n) / 10_000_000n, 10n ** 22n);
    expect(quoteRanges({ ...pool, ranges: [] }).most).to.equal(0n);
  });

  it("never quotes a rising price", async () => {
    const { venue, weth, usdc } = await loadFixture(deployPool);
    const [collateral, loan] = [await weth.getAddress(), await usdc.getAddress()];
    const block = await ethers.provider.getBlockNumber();
    const opened = await UniswapV3Venue.open(new HardhatRpc(), block, await venue.pool.getAddress(), collateral, loan);
    const quote = await quoteOf(opened);
    let last = quote.marginalE36(0n);
    for (let i = 1n; i <= 50n; i++) {
      const price = quote.marginalE36((quote.most * i) / 50n);
      expect(price).to.be.lte(last);
      last = price;
    }
  });

  it("refuses a pool of other tokens", async () => {
    const { venue, weth } = await loadFixture(deployPool);
    const collateral = await weth.getAddress();
    const block = await ethers.provider.getBlockNumber();
    const pool = await venue.pool.getAddress();
    const opening = UniswapV3Venue.open(new HardhatRpc(), block, pool, collateral, ethers.ZeroAddress);
    const error: unknown = await opening.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).to.include({ code: "BAD_CONFIG" });
  });
});
