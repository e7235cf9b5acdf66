import { expect } from "chai";

import { TEST_ACCOUNTS } from "../../../scripts/deployTo";
import { expectBookAgrees, MARKETS, MILD, ofFaults, onWorld, openLanes, settled, untilBought, waste } from "./support";
import { hex, houseAbi } from "./world";

ofFaults("Keeper's nodes", true, () => {
  onWorld(
    "one that freezes is left for one that is fresh",
    async (world) => {
      const [frozen, fresh] = [await world.proxy(), await world.proxy()];
      const keeper = await world.keeper({ rpc: [frozen.url, fresh.url], settings: { maxLag: 0 } });
      await settled(world, keeper);
      frozen.freeze(await world.head());
      await world.setPrice(MILD);
      await world.run([keeper], 3); // throws where a block is not dealt with in 15 s
      expect(await openLanes(world)).to.equal(MARKETS);
      expect(await keeper.metric("keeper_reorgs_total")).to.equal(0);
    },
    { quick: true },
  );

  onWorld("the only one that freezes makes it unfit to work, and nothing is sent meanwhile", async (world) => {
    const node = await world.proxy();
    // its limit of age is two minutes
    const keeper = await world.keeper({ rpc: [node.url], settings: { maxLag: 120 } });
    const now = Math.floor(Date.now() / 1000);
    await world.mine([], { seconds: now - world.timestamp - 115 });
    await settled(world, keeper);
    await world.setPrice(MILD);
    node.freeze(await world.head());
    await keeper.waitFor("it is unfit", async () => (await keeper.readiness()) === 503, 30_000);
    node.heal();
    const fresh = Math.floor(Date.now() / 1000) - world.timestamp;
    await world.mine([], { seconds: Math.max(1, fresh) });
    await keeper.waitFor("it is fit again", async () => (await keeper.readiness()) === 200);
    await world.mine([], { seconds: 1 });
    await world.mine([], { seconds: 1 });
    await keeper.waitFor("lanes open", async () => {
      await world.mine([], { seconds: 1 });
      return (await openLanes(world)) === MARKETS;
    });
  });

  for (const behind of [4, 20]) {
    onWorld(`a fallback ${behind} blocks behind is no reorganisation`, async (world) => {
      const [first, behindOne] = [await world.proxy(), await world.proxy()];
      const keeper = await world.keeper({ rpc: [first.url, behindOne.url] });
      await settled(world, keeper);
      await world.setPrice(MILD);
      await world.run([keeper], behind + 10, undefined, { seconds: 30 });
      const before = await world.transactionsOf(keeper.account.address);
      behindOne.lag(behind);
      first.die();
      for (let i = 0; i < 6; i++) await world.mine();
      await new Promise((resolve) => setTimeout(resolve, 1500));
      first.heal();
      await world.run([keeper], 4);
      expect(await keeper.metric("keeper_reorgs_total")).to.equal(0);
      const after = await world.transactionsOf(keeper.account.address);
      expect(after.length).to.be.at.least(before.length);
      expect((await waste(world, keeper.account.address)).reverted).to.deep.equal([]);
      await untilBought(world, keeper);
      await expectBookAgrees(world, keeper);
    });
  }

  onWorld("the only one that lags 20 blocks and catches up costs no reverts", async (world) => {
    const node = await world.proxy();
    const keeper = await world.keeper({ rpc: [node.url] });
    await settled(world, keeper);
    await world.setPrice(MILD);
    await world.run([keeper], 4);
    node.lag(20);
    for (let i = 0; i < 24; i++) {
      await world.mine();
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    node.heal();
    await untilBought(world, keeper);
    await expectBookAgrees(world, keeper);
    expect((await waste(world, keeper.account.address)).reverted).to.deep.equal([]);
    expect(await keeper.metric("keeper_reorgs_total")).to.equal(0);
  });

  for (const method of ["eth_getLogs", "eth_sendRawTransaction", "eth_call", "eth_getTransactionCount"]) {
    onWorld(`one that refuses ${method} by a JSON error is left for one that does it`, async (world) => {
      const [first, second] = [await world.proxy(), await world.proxy()];
      const keeper = await world.keeper({ rpc: [first.url, second.url] });
      await settled(world, keeper);
      first.refuse(method, "the method is not available on this plan");
      await world.setPrice(MILD);
      await world.run([keeper], 5);
      expect(await openLanes(world)).to.equal(MARKETS);
      expect(second.count(method)).to.be.above(0);
    });
  }

  onWorld("one that answers a call with garbage is left, and the process goes on", async (world) => {
    for (const garbage of ["0x", "0x1234", "hello", null, 7, { a: 1 }]) {
      const [first, second] = [await world.proxy(), await world.proxy()];
      const keeper = await world.keeper({ rpc: [first.url, second.url], name: `garbage ${JSON.stringify(garbage)}` });
      await settled(world, keeper);
      first.lie("eth_call", () => garbage);
      await world.mine();
      await settled(world, keeper);
      expect(keeper.isRunning).to.equal(true);
      await keeper.kill("SIGTERM");
    }
  });

  for (const [title, fault] of [
    ["talks HTML", "talkNonsense"],
    ["answers 429", 429],
    ["answers 503", 503],
    ["closes every connection", "die"],
    ["takes a minute to answer", "slow"],
  ] as const) {
    onWorld(`one that ${title} is left for one that works`, async (world) => {
      const [first, second] = [await world.proxy(), await world.proxy()];
      const keeper = await world.keeper({ rpc: [first.url, second.url] });
      await settled(world, keeper);
      if (fault === "slow") first.delay(60_000);
      else if (typeof fault === "number") first.answerStatus(fault);
      else first[fault]();
      await world.setPrice(MILD);
      await world.run([keeper], 3);
      expect(await openLanes(world)).to.equal(MARKETS);
    });
  }

  onWorld("a fallback on another chain is never believed", async (world) => {
    const [first, stranger] = [await world.proxy(), await world.proxy()];
    const keeper = await world.keeper({ rpc: [first.url, stranger.url] });
    await settled(world, keeper);
    const other = await world.otherChain(5);
    await other.rpc.call("anvil_mine", hex(2 * (await world.head())));
    stranger.leadTo(other.url);
    first.die();
    await keeper.waitFor("it is unfit", async () => (await keeper.readiness()) === 503, 60_000);
    expect(stranger.count("eth_sendRawTransaction")).to.equal(0);
    expect(keeper.isRunning).to.equal(true);
    expect(await keeper.metric("keeper_positions")).to.equal(world.state.borrowers.length);
    first.heal();
    await world.setPrice(MILD);
    await world.run([keeper], 3);
    expect(await keeper.metric("keeper_reorgs_total")).to.equal(0);
    expect(await openLanes(world)).to.equal(MARKETS);
  });

  onWorld("one failure while a lane's new parameters are read does no lasting harm", async (world) => {
    const node = await world.proxy();
    const keeper = await world.keeper({ rpc: [node.url] });
    await settled(world, keeper);
    const { auctionHouse } = world.state.addresses;
    const [parameters] = await world.read(auctionHouse, houseAbi, "laneParameters", [world.market(0).collateral]);
    const changed = { ...(parameters as { toObject(): object }).toObject(), absorbLtvBps: 8_450n };
    const selector = houseAbi.getFunction("laneParameters")!.selector;
    node.drop("eth_call", "before", {
      times: 1,
      when: ([call]) => (call as { data: string }).data.startsWith(selector),
    });
    const calls = world.state.markets.map(({ collateral }) => ({
      ...{ from: TEST_ACCOUNTS.governor, to: auctionHouse },
      data: houseAbi.encodeFunctionData("setLane", [collateral, { ...changed }]),
    }));
    await world.setBalance(TEST_ACCOUNTS.governor, 10n ** 24n);
    await world.mine(calls);
    await world.run([keeper], 2);
    await world.setPrice(MILD); // 85.2 %: urgent only by the new parameter
    await world.run([keeper], 3);
    const mined = await world.transactionsOf(keeper.account.address);
    const absorbed = mined.filter(({ kind, ok }) => kind.startsWith("absorb") && ok);
    expect(absorbed.length).to.be.at.least(MARKETS);
  });

  for (const [what, method, lie] of [
    ["that a receipt failed", "eth_getTransactionReceipt", (truth: unknown) => truth && { ...truth, status: "0x0" }],
    ["that there is no receipt", "eth_getTransactionReceipt", () => null],
    ["that the balance is nothing", "eth_getBalance", () => "0x0"],
    ["that the balance is a fortune", "eth_getBalance", () => hex(1n << 100n)],
    ["a count of transactions that is 5 too low", "eth_getTransactionCount", (n: unknown) => less(n, 5)],
  ] as const) {
    onWorld(`one that lies for five blocks ${what} blocks nothing`, async (world) => {
      const node = await world.proxy();
      const keeper = await world.keeper({ rpc: [node.url] });
      await settled(world, keeper);
      await world.setPrice(MILD);
      await world.run([keeper], 1);
      node.lie(method, lie);
      await world.run([keeper], 5);
      node.heal();
      await world.run([keeper], 40, async () => (await openLanes(world)) === MARKETS);
      expect(await openLanes(world)).to.equal(MARKETS);
      await untilBought(world, keeper);
      await expectBookAgrees(world, keeper);
      expect((await waste(world, keeper.account.address)).reverted).to.deep.equal([]);
    });
  }

  onWorld("one that lies about a receipt which another has is not believed for long", async (world) => {
    const node = await world.proxy();
    const keeper = await world.keeper({ rpc: [node.url] });
    await settled(world, keeper);
    await world.setPrice(MILD);
    // says that everything was mined at once, though it waits
    const { hash } = (await world.node.rpc.call("eth_getBlockByNumber", "latest", false)) as { hash: string };
    node.lie(
      "eth_getTransactionReceipt",
      (truth, [transaction]) =>
        truth ?? {
          ...{ transactionHash: transaction, blockHash: hash, blockNumber: "0x1", transactionIndex: "0x0" },
          ...{ status: "0x1", gasUsed: "0x5208", effectiveGasPrice: "0x1", logs: [] },
        },
    );
    await world.run([keeper], 4);
    node.heal();
    await world.run([keeper], 8);
    expect(await openLanes(world)).to.equal(MARKETS);
    await untilBought(world, keeper);
    expect((await waste(world, keeper.account.address)).reverted).to.deep.equal([]);
  });
});

function less(quantity: unknown, by: number): string {
  return hex(Math.max(0, Number(quantity) - by));
}
