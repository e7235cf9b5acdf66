// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IERC4626 } from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import { FixedPointMathLib as Math } from "solady/src/utils/FixedPointMathLib.sol";
import { IAuctionHouse } from "../../contracts/interfaces/IAuctionHouse.sol";
import { ILiquidityBuffer } from "../../contracts/interfaces/ILiquidityBuffer.sol";
import { IVault } from "../../contracts/interfaces/IVault.sol";
import { Vm } from "../forge/ForgeTest.sol";
import { IToken, World } from "./World.sol";

/// @notice What the work of a keeper burns, as docs/protocol.md has it.
library KeeperGas {
    uint256 internal constant OPEN = 255_000;
    uint256 internal constant ABSORB = 325_000;
    uint256 internal constant ABSORB_MORE = 32_000;
    uint256 internal constant FULFIL = 370_000;
}

/// @notice INVARIANTS.md, one function and one error for each id. The first half is true of any state; the second of any call: it
/// compares what was before with what is after, by what the contracts said happened.
abstract contract Checks is World {
    /// @dev `sold` is what was bought of it or absorbed in the call.
    struct PositionLook {
        uint256 collateral;
        uint256 debt;
        uint256 ltvWad;
        uint256 riskAt;
        uint256 sold;
    }

    /// @dev The world before or after a call of `who` that has to do with market `k`. Positions by owner. The buffer's value
    /// is without haircut: `worth` at the oracle's prices, `fullWorth` with inventory at what a deposit pays for it. `holdings`:
    /// the underwriters' shares, those that wait for fulfilment included.
    struct Look {
        address who;
        uint256 k;
        uint256 lenderPrice;
        uint256 fullWorth;
        uint256 worth;
        uint256 underwriterShares;
        uint256 epoch;
        uint256[] holdings;
        uint256 wealth;
        uint256 priceE36;
        uint256 emaE36;
        uint256 ratePerHour;
        uint256 marketDebt;
        uint256 cash;
        uint256 setAside;
        uint256 inventoryCursorWad;
        bool full;
        bool open;
        PositionLook[] positions;
    }

    /// @dev What a call may have gained its caller, or its caller as an underwriter, and cost the underwriters and the lenders;
    /// `markUp` is what a deposit would have paid above the oracle's price for the inventory that it sold. And what it moved out of the buffer's reach, and how many positions the buffer absorbed at once.
    struct Dues {
        uint256 caller;
        uint256 underwriting;
        uint256 underwriters;
        uint256 markUp;
        uint256 lenders;
        uint256 fulfilled;
        uint256 claimed;
        uint256 absorbed;
    }

    /// @dev A fill or an absorption of position `i` in market `k`, whose `before` is without what the keeper was paid.
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
    error V7(string what, uint256 debt, uint256 ceiling);
    error A1(address owner, uint256 ltvBefore, uint256 ltvAfter);
    error A2(address collateral, uint256 emissionWad);
    error A3(address owner, uint256 cost, uint256 bound);
    error A4(address owner, uint256 debt, uint256 target);
    error A5(address owner, uint256 ltvWad);
    error A8(address owner, uint256 pay, uint256 most);
    error A9(string what, uint256 amount);
    error B1(string what, uint256 has, uint256 says);
    error B2(address collateral, uint256 emissionWad);
    error B3(string what, uint256 amount);
    error B4(uint256 before, uint256 afterwards);
    error B5(uint256 deposited, uint256 worth);

    mapping(string => uint256) public count;
    mapping(address token => mapping(address holder => uint256)) internal _donated;
    mapping(uint256 k => Sold[]) internal _laneSold;
    mapping(uint256 k => Sold[]) internal _inventorySold;
    /// @dev When a lane was last opened, when last opened or bought from, and when an opening was last paid for.
    mapping(uint256 k => uint256) internal _openedAt;
    mapping(uint256 k => uint256) internal _touchedAt;
    mapping(uint256 k => uint256) internal _paidAt;
    /// @dev What was last pushed as a market's lane ceiling, by what the house said of it.
    mapping(uint256 k => uint256) internal _laneCeiling;

    // --------------------------------------------------------------------------------------- true of any state

    function checkState() external {
        vm.warp(clock);
        V1_cashAndDebtsCoverWhatIsOwed();
        V2_positionsSumToTheTotals();
        V6_debtWithoutCollateralIsWrittenOff();
        A5_healthyPositionsAreNotForSale();
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

    function A5_healthyPositionsAreNotForSale() public view {
        for (uint256 k; k < _markets.length; ++k) {
            for (uint256 i; i < OWNERS; ++i) {
                IAuctionHouse.Refusal refusal = house.quote(_collateral(k), owners[i], type(uint256).max).refusal;
                if (refusal != IAuctionHouse.Refusal.None) continue;
                (, , uint256 ltvWad) = _state(k, i);
                _requireUnhealthy(k, i, ltvWad);
                if (!_isLaneOpen(k)) revert A9("for sale in a closed lane", i);
            }
        }
    }

    function B1_bufferHoldsWhatItSays() public view {
        address holder = address(buffer);
        uint256 cash = loan.balanceOf(holder) - _donated[address(loan)][holder];
        uint256 says = buffer.cash() + buffer.setAside();
        if (cash != says) revert B1("cash", cash, says);
        uint256 claims = buffer.maxWithdraw(dealer);
        for (uint256 i; i < 2; ++i) claims += buffer.maxWithdraw(underwriters[i]);
        if (claims != buffer.setAside()) revert B1("claims", claims, buffer.setAside());
        _requireSharesSum();
        for (uint256 k; k < _markets.length; ++k) {
            address token = _collateral(k);
            uint256 held = IToken(token).balanceOf(holder) - _donated[token][holder];
            says = buffer.inventory(token).amount;
            if (held != says) revert B1("inventory", held, says);
        }
    }

    /// @dev Mergers round each holder's shares down, and each request by itself: no more than a share of each is nobody's.
    function _requireSharesSum() internal view {
        uint256 held = buffer.balanceOf(address(buffer));
        uint256 waiting;
        for (uint256 j; j < 4; ++j) waiting += buffer.pendingRedeemRequest(0, _holder(j));
        if (waiting > held || waiting + 4 < held) revert B1("shares that wait", held, waiting);
        for (uint256 j; j < 4; ++j) held += buffer.balanceOf(_holder(j));
        if (held > buffer.totalSupply() || held + 5 < buffer.totalSupply()) {
            revert B1("shares", held, buffer.totalSupply());
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
        _lookAtBuffer(look);
        IVault.PositionState[] memory states;
        uint256 minDebt;
        (look.priceE36, , minDebt, states) = vault.snapshot(_collateral(k), owners);
        look.emaE36 = house.ema(_collateral(k));
        look.ratePerHour = house.ratePerHour(_collateral(k));
        look.full = _isBufferFull(k, minDebt, look.priceE36);
        look.open = _isLaneOpen(k);
        look.marketDebt = vault.market(_collateral(k)).debtShares;
        look.positions = new PositionLook[](OWNERS);
        for (uint256 i; i < OWNERS; ++i) {
            (uint256 collateral, uint256 debt) = (states[i].collateral, states[i].debt);
            uint256 ltvWad = _ltv(collateral, debt, look.priceE36);
            look.positions[i] = PositionLook(collateral, debt, ltvWad, states[i].riskAt, 0);
        }
        look.wealth = _wealth(look);
    }

    function _lookAtBuffer(Look memory look) internal view {
        (look.cash, look.setAside) = (buffer.cash(), buffer.setAside());
        look.worth = look.cash + vault.bufferFees();
        look.fullWorth = look.worth;
        for (uint256 k; k < _markets.length; ++k) {
            ILiquidityBuffer.Inventory memory held = buffer.inventory(_collateral(k));
            if (k == look.k) look.inventoryCursorWad = held.cursorWad;
            if (held.amount == 0) continue;
            uint256 priceE36 = _price(k);
            look.worth += _value(held.amount, priceE36);
            look.fullWorth += _value(held.amount, _askE36(k, priceE36, house.ema(_collateral(k))));
        }
        (look.underwriterShares, look.epoch) = (buffer.totalSupply(), buffer.epoch());
        look.holdings = new uint256[](4);
        for (uint256 j; j < 4; ++j) look.holdings[j] = _holding(_holder(j));
    }

    /// @dev What a deposit pays for inventory: the higher of price and average, and the premium at which its sale starts.
    function _askE36(uint256 k, uint256 priceE36, uint256 emaE36) internal view returns (uint256) {
        return (Math.max(priceE36, emaE36) * (BPS + buffer.inventoryParameters(_collateral(k)).premiumBps)) / BPS;
    }

    /// @dev All who ever hold the buffer's shares, but for the buffer itself.
    function _holder(uint256 j) internal view returns (address) {
        return
            j < 2
                ? underwriters[j]
                : j == 2
                    ? dealer
                    : operator;
    }

    function _holding(address who) internal view returns (uint256) {
        return buffer.balanceOf(who) + buffer.pendingRedeemRequest(0, who);
    }

    /// @dev All that `who` owns and could claim, at the oracle's price, but for other markets. A position is worth nothing at worst.
    function _wealth(Look memory look) internal view returns (uint256 wealth) {
        address who = look.who;
        wealth = loan.balanceOf(who) + _value(_markets[look.k].token.balanceOf(who), look.priceE36);
        uint256 shares = vault.balanceOf(who);
        if (shares != 0) wealth += vault.convertToAssets(shares);
        if (_isUnderwriter(who)) {
            wealth += _worthOf(look, _holding(who)) + buffer.maxWithdraw(who);
        }
        for (uint256 i; i < OWNERS; ++i) {
            if (owners[i] != who) continue;
            PositionLook memory p = look.positions[i];
            wealth += Math.zeroFloorSub(_value(p.collateral, look.priceE36), p.debt);
        }
    }

    function _isUnderwriter(address who) internal view returns (bool) {
        return who == underwriters[0] || who == underwriters[1] || who == dealer;
    }

    /// @dev Underwriters' shares at the oracle's prices, without haircut.
    function _worthOf(Look memory look, uint256 shares) internal pure returns (uint256) {
        return Math.fullMulDiv(shares, look.worth + 1, look.underwriterShares + 1000);
    }

    function _judge(Look memory before) internal {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        Look memory afterwards = _look(before.who, before.k);
        Dues memory dues;
        uint256 lastSettled;
        for (uint256 j; j < logs.length; ++j) {
            _noteLanesAndPay(logs[j], before, dues);
            if (logs[j].topics[0] == IVault.Settled.selector) lastSettled = j;
        }
        for (uint256 j; j < logs.length; ++j) {
            if (logs[j].emitter == address(house)) _noteSale(logs[j], before, afterwards, dues);
            else if (logs[j].emitter == address(buffer)) _noteBuffer(logs[j], before, dues);
            else if (logs[j].emitter == address(vault) && logs[j].topics[0] == IVault.WrittenOff.selector) {
                B3_lossesGoReservesBufferLenders(logs[j], dues, j > lastSettled);
            }
        }
        V3_lendersLoseOnlyInAWriteOff(before.lenderPrice, afterwards.lenderPrice, dues.lenders);
        V4_nobodyGainsMoreThanItsDue(
            before,
            afterwards,
            dues.caller + (_isUnderwriter(before.who) ? dues.underwriting : 0)
        );
        V5_nobodyElseLowersAPosition(before, afterwards);
        if (afterwards.marketDebt > before.marketDebt) V7_debtGrowsUnderBothCeilings(before.k);
        A8_nothingLeavesButWhatIsSoldAndPaid(before, afterwards);
        B3_whatIsSetAsideIsOnlyClaimed(before, afterwards, dues);
        B4_underwritersLoseOnlyWhatTheyBear(before, afterwards, dues.underwriters, dues.markUp);
        if (afterwards.epoch != before.epoch) B5_aMergerChangesNobodysPart(before, afterwards);
    }

    function V3_lendersLoseOnlyInAWriteOff(uint256 before, uint256 afterwards, uint256 lost) public pure {
        if (afterwards < before && lost == 0) revert V3(before, afterwards);
    }

    /// @dev At the prices of one moment no call makes value for its caller but pay and discount, so no sequence does.
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

    /// @dev By what leaves at the oracle's price and by what enters at the full value, and so by any value between. A merger of
    /// shares is a change of unit.
    /// @param due What they covered, and the discount of inventory that was sold.
    /// @param markUp What its full value was above its value at the oracle's price.
    function B4_underwritersLoseOnlyWhatTheyBear(
        Look memory before,
        Look memory afterwards,
        uint256 due,
        uint256 markUp
    ) public pure {
        uint256 unit = 1e30 * 1e6 ** (afterwards.epoch - before.epoch);
        _requirePriceKept(before, afterwards, unit, [before.worth, afterwards.worth], due);
        _requirePriceKept(before, afterwards, unit, [before.fullWorth, afterwards.fullWorth], due + markUp);
    }

    /// @dev Of a whole lot of shares, so that a fall of the least part of a unit is seen.
    function _requirePriceKept(
        Look memory b,
        Look memory a,
        uint256 unit,
        uint256[2] memory worths,
        uint256 due
    ) internal pure {
        uint256 before = Math.fullMulDiv(worths[0] + 1, unit, b.underwriterShares + 1000);
        uint256 afterwards = Math.fullMulDiv(worths[1] + 1, 1e30, a.underwriterShares + 1000);
        uint256 most = Math.fullMulDivUp(1e30, due + 3, a.underwriterShares + 1000) + 1;
        // merged shares are so few that the thousand which are nobody's come to be worth something: up to a unit
        if (unit != 1e30) most += 1e30 / (b.underwriterShares / (unit / 1e30) + 1000) + 1;
        if (afterwards + most < before) revert B4(before, afterwards);
    }

    /// @dev By governance's ceiling, and by what the lane clears in `clearHours` at the rate and price last pushed.
    function V7_debtGrowsUnderBothCeilings(uint256 k) public view {
        IVault.Market memory m = vault.market(_collateral(k));
        uint256 debt = Math.fullMulDivUp(m.debtShares, vault.indexE27(), 1e27);
        if (debt > m.debtCeiling) revert V7("governance's", debt, m.debtCeiling);
        if (debt > _laneCeiling[k]) revert V7("the lane's", debt, _laneCeiling[k]);
    }

    // ---------------------------------------------------------------------------------------- what a call said

    /// @dev Pay leaves the position before it is sold or absorbed, so it is taken out of `before`.
    function _noteLanesAndPay(Vm.Log memory log, Look memory before, Dues memory dues) internal {
        bytes32 topic = log.topics[0];
        if (log.emitter == address(buffer) && topic == ILiquidityBuffer.InventoryAbsorbed.selector) dues.absorbed = 0;
        if (log.emitter != address(house)) return;
        if (topic == IAuctionHouse.Synced.selector) {
            (, uint256 rate) = abi.decode(log.data, (uint256, uint256));
            _noteCeiling(_marketOf(log), rate);
        } else if (topic == IAuctionHouse.LaneOpened.selector) {
            (uint256 k, uint256 i) = _marketAndOwner(log);
            (, , , uint256 pay) = abi.decode(log.data, (uint256, uint256, uint256, uint256));
            _requireForSale(k, i, before.positions[i]);
            A8_payIsBounded(k, i, pay, KeeperGas.OPEN, before.priceE36, before.positions[i]);
            A9_onlyAClosedLaneOpens(k, before.open);
            if (pay != 0) {
                A8_openIsPaidOnceAnInterval(k, pay);
                _paidAt[k] = clock;
                ++count["paid openings"];
            }
            (_openedAt[k], _touchedAt[k]) = (clock, clock);
            _takePay(before, i, pay, dues);
            ++count["openings"];
        } else if (topic == IAuctionHouse.Absorbed.selector) {
            (uint256 k, uint256 i) = _marketAndOwner(log);
            _noteAbsorption(log, k, i, before, dues);
        } else if (topic == IAuctionHouse.Bought.selector) {
            (uint256 k, uint256 i) = _marketAndOwner(log);
            _requireForSale(k, i, before.positions[i]);
            ++count["fills"];
        }
    }

    function _noteCeiling(uint256 k, uint256 rate) internal {
        uint256 clearHours = house.laneParameters(_collateral(k)).clearHours;
        _laneCeiling[k] = Math.fullMulDiv(rate * clearHours, _price(k), 1e36);
    }

    function _noteAbsorption(Vm.Log memory log, uint256 k, uint256 i, Look memory before, Dues memory dues) internal {
        (uint256 amount, , uint256 priceE36, , uint256 pay) = abi.decode(
            log.data,
            (uint256, uint256, uint256, uint256, uint256)
        );
        PositionLook memory p = before.positions[i];
        _requireForSale(k, i, p);
        if (p.ltvWad < house.laneParameters(_collateral(k)).absorbLtvBps * WAD_PER_BPS) revert A5(owners[i], p.ltvWad);
        uint256 gasUnits = dues.absorbed++ == 0 ? KeeperGas.ABSORB : KeeperGas.ABSORB_MORE;
        A8_payIsBounded(k, i, pay, gasUnits, priceE36, p);
        A8_aPartIsPaidForItsPart(k, i, pay, amount, gasUnits, priceE36, p);
        A3_theLowerPriceIsForDoubt(k, i, priceE36, before);
        _takePay(before, i, pay, dues);
        if (priceE36 < before.priceE36) ++count["doubtful absorptions"];
        if (owners[i] == before.who) ++count["self-absorptions"];
        if (pay != 0) ++count["paid absorptions"];
        ++count["absorptions"];
    }

    function _takePay(Look memory before, uint256 i, uint256 pay, Dues memory dues) internal pure {
        if (pay == 0) return;
        PositionLook memory p = before.positions[i];
        p.collateral -= pay;
        p.ltvWad = _ltv(p.collateral, p.debt, before.priceE36);
        dues.caller += _value(pay, before.priceE36) + 1;
    }

    function _noteSale(Vm.Log memory log, Look memory b, Look memory a, Dues memory dues) internal {
        bool bought = log.topics[0] == IAuctionHouse.Bought.selector;
        if (!bought && log.topics[0] != IAuctionHouse.Absorbed.selector) return;
        Sale memory s;
        (s.k, s.i) = _marketAndOwner(log);
        uint256 third;
        (s.amount, s.cost, third) = abi.decode(log.data, (uint256, uint256, uint256));
        s.priceE36 = bought ? b.priceE36 : third;
        (s.before, s.afterwards) = (b.positions[s.i], a.positions[s.i]);
        s.before.sold += s.amount;
        A1_eachSaleLowersTheLtv(s);
        if (bought) {
            A2_lanesKeepTheirPace(s, b.ratePerHour);
            A3_nothingIsSoldUnderItsFloor(s);
            A4_nothingIsSoldPastTheTarget(s);
            A9_aClosedLaneSellsNothing(s);
            B3_theBufferComesBeforeBuyersOfTheInsolvent(s, b.full);
            _touchedAt[s.k] = clock;
            dues.caller += Math.fullMulDivUp(_value(s.amount, s.priceE36), _discountWad(s), WAD) + 1;
            // the fee is the buffer's
            dues.underwriting += s.cost - third;
        } else {
            dues.underwriting += Math.zeroFloorSub(_value(s.amount, b.priceE36), s.cost) + 1;
            s.before.ltvWad = _ltv(s.before.collateral, s.before.debt, s.priceE36);
            A3_theBufferPaysTheOraclePriceLessItsDiscount(s);
            A4_nothingIsSoldPastTheTarget(s);
        }
    }

    function _noteBuffer(Vm.Log memory log, Look memory b, Dues memory dues) internal {
        bytes32 topic = log.topics[0];
        if (topic == ILiquidityBuffer.InventorySold.selector) {
            uint256 k = _marketOf(log);
            (uint256 amount, uint256 cost) = abi.decode(log.data, (uint256, uint256));
            B2_inventoryKeepsItsPace(k, amount);
            B2_inventoryIsSoldInBites(k, b.inventoryCursorWad);
            uint256 discountBps = buffer.inventoryParameters(_collateral(k)).maxDiscountBps;
            uint256 discount = Math.fullMulDivUp(_value(amount, b.priceE36) + 1, discountBps, BPS) + 1;
            if (cost + discount < _value(amount, b.priceE36)) revert B4(_value(amount, b.priceE36), cost);
            dues.caller += discount;
            dues.underwriters += discount + 1;
            dues.markUp += _value(amount, _askE36(k, b.priceE36, b.emaE36) - b.priceE36) + 1;
            ++count["inventory sales"];
        } else if (topic == ILiquidityBuffer.RedeemFulfilled.selector) {
            (uint256 shares, uint256 assets, uint256 pay) = abi.decode(log.data, (uint256, uint256, uint256));
            B3_nobodyLeavesAheadOfALoss();
            A8_payOfARedemptionIsBounded(_toAddress(log.topics[1]), assets, pay);
            dues.fulfilled += assets;
            dues.caller += pay;
            dues.underwriting += Math.zeroFloorSub(_worthOf(b, shares), assets + pay);
            ++count["fulfilments"];
        } else if (topic == IERC4626.Withdraw.selector) {
            (uint256 assets, ) = abi.decode(log.data, (uint256, uint256));
            dues.claimed += assets;
            ++count["claims"];
        } else if (topic == ILiquidityBuffer.WipedOut.selector) {
            ++count["epochs"];
        }
    }

    /// @dev A position without equity has nothing to lower.
    function A1_eachSaleLowersTheLtv(Sale memory s) public view {
        if (s.before.ltvWad >= WAD || s.afterwards.debt == 0) return;
        if (s.afterwards.debt * s.before.collateral >= s.before.debt * s.afterwards.collateral) {
            revert A1(owners[s.i], s.before.ltvWad, s.afterwards.ltvWad);
        }
    }

    /// @dev Each sale as seconds of emission at its position's own pace, which is at most r·(1 + u).
    /// @param rate r as of the call, refreshed where that is due.
    function A2_lanesKeepTheirPace(Sale memory s, uint256 rate) public {
        uint256 urgency = house.laneParameters(_collateral(s.k)).urgency;
        uint256 ltvWad = s.before.ltvWad;
        uint256 urgentWad = ltvWad > WAD ? WAD ** 2 / ltvWad : ltvWad;
        uint256 xWad = (Math.zeroFloorSub(urgentWad, _lltvWad(s.k)) * WAD) / (WAD - _lltvWad(s.k));
        uint256 pace = Math.fullMulDiv(rate, WAD + (urgency * xWad * xWad) / WAD, WAD);
        uint256 emission = Math.fullMulDiv(s.amount, HOUR * WAD, pace);
        if (_exceedsPace(_laneSold[s.k], emission, _longestAgeWad(s.k))) revert A2(_collateral(s.k), emission);
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

    /// @dev The buffer pays by another price than the oracle's only in doubt, by the borrow oracle's, and never so that equity
    /// is written off by it.
    function A3_theLowerPriceIsForDoubt(uint256 k, uint256 i, uint256 priceE36, Look memory before) public view {
        bool diverged = house.lane(_collateral(k)).diverged;
        uint256 lower = before.priceE36;
        if (diverged) {
            try _markets[k].second.price() returns (uint256 otherE36) {
                lower = Math.min(lower, otherE36);
            } catch {} // solhint-disable-line no-empty-blocks
        }
        if (priceE36 != lower) revert A3(owners[i], priceE36, lower);
        PositionLook memory p = before.positions[i];
        if (p.ltvWad < WAD && _ltv(p.collateral, p.debt, priceE36) >= WAD) revert A3(owners[i], priceE36, p.ltvWad);
    }

    /// @dev Past the target only where less than `minDebt` would be left at it; then any part of the closing may be bought.
    function A4_nothingIsSoldPastTheTarget(Sale memory s) public view {
        uint256 targetWad = house.laneParameters(_collateral(s.k)).targetLtvBps * WAD_PER_BPS;
        uint256 atTarget = Math.fullMulDiv(_value(s.afterwards.collateral, s.priceE36), targetWad, WAD);
        if (s.before.ltvWad >= WAD || atTarget < vault.market(_collateral(s.k)).minDebt) return;
        uint256 rounding = 3 + (4 * s.priceE36) / 1e54 + (2 * vault.indexE27()) / 1e27;
        if (s.afterwards.debt + rounding < atTarget) revert A4(owners[s.i], s.afterwards.debt, atTarget);
    }

    /// @dev gasUnits · (min(base fee, feeCap) + tip) · (1 + margin), in collateral, within the cap and half of the equity.
    function A8_payIsBounded(
        uint256 k,
        uint256 i,
        uint256 pay,
        uint256 gasUnits,
        uint256 priceE36,
        PositionLook memory p
    ) public view {
        uint256 most = _mostPay(k, gasUnits, priceE36, p);
        if (pay > most) revert A8(owners[i], pay, most);
    }

    /// @dev A part of what brings the position to its target, or of all of it, is paid for its part.
    function A8_aPartIsPaidForItsPart(
        uint256 k,
        uint256 i,
        uint256 pay,
        uint256 amount,
        uint256 gasUnits,
        uint256 priceE36,
        PositionLook memory p
    ) public view {
        uint256 full = _mostPay(k, gasUnits, priceE36, p);
        uint256 whole = p.collateral - full;
        if (_ltv(p.collateral, p.debt, priceE36) < WAD) {
            // without pay and discount, which make it more
            uint256 targetWad = house.laneParameters(_collateral(k)).targetLtvBps * WAD_PER_BPS;
            uint256 atTarget = Math.fullMulDivUp(_value(p.collateral, priceE36) + 1, targetWad, WAD);
            uint256 gap = Math.fullMulDiv(Math.zeroFloorSub(p.debt, atTarget), WAD, WAD - targetWad);
            whole = Math.fullMulDiv(gap, 1e36, priceE36);
        }
        // a billionth for roundings
        whole = Math.zeroFloorSub(whole, whole / 1e9 + 1);
        if (amount >= whole) return;
        uint256 most = Math.fullMulDivUp(full, amount, whole);
        if (pay > most) revert A8(owners[i], pay, most);
    }

    function _mostPay(
        uint256 k,
        uint256 gasUnits,
        uint256 priceE36,
        PositionLook memory p
    ) internal view returns (uint256 most) {
        IAuctionHouse.PayParameters memory pay = house.payParameters();
        most = _payInWei(pay, gasUnits);
        if (_collateral(k) != pay.wrappedNative) most = Math.fullMulDiv(most, _nativePrice(pay), priceE36);
        most = Math.min(most, (p.collateral * pay.capBps) / BPS);
        uint256 owed = Math.fullMulDivUp(p.debt, 1e36, priceE36);
        if (owed < p.collateral) most = Math.min(most, (p.collateral - owed) / 2);
    }

    function _payInWei(IAuctionHouse.PayParameters memory pay, uint256 gasUnits) internal view returns (uint256) {
        return (gasUnits * (Math.min(baseFee, pay.feeCap) + pay.tip) * (BPS + pay.marginBps)) / BPS;
    }

    function _nativePrice(IAuctionHouse.PayParameters memory pay) internal view returns (uint256) {
        return address(pay.nativeOracle) == address(0) || native.broken() ? 0 : native.price();
    }

    function A8_openIsPaidOnceAnInterval(uint256 k, uint256 pay) public view {
        uint256 interval = house.payParameters().interval;
        if (_paidAt[k] != 0 && clock < _paidAt[k] + interval) revert A8(_collateral(k), pay, 0);
    }

    /// @dev `assets` is what was set aside for the controller, pay taken off.
    function A8_payOfARedemptionIsBounded(address controller, uint256 assets, uint256 pay) public view {
        IAuctionHouse.PayParameters memory parameters = house.payParameters();
        uint256 most = Math.fullMulDiv(_payInWei(parameters, KeeperGas.FULFIL), _nativePrice(parameters), 1e36);
        most = Math.min(most, ((assets + pay) * parameters.capBps) / BPS);
        if (pay > most) revert A8(controller, pay, most);
    }

    /// @dev What was paid was taken out of `before` already, so anything else would be pay that nobody spoke of.
    function A8_nothingLeavesButWhatIsSoldAndPaid(Look memory before, Look memory afterwards) public view {
        for (uint256 i; i < OWNERS; ++i) {
            PositionLook memory b = before.positions[i];
            if (b.sold == 0) continue;
            if (b.collateral - b.sold != afterwards.positions[i].collateral) {
                revert A8(owners[i], b.collateral - b.sold, afterwards.positions[i].collateral);
            }
        }
    }

    /// @dev Or the head of a lane that sells could be put back to its premium.
    function A9_onlyAClosedLaneOpens(uint256 k, bool open) public view {
        if (open) revert A9("an open lane was opened", k);
        uint256 available = house.lane(_collateral(k)).cursorWad;
        if (available < clock * WAD) revert A9("opened with emission unsold", available);
    }

    /// @dev The multiple has fallen from at least 1 + π_min for no longer than since the lane was opened.
    function A9_aClosedLaneSellsNothing(Sale memory s) public view {
        IAuctionHouse.LaneParameters memory p = house.laneParameters(_collateral(s.k));
        uint256 closesWad = (_touchedAt[s.k] + p.idleTime) * WAD + _longestAgeWad(s.k);
        if (_openedAt[s.k] == 0 || clock * WAD > closesWad) revert A9("sold by a closed lane", s.amount);
        uint256 startWad = WAD + p.minPremiumBps * WAD_PER_BPS;
        uint256 multipleWad = Math.zeroFloorSub(startWad, p.slopeWad * (clock - _openedAt[s.k]));
        uint256 least = Math.fullMulDiv(s.amount * multipleWad, s.priceE36, 1e54);
        if (s.cost < least) revert A9("sold under the premium less the time since", s.cost);
    }

    function B2_inventoryKeepsItsPace(uint256 k, uint256 amount) public {
        ILiquidityBuffer.InventoryParameters memory p = buffer.inventoryParameters(_collateral(k));
        uint256 rate = (house.lane(_collateral(k)).ratePerHour * uint256(p.paceShareBps)) / BPS;
        uint256 emission = Math.fullMulDiv(amount, HOUR * WAD, rate);
        uint256 longest = ((uint256(p.premiumBps) + p.maxDiscountBps) * WAD_PER_BPS * WAD) / p.slopeWad;
        longest += p.biteTime * WAD;
        if (_exceedsPace(_inventorySold[k], emission, longest)) revert B2(_collateral(k), emission);
    }

    function B2_inventoryIsSoldInBites(uint256 k, uint256 cursorWad) public view {
        uint256 bite = buffer.inventoryParameters(_collateral(k)).biteTime;
        if (clock * WAD < cursorWad + bite * WAD) revert B2(_collateral(k), clock * WAD - cursorWad);
    }

    /// @dev Without equity the buffer pays the lenders more than a buyer would.
    function B3_theBufferComesBeforeBuyersOfTheInsolvent(Sale memory s, bool full) public pure {
        if (s.before.ltvWad >= WAD && !full) revert B3("the insolvent sold past the buffer", s.amount);
    }

    /// @dev Neither a loss nor a sale nor anybody else touches what was set aside, and claims touch nothing else.
    function B3_whatIsSetAsideIsOnlyClaimed(Look memory b, Look memory a, Dues memory dues) public pure {
        if (a.setAside + dues.claimed != b.setAside + dues.fulfilled) revert B3("what was set aside moved", a.setAside);
        if (dues.claimed != 0 && a.cash != b.cash) revert B3("a claim took the others' cash", a.cash);
    }

    /// @dev Who bears a loss only does so when those before have nothing left.
    /// @param last Whether nothing was settled after it in its call, which would bring in fees.
    function B3_lossesGoReservesBufferLenders(Vm.Log memory log, Dues memory dues, bool last) internal {
        (uint256 debt, , uint256 fromReserves, uint256 fromBuffer, uint256 fromLenders) = abi.decode(
            log.data,
            (uint256, uint256, uint256, uint256, uint256)
        );
        ++count["write-offs"];
        if (fromReserves + fromBuffer + fromLenders != debt) revert B3("the parts don't sum to the loss", debt);
        if (fromBuffer + fromLenders != 0 && vault.reserves() != 0) revert B3("reserves are left", vault.reserves());
        dues.underwriters += fromBuffer;
        dues.lenders += fromLenders;
        if (fromLenders != 0) ++count["lenders' losses"];
        if (fromLenders == 0 || !last) return;
        if (vault.bufferFees() != 0) revert B3("the buffer's fees are left", vault.bufferFees());
        if (buffer.cash() != 0) revert B3("the buffer's cash is left", buffer.cash());
    }

    /// @dev No lane is open, every price was seen within the hour and for the half hour before, was not in doubt, and stands no
    /// more than 0.1 % under its average.
    function B3_nobodyLeavesAheadOfALoss() public view {
        for (uint256 k; k < _markets.length; ++k) {
            IAuctionHouse.Lane memory lane = house.lane(_collateral(k));
            if (_isLaneOpen(k)) revert B3("left while a lane is open", k);
            if (clock > lane.observedAt + 1 hours) revert B3("left at a price that nobody watched", lane.observedAt);
            if (clock < lane.watchedSince + 30 minutes) revert B3("left too soon after", lane.watchedSince);
            if (lane.diverged) revert B3("left at a price in doubt", k);
            if (_price(k) * BPS < house.ema(_collateral(k)) * 9990) revert B3("left under the average", _price(k));
        }
    }

    /// @dev Up to a share's worth, whatever losses came before.
    function B5_aDepositKeepsItsValue(uint256 assets, uint256 shares, Look memory afterwards) public pure {
        uint256 worth = _fullWorthOf(afterwards, shares);
        uint256 share = (afterwards.fullWorth + 1) / (afterwards.underwriterShares + 1000);
        if (worth + share + 2 < assets) revert B5(assets, worth);
    }

    /// @dev To the unit and three more: shares are merged so that one is worth less than a thousandth of a unit, and each
    /// holder's are rounded down. Whoever gives at that moment has at least what it had.
    function B5_aMergerChangesNobodysPart(Look memory before, Look memory afterwards) public view {
        for (uint256 j; j < before.holdings.length; ++j) {
            uint256 had = _fullWorthOf(before, before.holdings[j]);
            uint256 has = _fullWorthOf(afterwards, afterwards.holdings[j]);
            if (has + 3 < had) revert B5(had, has);
            if (has > had + 3 && _holder(j) != before.who) revert B5(had, has);
        }
    }

    // ------------------------------------------------------------------------------------------------- helpers

    function _fullWorthOf(Look memory look, uint256 shares) internal pure returns (uint256) {
        return Math.fullMulDiv(shares, look.fullWorth + 1, look.underwriterShares + 1000);
    }

    /// @dev A5: only an unhealthy position that took no risk in this block.
    function _requireForSale(uint256 k, uint256 i, PositionLook memory p) internal view {
        _requireUnhealthy(k, i, p.ltvWad);
        if (p.riskAt == clock) revert A5(owners[i], p.ltvWad);
    }

    function _requireUnhealthy(uint256 k, uint256 i, uint256 ltvWad) internal view {
        if (ltvWad <= _lltvWad(k)) revert A5(owners[i], ltvWad);
    }

    /// @dev δ_i: the most that a position may be sold under the oracle price.
    function _discountWad(Sale memory s) internal view returns (uint256 discount) {
        IAuctionHouse.LaneParameters memory p = house.laneParameters(_collateral(s.k));
        discount = p.maxDiscountBps * WAD_PER_BPS;
        if (s.before.ltvWad >= WAD) return discount;
        discount = Math.min(discount, p.firstDiscountBps * WAD_PER_BPS + s.before.ltvWad - _lltvWad(s.k));
        return Math.min(discount, (WAD - s.before.ltvWad) / 2);
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
