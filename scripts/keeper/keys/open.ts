import { SpillwayError } from "../../lib";
import type { Settings } from "../config";
import type { Signer } from "../sender/Sender";
import { SignerService } from "./ExternalSigner";
import { openKeystore, readPassword } from "./keystore";
import { signersFromEnvironment } from "./privateKey";

export type KeySettings = Pick<
  Settings,
  "keystore" | "keystorePasswordFile" | "signerUrl" | "signerAddresses" | "rpcTimeout"
>;

/**
 * The operator's signers: from encrypted keystores, from the environment, or from an external signer; from one of the three.
 * @throws SpillwayError `BAD_KEY`, `SIGNER_UNREACHABLE`; never shows a key or a password.
 */
export async function openSigners(settings: KeySettings, env: NodeJS.ProcessEnv): Promise<Signer[]> {
  const { keystore, keystorePasswordFile, signerUrl, signerAddresses, rpcTimeout } = settings;
  const fromEnvironment = signersFromEnvironment(env);
  const sources = [
    ...(fromEnvironment.length > 0 ? ["KEEPER_PRIVATE_KEY"] : []),
    ...(keystore.length > 0 ? ["keystore"] : []),
    ...(signerUrl === undefined ? [] : ["signerUrl"]),
  ];
  if (sources.length === 0) {
    throw new SpillwayError(
      "BAD_KEY",
      "KEEPER_PRIVATE_KEY: is not set; give a keystore (--keystore keystore.json), an external signer (--signer-url http://127.0.0.1:9000), or a private key in KEEPER_PRIVATE_KEY.",
    );
  }
  if (sources.length > 1) {
    throw new SpillwayError("BAD_KEY", `${sources.join(", ")}: keys come from one place only; keep one of these.`);
  }
  const signers: Signer[] = [...fromEnvironment];
  if (signerUrl !== undefined) signers.push(...(await new SignerService(signerUrl, rpcTimeout).open(signerAddresses)));
  if (keystore.length > 0) {
    const password = readPassword(env, keystorePasswordFile);
    for (const path of keystore) signers.push(await openKeystore(path, password));
  }
  const twice = signers.find(({ address }, i) => signers.findIndex((other) => other.address === address) < i);
  if (twice !== undefined) {
    throw new SpillwayError(
      "BAD_KEY",
      `${sources.join()}: the key of ${twice.address} is given twice; give each once.`,
    );
  }
  return signers;
}
