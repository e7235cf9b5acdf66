import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { loadFixture, setBalance } from "@nomicfoundation/hardhat-network-helpers";
import { expect } from "chai";
import { encryptKeystoreJson, Transaction, Wallet } from "ethers";

import { deployMarket, priceE36, WETH } from "../contracts/periphery/fixture";
import { keeper } from "./commandLine";
import { HardhatRpc, serve, signer } from "./world";

const PASSWORD = "correct horse battery";
const market = () => deployMarket("MockERC20");

describe("a keeper as a process", () => {
  let folder: string;
  let node: Awaited<ReturnType<typeof serve>>;
  let m: Awaited<ReturnType<typeof market>>;
  let args: string[];

  beforeEach(async () => {
    m = await loadFixture(market);
    await setBalance(signer.address, WETH);
    await m.oracle.setPrice(priceE36(2350n)); // so that there is a lane to open
    node = await serve(new HardhatRpc());
    folder = mkdtempSync(join(tmpdir(), "process-"));
    const weth = await m.weth.getAddress();
    const config = {
      rpc: ["http://127.0.0.1:1/urlsecret", `${node.url}/urlsecret`],
      ...{ chainId: 31_337, vault: await m.vault.getAddress(), flashLiquidator: await m.liquidator.getAddress() },
      ...{
        pools: { [weth]: await m.venue.pool.getAddress() },
        nativeMarket: weth,
        store: join(folder, "keeper.sqlite"),
      },
      ...{ maxLag: 0, metricsPort: 0, pollInterval: 20 },
    };
    args = ["--config", join(folder, "keeper.json")];
    writeFileSync(args[1]!, JSON.stringify(config));
  });
  afterEach(async () => {
    await node.close();
    rmSync(folder, { recursive: true });
  });

  it("does everything but send in a dry run, prints what it would, and shows no secret", async () => {
    const keystore = join(folder, "keystore.json");
    const json = await encryptKeystoreJson(signer, PASSWORD, { scrypt: { N: 1024, r: 8, p: 1 } });
    writeFileSync(keystore, json);
    const env = { KEEPER_KEYSTORE_PASSWORD: PASSWORD, KEEPER_DRY_RUN: "true" };
    const until = (out: string) => out.includes("would send");
    const { code, out, err } = await keeper([...args, "--keystore", keystore], env, { until });
    expect(code, err).to.equal(0);
    const line = out.split("\n").find((text) => text.includes("would send"))!;
    const { job, transaction } = JSON.parse(line) as { job: string; transaction: Record<string, string> };
    expect(job).to.equal(`open:${await m.weth.getAddress()}`);
    expect(transaction).to.include({ kind: "open", from: signer.address, to: await m.house.getAddress() });
    expect(m.house.interface.parseTransaction({ data: transaction["data"]! })?.name).to.equal("open");
    expect(await m.house.isOpen(m.weth)).to.equal(false);
    for (const secret of [signer.privateKey.slice(2), PASSWORD, "urlsecret"]) expect(out + err).not.to.include(secret);
  });

  it("ends with 2, and sends nothing, where its signer signs something else", async () => {
    const thief = new Wallet(`0x${"9".repeat(64)}`).address;
    const server = createServer((request, response) => {
      let text = "";
      request.on("data", (part: Buffer) => (text += part.toString()));
      request.on("end", () => {
        const { id, method, params } = JSON.parse(text) as {
          id: number;
          method: string;
          params: Record<string, string>[];
        };
        const answer = async () => {
          if (method === "eth_accounts") return [signer.address];
          const { from: _, gas, nonce, ...rest } = params[0]!;
          const other = { ...rest, type: 2, nonce: Number(nonce), gasLimit: gas, to: thief };
          return signer.signTransaction(Transaction.from(other));
        };
        void answer().then((result) => response.end(JSON.stringify({ jsonrpc: "2.0", id, result })));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const { code, err } = await keeper([...args, "--signer-url", url], {});
      expect(err.trim()).to.match(
        /^error: signerUrl: the signer at .* signed another transaction .*\(WRONG_SIGNATURE\)$/,
      );
      expect(code).to.equal(2);
      expect(await m.house.isOpen(m.weth)).to.equal(false);
    } finally {
      server.close();
    }
  });

  it("ends with 2 where its metrics' port is taken", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = taken.address() as AddressInfo;
      const env = { KEEPER_PRIVATE_KEY: signer.privateKey, KEEPER_METRICS_PORT: String(port) };
      const { code, err } = await keeper(args, env);
      expect(err.trim()).to.match(/^error: metricsPort: port \d+ is in use;.* \(PORT_IN_USE\)$/);
      expect(code).to.equal(2);
    } finally {
      taken.close();
    }
  });
});
