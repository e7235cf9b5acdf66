import { expect } from "chai";
import { mainnet } from "../../scripts/replay/chain/addresses";
import { type Anvil, startAnvil } from "../../scripts/replay/chain/anvil";
import { abi, NodeChain } from "../../scripts/replay/chain/chain";
import { reconstructMainnet } from "../../scripts/replay/chain/reconstruct";
import { Pool } from "../../scripts/replay/market/pool";
import { amount0, amount1, priceOf, sqrtPriceOf } from "../../scripts/replay/market/swapMath";

const GENESIS = 1_583_884_800;
const TRADER = "0x00000000000000000000000000000000000000a1";
const OPERATOR = "0x00000000000000000000000000000000000000a2";
const MAX = (1n << 256n) - 1n;

const poolAbi = abi([
  "function slot0() view returns (uint160, int24, uint16, uint16 cardinality, uint16 next, uint8, bool)",
  "function liquidity() view returns (uint128)",
  "function observe(uint32[]) view returns (int56[], uint160[])",
]);
const routerAbi = abi([
  "function exactInputSingle((address tokenIn, address tokenOut, uint24 fee, address recipient, uint256 deadline, uint256 amountIn, uint256 amountOutMinimum, uint160 sqrtPriceLimitX96)) payable returns (uint256)",
]);
const quoterAbi = abi([
  "function quoteExactInputSingle((address tokenIn, address tokenOut, uint256 amountIn, uint24 fee, uint160 sqrtPriceLimitX96)) returns (uint256 amountOut, uint160 sqrtPriceAfter, uint32, uint256)",
]);
const tokenAbi = abi([
  "function approve(address, uint256) returns (bool)",
  "function balanceOf(address) view returns (uint256)",
  "function symbol() view returns (string)",
  "function decimals() view returns (uint8)",
]);
const units = { collateralIsToken0: false, collateralDecimals: 18, loanDecimals: 6 };
const depth = 500n * 10n ** 18n;

describe("the reconstructed mainnet and its pool", () => {
  let anvil: Anvil;
  let fork: Anvil;
  let chain: NodeChain;
  let pool: Pool;

  before(async () => {
    anvil = await reconstructMainnet(GENESIS);
    fork = await startAnvil({ fork: { url: anvil.url } });
    chain = new NodeChain(fork.rpc);
    await chain.start();
    await chain.setBalance(OPERATOR, 10n ** 24n);
    await chain.setBalance(TRADER, 10n ** 24n);
    const collateral = { address: mainnet.weth, decimals: 18 };
    const loan = { address: mainnet.usdc, decimals: 6 };
    pool = await Pool.create(chain, { collateral, loan, price: 195, depth, operator: OPERATOR });
  });
  after(async () => {
    await fork.stop();
    await anvil.stop();
  });

  const root = async (): Promise<bigint> => (await chain.read(pool.address, poolAbi, "slot0"))[0] as bigint;
  const sell = async (tokenIn: string, tokenOut: string, amountIn: bigint): Promise<bigint> => {
    await chain.setTokenBalance(tokenIn, TRADER, amountIn);
    await chain.setTokenBalance(tokenOut, TRADER, 0n);
    chain.send({ from: TRADER, to: tokenIn, data: tokenAbi.encodeFunctionData("approve", [mainnet.swapRouter, MAX]) });
    const swap = { tokenIn, tokenOut, fee: pool.fee, recipient: TRADER, deadline: MAX, amountIn };
    const data = routerAbi.encodeFunctionData("exactInputSingle", [
      { ...swap, amountOutMinimum: 0n, sqrtPriceLimitX96: 0n },
    ]);
    chain.send({ from: TRADER, to: mainnet.swapRouter, data });
    await chain.settle("a swap");
    return (await chain.read(tokenOut, tokenAbi, "balanceOf", [TRADER]))[0] as bigint;
  };

  it("has the tokens, and the pool, at their mainnet addresses", async () => {
    expect(pool.address).to.equal("0x88e6A0c2dDD26FEEb64F039a2c41296FcB3f5640");
    for (const [token, symbol, decimals] of [
      [mainnet.weth, "WETH", 18n],
      [mainnet.usdc, "USDC", 6n],
      [mainnet.wbtc, "WBTC", 8n],
    ] as const) {
      expect((await chain.read(token, tokenAbi, "symbol"))[0]).to.equal(symbol);
      expect((await chain.read(token, tokenAbi, "decimals"))[0]).to.equal(decimals);
    }
    for (const address of [mainnet.multicall3, mainnet.quoterV2, mainnet.positionManager]) {
      expect((await fork.rpc.text("eth_getCode", address, "latest")).length).to.be.above(5000);
    }
  });

  it("stands at the price asked for, with the liquidity and the memory", async () => {
    expect(await pool.price()).to.be.closeTo(195, 1e-6);
    const liquidity = (await chain.read(pool.address, poolAbi, "liquidity"))[0] as bigint;
    expect(Number(liquidity) / Number(pool.liquidity)).to.be.closeTo(1, 1e-6);
    const slot0 = await chain.read(pool.address, poolAbi, "slot0");
    expect(Number(slot0[4])).to.be.at.least(61);
  });

  it("is pulled to any price exactly", async () => {
    for (const price of [86, 4000, 0.5, 195]) {
      chain.send(pool.pullTo(price));
      await chain.settle("arbitrage");
      expect(await root()).to.equal(sqrtPriceOf(price, units));
    }
    // there already: nothing to do, and no error
    chain.send(pool.pullTo(195));
    await chain.settle("arbitrage");
  });

  it("takes and gives what the swap math says, to a unit for each word of its tick bitmap on the way", async () => {
    const liquidity = (await chain.read(pool.address, poolAbi, "liquidity"))[0] as bigint;
    const afterFee = (amount: bigint): bigint => (amount * 999_500n) / 1_000_000n;
    const off = (a: bigint, b: bigint): number => Math.abs(Number(a - b));
    for (const amount of [10n ** 15n, 10n ** 18n, depth, 37n * depth]) {
      const before = await root();
      const out = await sell(mainnet.weth, mainnet.usdc, amount);
      const after = await root();
      expect(off(amount1(before, after, liquidity, true), afterFee(amount))).to.be.at.most(4);
      expect(off(amount0(before, after, liquidity, false), out)).to.be.at.most(4);
    }
    for (const amount of [10n ** 6n, 10n ** 12n]) {
      const before = await root();
      const out = await sell(mainnet.usdc, mainnet.weth, amount);
      const after = await root();
      expect(off(amount0(before, after, liquidity, true), afterFee(amount))).to.be.at.most(4);
      expect(off(amount1(before, after, liquidity, false), out)).to.be.at.most(4);
    }
  });

  it("falls by 1 % when its depth is sold, and by as much for √2 of it at half the price", async () => {
    for (const [price, amount] of [
      [195, depth],
      [97.5, BigInt(Math.round(Number(depth) * Math.SQRT2))],
    ] as const) {
      chain.send(pool.pullTo(price));
      await chain.settle("arbitrage");
      const withFee = (amount * 1_000_000n) / 999_500n;
      const quote = quoterAbi.encodeFunctionData("quoteExactInputSingle", [
        { tokenIn: mainnet.weth, tokenOut: mainnet.usdc, amountIn: withFee, fee: pool.fee, sqrtPriceLimitX96: 0n },
      ]);
      const answer = await fork.rpc.text("eth_call", { to: mainnet.quoterV2, data: quote }, "latest");
      const after = quoterAbi.decodeFunctionResult("quoteExactInputSingle", answer)[1] as bigint;
      expect(priceOf(after, units) / price).to.be.closeTo(0.99, 1e-6);
    }
  });

  it("can be asked for its average over 30 minutes", async () => {
    await chain.mine(chain.timestamp + 3600, 10n ** 9n);
    const [ticks] = await chain.read(pool.address, poolAbi, "observe", [[1800, 0]]);
    expect(ticks).to.have.lengthOf(2);
  });
});

describe("the driver of a chain", () => {
  let anvil: Anvil;
  let chain: NodeChain;
  before(async () => {
    anvil = await startAnvil({ timestamp: GENESIS });
    chain = new NodeChain(anvil.rpc);
    await chain.start();
    for (const account of [OPERATOR, TRADER]) await chain.setBalance(account, 10n ** 24n);
  });
  after(async () => {
    await anvil.stop();
  });

  it("keeps the order of what is queued, across senders, at the time and base fee asked for", async () => {
    const senders = [OPERATOR, TRADER, TRADER, OPERATOR, TRADER];
    for (const from of senders) chain.send({ from, to: OPERATOR, data: "0x" });
    const { receipts, queued, timestamp } = await chain.mine(GENESIS + 77, 93n * 10n ** 9n);
    expect(receipts.map(({ from }) => from)).to.deep.equal(senders);
    expect(queued).to.deep.equal(receipts);
    expect(timestamp).to.equal(GENESIS + 77);
    const block = (await anvil.rpc.call("eth_getBlockByNumber", "latest", false)) as Record<string, string>;
    expect(Number(block.timestamp)).to.equal(GENESIS + 77);
    expect(BigInt(block.baseFeePerGas ?? 0)).to.equal(93n * 10n ** 9n);
  });

  it("includes what others sent, and tells it apart", async () => {
    chain.send({ from: OPERATOR, to: TRADER, data: "0x" });
    const fees = { gas: "0x5208", maxFeePerGas: "0xe8d4a51000", maxPriorityFeePerGas: "0x3b9aca00" };
    const hash = await anvil.rpc.text("eth_sendTransaction", { from: TRADER, to: OPERATOR, ...fees });
    const { receipts, queued } = await chain.mine(GENESIS + 100, 10n ** 9n);
    expect(receipts.map(({ transactionHash }) => transactionHash))
      .to.include(hash)
      .and.have.lengthOf(2);
    expect(queued.map(({ from }) => from)).to.deep.equal([OPERATOR]);
  });

  it("passes on a node's refusal in its words, alone and in a batch", async () => {
    const refused = ["anvil_noSuchMethod", []] as const;
    const attempts = [() => anvil.rpc.call(...refused), () => anvil.rpc.batch([["eth_chainId", []], refused])];
    for (const attempt of attempts) {
      const error = await attempt().then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).to.have.property("code", "RPC_ERROR");
      expect(error)
        .to.have.property("message")
        .that.matches(/anvil_noSuchMethod.*(not found|unknown)/i);
    }
  });

  it("refuses to go back in time", async () => {
    const error = await chain.mine(GENESIS, 10n ** 9n).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).to.have.property("code", "INTERNAL");
  });
});
