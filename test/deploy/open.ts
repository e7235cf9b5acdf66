import { takeSnapshot, time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { Interface, MaxUint256, parseEther, parseUnits, toQuantity } from "ethers";
import hre, { deployments, ethers, getNamedAccounts } from "hardhat";

import { instructionsFor, openingOf, readyAt } from "../../deploy/opening";
import { hardhat } from "../../deploy/parameters";
import { coreOf } from "../../deploy/protocol";
import { ROLES } from "../../deploy/roles";
import { type IVault, Vault__factory } from "../../typechain-types";
import { deployed } from "./fixture";

const BORROWED = parseUnits("2000", 6);
const unauthorized = new Interface(["error AccessManagedUnauthorized(address)"]).getError("AccessManagedUnauthorized");

/** Runs a test on a protocol of its own that is handed over and not opened, then leaves chain and deployments as they were. */
async function onHandedOver(test: (all: Awaited<ReturnType<typeof connect>>) => Promise<void>): Promise<void> {
  const [snapshot, before] = [await takeSnapshot(), await deployments.all()];
  try {
    await deployments.run("roles");
    await test(await connect());
  } finally {
    await snapshot.restore();
    for (const name of Object.keys(await deployments.all())) await deployments.delete(name);
    for (const [name, deployment] of Object.entries(before)) await deployments.save(name, deployment);
  }
}

async function connect() {
  const { governor, deployer } = await getNamedAccounts();
  const opening = await openingOf(hre);
  if (opening === null) throw new Error("nothing is left to open");
  return {
    ...(await coreOf(hre)),
    governor: await ethers.getSigner(governor!),
    deployer: await ethers.getSigner(deployer!),
    opening,
  };
}

/** A lender's cash and a borrower's WETH in the vault; returns a call that borrows against it. */
async function readyToBorrow() {
  const [lender, borrower] = (await ethers.getSigners()).slice(5);
  const at = async (name: string): Promise<string> => (await deployments.get(name)).address;
  const { vault } = await coreOf(hre);
  const usdc = await ethers.getContractAt("MockERC20", await at("USDC"));
  const weth = await ethers.getContractAt("MockERC20", await at("WETH"));
  await usdc.mint(lender!, 10n * BORROWED);
  await weth.mint(borrower!, parseEther("10"));
  await usdc.connect(lender).approve(vault, MaxUint256);
  await weth.connect(borrower).approve(vault, MaxUint256);
  await vault.connect(lender).deposit(10n * BORROWED, lender!);
  await vault.connect(borrower).supplyCollateral(weth, parseEther("10"), borrower!);
  return async () => vault.connect(borrower).borrow(weth, BORROWED, borrower!, borrower!);
}

async function refreshFeeds(): Promise<void> {
  for (const name of ["EthUsdFeed", "BtcUsdFeed", "WbtcBtcFeed", "UsdcUsdFeed"]) {
    const feed = await ethers.getContractAt("MockAggregatorV3", (await deployments.get(name)).address);
    await feed.setAnswer((await feed.latestRoundData())[1]);
  }
}

describe("opening the markets", () => {
  it("after every block of the deployment, either nobody can borrow or the deployer can't change a market", async () => {
    const { vault, manager, deployer, governor, weth, wbtc } = await deployed();
    const first = (await deployments.get("Vault")).receipt?.blockNumber ?? 0;
    const last = await ethers.provider.getBlockNumber();
    const tokens = [await weth.getAddress(), await wbtc.getAddress()];
    const vaultAbi = Vault__factory.createInterface();
    /** What a call from somebody would have come to after that block: its answer, or the data it reverted with. */
    const callAt = async (block: number, from: string, to: string, data: string): Promise<string> => {
      try {
        return (await ethers.provider.send("eth_call", [{ from, to, data }, toQuantity(block)])) as string;
      } catch (error) {
        const { data: bytes } = error as { data?: string | { data: string } };
        return (typeof bytes === "object" ? bytes.data : bytes) ?? "0x";
      }
    };
    const [vaultAt, managerAt] = [await vault.getAddress(), await manager.getAddress()];
    const seen = { closed: 0, open: 0, listed: 0, shared: 0 };
    for (let block = first; block <= last; block++) {
      let open = false;
      for (const token of tokens) {
        const answer = await callAt(block, deployer.address, vaultAt, vaultAbi.encodeFunctionData("market", [token]));
        const [market] = vaultAbi.decodeFunctionResult("market", answer) as unknown as [IVault.MarketStructOutput];
        open ||= market.debtCeiling !== 0n;
        if (market.lltvBps === 0n) continue;
        seen.listed++;
        const { oracle, borrowOracle, maxLtvBps, lltvBps, minDebt } = market;
        const opened = { oracle, borrowOracle, maxLtvBps, lltvBps, minDebt, debtCeiling: 1 };
        const change = vaultAbi.encodeFunctionData("setMarket", [token, opened]);
        const refusal = await callAt(block, deployer.address, vaultAt, change);
        const canChange = !refusal.startsWith(unauthorized?.selector ?? "");
        expect(canChange && open, `block ${block}: the deployer can change an open market`).to.equal(false);
      }
      const hasRole = async (role: bigint, account: string): Promise<boolean> => {
        const data = manager.interface.encodeFunctionData("hasRole", [role, account]);
        const answer = await callAt(block, deployer.address, managerAt, data);
        return manager.interface.decodeFunctionResult("hasRole", answer)[0] as boolean;
      };
      const roles = Object.values(ROLES);
      const byDeployer = (await Promise.all(roles.map(async (role) => hasRole(role, deployer.address)))).some(Boolean);
      const byGovernor = await Promise.all(roles.map(async (role) => hasRole(role, governor.address)));
      if (open) {
        expect(byDeployer, `block ${block}: the deployer holds a role`).to.equal(false);
        expect(byGovernor, `block ${block}: the governor lacks a role`).to.deep.equal([true, true, true]);
      }
      if (byDeployer && byGovernor.some(Boolean)) seen.shared++;
      seen[open ? "open" : "closed"]++;
    }
    expect(seen.closed).to.be.gt(10); // and the check has looked at both
    expect(seen.open).to.be.gt(0);
    expect(seen.listed).to.be.gt(10);
    expect(seen.shared).to.equal(0); // handed over at once
  });

  it("leaves them closed until the governor has waited, then open", async () => {
    await onHandedOver(async ({ manager, vault, governor, opening }) => {
      const borrow = await readyToBorrow();
      const closed = async (): Promise<void> => {
        await expect(borrow()).to.be.revertedWithCustomError(vault, "DebtCeilingExceeded");
      };
      await closed();
      expect(opening).to.include({ timelock: hardhat.timelock, manager: await manager.getAddress() });
      expect(opening.names).to.deep.equal(["ETH", "BTC"]);
      expect(await readyAt(hre, governor.address, opening)).to.equal(0);
      const execute = { to: opening.manager, data: opening.execute };
      await expect(governor.sendTransaction(execute)).to.be.revertedWithCustomError(
        manager,
        "AccessManagerNotScheduled",
      );
      await governor.sendTransaction({ to: opening.manager, data: opening.schedule });
      const ready = (await time.latest()) + hardhat.timelock;
      expect(await readyAt(hre, governor.address, opening)).to.equal(ready);
      await closed();

      await time.increaseTo(ready - 10);
      await refreshFeeds();
      await closed();
      await time.setNextBlockTimestamp(ready - 1);
      await expect(governor.sendTransaction(execute)).to.be.revertedWithCustomError(manager, "AccessManagerNotReady");
      await governor.sendTransaction(execute);
      expect(await openingOf(hre)).to.equal(null);
      await borrow();
    });
  });

  it("is for the governor alone", async () => {
    await onHandedOver(async ({ manager, deployer, opening }) => {
      for (const sender of [deployer, (await ethers.getSigners())[2]!]) {
        for (const data of [opening.schedule, opening.execute]) {
          await expect(sender.sendTransaction({ to: opening.manager, data })).to.be.revertedWithCustomError(
            manager,
            "AccessManagerUnauthorizedCall",
          );
        }
      }
    });
  });

  it("goes on from what the governor has announced already", async () => {
    await onHandedOver(async ({ governor, vault, opening }) => {
      await governor.sendTransaction({ to: opening.manager, data: opening.schedule });
      const [nonce, announced] = [await governor.getNonce(), await time.latest()];
      await deployments.run("open", { resetMemory: false });
      expect(await governor.getNonce()).to.equal(nonce + 1); // executed, not announced once more
      expect(await time.latest()).to.be.within(announced + hardhat.timelock, announced + hardhat.timelock + 20);
      const weth = (await deployments.get("WETH")).address;
      expect((await vault.market(weth)).debtCeiling).to.equal(50_000_000_000_000n);
    });
  });

  it("tells a governor whose key is elsewhere what to send, and when", async () => {
    await onHandedOver(async ({ governor, opening }) => {
      const words = instructionsFor(governor.address, opening);
      const { manager, schedule, execute } = opening;
      const oracle = (await deployments.get("ChainlinkOracle_BTC")).address;
      expect(opening.terms[1]).to.contain(`oracle ${oracle}`).and.to.contain("debtCeiling 20000000000000");
      for (const part of [...opening.terms, manager, schedule, execute, "ETH, BTC", "4.0 days", governor.address]) {
        expect(words).to.contain(part);
      }
      const atOnce = instructionsFor(governor.address, { ...opening, timelock: 0 });
      expect(atOnce).to.contain(execute).and.not.to.contain(schedule);
    });
  });
});
