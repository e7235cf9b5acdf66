import { id } from "ethers";
import { z } from "zod";
import type { Rpc, RpcCall } from "../../lib";

const hexBigint = z.string().transform(BigInt);
const pooledShape = z.looseObject({
  hash: z.string(),
  from: z.string(),
  nonce: z.string().transform(Number),
  maxFeePerGas: hexBigint,
  maxPriorityFeePerGas: hexBigint,
  // of a transaction from an account that the node impersonates
  r: z.string().transform((text) => BigInt(text)),
});
const poolShape = z.record(z.string(), z.record(z.string(), pooledShape));
const contentShape = z.object({ pending: poolShape, queued: poolShape });

/** A transaction as far as its place in a block depends on it. Fees in wei for a unit of gas. */
export interface Pooled {
  from: string;
  nonce: number;
  maxFeePerGas: bigint;
  maxPriorityFeePerGas: bigint;
}

/** Decides about equal tips: which account goes first in a block, by its number. */
export type Lot = (account: string, block: number) => string;

/** Draws lots from a seed, anew for each block, so that no account is always first. */
export function lotsFrom(seed: number): Lot {
  return (account, block) => id(`${seed} ${block} ${account.toLowerCase()}`);
}

/** As builders fill a block: of all accounts' next transactions always the one that leaves them most for a unit of gas. */
export function inBuildersOrder<T extends Pooled>(
  pool: readonly T[],
  baseFee: bigint,
  lotOf: (account: string) => string,
): T[] {
  const tipOf = ({ maxFeePerGas, maxPriorityFeePerGas: tip }: T): bigint => {
    const left = maxFeePerGas - baseFee;
    return tip < left ? tip : left;
  };
  const queues = new Map<string, T[]>();
  for (const one of pool.toSorted((a, b) => a.nonce - b.nonce)) {
    queues.set(one.from, [...(queues.get(one.from) ?? []), one]);
  }
  const ranked = [...queues.values()].map((queue) => ({ queue, lot: lotOf(queue[0]?.from ?? "") }));
  ranked.sort((a, b) => (a.lot < b.lot ? -1 : 1));
  const ordered: T[] = [];
  while (ordered.length < pool.length) {
    const heads = ranked.flatMap(({ queue }) => (queue[0] === undefined ? [] : [{ queue, tip: tipOf(queue[0]) }]));
    const best = heads.reduce((a, b) => (b.tip > a.tip ? b : a));
    ordered.push(...best.queue.splice(0, 1));
  }
  return ordered;
}

/**
 * Takes all transactions out of a node's pool. Those that can't pay the base fee are not put back: anvil, which would drop
 * them when it mines, refuses them. Their keeper sends them again.
 * @returns The calls that put them back, in the order in which a builder would have them in the next block.
 */
export async function emptyPool(rpc: Rpc, baseFee: bigint, block: number, lot: Lot): Promise<RpcCall[]> {
  const { pending, queued } = contentShape.parse(await rpc.call("txpool_content"));
  const pool = [pending, queued].flatMap((part) => Object.values(part).flatMap((byNonce) => Object.values(byNonce)));
  if (pool.length === 0) return [];
  const included = pool.filter(({ maxFeePerGas }) => maxFeePerGas >= baseFee);
  const ordered = inBuildersOrder(included, baseFee, (account) => lot(account, block));
  const raws = await rpc.batch(ordered.map(({ hash }) => ["eth_getRawTransactionByHash", [hash]]));
  await rpc.call("anvil_dropAllTransactions");
  return ordered.map((one, index) => {
    if (one.r !== 0n) return ["eth_sendRawTransaction", [raws[index]]];
    const { from, to, value, input, gas } = one;
    const [nonce, maxFeePerGas, maxPriorityFeePerGas] = [
      BigInt(one.nonce),
      one.maxFeePerGas,
      one.maxPriorityFeePerGas,
    ].map((amount) => `0x${amount.toString(16)}`);
    return ["eth_sendTransaction", [{ from, to, value, data: input, gas, nonce, maxFeePerGas, maxPriorityFeePerGas }]];
  });
}
