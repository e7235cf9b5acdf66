import { Interface, MaxUint256, toQuantity } from "ethers";

import { hardhat } from "../../deploy/parameters";
import { deployTo } from "../../scripts/deployTo";
import { type Anvil, startAnvil } from "../../scripts/replay/chain/anvil";
import { MockERC20__factory, Vault__factory } from "../../typechain-types";

const token = MockERC20__factory.createInterface();
const vault = Vault__factory.createInterface();
const buffer = new Interface(["function deposit(uint256, address) returns (uint256)"]);

export interface Deployment {
  anvil: Anvil;
  /** Of each deployment, by its name. */
  addresses: Record<string, string>;
  /** What `hardhat deploy --export` writes. */
  record: string;
  /** Of ether, at 60, 70 and 79 %. */
  borrowers: string[];
  stop: () => Promise<void>;
}

/** An anvil with the protocol as its own scripts deploy it, lenders, underwriters, and a few borrowers of ether. */
export async function deployment(): Promise<Deployment> {
  const anvil = await startAnvil({});
  const addresses = await deployTo(anvil.url, hardhat);
  const at = (name: string): string => addresses[name]!;
  const send = async (from: string, to: string, data: string): Promise<void> => {
    await anvil.rpc.call("anvil_setBalance", from, toQuantity(10n ** 20n));
    await anvil.rpc.call("anvil_impersonateAccount", from);
    const hash = await anvil.rpc.call("eth_sendTransaction", { from, to, data, gas: toQuantity(3_000_000) });
    await anvil.rpc.call("evm_mine");
    const receipt = (await anvil.rpc.call("eth_getTransactionReceipt", hash)) as { status: string };
    if (receipt.status !== "0x1") throw new Error(`a transaction to ${to} reverted`);
  };
  const fund = async (who: string, asset: string, amount: bigint, spender: string): Promise<void> => {
    await send(who, asset, token.encodeFunctionData("mint", [who, amount]));
    await send(who, asset, token.encodeFunctionData("approve", [spender, MaxUint256]));
  };
  const lender = `0x${"11".repeat(20)}`;
  await fund(lender, at("USDC"), 2_000_000n * 10n ** 6n, at("Vault"));
  await send(lender, at("Vault"), vault.encodeFunctionData("deposit", [1_000_000n * 10n ** 6n, lender]));
  await send(lender, at("USDC"), token.encodeFunctionData("approve", [at("LiquidityBuffer"), MaxUint256]));
  await send(lender, at("LiquidityBuffer"), buffer.encodeFunctionData("deposit", [200_000n * 10n ** 6n, lender]));
  const borrowers: string[] = [];
  for (const [i, percent] of [60n, 70n, 79n].entries()) {
    const owner = `0x${(0xb0 + i).toString(16).repeat(20)}`;
    borrowers.push(owner);
    await fund(owner, at("WETH"), 10n * 10n ** 18n, at("Vault"));
    const supply = vault.encodeFunctionData("supplyCollateral", [at("WETH"), 10n * 10n ** 18n, owner]);
    await send(owner, at("Vault"), supply);
    const debt = (20_000n * 10n ** 6n * percent) / 100n;
    await send(owner, at("Vault"), vault.encodeFunctionData("borrow", [at("WETH"), debt, owner, owner]));
  }
  await anvil.rpc.call("evm_mine");
  const contracts = Object.fromEntries(
    Object.entries(addresses).map(([name, address]) => [name, { address, abi: [] }]),
  );
  const record = JSON.stringify({ name: "fork", chainId: String(hardhat.chainId), contracts });
  return { anvil, addresses, record, borrowers, stop: () => anvil.stop() };
}
