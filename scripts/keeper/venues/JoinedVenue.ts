import { ceilDiv, min, SpillwayError, WAD } from "../../lib";
import type { Reads } from "../chain/Reads";
import { joinQuotes, type MarketQuote, type Part } from "./joinQuotes";
import type { Outlet, SizedLeg } from "./Outlet";
import type { Venue } from "./Venue";

/** As many as the flash liquidator sells on at once. */
export const MAX_VENUES = 4;

/** The venues of one market together. */
export class JoinedVenue implements Outlet {
  constructor(private readonly venues: readonly Venue[]) {}

  /** @inheritdoc A venue that can't be read is left out for this block. */
  read(reads: Reads): () => MarketQuote | undefined {
    const pending = this.venues.map((venue) => ({ venue, done: venue.read(reads) }));
    return () => {
      const offers = pending.flatMap(({ venue: { name, gas }, done }) => {
        try {
          return [{ venue: name, gas, quote: done() }];
        } catch (error) {
          if (error instanceof SpillwayError && error.code !== "INTERNAL") return [];
          throw error;
        }
      });
      return offers.length === 0 ? undefined : joinQuotes(offers);
    };
  }

  /** @inheritdoc */
  async route(parts: readonly Part[]): Promise<SizedLeg[] | undefined> {
    const total = parts.reduce((sum, { amount }) => sum + amount, 0n);
    let rest = total;
    const sized = parts.map((part, i) => {
      const shareWad = min(WAD, ceilDiv(part.amount * WAD, total));
      // as the contract will reckon it
      const amount = i === parts.length - 1 ? rest : (total * shareWad) / WAD;
      rest -= amount;
      return { ...part, amount, shareWad };
    });
    const legs = await Promise.all(
      sized.map(async ({ venue: name, amount, proceeds, shareWad }) => {
        const leg = await this.venues.find((venue) => venue.name === name)?.leg(amount, proceeds);
        return leg && { ...leg, shareWad };
      }),
    );
    const known = legs.filter((leg) => leg !== undefined);
    return known.length === parts.length ? known : undefined;
  }

  /** @inheritdoc */
  judge(parts: readonly Part[], wasSent: boolean): void {
    for (const venue of this.venues) if (parts.some((part) => part.venue === venue.name)) venue.judge?.(wasSent);
  }
}
