import type { Rpc } from "../chain/rpc";
import { Delivery } from "./Delivery";
import type { FeeLimits } from "./fees";
import { GasLearner, type GasStore } from "./GasLearner";
import { LossBudget, type LossLimits, type LossStore } from "./LossBudget";
import type { PendingStore } from "./pending";
import { Pricing } from "./Pricing";
import type { Relay } from "./relay";
import { Simulation } from "./Simulation";
import { TipMarket } from "./TipMarket";

export interface SenderConfig {
  chainId: number;
  limits: FeeLimits;
  /** A transaction that isn't mined after this many blocks is replaced. */
  stuckBlocks: number;
  /** Private relays, and for how many blocks a transaction is theirs alone. */
  relays?: readonly Relay[];
  publicAfterBlocks?: number;
  losses?: LossLimits;
}

/** What the sender keeps over a restart. */
export interface SenderStore {
  pending: PendingStore;
  losses: LossStore;
  gas: GasStore;
}

/** What all accounts of one keeper share. */
export interface SenderServices {
  simulation: Simulation;
  tips: TipMarket;
  pricing: Pricing;
  learner: GasLearner;
  delivery: Delivery;
  store: PendingStore;
}

const PUBLIC_AFTER_BLOCKS = 2;

export function openServices(rpc: Rpc, config: SenderConfig, store: SenderStore): SenderServices {
  const tips = new TipMarket();
  return {
    simulation: new Simulation(rpc),
    tips,
    pricing: new Pricing(config.limits, tips, new LossBudget(config.losses ?? {}, store.losses)),
    learner: new GasLearner(store.gas),
    delivery: new Delivery(rpc, config.relays ?? [], config.publicAfterBlocks ?? PUBLIC_AFTER_BLOCKS),
    store: store.pending,
  };
}
