import { impersonateAccount, loadFixture, setBalance } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { type AddressLike } from "ethers";
import { ethers } from "hardhat";

import { WAD, coreWithoutInterest, time, usdc, weth } from "../fixture";

export const DAY = 86_400;
export const COOLDOWN = 3 * DAY;

async function signerOf(contract: AddressLike) {
  const address = await ethers.resolveAddress(contract);
  await impersonateAccount(address);
  await setBalance(address, WAD);
  return ethers.getSigner(address);
}

async function deployBuffering() {
  const all = await coreWithoutInterest();
  const { vault, house, buffer, collateral, loan, borrower, open } = all;
  await open(borrower, weth(400), usdc(400_000));
  const asHouse = await signerOf(house);
  const asVault = await signerOf(vault);

  /** A take-over from the borrower's position, as the auction house has it done. */
  const takeOver = async (amount: bigint, cost: bigint): Promise<number> => {
    await buffer.connect(asHouse).takeOver(collateral, amount, cost);
    const at = await time.latest();
    const fills = [{ owner: borrower, collateral: amount, repaid: cost, pay: 0n }];
    await vault.connect(asHouse).settle(collateral, fills, 0n, buffer, buffer, buffer, "0x");
    return at;
  };
  /** Pays the buffer a fee, which it has not collected yet. */
  const earnFee = async (fee: bigint): Promise<void> => {
    const payer = all.keeper;
    await vault.connect(asHouse).settle(collateral, [], fee, payer, payer, payer, "0x");
  };
  /** B1: cash and inventory are what the buffer holds, to the unit. */
  const expectBalanced = async (): Promise<void> => {
    expect(await loan.balanceOf(buffer)).to.equal(await buffer.cash());
    expect(await collateral.balanceOf(buffer)).to.equal((await buffer.inventory(collateral)).amount);
  };
  return { ...all, asHouse, asVault, takeOver, earnFee, expectBalanced };
}

/** The core without interest, a borrower of 400 WETH and 400,000 USDC, and take-overs at will. */
export async function buffering(): Promise<Awaited<ReturnType<typeof deployBuffering>>> {
  return loadFixture(deployBuffering);
}
