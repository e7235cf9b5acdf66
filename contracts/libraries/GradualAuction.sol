// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { FixedPointMathLib as Math } from "solady/src/utils/FixedPointMathLib.sol";
import { PRICE_WAD_SCALE, WAD } from "./Units.sol";

/// @title A linear gradual Dutch auction
/// @notice Emits a collateral at a constant rate and lets the price of each emitted bit fall on a straight line from the
/// moment that it was emitted. Prices are multiples of the live oracle price. Formulas and symbols: docs/protocol.md;
/// after Paradigm's continuous gradual Dutch auction, with a line for the exponential.
///
/// @dev Ages and times are in seconds, Wad. Rates are in collateral an hour. Every rounding is against the buyer.
/// In bounds: rate < 2^112, quantities < 2^112, slope and multiples < 2^64, ages at most a day, a burst of a day's rate.
library GradualAuction {
    uint256 internal constant HOUR = 3600;

    /// @notice What is for sale now and from which price on.
    /// @param multipleWad m: the multiple of the oracle price at which the next bit is sold.
    /// @param available r·a_L: all that was emitted and is not sold.
    /// @param flatWad r·(a_L − a): the part of it that is all sold at `multipleWad`, Wad for precision.
    /// @param ratePerHour r, at which it was emitted.
    /// @param slopeWad σ, by which the multiple rises again as it is bought: σ / r for each unit.
    struct Head {
        uint256 multipleWad;
        uint256 available;
        uint256 flatWad;
        uint256 ratePerHour;
        uint256 slopeWad;
    }

    /// @notice A: the age at which the multiple has fallen from `1 + premium` to `1 − discount`.
    function longestAge(uint256 premiumWad, uint256 discountWad, uint256 slopeWad) internal pure returns (uint256) {
        return ((premiumWad + discountWad) * WAD) / slopeWad;
    }

    /// @notice a_L: the age of the oldest unsold emission, at most `longestAgeWad`.
    function laneAge(uint256 cursorWad, uint256 longestAgeWad) internal view returns (uint256) {
        uint256 nowWad = block.timestamp * WAD;
        return nowWad > cursorWad ? Math.min(nowWad - cursorWad, longestAgeWad) : 0;
    }

    /// @notice The head of a lane as a position with discount `discountWad` sees it.
    /// @param laneAgeWad a_L, see `laneAge`.
    function head(
        uint256 ratePerHour,
        uint256 slopeWad,
        uint256 laneAgeWad,
        uint256 premiumWad,
        uint256 discountWad
    ) internal pure returns (Head memory h) {
        uint256 age = Math.min(laneAgeWad, longestAge(premiumWad, discountWad, slopeWad));
        h.ratePerHour = ratePerHour;
        h.slopeWad = slopeWad;
        h.multipleWad = WAD + premiumWad - (slopeWad * age) / WAD;
        h.available = (ratePerHour * laneAgeWad) / (HOUR * WAD);
        h.flatWad = (ratePerHour * (laneAgeWad - age)) / HOUR;
    }

    /// @notice The head of an endless lane that sells everything at one multiple.
    function fixedPrice(uint256 multipleWad) internal pure returns (Head memory) {
        return Head(multipleWad, type(uint112).max, type(uint192).max, 1, 1);
    }

    /// @notice What `quantity` costs: price·(m·q + σ·max(0, q − flat)² / (2r)), rounded up.
    /// @dev The caller keeps `quantity` within `head.available`.
    function cost(Head memory h, uint256 priceE36, uint256 quantity) internal pure returns (uint256) {
        uint256 weighted = h.multipleWad * quantity;
        uint256 steepWad = Math.zeroFloorSub(quantity * WAD, h.flatWad);
        if (steepWad != 0) {
            uint256 area = Math.fullMulDivUp(steepWad, steepWad, 2 * h.ratePerHour);
            weighted += Math.fullMulDivUp(area, h.slopeWad * HOUR, WAD * WAD);
        }
        return Math.fullMulDivUp(priceE36, weighted, PRICE_WAD_SCALE);
    }

    /// @notice The lane's cursor after `quantity` was bought: (now − a_L) + q / r, rounded up, at most now.
    function advance(uint256 laneAgeWad, uint256 ratePerHour, uint256 quantity) internal view returns (uint256) {
        uint256 nowWad = block.timestamp * WAD;
        uint256 sold = Math.fullMulDivUp(quantity, HOUR * WAD, ratePerHour);
        return sold >= laneAgeWad ? nowWad : nowWad - laneAgeWad + sold;
    }

    /// @notice The quantity whose sale brings a position to `targetLtvWad`, rounded down; 0 if it is there already.
    /// Solves debt − cost(q)/(1 + fee) = target·price·(collateral − q) for q.
    /// @dev The root is taken in the form 2R / (g + √(g² + 4hR)), which loses no digits when h is small. May be above
    /// `collateral` or `head.available`; the caller bounds it.
    function quantityToTarget(
        Head memory h,
        uint256 priceE36,
        uint256 collateral,
        uint256 debt,
        uint256 targetLtvWad,
        uint256 feeWad
    ) internal pure returns (uint256) {
        // the gap to close, in collateral Wad
        uint256 gapWad = Math.zeroFloorSub(Math.fullMulDiv(debt, PRICE_WAD_SCALE, priceE36), targetLtvWad * collateral);
        // what each bit sold at the head closes of it; rounded up, so that less is sold
        uint256 gain = Math.fullMulDivUp(h.multipleWad, WAD, WAD + feeWad) - targetLtvWad;

        uint256 flatGap = Math.fullMulDivUp(gain, h.flatWad, WAD);
        if (gapWad <= flatGap) return gapWad / gain;

        uint256 restWad = gapWad - flatGap;
        // 4hR with h = σ / (2r·(1 + fee)), scaled by 1e36 like the square of gain
        uint256 curve = Math.fullMulDivUp(restWad, 2 * HOUR * h.slopeWad * WAD, h.ratePerHour * (WAD + feeWad));
        uint256 root = Math.sqrt(gain * gain + curve) + 1;
        return (h.flatWad + Math.fullMulDiv(2 * restWad, WAD, gain + root)) / WAD;
    }
}
