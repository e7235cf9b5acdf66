import { setNextBlockBaseFeePerGas } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { ethers } from "hardhat";

import { HOUR, LANE, MARKET, PAY, priceE36, time, usdc, weth } from "../fixture";
import { mulDiv, mulDivUp } from "../math";
import { COOLDOWN, FULFIL_GAS, HALF_HOUR, SHARES, buffering } from "./fixture";

const GWEI = 10n ** 9n;

/** All of the underwriter's shares requested, the cooldown over, and the market watched for half an hour. */
async function ready() {
  const all = await buffering();
  await all.request(all.underwriter);
  return { ...all, market: await all.collateral.getAddress() };
}

/** Pay for a fulfilment at a base fee of so many gwei, at 2,000 USDC a native coin: with a gwei of tip, and a fifth on top. */
const payAt = (baseFee: bigint): bigint => (FULFIL_GAS * (baseFee + 1n) * GWEI * 12n * 2000n) / 10n / 10n ** 12n;

describe("LiquidityBuffer: fulfilment of requests", () => {
  it("burns the shares and sets their assets aside", async () => {
    const { buffer, loan, underwriter, keeper, request, expectBalanced } = await buffering();
    await request(underwriter, SHARES / 4n);
    const caller = buffer.connect(keeper);
    expect(await caller.fulfil.staticCall(underwriter, keeper)).to.deep.equal([SHARES / 4n, usdc(50_000)]);
    const fulfilment = caller.fulfil(underwriter, keeper);
    await expect(fulfilment)
      .to.emit(buffer, "RedeemFulfilled")
      .withArgs(underwriter.address, keeper.address, SHARES / 4n, usdc(50_000), 0n);
    await expect(fulfilment)
      .to.emit(buffer, "Transfer")
      .withArgs(buffer, ethers.ZeroAddress, SHARES / 4n);
    await expect(fulfilment).to.changeTokenBalances(loan, [buffer, underwriter, keeper], [0n, 0n, 0n]);
    expect(await buffer.cash()).to.equal(usdc(150_000));
    expect(await buffer.setAside()).to.equal(usdc(50_000));
    expect(await buffer.totalSupply()).to.equal((SHARES * 3n) / 4n);
    expect(await buffer.totalAssets()).to.equal(usdc(150_000));
    expect(await buffer.pendingRedeemRequest(0n, underwriter)).to.equal(0);
    expect(await buffer.claimableRedeemRequest(0n, underwriter)).to.equal(SHARES / 4n);
    expect(await buffer.maxRedeem(underwriter)).to.equal(SHARES / 4n);
    expect(await buffer.maxWithdraw(underwriter)).to.equal(usdc(50_000));
    await expectBalanced();
  });

  it("waits for the cooldown, to the second, also where it is shorter by now", async () => {
    const { buffer, house, collateral, underwriter } = await buffering();
    await buffer.connect(underwriter).requestRedeem(SHARES, underwriter, underwriter);
    const readyAt = (await time.latest()) + COOLDOWN;
    await buffer.setCooldown(3600);
    await time.increaseTo(readyAt - HALF_HOUR - 60);
    await house.observe(collateral);
    await time.setNextBlockTimestamp(readyAt - 1);
    await expect(buffer.fulfil(underwriter, underwriter))
      .to.be.revertedWithCustomError(buffer, "CoolingDown")
      .withArgs(readyAt);
    await time.setNextBlockTimestamp(readyAt);
    await expect(buffer.fulfil(underwriter, underwriter)).to.emit(buffer, "RedeemFulfilled");
  });

  it("refuses nobody, and whoever has no request", async () => {
    const { buffer, underwriter, other } = await ready();
    await expect(buffer.fulfil(underwriter, ethers.ZeroAddress)).to.be.revertedWithCustomError(buffer, "ZeroAddress");
    await expect(buffer.fulfil(other, other))
      .to.be.revertedWithCustomError(buffer, "NoRequest")
      .withArgs(other.address);
    await buffer.fulfil(underwriter, underwriter);
    await expect(buffer.fulfil(underwriter, underwriter))
      .to.be.revertedWithCustomError(buffer, "NoRequest")
      .withArgs(underwriter.address);
  });

  it("bears a loss that comes after the request (B3)", async () => {
    const { buffer, underwriter, asVault, expectBalanced } = await ready();
    await buffer.connect(asVault).cover(usdc(50_000));
    await buffer.fulfil(underwriter, underwriter);
    expect(await buffer.maxWithdraw(underwriter)).to.equal(usdc(150_000));
    await expectBalanced();
  });

  describe("as far as there is cash", () => {
    it("and the rest waits for more, without another cooldown", async () => {
      const { buffer, governor, underwriter, absorb, watch, earnFee, expectBalanced } = await buffering();
      await absorb(weth(60), usdc(110_000));
      await buffer.connect(underwriter).requestRedeem(SHARES, underwriter, underwriter);
      await time.increase(COOLDOWN);
      await watch();
      // 90,000 in cash, and inventory worth 120,000 less 5 %
      const value = usdc(204_000);
      const assets = mulDiv(SHARES, value + 1n, SHARES + 1000n);
      const burnt = mulDivUp(SHARES, usdc(90_000), assets);
      await expect(buffer.fulfil(underwriter, underwriter))
        .to.emit(buffer, "RedeemFulfilled")
        .withArgs(underwriter.address, governor.address, burnt, usdc(90_000), 0n);
      expect(await buffer.cash()).to.equal(0);
      expect(await buffer.pendingRedeemRequest(0n, underwriter)).to.equal(SHARES - burnt);
      expect(await buffer.claimable(underwriter)).to.deep.equal([burnt, usdc(90_000)]);
      await expect(buffer.fulfil(underwriter, underwriter))
        .to.be.revertedWithCustomError(buffer, "NotEnoughCash")
        .withArgs(mulDiv(SHARES - burnt, usdc(114_000) + 1n, SHARES - burnt + 1000n), 0n);
      await earnFee(usdc(1000));
      await expect(buffer.fulfil(underwriter, underwriter)).to.emit(buffer, "RedeemFulfilled");
      expect(await buffer.maxWithdraw(underwriter)).to.equal(usdc(91_000));
      await expectBalanced();
    });

    it("never at a better price than the whole", async () => {
      const { buffer, underwriter, other, absorb, request, earnFee } = await buffering();
      await buffer.connect(other).deposit(usdc(100_000), other);
      await absorb(weth(160), usdc(290_001) + 1n);
      await request(underwriter);
      const worth = await buffer.convertToAssets(10n ** 12n);
      for (const fee of [1n, 2n, 12_345_679n]) {
        await earnFee(fee);
        await buffer.fulfil(underwriter, underwriter);
        expect(await buffer.cash()).to.equal(0);
      }
      expect(await buffer.convertToAssets(10n ** 12n)).to.be.gte(worth);
    });

    it("and not where the shares are worth nothing", async () => {
      const { buffer, underwriter, request } = await buffering();
      await request(underwriter, 999n);
      await expect(buffer.fulfil(underwriter, underwriter))
        .to.be.revertedWithCustomError(buffer, "NotEnoughCash")
        .withArgs(0n, usdc(200_000));
    });
  });

  describe("is paid", () => {
    it("what its gas costs, out of the redemption, to whom the keeper names", async () => {
      const { buffer, loan, underwriter, keeper, other, payKeepers, expectBalanced } = await ready();
      await payKeepers();
      await setNextBlockBaseFeePerGas(20n * GWEI);
      const pay = payAt(20n);
      const fulfilment = buffer.connect(keeper).fulfil(underwriter, other);
      await expect(fulfilment)
        .to.emit(buffer, "RedeemFulfilled")
        .withArgs(underwriter.address, keeper.address, SHARES, usdc(200_000) - pay, pay);
      await expect(fulfilment).to.changeTokenBalances(loan, [buffer, other, keeper], [-pay, pay, 0n]);
      expect(await buffer.maxWithdraw(underwriter)).to.equal(usdc(200_000) - pay);
      expect(await buffer.setAside()).to.equal(usdc(200_000) - pay);
      expect(await buffer.cash()).to.equal(0);
      await expectBalanced();
    });

    it("at no higher base fee than the cap", async () => {
      const { buffer, underwriter, payKeepers } = await ready();
      await payKeepers({ feeCap: 50n * GWEI });
      await setNextBlockBaseFeePerGas(3000n * GWEI);
      await buffer.fulfil(underwriter, underwriter);
      expect(await buffer.maxWithdraw(underwriter)).to.equal(usdc(200_000) - payAt(50n));
    });

    it("no more than the pay's share of the redemption", async () => {
      const { buffer, underwriter, request, payKeepers } = await buffering();
      await request(underwriter, usdc(1000) * 1000n);
      await payKeepers();
      await setNextBlockBaseFeePerGas(50n * GWEI);
      expect(payAt(50n)).to.be.gt(usdc(10));
      await buffer.fulfil(underwriter, underwriter);
      expect(await buffer.maxWithdraw(underwriter)).to.equal(usdc(990));
    });

    it("once in proportion, however many parts the cash makes of it", async () => {
      const { buffer, loan, underwriter, keeper, absorb, request, earnFee, payKeepers } = await buffering();
      await absorb(weth(110), usdc(200_000));
      await request(underwriter);
      await payKeepers();
      const before = await loan.balanceOf(keeper);
      for (let part = 0; part < 10; part++) {
        await earnFee(usdc(100));
        await setNextBlockBaseFeePerGas(1000n * GWEI);
        await buffer.connect(keeper).fulfil(underwriter, keeper);
      }
      // fees came from the keeper
      expect((await loan.balanceOf(keeper)) + usdc(1000) - before).to.equal(usdc(10));
      expect(await buffer.maxWithdraw(underwriter)).to.equal(usdc(990));
    });

    it("nothing where the native coin has no price, and is done all the same", async () => {
      const { buffer, underwriter, payKeepers } = await ready();
      const native = await ethers.deployContract("MockOracle", [priceE36(2000)]);
      await payKeepers({ nativeOracle: native });
      await native.setBroken(true);
      await buffer.fulfil(underwriter, underwriter);
      expect(await buffer.maxWithdraw(underwriter)).to.equal(usdc(200_000));
    });

    it("nothing where governance never said what", async () => {
      const { buffer, house, underwriter } = await ready();
      await house.setPay({ ...PAY, nativeOracle: ethers.ZeroAddress });
      await buffer.fulfil(underwriter, underwriter);
      expect(await buffer.maxWithdraw(underwriter)).to.equal(usdc(200_000));
    });
  });

  describe("not while a market is in trouble (B3)", () => {
    it("whose lane is open, at whatever price, till it is closed", async () => {
      const { buffer, house, market, underwriter, other, keeper, open, setPrice, watch } = await ready();
      await open(other, weth(10), usdc(16_000));
      await setPrice(1900);
      await house.connect(keeper).open(market, other, keeper);
      const openUntil = (await time.latest()) + 1200 + Number(LANE.idleTime);
      await setPrice(2000);
      await house.observe(market);
      await time.increaseTo(openUntil - 1);
      expect(await buffer.marketInTrouble()).to.equal(market);
      await time.setNextBlockTimestamp(openUntil);
      await expect(buffer.fulfil(underwriter, underwriter))
        .to.be.revertedWithCustomError(buffer, "MarketInTrouble")
        .withArgs(market);
      // a request may be made meanwhile
      await buffer.connect(keeper).deposit(usdc(1), keeper);
      await buffer.connect(keeper).requestRedeem(1000n, keeper, keeper);
      await watch();
      expect(await buffer.marketInTrouble()).to.equal(ethers.ZeroAddress);
      await buffer.fulfil(underwriter, underwriter);
    });

    it("whose price is more than 0.1 % under its average", async () => {
      const { buffer, house, market, oracle, underwriter } = await ready();
      await oracle.setPrice(priceE36(1998));
      expect(await buffer.marketInTrouble()).to.equal(ethers.ZeroAddress);
      await oracle.setPrice(priceE36(1998) - 1n);
      expect(await buffer.marketInTrouble()).to.equal(market);
      await expect(buffer.fulfil(underwriter, underwriter))
        .to.be.revertedWithCustomError(buffer, "MarketInTrouble")
        .withArgs(market);
      // once the price was seen, the average follows it
      await oracle.setPrice(priceE36(1990));
      await house.observe(market);
      await time.increase(HALF_HOUR);
      await house.observe(market);
      expect(await buffer.marketInTrouble()).to.equal(market);
      await time.increase(HOUR - 60n);
      await buffer.fulfil(underwriter, underwriter);
    });

    it("whose price is in doubt, which the guard is asked", async () => {
      const { buffer, house, market, guard, underwriter } = await ready();
      await guard.setDiverged(true);
      // nobody has looked yet
      expect(await buffer.marketInTrouble()).to.equal(ethers.ZeroAddress);
      await expect(buffer.fulfil(underwriter, underwriter))
        .to.be.revertedWithCustomError(buffer, "MarketInTrouble")
        .withArgs(market);
      await house.observe(market);
      expect(await buffer.marketInTrouble()).to.equal(market);
      await guard.setDiverged(false);
      await buffer.fulfil(underwriter, underwriter);
      expect(await buffer.maxRedeem(underwriter)).to.equal(SHARES);
      expect(await buffer.marketInTrouble()).to.equal(ethers.ZeroAddress);
    });

    it("whose price can't be read", async () => {
      const { buffer, market, oracle, underwriter } = await ready();
      await oracle.setBroken(true);
      expect(await buffer.marketInTrouble()).to.equal(market);
      const refused = async () =>
        expect(buffer.fulfil(underwriter, underwriter))
          .to.be.revertedWithCustomError(buffer, "MarketInTrouble")
          .withArgs(market);
      await refused();
      // nor can it be observed
      await time.increase(HOUR + 1n);
      await refused();
    });

    it("whose price was not seen for an hour, to the second: then it is seen, and the request waits", async () => {
      const { buffer, house, market, underwriter, keeper } = await ready();
      const { observedAt } = await house.lane(market);
      await time.increaseTo(observedAt + HOUR);
      expect(await buffer.marketInTrouble()).to.equal(ethers.ZeroAddress);
      await time.setNextBlockTimestamp(observedAt + HOUR + 1n);
      const look = await buffer.connect(keeper).fulfil(underwriter, keeper);
      await expect(look).not.to.emit(buffer, "RedeemFulfilled");
      const seen = observedAt + HOUR + 1n;
      expect((await house.lane(market)).observedAt).to.equal(seen);
      expect((await house.lane(market)).watchedSince).to.equal(seen);
      expect(await buffer.pendingRedeemRequest(0n, underwriter)).to.equal(SHARES);
      await time.setNextBlockTimestamp(seen + BigInt(HALF_HOUR) - 1n);
      await expect(buffer.fulfil(underwriter, underwriter))
        .to.be.revertedWithCustomError(buffer, "MarketInTrouble")
        .withArgs(market);
      await time.setNextBlockTimestamp(seen + BigInt(HALF_HOUR));
      await expect(buffer.fulfil(underwriter, underwriter)).to.emit(buffer, "RedeemFulfilled");
    });

    it("and each is asked: the last of several, too", async () => {
      const { buffer, house, vault, depth, market, underwriter } = await ready();
      const second = await ethers.deployContract("MockERC20", ["Second", "TWO", 18]);
      const oracle = await ethers.deployContract("MockOracle", [priceE36(10)]);
      await vault.setMarket(second, { ...MARKET, oracle, borrowOracle: oracle });
      // without a lane nothing can be absorbed of it
      await oracle.setBroken(true);
      expect(await buffer.marketInTrouble()).to.equal(ethers.ZeroAddress);
      await oracle.setBroken(false);
      await house.setLane(second, { ...LANE, depthOracle: depth });
      expect(await buffer.marketInTrouble()).to.equal(await second.getAddress());
      await house.observe(market);
      await time.increase(HALF_HOUR);
      expect(await buffer.marketInTrouble()).to.equal(ethers.ZeroAddress);
      await oracle.setPrice(priceE36(9.98));
      expect(await buffer.marketInTrouble()).to.equal(await second.getAddress());
      await oracle.setPrice(priceE36(10));
      // one of them unwatched is enough
      await time.increase(HOUR);
      await house.observe(market);
      await time.increase(60);
      expect(await buffer.fulfil.staticCall(underwriter, underwriter)).to.deep.equal([0n, 0n]);
      await buffer.fulfil(underwriter, underwriter);
      expect((await house.lane(second)).observedAt).to.equal(await time.latest());
    });

    it("and all are seen together, or two that are seen in turn would keep a request for ever", async () => {
      const { buffer, house, vault, depth, market, underwriter } = await ready();
      const second = await ethers.deployContract("MockERC20", ["Second", "TWO", 18]);
      const oracle = await ethers.deployContract("MockOracle", [priceE36(10)]);
      await vault.setMarket(second, { ...MARKET, oracle, borrowOracle: oracle });
      await house.setLane(second, { ...LANE, depthOracle: depth });
      const { observedAt } = await house.lane(second);
      await time.increaseTo(observedAt + 120n);
      await house.observe(market);
      await time.increaseTo(observedAt + HOUR + 1n);
      expect(await buffer.fulfil.staticCall(underwriter, underwriter)).to.deep.equal([0n, 0n]);
      await buffer.fulfil(underwriter, underwriter);
      await time.increase(HALF_HOUR);
      await expect(buffer.fulfil(underwriter, underwriter)).to.emit(buffer, "RedeemFulfilled");
    });
  });
});
