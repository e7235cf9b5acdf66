import { loadFixture, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { MaxInt256, ZeroAddress } from "ethers";
import { ethers } from "hardhat";

import { type ChainlinkOracle, type MockAggregatorV3, type MockERC20 } from "../../../typechain-types";
import { deployToken } from "../uniswap";

const HOUR = 3600;
const DAY = 86_400;

interface Options {
  base: MockAggregatorV3;
  cross?: MockAggregatorV3;
  quote?: MockAggregatorV3;
  sequencer?: MockAggregatorV3;
}

async function sourcesOf(collateral: MockERC20, loanAsset: MockERC20, { base, cross, quote, sequencer }: Options) {
  return {
    collateral,
    loanAsset,
    base,
    baseMaxAge: HOUR,
    cross: cross ?? ZeroAddress,
    crossMaxAge: cross === undefined ? 0 : 2 * HOUR,
    quote: quote ?? ZeroAddress,
    quoteMaxAge: quote === undefined ? 0 : DAY,
    sequencer: sequencer ?? ZeroAddress,
    gracePeriod: sequencer === undefined ? 0 : HOUR,
  };
}

const feed = (decimals: number, answer: bigint): Promise<MockAggregatorV3> =>
  ethers.deployContract("MockAggregatorV3", [decimals, answer]);

async function oracleOf(collateral: MockERC20, loanAsset: MockERC20, options: Options): Promise<ChainlinkOracle> {
  return ethers.deployContract("ChainlinkOracle", [await sourcesOf(collateral, loanAsset, options)]);
}

async function fixture() {
  const [weth, usdc] = [await deployToken("WETH", 18), await deployToken("USDC", 6)];
  const [base, quote, sequencer] = [await feed(8, 3000_00000000n), await feed(8, 99990000n), await feed(0, 0n)];
  await time.increase(DAY);
  await base.setAnswer(3000_00000000n);
  await quote.setAnswer(99990000n);
  const oracle = await oracleOf(weth, usdc, { base, quote, sequencer });
  const factory = await ethers.getContractFactory("ChainlinkOracle");
  return { weth, usdc, base, quote, sequencer, oracle, factory };
}

/** WBTC in USDC, from WBTC/BTC, BTC/USD and USDC/USD. */
async function productFixture() {
  const [wbtc, usdc] = [await deployToken("WBTC", 8), await deployToken("USDC", 6)];
  const [base, cross, quote] = [await feed(8, 99870000n), await feed(8, 64_123_45678901n), await feed(8, 99990000n)];
  const oracle = await oracleOf(wbtc, usdc, { base, cross, quote });
  const factory = await ethers.getContractFactory("ChainlinkOracle");
  return { wbtc, usdc, base, cross, quote, oracle, factory };
}

describe("ChainlinkOracle", () => {
  it("divides two feeds and scales by decimals, rounded down", async () => {
    const { oracle } = await loadFixture(fixture);
    // 36 + 6 − 18 decimals
    expect(await oracle.price()).to.equal((3000_00000000n * 10n ** 24n) / 99990000n);
  });

  it("reads one feed where there is no quote", async () => {
    const { weth, usdc, base } = await loadFixture(fixture);
    const oracle = await oracleOf(weth, usdc, { base });
    expect(await oracle.price()).to.equal(3000n * 10n ** 24n);
    expect(await oracle.quote()).to.equal(ZeroAddress);
  });

  for (const [collateralDecimals, loanDecimals, baseDecimals, quoteDecimals] of [
    [8, 18, 8, 18],
    [18, 18, 18, 8],
    [0, 27, 0, 0],
    [27, 2, 8, 8],
  ] as const) {
    it(`has the right scale for ${collateralDecimals}, ${loanDecimals}, ${baseDecimals} and ${quoteDecimals} decimals`, async () => {
      const oracle = await oracleOf(await deployToken("C", collateralDecimals), await deployToken("L", loanDecimals), {
        base: await feed(baseDecimals, 7n * 10n ** BigInt(baseDecimals)),
        quote: await feed(quoteDecimals, 2n * 10n ** BigInt(quoteDecimals)),
      });
      // one whole collateral is 3.5 whole loan assets
      expect(await oracle.price()).to.equal(35n * 10n ** BigInt(35 + loanDecimals - collateralDecimals));
    });
  }

  it("takes answers up to the age of each feed", async () => {
    const { oracle, base, quote } = await loadFixture(fixture);
    const now = await time.latest();
    await base.setRound(3000_00000000n, now, now + 10);
    await quote.setRound(99990000n, now, now + 10 + HOUR - DAY);
    await time.increaseTo(now + 10 + HOUR); // an hour and a day old, to the second
    await oracle.price();

    await quote.setAnswer(99990000n);
    await expect(oracle.price())
      .to.be.revertedWithCustomError(oracle, "StalePrice")
      .withArgs(base, now + 10);

    await base.setAnswer(3000_00000000n);
    await quote.setRound(99990000n, now, now - DAY);
    await expect(oracle.price())
      .to.be.revertedWithCustomError(oracle, "StalePrice")
      .withArgs(quote, now - DAY);
  });

  it("refuses a round that is not complete or from the future", async () => {
    const { oracle, base, quote } = await loadFixture(fixture);
    const now = await time.latest();
    for (const updatedAt of [0, now + 100]) {
      await base.setRound(3000_00000000n, now, updatedAt);
      await expect(oracle.price()).to.be.revertedWithCustomError(oracle, "BadRound").withArgs(base, updatedAt);
    }
    await base.setAnswer(3000_00000000n);
    await quote.setRound(99990000n, now, 0);
    await expect(oracle.price()).to.be.revertedWithCustomError(oracle, "BadRound").withArgs(quote, 0);
  });

  it("refuses answers that are not positive", async () => {
    const { oracle, base, quote } = await loadFixture(fixture);
    for (const answer of [0n, -1n]) {
      await base.setAnswer(answer);
      await expect(oracle.price()).to.be.revertedWithCustomError(oracle, "BadPrice").withArgs(base, answer);
    }
    await base.setAnswer(1n);
    await quote.setAnswer(-5n);
    await expect(oracle.price()).to.be.revertedWithCustomError(oracle, "BadPrice").withArgs(quote, -5n);
  });

  it("never answers zero, and multiplies in full precision", async () => {
    const { oracle, base, quote } = await loadFixture(fixture);
    await base.setAnswer(1n);
    await quote.setAnswer(10n ** 24n);
    expect(await oracle.price()).to.equal(1);
    await quote.setAnswer(10n ** 24n + 1n);
    await expect(oracle.price()).to.be.revertedWithCustomError(oracle, "PriceTooSmall");

    await base.setAnswer(MaxInt256);
    await quote.setAnswer(MaxInt256 - 1n);
    expect(await oracle.price()).to.equal(10n ** 24n);
  });

  it("names the feed that can't be read", async () => {
    const { oracle, base, quote, sequencer } = await loadFixture(fixture);
    for (const broken of [base, quote, sequencer]) {
      await broken.setBroken(true);
      await expect(oracle.price()).to.be.revertedWithCustomError(oracle, "FeedUnreadable").withArgs(broken);
      await broken.setBroken(false);
    }
    await oracle.price();
  });

  it("notices decimals that changed", async () => {
    const { oracle, base, quote } = await loadFixture(fixture);
    await base.setDecimals(18);
    await expect(oracle.price()).to.be.revertedWithCustomError(oracle, "DecimalsChanged").withArgs(base, 8, 18);
    await base.setDecimals(8);
    await quote.setDecimals(6);
    await expect(oracle.price()).to.be.revertedWithCustomError(oracle, "DecimalsChanged").withArgs(quote, 8, 6);
  });

  it("stops while the sequencer is down or was never seen up", async () => {
    const { oracle, sequencer } = await loadFixture(fixture);
    await sequencer.setAnswer(1n);
    await expect(oracle.price()).to.be.revertedWithCustomError(oracle, "SequencerDown");
    await sequencer.setRound(0n, 0, 0);
    await expect(oracle.price()).to.be.revertedWithCustomError(oracle, "SequencerDown");
  });

  it("waits for the grace period once the sequencer is up again", async () => {
    const { oracle, base, sequencer } = await loadFixture(fixture);
    await sequencer.setAnswer(0n);
    const upSince = await time.latest();
    await time.increaseTo(upSince + HOUR - 1);
    await expect(oracle.price()).to.be.revertedWithCustomError(oracle, "SequencerGracePeriod").withArgs(upSince);
    await base.setAnswer(3000_00000000n); // mines the next second
    await oracle.price();

    await sequencer.setRound(0n, upSince + DAY, 0);
    await expect(oracle.price())
      .to.be.revertedWithCustomError(oracle, "SequencerGracePeriod")
      .withArgs(upSince + DAY);
  });

  it("refuses sources that don't go together", async () => {
    const { weth, usdc, base, quote, sequencer, factory } = await loadFixture(fixture);
    const good = await sourcesOf(weth, usdc, { base, quote, sequencer });

    await expect(factory.deploy({ ...good, base: ZeroAddress })).to.be.revertedWithCustomError(factory, "ZeroAddress");
    for (const [change, named] of [
      [{ baseMaxAge: 0 }, base],
      [{ quoteMaxAge: 0 }, quote],
      [{ quote: ZeroAddress }, ZeroAddress],
      [{ gracePeriod: 0 }, sequencer],
      [{ sequencer: ZeroAddress }, ZeroAddress],
    ] as const) {
      await expect(factory.deploy({ ...good, ...change }))
        .to.be.revertedWithCustomError(factory, "BadMaxAge")
        .withArgs(named);
    }

    const odd = await deployToken("ODD", 60);
    await expect(factory.deploy({ ...good, collateral: odd })).to.be.revertedWithCustomError(
      factory,
      "UnsupportedDecimals",
    );
    await expect(factory.deploy({ ...good, loanAsset: odd })).to.be.revertedWithCustomError(
      factory,
      "UnsupportedDecimals",
    );
  });

  it("takes decimals up to where its scale is 1, or the greatest power of ten", async () => {
    const { base, factory } = await loadFixture(fixture);
    const build = async (loanDecimals: number, collateralDecimals: number): Promise<ChainlinkOracle> =>
      oracleOf(await deployToken("C", collateralDecimals), await deployToken("L", loanDecimals), { base });
    // 36 + loan asset − collateral − 8 of the feed
    expect(await (await build(6, 34)).scale()).to.equal(1);
    expect(await (await build(49, 0)).scale()).to.equal(10n ** 77n);
    await expect(build(6, 35)).to.be.revertedWithCustomError(factory, "UnsupportedDecimals");
    await expect(build(50, 0)).to.be.revertedWithCustomError(factory, "UnsupportedDecimals");
  });

  describe("with a cross feed", () => {
    it("multiplies base and cross and divides by quote, rounded down once", async () => {
      const { oracle, cross } = await loadFixture(productFixture);
      // 36 + 6 + 8 − 8 − 8 − 8 decimals
      expect(await oracle.price()).to.equal((99870000n * 64_123_45678901n * 10n ** 26n) / 99990000n);
      expect(await oracle.cross()).to.equal(cross);
      expect(await oracle.crossMaxAge()).to.equal(2 * HOUR);
      expect(await oracle.crossDecimals()).to.equal(8);
    });

    it("works without a quote", async () => {
      const { wbtc, usdc, base, cross } = await loadFixture(productFixture);
      const oracle = await oracleOf(wbtc, usdc, { base, cross });
      expect(await oracle.price()).to.equal(99870000n * 64_123_45678901n * 10n ** 18n);
    });

    for (const [collateralDecimals, loanDecimals, baseDecimals, crossDecimals, quoteDecimals] of [
      [8, 18, 8, 18, 8],
      [18, 6, 8, 8, undefined],
      [18, 6, 18, 8, 8],
      [0, 27, 0, 3, 0],
      [27, 2, 8, 0, 8],
    ] as const) {
      const decimals = [collateralDecimals, loanDecimals, baseDecimals, crossDecimals, quoteDecimals ?? "no"];
      it(`has the right scale for ${decimals.join(", ")} decimals`, async () => {
        const whole = (count: number, answer: bigint): Promise<MockAggregatorV3> =>
          feed(count, answer * 10n ** BigInt(count));
        const oracle = await oracleOf(
          await deployToken("C", collateralDecimals),
          await deployToken("L", loanDecimals),
          {
            base: await whole(baseDecimals, 7n),
            cross: await whole(crossDecimals, 3n),
            ...(quoteDecimals !== undefined && { quote: await whole(quoteDecimals, 2n) }),
          },
        );
        // one whole collateral is 7 · 3 / 2 whole loan assets, or 7 · 3 without a quote
        const tenths = quoteDecimals === undefined ? 210n : 105n;
        expect(await oracle.price()).to.equal(tenths * 10n ** BigInt(35 + loanDecimals - collateralDecimals));
      });
    }

    it("takes an answer up to the cross feed's own age", async () => {
      const { oracle, base, cross } = await loadFixture(productFixture);
      const now = (await time.latest()) + 10;
      await cross.setRound(64_123_45678901n, now, now);
      await time.increaseTo(now + 2 * HOUR - 1);
      await base.setAnswer(99870000n); // mines the second at which `cross` is two hours old
      await oracle.price();
      await base.setAnswer(99870000n);
      await expect(oracle.price()).to.be.revertedWithCustomError(oracle, "StalePrice").withArgs(cross, now);
    });

    it("refuses the cross feed's bad answers by the same errors as the base feed's", async () => {
      const { oracle, cross } = await loadFixture(productFixture);
      const now = await time.latest();
      for (const updatedAt of [0, now + 100]) {
        await cross.setRound(64_123_45678901n, now, updatedAt);
        await expect(oracle.price()).to.be.revertedWithCustomError(oracle, "BadRound").withArgs(cross, updatedAt);
      }
      for (const answer of [0n, -1n]) {
        await cross.setAnswer(answer);
        await expect(oracle.price()).to.be.revertedWithCustomError(oracle, "BadPrice").withArgs(cross, answer);
      }
      await cross.setAnswer(1n);
      await cross.setDecimals(18);
      await expect(oracle.price()).to.be.revertedWithCustomError(oracle, "DecimalsChanged").withArgs(cross, 8, 18);
      await cross.setBroken(true);
      await expect(oracle.price()).to.be.revertedWithCustomError(oracle, "FeedUnreadable").withArgs(cross);
    });

    it("is exact up to the greatest product, and refuses a greater one by name", async () => {
      const { oracle, base, cross, quote } = await loadFixture(productFixture);
      // 2^128 − 1 times 2^128 + 1 is 2^256 − 1
      await base.setAnswer((1n << 128n) - 1n);
      await cross.setAnswer((1n << 128n) + 1n);
      await quote.setAnswer(MaxInt256);
      expect(await oracle.price()).to.equal((((1n << 256n) - 1n) * 10n ** 26n) / MaxInt256);
      await base.setAnswer(1n << 128n);
      await expect(oracle.price()).to.be.revertedWithCustomError(oracle, "PriceTooLarge");
      await base.setAnswer(MaxInt256);
      await cross.setAnswer(MaxInt256);
      await expect(oracle.price()).to.be.revertedWithCustomError(oracle, "PriceTooLarge");
    });

    it("never answers zero", async () => {
      const { oracle, base, cross, quote } = await loadFixture(productFixture);
      await base.setAnswer(1n);
      await cross.setAnswer(2n);
      await quote.setAnswer(2n * 10n ** 26n);
      expect(await oracle.price()).to.equal(1);
      await quote.setAnswer(2n * 10n ** 26n + 1n);
      await expect(oracle.price()).to.be.revertedWithCustomError(oracle, "PriceTooSmall");
    });

    it("needs a maximum age with the feed and none without, and decimals that fit", async () => {
      const { wbtc, usdc, base, cross, quote, factory } = await loadFixture(productFixture);
      const good = await sourcesOf(wbtc, usdc, { base, cross, quote });
      for (const [change, named] of [
        [{ crossMaxAge: 0 }, cross],
        [{ cross: ZeroAddress }, ZeroAddress],
      ] as const) {
        await expect(factory.deploy({ ...good, ...change }))
          .to.be.revertedWithCustomError(factory, "BadMaxAge")
          .withArgs(named);
      }
      // 36 + 6 + 8 − 8 − 8 leaves 34
      const widest = await factory.deploy({ ...good, cross: await feed(34, 1n) });
      expect(await widest.scale()).to.equal(1);
      await expect(factory.deploy({ ...good, cross: await feed(35, 1n) })).to.be.revertedWithCustomError(
        factory,
        "UnsupportedDecimals",
      );
    });
  });
});
