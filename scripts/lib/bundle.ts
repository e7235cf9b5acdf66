import { createHash } from "node:crypto";
import { buildSync } from "esbuild";

const bundled = new Map<string, string>();

/** A page's script with the parts of ECharts that it uses, as one. @param client The script's source: a path. */
export function bundle(client: string): string {
  const done = bundled.get(client);
  if (done !== undefined) return done;
  const text =
    buildSync({
      entryPoints: [client],
      bundle: true,
      minify: true,
      write: false,
      format: "iife",
      target: "es2020",
      define: { "process.env.NODE_ENV": '"production"' },
      banner: { js: "/* Contains Apache ECharts (Apache-2.0) and ZRender (BSD-3-Clause). */" },
      tsconfigRaw: {},
    }).outputFiles[0]?.text.trimEnd() ?? "";
  bundled.set(client, text);
  return text;
}

/** A script's hash as a Content-Security-Policy names it. */
export function contentHash(script: string): string {
  return `sha256-${createHash("sha256").update(script).digest("base64")}`;
}
