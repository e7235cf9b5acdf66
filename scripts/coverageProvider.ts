import { extendProvider } from "hardhat/config";

/** Enough for any call of the tests, however much counting is in it, and a sender can pay for it at any base fee. */
const GAS = "0x5f5e100";

/**
 * solidity-coverage sends every transaction with gas without end at a price of 1 wei, whatever the base fee. Tests of what
 * keepers are paid set that, and would all fail: from here on what names no price of its own pays the next block's.
 */
export function payTheBaseFee(): void {
  extendProvider((provider, { networks: { hardhat } }) => {
    const isDefault = (value: string | undefined, byDefault: number | "auto"): boolean =>
      value === undefined || BigInt(value) === BigInt(byDefault);
    const send = provider.request.bind(provider);
    provider.request = async (args) => {
      if (args.method !== "eth_sendTransaction") return send(args);
      const [transaction] = args.params as [Record<string, string | undefined>];
      const { gas, gasPrice, maxFeePerGas } = transaction;
      const changed = { ...transaction };
      if (isDefault(gas, hardhat.gas)) changed.gas = GAS;
      if (maxFeePerGas === undefined && isDefault(gasPrice, hardhat.gasPrice)) {
        const next = await send({ method: "eth_getBlockByNumber", params: ["pending", false] });
        changed.gasPrice = (next as { baseFeePerGas: string }).baseFeePerGas;
      }
      return send({ ...args, params: [changed] });
    };
    return Promise.resolve(provider);
  });
}
