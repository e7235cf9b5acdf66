import { type HardhatEthersSigner } from "@nomicfoundation/hardhat-ethers/signers";
import { time } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { type Contract, type FunctionFragment, id, Interface, type ParamType, type Result } from "ethers";
import { ethers } from "hardhat";

import { hardhat } from "../../deploy/parameters";
import { PRIVILEGES, ROLES } from "../../deploy/roles";
import { type Deployed, deployed } from "./fixture";

const TARGETS = ["Vault", "AuctionHouse", "LiquidityBuffer"] as const;
type Target = (typeof TARGETS)[number];

const errors = new Interface([
  "error AccessManagedUnauthorized(address caller)",
  "error AccessManagerUnauthorizedAccount(address account, uint64 role)",
  "error AccessManagerNotScheduled(bytes32 operation)",
  "error NotAllowed(address caller, address expected)",
]);

function contractOf({ vault, house, buffer }: Deployed, target: Target): Contract {
  return { Vault: vault, AuctionHouse: house, LiquidityBuffer: buffer }[target] as unknown as Contract;
}

/** Some argument of that type, good enough to be decoded. */
function argument(type: ParamType): unknown {
  if (type.arrayChildren !== null) return [];
  if (type.components !== null) return type.components.map(argument);
  if (type.type === "address") return "0x000000000000000000000000000000000000dEaD";
  if (type.type === "bool") return true;
  if (type.type === "bytes") return "0x";
  if (type.type === "string") return "GOVERNOR";
  return type.type.startsWith("bytes") ? id("").slice(0, 2 + 2 * Number(type.type.slice(5))) : 1;
}

function changing(contract: Contract): FunctionFragment[] {
  const found: FunctionFragment[] = [];
  contract.interface.forEachFunction((fragment) => {
    if (!fragment.constant) found.push(fragment);
  });
  return found;
}

/** The fields of a struct as a contract answers it. */
function fieldsOf(struct: object): Record<string, unknown> {
  return (struct as Result).toObject();
}

/** The name of the error with which a call is refused; empty when it isn't, "other" when the error is none of `errors`. */
async function refusal(contract: Contract, fragment: FunctionFragment, from: HardhatEthersSigner): Promise<string> {
  const data = contract.interface.encodeFunctionData(fragment, fragment.inputs.map(argument));
  try {
    await ethers.provider.call({ from: from.address, to: await contract.getAddress(), data });
    return "";
  } catch (error) {
    // a string, or nested once more where Hardhat does not know the error
    const { data } = error as { data?: string | { data: string } };
    const bytes = typeof data === "object" ? data.data : data;
    return (bytes !== undefined && errors.parseError(bytes)?.name) || "other";
  }
}

describe("roles", () => {
  /** Functions by who may call them, as `deploy/roles.ts` says, with those that are the admin's by default. */
  const expected = (target: Target): Record<string, string> => ({
    ...Object.fromEntries(
      PRIVILEGES.filter(({ contract }) => contract === target).flatMap(({ functions, role }) =>
        functions.map((name) => [name, role]),
      ),
    ),
    ...(target === "Vault" && { link: "ADMIN" }),
  });

  describe("G1: every privileged call is refused to everyone without its role", () => {
    for (const target of TARGETS) {
      it(`${target}: to a stranger, and nothing else is privileged`, async () => {
        const all = await deployed();
        const stranger = (await ethers.getSigners())[9]!;
        const contract = contractOf(all, target);
        const refused: string[] = [];
        for (const fragment of changing(contract)) {
          if ((await refusal(contract, fragment, stranger)) === "AccessManagedUnauthorized")
            refused.push(fragment.name);
        }
        expect(refused.sort()).to.deep.equal([...Object.keys(expected(target)), "setAuthority"].sort());
      });

      it(`${target}: to deployer, guardian and governor beyond their roles`, async () => {
        const all = await deployed();
        const { deployer, guardian, governor } = all;
        const contract = contractOf(all, target);
        for (const [name, role] of Object.entries(expected(target))) {
          const fragment = contract.getFunction(name).fragment;
          const isGuardians = role === "GUARDIAN";
          expect(await refusal(contract, fragment, deployer), name).to.equal("AccessManagedUnauthorized");
          expect(await refusal(contract, fragment, guardian), name).to.equal(
            isGuardians ? "" : "AccessManagedUnauthorized",
          );
          // not before it was announced
          expect(await refusal(contract, fragment, governor), name).to.equal(
            isGuardians ? "" : "AccessManagerNotScheduled",
          );
        }
        for (const from of [deployer, guardian, governor]) {
          const fragment = contract.getFunction("setAuthority").fragment;
          expect(await refusal(contract, fragment, from)).to.equal("AccessManagedUnauthorized");
        }
      });
    }

    it("what the contracts call on each other is refused to everybody", async () => {
      const all = await deployed();
      const [stranger] = (await ethers.getSigners()).slice(9);
      const calls: [Target, string][] = [
        ["Vault", "settle"],
        ["Vault", "pay"],
        ["Vault", "setLaneCeiling"],
        ["Vault", "collectBufferFees"],
        ["LiquidityBuffer", "absorb"],
        ["LiquidityBuffer", "cover"],
      ];
      for (const [target, name] of calls) {
        const contract = contractOf(all, target);
        for (const from of [all.deployer, all.guardian, all.governor, stranger!]) {
          expect(await refusal(contract, contract.getFunction(name).fragment, from), name).to.equal("NotAllowed");
        }
      }
    });

    it("AccessManager: nobody but the governor changes roles, and it has to announce it", async () => {
      const { manager, deployer, guardian, governor } = await deployed();
      const contract = manager as unknown as Contract;
      for (const name of [
        "grantRole",
        "revokeRole",
        "setRoleAdmin",
        "setRoleGuardian",
        "setGrantDelay",
        "setTargetFunctionRole",
        "setTargetAdminDelay",
        "setTargetClosed",
        "updateAuthority",
        "labelRole",
      ]) {
        // prettier-ignore
        const { fragment } = contract.getFunction(name);
        for (const from of [deployer, guardian]) {
          expect(await refusal(contract, fragment, from), name).to.equal("AccessManagerUnauthorizedAccount");
        }
        expect(await refusal(contract, fragment, governor), name).to.equal("AccessManagerNotScheduled");
      }
    });
  });

  it("end with the governor behind the timelock, the guardian, and a deployer without any", async () => {
    const { manager, deployer, governor, guardian } = await deployed();
    const held = async (role: bigint, account: HardhatEthersSigner): Promise<[boolean, bigint]> => {
      const { isMember, executionDelay } = await manager.hasRole(role, account);
      return [isMember, executionDelay];
    };
    const timelock = BigInt(hardhat.timelock);
    for (const role of Object.values(ROLES)) expect(await held(role, deployer)).to.deep.equal([false, 0n]);
    expect(await held(ROLES.ADMIN, governor)).to.deep.equal([true, timelock]);
    expect(await held(ROLES.GOVERNOR, governor)).to.deep.equal([true, timelock]);
    expect(await held(ROLES.GUARDIAN, governor)).to.deep.equal([true, 0n]);
    expect(await held(ROLES.GUARDIAN, guardian)).to.deep.equal([true, 0n]);
    expect(await held(ROLES.ADMIN, guardian)).to.deep.equal([false, 0n]);
    expect(await held(ROLES.GOVERNOR, guardian)).to.deep.equal([false, 0n]);
    // nobody can stop what the governor announced but the governor itself
    expect(await manager.getRoleGuardian(ROLES.GOVERNOR)).to.equal(ROLES.ADMIN);
  });

  describe("timelock", () => {
    it("lets the governor act when it is over, not before and not twice", async () => {
      const { manager, governor, vault } = await deployed();
      const data = vault.interface.encodeFunctionData("setInterestShares", [600, 700]);
      const byGovernor = manager.connect(governor);
      await expect(byGovernor.execute(vault, data)).to.be.revertedWithCustomError(manager, "AccessManagerNotScheduled");
      await byGovernor.schedule(vault, data, 0);
      const ready = (await time.latest()) + hardhat.timelock;

      await time.setNextBlockTimestamp(ready - 1);
      await expect(byGovernor.execute(vault, data)).to.be.revertedWithCustomError(manager, "AccessManagerNotReady");
      expect(await vault.reserveShareBps()).to.equal(500);

      await time.setNextBlockTimestamp(ready);
      await expect(byGovernor.execute(vault, data)).to.emit(vault, "InterestSharesSet").withArgs(600, 700);
      await expect(byGovernor.execute(vault, data)).to.be.revertedWithCustomError(manager, "AccessManagerNotScheduled");
    });

    it("can't be scheduled by anyone else", async () => {
      const { manager, guardian, deployer, vault } = await deployed();
      const data = vault.interface.encodeFunctionData("setInterestShares", [600, 700]);
      for (const from of [guardian, deployer]) {
        await expect(manager.connect(from).schedule(vault, data, 0)).to.be.revertedWithCustomError(
          manager,
          "AccessManagerUnauthorizedCall",
        );
      }
    });

    it("forgets what was announced a week ago", async () => {
      const { manager, governor, vault } = await deployed();
      const data = vault.interface.encodeFunctionData("setInterestShares", [600, 700]);
      await manager.connect(governor).schedule(vault, data, 0);
      await time.increase(hardhat.timelock + 7 * 86_400);
      await expect(manager.connect(governor).execute(vault, data)).to.be.revertedWithCustomError(
        manager,
        "AccessManagerExpired",
      );
    });

    it("holds for the roles themselves", async () => {
      const { manager, governor } = await deployed();
      const newcomer = (await ethers.getSigners())[9]!;
      const data = manager.interface.encodeFunctionData("grantRole", [ROLES.GUARDIAN, newcomer.address, 0]);
      await manager.connect(governor).schedule(manager, data, 0);
      await expect(manager.connect(governor).execute(manager, data)).to.be.revertedWithCustomError(
        manager,
        "AccessManagerNotReady",
      );
      await time.increase(hardhat.timelock);
      await manager.connect(governor).execute(manager, data);
      expect((await manager.hasRole(ROLES.GUARDIAN, newcomer)).isMember).to.equal(true);
    });

    it("holds for every parameter that touches risk, and the one call of each sets it", async () => {
      const { manager, governor, vault, house, buffer, weth, feeds } = await deployed();
      const market = await vault.market(weth);
      const { oracle, borrowOracle, lltvBps, debtCeiling, minDebt } = market;
      const risk = { oracle, borrowOracle, maxLtvBps: 7000, lltvBps, debtCeiling, minDebt };
      const lane = { ...fieldsOf(await house.laneParameters(weth)), paceBps: 100 };
      const inventory = { ...fieldsOf(await buffer.inventoryParameters(weth)), haircutBps: 600 };
      const calls = [
        [vault, vault.interface.encodeFunctionData("setMarket", [await weth.getAddress(), risk])],
        [house, house.interface.encodeFunctionData("setLane", [await weth.getAddress(), lane as never])],
        [buffer, buffer.interface.encodeFunctionData("setInventoryParameters", [await weth.getAddress(), inventory as never])],
        [buffer, buffer.interface.encodeFunctionData("setCooldown", [5 * 86_400])],
      ] as const; // prettier-ignore
      for (const [target, data] of calls) await manager.connect(governor).schedule(target, data, 0);
      for (const [target, data] of calls) {
        await expect(manager.connect(governor).execute(target, data)).to.be.revertedWithCustomError(
          manager,
          "AccessManagerNotReady",
        );
      }
      await time.increase(hardhat.timelock);
      for (const feed of Object.values(feeds)) await feed.setAnswer((await feed.latestRoundData())[1]);
      for (const [target, data] of calls) await manager.connect(governor).execute(target, data);
      expect((await vault.market(weth)).maxLtvBps).to.equal(7000);
      expect((await house.laneParameters(weth)).paceBps).to.equal(100);
      expect((await buffer.inventoryParameters(weth)).haircutBps).to.equal(600);
      expect(await buffer.cooldown()).to.equal(5 * 86_400);
    });
  });

  describe("guardian", () => {
    it("pauses new borrowing at once, and ends the pause; so does the governor", async () => {
      const { vault, guardian, governor } = await deployed();
      await expect(vault.connect(guardian).setBorrowPaused(true)).to.emit(vault, "BorrowPausedSet").withArgs(true);
      await vault.connect(guardian).setBorrowPaused(false);
      expect(await vault.borrowPaused()).to.equal(false);
      await vault.connect(governor).setBorrowPaused(true);
      expect(await vault.borrowPaused()).to.equal(true);
    });
  });

  it("keep the vault's parts for good: not even the admin links a second time", async () => {
    const { manager, governor, vault, house, buffer } = await deployed();
    const data = vault.interface.encodeFunctionData("link", [await house.getAddress(), await buffer.getAddress()]);
    await manager.connect(governor).schedule(vault, data, 0);
    await time.increase(hardhat.timelock);
    await expect(manager.connect(governor).execute(vault, data)).to.be.revertedWithCustomError(vault, "AlreadyLinked");
  });
});
