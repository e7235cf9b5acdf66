// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { FixedPointMathLib as Math } from "solady/src/utils/FixedPointMathLib.sol";
import { INDEX_SCALE, PRICE_SCALE, WAD } from "./Units.sol";

/// @title Debt shares, value and LTV of a position
/// @dev The direction of rounding is in the name. Overflow reverts in the full-precision product.
library PositionMath {
    /// @notice Debt in assets of `shares` at an index scaled by 1e27.
    function toAssetsUp(uint256 shares, uint256 indexE27) internal pure returns (uint256) {
        return Math.fullMulDivUp(shares, indexE27, INDEX_SCALE);
    }

    function toAssetsDown(uint256 shares, uint256 indexE27) internal pure returns (uint256) {
        return Math.fullMulDiv(shares, indexE27, INDEX_SCALE);
    }

    function toSharesUp(uint256 assets, uint256 indexE27) internal pure returns (uint256) {
        return Math.fullMulDivUp(assets, INDEX_SCALE, indexE27);
    }

    function toSharesDown(uint256 assets, uint256 indexE27) internal pure returns (uint256) {
        return Math.fullMulDiv(assets, INDEX_SCALE, indexE27);
    }

    /// @notice Value of collateral in loan asset.
    function valueDown(uint256 collateral, uint256 priceE36) internal pure returns (uint256) {
        return Math.fullMulDiv(collateral, priceE36, PRICE_SCALE);
    }

    /// @notice Debt over the collateral's value, Wad, rounded up; the greatest number where there is debt and no value.
    function ltvWadUp(uint256 collateral, uint256 debt, uint256 priceE36) internal pure returns (uint256) {
        if (debt == 0) return 0;
        uint256 value = valueDown(collateral, priceE36);
        return value == 0 ? type(uint256).max : Math.fullMulDivUp(debt, WAD, value);
    }

    /// @notice Whether debt per collateral is strictly lower after than before; a position without debt always is.
    /// @dev Free of the price, so that it holds at any.
    function isLtvLower(
        uint256 collateralBefore,
        uint256 debtBefore,
        uint256 collateralAfter,
        uint256 debtAfter
    ) internal pure returns (bool) {
        return debtAfter == 0 || debtAfter * collateralBefore < debtBefore * collateralAfter;
    }
}
