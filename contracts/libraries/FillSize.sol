// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { FixedPointMathLib as Math } from "solady/src/utils/FixedPointMathLib.sol";
import { GradualAuction } from "./GradualAuction.sol";
import { PositionMath } from "./PositionMath.sol";
import { WAD } from "./Units.sol";

/// @title How much of a position is sold or absorbed
library FillSize {
    using GradualAuction for GradualAuction.Head;
    using PositionMath for uint256;

    /// @notice What brings a position to its target LTV, or closes it where less than `minDebt` would be left. At most its
    /// collateral.
    function most(
        GradualAuction.Head memory h,
        uint256 priceE36,
        uint256 collateral,
        uint256 debt,
        uint256 targetLtvWad,
        uint256 feeWad,
        uint256 minDebt
    ) internal pure returns (uint256 size) {
        size = h.quantityToTarget(priceE36, collateral, debt, targetLtvWad, feeWad);
        if (size >= collateral) return collateral;
        uint256 debtLeft = Math.fullMulDiv((collateral - size).valueDown(priceE36), targetLtvWad, WAD);
        if (debtLeft >= minDebt) return size;
        size = h.quantityToTarget(priceE36, collateral, debt, 0, feeWad);
        // a hair more than the exact quantity, so that closing leaves no last unit of debt
        return Math.min(size + size / 1e15 + 1, collateral);
    }
}
