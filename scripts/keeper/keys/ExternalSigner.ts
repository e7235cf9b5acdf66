import { getAddress, isAddress, Transaction } from "ethers";
import { z } from "zod";

import { SpillwayError } from "../../lib";
import { type RpcRequest, toHex } from "../chain/rpc";
import type { Signer } from "../sender/Sender";

/** A signed transaction in hex, as web3signer answers, or with its fields beside it, as geth and clef do. */
const signedSchema = z.union([z.string(), z.object({ raw: z.string() }).transform(({ raw }) => raw)]);
const replySchema = z.object({
  result: z.unknown().optional(),
  error: z.object({ message: z.string() }).optional(),
});
const accountsSchema = z.array(
  z
    .string()
    .refine(isAddress)
    .transform((text) => getAddress(text)),
);

/** Signs by a service that speaks web3signer's JSON-RPC. What comes back is checked before it counts as signed. */
export class ExternalSigner implements Signer {
  constructor(
    private readonly service: SignerService,
    readonly address: string,
  ) {}

  /** @throws SpillwayError `SIGNER_UNREACHABLE`, `WRONG_SIGNATURE`. */
  async signTransaction(asked: Parameters<Signer["signTransaction"]>[0]): Promise<string> {
    const { type, chainId, nonce, to, data, value, gasLimit, maxFeePerGas, maxPriorityFeePerGas } = asked;
    const raw = await this.service.ask(
      {
        method: "eth_signTransaction",
        params: [
          {
            ...{ from: this.address, to, data, type: toHex(type), chainId: toHex(chainId), nonce: toHex(nonce) },
            ...{ gas: toHex(gasLimit), value: toHex(value) },
            ...{ maxFeePerGas: toHex(maxFeePerGas), maxPriorityFeePerGas: toHex(maxPriorityFeePerGas) },
          },
        ],
      },
      signedSchema,
    );
    const signed = parse(raw);
    if (signed?.from !== this.address || signed.unsignedSerialized !== Transaction.from(asked).unsignedSerialized) {
      const why = signed?.from === this.address ? "another transaction than was asked for" : `not as ${this.address}`;
      throw new SpillwayError(
        "WRONG_SIGNATURE",
        `signerUrl: the signer at ${this.service.host} signed ${why}; nothing was sent. Check its keys and its chain id.`,
      );
    }
    return raw;
  }
}

/** The service that holds the keys. */
export class SignerService {
  readonly host: string;
  private readonly url: URL;

  constructor(
    url: string,
    private readonly timeoutMs: number,
  ) {
    this.url = new URL(url);
    this.host = this.url.host;
    if (!/^https?:$/.test(this.url.protocol)) {
      throw new SpillwayError("BAD_CONFIG", "signerUrl: is not an http(s) URL, like http://127.0.0.1:9000.");
    }
  }

  /**
   * Signers for these accounts of the service; for its only one where none is named.
   * @throws SpillwayError `SIGNER_UNREACHABLE`, `BAD_KEY`.
   */
  async open(addresses: readonly string[]): Promise<ExternalSigner[]> {
    const accounts = await this.ask({ method: "eth_accounts", params: [] }, accountsSchema);
    const absent = addresses.find((address) => !accounts.includes(address));
    if (absent !== undefined) {
      throw new SpillwayError(
        "BAD_KEY",
        `signerAddresses: the signer at ${this.host} holds no key of ${absent}; it has ${accounts.join(", ") || "none"}.`,
      );
    }
    const [only, ...others] = accounts;
    if (addresses.length === 0 && (only === undefined || others.length > 0)) {
      throw new SpillwayError(
        "BAD_KEY",
        `signerAddresses: name the account to use, like ["${only ?? "0x…"}"]; the signer at ${this.host} holds ${accounts.length} keys.`,
      );
    }
    return (addresses.length > 0 ? addresses : accounts).map((address) => new ExternalSigner(this, address));
  }

  /** One call. @throws SpillwayError `SIGNER_UNREACHABLE` where there is no answer of that shape. */
  async ask<T>(request: RpcRequest, shape: z.ZodType<T>): Promise<T> {
    const answer = replySchema.safeParse(await this.post(request));
    if (!answer.success) throw this.unreachable(request, "it did not answer in JSON-RPC");
    const { error, result } = answer.data;
    if (error !== undefined) throw this.unreachable(request, `it refused with "${error.message}"`);
    const parsed = shape.safeParse(result);
    if (!parsed.success) throw this.unreachable(request, "its answer has another shape than web3signer's");
    return parsed.data;
  }

  /** What it answered as JSON; undefined where that is none. Signers take no batches, as nodes do. */
  private async post(request: RpcRequest): Promise<unknown> {
    const url = new URL(this.url);
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (url.username !== "") {
      const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
      headers["authorization"] = `Basic ${Buffer.from(user).toString("base64")}`;
      [url.username, url.password] = ["", ""];
    }
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, ...request });
    const signal = AbortSignal.timeout(this.timeoutMs);
    let text: string;
    try {
      text = await (await fetch(url, { method: "POST", headers, body, signal })).text();
    } catch (cause) {
      const { cause: inner, name } = cause as Error & { cause?: NodeJS.ErrnoException };
      throw this.unreachable(request, `it does not answer (${inner?.code ?? name})`);
    }
    try {
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  }

  // The URL may hold a password, so only its host is named.
  private unreachable({ method }: RpcRequest, why: string): SpillwayError {
    return new SpillwayError(
      "SIGNER_UNREACHABLE",
      `signerUrl: no ${method} from the signer at ${this.host}: ${why}. Is it running, like web3signer on http://127.0.0.1:9000?`,
    );
  }
}

/** Undefined for what is not a signed transaction. */
function parse(raw: string): Transaction | undefined {
  try {
    return Transaction.from(raw);
  } catch {
    return undefined;
  }
}
