import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AbiCoder, concat, id } from "ethers";
import { z } from "zod";
import { mainnet } from "./addresses";
import { ownArtifact, packageArtifact, packageRoot } from "./artifacts";
import { startAnvil, type Anvil } from "./anvil";
import { placeContract } from "./place";

const BUILDER = `0x${id("spillway replay builder").slice(-40)}`;

/**
 * Builds a *reconstructed* mainnet: the published bytecode of WETH9, Uniswap v3 and Multicall3 at its mainnet addresses,
 * with plain ERC-20s in place of USDC and WBTC. It holds nothing else of mainnet, above all none of its state.
 * `timestamp` is the genesis block's.
 */
export async function reconstructMainnet(timestamp: number): Promise<Anvil> {
  const anvil = await startAnvil({ timestamp });
  const { rpc } = anvil;
  try {
    await rpc.call("anvil_autoImpersonateAccount", true);
    await rpc.call("anvil_setBalance", BUILDER, "0x21e19e0c9bab2400000");
    let time = timestamp;
    const place = (address: string, code: string, types: string[] = [], values: unknown[] = []): Promise<void> =>
      placeContract(rpc, address, concat([code, AbiCoder.defaultAbiCoder().encode(types, values)]), BUILDER, ++time);

    const uniswap = (path: string): string => {
      const [name, folder] = path.startsWith("lens/") ? [path.slice(5), "lens/"] : [path, ""];
      return packageArtifact("@uniswap/v3-periphery", `artifacts/contracts/${folder}${name}.sol/${name}.json`).bytecode;
    };
    const factory = packageArtifact(
      "@uniswap/v3-core",
      "artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json",
    );
    const { uniswapFactory, weth } = mainnet;
    const twoAddresses = ["address", "address"];
    await place(weth, packageArtifact("canonical-weth", "build/contracts/WETH9.json").bytecode);
    await place(uniswapFactory, factory.bytecode);
    await place(mainnet.swapRouter, uniswap("SwapRouter"), twoAddresses, [uniswapFactory, weth]);
    await place(mainnet.quoterV2, uniswap("lens/QuoterV2"), twoAddresses, [uniswapFactory, weth]);
    // the descriptor only draws pictures of positions; nothing is at its address
    const manager = [uniswapFactory, weth, mainnet.positionDescriptor];
    await place(mainnet.positionManager, uniswap("NonfungiblePositionManager"), [...twoAddresses, "address"], manager);
    await place(mainnet.multicall3, multicall3());
    const token = ownArtifact("mocks/ReplayToken.sol", "ReplayToken").bytecode;
    await place(mainnet.usdc, token, ["string", "string", "uint8"], ["USD Coin", "USDC", 6]);
    await place(mainnet.wbtc, token, ["string", "string", "uint8"], ["Wrapped BTC", "WBTC", 8]);
    return anvil;
  } catch (error) {
    await anvil.stop();
    throw error;
  }
}

/** Multicall3's creation code: viem carries it for chains that lack the contract. */
export function multicall3(): string {
  const path = join(packageRoot("viem"), "_cjs/constants/contracts.js");
  const found = /multicall3Bytecode = '(0x[0-9a-f]+)'/.exec(readFileSync(path, "utf8"));
  return z.string().parse(found?.[1]);
}
