// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { GradualAuction } from "../libraries/GradualAuction.sol";

/// @notice The functions of `GradualAuction`, callable from a test. Those that read the clock return it.
contract GradualAuctionHarness {
    function laneAge(uint256 cursorWad, uint256 longestAgeWad) external view returns (uint256 age, uint256 timestamp) {
        return (GradualAuction.laneAge(cursorWad, longestAgeWad), block.timestamp);
    }

    function advance(
        uint256 laneAgeWad,
        uint256 ratePerHour,
        uint256 quantity
    ) external view returns (uint256 cursorWad, uint256 timestamp) {
        return (GradualAuction.advance(laneAgeWad, ratePerHour, quantity), block.timestamp);
    }

    function longestAge(uint256 premiumWad, uint256 discountWad, uint256 slopeWad) external pure returns (uint256) {
        return GradualAuction.longestAge(premiumWad, discountWad, slopeWad);
    }

    function head(
        uint256 ratePerHour,
        uint256 slopeWad,
        uint256 laneAgeWad,
        uint256 premiumWad,
        uint256 discountWad
    ) external pure returns (GradualAuction.Head memory) {
        return GradualAuction.head(ratePerHour, slopeWad, laneAgeWad, premiumWad, discountWad);
    }

    function cost(GradualAuction.Head calldata h, uint256 priceE36, uint256 quantity) external pure returns (uint256) {
        return GradualAuction.cost(h, priceE36, quantity);
    }

    function quantityToTarget(
        GradualAuction.Head calldata h,
        uint256 priceE36,
        uint256 collateral,
        uint256 debt,
        uint256 targetLtvWad,
        uint256 feeWad
    ) external pure returns (uint256) {
        return GradualAuction.quantityToTarget(h, priceE36, collateral, debt, targetLtvWad, feeWad);
    }
}
