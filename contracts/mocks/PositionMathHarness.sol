// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { PositionMath } from "../libraries/PositionMath.sol";

/// @notice The functions of `PositionMath`, callable from a test.
contract PositionMathHarness {
    function toAssetsUp(uint256 shares, uint256 indexE27) external pure returns (uint256) {
        return PositionMath.toAssetsUp(shares, indexE27);
    }

    function toAssetsDown(uint256 shares, uint256 indexE27) external pure returns (uint256) {
        return PositionMath.toAssetsDown(shares, indexE27);
    }

    function toSharesUp(uint256 assets, uint256 indexE27) external pure returns (uint256) {
        return PositionMath.toSharesUp(assets, indexE27);
    }

    function toSharesDown(uint256 assets, uint256 indexE27) external pure returns (uint256) {
        return PositionMath.toSharesDown(assets, indexE27);
    }

    function valueDown(uint256 collateral, uint256 priceE36) external pure returns (uint256) {
        return PositionMath.valueDown(collateral, priceE36);
    }

    function ltvWadUp(uint256 collateral, uint256 debt, uint256 priceE36) external pure returns (uint256) {
        return PositionMath.ltvWadUp(collateral, debt, priceE36);
    }

    function isLtvLower(
        uint256 collateralBefore,
        uint256 debtBefore,
        uint256 collateralAfter,
        uint256 debtAfter
    ) external pure returns (bool) {
        return PositionMath.isLtvLower(collateralBefore, debtBefore, collateralAfter, debtAfter);
    }
}
