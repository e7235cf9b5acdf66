import { relative, resolve } from "node:path";

import { clearSnapshots } from "@nomicfoundation/hardhat-network-helpers/dist/src/loadFixture";
import { network } from "hardhat";
import Mocha from "mocha";

import { PATIENCE } from "./patience";

/** A test that takes longer fails, and with it the run. */
const TEST_TIMEOUT_MS = 30_000 * PATIENCE;

/** Loaded once: what one run must not share with the next is on the chain, and that is reset. */
const loaded = new Map<string, Mocha>();

function load(files: string[]): Mocha {
  const key = files.join();
  const known = loaded.get(key);
  if (known !== undefined) return known;
  // the base of mocha's reporters prints nothing
  const mocha = new Mocha({ bail: true, timeout: TEST_TIMEOUT_MS, reporter: Mocha.reporters.Base });
  mocha.files = files.map((file) => resolve(file));
  mocha.unloadFiles(); // another list of files may have loaded them
  mocha.cleanReferencesAfterRun(false);
  loaded.set(key, mocha);
  return mocha;
}

/** Forgets what earlier runs left on the chain. */
export async function freshChain(): Promise<void> {
  await clearSnapshots();
  await network.provider.request({ method: "hardhat_reset", params: [] });
}

export interface Failure {
  file: string;
  title: string;
  timedOut: boolean;
  message: string;
}

/** Runs the tests of `files`, or those of them with one of `titles`, up to the first failure. */
export async function runTests(files: string[], titles?: string[]): Promise<{ failure?: Failure; count: number }> {
  const mocha = load(files);
  const escaped = titles?.map((title) => title.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  mocha.grep(escaped === undefined ? /(?:)/ : new RegExp(`^(${escaped.join("|")})$`));
  let failure: Failure | undefined;
  let count = 0;
  await new Promise<void>((done) => {
    const runner = mocha.run(() => {
      done();
    });
    runner.on("test end", () => ++count);
    runner.on("fail", (test, error: unknown) => {
      const { message, code } = error as { message: string; code?: string };
      const file = relative(".", test.file ?? "");
      failure ??= { file, title: test.fullTitle(), timedOut: code === "ERR_MOCHA_TIMEOUT", message };
    });
  });
  return failure === undefined ? { count } : { failure, count };
}
