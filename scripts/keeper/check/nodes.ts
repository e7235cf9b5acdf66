import { type Block, parseBlock } from "../chain/block";
import { type Rpc, type RpcReply, type RpcRequest, toHex } from "../chain/rpc";
import { failed, type Finding } from "./finding";

/** JSON-RPC's code for a method that a node doesn't have. */
const NO_METHOD = -32_601;
/** Seconds after which a head counts as old where the settings set no bound. */
const OLD = 120;

interface Probe {
  request: RpcRequest;
  /** Without it the keeper can't work. */
  needed: boolean;
}

/**
 * What one node can do.
 * @param host Names the node; its URL may hold a key.
 * @param nowMs The clock, milliseconds.
 * @returns Findings, and the node's head where it may be worked with.
 */
export async function checkNode(
  rpc: Rpc,
  host: string,
  { chainId, maxLag }: { chainId: number; maxLag: number },
  nowMs: number,
): Promise<{ findings: Finding[]; head: Block | undefined }> {
  const what = `node ${host}`;
  try {
    const [id, latest] = await rpc.batch([
      { method: "eth_chainId", params: [] },
      { method: "eth_getBlockByNumber", params: ["latest", false] },
    ]);
    const actual = id?.ok === true ? Number(id.result) : undefined;
    if (actual !== chainId) {
      const detail = `it is on chain ${actual ?? "unknown"}, the settings say ${chainId}; check rpc and chainId. (WRONG_CHAIN)`;
      return { findings: [{ what, status: "fail", detail }], head: undefined };
    }
    const head = parseBlock(latest?.ok === true ? latest.result : undefined);
    const age = Math.floor(nowMs / 1000) - Number(head.timestamp);
    const old = maxLag > 0 ? age > maxLag : age > OLD;
    const findings: Finding[] = [
      {
        what,
        status: old ? (maxLag > 0 ? "fail" : "warn") : "ok",
        detail: `chain ${chainId}, block ${head.number}, ${age} s old${old ? "; it lags, use another or raise maxLag" : ""}`,
        mayPass: true,
      },
      await checkMethods(rpc, what, head),
    ];
    return { findings, head };
  } catch (error) {
    return { findings: [failed(what, error)], head: undefined };
  }
}

async function checkMethods(rpc: Rpc, what: string, head: Block): Promise<Finding> {
  const at = toHex(head.number);
  const nobody = `0x${"0".repeat(40)}`;
  const call = { to: nobody, data: "0x" };
  const probes: Probe[] = [
    { needed: true, request: { method: "eth_call", params: [call, at] } },
    { needed: true, request: { method: "eth_estimateGas", params: [call] } },
    { needed: true, request: { method: "eth_getLogs", params: [{ fromBlock: at, toBlock: at, address: [nobody] }] } },
    { needed: true, request: { method: "eth_getTransactionCount", params: [nobody, "pending"] } },
    { needed: true, request: { method: "eth_getTransactionReceipt", params: [head.hash] } },
    { needed: true, request: { method: "eth_sendRawTransaction", params: ["0x"] } }, // refused, unless it is not known
    { needed: false, request: { method: "eth_feeHistory", params: ["0x1", "latest", [50]] } },
    { needed: false, request: { method: "eth_simulateV1", params: [{ blockStateCalls: [{ calls: [call] }] }, at] } },
  ];
  const replies = await rpc.batch(probes.map(({ request }) => request));
  const missing = probes.filter((probe, i) => lacks(replies[i], probe));
  const names = missing.map(({ request }) => request.method).join(", ");
  const broken = missing.some(({ needed }) => needed);
  if (missing.length === 0) return { what: `${what}: methods`, status: "ok", detail: "all that the keeper uses" };
  const detail = broken
    ? `it refuses ${names}; use another node`
    : `it has no ${names}; the keeper works without, less exactly`;
  return { what: `${what}: methods`, status: broken ? "fail" : "warn", detail };
}

/** An answer to a good call is a result; a bad transaction is refused for what it is. */
function lacks(reply: RpcReply | undefined, { request }: Probe): boolean {
  if (reply === undefined) return true;
  if (reply.ok) return false;
  if (request.method !== "eth_sendRawTransaction") return true;
  const { code, message } = reply.error;
  return code === NO_METHOD || /method.*(not|unknown)|not (allowed|supported|available)/i.test(message);
}
