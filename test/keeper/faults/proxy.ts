// A JSON-RPC node over HTTP in front of a real one that goes wrong in the ways that nodes do, when a test says so.
import http, { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface Request {
  id: number;
  method: string;
  params: unknown[];
}
export interface Reply {
  id: number;
  result?: unknown;
  error?: { code: number; message: string; data?: string };
}

/** What a fault does to one request; the whole HTTP request is one with it where it drops the connection. */
interface Fault {
  matches: (request: Request) => boolean;
  /** How many more requests it hits. */
  left: number;
  /** Answers in place of the node, `"drop"` before the node gets it, or undefined to let it through. */
  before?: (request: Request) => Reply | "drop" | undefined | Promise<Reply | "drop" | undefined>;
  /** Changes the node's answer, or drops the connection after the node has got the request. */
  after?: (request: Request, reply: Reply) => Reply | "drop";
}

export interface FaultOptions {
  /** How many requests it hits; all of them where not given. */
  times?: number;
  /** Only requests for which this holds. */
  when?: (params: unknown[]) => boolean;
}

export class FaultyNode {
  /** Everything that was asked for since the start. */
  readonly requests: Request[] = [];
  /** Called as an HTTP request comes, and again before its answer goes out. */
  onPost: ((moment: "asked" | "answered", batch: readonly Request[]) => void) | undefined;
  private faults: Fault[] = [];
  private headOf: ((head: number) => number) | undefined;
  private broken: "none" | "dead" | "nonsense" | number = "none";
  private silence = 0;
  private readonly sockets = new Set<Socket>();
  private readonly agent = new http.Agent({ keepAlive: true, noDelay: true });

  private constructor(
    private target: string,
    private readonly server: Server,
  ) {}

  static async start(target: string): Promise<FaultyNode> {
    const server = createServer();
    const proxy = new FaultyNode(target, server);
    server.on("connection", (socket) => {
      proxy.sockets.add(socket);
      socket.once("close", () => proxy.sockets.delete(socket));
    });
    server.on("request", (request, response) => void proxy.serve(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.agent.destroy();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  // ------------------------------------------------------------------------------------------------------ faults

  /** All is well again. */
  heal(): void {
    this.faults = [];
    this.headOf = undefined;
    this.broken = "none";
    this.silence = 0;
  }

  /** Leads to another node from now on. */
  leadTo(url: string): void {
    this.target = url;
  }

  /** Shows no block above this one. */
  freeze(at: number): void {
    this.headOf = (head) => Math.min(at, head);
  }

  /** Shows the chain as it was so many blocks ago. */
  lag(blocks: number): void {
    this.headOf = (head) => Math.max(0, head - blocks);
  }

  /** Closes every connection without an answer. */
  die(): void {
    this.broken = "dead";
    for (const socket of this.sockets) socket.destroy();
  }

  /** Answers everything with a page of HTML. */
  talkNonsense(): void {
    this.broken = "nonsense";
  }

  /** Answers everything with that HTTP status. */
  answerStatus(status: number): void {
    this.broken = status;
  }

  /** Answers so much later, milliseconds. */
  delay(ms: number): void {
    this.silence = ms;
  }

  /** Answers a method with a JSON-RPC error. */
  refuse(method: string, message = `${method} is not available`, options: FaultOptions & { code?: number } = {}): void {
    const { code = -32601 } = options;
    this.add(method, options, { before: ({ id }) => ({ id, error: { code, message } }) });
  }

  /** Closes the connection at a method: before the node gets it, or after. */
  drop(method: string, moment: "before" | "after", options: FaultOptions = {}): void {
    this.add(method, options, moment === "before" ? { before: () => "drop" } : { after: () => "drop" });
  }

  /** Answers with something else than the node; the node gets the request all the same. */
  lie(method: string, lie: (truth: unknown, params: unknown[]) => unknown, options: FaultOptions = {}): void {
    this.add(method, options, {
      after: ({ id, params }, reply) => ({ id, result: lie(reply.result, params) }),
    });
  }

  /** Answers in place of the node, which never gets the request. */
  swallow(method: string, answer: (params: unknown[]) => unknown, options: FaultOptions = {}): void {
    this.add(method, options, { before: ({ id, params }) => ({ id, result: answer(params) }) });
  }

  count(method: string): number {
    return this.requests.filter((request) => request.method === method).length;
  }

  private add(method: string, { times, when }: FaultOptions, effect: Pick<Fault, "before" | "after">): void {
    const matches = (request: Request): boolean =>
      (method === "*" || request.method === method) && (when?.(request.params) ?? true);
    this.faults.push({ matches, left: times ?? Number.POSITIVE_INFINITY, ...effect });
  }

  // ----------------------------------------------------------------------------------------------------- serving

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const body = await textOf(request);
      const parsed = JSON.parse(body) as Request | Request[];
      const batch = Array.isArray(parsed) ? parsed : [parsed];
      this.requests.push(...batch);
      this.onPost?.("asked", batch);
      if (this.silence > 0) await sleep(this.silence);
      if (this.broken !== "none") {
        this.fail(response);
        return;
      }
      const replies = await this.answer(batch);
      this.onPost?.("answered", batch);
      if (replies === "drop") {
        response.destroy();
        return;
      }
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(Array.isArray(parsed) ? replies : replies[0]));
    } catch {
      // the real node is gone, or the keeper is: either way nobody is answered
      response.destroy();
    }
  }

  private fail(response: ServerResponse): void {
    if (this.broken === "dead") response.destroy();
    else if (this.broken === "nonsense") response.end("<html><body>Welcome to our gateway</body></html>");
    else response.writeHead(Number(this.broken)).end("no");
  }

  private async answer(batch: Request[]): Promise<Reply[] | "drop"> {
    const replies = new Map<number, Reply>();
    const hits = new Map<Request, Fault>();
    for (const request of batch) {
      const fault = this.faults.find((one) => one.left > 0 && one.matches(request));
      if (fault === undefined) continue;
      fault.left--;
      hits.set(request, fault);
    }
    for (const [request, fault] of hits) {
      const reply = await fault.before?.(request);
      if (reply === "drop") return reply;
      if (reply !== undefined) replies.set(request.id, reply);
    }
    const passed = batch.filter(({ id }) => !replies.has(id));
    for (const reply of await this.ask(passed)) replies.set(reply.id, reply);
    for (const [request, fault] of hits) {
      const reply = replies.get(request.id);
      const changed = reply === undefined ? undefined : fault.after?.(request, reply);
      if (changed === "drop") return changed;
      if (changed !== undefined) replies.set(request.id, changed);
    }
    return batch.map(({ id }) => replies.get(id) ?? { id, error: { code: -32000, message: "no answer" } });
  }

  /** What the node says, as of the head that it shows. */
  private async ask(batch: readonly Request[]): Promise<Reply[]> {
    if (batch.length === 0) return [];
    if (this.headOf === undefined) return this.forward(batch);
    const [head] = await this.forward([{ id: 0, method: "eth_blockNumber", params: [] }]);
    const shown = this.headOf(Number(head?.result));
    const known = batch.map((request) => asOf(request, shown));
    const forwarded = known.filter((one): one is Request => "method" in one);
    const replies = [...(await this.forward(forwarded)), ...known.filter((one): one is Reply => !("method" in one))];
    const methods = new Map(batch.map(({ id, method }) => [id, method]));
    return replies.map((reply) => hideAbove(reply, methods.get(reply.id) ?? "", shown));
  }

  private forward(batch: readonly Request[]): Promise<Reply[]> {
    if (batch.length === 0) return Promise.resolve([]);
    const body = JSON.stringify(batch.map((request) => ({ jsonrpc: "2.0", ...request })));
    return new Promise((resolve, reject) => {
      const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      const sent = http.request(this.target, { method: "POST", agent: this.agent, headers }, (response) => {
        textOf(response).then((text) => resolve(JSON.parse(text) as Reply[]), reject);
      });
      sent.on("error", reject);
      sent.end(body);
    });
  }
}

/** The place of the block among a method's parameters. */
const BLOCK_AT: Readonly<Record<string, number>> = {
  eth_getBlockByNumber: 0,
  eth_call: 1,
  eth_estimateGas: 1,
  eth_getBalance: 1,
  eth_getCode: 1,
  eth_getTransactionCount: 1,
  eth_getStorageAt: 2,
};

/** The request as a node whose head is `shown` understands it, or its answer. */
function asOf(request: Request, shown: number): Request | Reply {
  const { id, method, params } = request;
  if (method === "eth_blockNumber") return { id, result: quantity(shown) };
  if (method === "eth_getLogs") {
    const [filter] = params as [{ fromBlock: string; toBlock: string }];
    if (Number(filter.fromBlock) > shown) return { id, result: [] };
    return { ...request, params: [{ ...filter, toBlock: atMost(filter.toBlock, shown) }] };
  }
  const at = BLOCK_AT[method];
  if (at === undefined) return request;
  const tag = params[at];
  if (typeof tag === "string" && /^0x/.test(tag) && Number(tag) > shown) {
    if (method === "eth_getBlockByNumber") return { id, result: null };
    return { id, error: { code: -32000, message: "header not found" } };
  }
  const changed = [...params];
  if (typeof tag !== "string" || tag === "latest" || (tag === "pending" && method !== "eth_getTransactionCount")) {
    changed[at] = quantity(shown);
  }
  return { ...request, params: changed };
}

function hideAbove(reply: Reply, method: string, shown: number): Reply {
  if (method !== "eth_getTransactionReceipt" && method !== "eth_getTransactionByHash") return reply;
  const found = reply.result as { blockNumber: string | null } | null;
  const number = found?.blockNumber ?? null;
  return number !== null && Number(number) > shown ? { id: reply.id, result: null } : reply;
}

function atMost(tag: string | undefined, shown: number): string {
  return tag !== undefined && /^0x/.test(tag) && Number(tag) < shown ? tag : quantity(shown);
}

function quantity(value: number): string {
  return `0x${value.toString(16)}`;
}

async function textOf(stream: IncomingMessage): Promise<string> {
  let text = "";
  stream.setEncoding("utf8");
  for await (const part of stream) text += part as string;
  return text;
}
