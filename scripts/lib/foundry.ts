/**
 * Path of the real `anvil` or `forge` program that npm installed. Start this one and not the package's launcher, which
 * exits 0 whatever the program did and leaves it running when it is itself killed.
 *
 * @throws Node's MODULE_NOT_FOUND when there is no such program for this machine
 */
export function foundryBinary(tool: "anvil" | "forge"): string {
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const name = process.platform === "win32" ? `${tool}.exe` : tool;
  return require.resolve(`@foundry-rs/${tool}-${process.platform}-${architecture}/bin/${name}`);
}
