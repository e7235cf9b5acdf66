import http from "node:http";
import https from "node:https";

import { id } from "ethers";
import { z } from "zod";

import { toHex } from "../chain/rpc";

/** How a relay takes transactions. */
export const RELAY_METHODS = ["eth_sendPrivateTransaction", "eth_sendBundle", "eth_sendRawTransaction"] as const;

export interface RelaySettings {
  url: string;
  /** `eth_sendRawTransaction` is that of an RPC which keeps transactions out of the public pool. */
  method: (typeof RELAY_METHODS)[number];
}

/** Signs what is sent to a relay, so that it knows whom it is from. */
export interface RelayAuth {
  readonly address: string;
  signMessage(message: string): Promise<string>;
}

/** Takes transactions that others are not to see before they are mined. */
export interface Relay {
  /** Names the path in metrics. */
  readonly name: string;
  /** Whether what it takes is for the next block only. */
  readonly isForOneBlock: boolean;
  /**
   * @param raws Signed transactions of one account, by nonce.
   * @param block The latest block.
   * @param until The last block for which the relay is to keep them.
   * @returns For each whether the relay has it. Never throws.
   */
  send(raws: readonly string[], block: number, until: number): Promise<boolean[]>;
}

const replySchema = z.object({ id: z.number(), result: z.unknown().optional(), error: z.unknown().optional() });
const takenSchema = z.union([
  z.string().regex(/^0x[0-9a-f]{64}$/i),
  z.object({ bundleHash: z.string().regex(/^0x[0-9a-f]{64}$/i) }),
]);

/** A relay over HTTP. One that fails, is slow or answers garbage has not taken the transaction. */
export class HttpRelay implements Relay {
  readonly name: string;
  readonly isForOneBlock: boolean;
  private readonly url: URL;
  private nextId = 1;

  /** @param onTrouble Told what went wrong; the relay is named by its host. */
  constructor(
    private readonly settings: RelaySettings,
    private readonly auth: RelayAuth | undefined,
    private readonly onTrouble: (reason: string) => void,
    private readonly timeoutMs = 2_000,
  ) {
    this.url = new URL(settings.url);
    this.name = this.url.host;
    this.isForOneBlock = settings.method === "eth_sendBundle";
  }

  async send(raws: readonly string[], block: number, until: number): Promise<boolean[]> {
    switch (this.settings.method) {
      case "eth_sendBundle": {
        const taken = await this.ask([{ txs: raws, blockNumber: toHex(block + 1) }]);
        return raws.map(() => taken);
      }
      case "eth_sendPrivateTransaction":
        return Promise.all(raws.map((tx) => this.ask([{ tx, maxBlockNumber: toHex(until) }])));
      case "eth_sendRawTransaction":
        return Promise.all(raws.map((raw) => this.ask([raw])));
    }
  }

  private async ask(params: readonly unknown[]): Promise<boolean> {
    const asked = this.nextId++;
    const body = JSON.stringify({ jsonrpc: "2.0", id: asked, method: this.settings.method, params });
    try {
      const answer = replySchema.safeParse(JSON.parse(await this.post(body)));
      if (answer.data?.id === asked && takenSchema.safeParse(answer.data.result).success) return true;
      this.onTrouble(`relay ${this.name} did not take a transaction`);
    } catch (error) {
      const why = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.name) : String(error);
      this.onTrouble(`no answer from relay ${this.name}: ${why}`);
    }
    return false;
  }

  private async post(body: string): Promise<string> {
    const { request } = this.url.protocol === "https:" ? https : http;
    const signature = this.auth && `${this.auth.address}:${await this.auth.signMessage(id(body))}`;
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      ...(signature !== undefined && { "x-flashbots-signature": signature }),
    };
    return new Promise((resolve, reject) => {
      const options = { method: "POST", headers, signal: AbortSignal.timeout(this.timeoutMs) };
      const sent = request(this.url, options, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => (text += part));
        response.on("error", reject);
        response.on("end", () => resolve(text));
      });
      sent.on("error", reject);
      sent.end(body);
    });
  }
}
