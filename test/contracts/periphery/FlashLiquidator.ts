import { loadFixture, setBalance, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { MaxUint256, ZeroAddress } from "ethers";
import { ethers } from "hardhat";

import { deployHouse, MARKET } from "../fixture";
import { byCall, onPair, onPath, onPool } from "../route";
import { deployPair, deployToken, deployVenue, MAX_TICK, MIN_TICK } from "../uniswap";
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
      const route = [onPool(venue.pool)];
      const call = [route, weth, ordersOf(market), 1n, receiver] as const;
      const debts = await Promise.all(borrowers.map((owner) => vault.debtOf(weth, owner)));
      const before = { vault: await usdc.balanceOf(vault), weth: await weth.balanceOf(venue.pool) };
      const poolBefore = await usdc.balanceOf(venue.pool);

      const transaction = await liquidator.connect(keeper).liquidate(...call);

      const [event] = await liquidator.queryFilter(liquidator.filters.Liquidated, transaction.blockNumber ?? undefined);
      const { collateral, keeper: by, bought, cost, profit } = event!.args;
      expect([collateral, by]).to.deep.equal([weth.target, keeper.address]);
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
      const route = [onPool(venue.pool)];
      const call = [route, weth, WETH, 1n, receiver] as const;
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
      .liquidate.staticCall([onPool(venue.pool)], weth, orders, 0, receiver);
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
      const data = liquidator.interface.encodeFunctionData("liquidate", [
        [onPool(pool)],
        token,
        orders,
        0n,
        receiver.address,
      ]);
      return { target, data };
    });
    const caller = await ethers.deployContract("MockHostilePool");
    await caller.setCalls(calls);
    await caller.trade();
    for (const owner of borrowers) expect((await vault.position(weth, owner)).collateral).to.be.lte(9n * WETH);
  });

  it("asks for the least profit, to the unit", async () => {
    const market = await loadFixture(selling);
    const { liquidator, venue, weth, keeper, receiver } = market;
    const orders = ordersOf(market);
    const call = async (minProfit: bigint): Promise<bigint> => {
      const as = liquidator.connect(keeper).liquidate;
      return (await as.staticCall([onPool(venue.pool)], weth, orders, minProfit, receiver)).profit;
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
      liquidator.connect(keeper).liquidate([onPool(venue.pool)], weth, ordersOf(market), 0, receiver),
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
      liquidator.connect(keeper).liquidate([onPool(shallow.pool)], weth, ordersOf(market), 0, receiver),
    ).to.be.revertedWithCustomError(liquidator, "VenueTooShallow");
  });

  it("passes on why nothing can be bought", async () => {
    const market = await loadFixture(selling);
    const { liquidator, venue, weth, house, buffer, keeper, receiver, lender } = market;
    const orders = [{ owner: lender.address, maxCollateral: MaxUint256 }];
    await expect(
      liquidator.connect(keeper).liquidate([onPool(venue.pool)], weth, orders, 0, receiver),
    ).to.be.revertedWithCustomError(house, "NothingBought");
    await expect(
      liquidator.connect(keeper).liquidateInventory([onPool(venue.pool)], weth, MaxUint256, 0, receiver),
    ).to.be.revertedWithCustomError(buffer, "NotForSale");
  });

  it("refuses zero addresses and a vault without a buffer", async () => {
    const market = await loadFixture(selling);
    const { liquidator, venue, weth, usdc, rateModel, authority, receiver } = market;
    for (const [pool, to] of [
      [ZeroAddress, receiver],
      [venue.pool, ZeroAddress],
    ] as const) {
      await expect(liquidator.liquidate([onPool(pool)], weth, ordersOf(market), 0, to)).to.be.revertedWithCustomError(
        liquidator,
        "ZeroAddress",
      );
      await expect(liquidator.liquidateInventory([onPool(pool)], weth, 1, 0, to)).to.be.revertedWithCustomError(
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
    await liquidator.connect(keeper).liquidate([onPool(venue.pool)], weth, orders, 0, receiver);
    await attempts(); // nor after one
  });

  describe("along a route", () => {
    /** The open lane, a second pool of another fee, a pair, and two pools that lead through DAI. */
    async function venues() {
      const market = await selling();
      const { trader, weth, usdc } = market;
      const other = await deployVenue(trader, weth, usdc, WETH, 2990n * USDC, 200, 3000);
      await other.addLiquidity(-887_220, 887_220, 10n ** 17n);
      const pair = await deployPair(trader, weth, usdc, 1000n * WETH, 2_980_000n * USDC);
      const dai = await deployToken("DAI", 18);
      const first = await deployVenue(trader, weth, dai, WETH, 2995n * WETH);
      await first.addLiquidity(MIN_TICK, MAX_TICK, 10n ** 23n);
      const second = await deployVenue(trader, dai, usdc, WETH, USDC);
      await second.addLiquidity(MIN_TICK, MAX_TICK, 10n ** 19n);
      const orders = market.borrowers.map((owner) => ({ owner: owner.address, maxCollateral: WETH }));
      const path = await onPath(first.pool, dai, second.pool);
      const { liquidator, keeper, receiver } = market;
      const sell = (route: Parameters<typeof liquidator.liquidate>[0], minProfit = 0n) =>
        liquidator.connect(keeper).liquidate(route, weth, orders, minProfit, receiver);
      return { ...market, other, pair, dai, first, second, path, orders, sell };
    }

    it("sells a share on each venue, rounded down, and the rest on the last", async () => {
      const market = await loadFixture(venues);
      const { venue, other, pair, first, path, weth, usdc, receiver, vault, dai, liquidator, sell } = market;
      const third = (10n ** 18n - 1n) / 3n;
      const places = [venue.pool, other.pool, pair, first.pool];
      const held = () => Promise.all(places.map((place) => weth.balanceOf(place)));
      const [before, vaultBefore] = [await held(), await usdc.balanceOf(vault)];
      const route = [
        onPool(venue.pool, third),
        onPool(other.pool, 1n),
        onPair(pair, third / 2n),
        { ...path, shareWad: 10n ** 18n - 1n }, // the last one's says nothing
      ];
      const expected = await market.house.quote(weth, market.borrowers[0]!, WETH);
      expect(expected.collateral).to.equal(WETH);

      await sell(route);

      const got = (await held()).map((now, i) => now - before[i]!);
      const all = 3n * WETH;
      const shares = [(all * third) / WETH, 3n, (all * (third / 2n)) / WETH];
      expect(got).to.deep.equal([...shares, all - shares.reduce((sum, share) => sum + share)]);
      expect((await usdc.balanceOf(vault)) - vaultBefore).to.be.gt(7000n * USDC);
      expect(await usdc.balanceOf(receiver)).to.be.gt(1500n * USDC); // 3,000 outside, 2,350 and a premium inside
      expect(await dai.balanceOf(liquidator)).to.equal(0);
      await expectEmpty(market);
    });

    for (const kind of ["pair", "path", "other"] as const) {
      it(`sells all on one venue: ${kind}`, async () => {
        const market = await loadFixture(venues);
        const { pair, path, other, usdc, receiver, weth, first, sell } = market;
        const place = { pair, path: first.pool, other: other.pool }[kind];
        const before = await weth.balanceOf(place);
        await sell([{ pair: onPair(pair), path, other: onPool(other.pool) }[kind]]);
        expect((await weth.balanceOf(place)) - before).to.equal(3n * WETH);
        expect(await usdc.balanceOf(receiver)).to.be.within(1500n * USDC, 1950n * USDC);
        await expectEmpty(market);
      });
    }

    it("sells inventory on several venues too", async () => {
      const { liquidator, venue, weth, usdc, keeper, receiver, trader } = await loadFixture(inventory);
      const pair = await deployPair(trader, weth, usdc, 1000n * WETH, 3_000_000n * USDC);
      const route = [onPair(pair, WETH / 4n), onPool(venue.pool)];
      await liquidator.connect(keeper).liquidateInventory(route, weth, WETH, 1n, receiver);
      expect(await weth.balanceOf(pair)).to.equal(1000n * WETH + WETH / 4n);
      expect(await usdc.balanceOf(receiver)).to.be.gt(0);
    });

    it("gets from the pair to the unit what its own formula allows", async () => {
      const { pair, weth, usdc, sell } = await loadFixture(venues);
      const [reserveIn, reserveOut] = [1000n * WETH, 2_980_000n * USDC];
      await sell([onPair(pair)]);
      const net = 3n * WETH * 997n;
      const out = (net * reserveOut) / (reserveIn * 1000n + net);
      expect(await weth.balanceOf(pair)).to.equal(reserveIn + 3n * WETH);
      expect(reserveOut - (await usdc.balanceOf(pair))).to.equal(out);
    });

    it("refuses a route of none, of five, of zero addresses, and shares over 1", async () => {
      const { venue, liquidator, sell } = await loadFixture(venues);
      const leg = (shareWad: bigint) => onPool(venue.pool, shareWad);
      await expect(sell([])).to.be.revertedWithCustomError(liquidator, "EmptyRoute");
      await expect(sell(Array.from({ length: 5 }, () => leg(1n))))
        .to.be.revertedWithCustomError(liquidator, "TooManyLegs")
        .withArgs(5);
      await expect(sell([leg(1n), onPool(ZeroAddress)])).to.be.revertedWithCustomError(liquidator, "ZeroAddress");
      await expect(sell([leg(WETH), leg(1n), leg(0n)]))
        .to.be.revertedWithCustomError(liquidator, "SharesTooHigh")
        .withArgs(WETH + 1n);
      await sell([leg(WETH), leg(WETH)]); // the last one sells the rest, which is nothing
    });

    it("asks each leg for its own least proceeds, to the unit", async () => {
      const { pair, venue, liquidator, usdc, receiver, sell } = await loadFixture(venues);
      const net = ((3n * WETH) / 2n) * 997n;
      const out = (net * 2_980_000n * USDC) / (1000n * WETH * 1000n + net);
      const route = (minOut: bigint) => [{ ...onPair(pair, WETH / 2n), minOut }, onPool(venue.pool)];
      await expect(sell(route(out + 1n)))
        .to.be.revertedWithCustomError(liquidator, "VenueGaveLess")
        .withArgs(pair, out, out + 1n);
      await sell(route(out));
      expect(await usdc.balanceOf(receiver)).to.be.gt(0);
    });

    it("refuses a path whose second pool is too shallow, and one through collateral or loan asset", async () => {
      const { trader, dai, usdc, first, weth, liquidator, sell } = await loadFixture(venues);
      const shallow = await deployVenue(trader, dai, usdc, WETH, USDC);
      const { tick } = await shallow.pool.slot0();
      const near = Math.floor(Number(tick) / 10) * 10;
      await shallow.addLiquidity(near - 100, near + 100, 10n ** 14n);
      await expect(sell([await onPath(first.pool, dai, shallow.pool)])).to.be.revertedWithCustomError(
        liquidator,
        "VenueTooShallow",
      );
      for (const middle of [weth, usdc]) {
        await expect(sell([await onPath(first.pool, middle, shallow.pool)]))
          .to.be.revertedWithCustomError(liquidator, "TargetNotAllowed")
          .withArgs(middle);
      }
    });
  });

  describe("by a call", () => {
    /** A stranger's venue that trades as its calls say; one order of one WETH. */
    async function desk() {
      const market = await selling();
      const { liquidator, weth, usdc, keeper, receiver, borrowers, venue } = market;
      const target = await ethers.deployContract("MockHostilePool");
      await usdc.mint(target, 10_000n * USDC);
      const orders = [{ owner: borrowers[0]!.address, maxCollateral: WETH }];
      const [from, to] = await Promise.all([liquidator.getAddress(), target.getAddress()]);
      const takes = async (amount: bigint): Promise<[string, string]> => [
        await weth.getAddress(),
        weth.interface.encodeFunctionData("transferFrom", [from, to, amount]),
      ];
      const gives = async (amount: bigint): Promise<[string, string]> => [
        await usdc.getAddress(),
        usdc.interface.encodeFunctionData("transfer", [from, amount]),
      ];
      const trade = target.interface.encodeFunctionData("trade");
      const sell = async (calls: [string, string][], minOut = 1n, shareWad = 0n) => {
        await target.setCalls(calls.map(([at, data]) => ({ target: at, data })));
        const leg = byCall(target, trade, minOut, shareWad);
        const route = shareWad === 0n ? [leg] : [leg, onPool(venue.pool)];
        return liquidator.connect(keeper).liquidate(route, weth, orders, 0, receiver);
      };
      return { ...market, target, orders, takes, gives, sell };
    }

    it("sells to whoever takes the leg's amount and gives at least what was asked for", async () => {
      const market = await loadFixture(desk);
      const { weth, usdc, target, receiver, venue, liquidator, takes, gives, sell } = market;
      const before = await weth.balanceOf(venue.pool);
      await sell([await takes(WETH / 2n), await gives(1600n * USDC)], 1600n * USDC, WETH / 2n);
      expect(await weth.balanceOf(target)).to.equal(WETH / 2n);
      expect((await weth.balanceOf(venue.pool)) - before).to.equal(WETH / 2n);
      expect(await usdc.balanceOf(receiver)).to.be.gt(600n * USDC);
      expect(await weth.allowance(liquidator, target)).to.equal(0);
      await expectEmpty(market);
    });

    it("refuses one that gives less", async () => {
      const { liquidator, takes, gives, sell } = await loadFixture(desk);
      await expect(sell([await takes(WETH), await gives(2999n * USDC)], 3000n * USDC)).to.be.revertedWithCustomError(
        liquidator,
        "VenueGaveLess",
      );
      await expect(sell([await takes(WETH)])).to.be.revertedWithCustomError(liquidator, "VenueGaveLess");
      await expect(sell([await takes(WETH)], 0n)).to.be.revertedWithCustomError(liquidator, "Unprofitable");
    });

    it("leaves what one doesn't take to the last leg, or to the receiver, and nothing here", async () => {
      const market = await loadFixture(desk);
      const { weth, venue, target, receiver, takes, gives, sell } = market;
      const before = await weth.balanceOf(venue.pool);
      await sell([await takes(WETH / 2n - 7n), await gives(1500n * USDC)], 1n, WETH / 2n);
      expect(await weth.balanceOf(target)).to.equal(WETH / 2n - 7n);
      expect((await weth.balanceOf(venue.pool)) - before).to.equal(WETH / 2n + 7n);
      expect(await weth.balanceOf(receiver)).to.equal(0);
      await expectEmpty(market);

      await sell([await takes(WETH - 9n), await gives(3000n * USDC)]);
      expect(await weth.balanceOf(receiver)).to.equal(9n);
      await expectEmpty(market);
    });

    it("refuses one that takes nothing", async () => {
      const { liquidator, target, weth, gives, sell } = await loadFixture(desk);
      await expect(sell([await gives(3000n * USDC)]))
        .to.be.revertedWithCustomError(liquidator, "VenueTooShallow")
        .withArgs(target, WETH, 0);
      await weth.mint(target, WETH); // one that gives collateral back, neither
      const back = weth.interface.encodeFunctionData("transfer", [await liquidator.getAddress(), WETH]);
      await expect(sell([[await weth.getAddress(), back], await gives(3000n * USDC)])).to.be.revertedWithCustomError(
        liquidator,
        "VenueTooShallow",
      );
    });

    it("lets none take more, by its allowance or with another's", async () => {
      const { liquidator, target, weth, takes, sell } = await loadFixture(desk);
      await expect(sell([await takes(WETH / 2n + 1n)], 1n, WETH / 2n)).to.be.revertedWithCustomError(
        weth,
        "ERC20InsufficientAllowance",
      );
      // no call can leave an approval behind, so the test makes one
      const accomplice = await ethers.deployContract("MockHostilePool");
      const at = await liquidator.getAddress();
      await setBalance(at, WETH);
      await weth.connect(await ethers.getImpersonatedSigner(at)).approve(accomplice, 1);
      const data = weth.interface.encodeFunctionData("transferFrom", [at, await accomplice.getAddress(), 1]);
      await accomplice.setCalls([{ target: weth, data }]);
      const help = accomplice.interface.encodeFunctionData("trade");
      await expect(sell([await takes(WETH / 2n), [await accomplice.getAddress(), help]], 1n, WETH / 2n))
        .to.be.revertedWithCustomError(liquidator, "VenueTookMore")
        .withArgs(target, WETH / 2n);
    });

    it("takes no allowance over into another transaction", async () => {
      const { liquidator, target, weth, takes, gives, sell } = await loadFixture(desk);
      await sell([await takes(WETH), await gives(3000n * USDC)]);
      await weth.mint(liquidator, WETH);
      const [at, data] = await takes(1n);
      await target.setCalls([{ target: at, data }]);
      await expect(target.trade()).to.be.revertedWithCustomError(weth, "ERC20InsufficientAllowance");
    });

    it("calls neither protocol nor tokens nor itself, nor an account without code", async () => {
      const market = await loadFixture(desk);
      const { liquidator, vault, house, buffer, weth, usdc, keeper, receiver, orders, venue, trader } = market;
      const approve = usdc.interface.encodeFunctionData("approve", [keeper.address, MaxUint256]);
      for (const target of [vault, house, buffer, liquidator, weth, usdc]) {
        for (const route of [[byCall(target, approve)], [byCall(target, approve, 0n, WETH / 2n), onPool(venue.pool)]]) {
          await expect(liquidator.connect(keeper).liquidate(route, weth, orders, 0, receiver))
            .to.be.revertedWithCustomError(liquidator, "TargetNotAllowed")
            .withArgs(target);
        }
      }
      await expect(
        liquidator.connect(keeper).liquidate([byCall(trader.address, approve)], weth, orders, 0, receiver),
      ).to.be.revertedWithCustomError(liquidator, "AddressEmptyCode");
    });

    it("doesn't call another market's collateral either, whose approval would outlast the call", async () => {
      const market = await loadFixture(desk);
      const { liquidator, vault, oracle, weth, keeper, receiver, orders } = market;
      const other = await deployToken("WBTC", 8);
      const approve = other.interface.encodeFunctionData("approve", [keeper.address, MaxUint256]);
      const attempt = () => liquidator.connect(keeper).liquidate([byCall(other, approve)], weth, orders, 0, receiver);
      await expect(attempt()).to.be.revertedWithCustomError(liquidator, "VenueTooShallow");
      await vault.setMarket(other, { ...MARKET, oracle, borrowOracle: oracle });
      await expect(attempt()).to.be.revertedWithCustomError(liquidator, "TargetNotAllowed").withArgs(other);
    });

    it("starts no other liquidation and takes no callback while the call lasts", async () => {
      const { liquidator, weth, keeper, venue, target, sell } = await loadFixture(desk);
      const at = await liquidator.getAddress();
      const [pool, token] = [await venue.pool.getAddress(), await weth.getAddress()];
      const { interface: abi } = liquidator;
      for (const [data, error] of [
        [abi.encodeFunctionData("liquidateInventory", [[onPool(pool)], token, 1, 0, keeper.address]), "Reentered"],
        [abi.encodeFunctionData("uniswapV3SwapCallback", [1, 1, "0x"]), "UnexpectedCallback"],
        [abi.encodeFunctionData("onBuy", [token, 1, 1, "0x"]), "UnexpectedCallback"],
      ] as const) {
        await expect(sell([[at, data]])).to.be.revertedWithCustomError(liquidator, error);
      }
      expect(await weth.balanceOf(target)).to.equal(0);
    });
  });

  describe("with a pool that cheats", () => {
    async function hostile() {
      const market = await selling();
      const pool = await ethers.deployContract("MockHostilePool");
      const orders = [{ owner: market.borrowers[0]!.address, maxCollateral: WETH }];
      const attack = (calls: [string, string][], leg = onPool(pool)) =>
        pool
          .setCalls(calls.map(([target, data]) => ({ target, data })))
          .then(() =>
            market.liquidator.connect(market.keeper).liquidate([leg], market.weth, orders, 0, market.receiver),
          );
      const target = await market.liquidator.getAddress();
      return { ...market, pool, attack, target };
    }

    it("fails where it takes the collateral and pays nothing", async () => {
      const { attack, target, liquidator } = await loadFixture(hostile);
      const paid = liquidator.interface.encodeFunctionData("uniswapV3SwapCallback", [WETH, WETH, "0x"]);
      await expect(attack([[target, paid]])).to.be.revertedWithCustomError(liquidator, "Unprofitable");
    });

    it("fails where it takes a part and says that it took all", async () => {
      const { attack, target, pool, liquidator } = await loadFixture(hostile);
      const paid = liquidator.interface.encodeFunctionData("uniswapV3SwapCallback", [WETH - 1n, -1n, "0x"]);
      await expect(attack([[target, paid]]))
        .to.be.revertedWithCustomError(liquidator, "VenueTooShallow")
        .withArgs(pool, WETH, WETH - 1n);
    });

    it("fails where it is a pair that takes the collateral and pays nothing, or calls back", async () => {
      const { attack, target, pool, liquidator } = await loadFixture(hostile);
      await expect(attack([], onPair(pool))).to.be.revertedWithCustomError(liquidator, "Unprofitable");
      const again = liquidator.interface.encodeFunctionData("uniswapV3SwapCallback", [1, 1, "0x"]);
      await expect(attack([[target, again]], onPair(pool))).to.be.revertedWithCustomError(
        liquidator,
        "UnexpectedCallback",
      );
    });

    it("gets no more than its leg's share, in one callback or several", async () => {
      const { pool, target, liquidator, venue, weth, keeper, receiver, ...m } = await loadFixture(hostile);
      const orders = [{ owner: m.borrowers[0]!.address, maxCollateral: WETH }];
      const ask = (amount: bigint) => ({
        target,
        data: liquidator.interface.encodeFunctionData("uniswapV3SwapCallback", [amount, -1n, "0x"]),
      });
      const route = [onPool(pool, WETH / 2n), onPool(venue.pool)];
      for (const asked of [[WETH / 2n + 1n], [WETH / 2n, 1n]]) {
        await pool.setCalls(asked.map(ask));
        await expect(
          liquidator.connect(keeper).liquidate(route, weth, orders, 0, receiver),
        ).to.be.revertedWithCustomError(liquidator, "VenueTookMore");
      }
    });

    it("is paid the middle token as a second hop, and no collateral of another leg", async () => {
      const { pool, target, liquidator, venue, weth, usdc, trader, keeper, receiver, ...m } =
        await loadFixture(hostile);
      const dai = await deployToken("DAI", 18);
      const first = await deployVenue(trader, weth, dai, WETH, 3000n * WETH);
      await first.addLiquidity(MIN_TICK, MAX_TICK, 10n ** 23n);
      const orders = [{ owner: m.borrowers[0]!.address, maxCollateral: WETH }];
      const half = 1496n * WETH; // about what the first hop pays for half a WETH
      const data = liquidator.interface.encodeFunctionData("uniswapV3SwapCallback", [half, half, "0x"]);
      await pool.setCalls([{ target, data }]);
      const route = [await onPath(first.pool, dai, pool, WETH / 2n), onPool(venue.pool)];
      const before = await weth.balanceOf(pool);
      await expect(
        liquidator.connect(keeper).liquidate(route, weth, orders, 0, receiver),
      ).to.be.revertedWithCustomError(liquidator, "VenueTooShallow");
      expect(await weth.balanceOf(pool)).to.equal(before);
      expect(await usdc.balanceOf(pool)).to.equal(0);
    });

    it("fails where it asks for more than was bought, or for less than nothing", async () => {
      const { attack, target, liquidator } = await loadFixture(hostile);
      for (const amount of [1000n * WETH, -1n]) {
        const asked = liquidator.interface.encodeFunctionData("uniswapV3SwapCallback", [amount, amount, "0x"]);
        await expect(attack([[target, asked]])).to.be.revertedWithCustomError(liquidator, "VenueTookMore");
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
        liquidator.interface.encodeFunctionData("liquidate", [[onPool(pool)], token, [], 0, keeper.address]),
        liquidator.interface.encodeFunctionData("liquidateInventory", [[onPool(pool)], token, 1, 0, keeper.address]),
      ]) {
        await expect(attack([[target, again]])).to.be.revertedWithCustomError(liquidator, "Reentered");
      }
    });

    it("gets what was sent here by mistake and nothing else, if it pays for what it keeps", async () => {
      const { attack, target, liquidator, usdc, weth, vault, house, keeper, receiver, borrowers } =
        await loadFixture(hostile);
      await usdc.mint(liquidator, 100_000n * USDC);
      const [vaultBefore, debt] = [await usdc.balanceOf(vault), await vault.debtOf(weth, borrowers[0]!)];
      await attack([[target, liquidator.interface.encodeFunctionData("uniswapV3SwapCallback", [WETH, WETH, "0x"])]]);
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
