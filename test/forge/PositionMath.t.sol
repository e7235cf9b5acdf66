// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { PositionMath } from "../../contracts/libraries/PositionMath.sol";
import { ForgeTest } from "./ForgeTest.sol";

contract PositionMathTest is ForgeTest {
    uint256 internal constant WAD = 1e18;

    function testFuzz_sharesAndAssetsRoundAsNamed(uint112 amount, uint256 index) public pure {
        index = bound(index, 1e27, 1e33);
        uint256 product = uint256(amount) * index;
        assertEq(PositionMath.toAssetsDown(amount, index), product / 1e27, "assets down");
        assertEq(PositionMath.toAssetsUp(amount, index), (product + 1e27 - 1) / 1e27, "assets up");
        uint256 scaled = uint256(amount) * 1e27;
        assertEq(PositionMath.toSharesDown(amount, index), scaled / index, "shares down");
        assertEq(PositionMath.toSharesUp(amount, index), (scaled + index - 1) / index, "shares up");
    }

    /// @dev V4: to shares and back never gains.
    function testFuzz_V4_roundTripsNeverGain(uint112 assets, uint256 index) public pure {
        index = bound(index, 1e27, 1e33);
        // a borrower owes at least what was borrowed
        uint256 owed = PositionMath.toAssetsUp(PositionMath.toSharesUp(assets, index), index);
        assertGe(owed, assets, "borrowed more than is owed");
        assertLe(owed, uint256(assets) + index / 1e27 + 1, "owes more than a share's worth over");
        // and what is repaid takes at most as much off
        uint256 taken = PositionMath.toAssetsDown(PositionMath.toSharesDown(assets, index), index);
        assertLe(taken, assets, "repaid less than was taken off");
    }

    function testFuzz_ltvIsRoundedUp(uint112 collateral, uint112 debt, uint256 price) public pure {
        price = bound(price, 1e18, 1e48);
        uint256 value = PositionMath.valueDown(collateral, price);
        uint256 ltv = PositionMath.ltvWadUp(collateral, debt, price);
        if (debt == 0) {
            assertEq(ltv, 0, "no debt, no LTV");
        } else if (value == 0) {
            assertEq(ltv, type(uint256).max, "debt without value");
        } else {
            assertEq(ltv, (uint256(debt) * WAD + value - 1) / value, "rounded up");
            // healthy by this LTV is healthy in truth: debt ≤ LTV·value
            assertLe(uint256(debt) * WAD, ltv * value, "LTV understated");
        }
    }

    function testFuzz_isLtvLowerAgreesWithTheLtv(
        uint112 collateral,
        uint112 debt,
        uint112 sold,
        uint112 repaid
    ) public pure {
        uint256 price = 2000e24;
        uint256 left = collateral - bound(sold, 0, collateral);
        uint256 rest = debt - bound(repaid, 0, debt);
        bool lower = PositionMath.isLtvLower(collateral, debt, left, rest);
        if (rest == 0) {
            assertTrue(lower, "without debt it is lower");
        } else {
            assertEq(lower ? 1 : 0, rest * collateral < debt * left ? 1 : 0, "not the cross product");
            // where rounding is far away, the rounded LTVs say the same
            uint256 before = PositionMath.ltvWadUp(collateral, debt, price);
            uint256 afterwards = PositionMath.ltvWadUp(left, rest, price);
            if (lower && PositionMath.valueDown(left, price) > WAD) {
                assertLe(afterwards, before + before / WAD + 1, "lower by shares, higher by price");
            }
        }
    }

    function test_isLtvLowerIsStrict() public pure {
        assertFalse(PositionMath.isLtvLower(10, 5, 10, 5), "the same is not lower");
        assertFalse(PositionMath.isLtvLower(10, 6, 5, 3), "nor is the same ratio");
        assertTrue(PositionMath.isLtvLower(10, 6, 6, 3), "more left is");
        assertFalse(PositionMath.isLtvLower(10, 6, 0, 1), "debt without collateral never is");
        assertTrue(PositionMath.isLtvLower(10, 6, 0, 0), "no debt always is");
    }
}
