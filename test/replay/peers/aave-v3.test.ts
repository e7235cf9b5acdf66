import { expect } from "chai";
import { aaveV3 } from "../../../scripts/replay/engines/aave-v3";
import { health, liquidate, maxRepay, type Terms } from "../../../scripts/replay/engines/aave-v3/rules";
import { Bench, BTC, ETH, seizedFrom, USDC } from "./bench";

const terms: Terms = {
  ...{ collateralPrice: 19_000_000_000n, loanPrice: 100_000_000n, collateralUnit: ETH, loanUnit: USDC },
  ...{ thresholdBps: 8_300n, bonusBps: 10_500n, protocolFeeBps: 1_000n },
};

describe("Aave v3's rules", () => {
  it("lets half of the debt be repaid above a health of 0.95, and all of it from there down", () => {
    // 5 ETH at 190 are 950, times 0.83 are 788.5; 830 of debt make a health of 0.95
    expect(health(5n * ETH, 830n * USDC, terms)).to.equal(95n * 10n ** 16n);
    expect(maxRepay(830n * USDC, health(5n * ETH, 830n * USDC, terms))).to.equal(830n * USDC);
    const less = 830n * USDC - 1n;
    expect(maxRepay(less, health(5n * ETH, less, terms))).to.equal(415n * USDC);
  });

  it("lets nothing be repaid from a health of 1 up", () => {
    const atOne = 788_500_000n;
    expect(maxRepay(atOne, health(5n * ETH, atOne, terms))).to.equal(0n);
    expect(maxRepay(atOne + 1n, health(5n * ETH, atOne + 1n, terms))).to.be.above(0n);
    expect(maxRepay(0n, health(5n * ETH, 0n, terms))).to.equal(0n);
  });

  it("gives 5 % over the debt's worth, a tenth of that to the protocol", () => {
    // 760 / 190 = 4 ETH, and 0.2 on top
    expect(liquidate(10n * ETH, 760n * USDC, terms)).to.deep.equal({
      seized: (418n * ETH) / 100n,
      protocolFee: (2n * ETH) / 100n,
      repaid: 760n * USDC,
    });
  });

  it("takes all the collateral there is for what that is worth less the bonus", () => {
    // 2.1 ETH at 190 are 399, which 380 of debt buy
    expect(liquidate((21n * ETH) / 10n, 760n * USDC, terms)).to.deep.equal({
      seized: (209n * ETH) / 100n,
      protocolFee: ETH / 100n,
      repaid: 380n * USDC,
    });
  });
});

describe("Aave v3 as an engine", () => {
  let bench: Bench;
  afterEach(() => bench.close());

  it("liquidates half at a health of 0.97, all at 0.93 and nothing at 1.07", async () => {
    bench = await Bench.create(aaveV3, [
      { market: 0, collateral: 10n * ETH, debt: 1540n * USDC },
      { market: 0, collateral: 10n * ETH, debt: 1600n * USDC },
      { market: 0, collateral: 10n * ETH, debt: 1400n * USDC },
      { market: 1, collateral: BTC, debt: 5800n * USDC },
    ]);
    const opened = await bench.engine.positions();
    expect(opened.map(({ collateral }) => collateral)).to.deep.equal([10n * ETH, 10n * ETH, 10n * ETH, BTC]);
    expect(Number(opened[0]!.debt)).to.be.closeTo(1540e6, 100);
    const quiet = await bench.keepers();
    expect(quiet.block.receipts).to.deep.equal([]);

    await bench.publish(0, 180);
    await bench.publish(1, 7000);
    const { block, events } = await bench.keepers();
    expect(block.receipts.map(({ status }) => status)).to.deep.equal([1, 1]);
    expect(events).to.have.length(3);

    const expected = [
      { position: 0, repaid: 770e6, seized: (770 / 180) * 1.045e18, fee: (770 / 180) * 0.005e18 },
      { position: 1, repaid: 1600e6, seized: (1600 / 180) * 1.045e18, fee: (1600 / 180) * 0.005e18 },
      { position: 3, repaid: 5800e6, seized: (5800 / 7000) * 1.045e8, fee: (5800 / 7000) * 0.005e8 },
    ];
    for (const { position, repaid, seized, fee } of expected) {
      const [event, ...more] = seizedFrom(events, position);
      expect(more).to.deep.equal([]);
      // interest of some minutes
      expect(Number(event!.repaid) / repaid).to.be.closeTo(1, 1e-6);
      expect(Number(event!.collateral) / seized).to.be.closeTo(1, 1e-6);
      expect(Number(event!.protocolFee!) / fee).to.be.closeTo(1, 1e-6);
      const after = await bench.position(position);
      expect(after.collateral).to.equal(opened[position]!.collateral - event!.collateral - event!.protocolFee!);
    }
    expect(Number((await bench.position(0)).debt)).to.be.closeTo(770e6, 1000);
    expect((await bench.position(1)).debt).to.equal(0n);
    expect((await bench.position(2)).collateral).to.equal(10n * ETH);

    // what was seized is sold at 200 and 8,000, the pool's fee taken off
    const sales = events.reduce((sum, event) => {
      if (event.kind !== "seized") return sum;
      const proceeds = Number(event.collateral) * (event.position === 3 ? 8000 / 1e8 : 200 / 1e18) * 0.9995;
      return sum + proceeds - Number(event.repaid) / 1e6;
    }, 0);
    expect(Number(await bench.keeperLoan()) / 1e6).to.be.closeTo(sales, 0.01);
  });

  it("leaves debt without collateral with its borrower, for good", async () => {
    bench = await Bench.create(aaveV3, [{ market: 0, collateral: 10n * ETH, debt: 1600n * USDC }]);
    await bench.publish(0, 150);
    await bench.trade(0, 150);
    const { events } = await bench.keepers();
    const [event] = seizedFrom(events, 0);
    // 1,500 buy 1,500 / 1.05 of debt; a tenth of the bonus is the protocol's
    expect(event!.repaid).to.equal(1_428_571_429n);
    expect(event!.collateral + event!.protocolFee!).to.equal(10n * ETH);
    expect(Number(event!.protocolFee!) / 1e18).to.be.closeTo((10 - 10 / 1.05) / 10, 1e-9);
    const after = await bench.position(0);
    expect(after.collateral).to.equal(0n);
    expect(Number(after.debt)).to.be.closeTo(1600e6 - 1428_571_429, 1000);
    expect(await bench.engine.gauges()).to.deep.include({ writtenOff: 0n, lenderLoss: 0n });
    expect((await bench.keepers()).block.receipts).to.deep.equal([]);
  });

  it("sells until the pool's price is what the collateral costs, and no further", async () => {
    bench = await Bench.create(aaveV3, [{ market: 0, collateral: 20_000n * ETH, debt: 3_200_000n * USDC }], true);
    await bench.publish(0, 175);
    await bench.trade(0, 175);
    const { events } = await bench.keepers();
    const [event, ...more] = seizedFrom(events, 0);
    expect(more).to.deep.equal([]);
    expect(Number(event!.collateral) / 1e18).to.be.within(100, 15_000);
    expect(Number(event!.collateral) / Number(event!.repaid)).to.be.closeTo(1.045e12 / 175, 1e3);
    expect((await bench.poolPrice(0)) * 0.9995).to.be.closeTo(175 / 1.045, 1e-4);
    expect((await bench.keepers()).block.receipts).to.deep.equal([]);
    // arbitrage brings the price back: there is more to sell
    await bench.trade(0, 175);
    expect(seizedFrom((await bench.keepers()).events, 0)).to.have.length(1);
  });

  it("leaves what gas would eat, and acts when it is cheap again", async () => {
    bench = await Bench.create(aaveV3, [{ market: 0, collateral: 10n * ETH, debt: 1600n * USDC }]);
    await bench.publish(0, 180);
    expect((await bench.keepers(10n ** 13n)).block.receipts).to.deep.equal([]);
    const { block, events } = await bench.keepers();
    expect(events).to.have.length(1);
    // about what the liquidator reckons with; the very first one fills empty slots too
    expect(Number(block.receipts[0]!.gasUsed)).to.be.within(0.7 * 470_000, 1.1 * 470_000);
  });

  it("does the others when one that it thinks it can do fails", async () => {
    bench = await Bench.create(aaveV3, [
      { market: 0, collateral: 10n * ETH, debt: 1600n * USDC },
      { market: 0, collateral: 10n * ETH, debt: 1580n * USDC },
    ]);
    await bench.publish(0, 180);
    // paid back in a block that the keeper has not seen
    for (const one of bench.engine.repay(0, 1500n * USDC)) bench.chain.send(one);
    await bench.chain.settle("a repayment");
    const { block, events } = await bench.keepers();
    expect(block.receipts.map(({ status }) => status)).to.deep.equal([1]);
    expect(events.map((event) => event.kind === "seized" && event.position)).to.deep.equal([1]);
  });

  it("does nothing while the oracle has no price", async () => {
    bench = await Bench.create(aaveV3, [{ market: 0, collateral: 10n * ETH, debt: 1600n * USDC }]);
    await bench.publish(0, 0);
    expect((await bench.keepers()).block.receipts).to.deep.equal([]);
  });

  it("lets borrowers top up and repay, and the lender leave with what is there", async () => {
    bench = await Bench.create(aaveV3, [{ market: 0, collateral: 10n * ETH, debt: 1600n * USDC }]);
    const { engine } = bench;
    await bench.agents([...engine.topUp(0, ETH), ...engine.repay(0, 600n * USDC)]);
    const after = await bench.position(0);
    expect(after.collateral).to.equal(11n * ETH);
    expect(Number(after.debt)).to.be.closeTo(1000e6, 1000);
    // 2,000 were supplied, of which 1,000 are lent
    const exit = engine.exit("lenders", 1);
    await bench.agents([...exit]);
    const { loan } = bench.ready.world;
    expect(Number(await bench.balance(loan.address, exit[0]!.from))).to.be.closeTo(1000e6, 1000);
    const lent = await bench.position(0);
    await bench.agents([...engine.repay(0, 5000n * USDC)]);
    expect(Number(lent.debt)).to.be.closeTo(1000e6, 1000);
    expect((await bench.position(0)).debt).to.equal(0n);
    expect(Number(await bench.balance(loan.address, bench.owners[0]!))).to.be.closeTo(1600e6, 2000);
    expect(engine.exit("underwriters", 1)).to.deep.equal([]);
  });
});
