import { concat, type Interface, id } from "ethers";
import type { Artifact } from "../chain/artifacts";
import { abi } from "../chain/chain";
import type { Chain } from "../model/chain";

/** Enough for what deploys contracts by itself. */
const GAS = 15_000_000n;

/** A contract of ours on the chain. */
export interface Deployed {
  address: string;
  abi: Interface;
}

/** Puts a protocol's contracts on a chain, at addresses that depend on their names only, and configures them. */
export class Deployer {
  /** Who deploys, and may configure. */
  readonly account: string;

  constructor(
    private readonly chain: Chain,
    private readonly protocol: string,
  ) {
    this.account = accountOf(`deployer of ${protocol}`);
  }

  /** Funds the account; call it first. */
  async start(): Promise<void> {
    await this.chain.setBalance(this.account, 10n ** 24n);
  }

  /** Where {@link place} will put, or has put, the contract of that name. */
  addressOf(name: string): string {
    return accountOf(`${name} of ${this.protocol}`);
  }

  async place(name: string, artifact: Artifact, args: readonly unknown[] = []): Promise<Deployed> {
    const address = this.addressOf(name);
    const contract = abi(artifact.abi);
    await this.chain.place(address, concat([artifact.bytecode, contract.encodeDeploy(args)]), this.account);
    return { address, abi: contract };
  }

  /** Adds a call to the next block. */
  call(contract: Deployed, name: string, args: readonly unknown[]): void {
    const data = contract.abi.encodeFunctionData(name, args);
    this.chain.send({ from: this.account, to: contract.address, data, gas: GAS });
  }
}

/** An address that nobody has the key of; the node signs for it. */
export function accountOf(what: string): string {
  return `0x${id(`spillway replay ${what}`).slice(-40)}`;
}
