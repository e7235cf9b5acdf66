import { SpillwayError } from "../../lib";
import { type Rpc, type RpcFailure, type RpcReply, type RpcRequest, ethCall } from "./rpc";

/** A call of a view function. `decode` makes a value of what it returned. */
export interface ContractRead<T> {
  to: string;
  data: string;
  decode: (result: string) => T;
}

/** What will be known once its batch was sent. */
export interface Answer<T> {
  /** @throws SpillwayError `RPC_ERROR` where the node answered with an error. */
  value(): T;
  /** Undefined where the node answered with an error, such as a revert. */
  valueOrNone(): T | undefined;
  failure(): RpcFailure | undefined;
}

/** Collects what is to be read at one block, from several places, and reads it in one round trip. */
export class Reads {
  private readonly requests: RpcRequest[] = [];
  private replies: RpcReply[] = [];

  constructor(readonly block: number) {}

  get size(): number {
    return this.requests.length;
  }

  call<T>({ to, data, decode }: ContractRead<T>): Answer<T> {
    return this.request(ethCall(to, data, this.block), (result) => {
      if (typeof result === "string" && result !== "0x") return decode(result);
      throw new SpillwayError("RPC_ERROR", `The contract at ${to} answered nothing; is it what the config says it is?`);
    });
  }

  request<T>(request: RpcRequest, decode: (result: unknown) => T): Answer<T> {
    const place = this.requests.push(request) - 1;
    const reply = (): RpcReply => {
      const found = this.replies[place];
      if (found === undefined) throw new SpillwayError("INTERNAL", `${request.method} was not sent yet.`);
      return found;
    };
    return {
      value: () => {
        const got = reply();
        if (got.ok) return decode(got.result);
        throw new SpillwayError("RPC_ERROR", `${request.method} failed: ${got.error.message}.`);
      },
      valueOrNone: () => {
        const got = reply();
        return got.ok ? decode(got.result) : undefined;
      },
      failure: () => {
        const got = reply();
        return got.ok ? undefined : got.error;
      },
    };
  }

  async send(rpc: Rpc): Promise<void> {
    if (this.requests.length > 0) this.replies = await rpc.batch(this.requests);
  }
}
