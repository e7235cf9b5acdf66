import { readFileSync, statSync } from "node:fs";

import { isKeystoreJson, Wallet } from "ethers";

import { SpillwayError } from "../../lib";
import { PrivateKeySigner } from "./privateKey";

/** Permission bits of group and others. */
const OTHERS = 0o077;

/**
 * Opens an encrypted keystore (the JSON that geth, ethers and others write).
 * @throws SpillwayError `BAD_KEY`.
 */
export async function openKeystore(path: string, password: string): Promise<PrivateKeySigner> {
  const json = read(path, "keystore");
  if (!isKeystoreJson(json)) {
    throw new SpillwayError(
      "BAD_KEY",
      `keystore: ${path} is not an encrypted JSON keystore (version 3), as geth and ethers write.`,
    );
  }
  try {
    const wallet = await Wallet.fromEncryptedJson(json, password);
    if (wallet instanceof Wallet) return new PrivateKeySigner(wallet);
    return new PrivateKeySigner(new Wallet(wallet.privateKey));
  } catch (error) {
    // ethers' own words may hold the password
    const wrong = error instanceof Error && /incorrect password/i.test(error.message);
    throw new SpillwayError(
      "BAD_KEY",
      wrong
        ? `keystore: the password does not open ${path}; check KEEPER_KEYSTORE_PASSWORD or keystorePasswordFile.`
        : `keystore: ${path} is damaged and can't be decrypted; restore it from a copy.`,
    );
  }
}

/**
 * The keystores' password, from KEEPER_KEYSTORE_PASSWORD or a file that nobody else may read.
 * @throws SpillwayError `BAD_KEY`.
 */
export function readPassword(env: NodeJS.ProcessEnv, file: string | undefined): string {
  const password = env["KEEPER_KEYSTORE_PASSWORD"];
  if (password !== undefined && password !== "") return password;
  if (file === undefined) {
    throw new SpillwayError(
      "BAD_KEY",
      "KEEPER_KEYSTORE_PASSWORD: is not set; set it, or give the password in a file of mode 600: keystorePasswordFile.",
    );
  }
  const text = read(file, "keystorePasswordFile").replace(/\r?\n$/, "");
  const mode = statSync(file).mode & 0o777;
  if ((mode & OTHERS) !== 0 && process.platform !== "win32") {
    throw new SpillwayError(
      "BAD_KEY",
      `keystorePasswordFile: others may read ${file} (mode ${mode.toString(8)}); run chmod 600 on it.`,
    );
  }
  return text;
}

function read(path: string, setting: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? "unreadable";
    throw new SpillwayError(
      "BAD_KEY",
      `${setting}: ${path} can't be read (${why}); give the path of a file, like keystore.json.`,
    );
  }
}
