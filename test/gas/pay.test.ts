import { expect } from "chai";
import { type ContractTransactionResponse } from "ethers";
import { ethers } from "hardhat";

import { deployMulticall3 } from "../attacks/setup";
import { time, usdc } from "../contracts/fixture";
import { real } from "./world";

/** What keepers are paid for is what it costs, within this share of it. */
const TOLERANCE = 0.1;

async function gasOf(transaction: Promise<ContractTransactionResponse>): Promise<number> {
  const receipt = await (await transaction).wait();
  if (receipt === null) throw new Error("not mined");
  return Number(receipt.gasUsed);
}

async function gasUnits(): Promise<Record<"open" | "absorb" | "absorbMore" | "fulfil" | "fulfilMore", number>> {
  const harness = await ethers.deployContract("KeeperPayHarness");
  const { open, absorb, absorbMore, fulfil, fulfilMore } = await harness.gasUnits();
  return {
    open: Number(open),
    absorb: Number(absorb),
    absorbMore: Number(absorbMore),
    fulfil: Number(fulfil),
    fulfilMore: Number(fulfilMore),
  };
}

function expectPaid(units: number, measured: number): void {
  expect(units, `measured ${measured}`).to.be.within(measured * (1 - TOLERANCE), measured * (1 + TOLERANCE));
}

// The constants of KeeperPay, against whole transactions with Chainlink feeds, guard and a pool's depth.
describe("gas that keepers are paid for", () => {
  it("open, with the price observed, the guard asked and the rate refreshed", async () => {
    const { house, collateral, keeper, receiver, owners, setLtv } = await real();
    await setLtv(0.85);
    const gas = await gasOf(house.connect(keeper).open(collateral, owners[0] ?? "", receiver));
    expectPaid((await gasUnits()).open, gas);
  });

  it("absorb, with the price observed and the guard asked", async () => {
    const { house, collateral, keeper, receiver, owners, setLtv } = await real();
    await house.sync(collateral);
    await setLtv(0.93);
    await house.connect(keeper).absorb(collateral, owners[0] ?? "", receiver);
    await setLtv(0.94);
    const gas = await gasOf(house.connect(keeper).absorb(collateral, owners[1] ?? "", receiver));
    expectPaid((await gasUnits()).absorb, gas);
  });

  it("each further position of absorbMany", async () => {
    const { house, collateral, keeper, receiver, owners, setLtv } = await real();
    await house.sync(collateral);
    await setLtv(0.93);
    await house.connect(keeper).absorb(collateral, owners[0] ?? "", receiver);
    await setLtv(0.94);
    const one = await gasOf(house.connect(keeper).absorbMany(collateral, owners.slice(1, 2), receiver));
    await setLtv(0.95);
    const ten = await gasOf(house.connect(keeper).absorbMany(collateral, owners.slice(2, 12), receiver));
    expectPaid((await gasUnits()).absorbMore, (ten - one) / 9);
  });

  it("each further request that is fulfilled in a transaction", async () => {
    const { house, buffer, collateral, keeper, lender, receiver, loan, trade } = await real();
    await loan.mint(receiver, 1n);
    const controllers = (await ethers.getSigners()).slice(6, 16);
    for (const controller of controllers) {
      await buffer.connect(lender).transfer(controller, usdc(20_000) * 1000n);
      await buffer.connect(controller).requestRedeem(usdc(20_000) * 1000n, controller, controller);
    }
    await time.increase(86_400);
    await house.observe(collateral);
    await trade(150);
    await time.increase(60);
    const batch = await deployMulticall3();
    const fulfil = async (several: readonly { address: string }[]): Promise<number> => {
      const calls = several.map(({ address }) => ({
        target: buffer.target,
        allowFailure: false,
        callData: buffer.interface.encodeFunctionData("fulfil", [address, receiver.address]),
      }));
      const sent = batch.connect(keeper).getFunction("aggregate3").send(calls);
      return gasOf(sent);
    };
    const one = await fulfil(controllers.slice(0, 1));
    const nine = await fulfil(controllers.slice(1));
    expectPaid((await gasUnits()).fulfilMore, (nine - one) / 8);
  });

  it("fulfil, with fees to collect", async () => {
    const { house, buffer, collateral, keeper, lender, receiver, loan, trade } = await real();
    await loan.mint(receiver, 1n);
    const shares = await buffer.balanceOf(lender);
    await buffer.connect(lender).requestRedeem(shares / 4n, lender, lender);
    await time.increase(86_400);
    await house.observe(collateral);
    await trade(150);
    await time.increase(60);
    const paidBefore = await loan.balanceOf(receiver);
    const gas = await gasOf(buffer.connect(keeper).fulfil(lender, receiver));
    expect(await loan.balanceOf(receiver)).to.be.gt(paidBefore);
    expect((await buffer.claimable(lender)).assets).to.be.gt(usdc(100_000));
    expectPaid((await gasUnits()).fulfil, gas);
  });
});
