import { IOracle__factory, IVault__factory } from "../../../typechain-types";
import { Rpc } from "../../lib";
import { mainnet } from "../../replay/chain/addresses";
import { abi } from "../../replay/chain/chain";
import type { BenchPosition, Deployment } from "./world";

const vaultAbi = IVault__factory.createInterface();
const oracleAbi = IOracle__factory.createInterface();
const multicall = abi([
  "function aggregate3((address target, bool allowFailure, bytes callData)[] calls) payable returns ((bool success, bytes returnData)[])",
]);
/** Positions in one call to Multicall3: what public bots use, and what nodes' gas limits for calls allow. */
const POSITIONS_A_CALL = 500;
/** Words ahead of the first position in what Multicall3 answers, and from one position to the next. */
const WORDS = { offsets: 2, each: 6, collateral: 3, debtShares: 4 };

/**
 * Liquidation the way public bots do it: at every block each position is read through Multicall3, and its health worked out
 * from the price. The calldata is made once, and answers are decoded word by word, which bots rarely are so kind to
 * themselves to do.
 */
export class PollingBot {
  private readonly calls: readonly { data: string; owners: readonly string[] }[];
  private readonly rpc: Rpc;

  constructor(
    url: string,
    private readonly deployment: Deployment,
    positions: readonly BenchPosition[],
  ) {
    this.rpc = new Rpc(url);
    const { vault, collateral } = deployment;
    const calls: { data: string; owners: string[] }[] = [];
    for (let first = 0; first < positions.length; first += POSITIONS_A_CALL) {
      const owners = positions.slice(first, first + POSITIONS_A_CALL).map(({ owner }) => owner);
      const reads = owners.map((owner) => ({
        ...{ target: vault, allowFailure: true },
        callData: vaultAbi.encodeFunctionData("position", [collateral, owner]),
      }));
      calls.push({ owners, data: multicall.encodeFunctionData("aggregate3", [reads]) });
    }
    this.calls = calls;
  }

  /** Reads everything at the latest block. @returns Owners of positions above lltv. */
  async look(): Promise<string[]> {
    const { vault, collateral } = this.deployment;
    const market = await this.call(vault, vaultAbi.encodeFunctionData("market", [collateral]));
    const [{ oracle, lltvBps }] = vaultAbi.decodeFunctionResult("market", market) as unknown as [
      { oracle: string; lltvBps: bigint },
    ];
    const priceE36 = BigInt(await this.call(oracle, oracleAbi.encodeFunctionData("price")));
    const indexE27 = BigInt(await this.call(vault, vaultAbi.encodeFunctionData("indexE27")));
    const unhealthy: string[] = [];
    for (const { data, owners } of this.calls) {
      const result = await this.call(mainnet.multicall3, data);
      const word = (place: number): bigint => BigInt(`0x${result.slice(2 + 64 * place, 66 + 64 * place)}`);
      owners.forEach((owner, i) => {
        const at = WORDS.offsets + owners.length + WORDS.each * i;
        const [held, debtShares] = [word(at + WORDS.collateral), word(at + WORDS.debtShares)];
        if (debtShares * indexE27 * 10n ** 13n > held * priceE36 * lltvBps) unhealthy.push(owner);
      });
    }
    return unhealthy;
  }

  close(): void {
    this.rpc.close();
  }

  private call(to: string, data: string): Promise<string> {
    return this.rpc.text("eth_call", { to, data }, "latest");
  }
}
