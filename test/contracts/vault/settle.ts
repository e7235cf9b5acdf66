import { setCode } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { ethers } from "hardhat";

import { MARKET, coreAtOddIndex, coreWithoutInterest, setLaneCeiling, signerOf, usdc, weth } from "../fixture";
import { mulDiv, mulDivUp } from "../math";

const INDEX = 10n ** 27n;

/** Two positions of 10 WETH each, and the vault as the auction house calls it. */
async function settling() {
  const all = await coreWithoutInterest();
  await all.open(all.borrower, weth(10), usdc(16_000));
  await all.open(all.other, weth(10), usdc(10_000));
  return { ...all, asHouse: all.vault.connect(await signerOf(all.house)) };
}

/** A position with an odd debt, and what the reserves and the buffer have earned by it. */
async function lossComing() {
  const all = await coreAtOddIndex();
  const { vault, house } = all;
  return {
    ...all,
    asHouse: vault.connect(await signerOf(house)),
    reserves: await vault.reserves(),
    fees: await vault.bufferFees(),
  };
}

describe("Vault: settling and writing off", () => {
  describe("settle", () => {
    it("moves the collateral, takes the debt down and the payment in", async () => {
      const { vault, asHouse, collateral, loan, borrower, keeper, lender } = await settling();
      const fills = [{ owner: borrower, collateral: weth(3), repaid: usdc(5000), pay: 0n }];
      const args = [collateral, fills, usdc(25), keeper, lender, lender, "0x"] as const;
      expect(await asHouse.settle.staticCall(...args)).to.deep.equal([usdc(11_000)]);
      const { riskAt } = await vault.position(collateral, borrower);
      const settle = asHouse.settle(...args);
      await expect(settle)
        .to.emit(vault, "Settled")
        .withArgs(await collateral.getAddress(), borrower.address, lender.address, weth(3), usdc(5000), usdc(5000));
      await expect(settle).not.to.emit(vault, "WrittenOff");
      await expect(settle).to.changeTokenBalances(collateral, [vault, lender], [-weth(3), weth(3)]);
      await expect(settle).to.changeTokenBalances(loan, [vault, keeper], [usdc(5025), -usdc(5025)]);
      expect(await vault.position(collateral, borrower)).to.deep.equal([weth(7), usdc(11_000), riskAt]);
      expect((await vault.market(collateral)).debtShares).to.equal(usdc(21_000));
      expect(await vault.totalDebtShares()).to.equal(usdc(21_000));
      expect(await vault.idle()).to.equal(usdc(1_000_000 - 26_000 + 5025));
      expect(await vault.bufferFees()).to.equal(usdc(25));
      expect(await vault.totalAssets()).to.equal(usdc(1_000_000));
    });

    it("settles several positions with one payment", async () => {
      const { vault, asHouse, collateral, loan, borrower, other, keeper } = await settling();
      const fills = [
        { owner: borrower, collateral: weth(2), repaid: usdc(3000), pay: 0n },
        { owner: other, collateral: weth(1), repaid: usdc(1500), pay: 0n },
      ];
      const settle = asHouse.settle(collateral, fills, 1n, keeper, keeper, keeper, "0x");
      await expect(settle).to.changeTokenBalances(collateral, [vault, keeper], [-weth(3), weth(3)]);
      await expect(settle).to.changeTokenBalances(loan, [vault, keeper], [usdc(4500) + 1n, -usdc(4500) - 1n]);
      expect(await vault.bufferFees()).to.equal(1);
      expect((await vault.position(collateral, borrower)).slice(0, 2)).to.deep.equal([weth(8), usdc(13_000)]);
      expect((await vault.position(collateral, other)).slice(0, 2)).to.deep.equal([weth(9), usdc(8500)]);
      expect((await vault.market(collateral)).debtShares).to.equal(usdc(21_500));
    });

    it("closes a position whose whole debt is repaid; the collateral left over is its owner's", async () => {
      const { vault, asHouse, collateral, borrower, keeper } = await settling();
      const fills = [{ owner: borrower, collateral: weth(9), repaid: usdc(16_000), pay: 0n }];
      const settle = asHouse.settle(collateral, fills, 0n, keeper, keeper, keeper, "0x");
      await expect(settle).not.to.emit(vault, "WrittenOff");
      expect((await vault.position(collateral, borrower)).slice(0, 2)).to.deep.equal([weth(1), 0n]);
      await vault.connect(borrower).withdrawCollateral(collateral, weth(1), borrower, borrower);
    });

    it("rounds the debt shares down and the debt left up", async () => {
      const { asHouse, vault, collateral, borrower, keeper, index, shares } = await lossComing();
      const fills = [{ owner: borrower, collateral: weth(1), repaid: 1_000_003n, pay: 0n }];
      const repaidShares = mulDiv(1_000_003n, INDEX, index);
      expect(index).to.be.gt(INDEX);
      const args = [collateral, fills, 0n, keeper, keeper, keeper, "0x"] as const;
      expect(await asHouse.settle.staticCall(...args)).to.deep.equal([mulDivUp(shares - repaidShares, index, INDEX)]);
      await asHouse.settle(...args);
      expect((await vault.position(collateral, borrower)).debtShares).to.equal(shares - repaidShares);
    });

    for (const [name, more, sharesLeft, debtLeft] of [
      ["leaves a share, which is two units, for a unit less than the debt rounded up", -1n, 1n, 2n],
      ["leaves nothing for the debt rounded up", 0n, 0n, 0n],
      ["leaves nothing for more", 2n, 0n, 0n],
    ] as const) {
      it(name, async () => {
        const { asHouse, vault, collateral, borrower, keeper, index, shares } = await lossComing();
        const repaid = mulDivUp(shares, index, INDEX) + more;
        const fills = [{ owner: borrower, collateral: 0n, repaid, pay: 0n }];
        const args = [collateral, fills, 0n, keeper, keeper, keeper, "0x"] as const;
        expect(await asHouse.settle.staticCall(...args)).to.deep.equal([debtLeft]);
        await asHouse.settle(...args);
        expect((await vault.position(collateral, borrower)).debtShares).to.equal(sharesLeft);
      });
    }

    it("calls the payer back with the collateral in hand, before it pays", async () => {
      const { vault, asHouse, collateral, loan, borrower, lender } = await settling();
      const actor = await ethers.deployContract("MockActor");
      const token = await collateral.getAddress();
      // what it pays with it gets for the collateral, inside
      await loan.connect(lender).approve(actor, usdc(5025));
      await actor.setCalls([
        { target: collateral, data: collateral.interface.encodeFunctionData("transfer", [lender.address, weth(3)]) },
        {
          target: loan,
          data: loan.interface.encodeFunctionData("transferFrom", [
            lender.address,
            await actor.getAddress(),
            usdc(5025),
          ]),
        },
        {
          target: loan,
          data: loan.interface.encodeFunctionData("approve", [await vault.getAddress(), usdc(5025)]),
        },
      ]);
      const fills = [{ owner: borrower, collateral: weth(3), repaid: usdc(5000), pay: 0n }];
      const settle = asHouse.settle(collateral, fills, usdc(25), actor, actor, actor, "0xabcd");
      await expect(settle)
        .to.emit(actor, "BuyCalled")
        .withArgs(await vault.getAddress(), token, weth(3), usdc(5025), "0xabcd");
      await expect(settle).to.changeTokenBalances(loan, [vault, lender], [usdc(5025), -usdc(5025)]);
    });

    it("can't be entered again from the payer's callback, nor can the buffer be left", async () => {
      const { vault, buffer, asHouse, collateral, borrower } = await settling();
      const actor = await ethers.deployContract("MockActor");
      const self = await actor.getAddress();
      const token = await collateral.getAddress();
      const fills = [{ owner: borrower, collateral: weth(3), repaid: usdc(5000), pay: 0n }];
      for (const [target, data] of [
        [vault, vault.interface.encodeFunctionData("deposit", [1n, self])],
        [vault, vault.interface.encodeFunctionData("withdraw", [0n, self, self])],
        [vault, vault.interface.encodeFunctionData("repay", [token, 1n, borrower.address])],
        [vault, vault.interface.encodeFunctionData("supplyCollateral", [token, 1n, self])],
        [vault, vault.interface.encodeFunctionData("accrueInterest")],
        [buffer, buffer.interface.encodeFunctionData("redeem", [1n, self, self])],
        [buffer, buffer.interface.encodeFunctionData("collectFees")],
      ] as const) {
        await actor.setCalls([{ target, data }]);
        await expect(asHouse.settle(collateral, fills, 0n, actor, actor, actor, "0x01")).to.be.revertedWithCustomError(
          vault,
          "ReentrancyGuardReentrantCall",
        );
      }
    });

    it("can't be entered again from a hostile collateral", async () => {
      const { vault, asHouse, borrower, keeper, oracle } = await settling();
      const hostile = await ethers.deployContract("MockERC20Hook", ["Hostile", "HOST", 18]);
      await vault.setMarket(hostile, { ...MARKET, oracle, borrowOracle: oracle });
      await setLaneCeiling(vault, hostile, usdc(1000));
      await hostile.mint(borrower, weth(1));
      await hostile.connect(borrower).approve(vault, weth(1));
      await vault.connect(borrower).supplyCollateral(hostile, weth(1), borrower);
      await vault.connect(borrower).borrow(hostile, usdc(1000), borrower, borrower);
      await hostile.setHook(vault, vault.interface.encodeFunctionData("deposit", [1n, keeper.address]));
      const fills = [{ owner: borrower, collateral: weth(1), repaid: usdc(1000), pay: 0n }];
      for (const send of [
        () => asHouse.settle(hostile, fills, 0n, keeper, keeper, keeper, "0x"),
        () => asHouse.pay(hostile, borrower, 1n, keeper),
      ]) {
        await expect(send()).to.be.revertedWithCustomError(vault, "ReentrancyGuardReentrantCall");
      }
    });

    it("is the auction house's alone, and takes no more than a position has", async () => {
      const { vault, asHouse, collateral, house, borrower, keeper } = await settling();

      await expect(vault.connect(keeper).settle(collateral, [], 0n, keeper, keeper, keeper, "0x"))
        .to.be.revertedWithCustomError(vault, "NotAllowed")
        .withArgs(keeper.address, await house.getAddress());
      const fills = [{ owner: borrower, collateral: weth(10) + 1n, repaid: 0n, pay: 0n }];
      await expect(asHouse.settle(collateral, fills, 0n, keeper, keeper, keeper, "0x"))
        .to.be.revertedWithCustomError(vault, "NotEnoughCollateral")
        .withArgs(weth(10) + 1n, weth(10));
    });
  });

  describe("pay in a settlement", () => {
    it("leaves each position beside what is sold, for the keeper who did the work", async () => {
      const { vault, asHouse, collateral, loan, borrower, other, keeper, lender, guardian } = await settling();
      const token = await collateral.getAddress();
      const fills = [
        { owner: borrower, collateral: weth(2), repaid: usdc(3000), pay: weth(0.01) },
        { owner: other, collateral: weth(1), repaid: usdc(1500), pay: 0n },
        { owner: guardian, collateral: 0n, repaid: 0n, pay: weth(0.002) },
      ];
      await vault.connect(keeper).supplyCollateral(collateral, weth(1), guardian);
      const settle = asHouse.settle(collateral, fills, 0n, lender, lender, keeper, "0x");
      await expect(settle)
        .to.emit(vault, "Settled")
        .withArgs(token, borrower.address, lender.address, weth(2), usdc(3000), usdc(3000));
      await expect(settle)
        .to.emit(vault, "Paid")
        .withArgs(token, borrower.address, keeper.address, weth(0.01))
        .and.to.emit(vault, "Paid")
        .withArgs(token, guardian.address, keeper.address, weth(0.002));
      await expect(settle).to.changeTokenBalances(
        collateral,
        [vault, lender, keeper],
        [-weth(3.012), weth(3), weth(0.012)],
      );
      await expect(settle).to.changeTokenBalances(loan, [vault, lender, keeper], [usdc(4500), -usdc(4500), 0n]);
      const paid = await vault.queryFilter(vault.filters.Paid);
      expect(paid.map(({ args }) => args.owner)).to.deep.equal([borrower.address, guardian.address]);
      expect((await vault.position(collateral, borrower)).slice(0, 2)).to.deep.equal([weth(7.99), usdc(13_000)]);
      expect((await vault.position(collateral, other)).slice(0, 2)).to.deep.equal([weth(9), usdc(8500)]);
      expect((await vault.position(collateral, guardian)).slice(0, 2)).to.deep.equal([weth(0.998), 0n]);
    });

    it("is there before the payer is called back, and is not part of what was bought", async () => {
      const { vault, asHouse, collateral, loan, borrower, lender } = await settling();
      const actor = await ethers.deployContract("MockActor");
      const token = await collateral.getAddress();
      const self = await actor.getAddress();
      await loan.connect(lender).approve(actor, usdc(5000));
      await actor.setCalls([
        { target: collateral, data: collateral.interface.encodeFunctionData("transfer", [lender.address, weth(3.5)]) },
        { target: loan, data: loan.interface.encodeFunctionData("transferFrom", [lender.address, self, usdc(5000)]) },
        { target: loan, data: loan.interface.encodeFunctionData("approve", [await vault.getAddress(), usdc(5000)]) },
      ]);
      const fills = [{ owner: borrower, collateral: weth(3), repaid: usdc(5000), pay: weth(0.5) }];
      await expect(asHouse.settle(collateral, fills, 0n, actor, actor, actor, "0xabcd"))
        .to.emit(actor, "BuyCalled")
        .withArgs(await vault.getAddress(), token, weth(3), usdc(5000), "0xabcd");
    });

    it("and what is sold can't be more than the position holds", async () => {
      const { vault, asHouse, collateral, borrower, keeper } = await settling();
      const settle = (amount: bigint, pay: bigint) =>
        asHouse.settle(
          collateral,
          [{ owner: borrower, collateral: amount, repaid: 0n, pay }],
          0n,
          keeper,
          keeper,
          keeper,
          "0x",
        );
      await expect(settle(weth(10), 1n))
        .to.be.revertedWithCustomError(vault, "NotEnoughCollateral")
        .withArgs(weth(10) + 1n, weth(10));
      await expect(settle(1n, ethers.MaxUint256)).to.be.revertedWithPanic(0x11);
    });

    it("counts before a debt is found to be without collateral", async () => {
      const { vault, asHouse, collateral, borrower, keeper } = await settling();
      const token = await collateral.getAddress();
      const settle = (amount: bigint, repaid: bigint, pay: bigint) =>
        asHouse.settle(
          collateral,
          [{ owner: borrower, collateral: amount, repaid, pay }],
          0n,
          keeper,
          keeper,
          keeper,
          "0x",
        );
      await expect(settle(weth(9), usdc(1000), weth(1) - 1n)).not.to.emit(vault, "WrittenOff");
      await expect(settle(0n, usdc(2000), 1n))
        .to.emit(vault, "WrittenOff")
        .withArgs(token, borrower.address, usdc(13_000), usdc(13_000), 0n, usdc(13_000), 0n);
      expect((await vault.position(collateral, borrower)).slice(0, 2)).to.deep.equal([0n, 0n]);
      expect((await vault.market(collateral)).debtShares).to.equal(usdc(10_000));
    });

    it("writes off what several fills of one position leave uncovered, once", async () => {
      const { vault, asHouse, collateral, borrower, other, keeper } = await settling();
      const fills = [
        { owner: borrower, collateral: weth(4), repaid: usdc(1000), pay: 0n },
        { owner: other, collateral: weth(1), repaid: usdc(1000), pay: 0n },
        { owner: borrower, collateral: weth(5), repaid: usdc(2000), pay: weth(1) },
      ];
      const settle = asHouse.settle(collateral, fills, 0n, keeper, keeper, keeper, "0x");
      await expect(settle)
        .to.emit(vault, "WrittenOff")
        .withArgs(await collateral.getAddress(), borrower.address, usdc(13_000), usdc(13_000), 0n, usdc(13_000), 0n);
      expect(await vault.queryFilter(vault.filters.WrittenOff)).to.have.lengthOf(1);
      expect(await vault.totalDebtShares()).to.equal(usdc(9000));
    });

    it("moves no collateral where there is none to move", async () => {
      const { vault, asHouse, collateral, borrower, keeper } = await settling();
      const transfers = async (amount: bigint, pay: bigint): Promise<bigint[]> => {
        const fills = [{ owner: borrower, collateral: amount, repaid: usdc(10), pay }];
        const { blockNumber } = await asHouse.settle(collateral, fills, 0n, keeper, keeper, keeper, "0x");
        const events = await collateral.queryFilter(collateral.filters.Transfer, blockNumber ?? undefined);
        return events.map(({ args }) => args.value);
      };
      expect(await transfers(weth(2), weth(1))).to.deep.equal([weth(2), weth(1)]);
      expect(await transfers(weth(2), 0n)).to.deep.equal([weth(2)]);
      expect(await transfers(0n, weth(1))).to.deep.equal([weth(1)]);
      expect(await transfers(0n, 0n)).to.deep.equal([]);
      expect((await vault.position(collateral, borrower)).slice(0, 2)).to.deep.equal([weth(4), usdc(15_960)]);
    });
  });

  describe("pay", () => {
    it("takes collateral out of a position", async () => {
      const { vault, asHouse, collateral, borrower, keeper } = await settling();
      const pay = asHouse.pay(collateral, borrower, weth(0.01), keeper);
      await expect(pay)
        .to.emit(vault, "Paid")
        .withArgs(await collateral.getAddress(), borrower.address, keeper.address, weth(0.01));
      await expect(pay).to.changeTokenBalances(collateral, [vault, keeper], [-weth(0.01), weth(0.01)]);
      expect((await vault.position(collateral, borrower)).collateral).to.equal(weth(9.99));
      await expect(asHouse.pay(collateral, borrower, 0n, keeper)).not.to.emit(collateral, "Transfer");
    });

    it("takes it out of an insolvent position too, and without an oracle", async () => {
      const { asHouse, collateral, borrower, keeper, setPrice, oracle } = await settling();
      await setPrice(1);
      await oracle.setBroken(true);
      await expect(asHouse.pay(collateral, borrower, weth(1), keeper)).to.changeTokenBalance(
        collateral,
        keeper,
        weth(1),
      );
    });

    it("is the auction house's alone, and takes no more than a position has", async () => {
      const { vault, asHouse, collateral, house, borrower, keeper } = await settling();
      await expect(vault.connect(keeper).pay(collateral, borrower, 1n, keeper))
        .to.be.revertedWithCustomError(vault, "NotAllowed")
        .withArgs(keeper.address, await house.getAddress());
      await expect(asHouse.pay(collateral, borrower, weth(10) + 1n, keeper))
        .to.be.revertedWithCustomError(vault, "NotEnoughCollateral")
        .withArgs(weth(10) + 1n, weth(10));
    });
  });

  describe("writing off: reserves, then buffer, then lenders (B3)", () => {
    const CASH = usdc(200_000);
    for (const [name, lossOf] of [
      ["a part of the reserves", (reserves: bigint) => reserves - usdc(1)],
      ["all of the reserves", (reserves: bigint) => reserves],
      ["reserves and a part of the buffer's fees", (reserves: bigint, fees: bigint) => reserves + fees / 2n],
      ["reserves, fees and a part of the buffer's cash", (reserves: bigint, fees: bigint) => reserves + fees + 1n],
      ["reserves, fees and all cash", (reserves: bigint, fees: bigint) => reserves + fees + CASH],
      ["all of them and the lenders", (reserves: bigint, fees: bigint) => reserves + fees + CASH + usdc(12_345)],
    ] as const) {
      it(`takes ${name}`, async () => {
        const { vault, buffer, loan, asHouse, collateral, borrower, keeper, index, shares, reserves, fees } =
          await lossComing();
        expect(reserves).to.be.gt(usdc(500));
        const debt = mulDivUp(shares, index, INDEX);
        const repaid = debt - lossOf(reserves, fees);
        const lostShares = shares - mulDiv(repaid, INDEX, index);
        const loss = mulDivUp(lostShares, index, INDEX);
        // to a unit, which the shares round away from the one who repays
        expect(loss - lossOf(reserves, fees)).to.be.within(0n, 1n);
        const fromReserves = loss < reserves ? loss : reserves;
        const fromFees = loss - fromReserves < fees ? loss - fromReserves : fees;
        const rest = loss - fromReserves - fromFees;
        const fromCash = rest < CASH ? rest : CASH;
        const fromLenders = rest - fromCash;
        const [idle, assets, price] = [
          await vault.idle(),
          await vault.totalAssets(),
          await vault.convertToAssets(10n ** 24n),
        ];

        const fills = [{ owner: borrower, collateral: weth(400), repaid, pay: 0n }];
        const settle = asHouse.settle(collateral, fills, 0n, keeper, keeper, keeper, "0x");
        await expect(settle)
          .to.emit(vault, "WrittenOff")
          .withArgs(
            await collateral.getAddress(),
            borrower.address,
            loss,
            lostShares,
            fromReserves,
            fromFees + fromCash,
            fromLenders,
          );
        await expect(settle).to.changeTokenBalances(
          loan,
          [vault, buffer, keeper],
          [repaid + fromCash, -fromCash, -repaid],
        );
        if (fromCash === 0n) await expect(settle).not.to.emit(buffer, "LossCovered");
        else await expect(settle).to.emit(buffer, "LossCovered").withArgs(fromCash);

        expect(await vault.position(collateral, borrower)).to.have.deep.property("0", 0n);
        expect(await vault.debtOf(collateral, borrower)).to.equal(0);
        expect(await vault.totalDebtShares()).to.equal(0);
        expect((await vault.market(collateral)).debtShares).to.equal(0);
        expect(await vault.reserves()).to.equal(reserves - fromReserves);
        expect(await vault.bufferFees()).to.equal(fees - fromFees);
        expect(await buffer.cash()).to.equal(CASH - fromCash);
        expect(await vault.idle()).to.equal(idle + repaid + fromCash);
        // V1: all that is left is cash, and it is what is owed
        const owed = (await vault.totalAssets()) + (await vault.reserves()) + (await vault.bufferFees());
        expect(await vault.idle()).to.equal(owed);
        expect(await loan.balanceOf(vault)).to.equal(owed);
        // V3: only what lenders bear lowers their share, and roundings of the debt by two units are theirs
        if (fromLenders === 0n) expect(await vault.convertToAssets(10n ** 24n)).to.be.gte(price);
        else expect(assets - (await vault.totalAssets())).to.be.within(fromLenders - 2n, fromLenders);
      });
    }

    it("asks nothing of the buffer where reserves bear all of it", async () => {
      const { vault, buffer, asHouse, collateral, borrower, keeper, index, shares, reserves } = await lossComing();
      const repaid = mulDivUp(shares, index, INDEX) - usdc(1);
      const loss = mulDivUp(shares - mulDiv(repaid, INDEX, index), index, INDEX);
      // a buffer that reverts, as it does when one of its own callbacks led here: PUSH0, PUSH0, REVERT
      await setCode(await buffer.getAddress(), "0x5f5ffd");
      const fills = [{ owner: borrower, collateral: weth(400), repaid, pay: 0n }];
      await asHouse.settle(collateral, fills, 0n, keeper, keeper, keeper, "0x");
      expect(await vault.reserves()).to.equal(reserves - loss);
    });

    it("counts the fee of the same sale as the buffer's", async () => {
      const { vault, buffer, asHouse, collateral, borrower, keeper } = await settling();
      const fills = [{ owner: borrower, collateral: weth(10), repaid: usdc(16_000) - 4n, pay: 0n }];
      await expect(asHouse.settle(collateral, fills, 10n, keeper, keeper, keeper, "0x"))
        .to.emit(vault, "WrittenOff")
        .withArgs(await collateral.getAddress(), borrower.address, 4n, 4n, 0n, 4n, 0n);
      expect(await vault.bufferFees()).to.equal(6);
      expect(await buffer.cash()).to.equal(usdc(200_000));
      expect(await vault.totalAssets()).to.equal(usdc(1_000_000));
    });

    it("writes nothing off while there is collateral left, or no debt", async () => {
      const { vault, asHouse, collateral, borrower, other, keeper } = await settling();
      const fills = [
        { owner: borrower, collateral: weth(10) - 1n, repaid: usdc(1), pay: 0n },
        { owner: other, collateral: weth(10), repaid: usdc(10_000), pay: 0n },
      ];
      await expect(asHouse.settle(collateral, fills, 0n, keeper, keeper, keeper, "0x")).not.to.emit(
        vault,
        "WrittenOff",
      );
      expect(await vault.debtOf(collateral, borrower)).to.equal(usdc(15_999));
      expect(await vault.debtOf(collateral, other)).to.equal(0);
    });

    it("happens in a take-over of what is insolvent, through the real auction house", async () => {
      const { vault, house, buffer, loan, collateral, borrower, keeper, open, setPrice } = await coreWithoutInterest();
      await open(borrower, weth(10), usdc(16_000));
      await setPrice(1500);
      const token = await collateral.getAddress();
      // the buffer pays the 15,000 that it is worth, and then the 1,000 that are lost
      const absorb = house.connect(keeper).absorb(collateral, borrower);
      await expect(absorb)
        .to.emit(vault, "Settled")
        .withArgs(token, borrower.address, await buffer.getAddress(), weth(10), usdc(15_000), usdc(15_000));
      await expect(absorb)
        .to.emit(vault, "WrittenOff")
        .withArgs(token, borrower.address, usdc(1000), usdc(1000), 0n, usdc(1000), 0n);
      await expect(absorb).to.emit(buffer, "TakenOver").withArgs(token, weth(10), usdc(15_000));
      await expect(absorb).to.emit(buffer, "LossCovered").withArgs(usdc(1000));
      await expect(absorb).to.changeTokenBalances(loan, [vault, buffer], [usdc(16_000), -usdc(16_000)]);
      await expect(absorb).to.changeTokenBalances(collateral, [vault, buffer, keeper], [-weth(10), weth(10), 0n]);
      expect(await buffer.cash()).to.equal(usdc(184_000));
      expect((await buffer.inventory(collateral)).amount).to.equal(weth(10));
      expect(await vault.totalAssets()).to.equal(usdc(1_000_000));
      expect(await vault.idle()).to.equal(usdc(1_000_000));
    });
  });
});
