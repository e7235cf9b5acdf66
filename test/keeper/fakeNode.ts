import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { type WebSocket, WebSocketServer } from "ws";

import { toHex } from "../../scripts/keeper/chain/rpc";

/** A block as a node gives it. Blocks of the same number on two forks have two hashes. */
export function block(number: number, { fork = "a", timestamp = Math.floor(Date.now() / 1000) } = {}) {
  const hash = (of: number): string => `0x${Buffer.from(`${fork}${of}`).toString("hex").padStart(64, "0")}`;
  return { number: toHex(number), hash: hash(number), parentHash: hash(number - 1), timestamp: toHex(timestamp) };
}
export type FakeBlock = ReturnType<typeof block>;

interface Request {
  id: number;
  method: string;
  params: unknown[];
}
/** What a node that misbehaves answers in place of a result. */
export type Answer = { result: unknown } | { error: { code: number; message: string; data?: string } };
export const refusal = (code: number, message: string, data?: string): Answer => ({
  error: { code, message, ...(data !== undefined && { data }) },
});

/** A JSON-RPC node over HTTP and WebSocket on one port of the loopback, whose chain and faults a test sets. */
export class FakeNode {
  /** Its chain, the head last. */
  blocks: FakeBlock[] = [];
  chainId = 1;
  /** Answers in place of the usual ones, by method. */
  readonly faults = new Map<string, Answer>();
  /** As `faults`, for the next time only. */
  readonly slips = new Map<string, Answer>();
  /** What the server answers whatever it is asked: a text, or an HTTP status. */
  breakdown: string | number | undefined;
  delayMs = 0;
  /** Methods that it was asked for. */
  readonly asked: string[] = [];
  readonly transactions: unknown[] = [];
  /** Whether it pushes heads over sockets. */
  pushes = true;

  private constructor(
    private readonly server: Server,
    private readonly sockets: WebSocketServer,
  ) {
    server.on("request", (request: IncomingMessage, response: ServerResponse) => this.serve(request, response));
    sockets.on("connection", (socket) => socket.on("message", (data) => this.receive(socket, data)));
  }

  static async start(height = 10): Promise<FakeNode> {
    const server = createServer();
    const node = new FakeNode(server, new WebSocketServer({ server }));
    for (let number = 0; number <= height; number++) node.blocks.push(block(number));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return node;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get http(): string {
    return `http://127.0.0.1:${this.port}/secret`;
  }

  get ws(): string {
    return `ws://127.0.0.1:${this.port}/secret`;
  }

  /** Adds a block to its chain and pushes it. */
  extend(options: { fork?: string; timestamp?: number } = {}): FakeBlock {
    const next = block(this.blocks.length, options);
    this.blocks.push(next);
    const params = { subscription: "0x1", result: next };
    const text = JSON.stringify({ jsonrpc: "2.0", method: "eth_subscription", params });
    if (this.pushes) for (const socket of this.sockets.clients) socket.send(text);
    return next;
  }

  /** Ends all connections, as a node does that restarts. */
  drop(): void {
    for (const socket of this.sockets.clients) socket.terminate();
    this.server.closeAllConnections();
  }

  async stop(): Promise<void> {
    this.drop();
    this.sockets.close();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    let text = "";
    request.on("data", (part: Buffer) => (text += part.toString()));
    request.on("end", () => {
      const answer = this.answer(text);
      setTimeout(() => {
        if (typeof this.breakdown === "number") response.statusCode = this.breakdown;
        response.end(answer);
      }, this.delayMs);
    });
  }

  private receive(socket: WebSocket, data: Buffer): void {
    const answer = this.answer(data.toString());
    setTimeout(() => socket.send(answer), this.delayMs);
  }

  private answer(text: string): string {
    const asked = JSON.parse(text) as Request | Request[];
    const answers = [asked].flat().map(({ id, method, params }) => {
      this.asked.push(method);
      const slip = this.slips.get(method);
      this.slips.delete(method);
      return { jsonrpc: "2.0", id, ...(slip ?? this.faults.get(method) ?? { result: this.usual(method, params) }) };
    });
    if (this.breakdown !== undefined) return String(this.breakdown);
    return JSON.stringify(Array.isArray(asked) ? answers : answers[0]);
  }

  private usual(method: string, params: unknown[]): unknown {
    const head = this.blocks.at(-1);
    switch (method) {
      case "eth_chainId":
        return toHex(this.chainId);
      case "eth_subscribe":
        return "0x1";
      case "eth_getBlockByNumber":
        return (params[0] === "latest" ? head : this.blocks[Number(params[0])]) ?? null;
      case "eth_getLogs":
        return [];
      case "eth_sendRawTransaction":
        this.transactions.push(params[0]);
        return `0x${"ab".repeat(32)}`;
      case "eth_call":
        return `0x${this.port.toString(16).padStart(64, "0")}`; // tells who answered
      default:
        return "0x0";
    }
  }
}
