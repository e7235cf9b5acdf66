// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { FixedPointMathLib as Math } from "solady/src/utils/FixedPointMathLib.sol";
import { GradualAuction } from "../../contracts/libraries/GradualAuction.sol";
import { PositionMath } from "../../contracts/libraries/PositionMath.sol";
import { ForgeTest } from "./ForgeTest.sol";

/// @notice What `GradualAuction` promises, over tokens of 0 to 27 decimals, prices from a tenth of a cent to a million,
/// slopes from the least to the greatest that a lane may have, and quantities and rates of every order of magnitude.
contract GradualAuctionTest is ForgeTest {
    using GradualAuction for GradualAuction.Head;

    uint256 internal constant WAD = 1e18;
    uint256 internal constant HOUR = 3600;

    struct Raw {
        uint256 collateralDecimals;
        uint256 loanDecimals;
        uint256 price;
        uint256 rate;
        uint256 slope;
        uint256 premium;
        uint256 discount;
        uint256 laneAge;
        uint256 room;
    }

    struct Case {
        uint256 priceE36;
        uint256 rate;
        uint256 slope;
        uint256 premium;
        uint256 discount;
        uint256 laneAge;
        uint256 longest;
        GradualAuction.Head h;
    }

    struct RawPosition {
        uint256 collateral;
        uint256 ltv;
        uint256 target;
        uint256 fee;
        uint256 share;
    }

    function setUp() public {
        vm.warp(1_700_000_000);
    }

    // ------------------------------------------------------------------------------------------------- price

    function testFuzz_multipleStaysWithinPremiumAndDiscount(Raw memory raw) public pure {
        Case memory c = _case(raw);
        assertGe(c.h.multipleWad, WAD - c.discount, "multiple under 1 - discount");
        assertLe(c.h.multipleWad, WAD + c.premium, "multiple over 1 + premium");
    }

    function testFuzz_multipleStartsAtPremiumAndEndsAtDiscount(Raw memory raw) public pure {
        Case memory c = _case(raw);
        uint256 longest = GradualAuction.longestAge(c.premium, c.discount, c.slope);
        assertEq(_headAt(c, 0).multipleWad, WAD + c.premium, "not the premium at the start");
        // the age is cut to a Wad of a second, in which the multiple falls by less than a unit
        uint256 end = _headAt(c, longest).multipleWad;
        assertApproxEqAbs(end, WAD - c.discount, 1, "not the discount at the end");
        assertEq(_headAt(c, longest * 2).multipleWad, end, "falls on after the end");
    }

    function testFuzz_waitingNeverMakesItDearer(Raw memory raw, uint256 wait, uint256 share) public pure {
        Case memory c = _case(raw);
        uint256 quantity = _part(c.h.available, share);
        wait = bound(wait, 0, 1 days * WAD);
        GradualAuction.Head memory later = _headAt(c, Math.min(c.laneAge + wait, c.longest));
        assertLe(later.multipleWad, c.h.multipleWad, "head rose");
        assertGe(later.available, c.h.available, "less is available");
        uint256 digit = Math.fullMulDivUp(c.priceE36, quantity, 1e54);
        assertLe(
            later.cost(c.priceE36, quantity),
            c.h.cost(c.priceE36, quantity) + _noise(c.priceE36) + digit,
            "dearer"
        );
    }

    // ------------------------------------------------------------------------------------------------- cost

    function testFuzz_costRisesWithQuantity(Raw memory raw, uint256 share, uint256 moreShare) public pure {
        Case memory c = _case(raw);
        uint256 quantity = _part(c.h.available, share);
        uint256 more = _part(c.h.available - quantity, moreShare);
        uint256 least = Math.fullMulDiv(c.priceE36, c.h.multipleWad * more, 1e54);
        assertGe(
            c.h.cost(c.priceE36, quantity + more) + _noise(c.priceE36),
            c.h.cost(c.priceE36, quantity) + least,
            "the next bits are under the head"
        );
    }

    function testFuzz_costIsNeverUnderTheHeadNorOverThePremium(Raw memory raw, uint256 share) public pure {
        Case memory c = _case(raw);
        uint256 quantity = _part(c.h.available, share);
        uint256 cost = c.h.cost(c.priceE36, quantity);
        assertGe(cost, Math.fullMulDivUp(c.priceE36, c.h.multipleWad * quantity, 1e54), "under the head");
        // the last bit that was let out costs the premium
        uint256 most = Math.fullMulDivUp(c.priceE36, (WAD + c.premium) * (quantity + 1), 1e54);
        assertLe(cost, most + _noise(c.priceE36), "over the premium");
    }

    function testFuzz_nothingCostsNothing(Raw memory raw) public pure {
        Case memory c = _case(raw);
        assertEq(c.h.cost(c.priceE36, 0), 0, "nothing has a price");
    }

    function testFuzz_splittingABuyNeverPays(Raw memory raw, uint256 share, uint256 nextShare) public view {
        Case memory c = _case(raw);
        uint256 first = _part(c.h.available, share);
        (uint256 split, uint256 second) = _buyTwice(c, first, nextShare);
        uint256 whole = c.h.cost(c.priceE36, first + second);
        // but for the last digit of the multiple, 1e-18 of what the second buy costs
        uint256 digit = Math.fullMulDivUp(c.priceE36, second, 1e54);
        assertGe(split + _noise(c.priceE36) + digit, whole, "splitting pays");
        // nor does it cost more than the roundings: a unit a buy, and a Wad of a second of the cursor
        uint256 cursor = Math.fullMulDivUp(c.priceE36, second * (c.slope / WAD + 2), 1e54);
        assertLe(split, whole + 4 * _noise(c.priceE36) + cursor, "splitting is punished");
    }

    /// @dev A6: what a fill leaves its position, less urgency and less discount, makes the rest no cheaper.
    function testFuzz_A6_aSlowerPaceAndLessDiscountNeverPay(
        Raw memory raw,
        uint256 share,
        uint256 nextShare,
        uint256 slower,
        uint256 less
    ) public view {
        Case memory c = _case(raw);
        uint256 first = _part(c.h.available, share);
        uint256 cursor = GradualAuction.advance(c.laneAge, c.rate, first);
        uint256 firstCost = c.h.cost(c.priceE36, first);
        GradualAuction.Head memory whole = c.h;
        c.rate = bound(slower, Math.max(c.rate / 101, 1), c.rate);
        c.discount = bound(less, 0, c.discount);
        GradualAuction.Head memory next = _headAt(c, block.timestamp * WAD - cursor);
        uint256 second = _part(Math.min(next.available, whole.available - first), nextShare);
        uint256 digit = Math.fullMulDivUp(c.priceE36, second, 1e54);
        assertGe(
            firstCost + next.cost(c.priceE36, second) + _noise(c.priceE36) + digit,
            whole.cost(c.priceE36, first + second),
            "splitting pays"
        );
    }

    /// @dev The flat part is what an old lane has for a position with a small discount: both halves are at its one price.
    function testFuzz_splittingWithinTheFlatPartIsExact(Raw memory raw, uint256 share, uint256 nextShare) public view {
        Case memory c = _case(raw);
        c.discount /= 100;
        c.premium /= 100;
        c.h = _headAt(c, c.laneAge);
        uint256 flat = c.h.flatWad / WAD;
        uint256 first = _part(flat, share);
        uint256 second = _part(flat - first, nextShare);
        GradualAuction.Head memory next = _after(c, first);
        uint256 split = c.h.cost(c.priceE36, first) + next.cost(c.priceE36, second);
        uint256 whole = c.h.cost(c.priceE36, first + second);
        assertEq(next.multipleWad, c.h.multipleWad, "head moved within its flat part");
        assertGe(split, whole, "splitting pays");
        // the cursor's last Wad of a second may push the end of the second buy out of the flat part
        uint256 cursor = Math.fullMulDivUp(c.priceE36, second * (c.slope / WAD + 2), 1e54);
        assertLe(split, whole + 1 + _noise(c.priceE36) + cursor, "splitting is punished");
    }

    // ------------------------------------------------------------------------------------------------- pace

    function testFuzz_cursorRoundsAgainstTheBuyer(Raw memory raw, uint256 share) public view {
        Case memory c = _case(raw);
        uint256 quantity = _part(c.h.available, share);
        uint256 cursor = GradualAuction.advance(c.laneAge, c.rate, quantity);
        uint256 left = _after(c, quantity).available;
        assertLe(cursor, block.timestamp * WAD, "cursor in the future");
        assertGe(cursor, block.timestamp * WAD - c.laneAge, "cursor fell back");
        assertLe(left + quantity, c.h.available, "the same emission is sold twice");
        // a Wad of a second is all that is lost
        assertGe(left + quantity + 1 + c.rate / (HOUR * WAD), c.h.available, "emission is lost");
    }

    /// @dev Each buy at a pace of its own, from `r` to `r · (1 + u)`, as urgency has it, and with a discount of its own.
    function testFuzz_A2_paceOfAnySequenceOfBuys(
        Raw memory raw,
        uint32[12] memory waits,
        uint256[12] memory shares,
        uint8 urgency
    ) public {
        Case memory c = _case(raw);
        c.rate = _magnitude(raw.rate, 104);
        uint256 slowest = c.rate;
        uint256 cursor = block.timestamp * WAD;
        uint256[12] memory boughtAt;
        uint256[12] memory bought;
        for (uint256 i; i < 12; ++i) {
            vm.warp(block.timestamp + (waits[i] % 2 hours));
            c.rate = slowest + Math.fullMulDiv(slowest * (urgency % 101), uint128(shares[i]), type(uint128).max);
            c.laneAge = GradualAuction.laneAge(cursor, c.longest);
            c.discount = _part(c.discount, shares[i] >> 64);
            c.h = _headAt(c, c.laneAge);
            bought[i] = _part(c.h.available, shares[i]);
            boughtAt[i] = block.timestamp;
            cursor = GradualAuction.advance(c.laneAge, c.rate, bought[i]);
            // every window that ends here
            uint256 sum;
            for (uint256 j = i + 1; j > 0; --j) {
                sum += bought[j - 1];
                uint256 window = (block.timestamp - boughtAt[j - 1]) * WAD + c.longest;
                uint256 most = Math.fullMulDiv(slowest * (1 + (urgency % 101)), window, HOUR * WAD);
                assertLe(sum, most, "a window let out too much");
            }
        }
    }

    // ------------------------------------------------------------------------------------------------- size

    function testFuzz_A4_sizeEndsAtTheTarget(Raw memory raw, RawPosition memory position) public pure {
        Case memory c = _case(raw);
        (uint256 collateral, uint256 debt) = _position(c, position, 0.2e18, 0.99e18);
        uint256 target = bound(position.target, 0, (debt * WAD) / _value(c, collateral) - 1);
        uint256 fee = bound(position.fee, 0, 0.05e18);
        // as the lane's bounds have it, the worst head is well above the target
        vm.assume((c.h.multipleWad * WAD) / (WAD + fee) > target + 0.01e18);
        uint256 quantity = c.h.quantityToTarget(c.priceE36, collateral, debt, target, fee);
        if (quantity > collateral) return;

        // the quantity does not pass the target: debt − cost/(1 + fee) ≥ target·value, before any rounding against us
        assertGe(
            debt + 1 + 2 * _noise(c.priceE36),
            _atTarget(c, collateral - quantity, target) + _repaid(c, quantity, fee),
            "past the target"
        );
        // and a hair more does
        uint256 more = quantity + quantity / 1e14 + 2;
        if (more > collateral) return;
        assertLe(
            debt,
            _atTarget(c, collateral - more, target) + _repaid(c, more, fee) + 2 + 2 * _noise(c.priceE36),
            "short of the target"
        );
    }

    function testFuzz_sizeIsZeroAtOrUnderTheTarget(Raw memory raw, RawPosition memory position) public pure {
        Case memory c = _case(raw);
        (uint256 collateral, uint256 debt) = _position(c, position, 0.1e18, 0.8e18);
        uint256 target = bound(position.target, PositionMath.ltvWadUp(collateral, debt, c.priceE36), 0.9e18);
        vm.assume(c.h.multipleWad > target + 0.01e18);
        assertEq(c.h.quantityToTarget(c.priceE36, collateral, debt, target, 0), 0, "sells a healthy position");
    }

    function testFuzz_A1_noFillIsToxic(Raw memory raw, RawPosition memory position, uint256 split) public pure {
        Case memory c = _case(raw);
        (uint256 collateral, uint256 debt) = _position(c, position, 0.3e18, 0.999e18);
        uint256 ltv = PositionMath.ltvWadUp(collateral, debt, c.priceE36);
        vm.assume(ltv < WAD);
        uint256 allowance = (WAD - ltv) / 2;
        c.discount = bound(split, 0, Math.min(allowance, 0.1e18));
        uint256 fee = bound(position.fee, 0, allowance - c.discount);
        c.h = _headAt(c, c.laneAge);
        uint256 quantity = Math.min(_part(c.h.available, position.share), collateral);
        uint256 cost = c.h.cost(c.priceE36, quantity);
        uint256 repaid = Math.min(Math.fullMulDiv(cost, WAD, WAD + fee), debt);
        // m/(1 + fee) is over the LTV by at least half of what the LTV lacks to 1: more than rounding takes
        vm.assume(Math.fullMulDiv(_value(c, quantity), allowance, WAD) > 2);
        assertTrue(
            PositionMath.isLtvLower(collateral, debt, collateral - quantity, debt - repaid),
            "the fill did not lower the LTV"
        );
    }

    // ----------------------------------------------------------------------------------------------- bounds

    /// @dev The corners of what the library's NatSpec allows: nothing may overflow there.
    function testFuzz_noOverflowWithinTheStatedBounds(uint256 corner, uint256 collateral, uint256 ltv) public pure {
        uint256 rate = corner & 1 == 0 ? 1 : type(uint112).max;
        uint256 slope = corner & 2 == 0 ? 1 : type(uint64).max;
        uint256 laneAge = corner & 4 == 0 ? 0 : 1 days * WAD;
        uint256 premium = corner & 16 == 0 ? 0 : 2e18;
        uint256 discount = corner & 32 == 0 ? 0 : 0.5e18;
        GradualAuction.Head memory h = GradualAuction.head(rate, slope, laneAge, premium, discount);
        uint256 priceE36 = corner & 64 == 0 ? 1e12 : 1e60;
        uint256 quantity = Math.min(h.available, type(uint112).max);
        uint256 cost = h.cost(priceE36, quantity);
        assertGe(cost, Math.fullMulDiv(priceE36, quantity * h.multipleWad, 1e54), "cost wrapped");

        collateral = bound(collateral, 1, type(uint112).max);
        uint256 value = Math.fullMulDiv(collateral, priceE36, 1e36);
        uint256 debt = Math.fullMulDiv(value, bound(ltv, 0, 64e18), WAD);
        h.quantityToTarget(priceE36, collateral, debt, 0.4e18, 0.05e18);
    }

    // ---------------------------------------------------------------------------------------------- helpers

    function _case(Raw memory raw) internal pure returns (Case memory c) {
        uint8[5] memory decimals = [0, 6, 8, 18, 27];
        uint8[3] memory loanDecimals = [6, 8, 18];
        uint256 scale = 10 ** (33 + loanDecimals[raw.loanDecimals % 3] - decimals[raw.collateralDecimals % 5]);
        // a tenth of a cent to a million
        c.priceE36 = scale * bound(raw.price, 1, 1e9);
        c.rate = _magnitude(raw.rate, 112);
        c.slope = bound(raw.slope, 1e12, 1e16);
        c.premium = bound(raw.premium, 0, 0.2e18);
        c.discount = bound(raw.discount, 0, 0.1e18);
        uint256 longest = GradualAuction.longestAge(c.premium, c.discount, c.slope);
        // a lane's longest age is a day
        vm.assume(longest != 0 && longest <= 1 days * WAD);
        // the lane's own: its greatest premium and discount may be more than those of this moment and position
        c.longest = Math.min(longest + bound(raw.room, 0, 2 * longest), 1 days * WAD);
        c.laneAge = bound(raw.laneAge, 0, c.longest);
        c.h = _headAt(c, c.laneAge);
        // quantities are in bounds too
        vm.assume(c.h.available <= type(uint112).max);
    }

    function _headAt(Case memory c, uint256 laneAge) internal pure returns (GradualAuction.Head memory) {
        return GradualAuction.head(c.rate, c.slope, laneAge, c.premium, c.discount);
    }

    /// @dev The head after `quantity` was bought in this block.
    function _after(Case memory c, uint256 quantity) internal view returns (GradualAuction.Head memory) {
        uint256 cursor = GradualAuction.advance(c.laneAge, c.rate, quantity);
        return _headAt(c, block.timestamp * WAD - cursor);
    }

    function _buyTwice(
        Case memory c,
        uint256 first,
        uint256 nextShare
    ) internal view returns (uint256 cost, uint256 second) {
        GradualAuction.Head memory next = _after(c, first);
        second = _part(next.available, nextShare);
        cost = c.h.cost(c.priceE36, first) + next.cost(c.priceE36, second);
    }

    /// @dev A position whose LTV lies in a range, with a value that rounding leaves meaningful.
    function _position(
        Case memory c,
        RawPosition memory raw,
        uint256 minLtv,
        uint256 maxLtv
    ) internal pure returns (uint256 collateral, uint256 debt) {
        collateral = _magnitude(raw.collateral, 112);
        uint256 value = _value(c, collateral);
        vm.assume(value >= 1e4 && value <= type(uint112).max);
        debt = (value * bound(raw.ltv, minLtv, maxLtv)) / WAD;
    }

    function _value(Case memory c, uint256 collateral) internal pure returns (uint256) {
        return PositionMath.valueDown(collateral, c.priceE36);
    }

    function _atTarget(Case memory c, uint256 collateral, uint256 target) internal pure returns (uint256) {
        return Math.fullMulDiv(c.priceE36, collateral * target, 1e54);
    }

    function _repaid(Case memory c, uint256 quantity, uint256 fee) internal pure returns (uint256) {
        return Math.fullMulDiv(c.h.cost(c.priceE36, quantity), WAD, WAD + fee);
    }

    /// @dev What three roundings up inside `cost` may add: a unit, and two 1e-18ths of a collateral unit.
    function _noise(uint256 priceE36) internal pure returns (uint256) {
        return 1 + (2 * priceE36) / 1e54;
    }

    /// @dev 0 to all of `whole`.
    function _part(uint256 whole, uint256 share) internal pure returns (uint256) {
        return bound(share, 0, whole);
    }

    /// @dev A number whose length in bits is as likely any as any other, so that small ones come up too.
    function _magnitude(uint256 x, uint256 maxBits) internal pure returns (uint256) {
        uint256 bits = (x % maxBits) + 1;
        return (uint256(keccak256(abi.encode(x))) >> (256 - bits)) | 1;
    }
}
