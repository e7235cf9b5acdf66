// The front door of what keeper, replay and tools share.
export * from "./children";
export * from "./errors";
export * from "./fixedPoint";
export * from "./foundry";
export * from "./rpc";
export * from "./uniswapV2Math";
export * from "./uniswapV3Math";
export * from "./venueQuote";
