import { SpillwayError } from "../../lib";
import type { World } from "../model/engine";

/** The run's fixed price of ether: units of the loan asset for a wei, scaled by 1e36. Throws `INTERNAL` where a market has ETH. */
export function etherPriceE36({ etherUsd, loan }: World): bigint {
  if (etherUsd === null) throw new SpillwayError("INTERNAL", "the price of ether is that of the ETH market");
  return (BigInt(Math.round(etherUsd * 100)) * 10n ** BigInt(loan.decimals + 36)) / 10n ** 20n;
}
