import { createServer, request, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { z } from "zod";

/** An event that the node behind the proxy has never had. */
export interface SyntheticEvent {
  address: string;
  topics: readonly string[];
  data: string;
  block: number;
}

/** What went through, both ways. */
export interface Traffic {
  bytes: number;
  requests: number;
  calls: number;
}

const callSchema = z.object({ id: z.number(), method: z.string(), params: z.array(z.unknown()) });
const answerSchema = z.array(z.looseObject({ id: z.number(), result: z.unknown() }));
const filterSchema = z.object({ fromBlock: z.string(), toBlock: z.string() });

/** A node's JSON-RPC over HTTP, passed on to another node; counts what goes through, and adds events to `eth_getLogs`. */
export class Proxy {
  readonly traffic: Traffic = { bytes: 0, requests: 0, calls: 0 };
  private readonly byBlock = new Map<number, string[]>();
  private constructor(
    private readonly server: Server,
    private readonly target: string,
    events: readonly SyntheticEvent[],
  ) {
    events.forEach(({ address, topics, data, block }, i) => {
      const log = {
        ...{ address, topics, data, blockNumber: `0x${block.toString(16)}`, logIndex: `0x${i.toString(16)}` },
        ...{ transactionHash: `0x${i.toString(16).padStart(64, "0")}`, transactionIndex: "0x0", removed: false },
        blockHash: `0x${block.toString(16).padStart(64, "0")}`,
      };
      const logs = this.byBlock.get(block) ?? [];
      logs.push(JSON.stringify(log));
      this.byBlock.set(block, logs);
    });
  }

  static async start(target: string, events: readonly SyntheticEvent[]): Promise<Proxy> {
    const server = createServer();
    const proxy = new Proxy(server, target, events);
    server.on("request", (incoming: IncomingMessage, response) => {
      proxy.answer(incoming).then(
        (text) => response.end(text),
        (error: unknown) => response.writeHead(502).end(String(error)),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** What has gone through since the last call. */
  take(): Traffic {
    const taken = { ...this.traffic };
    Object.assign(this.traffic, { bytes: 0, requests: 0, calls: 0 });
    return taken;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(incoming: IncomingMessage): Promise<string> {
    const asked = await textOf(incoming);
    const answered = await this.pass(asked);
    const text = asked.includes('"eth_getLogs"') ? this.withEvents(asked, answered) : answered;
    this.traffic.requests++;
    this.traffic.calls += asked.split('"method"').length - 1;
    this.traffic.bytes += Buffer.byteLength(asked) + Buffer.byteLength(text);
    return text;
  }

  private pass(body: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      const sent = request(this.target, { method: "POST", headers }, (response) => {
        textOf(response).then(resolve, reject);
      });
      sent.on("error", reject);
      sent.end(body);
    });
  }

  private withEvents(asked: string, answered: string): string {
    const calls = z.array(callSchema).parse(JSON.parse(asked));
    const answers = answerSchema.parse(JSON.parse(answered));
    const parts = answers.map((answer) => {
      const call = calls.find(({ id }) => id === answer.id);
      if (call?.method !== "eth_getLogs" || !Array.isArray(answer.result)) return JSON.stringify(answer);
      const { fromBlock, toBlock } = filterSchema.parse(call.params[0]);
      const logs: string[] = [];
      for (let block = Number(fromBlock); block <= Number(toBlock); block++)
        logs.push(...(this.byBlock.get(block) ?? []));
      logs.push(...answer.result.map((log) => JSON.stringify(log)));
      return `{"jsonrpc":"2.0","id":${answer.id},"result":[${logs.join()}]}`;
    });
    return `[${parts.join()}]`;
  }
}

function textOf(stream: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("end", () => resolve(Buffer.concat(parts).toString()));
    stream.on("error", reject);
  });
}
