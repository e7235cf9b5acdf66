// Tells an answer from a node's trouble. Whatever is not an answer is asked for at another node.
import type { RpcFailure, RpcReply, RpcRequest } from "./rpc";

/**
 * What a reply is worth: an answer, which a revert is too; or the node's own trouble: it refuses the method, it gave
 * what the method can't return, it lacks the block, or it failed for another reason, such as a limit on requests.
 */
export type Verdict = "answer" | "refused" | "garbage" | "missing" | "failed";

/** Judges one reply. */
export function judge({ method, accepts }: RpcRequest, reply: RpcReply): Verdict {
  if (!reply.ok) return judgeError(method, reply.error);
  if (reply.result === null && method.startsWith("eth_getBlockBy")) return "missing";
  const hasShape = shapes[method]?.(reply.result) ?? true;
  return hasShape && (accepts?.(reply.result) ?? true) ? "answer" : "garbage";
}

const SIMULATIONS = new Set(["eth_call", "eth_estimateGas", "eth_simulateV1"]);

function judgeError(method: string, error: RpcFailure): Verdict {
  if (SIMULATIONS.has(method) && isOfExecution(error)) return "answer";
  if (method === "eth_sendRawTransaction" && OF_TRANSACTION.test(error.message)) return "answer";
  if (isRefusal(error)) return "refused";
  return LACKS_STATE.test(error.message) ? "missing" : "failed";
}

/** What a contract, or the machine that runs it, says of a call. */
function isOfExecution({ code, message, data }: RpcFailure): boolean {
  const isOfSimulate = code <= -38_000 && code > -39_000; // the range that eth_simulateV1 has for itself
  return code === 3 || data?.startsWith("0x") === true || isOfSimulate || OF_EXECUTION.test(message);
}

function isRefusal({ code, message }: RpcFailure): boolean {
  return code === -32_601 || code === -32_004 || REFUSAL.test(message);
}

const OF_EXECUTION =
  /revert|out of gas|invalid opcode|invalid jump|stack (under|over)flow|vm exception|evm ?error|insufficient (funds|balance)|gas required exceeds|intrinsic gas|(below|less than|lower than) .*base ?fee/i;
const OF_TRANSACTION =
  /nonce|underpriced|already|known transaction|insufficient (funds|balance)|intrinsic gas|gas ?limit|exceeds|base ?fee|fee ?cap|max.*fee|\btip\b|invalid (sender|signature|chain|transaction)|oversized|rlp|transaction type|revert/i;
const REFUSAL =
  /method.*(not (found|supported|available|allowed|enabled|exist)|unsupported|disabled|refused|forbidden|blocked)|does not exist\/is not available|not (supported|whitelisted)|(unsupported|unknown|forbidden|disabled) method/i;
const LACKS_STATE =
  /header not found|(unknown|missing|future|no such) block|block (height|not found|out of range)|blockoutofrange|missing trie node|(historical )?state .*(not|un)available|pruned|ancient/i;

const isQuantity = (result: unknown): boolean => typeof result === "string" && /^0x[0-9a-f]{1,64}$/i.test(result);
const isData = (result: unknown): boolean =>
  typeof result === "string" && result.length % 2 === 0 && /^0x[0-9a-f]*$/i.test(result);
const hasTexts =
  (...names: string[]) =>
  (result: unknown): boolean =>
    typeof result === "object" &&
    result !== null &&
    names.every((name) => typeof (result as Record<string, unknown>)[name] === "string");
const isBlock = hasTexts("number", "hash", "parentHash", "timestamp");
const isLog = hasTexts("address", "data", "blockNumber", "transactionHash");
const isReceipt = hasTexts("status", "gasUsed", "transactionHash");

/** What methods return. */
const shapes: Record<string, (result: unknown) => boolean> = {
  eth_blockNumber: isQuantity,
  eth_call: isData,
  eth_chainId: isQuantity,
  eth_estimateGas: isQuantity,
  eth_getBalance: isQuantity,
  eth_getBlockByHash: isBlock,
  eth_getBlockByNumber: isBlock,
  eth_getCode: isData,
  eth_getLogs: (result) => Array.isArray(result) && result.every(isLog),
  eth_getTransactionCount: isQuantity,
  eth_getTransactionReceipt: (result) => result === null || isReceipt(result),
  eth_sendRawTransaction: isData,
};
