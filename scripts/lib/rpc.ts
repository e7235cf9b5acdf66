import http from "node:http";
import https from "node:https";
import { z } from "zod";
import { SpillwayError } from "./errors";

/** One JSON-RPC call: method and parameters. */
export type RpcCall = readonly [method: string, params: readonly unknown[]];

const answer = z.object({
  id: z.number(),
  result: z.unknown().optional(),
  error: z.object({ code: z.number(), message: z.string(), data: z.unknown().optional() }).optional(),
});
type Answer = z.output<typeof answer>;

/**
 * A JSON-RPC client over one kept-alive connection: ethers' provider waits to batch and asks more than is needed, which
 * costs most of a replay's time. Errors: `RPC_UNREACHABLE`, `RPC_ERROR`.
 */
export class Rpc {
  private readonly url: URL;
  private readonly agent: http.Agent;
  private id = 0;

  constructor(url: string) {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
      throw new SpillwayError("BAD_INPUT", "an RPC endpoint is an http(s) URL, like http://127.0.0.1:8545");
    }
    this.url = new URL(url);
    const options = { keepAlive: true, noDelay: true };
    this.agent = this.url.protocol === "https:" ? new https.Agent(options) : new http.Agent(options);
  }

  /** The result of one call, as JSON. */
  async call(method: string, ...params: readonly unknown[]): Promise<unknown> {
    const id = ++this.id;
    const text = await this.post(JSON.stringify({ jsonrpc: "2.0", id, method, params }), method);
    return this.result(parse(answer, text, method), method);
  }

  /** As {@link call}, where the result must be a string. */
  async text(method: string, ...params: readonly unknown[]): Promise<string> {
    return z.string().parse(await this.call(method, ...params));
  }

  /**
   * Results of many calls in one request, in the calls' order. The node may carry them out in any order, so none may
   * depend on another.
   */
  async batch(calls: readonly RpcCall[]): Promise<unknown[]> {
    const [only] = calls;
    if (!only) return [];
    if (calls.length === 1) return [await this.call(only[0], ...only[1])];
    const first = this.id + 1;
    this.id += calls.length;
    const body = calls.map(([method, params], index) => ({ jsonrpc: "2.0", id: first + index, method, params }));
    const text = await this.post(JSON.stringify(body), "a batch");
    const byId = new Map(parse(z.array(answer), text, "a batch").map((one) => [one.id, one]));
    return calls.map(([method], index) => {
      const one = byId.get(first + index);
      if (!one) throw new SpillwayError("RPC_ERROR", `${this.url.host} left ${method} out of its answer to a batch`);
      return this.result(one, method);
    });
  }

  /** Ends the connection. */
  close(): void {
    this.agent.destroy();
  }

  private result(one: Answer, method: string): unknown {
    if (one.error) {
      throw new SpillwayError("RPC_ERROR", `${this.url.host} refused ${method}: ${one.error.message}`, {
        cause: one.error,
      });
    }
    return one.result;
  }

  private post(body: string, what: string): Promise<string> {
    return new Promise((resolve, reject) => {
      // the path of a URL may hold a key, so errors name the host only
      const fail = (cause: NodeJS.ErrnoException): void => {
        reject(
          new SpillwayError(
            "RPC_UNREACHABLE",
            `can't reach ${this.url.host} for ${what} (${cause.code ?? cause.message})`,
            {
              cause,
            },
          ),
        );
      };
      const { request } = this.url.protocol === "https:" ? https : http;
      const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
      const sent = request(this.url, { method: "POST", agent: this.agent, headers, timeout: 120_000 }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.on("error", fail);
        response.on("end", () => {
          if (response.statusCode === 200) resolve(text);
          else fail(new Error(`HTTP ${String(response.statusCode)}`));
        });
      });
      sent.on("timeout", () => sent.destroy(new Error("no answer in 120 s")));
      sent.on("error", fail);
      sent.end(body);
    });
  }
}

function parse<T>(shape: z.ZodType<T>, text: string, method: string): T {
  try {
    return shape.parse(JSON.parse(text));
  } catch (cause) {
    throw new SpillwayError("RPC_ERROR", `the answer to ${method} is not JSON-RPC: ${text.slice(0, 80)}`, { cause });
  }
}
