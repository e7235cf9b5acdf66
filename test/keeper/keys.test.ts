import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";
import { encryptKeystoreJson, Transaction, Wallet } from "ethers";

import { type KeySettings, openSigners } from "../../scripts/keeper/keys/open";
import { SpillwayError } from "../../scripts/lib";
import { KEY } from "./commandLine";

const wallet = new Wallet(KEY);
const PASSWORD = "correct horse";
const none: KeySettings = {
  keystore: [],
  keystorePasswordFile: undefined,
  signerUrl: undefined,
  signerAddresses: [],
  rpcTimeout: 500,
};
const transaction = {
  ...{ type: 2 as const, chainId: 1, nonce: 7, to: wallet.address, data: "0x1234", value: 0n },
  ...{ gasLimit: 50_000n, maxFeePerGas: 3n * 10n ** 9n, maxPriorityFeePerGas: 10n ** 9n },
};

async function errorOf(run: Promise<unknown>): Promise<SpillwayError> {
  const error: unknown = await run.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof SpillwayError)) throw new Error(`not a SpillwayError: ${String(error)}`);
  expect(error.message).not.to.include("\n");
  for (const secret of [KEY, KEY.slice(2), PASSWORD]) {
    expect(`${error.message}${error.stack ?? ""}${JSON.stringify(error.cause)}`).not.to.include(secret);
  }
  return error;
}

describe("keys", () => {
  it("come from the environment, one or several, and from one place only", async () => {
    const [signer] = await openSigners(none, { KEEPER_PRIVATE_KEY: KEY });
    expect(signer!.address).to.equal(wallet.address);
    expect(await signer!.signTransaction(transaction)).to.equal(await wallet.signTransaction(transaction));
    const other = `0x${"2".repeat(64)}`;
    const several = await openSigners(none, { KEEPER_PRIVATE_KEYS: `${KEY}, ${other}` });
    expect(several.map(({ address }) => address)).to.deep.equal([wallet.address, new Wallet(other).address]);
    for (const [env, words] of [
      [{}, /^KEEPER_PRIVATE_KEY: is not set;/],
      [{ KEEPER_PRIVATE_KEY: "" }, /^KEEPER_PRIVATE_KEY: is not set;/],
      [{ KEEPER_PRIVATE_KEY: KEY.slice(0, -1) }, /^KEEPER_PRIVATE_KEY: is not a private key/],
      [{ KEEPER_PRIVATE_KEY: `0x${"0".repeat(64)}` }, /^KEEPER_PRIVATE_KEY: is not a private key/],
      [{ KEEPER_PRIVATE_KEY: KEY, KEEPER_PRIVATE_KEYS: other }, /^KEEPER_PRIVATE_KEY: is set beside/],
      [{ KEEPER_PRIVATE_KEYS: `${KEY},${KEY}` }, /given twice/],
    ] as const) {
      const error = await errorOf(openSigners(none, env));
      expect(error).to.include({ code: "BAD_KEY" });
      expect(error.message).to.match(words);
    }
    const both = await errorOf(openSigners({ ...none, keystore: ["x"] }, { KEEPER_PRIVATE_KEY: KEY }));
    expect(both.message).to.equal("KEEPER_PRIVATE_KEY, keystore: keys come from one place only; keep one of these.");
  });

  it("don't show in what is printed of a signer", async () => {
    const [signer] = await openSigners(none, { KEEPER_PRIVATE_KEY: KEY });
    const { inspect } = await import("node:util");
    expect(inspect(signer, { depth: 9, showHidden: true }) + JSON.stringify(signer)).not.to.include(KEY.slice(2));
  });

  describe("in a keystore", () => {
    let folder: string;
    let path: string;
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), "keys-"));
      path = join(folder, "keystore.json");
      writeFileSync(path, await encryptKeystoreJson(wallet, PASSWORD, { scrypt: { N: 1024, r: 8, p: 1 } }));
    });
    after(() => rmSync(folder, { recursive: true }));

    it("open with the password from the environment, or from a file that nobody else may read", async () => {
      const settings = { ...none, keystore: [path] };
      const [signer] = await openSigners(settings, { KEEPER_KEYSTORE_PASSWORD: PASSWORD });
      expect(signer!.address).to.equal(wallet.address);
      const file = join(folder, "password");
      writeFileSync(file, `${PASSWORD}\n`, { mode: 0o600 });
      const fromFile = await openSigners({ ...settings, keystorePasswordFile: file }, {});
      expect(await fromFile[0]!.signTransaction(transaction)).to.equal(await wallet.signTransaction(transaction));
      chmodSync(file, 0o640);
      const error = await errorOf(openSigners({ ...settings, keystorePasswordFile: file }, {}));
      expect(error.message).to.match(/^keystorePasswordFile: others may read .* \(mode 640\); run chmod 600/);
    });

    it("are refused when the password is wrong, or the file is none", async () => {
      const env = { KEEPER_KEYSTORE_PASSWORD: "wrong" };
      const half = join(folder, "half.json");
      writeFileSync(half, `{"version":3,"address":"${wallet.address}","crypto":{"ciphertext":"00"}}`);
      writeFileSync(join(folder, "text.json"), KEY);
      for (const [keystore, words] of [
        [path, /^keystore: the password does not open/],
        [join(folder, "none.json"), /^keystore: .*none\.json can't be read \(ENOENT\)/],
        [half, /^keystore: .*half\.json is (damaged|not an encrypted)/],
        [join(folder, "text.json"), /^keystore: .*text\.json is not an encrypted JSON keystore/],
      ] as const) {
        const error = await errorOf(openSigners({ ...none, keystore: [keystore] }, env));
        expect(error).to.include({ code: "BAD_KEY" });
        expect(error.message).to.match(words);
      }
      expect((await errorOf(openSigners({ ...none, keystore: [path] }, {}))).message).to.match(
        /^KEEPER_KEYSTORE_PASSWORD: is not set/,
      );
    });
  });

  describe("of an external signer", () => {
    let answer: (method: string, params: Record<string, string>[]) => Promise<unknown>;
    let settings: KeySettings;
    let close: () => void;
    const asked: { method: string; params: unknown; authorization: string | undefined }[] = [];
    before(async () => {
      const server = createServer((request, response) => {
        let text = "";
        request.on("data", (part: Buffer) => (text += part.toString()));
        request.on("end", () => {
          const { id, method, params } = JSON.parse(text) as { id: number; method: string; params: [] };
          asked.push({ method, params, authorization: request.headers.authorization });
          void answer(method, params).then((result) =>
            response.end(JSON.stringify({ jsonrpc: "2.0", id, ...(result as object) })),
          );
        });
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as AddressInfo;
      settings = { ...none, signerUrl: `http://user:secret@127.0.0.1:${port}/path` };
      close = () => server.close();
    });
    after(() => close());

    /** What web3signer answers; `change` makes it sign something else. */
    const honest =
      (by: Wallet, change: Partial<typeof transaction> = {}, shape = (raw: string): unknown => raw) =>
      async (method: string, [given]: Record<string, string>[]) => {
        if (method === "eth_accounts") return { result: [wallet.address.toLowerCase()] };
        const { from, gas, ...rest } = given!;
        expect(from).to.equal(wallet.address);
        const signed = Transaction.from({
          ...rest,
          type: 2,
          nonce: Number(rest["nonce"]),
          gasLimit: gas,
          ...change,
        });
        return { result: shape(await by.signTransaction(signed)) };
      };

    it("sign what is asked for, in web3signer's and in geth's form", async () => {
      for (const shape of [(raw: string) => raw, (raw: string) => ({ raw, tx: {} })]) {
        answer = honest(wallet, {}, shape);
        const [signer] = await openSigners(settings, {});
        expect(signer!.address).to.equal(wallet.address);
        expect(await signer!.signTransaction(transaction)).to.equal(await wallet.signTransaction(transaction));
        expect(asked.at(-1)!.authorization).to.equal(`Basic ${Buffer.from("user:secret").toString("base64")}`);
      }
    });

    for (const [what, by, change] of [
      ["another account", new Wallet(`0x${"2".repeat(64)}`), {}],
      ["another receiver", wallet, { to: `0x${"1".repeat(40)}` }],
      ["more ether", wallet, { value: 1n }],
      ["another nonce", wallet, { nonce: 8 }],
      ["another chain", wallet, { chainId: 5 }],
      ["a higher fee", wallet, { maxFeePerGas: 4n * 10n ** 9n }],
      ["other data", wallet, { data: "0x" }],
    ] as const) {
      it(`are not believed when they sign for ${what}`, async () => {
        answer = honest(by, change);
        const [signer] = await openSigners(settings, {});
        const error = await errorOf(signer!.signTransaction(transaction));
        expect(error).to.include({ code: "WRONG_SIGNATURE" });
        expect(error.message).to.include("nothing was sent").and.not.to.include("secret");
      });
    }

    it("are told from a signer that is not there, answers garbage, or holds other keys", async () => {
      answer = honest(wallet);
      const other = new Wallet(`0x${"2".repeat(64)}`).address;
      const absent = await errorOf(openSigners({ ...settings, signerAddresses: [other] }, {}));
      expect(absent).to.include({ code: "BAD_KEY" });
      answer = async () => ({ result: [wallet.address, other] });
      expect((await errorOf(openSigners(settings, {}))).message).to.match(/^signerAddresses: name the account to use/);
      for (const garbage of [{ result: 5 }, { error: { code: 1, message: "locked" } }, []]) {
        answer = async () => garbage;
        expect(await errorOf(openSigners(settings, {}))).to.include({ code: "SIGNER_UNREACHABLE" });
      }
      const gone = await errorOf(openSigners({ ...none, signerUrl: "http://u:secret@127.0.0.1:1" }, {}));
      expect(gone).to.include({ code: "SIGNER_UNREACHABLE" });
      expect(gone.message).to.include("127.0.0.1:1").and.not.to.include("secret");
      answer = () => new Promise(() => undefined);
      expect(await errorOf(openSigners({ ...settings, rpcTimeout: 50 }, {}))).to.include({
        code: "SIGNER_UNREACHABLE",
      });
    });
  });
});
