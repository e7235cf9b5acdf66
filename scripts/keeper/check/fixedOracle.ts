import { id, toBeHex } from "ethers";

const selectorOf = (signature: string): string => id(signature).slice(2, 10);

/**
 * Code of a contract that answers `price()` with a price that is fixed, and everything else, such as `diverged()`, with zero:
 * if the selector is `price()`'s, return the constant, else return 0.
 */
export function fixedOracle(priceE36: bigint): string {
  const price = toBeHex(priceE36, 32).slice(2);
  return [
    "0x5f3560e01c", // the selector
    `63${selectorOf("price()")}14`, // is it price()?
    "601557", // then go to 0x15
    "5f5f5260205ff3", // return 0
    `5b7f${price}5f5260205ff3`, // 0x15: return the price
  ].join("");
}
