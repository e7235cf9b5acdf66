import type { Rpc } from "./rpc";

/** How requests reach one node. */
export interface Transport extends Rpc {
  /** The URL's host, all of it that may be shown: the rest often holds a provider's key. */
  readonly host: string;
  /** Ends the connection. */
  close(): void;
}

/** What a node tells without being asked. */
export interface TransportEvents {
  /** A new head, as `eth_subscribe` gives it; not checked yet. */
  head(header: unknown): void;
  /** The connection is gone; the next one may lead to another node. */
  closed(): void;
}
