import { expect } from "chai";
import { morphoBlue } from "../../../scripts/replay/engines/morpho-blue";
import { morphoArtifact } from "../../../scripts/replay/engines/morpho-blue/compile";
import { accrue, incentive } from "../../../scripts/replay/engines/morpho-blue/rules";
import { Bench, BTC, ETH, seizedFrom, USDC } from "./bench";

/** 1 / (1 − 0.3 · 0.14) */
const INCENTIVE = 1 / 0.958;

describe("Morpho Blue's rules", () => {
  it("gives more incentive for a lower lltv, up to 15 %", () => {
    expect(incentive(86n * 10n ** 16n)).to.equal(1_043_841_336_116_910_229n);
    expect(incentive(50n * 10n ** 16n)).to.equal(115n * 10n ** 16n);
  });

  it("compounds interest with three terms", () => {
    const totals = {
      ...{ totalSupplyAssets: 2000n * USDC, totalSupplyShares: 1n, totalBorrowShares: 1n, lastUpdate: 100n },
      totalBorrowAssets: 1000n * USDC,
    };
    // a rate times time of 0.1: 0.1 + 0.1² / 2 + 0.1³ / 6
    const later = accrue(totals, 10n ** 15n, 200);
    expect(later.totalBorrowAssets).to.equal(1_105_166_666n);
    expect(later.totalSupplyAssets).to.equal(2_105_166_666n);
    expect(accrue(totals, 10n ** 15n, 100)).to.deep.equal(totals);
  });
});

describe("Morpho Blue as an engine", () => {
  let bench: Bench;
  before(async function () {
    this.timeout(400_000); // compiles the first time
    await morphoArtifact();
  });
  afterEach(() => bench.close());

  it("liquidates the whole of what is above the lltv, and nothing else", async () => {
    bench = await Bench.create(morphoBlue, [
      { market: 0, collateral: 10n * ETH, debt: 1600n * USDC },
      { market: 0, collateral: 10n * ETH, debt: 1500n * USDC },
      { market: 1, collateral: BTC, debt: 6400n * USDC },
    ]);
    expect((await bench.keepers()).block.receipts).to.deep.equal([]);
    // 1,820 · 0.86 = 1,565; 7,300 · 0.86 = 6,278
    await bench.publish(0, 182);
    await bench.publish(1, 7300);
    const { block, events } = await bench.keepers();
    expect(block.receipts.map(({ status }) => status)).to.deep.equal([1, 1]);
    expect(events).to.have.length(2);
    for (const { position, repaid, price, unit, collateral } of [
      { position: 0, repaid: 1600e6, price: 182, unit: 1e18, collateral: 10n * ETH },
      { position: 2, repaid: 6400e6, price: 7300, unit: 1e8, collateral: BTC },
    ]) {
      const [event] = seizedFrom(events, position);
      expect(Number(event!.repaid) / repaid).to.be.closeTo(1, 1e-6);
      expect(Number(event!.collateral) / ((repaid / 1e6 / price) * INCENTIVE * unit)).to.be.closeTo(1, 1e-6);
      expect(await bench.position(position)).to.deep.equal({ collateral: collateral - event!.collateral, debt: 0n });
    }
    expect((await bench.position(1)).collateral).to.equal(10n * ETH);
    expect(await bench.engine.gauges()).to.deep.include({ writtenOff: 0n, lenderLoss: 0n });
    expect(Number(await bench.keeperLoan()) / 1e6).to.be.closeTo(
      events.reduce((sum, event) => {
        if (event.kind !== "seized") return sum;
        const proceeds = Number(event.collateral) * (event.position === 2 ? 8000 / 1e8 : 200 / 1e18) * 0.9995;
        return sum + proceeds - Number(event.repaid) / 1e6;
      }, 0),
      0.01,
    );
  });

  it("writes debt without collateral off at the lenders' cost", async () => {
    bench = await Bench.create(morphoBlue, [{ market: 0, collateral: 10n * ETH, debt: 1700n * USDC }]);
    await bench.publish(0, 150);
    await bench.trade(0, 150);
    const { events } = await bench.keepers();
    const [event] = seizedFrom(events, 0);
    expect(event!.collateral).to.equal(10n * ETH);
    expect(Number(event!.repaid) / 1e6).to.be.closeTo(1500 / INCENTIVE, 1e-5);
    const { writtenOff, lenderLoss } = await bench.engine.gauges();
    expect(Number(writtenOff) / 1e6).to.be.closeTo(1700 - 1500 / INCENTIVE, 0.001);
    expect(lenderLoss).to.equal(writtenOff);
    expect(await bench.position(0)).to.deep.equal({ collateral: 0n, debt: 0n });

    // 1,700 / 0.8 were supplied; all leaves, short by what was written off
    const { loan } = bench.ready.world;
    const exit = bench.engine.exit("lenders", 1);
    const lender = exit[0]!.from;
    const before = await bench.balance(loan.address, lender);
    await bench.agents([...exit]);
    const left = (await bench.balance(loan.address, lender)) - before;
    expect(Number(left + writtenOff) / 1e6).to.be.closeTo(1700 / 0.8, 0.001);
  });

  it("sells until the pool's price is what the collateral costs, and no further", async () => {
    bench = await Bench.create(morphoBlue, [{ market: 0, collateral: 20_000n * ETH, debt: 3_200_000n * USDC }], true);
    await bench.publish(0, 180);
    await bench.trade(0, 180);
    const { events } = await bench.keepers();
    const [event, ...more] = seizedFrom(events, 0);
    expect(more).to.deep.equal([]);
    expect(Number(event!.collateral) / 1e18).to.be.within(100, 15_000);
    expect((await bench.poolPrice(0)) * 0.9995).to.be.closeTo(180 / INCENTIVE, 1e-4);
    expect((await bench.keepers()).block.receipts).to.deep.equal([]);
  });

  it("does nothing while the oracle has no price", async () => {
    bench = await Bench.create(morphoBlue, [{ market: 0, collateral: 10n * ETH, debt: 1700n * USDC }]);
    await bench.publish(0, 0);
    expect((await bench.keepers()).block.receipts).to.deep.equal([]);
  });

  it("lets borrowers top up and repay, all of it too", async () => {
    bench = await Bench.create(morphoBlue, [{ market: 0, collateral: 10n * ETH, debt: 1600n * USDC }]);
    const { engine } = bench;
    await bench.agents([...engine.topUp(0, ETH), ...engine.repay(0, 600n * USDC)]);
    const after = await bench.position(0);
    expect(after.collateral).to.equal(11n * ETH);
    expect(Number(after.debt)).to.be.closeTo(1000e6, 1000);
    await bench.agents([...engine.repay(0, 5000n * USDC)]);
    expect(await bench.position(0)).to.deep.equal({ collateral: 11n * ETH, debt: 0n });
    expect(engine.repay(0, USDC)).to.deep.equal([]);
  });
});
