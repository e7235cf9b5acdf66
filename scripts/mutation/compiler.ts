import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import solc from "solc";
import { z } from "zod";

import { type Node } from "./ast";

const output = z.object({
  errors: z.array(z.object({ severity: z.string(), formattedMessage: z.string() })).default([]),
  sources: z.record(z.string(), z.object({ ast: z.unknown().optional() })).default({}),
  contracts: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
});
const links = z.record(z.string(), z.record(z.string(), z.array(z.object({ start: z.number(), length: z.number() }))));
const code = z.object({ object: z.string(), linkReferences: links });
const contract = z.object({ evm: z.object({ bytecode: code, deployedBytecode: code }) });

/** Creation and runtime code by `file:Name`, and where in it the addresses of libraries go. */
export type Bytecode = Record<
  string,
  {
    bytecode: string;
    deployedBytecode: string;
    linkReferences: z.infer<typeof links>;
    deployedLinkReferences: z.infer<typeof links>;
  }
>;

/** The project's own sources as they were when first read: one that is edited during a run doesn't mix into it. */
const read = new Map<string, string>();

/** A source file by the path that an import names it by, from the project or from a package. */
export function sourceOf(path: string): string {
  const known = read.get(path);
  if (known !== undefined) return known;
  const file = existsSync(path) ? path : join("node_modules", path);
  const text = readFileSync(file, "utf8");
  read.set(path, text);
  return text;
}

function compile(sources: Record<string, string>, outputSelection: object, optimized: boolean) {
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(Object.entries(sources).map(([file, content]) => [file, { content }])),
    settings: {
      evmVersion: "cancun",
      optimizer: { enabled: optimized, runs: 200 },
      metadata: { bytecodeHash: "none" },
      outputSelection,
    },
  };
  const load = (path: string): { contents: string } => ({ contents: sourceOf(path) });
  const compileStandard = solc.compile as (input: string, callbacks: object) => string;
  return output.parse(JSON.parse(compileStandard(JSON.stringify(input), { import: load })));
}

/** The typed syntax trees of files. */
export function parse(sources: Record<string, string>): Record<string, Node> {
  const selection = Object.fromEntries(Object.keys(sources).map((file) => [file, { "": ["ast"] }]));
  const { errors, sources: trees } = compile(sources, selection, false);
  const error = errors.find(({ severity }) => severity === "error");
  if (error !== undefined) throw new Error(error.formattedMessage);
  return Object.fromEntries(Object.keys(sources).map((file) => [file, trees[file]?.ast as Node]));
}

/**
 * Bytecode of `contracts` (`file:Name`), with the files of `changed` as given; undefined if that doesn't compile. Without
 * the optimizer it takes a tenth of the time; with it, what differs in text alone comes out the same.
 */
export function bytecodeOf(
  contracts: string[],
  changed: Record<string, string>,
  { optimized }: { optimized: boolean },
): Bytecode | undefined {
  const named = contracts.map((name) => ({ name, parts: name.split(":") as [string, string] }));
  const sources = Object.fromEntries(named.map(({ parts: [file] }) => [file, changed[file] ?? sourceOf(file)]));
  const selection: Record<string, Record<string, string[]>> = {};
  for (const { parts } of named) {
    selection[parts[0]] = {
      ...selection[parts[0]],
      [parts[1]]: ["bytecode", "deployedBytecode"].flatMap((name) => [
        `evm.${name}.object`,
        `evm.${name}.linkReferences`,
      ]),
    };
  }
  const result = compile({ ...sources, ...changed }, selection, optimized);
  if (result.errors.some(({ severity }) => severity === "error")) return undefined;
  return Object.fromEntries(
    named.map(({ name, parts }) => {
      const { bytecode, deployedBytecode } = contract.parse(result.contracts[parts[0]]?.[parts[1]]).evm;
      const replaced = {
        bytecode: `0x${bytecode.object}`,
        deployedBytecode: `0x${deployedBytecode.object}`,
        linkReferences: bytecode.linkReferences,
        deployedLinkReferences: deployedBytecode.linkReferences,
      };
      return [name, replaced];
    }),
  );
}
