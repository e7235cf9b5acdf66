// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { FixedPointMathLib as Math } from "solady/src/utils/FixedPointMathLib.sol";
import { BPS, PRICE_SCALE } from "./Units.sol";

/// @title What keepers are paid
/// @notice Gas of a whole transaction with Chainlink feeds, guard and a Uniswap v3 pool's depth, as `test/gas/pay.test.ts`
/// measures it, and the bounds of a payment.
library KeeperPay {
    uint256 internal constant OPEN_GAS = 255_000;
    uint256 internal constant ABSORB_GAS = 325_000;
    /// @dev Each further position in a transaction.
    uint256 internal constant ABSORB_MORE_GAS = 32_000;
    uint256 internal constant FULFIL_GAS = 370_000;
    /// @dev Each further request in a transaction.
    uint256 internal constant FULFIL_MORE_GAS = 155_000;

    /// @notice What a call is worth in native coin: gasUnits · (min(base fee, feeCap) + tip) · (1 + margin), rounded down.
    function inWei(uint256 gasUnits, uint256 feeCap, uint256 tip, uint256 marginBps) internal view returns (uint256) {
        return (gasUnits * (Math.min(block.basefee, feeCap) + tip) * (BPS + marginBps)) / BPS;
    }

    /// @notice The most that a position pays: `capBps` of its collateral, and half of its equity where it has any. All of
    /// the equity would leave a position that rounding can make insolvent. Rounded down.
    function mostOf(
        uint256 collateral,
        uint256 debt,
        uint256 priceE36,
        uint256 capBps
    ) internal pure returns (uint256 most) {
        most = (collateral * capBps) / BPS;
        uint256 owed = Math.fullMulDivUp(debt, PRICE_SCALE, priceE36);
        if (owed < collateral) most = Math.min(most, (collateral - owed) / 2);
    }
}
