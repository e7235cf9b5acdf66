import { expect } from "chai";
import { ethers } from "hardhat";

import {
  ETH_PRICE,
  MARKET,
  core,
  coreWithoutInterest,
  priceE36,
  setLaneCeiling,
  signerOf,
  time,
  usdc,
  weth,
} from "../fixture";

describe("Vault: governance", () => {
  it("is built with a model and an authority", async () => {
    const { vault, loan, rates, manager } = await coreWithoutInterest();
    expect(await vault.interestRateModel()).to.equal(await rates.getAddress());
    expect(await vault.authority()).to.equal(await manager.getAddress());
    const factory = await ethers.getContractFactory("Vault");
    for (const [model, authority] of [
      [ethers.ZeroAddress, manager],
      [rates, ethers.ZeroAddress],
    ] as const) {
      await expect(ethers.deployContract("Vault", [loan, "V", "V", model, authority])).to.be.revertedWithCustomError(
        factory,
        "ZeroAddress",
      );
    }
  });

  it("refuses every privileged call to everyone without its role (G1)", async () => {
    const { vault, collateral, oracle, borrowOracle, other, guardian, lender } = await coreWithoutInterest();
    for (const user of [other, guardian, lender]) {
      const caller = vault.connect(user);
      for (const send of [
        () => caller.link(other, other),
        () => caller.setMarket(collateral, { ...MARKET, oracle, borrowOracle }),
        () => caller.setInterestShares(0, 0),
        () => caller.setBorrowPaused(true),
        () => caller.withdrawReserves(0n, user),
      ]) {
        await expect(send()).to.be.revertedWithCustomError(vault, "AccessManagedUnauthorized").withArgs(user.address);
      }
    }
  });

  describe("link", () => {
    it("sets auction house and buffer, once", async () => {
      const { vault, loan, rates, manager, house, buffer, other } = await coreWithoutInterest();
      expect(await vault.auctionHouse()).to.equal(await house.getAddress());
      expect(await vault.buffer()).to.equal(await buffer.getAddress());
      await expect(vault.link(other, other)).to.be.revertedWithCustomError(vault, "AlreadyLinked");
      const fresh = await ethers.deployContract("Vault", [loan, "V", "V", rates, manager]);
      await expect(fresh.link(ethers.ZeroAddress, other)).to.be.revertedWithCustomError(fresh, "ZeroAddress");
      await expect(fresh.link(other, ethers.ZeroAddress)).to.be.revertedWithCustomError(fresh, "ZeroAddress");
      await expect(fresh.link(house, other))
        .to.emit(fresh, "Linked")
        .withArgs(await house.getAddress(), other.address);
    });
  });

  describe("setMarket", () => {
    it("lists a collateral with what it is told", async () => {
      const { vault, collateral, oracle, borrowOracle } = await coreWithoutInterest();
      const second = await ethers.deployContract("MockERC20", ["Wrapped Bitcoin", "WBTC", 8]);
      const [a, b] = [await oracle.getAddress(), await borrowOracle.getAddress()];
      await expect(
        vault.setMarket(second, {
          oracle,
          borrowOracle,
          maxLtvBps: 7000,
          lltvBps: 7500,
          debtCeiling: usdc(5),
          minDebt: usdc(1),
        }),
      )
        .to.emit(vault, "MarketSet")
        .withArgs(await second.getAddress(), [a, b, 7000n, 7500n, usdc(5), usdc(1)]);
      expect(await vault.markets()).to.deep.equal([await collateral.getAddress(), await second.getAddress()]);
      expect(await vault.market(second)).to.deep.equal([a, 7500n, b, usdc(1), 0n, 0n, 7000n, usdc(5), 0n]);
    });

    it("changes all but the lltv, and leaves what is in it", async () => {
      const { vault, collateral, oracle, borrowOracle, borrower, open } = await coreWithoutInterest();
      await open(borrower, weth(10), usdc(16_000));
      const [a, b] = [await oracle.getAddress(), await borrowOracle.getAddress()];
      const change = { oracle: b, borrowOracle: a, maxLtvBps: 1, lltvBps: 8300, debtCeiling: 0n, minDebt: 0n };
      await vault.setMarket(collateral, change);
      expect(await vault.market(collateral)).to.deep.equal([
        b,
        8300n,
        a,
        0n,
        0n,
        usdc(16_000),
        1n,
        0n,
        2n ** 112n - 1n,
      ]);
      expect(await vault.markets()).to.have.lengthOf(1);
      for (const lltvBps of [8200, 8400, 0]) {
        await expect(vault.setMarket(collateral, { ...change, lltvBps }))
          .to.be.revertedWithCustomError(vault, "LltvIsFixed")
          .withArgs(8300);
      }
    });

    it("refuses LTVs that are not in order", async () => {
      const { vault, oracle, borrowOracle } = await coreWithoutInterest();
      const second = await ethers.deployContract("MockERC20", ["Second", "2ND", 8]);
      for (const [maxLtvBps, lltvBps] of [
        [0, 8000],
        [8000, 8000],
        [8001, 8000],
        [8000, 10_000],
        [8000, 0],
      ] as const) {
        await expect(vault.setMarket(second, { ...MARKET, oracle, borrowOracle, maxLtvBps, lltvBps }))
          .to.be.revertedWithCustomError(vault, "BadLtv")
          .withArgs(maxLtvBps, lltvBps);
      }
      expect(await vault.markets()).to.have.lengthOf(1);
      await vault.setMarket(second, { ...MARKET, oracle, borrowOracle, maxLtvBps: 9998, lltvBps: 9999 });
    });

    it("refuses the loan asset and what is no contract", async () => {
      const { vault, loan, oracle, borrowOracle, other } = await coreWithoutInterest();
      for (const collateral of [await loan.getAddress(), other.address]) {
        await expect(vault.setMarket(collateral, { ...MARKET, oracle, borrowOracle }))
          .to.be.revertedWithCustomError(vault, "BadCollateral")
          .withArgs(collateral);
      }
    });

    it("refuses an oracle that does not answer", async () => {
      const { vault, collateral, oracle, borrowOracle } = await coreWithoutInterest();
      for (const broken of [oracle, borrowOracle]) {
        await broken.setBroken(true);
        await expect(vault.setMarket(collateral, { ...MARKET, oracle, borrowOracle })).to.be.revertedWithCustomError(
          broken,
          "Broken",
        );
        await broken.setBroken(false);
      }
      await expect(
        vault.setMarket(collateral, { ...MARKET, oracle: ethers.ZeroAddress, borrowOracle }),
      ).to.be.revertedWithoutReason();
    });

    it("refuses an oracle that answers zero, and lists nothing by it", async () => {
      const { vault, collateral, oracle, borrowOracle } = await coreWithoutInterest();
      const second = await ethers.deployContract("MockERC20", ["Second", "2ND", 8]);
      const before = await vault.market(collateral);
      for (const zero of [oracle, borrowOracle]) {
        await zero.setPrice(0n);
        for (const token of [collateral, second]) {
          await expect(vault.setMarket(token, { ...MARKET, oracle, borrowOracle, minDebt: 1n }))
            .to.be.revertedWithCustomError(vault, "PriceIsZero")
            .withArgs(await zero.getAddress());
        }
        await zero.setPrice(1n);
      }
      expect(await vault.market(collateral)).to.deep.equal(before);
      expect(await vault.markets()).to.deep.equal([await collateral.getAddress()]);
      await vault.setMarket(second, { ...MARKET, oracle, borrowOracle });
    });

    it("lists sixteen markets and no more", async () => {
      const { vault, oracle, borrowOracle } = await coreWithoutInterest();
      for (let i = 1; i <= 16; i++) {
        const next = await ethers.deployContract("MockERC20", ["Next", "NEXT", 18]);
        const set = vault.setMarket(next, { ...MARKET, oracle, borrowOracle });
        if (i < 16) await set;
        else await expect(set).to.be.revertedWithCustomError(vault, "TooManyMarkets").withArgs(16);
      }
      expect(await vault.markets()).to.have.lengthOf(16);
    });
  });

  describe("debt ceilings (V7)", () => {
    const MOST = 2n ** 112n - 1n;

    /** 1,000 WETH of collateral in a market, and its ceilings as the vault shows them. */
    async function lending() {
      const all = await coreWithoutInterest();
      const { vault, collateral, oracle, borrowOracle, borrower } = all;
      await vault.connect(borrower).supplyCollateral(collateral, weth(1000), borrower);
      const ceilings = async (): Promise<bigint[]> => {
        const { debtCeiling, laneCeiling, ceiling } = await vault.market(collateral);
        return [debtCeiling, laneCeiling, ceiling];
      };
      const setDebtCeiling = async (debtCeiling: bigint): Promise<void> => {
        await vault.setMarket(collateral, { ...MARKET, debtCeiling, oracle, borrowOracle });
      };
      const borrow = (assets: bigint) => vault.connect(borrower).borrow(collateral, assets, borrower, borrower);
      const asHouse = vault.connect(await signerOf(all.house));
      return { ...all, asHouse, ceilings, setDebtCeiling, borrow };
    }

    it("takes the lower of governance's and the lane's, whichever is set last", async () => {
      const { asHouse, collateral, ceilings, setDebtCeiling } = await lending();
      for (const [debtCeiling, laneCeiling] of [
        [usdc(1000), usdc(2000)],
        [usdc(3000), usdc(2000)],
        [usdc(2000), usdc(2000)],
        [0n, usdc(2000)],
        [usdc(1), 0n],
        [MOST, MOST],
      ] as const) {
        const lower = debtCeiling < laneCeiling ? debtCeiling : laneCeiling;
        await setDebtCeiling(debtCeiling);
        await asHouse.setLaneCeiling(collateral, laneCeiling);
        expect(await ceilings()).to.deep.equal([debtCeiling, laneCeiling, lower]);
        await asHouse.setLaneCeiling(collateral, MOST - 1n);
        await setDebtCeiling(usdc(7));
        await asHouse.setLaneCeiling(collateral, laneCeiling);
        await setDebtCeiling(debtCeiling);
        expect(await ceilings()).to.deep.equal([debtCeiling, laneCeiling, lower]);
      }
    });

    it("lends no more than either", async () => {
      const { vault, asHouse, collateral, setDebtCeiling, borrow } = await lending();
      for (const [debtCeiling, laneCeiling] of [
        [usdc(600), usdc(700)],
        [usdc(900), usdc(700)],
      ] as const) {
        await setDebtCeiling(debtCeiling);
        await asHouse.setLaneCeiling(collateral, laneCeiling);
        const ceiling = debtCeiling < laneCeiling ? debtCeiling : laneCeiling;
        const room = ceiling - (await vault.market(collateral)).debtShares;
        await expect(borrow(room + 1n))
          .to.be.revertedWithCustomError(vault, "DebtCeilingExceeded")
          .withArgs(ceiling + 1n, ceiling);
        await borrow(room);
      }
      expect((await vault.market(collateral)).debtShares).to.equal(usdc(700));
    });

    it("takes no debt in a market whose lane was never set", async () => {
      const { vault, oracle, borrowOracle, borrower } = await lending();
      const second = await ethers.deployContract("MockERC20", ["Second", "2ND", 18]);
      await vault.setMarket(second, { ...MARKET, minDebt: 0n, oracle, borrowOracle });
      await second.mint(borrower, weth(10));
      await second.connect(borrower).approve(vault, weth(10));
      await vault.connect(borrower).supplyCollateral(second, weth(10), borrower);
      const borrow = () => vault.connect(borrower).borrow(second, 1n, borrower, borrower);
      await expect(borrow()).to.be.revertedWithCustomError(vault, "DebtCeilingExceeded").withArgs(1n, 0n);
      await setLaneCeiling(vault, second, 1n);
      await borrow();
    });

    it("never touches standing debt", async () => {
      const { vault, asHouse, collateral, borrower, keeper, borrow } = await lending();
      await borrow(usdc(10_000));
      await asHouse.setLaneCeiling(collateral, 0n);
      expect(await vault.debtOf(collateral, borrower)).to.equal(usdc(10_000));
      await expect(borrow(1n))
        .to.be.revertedWithCustomError(vault, "DebtCeilingExceeded")
        .withArgs(usdc(10_000) + 1n, 0n);
      const caller = vault.connect(borrower);
      await caller.withdrawCollateral(collateral, weth(1), borrower, borrower);
      await caller.supplyCollateral(collateral, weth(1), borrower);
      await caller.repay(collateral, usdc(1000), borrower);
      const fills = [{ owner: borrower, collateral: weth(1), repaid: usdc(1000), pay: weth(0.1) }];
      await asHouse.settle(collateral, fills, 0n, keeper, keeper, keeper, "0x");
      expect(await vault.debtOf(collateral, borrower)).to.equal(usdc(8000));
    });

    it("is told of a lane's ceiling only when that changes, and counts what is above 2^112 as that", async () => {
      const { vault, asHouse, collateral, ceilings } = await lending();
      const token = await collateral.getAddress();
      await expect(asHouse.setLaneCeiling(collateral, usdc(5)))
        .to.emit(vault, "LaneCeilingSet")
        .withArgs(token, usdc(5));
      await expect(asHouse.setLaneCeiling(collateral, usdc(5))).not.to.emit(vault, "LaneCeilingSet");
      await expect(asHouse.setLaneCeiling(collateral, 2n ** 112n))
        .to.emit(vault, "LaneCeilingSet")
        .withArgs(token, MOST);
      for (const assets of [MOST, ethers.MaxUint256]) {
        await expect(asHouse.setLaneCeiling(collateral, assets)).not.to.emit(vault, "LaneCeilingSet");
      }
      expect(await ceilings()).to.deep.equal([MARKET.debtCeiling, MOST, MARKET.debtCeiling]);
    });

    it("takes the lane's from the auction house alone, for a market of the vault", async () => {
      const { vault, asHouse, collateral, loan, house, governor, other } = await lending();
      for (const user of [governor, other]) {
        await expect(vault.connect(user).setLaneCeiling(collateral, 1n))
          .to.be.revertedWithCustomError(vault, "NotAllowed")
          .withArgs(user.address, await house.getAddress());
      }
      await expect(asHouse.setLaneCeiling(loan, 1n))
        .to.be.revertedWithCustomError(vault, "MarketNotListed")
        .withArgs(await loan.getAddress());
    });
  });

  it("shares interest between reserves, buffer and lenders, at most all of it", async () => {
    const { vault } = await coreWithoutInterest();
    await expect(vault.setInterestShares(5001, 5000))
      .to.be.revertedWithCustomError(vault, "BadInterestShares")
      .withArgs(5001, 5000);
    await expect(vault.setInterestShares(65_535, 65_535))
      .to.be.revertedWithCustomError(vault, "BadInterestShares")
      .withArgs(65_535, 65_535);
    await expect(vault.setInterestShares(5000, 5000)).to.emit(vault, "InterestSharesSet").withArgs(5000, 5000);
    expect(await vault.reserveShareBps()).to.equal(5000);
    expect(await vault.bufferShareBps()).to.equal(5000);
  });

  it("lets a guardian pause new borrowing, and that only", async () => {
    const { vault, manager, guardian, collateral, borrower, open } = await coreWithoutInterest();
    await open(borrower, weth(10), usdc(1000));
    await manager.setTargetFunctionRole(vault, [vault.interface.getFunction("setBorrowPaused").selector], 7n);
    await manager.grantRole(7n, guardian, 0);
    await expect(vault.connect(guardian).setBorrowPaused(true)).to.emit(vault, "BorrowPausedSet").withArgs(true);
    expect(await vault.borrowPaused()).to.equal(true);
    await expect(vault.connect(guardian).setInterestShares(0, 0)).to.be.revertedWithCustomError(
      vault,
      "AccessManagedUnauthorized",
    );
    const caller = vault.connect(borrower);
    await expect(caller.borrow(collateral, 1n, borrower, borrower)).to.be.revertedWithCustomError(
      vault,
      "BorrowPaused",
    );
    await caller.withdrawCollateral(collateral, weth(1), borrower, borrower);
    await caller.supplyCollateral(collateral, weth(1), borrower);
    await caller.repay(collateral, usdc(1000), borrower);
    await expect(vault.connect(guardian).setBorrowPaused(false)).to.emit(vault, "BorrowPausedSet").withArgs(false);
  });

  it("pays out reserves, as far as they are there in cash, at nobody's cost", async () => {
    const { vault, loan, lender, borrower, other, open } = await core();
    await open(borrower, weth(1000), usdc(500_000));
    await time.increase(365 * 86_400);
    await expect(vault.withdrawReserves(1n, ethers.ZeroAddress)).to.be.revertedWithCustomError(vault, "ZeroAddress");
    const price = await vault.convertToAssets(10n ** 24n);
    const withdraw = vault.withdrawReserves(usdc(100), other);
    await expect(withdraw).to.emit(vault, "ReservesWithdrawn").withArgs(other.address, usdc(100));
    await expect(withdraw).to.changeTokenBalances(loan, [vault, other], [-usdc(100), usdc(100)]);
    expect(await vault.idle()).to.equal(usdc(499_900));
    expect(await vault.convertToAssets(10n ** 24n)).to.be.gte(price);
    // a second's interest of 5 % of 0.001 units is not a unit: the reserves stand still
    const reserves = await vault.reserves();
    await expect(vault.withdrawReserves(reserves + usdc(1), other)).to.be.revertedWithCustomError(
      vault,
      "NotEnoughCash",
    );
    await vault.connect(lender).withdraw((await vault.idle()) - 5n, lender, lender);
    await expect(vault.withdrawReserves(6n, other))
      .to.be.revertedWithCustomError(vault, "NotEnoughCash")
      .withArgs(6n, 5n);
    await vault.withdrawReserves(5n, other);
    expect(await vault.idle()).to.equal(0);
  });

  it("pays out reserves, and leaves the buffer what is its", async () => {
    const { vault, borrower, other, open } = await core();
    await vault.setInterestShares(300, 700);
    await open(borrower, weth(1000), usdc(500_000));
    await time.increase(365 * 86_400);
    const [reserves, fees] = [await vault.reserves(), await vault.bufferFees()];
    await vault.withdrawReserves(reserves / 3n, other);
    // a second's interest in between
    expect(await vault.reserves()).to.be.within(reserves - reserves / 3n, reserves - reserves / 3n + 1000n);
    expect(await vault.bufferFees()).to.be.within(fees, fees + 1000n);
  });

  it("shows a market and its positions in one call", async () => {
    const { vault, collateral, loan, oracle, borrowOracle, borrower, other, open } = await coreWithoutInterest();
    await open(borrower, weth(10), usdc(16_000));
    const riskAt = BigInt(await time.latest());
    await borrowOracle.setPrice(1n);
    expect(await vault.snapshot(collateral, [borrower, other])).to.deep.equal([
      priceE36(ETH_PRICE),
      8300n,
      usdc(500),
      [
        [weth(10), usdc(16_000), riskAt],
        [0n, 0n, 0n],
      ],
    ]);
    await expect(vault.snapshot(loan, []))
      .to.be.revertedWithCustomError(vault, "MarketNotListed")
      .withArgs(await loan.getAddress());
    await oracle.setBroken(true);
    await expect(vault.snapshot(collateral, [])).to.be.revertedWithCustomError(oracle, "Broken");
  });
});
