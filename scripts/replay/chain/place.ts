import { type Rpc, SpillwayError } from "../../lib";

/**
 * Builds a contract at an address of our choice: its creation code (with arguments) is put there and called, so that
 * the constructor writes that address's storage and fills immutables with it; what it returns becomes the code.
 * `sender` is the constructor's msg.sender; a block of that `timestamp` is mined.
 */
export async function placeContract(
  rpc: Rpc,
  address: string,
  creationCode: string,
  sender: string,
  timestamp: number,
): Promise<void> {
  await rpc.call("anvil_setCode", address, creationCode);
  const transaction = { from: sender, to: address, gas: "0x1c9c380", gasPrice: "0x0" };
  const code = await rpc.text("eth_call", transaction, "latest");
  const hash = await rpc.text("eth_sendTransaction", { ...transaction, gasPrice: "0x174876e800" });
  await rpc.call("evm_mine", timestamp);
  const receipt = (await rpc.call("eth_getTransactionReceipt", hash)) as { status: string };
  if (code === "0x" || receipt.status !== "0x1") {
    throw new SpillwayError("INTERNAL", `the constructor of the contract for ${address} failed`);
  }
  await rpc.call("anvil_setCode", address, code);
}
