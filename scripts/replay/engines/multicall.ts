import type { Interface } from "ethers";
import { SpillwayError } from "../../lib";
import { mainnet } from "../chain/addresses";
import { abi } from "../chain/chain";
import type { Chain } from "../model/chain";

const multicallAbi = abi([
  "function aggregate3((address target, bool allowFailure, bytes callData)[] calls) payable returns ((bool success, bytes returnData)[])",
]);

/** Collects reads from contracts and sends them as one call to the node. */
export class Multicall {
  private readonly calls: { target: string; allowFailure: boolean; callData: string }[] = [];
  private answers: readonly { success: boolean; returnData: string }[] = [];

  constructor(private readonly chain: Chain) {}

  /** What the function returned first, once it is sent; undefined where the call reverted. */
  tryRead(target: string, contract: Interface, name: string, args: readonly unknown[] = []): () => unknown {
    const place =
      this.calls.push({ target, allowFailure: true, callData: contract.encodeFunctionData(name, args) }) - 1;
    return () => {
      const answer = this.answers[place];
      if (!answer) throw new SpillwayError("INTERNAL", `${name} was read before it was sent`);
      return answer.success ? (contract.decodeFunctionResult(name, answer.returnData)[0] as unknown) : undefined;
    };
  }

  /** As {@link tryRead}, where a revert is `RPC_ERROR`. */
  read(target: string, contract: Interface, name: string, args: readonly unknown[] = []): () => unknown {
    const tried = this.tryRead(target, contract, name, args);
    return () => {
      const value = tried();
      if (value === undefined) throw new SpillwayError("RPC_ERROR", `${name} of ${target} reverted`);
      return value;
    };
  }

  async send(): Promise<void> {
    const [answers] = await this.chain.read(mainnet.multicall3, multicallAbi, "aggregate3", [this.calls]);
    this.answers = answers as typeof this.answers;
  }
}
