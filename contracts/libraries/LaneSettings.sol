// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IAuctionHouse } from "../interfaces/IAuctionHouse.sol";
import { GradualAuction } from "./GradualAuction.sol";
import { BPS, WAD, WAD_PER_BPS } from "./Units.sol";

/// @title What governance may set in the auction house
/// @notice Within these bounds `GradualAuction` cannot overflow, no fill can be toxic, and pay stays small, whatever is set.
/// Linked, as the house alone would be over the limit of a contract's size.
library LaneSettings {
    /// @notice Stores a lane's parameters.
    /// @dev Reverts with `BadParameter`, which names the first that is out of its bounds, or `ZeroAddress`.
    function setLane(
        mapping(address => IAuctionHouse.LaneParameters) storage lanes,
        address collateral,
        IAuctionHouse.LaneParameters calldata p,
        uint256 lltvBps
    ) external {
        _require(p.slopeWad >= 1e12 && p.slopeWad <= 1e16, "slopeWad");
        _require(p.minPremiumBps <= p.maxPremiumBps, "minPremiumBps");
        _require(p.maxPremiumBps <= 2000, "maxPremiumBps");
        _require(p.targetLtvBps != 0 && p.targetLtvBps < lltvBps, "targetLtvBps");
        _require(p.absorbLtvBps > lltvBps && p.absorbLtvBps < BPS, "absorbLtvBps");
        // β·(1 − LTV) with β = 1/2 must have room for both where positions come in, and when they are absorbed
        _require(2 * (uint256(p.maxDiscountBps) + p.liquidationFeeBps) <= BPS - lltvBps, "maxDiscountBps");
        _require(p.firstDiscountBps <= p.maxDiscountBps, "firstDiscountBps");
        _require(2 * uint256(p.absorbDiscountBps) <= BPS - p.absorbLtvBps, "absorbDiscountBps");
        _require(p.paceBps != 0 && p.paceBps <= BPS, "paceBps");
        _require(p.urgency <= 100, "urgency");
        uint256 longestAgeWad = GradualAuction.longestAge(
            p.maxPremiumBps * WAD_PER_BPS,
            p.maxDiscountBps * WAD_PER_BPS,
            p.slopeWad
        );
        _require(longestAgeWad != 0 && longestAgeWad <= 1 days * WAD, "slopeWad");
        _require(p.idleTime >= 1 minutes && p.idleTime <= 12 hours, "idleTime");
        _require(p.emaPeriod >= 1 minutes && p.emaPeriod <= 1 days, "emaPeriod");
        _require(p.clearHours != 0 && p.clearHours <= 8760, "clearHours");
        _require(p.minRatePerHour != 0 && p.minRatePerHour <= p.maxRatePerHour, "minRatePerHour");
        if (address(p.depthOracle) == address(0)) revert IAuctionHouse.ZeroAddress();
        lanes[collateral] = p;
        emit IAuctionHouse.LaneSet(collateral, p);
    }

    /// @notice Stores what keepers are paid.
    /// @dev Reverts with `BadParameter`, which names the first that is out of its bounds, or as the native oracle does.
    function setPay(IAuctionHouse.PayParameters storage pay, IAuctionHouse.PayParameters calldata p) external {
        _require(p.feeCap <= 10_000 gwei, "feeCap");
        _require(p.tip <= 100 gwei, "tip");
        _require(p.marginBps <= BPS, "marginBps");
        _require(p.capBps <= 100, "capBps");
        _require(p.interval >= 10 minutes && p.interval <= 1 days, "interval");
        // one that doesn't answer pays nobody
        if (address(p.nativeOracle) != address(0)) p.nativeOracle.price();
        pay.nativeOracle = p.nativeOracle;
        pay.feeCap = p.feeCap;
        pay.marginBps = p.marginBps;
        pay.capBps = p.capBps;
        pay.wrappedNative = p.wrappedNative;
        pay.tip = p.tip;
        pay.interval = p.interval;
        emit IAuctionHouse.PaySet(p);
    }

    function _require(bool good, bytes32 name) private pure {
        if (!good) revert IAuctionHouse.BadParameter(name);
    }
}
