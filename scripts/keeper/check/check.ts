import { accessSync, constants, existsSync } from "node:fs";
import { dirname } from "node:path";

import { formatEther, getAddress } from "ethers";

import { SpillwayError } from "../../lib";
import type { Book } from "../book/Book";
import { Follower } from "../book/Follower";
import type { Position } from "../book/position";
import type { Block } from "../chain/block";
import { HttpRpc } from "../chain/HttpRpc";
import { Reads } from "../chain/Reads";
import { type Rpc, unwrapHex } from "../chain/rpc";
import { readOracle, readVault } from "../chain/contracts";
import type { Settings } from "../config";
import type { KeeperConfig } from "../keeper";
import { openSigners } from "../keys/open";
import { Markets } from "../markets/Markets";
import type { Signer } from "../sender/Sender";
import { connect } from "../startup";
import { readCopy } from "../store/readCopy";
import { GAS_UNITS } from "../strategy/gas";
import { outletOpener } from "../venues/open";
import { checkBytecode } from "./bytecode";
import { failed, type Finding } from "./finding";
import { findAnvil, startFork } from "./fork";
import { checkNode } from "./nodes";
import { choose, rehearse, type Trial } from "./rehearsal";

/** A signer with ether for fewer buys than this is warned of. */
const FEW_BUYS = 20n;

/**
 * Looks at all that a keeper of these settings needs, and tries its work on a fork of the chain. Sends nothing to the chain
 * and changes nothing.
 * @param options.positions The most to try.
 */
export async function check(
  settings: Settings,
  env: NodeJS.ProcessEnv,
  options: { positions: number },
): Promise<Finding[]> {
  const findings: Finding[] = [
    { what: "config", status: "ok", detail: `vault ${settings.vault} on chain ${settings.chainId}` },
  ];
  const nodes = settings.rpc.map((url) => ({ host: new URL(url).host, url }));
  const open: HttpRpc[] = [];
  try {
    let node: { rpc: Rpc; head: Block } | undefined;
    for (const { host, url } of nodes) {
      if (!/^https?:/.test(url)) {
        findings.push({ what: `node ${host}`, status: "skipped", detail: "only HTTP nodes are checked" });
        continue;
      }
      const rpc = new HttpRpc(url, settings.rpcTimeout);
      open.push(rpc);
      const { findings: found, head } = await checkNode(rpc, host, settings, Date.now());
      findings.push(...found);
      if (head !== undefined) node ??= { rpc, head };
    }
    const signers = await attempt(findings, "keys", () => openSigners(settings, env));
    findings.push(...(await checkStore(settings.store)));
    if (node === undefined) return findings;
    if (signers !== undefined) findings.push(...(await checkBalances(node.rpc, node.head, signers)));
    const sender = signers?.[0]?.address ?? settings.profitReceiver ?? settings.vault;
    const { rpc, head } = node;
    const config = await attempt(findings, "contracts", () => connect(settings, rpc, { address: sender }));
    if (config === undefined) return findings;
    findings.push(...(await checkContracts(rpc, config)), ...(await checkMarkets(rpc, head, config, sender)));
    findings.push(...(await checkWork(rpc, head, config, sender, options.positions)));
    return findings;
  } finally {
    for (const rpc of open) rpc.close();
  }
}

/** The result; undefined, with a finding, where it failed. */
async function attempt<T>(findings: Finding[], what: string, run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    findings.push(failed(what, error));
    return undefined;
  }
}

/** All of a book's, owners checksummed. */
function positionsOf(book: Book): Position[] {
  const { positions } = book.slice({ market: 0, place: 0 }, book.size);
  return positions.map((position) => ({ ...position, owner: getAddress(position.owner) }));
}

async function checkStore(path: string): Promise<Finding[]> {
  const what = "store";
  try {
    accessSync(existsSync(path) ? path : dirname(path), constants.W_OK);
  } catch {
    return [
      {
        what,
        status: "fail",
        detail: `${path} can't be written; give a file in a folder that can, like keeper.sqlite. (BAD_STORE)`,
      },
    ];
  }
  if (!existsSync(path)) return [{ what, status: "ok", detail: `${path} will be begun` }];
  try {
    const state = await readCopy(path, (database) => database.get("PRAGMA quick_check(1)") as { quick_check: string });
    if (state.quick_check === "ok") return [{ what, status: "ok", detail: `${path} is whole` }];
    return [{ what, status: "warn", detail: `${path} is damaged; it will be read anew from the chain` }];
  } catch (error) {
    if (!(error instanceof SpillwayError)) throw error;
    return [{ what, status: "warn", detail: `${error.message} (${error.code})` }];
  }
}

async function checkBalances(rpc: Rpc, head: Block, signers: readonly Signer[]): Promise<Finding[]> {
  const replies = await rpc.batch(
    signers.map(({ address }) => ({ method: "eth_getBalance", params: [address, "latest"] })),
  );
  const buy = (GAS_UNITS.buy + GAS_UNITS.order) * head.baseFeePerGas * 2n;
  return signers.map(({ address }, i): Finding => {
    const what = `balance of ${address.slice(0, 10)}…`;
    const wei = BigInt(unwrapHex(replies[i], "reading the signer's balance"));
    const detail = `${formatEther(wei)} ether`;
    if (wei === 0n)
      return { what, status: "fail", detail: `${detail}: it can't pay for gas; send some to ${address}. (BAD_KEY)` };
    if (wei < buy * FEW_BUYS)
      return { what, status: "warn", detail: `${detail}: enough for ${wei / buy} buys at twice today's base fee` };
    return { what, status: "ok", detail };
  });
}

async function checkContracts(rpc: Rpc, { addresses }: KeeperConfig): Promise<Finding[]> {
  const contracts = [
    ["vault", addresses.vault, "Vault"],
    ["auction house", addresses.auctionHouse, "AuctionHouse"],
    ["buffer", addresses.buffer, "LiquidityBuffer"],
    ["flash liquidator", addresses.flashLiquidator, "periphery/FlashLiquidator"],
  ] as const;
  const codes = await rpc.batch(contracts.map(([, at]) => ({ method: "eth_getCode", params: [at, "latest"] })));
  return contracts.map(([what, at, source], i) =>
    checkBytecode(what, at, unwrapHex(codes[i], `reading the code at ${at}`), source),
  );
}

/** Whether each market's oracle answers and its venues can be read. */
async function checkMarkets(rpc: Rpc, head: Block, config: KeeperConfig, sender: string): Promise<Finding[]> {
  const { addresses } = config;
  const findings: Finding[] = [];
  const markets = new Markets(rpc, addresses, outletOpener(rpc, sender, config));
  const opened = await attempt(findings, "venues", async () => {
    await markets.refresh(head);
    return markets.all;
  });
  for (const { collateral, outlet } of opened ?? []) {
    const what = `market ${collateral.slice(0, 10)}…`;
    const oracle = new Reads(head.number);
    const market = oracle.call(readVault.market(addresses.vault, collateral));
    await oracle.send(rpc);
    const prices = new Reads(head.number);
    const price = prices.call(readOracle.priceE36(market.value().oracle));
    await prices.send(rpc);
    const priceE36 = price.valueOrNone();
    const reads = new Reads(head.number);
    const quoted = priceE36 === undefined ? undefined : outlet?.read(reads, priceE36);
    await reads.send(rpc);
    const quote = quoted?.();
    if (priceE36 === undefined) {
      findings.push({
        what,
        status: "warn",
        detail: "its oracle gives no price now: nothing can be done in it until it does",
      });
    } else if (quoted === undefined) {
      findings.push({
        what,
        status: "warn",
        detail: "it has no venue: it is opened and absorbed, but not bought from",
      });
    } else if (quote === undefined || quote.most === 0n) {
      const nothing =
        config.capital === "own"
          ? "the signer has no money to buy with, or allows no buys"
          : "no venue of it can be read";
      findings.push({ what, status: "warn", detail: `${nothing}: it is opened and absorbed, but not bought from` });
    } else {
      findings.push({
        what,
        status: "ok",
        detail: `oracle ${priceE36}, venues ${quote.marginalE36(0n)} for a unit, times 1e36`,
      });
    }
  }
  return findings;
}

async function checkWork(
  rpc: Rpc,
  head: Block,
  config: KeeperConfig,
  sender: string,
  most: number,
): Promise<Finding[]> {
  const what = "rehearsal";
  if (most === 0) return [{ what, status: "skipped", detail: "--positions 0" }];
  const anvil = findAnvil();
  if (anvil === undefined) {
    return [{ what, status: "skipped", detail: "anvil is not installed; run npm install --no-save @foundry-rs/anvil" }];
  }
  const findings: Finding[] = [];
  const trials = await attempt(findings, what, async () => {
    const follower = new Follower(rpc, { ...config, ...config.addresses });
    await follower.catchUp(head);
    const reads = new Reads(head.number);
    const apply = follower.read(reads, head);
    await reads.send(rpc);
    apply();
    const chosen = choose(positionsOf(follower.book), most);
    findings.push({
      what: "book",
      status: "ok",
      detail: `${follower.book.size} positions, ${chosen.length} of them tried`,
    });
    if (chosen.length === 0) return [];
    const fork = await startFork(anvil, rpc, head.number);
    try {
      return await rehearse(fork, head, config, sender, chosen);
    } finally {
      await fork.stop();
    }
  });
  return [...findings, ...summarise(trials ?? [])];
}

/** One finding for each action in each market. */
function summarise(trials: readonly Trial[]): Finding[] {
  const groups = new Map<string, Trial[]>();
  for (const trial of trials) {
    const what = `${trial.action} in ${trial.market.slice(0, 10)}…`;
    groups.set(what, [...(groups.get(what) ?? []), trial]);
  }
  return [...groups].map(([what, group]): Finding => {
    const reasons = new Map<string, number>();
    for (const { reason } of group) if (reason !== undefined) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    const went = group.filter(({ outcome }) => outcome === "ok").length;
    const why = [...reasons].map(([reason, count]) => `${count} ${reason}`).join(", ");
    const status = group.some(({ outcome }) => outcome === "failed") ? "fail" : went < group.length ? "warn" : "ok";
    return { what, status, detail: `${went} of ${group.length} would go through${why === "" ? "" : `; ${why}`}` };
  });
}
