import { getAddress, id } from "ethers";
import { mainnet } from "../../scripts/replay/chain/addresses";
import { abi } from "../../scripts/replay/chain/chain";
import type { Engine, EngineFactory, World } from "../../scripts/replay/model/engine";
import { none } from "../../scripts/replay/engines/none";

const routerAbi = abi([
  "function exactInputSingle((address tokenIn, address tokenOut, uint24 fee, address recipient, uint256 deadline, uint256 amountIn, uint256 amountOutMinimum, uint160 sqrtPriceLimitX96)) payable returns (uint256)",
]);
const tokenAbi = abi(["function approve(address, uint256) returns (bool)"]);
const MAX = (1n << 256n) - 1n;

export const SELLER = getAddress(`0x${id("seller").slice(-40)}`);

/**
 * An engine whose keepers sell at chosen steps: `sales[step]` times the collateral that moves the pool by 1 %, through the real router. Each sale
 * is booked as if it had been seized from position 0.
 */
export function seller(sales: Readonly<Record<number, number>>): EngineFactory {
  return (world: World): Engine => {
    const market = world.markets[0];
    if (!market) throw new Error("no market");
    const { chain } = world;
    let step = -1;
    let sold = 0n;
    const sale = (amountIn: bigint): string =>
      routerAbi.encodeFunctionData("exactInputSingle", [
        {
          ...{
            tokenIn: market.collateral.address,
            tokenOut: world.loan.address,
            fee: market.poolFee,
            recipient: SELLER,
          },
          ...{ deadline: MAX, amountIn, amountOutMinimum: 0n, sqrtPriceLimitX96: 0n },
        },
      ]);
    return {
      ...none(world),
      keepers: [[SELLER]],
      deploy: async () => {
        await chain.setBalance(SELLER, 10n ** 24n);
        await chain.setTokenBalance(market.collateral.address, SELLER, 1000n * market.depth);
        const data = tokenAbi.encodeFunctionData("approve", [mainnet.swapRouter, MAX]);
        chain.send({ from: SELLER, to: market.collateral.address, data });
        await chain.settle("the seller's approval");
      },
      actKeepers: async () => {
        step++;
        const times = sales[step];
        if (times === undefined) return;
        sold = (market.depth * BigInt(Math.round(times * 1000))) / 1000n;
        chain.send({ from: SELLER, to: mainnet.swapRouter, data: sale(sold) });
      },
      settle: async ({ receipts }) => {
        const collateral = sold;
        sold = 0n;
        return receipts.some((receipt) => receipt.from === SELLER.toLowerCase())
          ? [{ kind: "seized", position: 0, collateral, repaid: 0n }]
          : [];
      },
    };
  };
}
