// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { FixedPointMathLib as Math } from "solady/src/utils/FixedPointMathLib.sol";
import { IAuctionHouse } from "../../contracts/interfaces/IAuctionHouse.sol";
import { ForgeTest } from "../forge/ForgeTest.sol";
import { Actions } from "./Actions.sol";

/// @notice A handler that does one thing to the first position and compares.
contract Moment is Actions(false) {
    /// @dev Any lane that `setLane` takes, opened by the first position, which the price then moves on with. False where nothing is
    /// for sale.
    function openSale(uint256 seed, uint256 ltvWad, uint256 time) public returns (bool) {
        _wait(1 + (seed % 30 days));
        _setLane(0, _randomLane(0, seed));
        _markets[0].depth.setDepth(_pick(seed, "depth", 0, 1e24));
        _sync(0);
        ltvWad = bound(ltvWad, 0.8301e18, 0.9999e18);
        _crash(0, 0, _pick(seed, "move", 0, 1) == 0 ? ltvWad : 0.99e18);
        if (!_canOpen(0, 0)) return false;
        _openLane(0, 0, keeper, seed);
        _wait(bound(time, 1, 4 hours));
        _crash(0, 0, ltvWad);
        return house.quote(_collateral(0), owners[0], type(uint256).max).refusal == IAuctionHouse.Refusal.None;
    }

    /// @dev `checked` sees that the LTV fell, in each of two buys and when it is absorbed.
    function sell(uint256 seed, uint256 share) external {
        _buyPart(seed, share);
        _wait(1 + (share % 1 hours));
        if (house.quote(_collateral(0), owners[0], type(uint256).max).refusal == IAuctionHouse.Refusal.None) {
            _buyPart(seed, type(uint256).max);
        }
        if (_mustAbsorb(0, 0)) _absorb(0, 0, keeper, seed);
    }

    /// @dev Others' deposits are wiped out, once or more, and more of them come; then somebody gives `amount`, and leaves in peace.
    function depositAfterWipeOuts(uint256 seed, uint256 amount) external returns (uint256 got, uint256 most) {
        uint256 times = _pick(seed, "times", 1, 4);
        for (uint256 i; i < times; ++i) {
            uint256 dice = uint256(keccak256(abi.encode(seed, i)));
            // what is lost at once, and what is left of it
            uint256 cash = buffer.cash();
            _lose(dice % 4 == 0 ? cash : cash - Math.min(cash, _pick(dice, "left", 0, 1000)));
            if (dice % 3 != 0) _underwrite(dice, underwriters[1], _pick(dice, "more", one, 20_000 * one));
        }
        if (_pick(seed, "last", 0, 1) == 0) _lose(buffer.cash());
        address who = underwriters[0];
        uint256 old = buffer.maxWithdraw(who);
        vm.startPrank(who);
        buffer.transfer(operator, buffer.balanceOf(who));
        uint256 share = buffer.previewMint(1);
        buffer.deposit(amount, who);
        buffer.requestRedeem(buffer.balanceOf(who), who, who);
        vm.stopPrank();
        _wait(1 hours);
        for (uint256 k; k < _markets.length; ++k) _observe(k);
        _wait(31 minutes);
        // what the keeper is paid is the price of leaving
        uint256 paid = loan.balanceOf(keeper);
        vm.prank(keeper);
        (, got) = buffer.fulfil(who, keeper);
        got += loan.balanceOf(keeper) - paid;
        uint256 own = buffer.maxWithdraw(who) - old;
        vm.prank(who);
        buffer.withdraw(own, who, who);
        return (got + share + 2, amount);
    }

    /// @dev A loss of the vault that nobody but the buffer covers.
    function _lose(uint256 assets) internal {
        vm.prank(address(vault));
        buffer.cover(assets);
        _donated[address(loan)][address(vault)] += assets;
    }

    function _buyPart(uint256 seed, uint256 share) internal {
        uint256 most_ = house.quote(_collateral(0), owners[0], type(uint256).max).collateral;
        uint256 amount = bound(share, 1, most_);
        if (house.quote(_collateral(0), owners[0], amount).refusal != IAuctionHouse.Refusal.None) amount = most_;
        _buy(0, 0, amount, type(uint256).max, keeper, seed);
    }

    /// @dev What the keeper pays for `first` and then as much as makes it `whole`, and what it got.
    function pay(uint256 first, uint256 whole) external returns (uint256 cost, uint256 bought) {
        (bought, cost) = _payFor(first);
        if (bought == whole) return (cost, bought);
        IAuctionHouse.Quote memory q = house.quote(_collateral(0), owners[0], whole - bought);
        if (q.refusal != IAuctionHouse.Refusal.None) return (cost, bought);
        (uint256 more, uint256 moreCost) = _payFor(whole - bought);
        return (cost + moreCost, bought + more);
    }

    function _payFor(uint256 amount) internal returns (uint256, uint256) {
        vm.prank(keeper);
        return house.buy(_collateral(0), owners[0], amount, type(uint256).max, keeper, "");
    }

    function most() external view returns (uint256 amount, uint256 priceE36) {
        IAuctionHouse.Quote memory q = house.quote(_collateral(0), owners[0], type(uint256).max);
        return (q.collateral, q.priceE36);
    }

    function canBuy(uint256 amount) external view returns (bool) {
        return house.quote(_collateral(0), owners[0], amount).refusal == IAuctionHouse.Refusal.None;
    }

    /// @dev At one moment: owner 0 empties its account, does what the dice say, empties it again.
    function roundTrip(uint256 seed) external returns (uint256[2] memory before, uint256[2] memory afterwards) {
        _wait(1 + (seed % 400 days));
        _empty();
        before = [loan.balanceOf(owners[0]), _markets[0].token.balanceOf(owners[0])];
        for (uint256 i; i < 16; ++i) _act(uint256(keccak256(abi.encode(seed, i))));
        _empty();
        afterwards = [loan.balanceOf(owners[0]), _markets[0].token.balanceOf(owners[0])];
    }

    function _empty() internal {
        address owner = owners[0];
        vm.startPrank(owner);
        if (vault.debtOf(_collateral(0), owner) != 0) vault.repay(_collateral(0), type(uint256).max, owner);
        uint256 collateral = vault.position(_collateral(0), owner).collateral;
        if (collateral != 0) vault.withdrawCollateral(_collateral(0), collateral, owner, owner);
        if (vault.maxRedeem(owner) != 0) vault.redeem(vault.maxRedeem(owner), owner, owner);
        vm.stopPrank();
    }

    function _act(uint256 dice) internal {
        uint256 amount = 1 + ((dice >> 16) % (10 ** (1 + ((dice >> 8) % 11))));
        (uint256 collateral, uint256 debt, ) = _state(0, 0);
        uint256 way = dice % 6;
        if (way == 0) _lend(dice >> 3, owners[0], amount);
        else if (way == 1 && vault.maxRedeem(owners[0]) != 0) {
            _unlend(dice >> 3, owners[0], bound(amount, 1, vault.maxRedeem(owners[0])));
        } else if (way == 2) _supply(0, owners[0], 0, amount * 1e9, 0);
        else if (way == 3) {
            uint256 room = _borrowable(0, 0, collateral, 0.8e18);
            if (room != 0 && debt + amount >= 501 * one) _borrow(0, 0, Math.min(room, amount), 1);
        } else if (way == 4 && debt != 0) {
            amount = debt > 502 * one ? Math.min(amount, debt - 502 * one) : debt;
            _repay(0, owners[0], 0, amount, dice >> 3);
        } else if (way == 5 && collateral != 0 && debt == 0) {
            _withdraw(0, 0, Math.min(amount * 1e9, collateral), 0);
        }
    }
}

/// @notice What holds at one moment, for any parameters and any amounts.
contract MomentsTest is ForgeTest {
    Moment internal moment;

    function setUp() public {
        moment = new Moment();
    }

    /// forge-config: deep.fuzz.runs = 5000
    function testFuzz_A7_noLaneThatIsTakenIsToxic(uint256 seed, uint256 ltvWad, uint256 time, uint256 share) public {
        if (moment.openSale(seed, ltvWad, time)) moment.sell(seed, share);
        moment.checkState();
    }

    /// forge-config: deep.fuzz.runs = 5000
    function testFuzz_A6_splittingABuyNeverCostsLess(
        uint256 seed,
        uint256 ltvWad,
        uint256 time,
        uint256 share,
        uint256 split
    ) public {
        if (!moment.openSale(seed, ltvWad, time)) return;
        (uint256 most, uint256 priceE36) = moment.most();
        uint256 whole = bound(share, 1, most);
        uint256 first = bound(split, 1, whole);
        if (!moment.canBuy(whole) || !moment.canBuy(first)) return;
        uint256 snapshot = vm.snapshotState();
        // the second buy, of whatever it finds, in the same block
        (uint256 splitCost, uint256 bought) = moment.pay(first, whole);
        vm.revertToState(snapshot);
        (uint256 wholeCost, ) = moment.pay(bought, bought);
        // up to a unit a buy and the last digit of the multiple
        uint256 rounding = 4 + (4 * priceE36) / 1e54 + Math.fullMulDivUp(bought, 2 * priceE36, 1e54);
        assertGe(splitCost + rounding, wholeCost, "splitting pays");
    }

    /// forge-config: deep.fuzz.runs = 5000
    function testFuzz_B5_aDepositOutlivesOthersWipeOuts(uint256 seed, uint256 amount) public {
        amount = bound(amount, 1e6, 1e12);
        (uint256 got, uint256 given) = moment.depositAfterWipeOuts(seed, amount);
        assertGe(got, given, "an honest deposit paid for others' losses");
        moment.checkState();
    }

    /// forge-config: deep.fuzz.runs = 5000
    function testFuzz_V4_noSequenceOfCallsMakesValue(uint256 seed) public {
        (uint256[2] memory before, uint256[2] memory afterwards) = moment.roundTrip(seed);
        assertLe(afterwards[0], before[0], "loan asset was made");
        assertLe(afterwards[1], before[1], "collateral was made");
        moment.checkState();
    }
}
