import { ceilDiv, min, SpillwayError, WAD } from "../../lib";
import type { Reads } from "../chain/Reads";
import { joinQuotes, type MarketQuote, type Part } from "./joinQuotes";
import type { Outlet, SizedLeg } from "./Outlet";
import { type Leg, LEG_KIND, type Venue } from "./Venue";

/** As many as the flash liquidator sells on at once. */
export const MAX_VENUES = 4;

/** Of this many parts of an amount, all but one are asked for. */
const SAFETY = 100_000n;

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
    const asked = await Promise.all(
      parts.map(async ({ venue: name, amount, proceeds }) => {
        // a buy may bring a little less than was decided, and a call that takes more than its leg's share fails
        const safe = amount - amount / SAFETY;
        const venue = this.venues.find((one) => one.name === name);
        const leg = venue && (await legOf(venue, safe, proceeds));
        return leg && { leg, amount };
      }),
    );
    const legs = asked.filter((one) => one !== undefined);
    if (legs.length < parts.length) return undefined;
    // what calls leave goes to the last leg, so that it should be none of them
    const isCall = ({ leg }: { leg: Leg }): boolean => leg.kind === LEG_KIND.call;
    let shares = WAD;
    return [...legs.filter(isCall), ...legs.filter((one) => !isCall(one))].map(({ leg, amount }) => {
      const shareWad = min(shares, ceilDiv(amount * WAD, total));
      shares -= shareWad;
      return { ...leg, shareWad };
    });
  }

  /** @inheritdoc */
  judge(parts: readonly Part[], wasSent: boolean): void {
    for (const venue of this.venues) if (parts.some((part) => part.venue === venue.name)) venue.judge?.(wasSent);
  }
}

/** Undefined also where the venue can't be asked. */
async function legOf(venue: Venue, amount: bigint, proceeds: bigint): Promise<Leg | undefined> {
  try {
    return await venue.leg(amount, proceeds);
  } catch (error) {
    if (error instanceof SpillwayError && error.code !== "INTERNAL") return undefined;
    throw error;
  }
}
