import { expect } from "chai";
import { abi as factoryAbi } from "@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json";
import { Contract, MaxUint256, ZeroAddress } from "ethers";
import { deployments, ethers } from "hardhat";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { hardhat, type NetworkParameters } from "../../deploy/parameters";
import { mockPrices } from "../../deploy/parameters/hardhat";
import { type MockERC20 } from "../../typechain-types";
import { deployed } from "./fixture";

const WAD = 10n ** 18n;

/** Runs the scripts again on what they deployed, with other parameters if there are any. */
async function runAgain(parameters?: NetworkParameters): Promise<void> {
  const again = async (): Promise<unknown> => deployments.run(undefined, { resetMemory: false });
  if (parameters === undefined) {
    await again();
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "spillway-parameters-"));
  process.env.PARAMETERS = join(folder, "parameters.json");
  writeFileSync(process.env.PARAMETERS, JSON.stringify(parameters));
  try {
    await again();
  } finally {
    delete process.env.PARAMETERS;
    rmSync(folder, { recursive: true });
  }
}

describe("deploy scripts", () => {
  it("bring up the whole protocol and link its parts", async () => {
    const { vault, house, buffer, rates, liquidator, lens, usdc, weth, wbtc } = await deployed();
    expect(await vault.asset()).to.equal(usdc);
    expect(await vault.name()).to.equal("Spillway USDC");
    expect(await vault.auctionHouse()).to.equal(house);
    expect(await vault.buffer()).to.equal(buffer);
    expect(await vault.interestRateModel()).to.equal(rates);
    expect(await vault.markets()).to.deep.equal([await weth.getAddress(), await wbtc.getAddress()]);
    expect(await house.vault()).to.equal(vault);
    expect(await buffer.asset()).to.equal(usdc);
    expect(await buffer.cooldown()).to.equal(3 * 86_400);
    expect(await liquidator.buffer()).to.equal(buffer);
    expect(await lens.vault()).to.equal(vault);
    expect(await vault.borrowPaused()).to.equal(false);
  });

  it("set the rates: 0 % a year unused, 5 % at 90 % of use, 50 % at full use", async () => {
    const { vault, rates } = await deployed();
    const perYear = async (utilisationWad: bigint): Promise<number> =>
      Number((await rates.borrowRatePerSecondWad(utilisationWad)) * 365n * 86_400n) / 1e18;
    expect(await perYear(0n)).to.equal(0);
    expect(await perYear((WAD * 9n) / 10n)).to.be.closeTo(0.05, 1e-9);
    expect(await perYear(WAD)).to.be.closeTo(0.5, 1e-9);
    expect(await vault.reserveShareBps()).to.equal(500);
    expect(await vault.bufferShareBps()).to.equal(1000);
  });

  it("list each market with what its parameters say, in the tokens' units", async () => {
    const { vault, house, buffer, weth, wbtc } = await deployed();
    const at = async (name: string): Promise<string> => (await deployments.get(name)).address;
    for (const [name, token, unit] of [
      ["ETH", weth, 10n ** 18n],
      ["BTC", wbtc, 10n ** 8n],
    ] as const) {
      const market = await vault.market(token);
      expect(market.oracle).to.equal(await at(`ChainlinkOracle_${name}`));
      expect(market.borrowOracle).to.equal(await at(`GuardedOracle_${name}`));
      expect([market.maxLtvBps, market.lltvBps]).to.deep.equal([8000n, 8300n]);
      expect(market.minDebt).to.equal(1_500_000_000n);
      expect(market.debtCeiling).to.equal(name === "ETH" ? 50_000_000_000_000n : 20_000_000_000_000n);

      const lane = await house.laneParameters(token);
      expect(lane.slopeWad).to.equal((5n * 10n ** 15n) / 60n); // 0.5 % a minute
      expect([lane.minPremiumBps, lane.maxPremiumBps, lane.maxDiscountBps]).to.deep.equal([50n, 400n, 600n]);
      expect([lane.targetLtvBps, lane.absorbLtvBps, lane.absorbDiscountBps]).to.deep.equal([7885n, 9100n, 300n]);
      expect([lane.liquidationFeeBps, lane.paceBps, lane.urgency]).to.deep.equal([50n, 40n, 8n]);
      expect([lane.firstDiscountBps, lane.clearHours]).to.deep.equal([150n, 720n]);
      expect([lane.idleTime, lane.emaPeriod]).to.deep.equal([300n, 1800n]);
      expect(lane.depthOracle).to.equal(await at(`DepthSum_${name}`));
      expect(lane.guard).to.equal(await at(`GuardedOracle_${name}`));

      const inventory = await buffer.inventoryParameters(token);
      expect([inventory.paceShareBps, inventory.biteTime]).to.deep.equal([5000n, 1200n]);
      expect(inventory.cap).to.equal((name === "ETH" ? 10_000n : 300n) * unit);

      // both sources agree on the price at which the pools were made
      const guard = await ethers.getContractAt("GuardedOracle", market.borrowOracle);
      const { primaryE36, averageE36 } = await guard.prices();
      const whole = (price: bigint): number => Number((price * unit) / 10n ** 36n) / 1e6;
      expect(whole(primaryE36)).to.equal(mockPrices[name]);
      expect(whole(averageE36)).to.be.closeTo(mockPrices[name]!, mockPrices[name]! / 5000);
      expect(await guard.diverged()).to.equal(false);

      // two fifths of what moves the pools by 1 %, an hour
      const depth = await (await ethers.getContractAt("IDepthOracle", lane.depthOracle)).depth();
      // to a billionth: the means were another second's
      expect((await house.lane(token)).ratePerHour).to.be.closeTo((depth * 40n) / 100n, depth / 10n ** 9n);
    }
  });

  it("price WBTC as WBTC/BTC times BTC/USD, and WETH by its one feed", async () => {
    const { vault, weth, wbtc, feeds } = await deployed();
    const oracleOf = async (token: MockERC20) =>
      ethers.getContractAt("ChainlinkOracle", (await vault.market(token)).oracle);
    const [eth, btc] = [await oracleOf(weth), await oracleOf(wbtc)];
    expect([await eth.base(), await eth.cross(), await eth.quote()]).to.deep.equal([
      await feeds.ETH.getAddress(),
      ZeroAddress,
      await feeds.USDC.getAddress(),
    ]);
    expect([await btc.base(), await btc.cross(), await btc.quote()]).to.deep.equal([
      await feeds.WBTC.getAddress(),
      await feeds.BTC.getAddress(),
      await feeds.USDC.getAddress(),
    ]);
    expect([await btc.baseMaxAge(), await btc.crossMaxAge()]).to.deep.equal([88_200n, 5400n]);
    await feeds.WBTC.setAnswer(97_000_000n); // a WBTC is 0.97 BTC
    expect(await btc.price()).to.equal(38_800n * 10n ** (36n + 6n - 8n));
  });

  it("add up the depths of each market's pools, and guard with the first one", async () => {
    const { factory: factoryAddress, usdc, weth, wbtc } = await deployed();
    const factory = new Contract(factoryAddress, factoryAbi, ethers.provider);
    const poolOf = async (token: MockERC20, fee: number): Promise<string> =>
      factory.getFunction("getPool").staticCall(token, usdc, fee) as Promise<string>;
    for (const [index, token] of [weth, wbtc].entries()) {
      const { name, pools } = hardhat.markets[index]!;
      const sum = await ethers.getContractAt("DepthSum", (await deployments.get(`DepthSum_${name}`)).address);
      const guard = await ethers.getContractAt(
        "GuardedOracle",
        (await deployments.get(`GuardedOracle_${name}`)).address,
      );
      const venues = await sum.venues();
      expect(venues.length).to.equal(pools.length).and.to.equal(2);
      let total = 0n;
      for (const [place, { fee, observations }] of pools.entries()) {
        const venue = await ethers.getContractAt("UniswapV3Depth", venues[place]!);
        const pool = await ethers.getContractAt("IUniswapV3Pool", await venue.pool());
        expect(await venue.getAddress()).to.equal((await deployments.get(`UniswapV3Depth_${name}_${fee}`)).address);
        expect(await pool.getAddress()).to.equal(await poolOf(token, fee));
        expect((await pool.slot0()).observationCardinalityNext).to.equal(observations);
        total += await venue.depth();
      }
      expect(await sum.depth()).to.equal(total);
      expect(await guard.pool()).to.equal(await poolOf(token, pools[0]!.fee));
    }
  });

  it("set what keepers are paid, by the price of the chain's own coin", async () => {
    const { house, weth } = await deployed();
    const pay = await house.payParameters();
    const gwei = 10n ** 9n;
    expect([pay.feeCap, pay.tip, pay.interval]).to.deep.equal([2000n * gwei, gwei, 3600n]);
    expect([pay.marginBps, pay.capBps]).to.deep.equal([2000n, 100n]);
    expect(pay.wrappedNative).to.equal(weth);
    const oracle = await ethers.getContractAt("IOracle", pay.nativeOracle);
    expect(await oracle.price()).to.equal((BigInt(mockPrices["ETH"]!) * 10n ** 36n) / 10n ** 12n);
  });

  it("limit a market's debt by what its lane sells", async () => {
    const { vault, house, weth } = await deployed();
    const { clearHours } = await house.laneParameters(weth);
    const { ratePerHour, lastPriceE36 } = await house.lane(weth);
    expect((await vault.market(weth)).laneCeiling).to.equal((ratePerHour * clearHours * lastPriceE36) / 10n ** 36n);
  });

  it("change nothing when run a second time", async () => {
    const { deployer } = await deployed();
    const addresses = async (): Promise<Record<string, string>> =>
      Object.fromEntries(Object.entries(await deployments.all()).map(([name, { address }]) => [name, address]));
    const [nonce, block, before] = [
      await deployer.getNonce(),
      await ethers.provider.getBlockNumber(),
      await addresses(),
    ];
    await runAgain();
    expect(await deployer.getNonce()).to.equal(nonce);
    expect(await ethers.provider.getBlockNumber()).to.equal(block);
    expect(await addresses()).to.deep.equal(before);
  });

  const [eth, btc] = hardhat.markets;
  const changed: [string, NetworkParameters, RegExp][] = [
    ["a setting", { ...hardhat, markets: [{ ...eth!, minDebt: "501" }, btc!] }, /market ETH: its limits differ from the parameters in minDebt; only the governor/],
    ["a debt ceiling", { ...hardhat, markets: [{ ...eth!, debtCeiling: "50000001" }, btc!] }, /market ETH: its limits differ from the parameters in debtCeiling; only the governor/],
    ["shares of interest", { ...hardhat, interest: { ...hardhat.interest, reserveShareBps: 501 } }, /interest shares differ from the parameters in reserveShareBps; only the governor/],
    ["what keepers are paid", { ...hardhat, pay: { ...hardhat.pay, capBps: 99 } }, /the keepers' pay differ from the parameters in capBps; only the governor/],
    ["a constructor's argument", { ...hardhat, buffer: { ...hardhat.buffer, name: "Another" } }, /LiquidityBuffer is deployed with other code or arguments/],
    ["a pool that does not exist", { ...hardhat, markets: [{ ...eth!, pools: [{ ...eth!.pools[0]!, fee: 100 }] }, btc!] }, /market ETH: Uniswap v3 has no pool of fee 100/],
  ]; // prettier-ignore
  for (const [what, parameters, words] of changed) {
    it(`refuse to run again with another value of ${what}, and send nothing`, async () => {
      const { deployer } = await deployed();
      const nonce = await deployer.getNonce();
      await expect(runAgain(parameters)).to.be.rejectedWith(words);
      expect(await deployer.getNonce()).to.equal(nonce);
    });
  }

  it("leave nobody with an allowance or a share", async () => {
    const { vault, buffer, usdc } = await deployed();
    expect(await vault.totalSupply()).to.equal(0);
    expect(await buffer.totalSupply()).to.equal(0);
    // the buffer's to the vault is how take-overs are paid
    expect(await usdc.allowance(buffer, vault)).to.equal(MaxUint256);
    expect(await usdc.balanceOf(vault)).to.equal(0);
  });
});
