// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IERC4626 } from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import { FixedPointMathLib as Math } from "solady/src/utils/FixedPointMathLib.sol";
import { IAuctionHouse } from "../../contracts/interfaces/IAuctionHouse.sol";
import { ILiquidityBuffer } from "../../contracts/interfaces/ILiquidityBuffer.sol";
import { IVault } from "../../contracts/interfaces/IVault.sol";
import { Vm } from "../forge/ForgeTest.sol";
import { IToken, World } from "./World.sol";

/// @notice INVARIANTS.md, one function and one error for each id. The first half is true of any state; the second of any call: it
/// compares what was before with what is after, by what the contracts said happened.
abstract contract Checks is World {
    struct PositionLook {
        uint256 collateral;
        uint256 debt;
        uint256 ltvWad;
    }

    /// @dev The world before or after a call of `who` that has to do with market `k`. Positions by owner.
    struct Look {
        address who;
        uint256 k;
        uint256 lenderPrice;
        uint256 underwriterPrice;
        uint256 wealth;
        uint256 priceE36;
        bool full;
        PositionLook[] positions;
    }

    /// @dev What a call may have gained its caller, and cost the underwriters and the lenders.
    struct Dues {
        uint256 caller;
        uint256 underwriters;
        uint256 lenders;
    }

    /// @dev A fill or take-over of position `i` in market `k`.
    struct Sale {
        uint256 k;
        uint256 i;
        uint256 amount;
        uint256 cost;
        uint256 priceE36;
        PositionLook before;
        PositionLook afterwards;
    }

    /// @dev What left a lane, as seconds of its emission.
    struct Sold {
        uint256 at;
        uint256 emissionWad;
    }

    error V1(string what, uint256 has, uint256 owed);
    error V2(string what, uint256 sum, uint256 total);
    error V3(uint256 before, uint256 afterwards);
    error V4(address who, uint256 before, uint256 afterwards, uint256 due);
    error V5(address owner, address caller);
    error V6(address owner, uint256 debt);
    error A1(address owner, uint256 ltvBefore, uint256 ltvAfter);
    error A2(address collateral, uint256 emissionWad);
    error A3(address owner, uint256 cost, uint256 bound);
    error A4(address owner, uint256 debt, uint256 target);
    error A5(address owner, uint256 ltvWad);
    error A8(address owner, uint256 bounty, uint256 most);
    error B1(string what, uint256 has, uint256 says);
    error B2(address collateral, uint256 emissionWad);
    error B3(string what, uint256 amount);
    error B4(uint256 before, uint256 afterwards);

    mapping(string => uint256) public count;
    mapping(address token => mapping(address holder => uint256)) internal _donated;
    mapping(uint256 k => Sold[]) internal _laneSold;
    mapping(uint256 k => Sold[]) internal _inventorySold;
    mapping(uint256 k => mapping(uint256 i => uint256)) internal _bountyAt;

    // --------------------------------------------------------------------------------------- true of any state

    function checkState() external {
        vm.warp(clock);
        V1_cashAndDebtsCoverWhatIsOwed();
        V2_positionsSumToTheTotals();
        V6_debtWithoutCollateralIsWrittenOff();
        A5_auctionsAreCountedAndHealthyPositionsAreNotForSale();
        B1_bufferHoldsWhatItSays();
    }

    function V1_cashAndDebtsCoverWhatIsOwed() public view {
        uint256 cash = loan.balanceOf(address(vault)) - _donated[address(loan)][address(vault)];
        if (cash != vault.idle()) revert V1("cash", cash, vault.idle());
        uint256 owed = vault.totalAssets() + vault.reserves() + vault.bufferFees();
        if (cash + vault.totalDebt() < owed) revert V1("total debt", cash + vault.totalDebt(), owed);
        uint256 debts;
        for (uint256 k; k < _markets.length; ++k) {
            for (uint256 i; i < OWNERS; ++i) debts += vault.debtOf(_collateral(k), owners[i]);
        }
        if (cash + debts < owed) revert V1("positions' debts", cash + debts, owed);
        uint256 claims = vault.convertToAssets(vault.totalSupply());
        if (claims > vault.totalAssets()) revert V1("shares", vault.totalAssets(), claims);
    }

    function V2_positionsSumToTheTotals() public view {
        uint256 allShares;
        for (uint256 k; k < _markets.length; ++k) {
            address token = _collateral(k);
            uint256 shares;
            uint256 collateral;
            for (uint256 i; i < OWNERS; ++i) {
                IVault.Position memory p = vault.position(token, owners[i]);
                shares += p.debtShares;
                collateral += p.collateral;
            }
            IVault.Market memory m = vault.market(token);
            if (shares != m.debtShares) revert V2("debt shares of a market", shares, m.debtShares);
            uint256 held = IToken(token).balanceOf(address(vault)) - _donated[token][address(vault)];
            if (held != collateral) revert V2("collateral that is held", collateral, held);
            allShares += shares;
        }
        if (allShares != vault.totalDebtShares()) revert V2("debt shares", allShares, vault.totalDebtShares());
    }

    function V6_debtWithoutCollateralIsWrittenOff() public view {
        for (uint256 k; k < _markets.length; ++k) {
            for (uint256 i; i < OWNERS; ++i) {
                IVault.Position memory p = vault.position(_collateral(k), owners[i]);
                if (p.collateral == 0 && p.debtShares != 0) revert V6(owners[i], p.debtShares);
            }
        }
    }

    function A5_auctionsAreCountedAndHealthyPositionsAreNotForSale() public view {
        for (uint256 k; k < _markets.length; ++k) {
            uint256 running;
            for (uint256 i; i < OWNERS; ++i) {
                if (house.auction(_collateral(k), owners[i]).startedAt == 0) continue;
                ++running;
                IAuctionHouse.Quote memory q = house.quote(_collateral(k), owners[i], type(uint256).max);
                (, , uint256 ltvWad) = _state(k, i);
                if (q.refusal == IAuctionHouse.Refusal.None) _requireUnhealthy(k, i, ltvWad);
            }
            if (running != house.lane(_collateral(k)).auctions) revert A5(_collateral(k), running);
        }
    }

    function B1_bufferHoldsWhatItSays() public view {
        address holder = address(buffer);
        uint256 cash = loan.balanceOf(holder) - _donated[address(loan)][holder];
        if (cash != buffer.cash()) revert B1("cash", cash, buffer.cash());
        for (uint256 k; k < _markets.length; ++k) {
            address token = _collateral(k);
            uint256 held = IToken(token).balanceOf(holder) - _donated[token][holder];
            uint256 says = buffer.inventory(token).amount;
            if (held != says) revert B1("inventory", held, says);
        }
    }

    // ---------------------------------------------------------------------------------------- true of any call

    /// @dev Around every call of `who`. It may change nothing of any market but `k`, if of any.
    modifier checked(address who, uint256 k) {
        vm.recordLogs();
        Look memory before = _look(who, k);
        _;
        _judge(before);
    }

    function _look(address who, uint256 k) internal view returns (Look memory look) {
        look.who = who;
        look.k = k;
        // of a whole lot of shares, so that a fall of the least part of a unit is seen
        look.lenderPrice = Math.fullMulDiv(vault.totalAssets() + 1, 1e30, vault.totalSupply() + 1000);
        look.underwriterPrice = buffer.previewMint(1e30);
        IVault.PositionState[] memory states;
        uint256 minDebt;
        (look.priceE36, , minDebt, states) = vault.snapshot(_collateral(k), owners);
        look.full = _isBufferFull(k, minDebt, look.priceE36);
        look.positions = new PositionLook[](OWNERS);
        for (uint256 i; i < OWNERS; ++i) {
            (uint256 collateral, uint256 debt) = (states[i].collateral, states[i].debt);
            look.positions[i] = PositionLook(collateral, debt, _ltv(collateral, debt, look.priceE36));
        }
        look.wealth = _wealth(look);
    }

    /// @dev All that `who` owns and could claim, at the oracle's price, but for other markets. A position is worth nothing at worst.
    function _wealth(Look memory look) internal view returns (uint256 wealth) {
        address who = look.who;
        wealth = loan.balanceOf(who) + _value(_markets[look.k].token.balanceOf(who), look.priceE36);
        uint256 shares = vault.balanceOf(who);
        if (shares != 0) wealth += vault.convertToAssets(shares);
        if (who == underwriters[0] || who == underwriters[1]) {
            shares = buffer.balanceOf(who);
            shares += buffer.pendingRedeemRequest(0, who) + buffer.claimableRedeemRequest(0, who);
            wealth += buffer.convertToAssets(shares);
        }
        for (uint256 i; i < OWNERS; ++i) {
            if (owners[i] != who) continue;
            PositionLook memory p = look.positions[i];
            wealth += Math.zeroFloorSub(_value(p.collateral, look.priceE36), p.debt);
        }
    }

    function _judge(Look memory before) internal {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        Look memory afterwards = _look(before.who, before.k);
        Dues memory dues;
        for (uint256 j; j < logs.length; ++j) _noteStartsAndBounties(logs[j], before, dues);
        for (uint256 j; j < logs.length; ++j) _noteSales(logs[j], before, afterwards, dues);
        V3_lendersLoseOnlyInAWriteOff(before.lenderPrice, afterwards.lenderPrice, dues.lenders);
        V4_nobodyGainsMoreThanItsDue(before, afterwards, dues.caller);
        V5_nobodyElseLowersAPosition(before, afterwards);
        B4_underwritersLoseOnlyWhatTheyBear(before.underwriterPrice, afterwards.underwriterPrice, dues.underwriters);
    }

    function V3_lendersLoseOnlyInAWriteOff(uint256 before, uint256 afterwards, uint256 lost) public pure {
        if (afterwards < before && lost == 0) revert V3(before, afterwards);
    }

    /// @dev At the prices of one moment no call makes value for its caller but bounty and discount, so no sequence does.
    function V4_nobodyGainsMoreThanItsDue(Look memory before, Look memory afterwards, uint256 due) public view {
        // what reading the sums rounds: some of a unit each, and a unit of a debt share
        uint256 rounding = 8 + vault.indexE27() / 1e27;
        if (afterwards.wealth > before.wealth + due + rounding) {
            revert V4(before.who, before.wealth, afterwards.wealth, due);
        }
    }

    /// @dev A healthy position is made worse only by its owner and whom it authorised.
    function V5_nobodyElseLowersAPosition(Look memory before, Look memory afterwards) public view {
        for (uint256 i; i < OWNERS; ++i) {
            PositionLook memory b = before.positions[i];
            PositionLook memory a = afterwards.positions[i];
            if (a.collateral >= b.collateral && a.debt <= b.debt) continue;
            if (owners[i] == before.who || vault.isAuthorized(owners[i], before.who)) continue;
            if (b.ltvWad <= _lltvWad(before.k)) revert V5(owners[i], before.who);
        }
    }

    /// @dev `due`: what they covered, and the discount of inventory that was sold. Full value, without the haircut.
    function B4_underwritersLoseOnlyWhatTheyBear(uint256 before, uint256 afterwards, uint256 due) public view {
        uint256 most = Math.fullMulDivUp(1e30, due + 3, buffer.totalSupply() + 1000) + 1;
        if (afterwards + most < before) revert B4(before, afterwards);
    }

    // ---------------------------------------------------------------------------------------- what a call said

    /// @dev A bounty leaves the position before a take-over is priced, so it is taken out of `before`.
    function _noteStartsAndBounties(Vm.Log memory log, Look memory before, Dues memory dues) internal {
        bytes32 topic = log.topics[0];
        if (log.emitter == address(house)) {
            if (topic == IAuctionHouse.AuctionStarted.selector) ++count["starts"];
            else if (topic == IAuctionHouse.Absorbed.selector) ++count["take-overs"];
            else if (topic == IAuctionHouse.Bought.selector) ++count["fills"];
            else return;
            (uint256 k, uint256 i) = _marketAndOwner(log);
            _requireUnhealthy(k, i, before.positions[i].ltvWad);
        } else if (log.emitter == address(vault) && topic == IVault.Paid.selector) {
            (uint256 k, uint256 i) = _marketAndOwner(log);
            PositionLook memory p = before.positions[i];
            uint256 amount = abi.decode(log.data, (uint256));
            A8_bountiesAreBounded(k, i, amount, p, before.priceE36);
            _bountyAt[k][i] = clock;
            p.collateral -= amount;
            p.ltvWad = _ltv(p.collateral, p.debt, before.priceE36);
            if (_toAddress(log.topics[3]) == before.who) dues.caller += _value(amount, before.priceE36) + 1;
        }
    }

    function _noteSales(Vm.Log memory log, Look memory b, Look memory a, Dues memory dues) internal {
        bytes32 topic = log.topics[0];
        if (log.emitter == address(house)) {
            bool bought = topic == IAuctionHouse.Bought.selector;
            if (!bought && topic != IAuctionHouse.Absorbed.selector) return;
            Sale memory s;
            (s.k, s.i) = _marketAndOwner(log);
            (s.amount, s.cost) = abi.decode(log.data, (uint256, uint256));
            s.priceE36 = b.priceE36;
            s.before = b.positions[s.i];
            s.afterwards = a.positions[s.i];
            A1_eachSaleLowersTheLtv(s);
            A4_nothingIsSoldPastTheTarget(s);
            if (bought) {
                A2_lanesKeepTheirPace(s, b.full);
                A3_nothingIsSoldUnderItsFloor(s);
                dues.caller += Math.fullMulDivUp(_value(s.amount, s.priceE36), _discountWad(s), WAD) + 1;
            } else {
                A3_theBufferPaysTheOraclePriceLessItsDiscount(s);
            }
        } else if (log.emitter == address(buffer)) {
            if (topic == ILiquidityBuffer.InventorySold.selector) {
                uint256 k = _marketOf(log);
                uint256 amount = abi.decode(log.data, (uint256));
                B2_inventoryKeepsItsPace(k, amount);
                uint256 discountBps = buffer.inventoryParameters(_collateral(k)).maxDiscountBps;
                uint256 discount = Math.fullMulDivUp(_value(amount, b.priceE36) + 1, discountBps, BPS) + 1;
                dues.caller += discount;
                dues.underwriters += discount;
                ++count["inventory sales"];
            } else if (topic == IERC4626.Withdraw.selector) {
                B3_nobodyLeavesAheadOfALoss();
                ++count["claims"];
            }
        } else if (log.emitter == address(vault) && topic == IVault.WrittenOff.selector) {
            B3_lossesGoReservesBufferLenders(log, dues);
        }
    }

    /// @dev A position without equity has nothing to lower.
    function A1_eachSaleLowersTheLtv(Sale memory s) public view {
        if (s.before.ltvWad >= WAD || s.afterwards.debt == 0) return;
        if (s.afterwards.debt * s.before.collateral >= s.before.debt * s.afterwards.collateral) {
            revert A1(owners[s.i], s.before.ltvWad, s.afterwards.ltvWad);
        }
    }

    function A2_lanesKeepTheirPace(Sale memory s, bool full) public {
        IAuctionHouse.LaneParameters memory p = house.laneParameters(_collateral(s.k));
        uint256 rate = house.lane(_collateral(s.k)).ratePerHour;
        if (full && s.before.ltvWad >= p.absorbLtvBps * WAD_PER_BPS) rate = (rate * p.stressPaceBps) / p.paceBps;
        uint256 emission = Math.fullMulDiv(s.amount, HOUR * WAD, rate);
        uint256 longest = ((uint256(p.maxPremiumBps) + p.maxDiscountBps) * WAD_PER_BPS * WAD) / p.slopeWad;
        if (_exceedsPace(_laneSold[s.k], emission, longest)) revert A2(_collateral(s.k), emission);
    }

    function A3_nothingIsSoldUnderItsFloor(Sale memory s) public view {
        uint256 least = Math.fullMulDiv(s.amount * (WAD - _discountWad(s)), s.priceE36, 1e54);
        if (s.cost < least) revert A3(owners[s.i], s.cost, least);
    }

    function A3_theBufferPaysTheOraclePriceLessItsDiscount(Sale memory s) public view {
        uint256 most = Math.fullMulDivUp(s.amount, s.priceE36, 1e36);
        if (s.cost > most) revert A3(owners[s.i], s.cost, most);
        // what pays all of the debt is enough
        if (s.before.ltvWad >= WAD || s.cost >= s.before.debt) return;
        uint256 discount = house.laneParameters(_collateral(s.k)).absorbDiscountBps * WAD_PER_BPS;
        discount = Math.min(discount, (WAD - s.before.ltvWad) / 2);
        uint256 least = Math.fullMulDiv(s.amount * (WAD - discount), s.priceE36, 1e54);
        if (s.cost < least) revert A3(owners[s.i], s.cost, least);
    }

    /// @dev Past the target only where less than `minDebt` would be left at it; then any part of the closing may be bought.
    function A4_nothingIsSoldPastTheTarget(Sale memory s) public view {
        uint256 targetWad = house.laneParameters(_collateral(s.k)).targetLtvBps * WAD_PER_BPS;
        uint256 atTarget = Math.fullMulDiv(_value(s.afterwards.collateral, s.priceE36), targetWad, WAD);
        if (s.before.ltvWad >= WAD || atTarget < vault.market(_collateral(s.k)).minDebt) return;
        uint256 rounding = 3 + (4 * s.priceE36) / 1e54 + (2 * vault.indexE27()) / 1e27;
        if (s.afterwards.debt + rounding < atTarget) revert A4(owners[s.i], s.afterwards.debt, atTarget);
    }

    /// @dev At most 0.1 % of LTV, half of the equity, nothing without equity, once in `maxAuctionDuration`.
    function A8_bountiesAreBounded(
        uint256 k,
        uint256 i,
        uint256 amount,
        PositionLook memory p,
        uint256 priceE36
    ) public view {
        uint256 most = Math.min(
            p.collateral / 1001,
            Math.zeroFloorSub(p.collateral, Math.fullMulDiv(p.debt, 1e36, priceE36)) / 2
        );
        uint256 period = house.laneParameters(_collateral(k)).maxAuctionDuration;
        if (p.ltvWad >= WAD || (_bountyAt[k][i] != 0 && clock < _bountyAt[k][i] + period)) most = 0;
        if (amount > most) revert A8(owners[i], amount, most);
    }

    function B2_inventoryKeepsItsPace(uint256 k, uint256 amount) public {
        ILiquidityBuffer.InventoryParameters memory p = buffer.inventoryParameters(_collateral(k));
        uint256 rate = (house.lane(_collateral(k)).ratePerHour * uint256(p.paceShareBps)) / BPS;
        uint256 emission = Math.fullMulDiv(amount, HOUR * WAD, rate);
        uint256 longest = ((uint256(p.premiumBps) + p.maxDiscountBps) * WAD_PER_BPS * WAD) / p.slopeWad;
        if (_exceedsPace(_inventorySold[k], emission, longest)) revert B2(_collateral(k), emission);
    }

    /// @dev Who bears a loss only does so when those before have nothing left.
    function B3_lossesGoReservesBufferLenders(Vm.Log memory log, Dues memory dues) internal {
        (uint256 debt, , uint256 fromReserves, uint256 fromBuffer, uint256 fromLenders) = abi.decode(
            log.data,
            (uint256, uint256, uint256, uint256, uint256)
        );
        ++count["write-offs"];
        if (fromReserves + fromBuffer + fromLenders != debt) revert B3("the parts don't sum to the loss", debt);
        if (fromBuffer + fromLenders != 0 && vault.reserves() != 0) revert B3("reserves are left", vault.reserves());
        dues.underwriters += fromBuffer;
        if (fromLenders == 0) return;
        if (vault.bufferFees() != 0) revert B3("the buffer's fees are left", vault.bufferFees());
        if (buffer.cash() != 0) revert B3("the buffer's cash is left", buffer.cash());
        dues.lenders += fromLenders;
        ++count["lenders' losses"];
    }

    function B3_nobodyLeavesAheadOfALoss() public view {
        for (uint256 k; k < _markets.length; ++k) {
            uint256 auctions = house.lane(_collateral(k)).auctions;
            if (auctions != 0) revert B3("left while an auction runs", auctions);
            uint256 keptBps = BPS - buffer.inventoryParameters(_collateral(k)).emaToleranceBps;
            if (_price(k) * BPS < house.ema(_collateral(k)) * keptBps) revert B3("left under the average", _price(k));
        }
    }

    // ------------------------------------------------------------------------------------------------- helpers

    function _requireUnhealthy(uint256 k, uint256 i, uint256 ltvWad) internal view {
        if (ltvWad <= _lltvWad(k)) revert A5(owners[i], ltvWad);
    }

    function _lltvWad(uint256 k) internal view returns (uint256) {
        return uint256(vault.market(_collateral(k)).lltvBps) * WAD_PER_BPS;
    }

    /// @dev δ_i: the most that a position may be sold under the oracle price.
    function _discountWad(Sale memory s) internal view returns (uint256) {
        uint256 discount = house.laneParameters(_collateral(s.k)).maxDiscountBps * WAD_PER_BPS;
        return s.before.ltvWad >= WAD ? discount : Math.min(discount, (WAD - s.before.ltvWad) / 2);
    }

    /// @dev Notes a sale and says whether some window that ends now let out more than its length and the longest age.
    function _exceedsPace(Sold[] storage sold, uint256 emissionWad, uint256 longestWad) internal returns (bool) {
        sold.push(Sold(clock, emissionWad));
        uint256 sum;
        for (uint256 i = sold.length; i > 0; --i) {
            sum += sold[i - 1].emissionWad;
            if (sum > (clock - sold[i - 1].at) * WAD + longestWad) return true;
        }
        return false;
    }

    function _marketAndOwner(Vm.Log memory log) internal view returns (uint256 k, uint256 i) {
        k = _marketOf(log);
        while (owners[i] != _toAddress(log.topics[2])) ++i;
    }

    function _marketOf(Vm.Log memory log) internal view returns (uint256 k) {
        while (_collateral(k) != _toAddress(log.topics[1])) ++k;
    }

    function _toAddress(bytes32 topic) internal pure returns (address) {
        return address(uint160(uint256(topic)));
    }
}
