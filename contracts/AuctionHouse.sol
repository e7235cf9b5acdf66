// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { AccessManaged } from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import { Multicall } from "@openzeppelin/contracts/utils/Multicall.sol";
import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { SafeCast } from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import { FixedPointMathLib as Math } from "solady/src/utils/FixedPointMathLib.sol";
import { IAuctionHouse } from "./interfaces/IAuctionHouse.sol";
import { IDepthOracle } from "./interfaces/IDepthOracle.sol";
import { ILiquidityBuffer } from "./interfaces/ILiquidityBuffer.sol";
import { IOracle } from "./interfaces/IOracle.sol";
import { IVault } from "./interfaces/IVault.sol";
import { FillSize } from "./libraries/FillSize.sol";
import { GradualAuction } from "./libraries/GradualAuction.sol";
import { KeeperPay } from "./libraries/KeeperPay.sol";
import { LaneSettings } from "./libraries/LaneSettings.sol";
import { PositionMath } from "./libraries/PositionMath.sol";
import { PRICE_SCALE, PRICE_WAD_SCALE, WAD, WAD_PER_BPS } from "./libraries/Units.sol";

/// @title AuctionHouse
/// @notice What each function does, its units, roundings and errors: IAuctionHouse.
contract AuctionHouse is IAuctionHouse, AccessManaged, Multicall, ReentrancyGuardTransient {
    using FillSize for GradualAuction.Head;
    using GradualAuction for GradualAuction.Head;
    using PositionMath for uint256;
    using SafeCast for uint256;

    /// @dev ln 2, Wad.
    uint256 internal constant LN2_WAD = 0.693147180559945309e18;

    /// @dev A rate older than this is refreshed by whatever touches the lane, seconds.
    uint256 internal constant SYNC_INTERVAL = 30 minutes;

    /// @dev A price that has not changed is observed again, and the guard asked, after so many seconds.
    uint256 internal constant OBSERVE_INTERVAL = 5 minutes;

    /// @dev A price that was not seen for longer may have been anywhere meanwhile, seconds.
    uint256 internal constant WATCH_GAP = 1 hours;

    /// @dev What a call knows of a market, each read once and brought up to now.
    struct Reading {
        address collateral;
        uint256 priceE36;
        uint256 lltvWad;
        uint256 minDebt;
        uint256 emaE36;
        bool diverged;
        bool observed;
        bool refreshed;
        uint256 depth;
        uint256 ratePerHour;
        uint256 cursorWad;
        uint256 laneAgeWad;
        uint256 premiumWad;
        bool isOpen;
        BufferState buffer;
    }

    /// @dev At what a position is sold; `bound` when its equity bounds the discount, `whole` when all that it has to sell is.
    struct Terms {
        uint256 discountWad;
        uint256 feeWad;
        uint256 ratePerHour;
        bool bound;
        bool whole;
    }

    /// @dev What came of a call's orders; `refusal` is that of the last one that could not be filled.
    struct Filled {
        IVault.Fill[] fills;
        uint256 bought;
        uint256 cost;
        uint256 fee;
        Refusal refusal;
    }

    /// @dev What came of a call to absorb, and what the buffer can still take.
    struct Absorption {
        IVault.Fill[] fills;
        uint256 count;
        uint256 taken;
        uint256 cost;
        uint256 cash;
        uint256 room;
        uint256 priceE36;
        AbsorbRefusal refusal;
    }

    enum BufferState {
        Unknown,
        HasRoom,
        Full
    }

    // ------------------------------------------------------------------------------------------------ storage

    IVault public immutable override vault;

    PayParameters internal _pay;
    mapping(address collateral => LaneParameters) internal _parameters;
    mapping(address collateral => Lane) internal _lane;
    mapping(address collateral => mapping(address owner => Ratchet)) internal _ratchet;

    /// @dev Whether this transaction has absorbed a position and is paid for it.
    bool internal transient _absorbed;

    constructor(IVault vault_, address authority_) AccessManaged(authority_) {
        if (address(vault_) == address(0) || authority_ == address(0)) revert ZeroAddress();
        vault = vault_;
    }

    // ------------------------------------------------------------------------------------------------ keepers

    /// @inheritdoc IAuctionHouse
    function open(
        address collateral,
        address owner,
        address receiver
    ) external override nonReentrant returns (uint256 pay) {
        if (receiver == address(0)) revert ZeroAddress();
        address[] memory owners = new address[](1);
        owners[0] = owner;
        (Reading memory r, IVault.PositionState[] memory states) = _read(collateral, owners, false);
        // an open lane can't be set back to its premium
        if (r.isOpen) revert LaneIsOpen(collateral);
        uint256 ltvWad = states[0].collateral.ltvWadUp(states[0].debt, r.priceE36);
        // A5: only an unhealthy position is a witness
        if (ltvWad <= r.lltvWad) revert PositionHealthy(owner, ltvWad);
        // a position can't be enlarged and liquidated in one block, by whatever price
        if (states[0].riskAt == block.timestamp) revert EnlargedInThisBlock(owner);

        Lane storage lane_ = _lane[collateral];
        r.cursorWad = block.timestamp * WAD;
        // once an interval: a lane that closes and opens again is no income
        if (block.timestamp >= uint256(lane_.paidAt) + _pay.interval) {
            pay = _payFor(KeeperPay.OPEN_GAS, collateral, r.priceE36, states[0].collateral, states[0].debt);
            if (pay != 0) lane_.paidAt = uint40(block.timestamp);
        }
        _note(r);
        emit LaneOpened(collateral, owner, msg.sender, r.priceE36, ltvWad, r.premiumWad, pay);

        if (pay != 0) vault.pay(collateral, owner, pay, receiver);
    }

    /// @inheritdoc IAuctionHouse
    function buy(
        address collateral,
        address owner,
        uint256 maxCollateral,
        uint256 maxCost,
        address receiver,
        bytes calldata data
    ) external override nonReentrant returns (uint256 bought, uint256 cost) {
        Order[] memory orders = new Order[](1);
        orders[0] = Order(owner, maxCollateral);
        Filled memory filled = _buy(collateral, orders, maxCost, receiver, data);
        if (filled.refusal != Refusal.None) revert NotBuyable(owner, filled.refusal);
        return (filled.bought, filled.cost);
    }

    /// @inheritdoc IAuctionHouse
    function buyMany(
        address collateral,
        Order[] calldata orders,
        uint256 maxCost,
        address receiver,
        bytes calldata data
    ) external override nonReentrant returns (uint256 bought, uint256 cost) {
        Filled memory filled = _buy(collateral, orders, maxCost, receiver, data);
        if (filled.bought == 0) revert NothingBought();
        return (filled.bought, filled.cost);
    }

    /// @inheritdoc IAuctionHouse
    function absorb(
        address collateral,
        address owner,
        address receiver
    ) external override nonReentrant returns (uint256 taken, uint256 cost) {
        address[] memory owners = new address[](1);
        owners[0] = owner;
        Absorption memory a = _absorb(collateral, owners, receiver);
        if (a.count == 0) revert NotAbsorbable(owner, a.refusal);
        return (a.taken, a.cost);
    }

    /// @inheritdoc IAuctionHouse
    function absorbMany(
        address collateral,
        address[] calldata owners,
        address receiver
    ) external override nonReentrant returns (uint256 taken, uint256 cost) {
        Absorption memory a = _absorb(collateral, owners, receiver);
        if (a.count == 0) revert NothingAbsorbed();
        return (a.taken, a.cost);
    }

    /// @inheritdoc IAuctionHouse
    function sync(address collateral) external override nonReentrant returns (uint256) {
        (Reading memory r, ) = _read(collateral, new address[](0), true);
        r.depth = _parameters[collateral].depthOracle.depth();
        (r.ratePerHour, r.refreshed) = _refreshedRate(_lane[collateral], _parameters[collateral], r.depth);
        _note(r);
        return r.ratePerHour;
    }

    /// @inheritdoc IAuctionHouse
    function observe(address collateral) external override nonReentrant returns (uint256) {
        (Reading memory r, ) = _read(collateral, new address[](0), true);
        _note(r);
        return r.emaE36;
    }

    // --------------------------------------------------------------------------------------------- governance

    /// @inheritdoc IAuctionHouse
    function setLane(address collateral, LaneParameters calldata parameters) external override restricted {
        (uint256 priceE36, uint256 lltvBps, , ) = vault.snapshot(collateral, new address[](0));
        Lane storage lane_ = _lane[collateral];
        if (lane_.ratePerHour == 0) {
            lane_.emaE36 = priceE36.toUint216();
            lane_.observedAt = lane_.watchedSince = uint40(block.timestamp);
        } else {
            // the average up to now is by the old period
            lane_.emaE36 = uint216(_ema(lane_, _parameters[collateral].emaPeriod));
        }
        _see(lane_, priceE36);
        LaneSettings.setLane(_parameters, collateral, parameters, lltvBps);
        // a guard that doesn't answer would stop every open
        lane_.diverged = _asksGuard(_parameters[collateral]);
        uint256 depth = parameters.depthOracle.depth();
        _setRate(collateral, priceE36, depth, _boundedRate(_parameters[collateral], depth));
    }

    /// @inheritdoc IAuctionHouse
    function setPay(PayParameters calldata parameters) external override restricted {
        LaneSettings.setPay(_pay, parameters);
    }

    // ----------------------------------------------------------------------------------------------- internal

    function _buy(
        address collateral,
        Order[] memory orders,
        uint256 maxCost,
        address receiver,
        bytes calldata data
    ) internal returns (Filled memory filled) {
        if (receiver == address(0)) revert ZeroAddress();
        vault.accrueInterest();
        address[] memory owners = new address[](orders.length);
        for (uint256 i; i < orders.length; ++i) owners[i] = orders[i].owner;
        _requireDistinct(owners);
        (Reading memory r, IVault.PositionState[] memory states) = _read(collateral, owners, false);
        filled = _fillAll(r, orders, states);
        if (filled.bought == 0) return filled;
        // the buyer's bound on a price that moved since it looked
        if (filled.cost > maxCost) revert CostTooHigh(filled.cost, maxCost);
        r.cursorWad = block.timestamp * WAD - r.laneAgeWad;
        _note(r);

        uint256[] memory debts = vault.settle(
            collateral,
            filled.fills,
            filled.fee,
            msg.sender,
            receiver,
            address(0),
            data
        );
        for (uint256 i; i < debts.length; ++i) {
            _requireNotToxic(r.priceE36, filled.fills[i], states[i], debts[i]);
        }
    }

    /// @dev Books every order that can be filled. `states` come back in step with the fills.
    function _fillAll(
        Reading memory r,
        Order[] memory orders,
        IVault.PositionState[] memory states
    ) internal returns (Filled memory filled) {
        IVault.Fill[] memory fills = new IVault.Fill[](orders.length);
        uint256 count;
        for (uint256 i; i < orders.length; ++i) {
            Quote memory q = _fill(r, orders[i], states[i]);
            if (q.refusal != Refusal.None) {
                filled.refusal = q.refusal;
                continue;
            }
            filled.bought += q.collateral;
            filled.cost += q.cost;
            filled.fee += q.cost - q.repaid;
            states[count] = states[i];
            fills[count++] = IVault.Fill(orders[i].owner, q.collateral, q.repaid, 0);
        }
        filled.fills = _cut(fills, count);
    }

    /// @dev Prices one order and books it in the lane, but settles nothing.
    function _fill(
        Reading memory r,
        Order memory order,
        IVault.PositionState memory state
    ) internal returns (Quote memory q) {
        Terms memory t;
        (q, t) = _quote(r, order, state);
        if (q.refusal != Refusal.None) return q;

        r.laneAgeWad = block.timestamp * WAD - GradualAuction.advance(r.laneAgeWad, t.ratePerHour, q.collateral);
        if (t.bound && !t.whole) {
            _ratchet[r.collateral][order.owner] = Ratchet(uint64(t.discountWad), uint40(block.timestamp));
            _lane[r.collateral].boundAt = uint24(block.timestamp);
        }
        emit Bought(r.collateral, order.owner, msg.sender, q.collateral, q.cost, q.repaid, q.priceE36, q.multipleWad);
    }

    function _absorb(
        address collateral,
        address[] memory owners,
        address receiver
    ) internal returns (Absorption memory a) {
        if (receiver == address(0)) revert ZeroAddress();
        _requireDistinct(owners);
        vault.accrueInterest();
        (Reading memory r, IVault.PositionState[] memory states) = _read(collateral, owners, false);
        ILiquidityBuffer buffer = ILiquidityBuffer(vault.buffer());
        (a.cash, a.room) = buffer.capacity(collateral);
        a.priceE36 = r.diverged ? _lowerPrice(collateral, r.priceE36) : r.priceE36;
        a.fills = new IVault.Fill[](owners.length);
        for (uint256 i; i < owners.length; ++i) {
            AbsorbRefusal refusal = _absorbOne(a, r, owners[i], states[i]);
            if (refusal == AbsorbRefusal.None) states[a.count - 1] = states[i];
            else a.refusal = refusal;
        }
        if (a.count == 0) return a;
        a.fills = _cut(a.fills, a.count);
        _note(r);

        buffer.absorb(collateral, a.taken, a.cost);
        uint256[] memory debts = vault.settle(collateral, a.fills, 0, address(buffer), address(buffer), receiver, "");
        for (uint256 i; i < debts.length; ++i) {
            _requireNotToxic(a.priceE36, a.fills[i], states[i], debts[i]);
        }
    }

    /// @dev Sizes one position and books it in `a`. `state` comes back without what the keeper is paid.
    function _absorbOne(
        Absorption memory a,
        Reading memory r,
        address owner,
        IVault.PositionState memory state
    ) internal returns (AbsorbRefusal refusal) {
        refusal = _absorbRefusal(a, r, state);
        if (refusal != AbsorbRefusal.None) return refusal;
        // once a transaction: many calls of one position each are no dearer than one call of many
        uint256 gasUnits = _absorbed ? KeeperPay.ABSORB_MORE_GAS : KeeperPay.ABSORB_GAS;
        uint256 pay = _payFor(gasUnits, r.collateral, a.priceE36, state.collateral, state.debt);
        // sized as the full pay leaves it; a part of it is paid for its part
        state.collateral -= pay;
        (IVault.Fill memory fill, uint256 wanted, uint256 ltvWad) = _absorbSize(a, r, state);
        // a unit of collateral is worth more than what is left
        if (fill.collateral == 0) return AbsorbRefusal.BufferFull;
        (fill.owner, fill.pay) = (owner, Math.fullMulDiv(pay, fill.collateral, wanted));
        state.collateral += pay - fill.pay;
        // a batch goes on without it
        if (_isTooSmall(a.priceE36, state, fill.collateral, fill.repaid)) return AbsorbRefusal.TooSmall;

        _absorbed = true;
        a.fills[a.count++] = fill;
        a.taken += fill.collateral;
        a.cost += fill.repaid;
        a.cash -= fill.repaid;
        a.room -= fill.collateral;
        emit Absorbed(r.collateral, owner, msg.sender, fill.collateral, fill.repaid, a.priceE36, ltvWad, fill.pay);
    }

    /// @dev Writes what a call saw of a market, and its cursor. What needs no writing is left alone.
    function _note(Reading memory r) internal {
        Lane storage lane_ = _lane[r.collateral];
        if (r.observed) {
            lane_.emaE36 = uint216(r.emaE36);
            lane_.diverged = r.diverged;
            _see(lane_, r.priceE36);
        }
        lane_.cursorWad = uint96(r.cursorWad);
        if (r.refreshed) _setRate(r.collateral, r.priceE36, r.depth, r.ratePerHour);
    }

    /// @dev The average weighs each price by how long it was the last one seen, so that the first look after a sudden fall
    /// still remembers the price before it.
    function _see(Lane storage lane_, uint256 priceE36) internal {
        if (block.timestamp - lane_.observedAt > WATCH_GAP) lane_.watchedSince = uint40(block.timestamp);
        (lane_.lastPriceE36, lane_.observedAt) = (priceE36.toUint216(), uint40(block.timestamp));
    }

    function _setRate(address collateral, uint256 priceE36, uint256 depth, uint256 rate) internal {
        Lane storage lane_ = _lane[collateral];
        lane_.ratePerHour = uint104(rate);
        lane_.syncedAt = uint32(block.timestamp);
        emit Synced(collateral, depth, rate);
        // V7: the book can't outgrow the venue. Where the product is beyond measure, so is the ceiling
        vault.setLaneCeiling(
            collateral,
            Math.saturatingMul(rate * _parameters[collateral].clearHours, priceE36) / PRICE_SCALE
        );
    }

    // ------------------------------------------------------------------------------------------ internal views

    /// @dev A1: a fill or an absorption lowers the LTV, unless there was no equity left to save.
    function _requireNotToxic(
        uint256 priceE36,
        IVault.Fill memory fill,
        IVault.PositionState memory before,
        uint256 debtAfter
    ) internal pure {
        if (before.collateral.ltvWadUp(before.debt, priceE36) >= WAD) return;
        if (!before.collateral.isLtvLower(before.debt, before.collateral - fill.collateral, debtAfter)) {
            revert FillIsToxic(fill.owner);
        }
    }

    /// @dev The market and the positions of `owners` as of now. `look`: observe the price whether or not that is due, and
    /// leave the rate to the caller.
    function _read(
        address collateral,
        address[] memory owners,
        bool look
    ) internal view returns (Reading memory r, IVault.PositionState[] memory states) {
        Lane storage lane_ = _lane[collateral];
        LaneParameters storage parameters = _parameters[collateral];
        r.collateral = collateral;
        r.cursorWad = lane_.cursorWad;
        r.ratePerHour = lane_.ratePerHour;
        if (r.ratePerHour == 0) revert LaneNotSet(collateral);
        (r.priceE36, r.lltvWad, r.minDebt, states) = vault.snapshot(collateral, owners);
        r.lltvWad *= WAD_PER_BPS;

        uint256 observedAt = lane_.observedAt;
        r.emaE36 = _ema(lane_, parameters.emaPeriod);
        r.observed = look || r.priceE36 != lane_.lastPriceE36 || block.timestamp >= observedAt + OBSERVE_INTERVAL;
        r.diverged = r.observed ? _asksGuard(parameters) : lane_.diverged;
        r.premiumWad = _premium(parameters, r);
        (r.isOpen, r.laneAgeWad) = _age(parameters, r.cursorWad);
        if (!look && block.timestamp >= uint256(lane_.syncedAt) + SYNC_INTERVAL) {
            bool readable;
            (readable, r.depth) = _tryDepth(parameters.depthOracle);
            if (readable) (r.ratePerHour, r.refreshed) = _refreshedRate(lane_, parameters, r.depth);
        }
    }

    function _asksGuard(LaneParameters storage parameters) internal view returns (bool) {
        return address(parameters.guard) != address(0) && parameters.guard.diverged();
    }

    function _premium(LaneParameters storage parameters, Reading memory r) internal view returns (uint256) {
        uint256 widestWad = parameters.maxPremiumBps * WAD_PER_BPS;
        // in doubt, nothing is sold cheaply
        if (r.diverged) return widestWad;
        uint256 premiumWad = Math.zeroFloorSub(Math.fullMulDiv(r.emaE36, WAD, r.priceE36), WAD);
        return Math.clamp(premiumWad, parameters.minPremiumBps * WAD_PER_BPS, widestWad);
    }

    /// @dev Whether a lane with this cursor is open, and a_L.
    function _age(LaneParameters storage parameters, uint256 cursorWad) internal view returns (bool, uint256) {
        uint256 longestAgeWad = GradualAuction.longestAge(
            parameters.maxPremiumBps * WAD_PER_BPS,
            parameters.maxDiscountBps * WAD_PER_BPS,
            parameters.slopeWad
        );
        bool open_ = block.timestamp * WAD <= cursorWad + longestAgeWad + parameters.idleTime * WAD;
        return (open_, GradualAuction.laneAge(cursorWad, longestAgeWad));
    }

    /// @dev Starving the call of gas to keep an old rate pays nobody: what is left after it, a 64th, is not enough to
    /// finish an `open`, a buy or an absorption.
    function _tryDepth(IDepthOracle oracle) internal view returns (bool, uint256) {
        try oracle.depth() returns (uint256 depth) {
            return (true, depth);
        } catch {
            return (false, 0);
        }
    }

    /// @dev The rate that the depth asks for: down at once, up twofold an hour at most, so that liquidity that was added a
    /// moment ago can't open the lane. Time whose growth rounds to nothing goes on counting: then nothing is refreshed.
    function _refreshedRate(
        Lane storage lane_,
        LaneParameters storage parameters,
        uint256 depth
    ) internal view returns (uint256 rate, bool refreshed) {
        uint256 old = lane_.ratePerHour;
        rate = _boundedRate(parameters, depth);
        if (rate <= old) return (rate, true);
        uint256 hoursWad = ((block.timestamp - lane_.syncedAt) * WAD) / GradualAuction.HOUR;
        uint256 growthWad = uint256(Math.expWad(int256((Math.min(hoursWad, 24 * WAD) * LN2_WAD) / WAD)));
        rate = Math.min(rate, Math.fullMulDiv(old, growthWad, WAD));
        refreshed = rate != old;
    }

    /// @dev depth moves the price by 1 %, so that `paceBps` an hour is depth · paceBps / 100.
    function _boundedRate(LaneParameters storage parameters, uint256 depth) internal view returns (uint256) {
        return
            Math.clamp(
                Math.fullMulDiv(Math.min(depth, type(uint128).max), parameters.paceBps, 100),
                parameters.minRatePerHour,
                parameters.maxRatePerHour
            );
    }

    function _ema(Lane storage lane_, uint256 period) internal view returns (uint256) {
        (uint256 lastPriceE36, uint256 observedAt) = (lane_.lastPriceE36, lane_.observedAt);
        if (observedAt == block.timestamp) return lane_.emaE36;
        uint256 keptWad = uint256(Math.expWad(-int256(((block.timestamp - observedAt) * WAD) / period)));
        return Math.fullMulDiv(lane_.emaE36, keptWad, WAD) + Math.fullMulDiv(lastPriceE36, WAD - keptWad, WAD);
    }

    /// @dev What a buy does. Remembers in `r` whether the buffer is full.
    function _quote(
        Reading memory r,
        Order memory order,
        IVault.PositionState memory state
    ) internal view returns (Quote memory q, Terms memory t) {
        q.priceE36 = r.priceE36;
        q.ltvWad = state.collateral.ltvWadUp(state.debt, r.priceE36);
        q.refusal = _refusal(r, state.riskAt, q.ltvWad);
        if (q.refusal != Refusal.None) return (q, t);

        LaneParameters storage parameters = _parameters[r.collateral];
        t = _terms(r, parameters, order.owner, q.ltvWad);
        GradualAuction.Head memory h = GradualAuction.head(
            t.ratePerHour,
            parameters.slopeWad,
            r.laneAgeWad,
            r.premiumWad,
            t.discountWad
        );
        (q.multipleWad, q.available) = (h.multipleWad, h.available);
        if (h.available == 0) {
            q.refusal = Refusal.LaneEmpty;
            return (q, t);
        }

        uint256 most = h.most(
            r.priceE36,
            state.collateral,
            state.debt,
            parameters.targetLtvBps * WAD_PER_BPS,
            t.feeWad,
            r.minDebt
        );
        q.collateral = Math.min(Math.min(order.maxCollateral, h.available), most);
        t.whole = q.collateral == most;
        q.cost = h.cost(r.priceE36, q.collateral);
        q.repaid = Math.min(Math.fullMulDiv(q.cost, WAD, WAD + t.feeWad), state.debt);
        if (q.collateral == 0 || _isTooSmall(q.priceE36, state, q.collateral, q.repaid)) q.refusal = Refusal.TooSmall;
    }

    /// @dev So little that rounding eats it: two units of debt are the most that shares round away while a share is worth
    /// at most two units (index up to 2e27). Beyond that `_requireNotToxic` still refuses what this lets through.
    function _isTooSmall(
        uint256 priceE36,
        IVault.PositionState memory state,
        uint256 amount,
        uint256 repaid
    ) internal pure returns (bool) {
        if (repaid == state.debt) return false;
        if (state.collateral.isLtvLower(state.debt, state.collateral - amount, state.debt - repaid + 2)) return false;
        // without equity there is nothing to lower
        return state.collateral.ltvWadUp(state.debt, priceE36) < WAD;
    }

    function _refusal(Reading memory r, uint256 riskAt, uint256 ltvWad) internal view returns (Refusal) {
        // A9: a lane that is closed sells nothing
        if (!r.isOpen) return Refusal.LaneClosed;
        // a position can't be enlarged and liquidated in one block, by whatever price
        if (riskAt == block.timestamp) return Refusal.Enlarged;
        // A5: only an unhealthy position is sold
        if (ltvWad <= r.lltvWad) return Refusal.Healthy;
        if (ltvWad < WAD) return Refusal.None;
        if (r.buffer == BufferState.Unknown) {
            (uint256 cash, uint256 room) = ILiquidityBuffer(vault.buffer()).capacity(r.collateral);
            r.buffer = _isFull(cash, room, r.priceE36, r.minDebt) ? BufferState.Full : BufferState.HasRoom;
        }
        // without equity the buffer pays the lenders more than a buyer would
        return r.buffer == BufferState.Full ? Refusal.None : Refusal.Insolvent;
    }

    /// @dev Discount and fee together stay within β·(1 − LTV), β = 1/2, so that no fill can raise the LTV. The discount
    /// comes first: a buyer matters more than the fee. The LTV stands in for a clock of the position: one that has just
    /// turned unhealthy is not sold at the discount of a lane that is old already.
    function _terms(
        Reading memory r,
        LaneParameters storage parameters,
        address owner,
        uint256 ltvWad
    ) internal view returns (Terms memory t) {
        // most urgent next to insolvency, on either side: the further a position is past it, the less waiting can cost
        uint256 urgentWad = Math.zeroFloorSub(Math.min(ltvWad, WAD ** 2 / ltvWad), r.lltvWad);
        uint256 xWad = (urgentWad * WAD) / (WAD - r.lltvWad);
        t.ratePerHour = Math.fullMulDiv(r.ratePerHour, WAD + (parameters.urgency * xWad * xWad) / WAD, WAD);
        t.discountWad = parameters.maxDiscountBps * WAD_PER_BPS;
        if (ltvWad >= WAD) return t;

        uint256 allowanceWad = (WAD - ltvWad) / 2;
        uint256 widestWad = Math.min(t.discountWad, parameters.firstDiscountBps * WAD_PER_BPS + ltvWad - r.lltvWad);
        t.discountWad = Math.min(widestWad, allowanceWad);
        // A6: within a block an earlier fill's lower LTV makes nothing cheaper. Longer, a dust bought at the worst LTV
        // would hold the discount down for everybody
        if (_lane[r.collateral].boundAt == uint24(block.timestamp)) {
            Ratchet storage ratchet_ = _ratchet[r.collateral][owner];
            if (ratchet_.filledAt == block.timestamp) t.discountWad = Math.min(t.discountWad, ratchet_.discountWad);
        }
        t.bound = t.discountWad < widestWad;
        t.feeWad = Math.min(parameters.liquidationFeeBps * WAD_PER_BPS, allowanceWad - t.discountWad);
    }

    function _absorbRefusal(
        Absorption memory a,
        Reading memory r,
        IVault.PositionState memory state
    ) internal view returns (AbsorbRefusal) {
        uint256 ltvWad = state.collateral.ltvWadUp(state.debt, r.priceE36);
        // A5: only an unhealthy position is absorbed
        if (ltvWad <= r.lltvWad) return AbsorbRefusal.Healthy;
        // the lane comes first: the buffer absorbs what is urgent
        if (ltvWad < _parameters[r.collateral].absorbLtvBps * WAD_PER_BPS) return AbsorbRefusal.BelowAbsorbLtv;
        // a position can't be enlarged and liquidated in one block, by whatever price
        if (state.riskAt == block.timestamp) return AbsorbRefusal.Enlarged;
        // nobody's equity is written off by a price that is in doubt
        if (ltvWad < WAD && state.collateral.ltvWadUp(state.debt, a.priceE36) >= WAD) return AbsorbRefusal.Diverged;
        if (_isFull(a.cash, a.room, a.priceE36, r.minDebt)) return AbsorbRefusal.BufferFull;
        return AbsorbRefusal.None;
    }

    /// @dev What the buffer absorbs of a position and for what, and what it would if it had cash and room for all of it.
    function _absorbSize(
        Absorption memory a,
        Reading memory r,
        IVault.PositionState memory state
    ) internal view returns (IVault.Fill memory fill, uint256 wanted, uint256 ltvWad) {
        LaneParameters storage parameters = _parameters[r.collateral];
        uint256 multipleWad = WAD;
        ltvWad = state.collateral.ltvWadUp(state.debt, a.priceE36);
        wanted = state.collateral;
        if (ltvWad < WAD) {
            multipleWad -= Math.min(parameters.absorbDiscountBps * WAD_PER_BPS, (WAD - ltvWad) / 2);
            wanted = GradualAuction.fixedPrice(multipleWad).most(
                a.priceE36,
                state.collateral,
                state.debt,
                parameters.targetLtvBps * WAD_PER_BPS,
                0,
                r.minDebt
            );
        }
        fill.collateral = Math.min(wanted, a.room);
        fill.repaid = Math.min(_costAt(multipleWad, a.priceE36, fill.collateral), state.debt);
        if (fill.repaid > a.cash) {
            uint256 unitPrice = Math.fullMulDivUp(a.priceE36, multipleWad, WAD);
            fill.collateral = Math.min(fill.collateral, Math.fullMulDiv(a.cash, PRICE_SCALE, unitPrice));
            fill.repaid = Math.min(_costAt(multipleWad, a.priceE36, fill.collateral), a.cash);
        }
    }

    function _costAt(uint256 multipleWad, uint256 priceE36, uint256 quantity) internal pure returns (uint256) {
        return Math.fullMulDivUp(quantity * multipleWad, priceE36, PRICE_WAD_SCALE);
    }

    /// @dev Full is what can't absorb even the smallest position.
    function _isFull(uint256 cash, uint256 room, uint256 priceE36, uint256 minDebt) internal pure returns (bool) {
        return Math.min(cash, room.valueDown(priceE36)) < Math.max(minDebt, 1);
    }

    /// @dev The lower of the oracle's and the borrow oracle's price; the oracle's where there is no other.
    function _lowerPrice(address collateral, uint256 priceE36) internal view returns (uint256) {
        try vault.market(collateral).borrowOracle.price() returns (uint256 otherE36) {
            return otherE36 == 0 ? priceE36 : Math.min(priceE36, otherE36);
        } catch {
            return priceE36;
        }
    }

    /// @dev A keeper's pay in collateral of a position, rounded down.
    function _payFor(
        uint256 gasUnits,
        address collateral,
        uint256 priceE36,
        uint256 held,
        uint256 debt
    ) internal view returns (uint256 pay) {
        uint256 capBps = _pay.capBps;
        if (capBps == 0) return 0;
        pay = KeeperPay.inWei(gasUnits, _pay.feeCap, _pay.tip, _pay.marginBps);
        if (collateral != _pay.wrappedNative) pay = Math.fullMulDiv(pay, _nativePriceE36(), priceE36);
        pay = Math.min(pay, KeeperPay.mostOf(held, debt, priceE36, capBps));
    }

    /// @dev Loan asset for a wei. A dead feed pays nobody and stops nothing.
    function _nativePriceE36() internal view returns (uint256) {
        IOracle oracle = _pay.nativeOracle;
        if (address(oracle) == address(0)) return 0;
        try oracle.price() returns (uint256 priceE36) {
            return priceE36;
        } catch {
            return 0;
        }
    }

    /// @dev Each position is priced against its state before the call: a second fill would sell it past its target.
    function _requireDistinct(address[] memory owners) internal pure {
        for (uint256 i = 1; i < owners.length; ++i) {
            for (uint256 j; j < i; ++j) {
                if (owners[i] == owners[j]) revert DuplicateOrder(owners[i]);
            }
        }
    }

    function _cut(IVault.Fill[] memory fills, uint256 count) internal pure returns (IVault.Fill[] memory) {
        assembly ("memory-safe") {
            mstore(fills, count)
        }
        return fills;
    }

    // ------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IAuctionHouse
    function quote(
        address collateral,
        address owner,
        uint256 maxCollateral
    ) external view override returns (Quote memory q) {
        address[] memory owners = new address[](1);
        owners[0] = owner;
        (Reading memory r, IVault.PositionState[] memory states) = _read(collateral, owners, false);
        (q, ) = _quote(r, Order(owner, maxCollateral), states[0]);
    }

    /// @inheritdoc IAuctionHouse
    function laneState(address collateral) external view override returns (LaneState memory) {
        (Reading memory r, ) = _read(collateral, new address[](0), false);
        return LaneState(r.isOpen, r.diverged, r.priceE36, r.emaE36, r.premiumWad, r.ratePerHour, r.laneAgeWad);
    }

    /// @inheritdoc IAuctionHouse
    function isOpen(address collateral) external view override returns (bool open_) {
        if (_lane[collateral].ratePerHour == 0) return false;
        (open_, ) = _age(_parameters[collateral], _lane[collateral].cursorWad);
    }

    /// @inheritdoc IAuctionHouse
    function ratePerHour(address collateral) external view override returns (uint256 rate) {
        Lane storage lane_ = _lane[collateral];
        rate = lane_.ratePerHour;
        if (rate == 0 || block.timestamp < uint256(lane_.syncedAt) + SYNC_INTERVAL) return rate;
        LaneParameters storage parameters = _parameters[collateral];
        (bool readable, uint256 depth) = _tryDepth(parameters.depthOracle);
        if (readable) (rate, ) = _refreshedRate(lane_, parameters, depth);
    }

    /// @inheritdoc IAuctionHouse
    function ema(address collateral) external view override returns (uint256) {
        if (_lane[collateral].ratePerHour == 0) revert LaneNotSet(collateral);
        return _ema(_lane[collateral], _parameters[collateral].emaPeriod);
    }

    /// @inheritdoc IAuctionHouse
    function payInLoanAsset(uint256 gasUnits) external view override returns (uint256) {
        if (_pay.capBps == 0) return 0;
        return
            Math.fullMulDiv(
                KeeperPay.inWei(gasUnits, _pay.feeCap, _pay.tip, _pay.marginBps),
                _nativePriceE36(),
                PRICE_SCALE
            );
    }

    /// @inheritdoc IAuctionHouse
    function lane(address collateral) external view override returns (Lane memory) {
        return _lane[collateral];
    }

    /// @inheritdoc IAuctionHouse
    function laneParameters(address collateral) external view override returns (LaneParameters memory) {
        return _parameters[collateral];
    }

    /// @inheritdoc IAuctionHouse
    function payParameters() external view override returns (PayParameters memory) {
        return _pay;
    }

    /// @inheritdoc IAuctionHouse
    function ratchet(address collateral, address owner) external view override returns (Ratchet memory) {
        return _ratchet[collateral][owner];
    }
}
