import { expect } from "chai";
import { Wallet, id } from "ethers";
import { startAnvil, type Anvil } from "../../scripts/replay/chain/anvil";
import { inBuildersOrder, lotsFrom, type Lot, type Pooled } from "../../scripts/replay/chain/builder";
import { NodeChain } from "../../scripts/replay/chain/chain";
import type { EngineResult } from "../../scripts/replay/model/result";
import { runReplay } from "../../scripts/replay/run";

const GWEI = 10n ** 9n;

describe("a builder's order", () => {
  const one = (from: string, nonce: number, tip: bigint, maxFeePerGas = 100n): Pooled => ({
    ...{ from, nonce, maxFeePerGas, maxPriorityFeePerGas: tip },
  });
  const order = (pool: Pooled[], lotOf = (account: string) => account): string[] =>
    inBuildersOrder(pool, 10n, lotOf).map(({ from, nonce }) => `${from}${nonce}`);

  it("is by what is left of the tip, not by the maximal fee", () => {
    expect(order([one("a", 0, 1n, 1000n), one("b", 0, 3n), one("c", 0, 2n, 50n)])).to.deep.equal(["b0", "c0", "a0"]);
    // of a tip of 9 there are 2 left at a maximal fee of 12
    expect(order([one("a", 0, 9n, 12n), one("b", 0, 3n)])).to.deep.equal(["b0", "a0"]);
    // what can't pay the base fee waits behind all others
    expect(order([one("a", 0, 9n, 9n), one("b", 0, 0n)])).to.deep.equal(["b0", "a0"]);
  });

  it("keeps each account's nonces in order: a high tip waits behind its own low one", () => {
    const pool = [one("a", 1, 9n), one("a", 0, 1n), one("b", 7, 5n), one("b", 8, 2n)];
    expect(order(pool)).to.deep.equal(["b7", "b8", "a0", "a1"]);
  });

  it("is by lot where tips are the same, drawn anew for each block, the same for the same seed", () => {
    const pool = [one("a", 0, 1n), one("b", 0, 1n), one("c", 0, 1n)];
    const lots: Record<string, string> = { a: "2", b: "0", c: "1" };
    expect(order(pool, (account) => lots[account] ?? "")).to.deep.equal(["b0", "c0", "a0"]);
    const firsts = (lot: Lot): string[] =>
      Array.from({ length: 300 }, (_, block) => order(pool, (account) => lot(account, block))[0] ?? "");
    const counts = ["a0", "b0", "c0"].map((name) => firsts(lotsFrom(1)).filter((first) => first === name).length);
    for (const count of counts) expect(count).to.be.within(70, 130);
    expect(firsts(lotsFrom(1))).to.deep.equal(firsts(lotsFrom(1)));
    expect(firsts(lotsFrom(2))).to.not.deep.equal(firsts(lotsFrom(1)));
  });
});

describe("a chain with a builder", () => {
  let anvil: Anvil;
  let chain: NodeChain;
  const wallets = ["a", "b", "c"].map((name) => new Wallet(id(`builder's ${name}`)));
  const QUEUED = "0x00000000000000000000000000000000000000aa";
  const IMPERSONATED = "0x00000000000000000000000000000000000000bb";

  before(async () => {
    anvil = await startAnvil({ timestamp: 1_700_000_000, inOrder: true });
    chain = new NodeChain(anvil.rpc, lotsFrom(1));
    await chain.start();
    for (const account of [...wallets.map(({ address }) => address), QUEUED, IMPERSONATED]) {
      await chain.setBalance(account, 10n ** 24n);
    }
  });
  after(() => anvil.stop());

  const send = async (wallet: Wallet, nonce: number, maxFee: bigint, tip: bigint): Promise<void> => {
    const fees = { maxFeePerGas: maxFee * GWEI, maxPriorityFeePerGas: tip * GWEI };
    const call = { type: 2, chainId: 1, nonce, to: QUEUED, gasLimit: 21_000n, ...fees };
    await anvil.rpc.call("eth_sendRawTransaction", await wallet.signTransaction(call));
  };
  const senders = ({ receipts }: { receipts: { from: string }[] }): string[] =>
    receipts.map(({ from }) => wallets.find(({ address }) => address.toLowerCase() === from)?.address ?? from);

  it("has what is queued first, then the rest by tip, whatever the maximal fee and the time of sending", async () => {
    const [a, b, c] = wallets as [Wallet, Wallet, Wallet];
    await send(a, 0, 100n, 1n);
    await send(b, 0, 5n, 3n);
    await send(c, 0, 7n, 2n);
    const fees = { maxFeePerGas: "0x2540be400", maxPriorityFeePerGas: "0x9502f900" }; // 10 and 2.5 gwei
    await anvil.rpc.call("eth_sendTransaction", { from: IMPERSONATED, to: QUEUED, gas: "0x5208", ...fees });
    chain.send({ from: QUEUED, to: a.address, data: "0x", gas: 21_000n });
    chain.send({ from: QUEUED, to: b.address, data: "0x", gas: 21_000n });
    const block = await chain.mine(chain.timestamp + 12, GWEI);
    expect(senders(block)).to.deep.equal([QUEUED, QUEUED, b.address, IMPERSONATED, c.address, a.address]);
    expect(block.queued).to.have.lengthOf(2);
  });

  it("drops what can't pay the base fee, as the node itself does when it mines", async () => {
    const [a, b] = wallets as [Wallet, Wallet];
    await send(a, 1, 5n, 1n);
    await send(b, 1, 50n, 1n);
    expect(senders(await chain.mine(chain.timestamp + 12, 10n * GWEI))).to.deep.equal([b.address]);
    expect(senders(await chain.mine(chain.timestamp + 12, GWEI))).to.deep.equal([]);
    await send(a, 1, 5n, 1n);
    expect(senders(await chain.mine(chain.timestamp + 12, GWEI))).to.deep.equal([a.address]);
  });
});

describe("a replay with rivals", () => {
  const run = async (rivals: number): Promise<Record<string, EngineResult>> => {
    const { result } = await runReplay({
      ...{ scenario: "black-thursday", engines: ["spillway", "aave-v3"], bookToDepth: 150, buffer: 0.02, seed: 1 },
      ...{ match: "distance", keepers: "profit", rivals, stepSeconds: 60, amplification: false, command: "" },
      ...{ fromSeconds: 10.4 * 3600, toSeconds: 11.2 * 3600, onProgress: () => undefined },
    });
    expect(result.parameters.rivals).to.equal(rivals);
    return result.engines;
  };

  it("says what each keeper earns, won and lost, and is the same again to the state root", async function () {
    this.timeout(400_000);
    const [alone, four, again] = [await run(0), await run(3), await run(3)];
    for (const name of ["spillway", "aave-v3"]) {
      const { perKeeper, transactions, keeperProfitPct, stateRoot } = four[name]!;
      expect(perKeeper).to.have.lengthOf(4);
      const sum = (of: (keeper: (typeof perKeeper)[number]) => number): number =>
        perKeeper.reduce((total, keeper) => total + of(keeper), 0);
      expect(sum(({ profitPct }) => profitPct)).to.be.closeTo(keeperProfitPct, 1e-9);
      const { reverted, ...good } = transactions;
      expect(sum((keeper) => keeper.won)).to.equal(Object.values(good).reduce((a, b) => a + b, 0));
      expect(sum((keeper) => keeper.reverted))
        .to.equal(reverted)
        .and.be.above(0);
      expect(perKeeper.filter(({ won }) => won > 0).length, name).to.be.at.least(3);
      for (const keeper of perKeeper) {
        expect(keeper.revertedGas).to.be.above(21_000 * keeper.reverted);
        expect(keeper.revertedGasCostPct).to.be.above(0);
      }
      expect(again[name]!.stateRoot).to.equal(stateRoot);
      expect(again[name]!.perKeeper).to.deep.equal(perKeeper);

      const [only, ...others] = alone[name]!.perKeeper;
      expect(others).to.deep.equal([]);
      expect(only!.profitPct).to.be.closeTo(alone[name]!.keeperProfitPct, 1e-9);
      expect(only!.won + only!.reverted).to.equal(Object.values(alone[name]!.transactions).reduce((a, b) => a + b, 0));
    }
  });
});
