import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** CHROMIUM_PATH, or the first Chromium on the PATH. */
export function findChromium(): string | undefined {
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const found = [process.env["CHROMIUM_PATH"] ?? "", ...folders.flatMap((dir) => names.map((name) => join(dir, name)))];
  return found.find((path) => path !== "" && existsSync(path));
}
