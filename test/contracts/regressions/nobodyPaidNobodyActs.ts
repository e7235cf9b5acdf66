import { expect } from "chai";

import { GWEI, PAY, PaidGas, mostPay, opened, payInWei, priceE36, setBaseFee, usdc, weth } from "../auctionHouse/setup";

describe("regression: nobody paid, nobody acts", () => {
  // without equity there is no bounty to take out of it; what was never paid for was never done, and lenders bore it
  for (const gwei of [20n, 200n, 2000n]) {
    it(`an insolvent position pays for its absorption at ${gwei} gwei, more than the gas that it burns`, async () => {
      const market = await opened(weth(100), usdc(159_000));
      const { house, collateral, borrower, keeper, setPrice, absorbedIn, position } = market;
      await setPrice(1500);
      const before = await collateral.balanceOf(keeper);
      await setBaseFee(gwei * GWEI);
      const fees = { maxFeePerGas: (gwei + 1n) * GWEI, maxPriorityFeePerGas: GWEI };
      const transaction = await house.connect(keeper).absorb(collateral, borrower, keeper, fees);
      const { pay, ltvWad } = await absorbedIn(transaction);
      const receipt = (await transaction.wait())!;

      expect(ltvWad).to.be.gte(106n * 10n ** 16n);
      expect(pay).to.equal(payInWei(PaidGas.absorb, gwei * GWEI));
      expect((await collateral.balanceOf(keeper)) - before).to.equal(pay);
      // the collateral is the coin that gas is paid in
      expect(pay).to.be.gt(receipt.gasUsed * receipt.gasPrice);
      expect(await position()).to.deep.equal({ collateral: 0n, debt: 0n });
    });

    it(`opening a lane over an insolvent position is paid at ${gwei} gwei as well`, async () => {
      const { house, collateral, borrower, keeper, setPrice, openedIn } = await opened(weth(100), usdc(159_000));
      await setPrice(1500);
      await setBaseFee(gwei * GWEI);
      const fees = { maxFeePerGas: (gwei + 1n) * GWEI, maxPriorityFeePerGas: GWEI };
      const transaction = await house.connect(keeper).open(collateral, borrower, keeper, fees);
      const { pay } = await openedIn(transaction);
      const receipt = (await transaction.wait())!;
      expect(pay).to.equal(payInWei(PaidGas.open, gwei * GWEI));
      expect(pay).to.be.gt(receipt.gasUsed * receipt.gasPrice);
    });
  }

  it("one too small for that pays a hundredth of its collateral, and no more", async () => {
    const { house, collateral, borrower, keeper, setPrice, absorbedIn } = await opened(weth(1), usdc(1_590));
    await setPrice(1500);
    await setBaseFee(2000n * GWEI);
    const fees = { maxFeePerGas: 2001n * GWEI, maxPriorityFeePerGas: GWEI };
    const { pay } = await absorbedIn(await house.connect(keeper).absorb(collateral, borrower, keeper, fees));
    expect(pay).to.equal(weth(1) / 100n);
    expect(pay).to.equal(mostPay(weth(1), usdc(1_590), priceE36(1500), BigInt(PAY.capBps)));
  });
});
