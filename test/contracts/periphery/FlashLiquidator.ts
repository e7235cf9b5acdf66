import { loadFixture, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { MaxUint256, ZeroAddress } from "ethers";
import { ethers } from "hardhat";

import { deployVenue } from "../uniswap";
import { deployHouse } from "../fixture";
import { USDC, WETH, deployInventory, deployOpenLane } from "./fixture";

const selling = () => deployOpenLane("MockERC20");
const sellingNoReturn = () => deployOpenLane("MockERC20NoReturn");
const inventory = () => deployInventory("MockERC20");
const inventoryNoReturn = () => deployInventory("MockERC20NoReturn");

type Market = Awaited<ReturnType<typeof selling>>;

const ordersOf = ({ borrowers }: Market) =>
  borrowers.map((owner) => ({ owner: owner.address, maxCollateral: MaxUint256 }));

/** What the liquidator may never keep. */
async function expectEmpty({ liquidator, weth, usdc, vault, buffer }: Market): Promise<void> {
  expect(await weth.balanceOf(liquidator)).to.equal(0);
  expect(await usdc.balanceOf(liquidator)).to.equal(0);
  expect(await usdc.allowance(liquidator, vault)).to.equal(0);
  expect(await usdc.allowance(liquidator, buffer)).to.equal(0);
}

for (const [tokens, sellingOf, inventoryOf] of [
  ["tokens that return a value", selling, inventory],
  ["tokens that return none", sellingNoReturn, inventoryNoReturn],
] as const) {
  describe(`FlashLiquidator, ${tokens}`, () => {
    it("buys from the lane, sells all of it, pays exactly the cost and hands on the rest", async () => {
      const market = await loadFixture(sellingOf);
      const { liquidator, venue, weth, usdc, vault, keeper, receiver, borrowers } = market;
      const call = [venue.pool, weth, ordersOf(market), 1n, receiver] as const;
      const debts = await Promise.all(borrowers.map((owner) => vault.debtOf(weth, owner)));
      const before = { vault: await usdc.balanceOf(vault), weth: await weth.balanceOf(venue.pool) };
      const poolBefore = await usdc.balanceOf(venue.pool);

      const transaction = await liquidator.connect(keeper).liquidate(...call);

      const [event] = await liquidator.queryFilter(liquidator.filters.Liquidated, transaction.blockNumber ?? undefined);
      const { collateral, pool, keeper: by, bought, cost, profit } = event!.args;
      expect([collateral, pool, by]).to.deep.equal([weth.target, await venue.pool.getAddress(), keeper.address]);
      expect(bought).to.be.gt(3n * WETH);
      expect(await usdc.balanceOf(receiver)).to.equal(profit);
      expect(profit).to.be.gt(0);
      expect((await usdc.balanceOf(vault)) - before.vault).to.equal(cost);
      expect((await weth.balanceOf(venue.pool)) - before.weth).to.equal(bought);
      expect(poolBefore - (await usdc.balanceOf(venue.pool))).to.equal(cost + profit);
      expect(await usdc.balanceOf(keeper)).to.equal(0);
      for (const [i, owner] of borrowers.entries()) {
        expect(await vault.debtOf(weth, owner)).to.be.lt(debts[i]);
        expect((await vault.position(weth, owner)).collateral).to.be.lt(10n * WETH);
      }
      await expectEmpty(market);
    });

    it("buys inventory, sells all of it, pays exactly the cost and hands on the rest", async () => {
      const market = await loadFixture(inventoryOf);
      const { liquidator, venue, weth, usdc, buffer, keeper, receiver } = market;
      const before = { cash: await buffer.cash(), held: (await buffer.inventory(weth)).amount };
      const wethBefore = await weth.balanceOf(venue.pool);
      const call = [venue.pool, weth, WETH, 1n, receiver] as const;
      const returned = await liquidator.connect(keeper).liquidateInventory.staticCall(...call);
      expect(returned.bought).to.equal(WETH);
      expect(returned.profit).to.be.gt(0);

      await expect(liquidator.connect(keeper).liquidateInventory(...call))
        .to.emit(liquidator, "Liquidated")
        .to.emit(buffer, "InventorySold");

      const cost = (await buffer.cash()) - before.cash;
      expect(cost).to.be.lte(returned.cost); // a second later it is a little cheaper
      expect(before.held - (await buffer.inventory(weth)).amount).to.equal(WETH);
      expect((await weth.balanceOf(venue.pool)) - wethBefore).to.equal(WETH);
      expect(await usdc.balanceOf(receiver)).to.equal(returned.profit + returned.cost - cost);
      await expectEmpty(market);
    });
  });
}

describe("FlashLiquidator", () => {
  it("knows the contracts that it serves", async () => {
    const { liquidator, house, vault, buffer, usdc } = await loadFixture(selling);
    expect(await liquidator.auctionHouse()).to.equal(house);
    expect(await liquidator.vault()).to.equal(vault);
    expect(await liquidator.buffer()).to.equal(buffer);
    expect(await liquidator.loanAsset()).to.equal(usdc);
  });

  it("returns what it did and passes over orders that can't be filled", async () => {
    const market = await loadFixture(selling);
    const { liquidator, venue, weth, keeper, receiver, lender, borrowers } = market;
    const orders = [
      { owner: lender.address, maxCollateral: MaxUint256 }, // has no position
      { owner: borrowers[1]!.address, maxCollateral: WETH },
    ];
    const { bought, cost, profit } = await liquidator
      .connect(keeper)
      .liquidate.staticCall(venue.pool, weth, orders, 0, receiver);
    expect(bought).to.equal(WETH);
    expect(cost).to.be.within(2350n * USDC, 2350n * USDC + (2350n * USDC * 4n) / 100n + 1n);
    expect(profit).to.be.within(500n * USDC, 650n * USDC); // the pool is still at 3,000
  });

  it("can be called more than once in a transaction", async () => {
    const { liquidator, venue, weth, vault, receiver, borrowers } = await loadFixture(selling);
    const [target, pool, token] = await Promise.all([
      liquidator.getAddress(),
      venue.pool.getAddress(),
      weth.getAddress(),
    ]);
    const calls = borrowers.map(({ address: owner }) => {
      const orders = [{ owner, maxCollateral: WETH }];
      const data = liquidator.interface.encodeFunctionData("liquidate", [pool, token, orders, 0n, receiver.address]);
      return { target, data };
    });
    const caller = await ethers.deployContract("MockHostilePool");
    await caller.setCalls(calls);
    await caller.swap(ZeroAddress, true, 0, 0, "0x");
    for (const owner of borrowers) expect((await vault.position(weth, owner)).collateral).to.be.lte(9n * WETH);
  });

  it("asks for the least profit, to the unit", async () => {
    const market = await loadFixture(selling);
    const { liquidator, venue, weth, keeper, receiver } = market;
    const orders = ordersOf(market);
    const call = async (minProfit: bigint): Promise<bigint> => {
      const as = liquidator.connect(keeper).liquidate;
      return (await as.staticCall(venue.pool, weth, orders, minProfit, receiver)).profit;
    };
    const profit = await call(0n);
    expect(await call(profit)).to.equal(profit);
    await expect(call(profit + 1n)).to.be.revertedWithCustomError(liquidator, "Unprofitable");
  });

  it("loses nothing but gas where the venue pays less than the cost", async () => {
    const market = await loadFixture(selling);
    const { liquidator, venue, weth, vault, trader, keeper, receiver, borrowers } = market;
    await venue.sell(weth, 3000n * WETH); // the pool falls far under the oracle
    expect(await weth.balanceOf(trader)).to.be.gt(0);
    const debt = await vault.debtOf(weth, borrowers[0]!);
    await expect(
      liquidator.connect(keeper).liquidate(venue.pool, weth, ordersOf(market), 0, receiver),
    ).to.be.revertedWithCustomError(liquidator, "Unprofitable");
    expect(await vault.debtOf(weth, borrowers[0]!)).to.be.gte(debt);
    await expectEmpty(market);
  });

  it("refuses a pool that can't take all of it", async () => {
    const market = await loadFixture(selling);
    const { liquidator, weth, usdc, trader, keeper, receiver } = market;
    const shallow = await deployVenue(trader, weth, usdc, WETH, 3000n * USDC);
    const { tick } = await shallow.pool.slot0();
    const near = Math.floor(Number(tick) / 10) * 10;
    await shallow.addLiquidity(near - 100, near + 100, 10n ** 16n); // 1 % on either side, not 1 WETH deep
    await expect(
      liquidator.connect(keeper).liquidate(shallow.pool, weth, ordersOf(market), 0, receiver),
    ).to.be.revertedWithCustomError(liquidator, "PoolTooShallow");
  });

  it("passes on why nothing can be bought", async () => {
    const market = await loadFixture(selling);
    const { liquidator, venue, weth, house, buffer, keeper, receiver, lender } = market;
    const orders = [{ owner: lender.address, maxCollateral: MaxUint256 }];
    await expect(
      liquidator.connect(keeper).liquidate(venue.pool, weth, orders, 0, receiver),
    ).to.be.revertedWithCustomError(house, "NothingBought");
    await expect(
      liquidator.connect(keeper).liquidateInventory(venue.pool, weth, MaxUint256, 0, receiver),
    ).to.be.revertedWithCustomError(buffer, "NotForSale");
  });

  it("refuses zero addresses and a vault without a buffer", async () => {
    const market = await loadFixture(selling);
    const { liquidator, venue, weth, usdc, rateModel, authority, receiver } = market;
    for (const [pool, to] of [
      [ZeroAddress, receiver],
      [venue.pool, ZeroAddress],
    ] as const) {
      await expect(liquidator.liquidate(pool, weth, ordersOf(market), 0, to)).to.be.revertedWithCustomError(
        liquidator,
        "ZeroAddress",
      );
      await expect(liquidator.liquidateInventory(pool, weth, 1, 0, to)).to.be.revertedWithCustomError(
        liquidator,
        "ZeroAddress",
      );
    }
    const factory = await ethers.getContractFactory("FlashLiquidator");
    await expect(factory.deploy(ZeroAddress)).to.be.revertedWithCustomError(factory, "ZeroAddress");
    const vault = await ethers.deployContract("Vault", [usdc, "", "", rateModel, authority]);
    const house = await deployHouse(vault, authority);
    await expect(factory.deploy(house)).to.be.revertedWithCustomError(factory, "NotLinked");
  });

  it("takes callbacks from nobody while no liquidation is under way", async () => {
    const { liquidator, venue, vault, weth, usdc, keeper, receiver, ...market } = await loadFixture(selling);
    await usdc.mint(liquidator, USDC);
    const data = ethers.AbiCoder.defaultAbiCoder().encode(["address", "uint256"], [keeper.address, 0]);
    const attempts = async (): Promise<void> => {
      for (const caller of [vault, venue.pool, keeper]) {
        const signer = await ethers.getImpersonatedSigner(await caller.getAddress());
        await ethers.provider.send("hardhat_setBalance", [signer.address, "0xde0b6b3a7640000"]);
        await expect(liquidator.connect(signer).onBuy(weth, 1, USDC, data))
          .to.be.revertedWithCustomError(liquidator, "UnexpectedCallback")
          .withArgs(signer);
        await expect(liquidator.connect(signer).uniswapV3SwapCallback(1, 1, "0x"))
          .to.be.revertedWithCustomError(liquidator, "UnexpectedCallback")
          .withArgs(signer);
      }
    };
    await attempts();
    const orders = market.borrowers.map((owner) => ({ owner: owner.address, maxCollateral: WETH }));
    await liquidator.connect(keeper).liquidate(venue.pool, weth, orders, 0, receiver);
    await attempts(); // nor after one
  });

  describe("with a pool that cheats", () => {
    async function hostile() {
      const market = await selling();
      const pool = await ethers.deployContract("MockHostilePool");
      const orders = ordersOf(market);
      const attack = (calls: [string, string][]) =>
        pool
          .setCalls(calls.map(([target, data]) => ({ target, data })))
          .then(() =>
            market.liquidator.connect(market.keeper).liquidate(pool, market.weth, orders, 0, market.receiver),
          );
      const target = await market.liquidator.getAddress();
      return { ...market, pool, attack, target };
    }

    it("fails where it takes the collateral and pays nothing", async () => {
      const { attack, target, liquidator, house, weth, borrowers } = await loadFixture(hostile);
      const { collateral } = await house.quote(weth, borrowers[0]!, WETH);
      const paid = liquidator.interface.encodeFunctionData("uniswapV3SwapCallback", [collateral, collateral, "0x"]);
      await expect(attack([[target, paid]])).to.be.revertedWithCustomError(liquidator, "Unprofitable");
    });

    it("fails where it asks for more than was bought, or for less than nothing", async () => {
      const { attack, target, liquidator, weth } = await loadFixture(hostile);
      for (const amount of [1000n * WETH, -1n]) {
        const asked = liquidator.interface.encodeFunctionData("uniswapV3SwapCallback", [amount, amount, "0x"]);
        await expect(attack([[target, asked]])).to.be.revertedWithCustomError(weth, "ERC20InsufficientBalance");
      }
    });

    it("fails where it calls back as if it were the vault", async () => {
      const { attack, target, liquidator, pool, weth } = await loadFixture(hostile);
      const bought = liquidator.interface.encodeFunctionData("onBuy", [await weth.getAddress(), 1, 1, "0x"]);
      await expect(attack([[target, bought]]))
        .to.be.revertedWithCustomError(liquidator, "UnexpectedCallback")
        .withArgs(pool);
    });

    it("fails where it starts another liquidation", async () => {
      const { attack, target, liquidator, venue, weth, keeper } = await loadFixture(hostile);
      const [pool, token] = [await venue.pool.getAddress(), await weth.getAddress()];
      for (const again of [
        liquidator.interface.encodeFunctionData("liquidate", [pool, token, [], 0, keeper.address]),
        liquidator.interface.encodeFunctionData("liquidateInventory", [pool, token, 1, 0, keeper.address]),
      ]) {
        await expect(attack([[target, again]])).to.be.revertedWithCustomError(liquidator, "Reentered");
      }
    });

    it("gets what was sent here by mistake and nothing else, if it pays for what it keeps", async () => {
      const { attack, liquidator, usdc, weth, vault, house, keeper, receiver, borrowers } = await loadFixture(hostile);
      await usdc.mint(liquidator, 100_000n * USDC);
      const [vaultBefore, debt] = [await usdc.balanceOf(vault), await vault.debtOf(weth, borrowers[0]!)];
      await attack([]);
      const filter = house.filters.Bought;
      const cost = (await house.queryFilter(filter, await time.latestBlock())).reduce(
        (sum, e) => sum + e.args.cost,
        0n,
      );
      expect(cost).to.be.gt(0);
      expect((await usdc.balanceOf(vault)) - vaultBefore).to.equal(cost);
      expect(await usdc.balanceOf(receiver)).to.equal(100_000n * USDC - cost);
      expect(await usdc.balanceOf(keeper)).to.equal(0);
      expect(await vault.debtOf(weth, borrowers[0]!)).to.be.lt(debt);
    });
  });
});
