/**
 * The protocol against a model of it, action by action and to the unit: what each call returns or which custom error it
 * is refused with, and after it every public figure of vault, auction house, buffer and tokens. The model (this folder) is
 * written from docs/protocol.md and the interfaces' NatSpec.
 *
 * Exponentials are the model's own, exact to sixty digits and then rounded down; no tolerance is given. Solady's `expWad`
 * has twenty: once in some thousand exponents that is one last digit more or less, and only there the library is asked
 * (exponential.ts).
 *
 * `npm run test:model:deep` runs more; `MODEL_SEEDS`, `MODEL_FIRST_SEED` and `MODEL_ACTIONS` say how much.
 */
import { expect } from "chai";

import { Actions, type Action } from "./actions";
import { Unsettled, learn } from "./exponential";
import { Draws } from "./random";
import { deploy, modelsOf, node, readWorld } from "./setup";
import { Comparison, errorText, text } from "./views";
import { Refused } from "./world";

const SEEDS = Number(process.env.MODEL_SEEDS ?? 10);
// ten in a row that reach all that the last test asks for
const FIRST = Number(process.env.MODEL_FIRST_SEED ?? 10);
const ACTIONS = Number(process.env.MODEL_ACTIONS ?? 150);
const GAS = "0x4c4b40";
const MOST_IN_A_BLOCK = 8;
const GWEI = 10n ** 9n;
/** Wei a gas unit that a transaction offers: more than any base fee. */
const MAX_FEE = 4000n * GWEI;

const hex = (x: bigint): string => `0x${x.toString(16)}`;

/** What an action did, for the count at the end: its name, or how it was refused. */
type Outcomes = Map<string, number>;

describe("the protocol against its model", () => {
  const outcomes: Outcomes = new Map();

  afterEach(async () => {
    await node.request("evm_setAutomine", [true]);
  });

  for (let seed = FIRST; seed < FIRST + SEEDS; ++seed) {
    it(`agrees with it in ${ACTIONS} actions of seed ${seed}`, async () => run(seed, outcomes)).timeout(600_000);
  }

  it("saw every action succeed, and the refusals that matter", () => {
    expect([...SUCCEEDED, ...REFUSED].filter((outcome) => !outcomes.has(outcome))).to.deep.equal([]);
  });
});

async function run(seed: number, outcomes: Outcomes): Promise<void> {
  const contracts = await deploy();
  const models = modelsOf(await readWorld(contracts), contracts.gasUnits);
  const { world } = models;
  const draws = new Draws(seed);
  const actions = new Actions(contracts, models, draws);
  const owners = contracts.actors.map((actor) => actor.address);
  const comparison = new Comparison(contracts, models);
  const errors = [contracts.vault, contracts.house, contracts.buffer, contracts.oracle].map((c) => c.interface);

  await node.request("evm_setAutomine", [false]);
  let inBlock = 0;
  await moveOn(1n);

  async function moveOn(seconds: bigint): Promise<void> {
    world.state.now += seconds;
    world.state.baseFee = draws.pick([1n, 20n, 200n, draws.between(1n, 3000n)]) * GWEI;
    inBlock = 0;
    await node.request("evm_setNextBlockTimestamp", [hex(world.now)]);
    await node.request("hardhat_setNextBlockBaseFeePerGas", [hex(world.state.baseFee)]);
  }

  /** What the chain answers, as text. */
  async function answer({ from, target, contract, method, args }: Action): Promise<{ refused: boolean; said: string }> {
    const call = { from, to: target, data: contract.encodeFunctionData(method, args), gas: GAS };
    try {
      const data = (await node.request("eth_call", [call, "pending"])) as string;
      await node.request("eth_sendTransaction", [{ ...call, maxFeePerGas: hex(MAX_FEE), maxPriorityFeePerGas: "0x0" }]);
      return { refused: false, said: text(contract.decodeFunctionResult(method, data).toArray(true)) };
    } catch (error) {
      const { data } = error as { data?: string | { data?: string } };
      const revert = typeof data === "object" ? data.data : data;
      if (revert === undefined) throw error;
      return { refused: true, said: errorText(errors, revert) };
    }
  }

  /** What the model says, once the library was asked for each last digit that is its to say. */
  async function settled<T>(say: () => T | Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await say();
      } catch (error) {
        if (!(error instanceof Unsettled)) throw error;
        learn(error.xWad, await contracts.exponential.expWad(error.xWad));
      }
    }
  }

  for (let step = 1; step <= ACTIONS; ++step) {
    const pause = actions.pause();
    if (pause !== 0n || inBlock === MOST_IN_A_BLOCK) {
      await node.request("evm_mine");
      await moveOn(pause === 0n ? 1n : pause);
    }
    const action = await settled(() => actions.next());
    const where = `seed ${seed}, step ${step}, ${action.name}(${text(action.args)}) by ${action.from}`;
    const expected = await settled(() => world.rehearse(action.model));
    const { refused, said } = await answer(action);
    const modelSaid = expected instanceof Refused ? expected.message : returned(expected);
    if (said !== modelSaid) throw new Error(`${where}\n  chain: ${said}\n  model: ${modelSaid}`);
    world.events.clear();
    // a read call sees no base fee, so that what a transaction does at one shows in the figures
    if (!refused) await settled(() => world.attempt(action.model));
    const happened = [...world.events];
    const different = await settled(() => comparison.differences(owners[step % owners.length]!));
    if (different.length > 0) throw new Error(`${where}\n  ${different.join("\n  ")}`);

    if (!refused) ++inBlock;
    happened.push(refused ? said.slice(0, said.indexOf("(")) : action.name);
    for (const outcome of happened) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  await node.request("evm_mine");
}

const returned = (value: unknown): string =>
  text(value === undefined ? [] : Array.isArray(value) ? (value as unknown[]) : [value]);

const SUCCEEDED = [
  "vault.deposit",
  "vault.withdraw",
  "vault.supplyCollateral",
  "vault.withdrawCollateral",
  "vault.borrow",
  "vault.repay",
  "vault.repayShares",
  "vault.flashLoan",
  "house.open",
  "house.buy",
  "house.buyMany",
  "house.absorb",
  "house.absorbMany",
  "house.sync",
  "house.observe",
  "house.setLane",
  "house.setPay",
  "buffer.deposit",
  "buffer.mint",
  "buffer.transfer",
  "buffer.requestRedeem",
  "buffer.fulfil",
  "batch.aggregate3",
  "buffer.redeem",
  "buffer.withdraw",
  "buffer.buyInventory",
  "buffer.collectFees",
  "a write-off",
  "a wipe-out",
  "a paid open",
  "a paid absorption",
  "a paid fulfilment",
  "a further one in its transaction",
  "an absorption as far as there is room",
  "an absorption by the lower price",
  "a discount held by a ratchet",
  "a rate that outlives its depth",
  "a repayment down to the smallest debt",
];

const REFUSED = [
  "Broken",
  "NotAuthorized",
  "LtvTooHigh",
  "DebtCeilingExceeded",
  "LaneNotSet",
  "LaneIsOpen",
  "PositionHealthy",
  "NotBuyable",
  "NothingBought",
  "NotAbsorbable",
  "NothingAbsorbed",
  "NotForSale",
  "MarketInTrouble",
  "CoolingDown",
];
