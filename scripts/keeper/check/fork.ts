import { type ChildProcess, spawn } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { z } from "zod";

import { end, endWithUs, foundryBinary, SpillwayError } from "../../lib";
import { HttpRpc } from "../chain/HttpRpc";
import { type Rpc, type RpcReply, type RpcRequest, unwrap } from "../chain/rpc";

/** A copy of the chain as of one block, of which everything may be changed. */
export interface Fork extends Rpc {
  /** One call. @throws SpillwayError `RPC_ERROR`. */
  call(method: string, ...params: readonly unknown[]): Promise<unknown>;
  stop(): Promise<void>;
}

/** Milliseconds: for anvil to answer, and for a call of it, which may have to read much of the chain. */
const START_TIMEOUT = 30_000;
const CALL_TIMEOUT = 60_000;

/** Path of anvil; undefined where it is not installed. */
export function findAnvil(): string | undefined {
  try {
    return foundryBinary("anvil");
  } catch {
    return undefined;
  }
}

/**
 * Starts an anvil on the state of `block`. It reads through a server of our own, so that it works with any kind of node,
 * and no URL that holds a key stands among its arguments.
 * @throws SpillwayError `RPC_UNREACHABLE` where it does not start.
 */
export async function startFork(anvil: string, rpc: Rpc, block: number): Promise<Fork> {
  const source = await serve(rpc);
  const port = await freePort();
  const args = [
    ...["--host", "127.0.0.1", "--port", String(port), "--accounts", "0", "--silent", "--no-storage-caching"],
    ...["--auto-impersonate", "--fork-url", urlOf(source), "--fork-block-number", String(block)],
  ];
  const child = spawn(anvil, args, { stdio: "ignore" });
  endWithUs(child);
  const node = new HttpRpc(`http://127.0.0.1:${port}`, CALL_TIMEOUT);
  const stop = async (): Promise<void> => {
    node.close();
    await end(child);
    source.closeAllConnections();
    source.close();
  };
  try {
    await answers(node, child);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    batch: (requests) => node.batch(requests),
    call: async (method, ...params) => {
      const [reply] = await node.batch([{ method, params }]);
      return unwrap(reply, `${method} on the fork`);
    },
    stop,
  };
}

async function answers(node: Rpc, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT;
  while (child.exitCode === null && Date.now() < deadline) {
    const replies = await node.batch([{ method: "eth_chainId", params: [] }]).catch((error: unknown) => {
      if (error instanceof SpillwayError) return [];
      throw error;
    });
    if (replies[0]?.ok === true) return;
    await sleep(50);
  }
  throw new SpillwayError(
    "RPC_UNREACHABLE",
    "anvil did not start on a fork of the node's head; does the node keep that block's state?",
  );
}

const requestSchema = z.object({ id: z.unknown(), method: z.string(), params: z.array(z.unknown()).default([]) });
const bodySchema = z.union([requestSchema.transform((one) => [one]), z.array(requestSchema)]);

/** Passes JSON-RPC on to a node. */
function serve(rpc: Rpc): Promise<Server> {
  const server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (part: string) => (text += part));
    request.on("end", () => {
      answer(rpc, text).then(
        (body) => response.writeHead(200, { "content-type": "application/json" }).end(body),
        () => response.writeHead(502).end(),
      );
    });
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

async function answer(rpc: Rpc, text: string): Promise<string> {
  const body: unknown = JSON.parse(text);
  const requests = bodySchema.parse(body);
  const replies = await rpc.batch(requests.map(({ method, params }): RpcRequest => ({ method, params })));
  const answers = requests.map(({ id }, i) => ({ jsonrpc: "2.0", id, ...toJson(replies[i]) }));
  return JSON.stringify(Array.isArray(body) ? answers : answers[0]);
}

function toJson(reply: RpcReply | undefined): object {
  if (reply === undefined) return { error: { code: -32_000, message: "no answer" } };
  return reply.ok ? { result: reply.result ?? null } : { error: reply.error };
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
