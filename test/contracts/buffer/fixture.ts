import { impersonateAccount, loadFixture, setBalance } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { type AddressLike, type Signer } from "ethers";
import { ethers } from "hardhat";

import { PAY, WAD, coreWithoutInterest, time, usdc, weth } from "../fixture";

export const HALF_HOUR = 1800;
export const DAY = 86_400;
export const COOLDOWN = 3 * DAY;

/** Shares of the first underwriter, who deposited 200,000 USDC. */
export const SHARES = usdc(200_000) * 1000n;

/** `KeeperPay.FULFIL_GAS`. */
export const FULFIL_GAS = 370_000n;

type Core = Awaited<ReturnType<typeof coreWithoutInterest>>;

export async function signerOf(contract: AddressLike) {
  const address = await ethers.resolveAddress(contract);
  await impersonateAccount(address);
  await setBalance(address, 1000n * WAD);
  return ethers.getSigner(address);
}

/** What underwriters do, whatever else the market is like. */
export function underwriting({ buffer, house, collateral }: Pick<Core, "buffer" | "house" | "collateral">) {
  /** Observes the price, and half an hour later requests can be fulfilled. */
  const watch = async (): Promise<void> => {
    await house.observe(collateral);
    await time.increase(HALF_HOUR);
  };
  /** All that an owner has, or so many shares, requested, and the cooldown over. Observed, and watched for half an hour. */
  const request = async (owner: Signer, shares?: bigint): Promise<void> => {
    await buffer.connect(owner).requestRedeem(shares ?? (await buffer.balanceOf(owner)), owner, owner);
    await time.increase(COOLDOWN);
    await watch();
  };
  /** A request fulfilled and claimed to the last share. Returns what came out, in the loan asset's units. */
  const leave = async (owner: Signer, shares?: bigint): Promise<bigint> => {
    await request(owner, shares);
    await buffer.fulfil(owner, owner);
    const assets = await buffer.maxWithdraw(owner);
    await buffer.connect(owner).redeem(await buffer.maxRedeem(owner), owner, owner);
    return assets;
  };
  return { watch, request, leave };
}

async function deployBuffering() {
  const all = await coreWithoutInterest();
  const { vault, house, buffer, collateral, loan, borrower, open } = all;
  await open(borrower, weth(400), usdc(400_000));
  // so that figures are those of the buffer alone; `payKeepers` is the way back
  await house.setPay({ ...PAY, capBps: 0 });
  const asHouse = await signerOf(house);
  const asVault = await signerOf(vault);

  /** An absorption from the borrower's position, as the auction house has it done. */
  const absorb = async (amount: bigint, cost: bigint): Promise<number> => {
    await buffer.connect(asHouse).absorb(collateral, amount, cost);
    const at = await time.latest();
    const fills = [{ owner: borrower, collateral: amount, repaid: cost, pay: 0n }];
    await vault.connect(asHouse).settle(collateral, fills, 0n, buffer, buffer, ethers.ZeroAddress, "0x");
    return at;
  };
  /** Pays the buffer a fee, which it has not collected yet. */
  const earnFee = async (fee: bigint): Promise<void> => {
    const payer = all.keeper;
    await vault.connect(asHouse).settle(collateral, [], fee, payer, payer, ethers.ZeroAddress, "0x");
  };
  /** Keepers are paid as in the core, by whatever price the native coin has. */
  const payKeepers = async (change: Partial<typeof PAY> = {}): Promise<void> => {
    await house.setPay({ ...PAY, nativeOracle: all.oracle, wrappedNative: collateral, ...change });
  };
  /** B1: cash, claims and inventory are what the buffer holds, to the unit. */
  const expectBalanced = async (): Promise<void> => {
    expect(await loan.balanceOf(buffer)).to.equal((await buffer.cash()) + (await buffer.setAside()));
    expect(await collateral.balanceOf(buffer)).to.equal((await buffer.inventory(collateral)).amount);
  };
  return { ...all, ...underwriting(all), asHouse, asVault, absorb, earnFee, payKeepers, expectBalanced };
}

/** The core without interest and without pay, a borrower of 400 WETH and 400,000 USDC, and absorptions at will. */
export async function buffering(): Promise<Awaited<ReturnType<typeof deployBuffering>>> {
  return loadFixture(deployBuffering);
}
