import { WebSocket } from "ws";
import { z } from "zod";

import { SpillwayError } from "../../lib";
import { decodeBatch, encodeBatch, parseJson } from "./jsonRpc";
import type { RpcReply, RpcRequest } from "./rpc";
import type { Transport, TransportEvents } from "./Transport";

/** A batch that is not answered in full yet. */
interface Waiting {
  requests: readonly RpcRequest[];
  first: number;
  answers: unknown[];
  resolve(replies: RpcReply[]): void;
  reject(error: SpillwayError): void;
  timer: NodeJS.Timeout;
}

const headSchema = z.object({ method: z.literal("eth_subscription"), params: z.object({ result: z.unknown() }) });
const answerSchema = z.object({ id: z.number() });

/**
 * A node over a WebSocket, which also tells of new heads. It connects when it is first asked, and again when it is asked
 * after the connection was lost; when to ask again is its owner's to say. A batch that stays unanswered ends the connection,
 * since a peer that went away without a farewell looks just like that.
 */
export class WsRpc implements Transport {
  readonly host: string;
  private connection: Promise<WebSocket> | undefined;
  private readonly waiting = new Set<Waiting>();
  private nextId = 1;

  /** @param timeoutMs After which a silent node counts as unreachable. */
  constructor(
    private readonly url: string,
    private readonly timeoutMs: number,
    private readonly events: TransportEvents,
  ) {
    this.host = new URL(url).host;
  }

  async batch(requests: readonly RpcRequest[]): Promise<RpcReply[]> {
    if (requests.length === 0) return [];
    const socket = await (this.connection ??= this.connect());
    const first = this.nextId;
    this.nextId += requests.length;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.fail(waiting, "TIMEOUT");
        socket.terminate();
      }, this.timeoutMs);
      const waiting = { requests, first, answers: [], resolve, reject, timer };
      this.waiting.add(waiting);
      socket.send(encodeBatch(requests, first));
    });
  }

  close(): void {
    const { connection } = this;
    this.connection = undefined;
    connection?.then(
      (socket) => socket.terminate(),
      () => undefined, // there is nothing to close
    );
  }

  private connect(): Promise<WebSocket> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(this.url, { handshakeTimeout: this.timeoutMs, perMessageDeflate: false });
      let why = "the connection was closed";
      socket.on("open", () => {
        // a node without subscriptions refuses this one; it is polled then
        socket.send(JSON.stringify({ jsonrpc: "2.0", id: 0, method: "eth_subscribe", params: ["newHeads"] }));
        resolve(socket);
      });
      socket.on("error", (error) => (why = error.code ?? error.message));
      socket.on("close", () => {
        this.connection = undefined;
        for (const waiting of this.waiting) this.fail(waiting, why);
        reject(this.unreachable(why)); // of no effect once it was open
        this.events.closed();
      });
      socket.on("message", (data) => this.receive(parseJson(data.toString("utf8")), socket));
    });
  }

  private receive(message: unknown, socket: WebSocket): void {
    const head = headSchema.safeParse(message);
    if (head.success) {
      this.events.head(head.data.params.result);
      return;
    }
    for (const one of Array.isArray(message) ? (message as unknown[]) : [message]) {
      const answer = answerSchema.safeParse(one);
      if (answer.success) this.collect(one, answer.data.id);
      else {
        // it can't be said whose answer this was to be
        for (const waiting of this.waiting) this.finish(waiting, one);
        socket.terminate();
      }
    }
  }

  private collect(answer: unknown, id: number): void {
    for (const waiting of this.waiting) {
      if (id < waiting.first || id >= waiting.first + waiting.requests.length) continue;
      waiting.answers.push(answer);
      if (waiting.answers.length === waiting.requests.length) this.finish(waiting, waiting.answers);
    }
  }

  private finish(waiting: Waiting, answer: unknown): void {
    const replies = decodeBatch(answer, waiting.requests, waiting.first);
    if (typeof replies === "string") {
      this.fail(waiting, replies);
      return;
    }
    this.forget(waiting);
    waiting.resolve(replies);
  }

  private fail(waiting: Waiting, why: string): void {
    this.forget(waiting);
    waiting.reject(this.unreachable(why));
  }

  private forget(waiting: Waiting): void {
    clearTimeout(waiting.timer);
    this.waiting.delete(waiting);
  }

  private unreachable(why: string): SpillwayError {
    return new SpillwayError("RPC_UNREACHABLE", `No answer from the node at ${this.host}: ${why}.`);
  }
}
