import { loadFixture } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { MaxUint256, parseEther } from "ethers";
import { ethers } from "hardhat";

import { LANE, MARKET, setLaneCeiling } from "../fixture";
import { deployToken } from "../uniswap";
import { USDC, WETH, deployAuctions, deployInventory, deployMarket, priceE36 } from "./fixture";

const WAD = parseEther("1");
const quiet = () => deployMarket("MockERC20");
const auctions = () => deployAuctions("MockERC20");
const inventory = () => deployInventory("MockERC20");

describe("Lens", () => {
  it("shows positions with debt, LTV and health as the vault counts them", async () => {
    const { lens, vault, weth, borrowers, lender, oracle } = await loadFixture(quiet);
    await oracle.setPrice(priceE36(2777n) + 12_345n);
    const owners = [...borrowers, lender];
    const views = await lens.positions(weth, owners);
    expect(views.map(({ owner }) => owner)).to.deep.equal(owners.map(({ address }) => address));
    const value = (10n * WETH * (priceE36(2777n) + 12_345n)) / 10n ** 36n;
    for (const view of views.slice(0, 3)) {
      const position = await vault.position(weth, view.owner);
      expect(view.collateral)
        .to.equal(position.collateral)
        .and.to.equal(10n * WETH);
      expect(view.riskAt).to.equal(position.riskAt);
      expect(view.debt)
        .to.equal(await vault.debtOf(weth, view.owner))
        .and.to.be.gt(20_000n * USDC);
      expect(view.priced).to.equal(true);
      expect(view.ltvWad).to.equal((view.debt * WAD + value - 1n) / value);
      expect(view.healthWad).to.equal((value * parseEther("0.83")) / view.debt);
      expect(view.healthWad).to.be.gt(WAD);
      expect(view.auction.startedAt).to.equal(0);
      expect(view.quoted).to.equal(true);
      expect(view.quote.refusal).to.equal(1); // NotStarted
    }
    const empty = views[3]!;
    expect([empty.collateral, empty.debt, empty.ltvWad, empty.healthWad]).to.deep.equal([0n, 0n, 0n, MaxUint256]);
  });

  it("shows auctions and what can be bought most", async () => {
    const { lens, house, weth, borrowers } = await loadFixture(auctions);
    const views = await lens.positions(weth, borrowers);
    for (const view of views) {
      expect(view.healthWad).to.be.lt(WAD);
      const auction = await house.auction(weth, view.owner);
      expect(view.auction).to.deep.equal(auction);
      expect(auction.startedAt).to.be.gt(0);
      expect(view.quoted).to.equal(true);
      const quote = await house.quote(weth, view.owner, MaxUint256);
      expect(view.quote).to.deep.equal(quote);
      expect(quote.collateral).to.be.gt(WETH);
      expect(quote.ltvWad).to.equal(view.ltvWad);
    }
  });

  it("shows a market", async () => {
    const { lens, house, vault, buffer, depthOracle, oracle, weth } = await loadFixture(auctions);
    const view = await lens.market(weth);
    expect(view.collateral).to.equal(weth);
    expect(view.market).to.deep.equal(await vault.market(weth));
    expect(view.debt)
      .to.equal(await vault.totalDebt())
      .and.to.be.gt(60_000n * USDC);
    expect([view.priced, view.priceE36]).to.deep.equal([true, priceE36(2350n)]);
    expect([view.borrowPriced, view.borrowPriceE36]).to.deep.equal([true, await oracle.price()]);
    expect(view.hasLane).to.equal(true);
    expect(view.laneParameters).to.deep.equal(await house.laneParameters(weth));
    expect(view.lane).to.deep.equal(await house.lane(weth));
    expect(view.lane.auctions).to.equal(3);
    expect(view.emaE36).to.equal(await house.ema(weth));
    expect(view.diverged).to.equal(false);
    expect([view.deep, view.depth]).to.deep.equal([true, await depthOracle.depth()]);
    expect([view.bufferCash, view.bufferRoom]).to.deep.equal([...(await buffer.capacity(weth))]);
    expect(view.bufferCash).to.be.gte(100_000n * USDC);
    expect([view.saleQuoted, view.sale]).to.deep.equal([true, 1n]); // NoInventory
  });

  it("shows inventory and what of it can be bought most", async () => {
    const { lens, buffer, weth } = await loadFixture(inventory);
    const view = await lens.market(weth);
    expect(view.inventory).to.deep.equal(await buffer.inventory(weth));
    expect(view.inventory.amount).to.be.gt(WETH);
    const [refusal, bought, cost] = await buffer.quoteInventory(weth, MaxUint256);
    expect([view.saleQuoted, view.sale, view.saleAmount, view.saleCost]).to.deep.equal([true, refusal, bought, cost]);
    expect(bought).to.be.gt(0);
  });

  it("shows the vault, with the rates that come of its utilisation", async () => {
    const { lens, vault, buffer, rateModel, usdc, weth } = await loadFixture(quiet);
    const [view, markets] = await lens.overview();
    const [debt, idle, owed] = await Promise.all([vault.totalDebt(), vault.idle(), vault.totalAssets()]);
    expect(view.loanAsset).to.equal(usdc);
    expect([view.totalDebt, view.idle, view.owedToLenders]).to.deep.equal([debt, idle, owed]);
    expect(view.utilisationWad).to.equal((debt * WAD) / (debt + idle));
    expect(view.utilisationWad).to.be.within(parseEther("0.06"), parseEther("0.061"));
    const rate = await rateModel.borrowRatePerSecondWad(view.utilisationWad);
    expect(view.borrowRatePerSecondWad).to.equal(rate).and.to.be.gt(0);
    expect(view.lendRatePerSecondWad).to.equal((rate * 8500n * debt) / (owed * 10_000n)); // 15 % is not the lenders'
    expect([view.reserves, view.bufferFees]).to.deep.equal([await vault.reserves(), await vault.bufferFees()]);
    expect(view.bufferCash)
      .to.equal(await buffer.cash())
      .and.to.equal(100_000n * USDC);
    expect(view.borrowPaused).to.equal(false);
    expect(markets.map(({ collateral }) => collateral)).to.deep.equal([await weth.getAddress()]);

    await vault.setBorrowPaused(true);
    expect((await lens.overview())[0].borrowPaused).to.equal(true);
  });

  it("says what it can of a market whose oracle fails", async () => {
    const { lens, vault, weth, borrowers, oracle } = await loadFixture(inventory);
    await oracle.setBroken(true);
    const [, markets] = await lens.overview();
    const view = markets[0]!;
    expect([view.priced, view.priceE36, view.borrowPriced, view.borrowPriceE36]).to.deep.equal([false, 0n, false, 0n]);
    expect(view.debt).to.be.gt(0);
    expect(view.inventory.amount).to.be.gt(0);
    expect([view.saleQuoted, view.saleAmount]).to.deep.equal([false, 0n]);

    const [position] = await lens.positions(weth, [borrowers[1]!]);
    expect(position!.debt)
      .to.equal(await vault.debtOf(weth, borrowers[1]!))
      .and.to.be.gt(0);
    expect([position!.priced, position!.ltvWad, position!.healthWad, position!.quoted]).to.deep.equal([
      false,
      0n,
      0n,
      false,
    ]);
  });

  it("says so where the depth oracle fails or the guard is in doubt", async () => {
    const { lens, house, weth, guard } = await loadFixture(quiet);
    const depth = await ethers.deployContract("MockDepth", [100n * WETH]);
    await house.setLane(weth, { ...LANE, depthOracle: depth, guard });
    expect((await lens.market(weth)).depth).to.equal(100n * WETH);
    await depth.setBroken(true);
    await guard.setDiverged(true);
    const view = await lens.market(weth);
    expect([view.deep, view.depth, view.diverged]).to.deep.equal([false, 0n, true]);
    expect(view.lane.ratePerHour).to.equal(120n * WETH);
  });

  it("knows no doubt where there is no guard", async () => {
    const { lens, house, weth, depthOracle } = await loadFixture(quiet);
    await house.setLane(weth, { ...LANE, depthOracle });
    expect((await lens.market(weth)).diverged).to.equal(false);
  });

  it("shows a market that has no lane yet", async () => {
    const { lens, vault, borrowers } = await loadFixture(quiet);
    const wbtc = await deployToken("WBTC", 8);
    const oracle = await ethers.deployContract("MockOracle", [600n * 10n ** 36n]);
    await vault.setMarket(wbtc, { ...MARKET, oracle, borrowOracle: oracle });
    await wbtc.mint(borrowers[0]!, 10n ** 8n);
    await wbtc.connect(borrowers[0]).approve(vault, MaxUint256);
    await vault.connect(borrowers[0]).supplyCollateral(wbtc, 10n ** 8n, borrowers[0]!);
    await setLaneCeiling(vault, wbtc, MaxUint256);
    await vault.connect(borrowers[0]).borrow(wbtc, 30_000n * USDC, borrowers[0]!, borrowers[0]!);

    const [, markets] = await lens.overview();
    expect(markets).to.have.length(2);
    expect(markets[1]!.hasLane).to.equal(false);
    expect([markets[1]!.emaE36, markets[1]!.depth, markets[1]!.deep]).to.deep.equal([0n, 0n, false]);
    const [position] = await lens.positions(wbtc, [borrowers[0]!]);
    expect(position!.ltvWad).to.be.within(parseEther("0.5"), parseEther("0.5") + 10n ** 14n);
    expect([position!.priced, position!.quoted]).to.deep.equal([true, false]);
  });

  it("refuses a token that is no market, and a vault without a buffer", async () => {
    const { lens, vault, usdc, rateModel, authority, borrowers } = await loadFixture(quiet);
    await expect(lens.market(usdc)).to.be.revertedWithCustomError(vault, "MarketNotListed").withArgs(usdc);
    await expect(lens.positions(usdc, borrowers)).to.be.revertedWithCustomError(vault, "MarketNotListed");
    const factory = await ethers.getContractFactory("Lens");
    const other = await ethers.deployContract("Vault", [usdc, "", "", rateModel, authority]);
    const house = await ethers.deployContract("AuctionHouse", [other, authority]);
    await expect(factory.deploy(house)).to.be.revertedWithCustomError(factory, "NotLinked");
  });

  it("shows an empty vault", async () => {
    const { usdc, rateModel, authority } = await loadFixture(quiet);
    const vault = await ethers.deployContract("Vault", [usdc, "", "", rateModel, authority]);
    const house = await ethers.deployContract("AuctionHouse", [vault, authority]);
    const buffer = await ethers.deployContract("LiquidityBuffer", [house, "", "", 86_400, authority]);
    await vault.link(house, buffer);
    const lens = await ethers.deployContract("Lens", [house]);
    const [view, markets] = await lens.overview();
    expect(markets).to.have.length(0);
    expect([view.utilisationWad, view.lendRatePerSecondWad]).to.deep.equal([0n, 0n]);
    expect(view.borrowRatePerSecondWad).to.equal(await rateModel.borrowRatePerSecondWad(0));
  });
});
