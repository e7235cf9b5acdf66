import { SpillwayError } from "../../lib";
import { type Rpc, type RpcReply, type RpcRequest, ethCall } from "./rpc";

/** A call of a view function. `decode` makes a value of what it returned. */
export interface ContractRead<T> {
  to: string;
  data: string;
  decode: (result: string) => T;
}

/** What will be known once its batch was sent. */
export interface Answer<T> {
  /** @throws SpillwayError `RPC_ERROR` where the node answered with an error, or with what can't be decoded. */
  value(): T;
  /**
   * Undefined where the node answered with an error, such as a revert.
   * @throws SpillwayError `RPC_ERROR` where it answered with what can't be decoded.
   */
  valueOrNone(): T | undefined;
}

/** Collects what is to be read at one block, from several places, and reads it in one round trip. */
export class Reads {
  private readonly requests: RpcRequest[] = [];
  private replies: RpcReply[] = [];
  private readonly tasks: (() => Promise<void>)[] = [];

  constructor(private readonly block: number) {}

  call<T>({ to, data, decode }: ContractRead<T>): Answer<T> {
    return this.request(ethCall(to, data, this.block), (result) => {
      if (typeof result === "string" && result !== "0x") return decode(result);
      throw new SpillwayError("RPC_ERROR", `The contract at ${to} answered nothing; is it what the config says it is?`);
    });
  }

  /** @param decode Makes a value of what the node answered, and nothing else: it may be called more than once. */
  request<T>(request: RpcRequest, decode: (result: unknown) => T): Answer<T> {
    const decoded = once((result: unknown) => decodeOrBlame(request.method, decode, result));
    const place = this.requests.push({ ...request, accepts: (result) => succeeds(() => decoded(result)) }) - 1;
    const reply = (): RpcReply => {
      const found = this.replies[place];
      if (found === undefined) throw new SpillwayError("INTERNAL", `${request.method} was not sent yet.`);
      return found;
    };
    return {
      value: () => {
        const got = reply();
        if (got.ok) return decoded(got.result);
        throw new SpillwayError("RPC_ERROR", `${request.method} failed: ${got.error.message}.`);
      },
      valueOrNone: () => {
        const got = reply();
        return got.ok ? decoded(got.result) : undefined;
      },
    };
  }

  /**
   * Does something else while the batch is under way, such as asking a server that is no node.
   * @returns Call it once the batch was sent; it throws what `task` has thrown.
   */
  alongside<T>(task: () => Promise<T>): () => T {
    let outcome: PromiseSettledResult<T> | undefined;
    this.tasks.push(async () => {
      [outcome] = await Promise.allSettled([task()]);
    });
    return () => {
      if (outcome === undefined) throw new SpillwayError("INTERNAL", "The batch was not sent yet.");
      if (outcome.status === "rejected") throw outcome.reason;
      return outcome.value;
    };
  }

  async send(rpc: Rpc): Promise<void> {
    const others = Promise.all(this.tasks.map((task) => task()));
    if (this.requests.length > 0) this.replies = await rpc.batch(this.requests);
    await others;
  }
}

/** What a node answers is never trusted: whatever a decoder trips over is the node's fault, not the program's. */
function decodeOrBlame<T>(method: string, decode: (result: unknown) => T, result: unknown): T {
  try {
    return decode(result);
  } catch (cause) {
    if (cause instanceof SpillwayError) throw cause;
    const shown = JSON.stringify(result ?? null).slice(0, 80);
    throw new SpillwayError("RPC_ERROR", `${method} was answered with what it can't return: ${shown}.`, { cause });
  }
}

/** Remembers the last result, so that one which was checked is not decoded again. */
function once<T>(decode: (result: unknown) => T): (result: unknown) => T {
  let last: { result: unknown; value: T } | undefined;
  return (result) => {
    if (last === undefined || last.result !== result) last = { result, value: decode(result) };
    return last.value;
  };
}

function succeeds(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof SpillwayError) return false;
    throw error;
  }
}
