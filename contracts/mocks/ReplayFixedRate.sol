// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice An interest rate model for Morpho Blue that knows one rate. Morpho's own adaptive model has no npm package.
contract ReplayFixedRate {
    /// @dev As in Morpho Blue's `IMorpho`; the selectors below depend on them.
    struct MarketParams {
        address loanToken;
        address collateralToken;
        address oracle;
        address irm;
        uint256 lltv;
    }
    struct Market {
        uint128 totalSupplyAssets;
        uint128 totalSupplyShares;
        uint128 totalBorrowAssets;
        uint128 totalBorrowShares;
        uint128 lastUpdate;
        uint128 fee;
    }

    /// @notice Interest per second, Wad.
    uint256 public immutable rate;

    constructor(uint256 ratePerSecondWad) {
        rate = ratePerSecondWad;
    }

    function borrowRate(MarketParams calldata, Market calldata) external view returns (uint256) {
        return rate;
    }

    function borrowRateView(MarketParams calldata, Market calldata) external view returns (uint256) {
        return rate;
    }
}
