import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { getAddress, isAddress } from "ethers";
import { z } from "zod";

import { SpillwayError } from "../../lib";

/** What a config needs of a deployment's record. */
export interface Deployment {
  chainId: number;
  vault: string;
  flashLiquidator: string;
  /** Block of the vault's deployment, where the record tells. */
  fromBlock: number | undefined;
}

const address = z
  .string()
  .refine(isAddress)
  .transform((text) => getAddress(text));
const exportSchema = z.object({
  chainId: z.coerce.number().int().positive(),
  contracts: z.object({ Vault: z.object({ address }), FlashLiquidator: z.object({ address }) }),
});
const fileSchema = z.object({ address, receipt: z.object({ blockNumber: z.number() }).optional() });

/**
 * Reads what `hardhat deploy --export FILE` wrote, or a folder of `deployments/`.
 * @throws SpillwayError `BAD_CONFIG`.
 */
export function readDeployment(path: string): Deployment {
  try {
    return statSync(path).isDirectory() ? readFolder(path) : readExport(path);
  } catch (cause) {
    if (cause instanceof SpillwayError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === undefined ? "does not name Vault, FlashLiquidator and chainId" : `can't be read (${code})`;
    throw new SpillwayError(
      "BAD_CONFIG",
      `deployment: ${path} ${why}; give what hardhat deploy --export wrote, or a folder like deployments/live.`,
      { cause },
    );
  }
}

function readExport(path: string): Deployment {
  const { chainId, contracts } = exportSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  const { Vault, FlashLiquidator } = contracts;
  return { chainId, vault: Vault.address, flashLiquidator: FlashLiquidator.address, fromBlock: undefined };
}

function readFolder(path: string): Deployment {
  const read = (name: string): z.output<typeof fileSchema> => {
    if (!readdirSync(path).includes(`${name}.json`)) {
      throw new SpillwayError(
        "BAD_CONFIG",
        `deployment: ${path} holds no ${name}.json; give a folder like deployments/live.`,
      );
    }
    return fileSchema.parse(JSON.parse(readFileSync(join(path, `${name}.json`), "utf8")));
  };
  const vault = read("Vault");
  return {
    chainId: z.coerce
      .number()
      .int()
      .positive()
      .parse(readFileSync(join(path, ".chainId"), "utf8").trim()),
    vault: vault.address,
    flashLiquidator: read("FlashLiquidator").address,
    fromBlock: vault.receipt?.blockNumber,
  };
}
