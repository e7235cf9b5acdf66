// The keeper's front door: what programs that drive a keeper, or compare with one, may import.
export { readBlock, type Block } from "./chain/block";
export { HttpRpc } from "./chain/HttpRpc";
export type { Rpc, RpcReply, RpcRequest } from "./chain/rpc";
export { InProcessCoordination, type Coordination } from "./coordination/Coordination";
export type { Action } from "./execute";
export { Keeper, type KeeperConfig, type KeeperDeps } from "./keeper";
export type { Plan } from "./plan";
export { Metrics } from "./metrics/Metrics";
export { firstFees } from "./sender/fees";
export { Store } from "./store/Store";
export { PAID_UNITS } from "./strategy/gas";
export { laneAgeWad, longestAgeWad } from "./strategy/gradualAuction";
export type { MarketQuote, Part, Sale } from "./venues/joinQuotes";
export { venueSchema } from "./venues/kinds";
export type { Outlet, SizedLeg } from "./venues/Outlet";
export { LEG_KIND, type Leg, type Venue, type VenueChoice, type VenueContext } from "./venues/Venue";
