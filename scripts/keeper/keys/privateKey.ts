import { Wallet } from "ethers";

import { SpillwayError } from "../../lib";
import type { Signer } from "../sender/Sender";

/** Signs with a key that is held in memory. */
export class PrivateKeySigner implements Signer {
  readonly #wallet: Wallet;

  constructor(wallet: Wallet) {
    this.#wallet = wallet;
  }

  get address(): string {
    return this.#wallet.address;
  }

  signTransaction(transaction: Parameters<Signer["signTransaction"]>[0]): Promise<string> {
    return this.#wallet.signTransaction(transaction);
  }
}

/** Signers from KEEPER_PRIVATE_KEY, or several from KEEPER_PRIVATE_KEYS. @throws SpillwayError `BAD_KEY`; never shows a key. */
export function signersFromEnvironment(env: NodeJS.ProcessEnv): PrivateKeySigner[] {
  const one = env["KEEPER_PRIVATE_KEY"] ?? "";
  const several = env["KEEPER_PRIVATE_KEYS"] ?? "";
  if (one !== "" && several !== "") {
    throw new SpillwayError("BAD_KEY", "KEEPER_PRIVATE_KEY: is set beside KEEPER_PRIVATE_KEYS; set one of the two.");
  }
  const [variable, texts] = one !== "" ? ["KEEPER_PRIVATE_KEY", [one]] : ["KEEPER_PRIVATE_KEYS", several.split(",")];
  return texts
    .map((text) => text.trim())
    .filter((text) => text !== "")
    .map((text) => new PrivateKeySigner(walletOf(text, variable)));
}

function walletOf(key: string, variable: string): Wallet {
  if (/^0x[0-9a-f]{64}$/i.test(key)) {
    try {
      return new Wallet(key);
    } catch {
      // zero, or above the curve's order: told below, without ethers' words, which may show the key
    }
  }
  throw new SpillwayError("BAD_KEY", `${variable}: is not a private key: 0x and 64 hex digits, like 0x4f3e…c1.`);
}
