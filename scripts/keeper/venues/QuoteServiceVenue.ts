import { getAddress, isAddress } from "ethers";
import { z } from "zod";

import { BPS, max, SpillwayError, type VenueQuote } from "../../lib";
import type { Reads } from "../chain/Reads";
import { GAS_UNITS } from "../strategy/gas";
import { quoteCurve } from "./curve";
import { type Leg, LEG_KIND, type Venue, type VenueContext } from "./Venue";

/** What an operator says of a quote service of his own. */
export interface QuoteServiceSettings {
  url: string;
  /** Contracts that the service may have called. Checksummed. */
  targets: readonly string[];
  /** The most collateral to offer it at once. */
  most: bigint;
  timeoutMs: number;
  /** How far what it pays may fall below what it said. */
  slippageBps: bigint;
}

/** The sizes at which it is asked, as parts of `most`. */
const SIZES = [64n, 16n, 4n, 1n];
/** The longest answer that is read, bytes. */
const LONGEST_ANSWER = 131_072;
/** The most blocks for which a service that failed is left alone. */
const LONGEST_REST = 32;

const answerSchema = z.object({
  amountOut: z
    .string()
    .regex(/^\d{1,78}$/)
    .transform(BigInt),
  target: z
    .string()
    .refine((text) => isAddress(text))
    .transform((text) => getAddress(text)),
  data: z.string().regex(/^0x([0-9a-f]{2})*$/i),
});
type Answer = z.output<typeof answerSchema>;

/**
 * A server of the operator's that says what it pays and which call makes it pay. Nothing that it says is trusted: its calls
 * go to allowed targets only, the flash liquidator lets them take no more than their leg's collateral and asks for the loan
 * asset at once, and a transaction is simulated before it is sent. One that fails is left alone for 1, 2, 4 … blocks.
 */
export class QuoteServiceVenue implements Venue {
  readonly gas = GAS_UNITS.call;
  private failures = 0;
  private rest = 0;

  constructor(
    private readonly settings: QuoteServiceSettings,
    private readonly context: Omit<VenueContext, "rpc" | "block">,
  ) {}

  /** Host only: the rest of a URL may hold a key. */
  get name(): string {
    return `quote-service:${new URL(this.settings.url).host}`;
  }

  /** @inheritdoc */
  read(reads: Reads): () => VenueQuote {
    if (this.rest > 0) {
      this.rest--;
      return () => {
        throw this.failure("it failed before and is left alone for some blocks");
      };
    }
    const { most } = this.settings;
    const amounts = [...new Set(SIZES.map((part) => most / part))].filter((amount) => amount > 0n);
    return reads.alongside(async () => {
      try {
        const answers = await Promise.all(amounts.map((amount) => this.ask(amount)));
        return quoteCurve(amounts.map((amount, i) => ({ amount, proceeds: answers[i]?.amountOut ?? 0n })));
      } catch (error) {
        this.judge(false);
        throw error;
      }
    });
  }

  /** @inheritdoc */
  async leg(amount: bigint, proceeds: bigint): Promise<Leg | undefined> {
    const lessSlippage = (value: bigint): bigint => max(1n, (value * (BPS - this.settings.slippageBps)) / BPS);
    try {
      const { amountOut, target, data } = await this.ask(amount);
      if (amountOut >= lessSlippage(proceeds)) {
        return { kind: LEG_KIND.call, venue: target, data, minOut: lessSlippage(amountOut) };
      }
    } catch (error) {
      if (!(error instanceof SpillwayError)) throw error;
    }
    this.judge(false);
    return undefined;
  }

  /** @inheritdoc */
  judge(wasSent: boolean): void {
    this.failures = wasSent ? 0 : this.failures + 1;
    this.rest = wasSent ? 0 : Math.min(LONGEST_REST, 2 ** (this.failures - 1));
  }

  /** @throws SpillwayError `VENUE_ERROR` where there is no answer in time, or none that can be used. */
  private async ask(amount: bigint): Promise<Answer> {
    const { chainId, collateral, loanAsset, flashLiquidator } = this.context;
    const question = { chainId, sellToken: collateral, buyToken: loanAsset, amount: String(amount) };
    const answer = answerSchema.safeParse(await this.post({ ...question, taker: flashLiquidator }));
    if (!answer.success) throw this.failure("it did not answer with amountOut, target and data");
    if (!this.settings.targets.includes(answer.data.target)) {
      throw this.failure(`it wants ${answer.data.target} called, which is not among its targets`);
    }
    return answer.data;
  }

  private async post(body: object): Promise<unknown> {
    try {
      const response = await fetch(this.settings.url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
        redirect: "error",
        signal: AbortSignal.timeout(this.settings.timeoutMs),
      });
      if (response.status !== 200) throw this.failure(`it answered with HTTP status ${response.status}`);
      return JSON.parse(await textOf(response, () => this.failure("its answer is too long")));
    } catch (cause) {
      if (cause instanceof SpillwayError) throw cause;
      const why = cause instanceof SyntaxError ? "its answer is not JSON" : `no answer (${nameOf(cause)})`;
      throw this.failure(why, cause);
    }
  }

  private failure(why: string, cause?: unknown): SpillwayError {
    return new SpillwayError("VENUE_ERROR", `${this.name} can't be used: ${why}.`, { cause });
  }
}

async function textOf(response: Response, tooLong: () => SpillwayError): Promise<string> {
  const reader = response.body?.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const part = await reader?.read();
    if (part?.value === undefined) return Buffer.concat(parts).toString("utf8");
    parts.push(part.value);
    length += part.value.length;
    if (length <= LONGEST_ANSWER) continue;
    await reader?.cancel();
    throw tooLong();
  }
}

function nameOf(cause: unknown): string {
  return cause instanceof Error ? cause.name : "unknown";
}
