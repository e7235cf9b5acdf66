// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import { AccessManaged } from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { SafeCast } from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import { FixedPointMathLib as Math } from "solady/src/utils/FixedPointMathLib.sol";
import { IAuctionHouse } from "./interfaces/IAuctionHouse.sol";
import { ILiquidityBuffer } from "./interfaces/ILiquidityBuffer.sol";
import { IVault } from "./interfaces/IVault.sol";
import { GradualAuction } from "./libraries/GradualAuction.sol";
import { PositionMath } from "./libraries/PositionMath.sol";
import { BPS, PRICE_SCALE, WAD, WAD_PER_BPS } from "./libraries/Units.sol";

/// @title AuctionHouse
/// @notice What each function does, its units, roundings and errors: IAuctionHouse.
contract AuctionHouse is IAuctionHouse, AccessManaged, ReentrancyGuardTransient {
    using GradualAuction for GradualAuction.Head;
    using PositionMath for uint256;
    using SafeCast for uint256;

    /// @dev A bounty takes at most this part of the collateral, which raises the LTV by 0.1 %.
    uint256 internal constant BOUNTY_DIVISOR = 1001;

    /// @dev ln 2, Wad.
    uint256 internal constant LN2_WAD = 0.693147180559945309e18;

    /// @dev What a call knows of a market while it fills orders, each read once.
    struct Sale {
        address collateral;
        uint256 priceE36;
        uint256 lltvWad;
        uint256 minDebt;
        uint256 ratePerHour;
        uint256 slopeWad;
        uint256 laneAgeWad;
        uint256 maxDiscountWad;
        uint256 maxFeeWad;
        uint256 targetLtvWad;
        uint256 absorbLtvWad;
        uint256 maxAuctionDuration;
        BufferState buffer;
    }

    /// @dev What came of a call's orders; `refusal` is that of the last one that could not be filled.
    struct Filled {
        IVault.Fill[] fills;
        uint256 bought;
        uint256 cost;
        uint256 fee;
        Refusal refusal;
    }

    /// @dev What the buffer takes over, and what its caller is paid ahead of it. `whole` when it is all that it should be.
    struct TakeOver {
        uint256 bounty;
        uint256 ltvWad;
        uint256 collateral;
        uint256 cost;
        bool whole;
    }

    enum BufferState {
        Unknown,
        HasRoom,
        Full
    }

    // ------------------------------------------------------------------------------------------------ storage

    IVault public immutable override vault;

    mapping(address collateral => LaneParameters) internal _parameters;
    mapping(address collateral => Lane) internal _lane;
    mapping(address collateral => mapping(address owner => Auction)) internal _auction;

    constructor(IVault vault_, address authority_) AccessManaged(authority_) {
        if (address(vault_) == address(0) || authority_ == address(0)) revert ZeroAddress();
        vault = vault_;
    }

    // ------------------------------------------------------------------------------------------------ keepers

    /// @inheritdoc IAuctionHouse
    function start(address collateral, address owner) external override nonReentrant returns (uint256 bounty) {
        _requireLane(collateral);
        (uint256 priceE36, uint256 lltvWad, , IVault.PositionState memory state) = _read(collateral, owner);
        LaneParameters storage parameters = _parameters[collateral];
        Lane storage lane_ = _lane[collateral];
        Auction storage auction_ = _auction[collateral][owner];

        uint256 ltvWad = state.collateral.ltvWadUp(state.debt, priceE36);
        // only what can't pay is sold
        if (ltvWad <= lltvWad) revert PositionHealthy(owner, ltvWad);
        // nobody is lent to and sold in one block, by whatever price
        if (state.riskAt == block.timestamp) revert EnlargedInThisBlock(owner);
        // a running auction can't be set back to its premium
        if (_runs(auction_, parameters, state.riskAt)) revert AlreadyStarted(owner);

        _observe(lane_, parameters, priceE36);
        uint256 premiumWad = _premium(lane_, parameters, priceE36);
        bounty = _bounty(auction_, parameters, priceE36, ltvWad, state);
        if (auction_.startedAt == 0) ++lane_.auctions;
        lane_.startedAt = uint32(block.timestamp);
        if (bounty != 0) auction_.bountyAt = uint40(block.timestamp);
        (auction_.startedAt, auction_.premiumWad) = (uint40(block.timestamp), uint64(premiumWad));
        emit AuctionStarted(collateral, owner, msg.sender, priceE36, ltvWad, premiumWad, bounty);

        if (bounty != 0) vault.pay(collateral, owner, bounty, msg.sender);
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
        for (uint256 i = 1; i < orders.length; ++i) {
            // each is priced against its state before the call, so that a second fill would sell it past its target
            for (uint256 j; j < i; ++j) {
                if (orders[i].owner == orders[j].owner) revert DuplicateOrder(orders[i].owner);
            }
        }
        Filled memory filled = _buy(collateral, orders, maxCost, receiver, data);
        if (filled.bought == 0) revert NothingBought();
        return (filled.bought, filled.cost);
    }

    /// @inheritdoc IAuctionHouse
    function cancel(address collateral, address owner) external override nonReentrant {
        // nothing to end
        if (_auction[collateral][owner].startedAt == 0) revert NoAuction(owner);
        // without debt there is nothing to judge, so that a broken oracle keeps nobody in auction
        if (vault.debtOf(collateral, owner) != 0) {
            (uint256 priceE36, uint256 lltvWad, , IVault.PositionState memory state) = _read(collateral, owner);
            uint256 ltvWad = state.collateral.ltvWadUp(state.debt, priceE36);
            // what can't pay stays in auction
            if (ltvWad > lltvWad) revert PositionUnhealthy(owner, ltvWad);
        }
        _end(collateral, owner, End.Cancelled);
    }

    /// @inheritdoc IAuctionHouse
    function absorb(
        address collateral,
        address owner
    ) external override nonReentrant returns (uint256 taken, uint256 cost) {
        _requireLane(collateral);
        vault.accrueInterest();
        (uint256 priceE36, uint256 lltvWad, uint256 minDebt, IVault.PositionState memory state) = _read(
            collateral,
            owner
        );
        LaneParameters storage parameters = _parameters[collateral];
        Auction storage auction_ = _auction[collateral][owner];

        TakeOver memory t;
        t.ltvWad = state.collateral.ltvWadUp(state.debt, priceE36);
        // only what can't pay is taken over
        if (t.ltvWad <= lltvWad) revert PositionHealthy(owner, t.ltvWad);
        // nobody is lent to and taken over in one block, by whatever price
        if (state.riskAt == block.timestamp) revert EnlargedInThisBlock(owner);
        bool runs = _runs(auction_, parameters, state.riskAt);
        // the lane comes first: the buffer takes what can't wait, or what has waited
        if (
            t.ltvWad < parameters.absorbLtvBps * WAD_PER_BPS &&
            !(runs && block.timestamp >= auction_.startedAt + parameters.absorbDelay)
        ) revert NotAbsorbable(owner, t.ltvWad);

        _observe(_lane[collateral], parameters, priceE36);
        if (!runs) t.bounty = _bounty(auction_, parameters, priceE36, t.ltvWad, state);
        _sizeTakeOver(t, collateral, priceE36, minDebt, state);
        (taken, cost) = (t.collateral, t.cost);
        if (t.bounty != 0) auction_.bountyAt = uint40(block.timestamp);
        if (t.whole && auction_.startedAt != 0) _end(collateral, owner, End.Absorbed);
        emit Absorbed(collateral, owner, msg.sender, taken, cost, priceE36, t.ltvWad);

        if (t.bounty != 0) vault.pay(collateral, owner, t.bounty, msg.sender);
        _settleTakeOver(collateral, IVault.Fill(owner, taken, cost, 0), priceE36, state);
    }

    /// @inheritdoc IAuctionHouse
    function sync(address collateral) external override nonReentrant returns (uint256 ratePerHour) {
        _requireLane(collateral);
        LaneParameters storage parameters = _parameters[collateral];
        Lane storage lane_ = _lane[collateral];
        (uint256 priceE36, , , ) = vault.snapshot(collateral, new address[](0));
        _observe(lane_, parameters, priceE36);

        uint256 depth = parameters.depthOracle.depth();
        uint256 rate = lane_.ratePerHour;
        ratePerHour = _boundedRate(parameters, depth);
        if (ratePerHour > rate) {
            // liquidity that was added a moment ago can't open the lane: twofold an hour at most
            uint256 hoursWad = ((block.timestamp - lane_.syncedAt) * WAD) / GradualAuction.HOUR;
            uint256 growthWad = uint256(Math.expWad(int256((Math.min(hoursWad, 24 * WAD) * LN2_WAD) / WAD)));
            ratePerHour = Math.min(ratePerHour, Math.fullMulDiv(rate, growthWad, WAD));
            // time whose growth rounds to nothing goes on counting
            if (ratePerHour == rate) return rate;
        }
        lane_.ratePerHour = uint104(ratePerHour);
        lane_.syncedAt = uint40(block.timestamp);
        emit Synced(collateral, depth, ratePerHour);
    }

    // --------------------------------------------------------------------------------------------- governance

    /// @inheritdoc IAuctionHouse
    function setLane(address collateral, LaneParameters calldata parameters) external override restricted {
        (uint256 priceE36, uint256 lltvBps, , ) = vault.snapshot(collateral, new address[](0));
        _requireBounds(parameters, lltvBps);
        uint256 depth = parameters.depthOracle.depth();
        // a guard that doesn't answer would stop every start
        if (address(parameters.guard) != address(0)) parameters.guard.diverged();

        Lane storage lane_ = _lane[collateral];
        if (lane_.ratePerHour == 0) {
            lane_.cursorWad = uint96(block.timestamp * WAD);
            lane_.lastPriceE36 = lane_.emaE36 = priceE36.toUint216();
            lane_.observedAt = uint40(block.timestamp);
        } else {
            _observe(lane_, _parameters[collateral], priceE36);
        }
        _parameters[collateral] = parameters;
        lane_.ratePerHour = uint104(_boundedRate(parameters, depth));
        lane_.syncedAt = uint40(block.timestamp);
        emit LaneSet(collateral, parameters);
        emit Synced(collateral, depth, lane_.ratePerHour);
        vault.setLaneCeiling(collateral, type(uint112).max);
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
        (Sale memory sale, IVault.PositionState[] memory states) = _openSale(collateral, orders);
        filled = _fillAll(sale, orders, states);
        if (filled.bought == 0) return filled;
        // the buyer's bound on a price that moved since it looked
        if (filled.cost > maxCost) revert CostTooHigh(filled.cost, maxCost);

        uint256[] memory debts = vault.settle(
            collateral,
            filled.fills,
            filled.fee,
            msg.sender,
            receiver,
            msg.sender,
            data
        );
        for (uint256 i; i < debts.length; ++i) {
            _requireNotToxic(sale.priceE36, filled.fills[i], states[i], debts[i]);
        }
    }

    /// @dev Books every order that can be filled. `states` come back in step with the fills.
    function _fillAll(
        Sale memory sale,
        Order[] memory orders,
        IVault.PositionState[] memory states
    ) internal returns (Filled memory filled) {
        IVault.Fill[] memory fills = new IVault.Fill[](orders.length);
        uint256 count;
        for (uint256 i; i < orders.length; ++i) {
            Quote memory q = _fill(sale, orders[i], states[i]);
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
        assembly ("memory-safe") {
            mstore(fills, count)
        }
        filled.fills = fills;
        _lane[sale.collateral].cursorWad = uint96(block.timestamp * WAD - sale.laneAgeWad);
    }

    /// @dev Prices one order, books it in the lane and the auction, but settles nothing.
    function _fill(
        Sale memory sale,
        Order memory order,
        IVault.PositionState memory state
    ) internal returns (Quote memory q) {
        Auction storage auction_ = _auction[sale.collateral][order.owner];
        uint256 discountWad;
        bool whole;
        uint256 ratePerHour;
        (q, discountWad, ratePerHour, whole) = _quote(sale, auction_, state, order.maxCollateral);
        if (q.refusal != Refusal.None) return q;

        sale.laneAgeWad = block.timestamp * WAD - GradualAuction.advance(sale.laneAgeWad, ratePerHour, q.collateral);
        emit Bought(
            sale.collateral,
            order.owner,
            msg.sender,
            q.collateral,
            q.cost,
            q.repaid,
            q.priceE36,
            q.multipleWad
        );
        if (whole) {
            _end(sale.collateral, order.owner, End.Target);
        } else if (discountWad < sale.maxDiscountWad) {
            (auction_.discountWad, auction_.filledAt) = (uint64(discountWad), uint40(block.timestamp));
        }
    }

    function _settleTakeOver(
        address collateral,
        IVault.Fill memory fill,
        uint256 priceE36,
        IVault.PositionState memory state
    ) internal {
        ILiquidityBuffer buffer = ILiquidityBuffer(vault.buffer());
        buffer.takeOver(collateral, fill.collateral, fill.repaid);
        IVault.Fill[] memory fills = new IVault.Fill[](1);
        fills[0] = fill;
        uint256[] memory debts = vault.settle(collateral, fills, 0, address(buffer), address(buffer), msg.sender, "");
        _requireNotToxic(priceE36, fill, state, debts[0]);
    }

    /// @dev The bounty stays noted, so that cancelling and starting again earns no second one.
    function _end(address collateral, address owner, End end) internal {
        Auction storage auction_ = _auction[collateral][owner];
        (auction_.startedAt, auction_.premiumWad, auction_.discountWad, auction_.filledAt) = (0, 0, 0, 0);
        --_lane[collateral].auctions;
        emit AuctionEnded(collateral, owner, end);
    }

    /// @dev Notes the price. The average weighs each price by how long it was the last one seen, so that the first look
    /// after a sudden fall still remembers the price before it.
    function _observe(Lane storage lane_, LaneParameters storage parameters, uint256 priceE36) internal {
        if (lane_.observedAt != block.timestamp) lane_.emaE36 = uint216(_ema(lane_, parameters.emaPeriod));
        (lane_.lastPriceE36, lane_.observedAt) = (priceE36.toUint216(), uint40(block.timestamp));
    }

    /// @dev The bounty of a start in collateral. Whoever pays it notes when.
    function _bounty(
        Auction storage auction_,
        LaneParameters storage parameters,
        uint256 priceE36,
        uint256 ltvWad,
        IVault.PositionState memory state
    ) internal view returns (uint256 bounty) {
        // without equity it would be the lenders' money
        if (ltvWad >= WAD) return 0;
        // once a period: a price that swings about the threshold is no income
        if (auction_.bountyAt != 0 && block.timestamp < auction_.bountyAt + parameters.maxAuctionDuration) return 0;
        uint256 assets = parameters.tip + (state.debt * parameters.chipBps) / BPS;
        uint256 equity =
            state.collateral - Math.min(state.collateral, Math.fullMulDivUp(state.debt, PRICE_SCALE, priceE36));
        bounty = Math.min(
            Math.fullMulDiv(assets, PRICE_SCALE, priceE36),
            // all of the equity would leave a position that rounding can make insolvent
            Math.min(state.collateral / BOUNTY_DIVISOR, equity / 2)
        );
    }

    // ------------------------------------------------------------------------------------------ internal views

    function _requireLane(address collateral) internal view {
        if (_lane[collateral].ratePerHour == 0) revert LaneNotSet(collateral);
    }

    /// @dev A1: a fill or take-over lowers the LTV, unless there was no equity left to save.
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

    function _read(
        address collateral,
        address owner
    ) internal view returns (uint256 priceE36, uint256 lltvWad, uint256 minDebt, IVault.PositionState memory state) {
        address[] memory owners = new address[](1);
        owners[0] = owner;
        IVault.PositionState[] memory states;
        (priceE36, lltvWad, minDebt, states) = vault.snapshot(collateral, owners);
        lltvWad *= WAD_PER_BPS;
        state = states[0];
    }

    /// @dev A start is good for `maxAuctionDuration`, and only while the position was not made riskier since.
    function _runs(
        Auction storage auction_,
        LaneParameters storage parameters,
        uint256 riskAt
    ) internal view returns (bool) {
        uint256 startedAt = auction_.startedAt;
        return startedAt != 0 && riskAt < startedAt && block.timestamp <= startedAt + parameters.maxAuctionDuration;
    }

    function _openSale(
        address collateral,
        Order[] memory orders
    ) internal view returns (Sale memory sale, IVault.PositionState[] memory states) {
        Lane storage lane_ = _lane[collateral];
        LaneParameters storage parameters = _parameters[collateral];
        sale.collateral = collateral;
        uint256 cursorWad = lane_.cursorWad;
        sale.ratePerHour = lane_.ratePerHour;
        if (sale.ratePerHour == 0) revert LaneNotSet(collateral);
        uint256 maxPremiumWad = parameters.maxPremiumBps * WAD_PER_BPS;
        sale.slopeWad = parameters.slopeWad;
        sale.maxDiscountWad = parameters.maxDiscountBps * WAD_PER_BPS;
        sale.maxFeeWad = parameters.liquidationFeeBps * WAD_PER_BPS;
        sale.targetLtvWad = parameters.targetLtvBps * WAD_PER_BPS;
        sale.absorbLtvWad = parameters.absorbLtvBps * WAD_PER_BPS;
        sale.maxAuctionDuration = parameters.maxAuctionDuration;
        sale.laneAgeWad = GradualAuction.laneAge(
            cursorWad,
            GradualAuction.longestAge(maxPremiumWad, sale.maxDiscountWad, sale.slopeWad)
        );
        address[] memory owners = new address[](orders.length);
        for (uint256 i; i < orders.length; ++i) {
            owners[i] = orders[i].owner;
        }
        (sale.priceE36, sale.lltvWad, sale.minDebt, states) = vault.snapshot(collateral, owners);
        sale.lltvWad *= WAD_PER_BPS;
    }

    /// @dev `whole` when the quantity is all that the position has to sell. Remembers in `sale` what it asks the buffer.
    function _quote(
        Sale memory sale,
        Auction memory auction_,
        IVault.PositionState memory state,
        uint256 want
    ) internal view returns (Quote memory q, uint256 discountWad, uint256 ratePerHour, bool whole) {
        q.priceE36 = sale.priceE36;
        q.ltvWad = state.collateral.ltvWadUp(state.debt, sale.priceE36);
        q.refusal = _refusal(sale, auction_.startedAt, state.riskAt, q.ltvWad);
        if (q.refusal != Refusal.None) return (q, 0, 0, false);

        uint256 feeWad;
        (discountWad, feeWad, ratePerHour) = _terms(sale, auction_, q.ltvWad);
        GradualAuction.Head memory h = GradualAuction.head(
            ratePerHour,
            sale.slopeWad,
            sale.laneAgeWad,
            (block.timestamp - auction_.startedAt) * WAD,
            auction_.premiumWad,
            discountWad
        );
        q.multipleWad = h.multipleWad;
        q.available = h.available;
        if (h.available == 0) {
            q.refusal = Refusal.LaneEmpty;
            return (q, 0, 0, false);
        }

        uint256 most = _mostToSell(sale, h, sale.targetLtvWad, state, feeWad);
        q.collateral = Math.min(Math.min(want, h.available), most);
        whole = q.collateral == most;
        q.cost = h.cost(sale.priceE36, q.collateral);
        q.repaid = Math.min(Math.fullMulDiv(q.cost, WAD, WAD + feeWad), state.debt);
        if (_isTooSmall(q, state)) q.refusal = Refusal.TooSmall;
    }

    /// @dev So little that rounding eats it: two units of debt are the most that shares round away while a share is worth
    /// at most two units (index up to 2e27). Beyond that `_requireNotToxic` still refuses what this lets through.
    function _isTooSmall(Quote memory q, IVault.PositionState memory state) internal pure returns (bool) {
        if (q.collateral == 0) return true;
        if (q.ltvWad >= WAD || q.repaid == state.debt) return false;
        return !state.collateral.isLtvLower(state.debt, state.collateral - q.collateral, state.debt - q.repaid + 2);
    }

    function _refusal(
        Sale memory sale,
        uint256 startedAt,
        uint256 riskAt,
        uint256 ltvWad
    ) internal view returns (Refusal) {
        // a buyer can't skip the premium
        if (startedAt == 0) return Refusal.NotStarted;
        // an old start says nothing of today's price
        if (block.timestamp > startedAt + sale.maxAuctionDuration) return Refusal.Expired;
        // nor of a position that has changed
        if (riskAt >= startedAt) return Refusal.Enlarged;
        // A5: only what can't pay is sold
        if (ltvWad <= sale.lltvWad) return Refusal.Healthy;
        // without equity the buffer pays the lenders more than a buyer would
        if (ltvWad >= WAD && !_isBufferFull(sale)) return Refusal.Insolvent;
        return Refusal.None;
    }

    /// @dev Discount and fee together stay within β·(1 − LTV), β = 1/2, so that no fill can raise the LTV. The discount
    /// comes first: a buyer matters more than the fee. Past `absorbLtv` with a full buffer the lane lets out more.
    function _terms(
        Sale memory sale,
        Auction memory auction_,
        uint256 ltvWad
    ) internal view returns (uint256 discountWad, uint256 feeWad, uint256 ratePerHour) {
        ratePerHour = sale.ratePerHour;
        if (ltvWad >= sale.absorbLtvWad && _isBufferFull(sale)) {
            LaneParameters storage parameters = _parameters[sale.collateral];
            ratePerHour = (ratePerHour * parameters.stressPaceBps) / parameters.paceBps;
        }
        if (ltvWad >= WAD) return (sale.maxDiscountWad, 0, ratePerHour);
        uint256 allowanceWad = (WAD - ltvWad) / 2;
        discountWad = Math.min(sale.maxDiscountWad, allowanceWad);
        // A6: within a block an earlier fill's lower LTV makes nothing cheaper. Longer, a dust bought at the worst LTV
        // would hold the discount down for everybody
        if (auction_.filledAt == block.timestamp) discountWad = Math.min(discountWad, auction_.discountWad);
        feeWad = Math.min(sale.maxFeeWad, allowanceWad - discountWad);
    }

    /// @dev What brings the position to its target LTV, or closes it where less than `minDebt` would be left.
    function _mostToSell(
        Sale memory sale,
        GradualAuction.Head memory h,
        uint256 targetLtvWad,
        IVault.PositionState memory state,
        uint256 feeWad
    ) internal pure returns (uint256 most) {
        for (uint256 i; i < 2; ++i) {
            most = h.quantityToTarget(sale.priceE36, state.collateral, state.debt, targetLtvWad, feeWad);
            if (targetLtvWad == 0) most = _roundUpToClose(most);
            if (most >= state.collateral) return state.collateral;
            if (targetLtvWad == 0 || !_leavesDust(sale, state.collateral - most, targetLtvWad)) return most;
            targetLtvWad = 0;
        }
    }

    function _leavesDust(Sale memory sale, uint256 collateral, uint256 targetLtvWad) internal pure returns (bool) {
        return Math.fullMulDiv(collateral.valueDown(sale.priceE36), targetLtvWad, WAD) < sale.minDebt;
    }

    /// @dev A hair more than the exact quantity, so that closing leaves no last unit of debt.
    function _roundUpToClose(uint256 quantity) internal pure returns (uint256) {
        return quantity + quantity / 1e15 + 1;
    }

    /// @dev Sizes `t` and takes its bounty out of `state`, or drops the bounty where the buffer has no cash or room for all that
    /// is to be taken over then. A part earns nothing: it would use up the bounty that has the rest put in auction.
    function _sizeTakeOver(
        TakeOver memory t,
        address collateral,
        uint256 priceE36,
        uint256 minDebt,
        IVault.PositionState memory state
    ) internal view {
        state.collateral -= t.bounty;
        // as the bounty leaves it: at the old LTV the take-over could be toxic where there is next to no equity
        t.ltvWad = state.collateral.ltvWadUp(state.debt, priceE36);
        (t.collateral, t.cost, t.whole) = _takeOverSize(
            collateral,
            _parameters[collateral],
            priceE36,
            t.ltvWad,
            minDebt,
            state
        );
        if (t.bounty != 0 && !t.whole) {
            state.collateral += t.bounty;
            t.bounty = 0;
            _sizeTakeOver(t, collateral, priceE36, minDebt, state);
        }
    }

    function _takeOverSize(
        address collateral,
        LaneParameters storage parameters,
        uint256 priceE36,
        uint256 ltvWad,
        uint256 minDebt,
        IVault.PositionState memory state
    ) internal view returns (uint256 taken, uint256 cost, bool whole) {
        uint256 multipleWad = WAD;
        if (ltvWad < WAD) {
            multipleWad -= Math.min(parameters.absorbDiscountBps * WAD_PER_BPS, (WAD - ltvWad) / 2);
            Sale memory sale;
            sale.priceE36 = priceE36;
            sale.minDebt = minDebt;
            // a head that is flat throughout is a fixed price
            GradualAuction.Head memory h = GradualAuction.Head(multipleWad, type(uint112).max, type(uint192).max, 1, 1);
            taken = _mostToSell(sale, h, parameters.targetLtvBps * WAD_PER_BPS, state, 0);
        } else {
            taken = state.collateral;
        }
        (uint256 cash, uint256 room) = ILiquidityBuffer(vault.buffer()).capacity(collateral);
        // the lane goes on without it, at `stressPace`
        if (_isFull(cash, room, priceE36, minDebt)) revert BufferFull(collateral);
        whole = taken <= room;
        taken = Math.min(taken, room);
        cost = Math.min(Math.fullMulDivUp(taken * multipleWad, priceE36, 1e54), state.debt);
        if (cost > cash) {
            taken = Math.min(taken, Math.fullMulDiv(cash, PRICE_SCALE, Math.fullMulDivUp(priceE36, multipleWad, WAD)));
            cost = Math.min(Math.fullMulDivUp(taken * multipleWad, priceE36, 1e54), cash);
            whole = false;
        }
        // a unit of collateral is worth more than what is left
        if (taken == 0) revert BufferFull(collateral);
    }

    function _isBufferFull(Sale memory sale) internal view returns (bool) {
        if (sale.buffer == BufferState.Unknown) {
            (uint256 cash, uint256 room) = ILiquidityBuffer(vault.buffer()).capacity(sale.collateral);
            bool full = _isFull(cash, room, sale.priceE36, sale.minDebt);
            sale.buffer = full ? BufferState.Full : BufferState.HasRoom;
        }
        return sale.buffer == BufferState.Full;
    }

    /// @dev Full is what can't take over even the smallest position.
    function _isFull(uint256 cash, uint256 room, uint256 priceE36, uint256 minDebt) internal pure returns (bool) {
        return Math.min(cash, room.valueDown(priceE36)) < Math.max(minDebt, 1);
    }

    function _premium(
        Lane storage lane_,
        LaneParameters storage parameters,
        uint256 priceE36
    ) internal view returns (uint256) {
        uint256 widest = parameters.maxPremiumBps * WAD_PER_BPS;
        // in doubt, nothing is sold cheaply
        if (address(parameters.guard) != address(0) && parameters.guard.diverged()) return widest;
        uint256 ratioWad = Math.fullMulDiv(lane_.emaE36, WAD, priceE36);
        uint256 premiumWad = Math.zeroFloorSub(ratioWad, WAD);
        return Math.clamp(premiumWad, parameters.minPremiumBps * WAD_PER_BPS, widest);
    }

    function _ema(Lane storage lane_, uint256 period) internal view returns (uint256) {
        (uint256 lastPriceE36, uint256 observedAt) = (lane_.lastPriceE36, lane_.observedAt);
        uint256 keptWad = uint256(Math.expWad(-int256(((block.timestamp - observedAt) * WAD) / period)));
        return Math.fullMulDiv(lane_.emaE36, keptWad, WAD) + Math.fullMulDiv(lastPriceE36, WAD - keptWad, WAD);
    }

    /// @dev depth moves the price by 1 %, so that `paceBps` an hour is depth · paceBps / 100.
    function _boundedRate(LaneParameters memory parameters, uint256 depth) internal pure returns (uint256) {
        return
            Math.clamp(
                Math.fullMulDiv(Math.min(depth, type(uint128).max), parameters.paceBps, 100),
                parameters.minRatePerHour,
                parameters.maxRatePerHour
            );
    }

    /// @dev The bounds within which `GradualAuction` can't overflow and no fill can be toxic, whatever is set.
    function _requireBounds(LaneParameters calldata p, uint256 lltvBps) internal pure {
        if (p.slopeWad < 1e12 || p.slopeWad > 1e16) revert BadParameter("slopeWad");
        if (p.minPremiumBps > p.maxPremiumBps) revert BadParameter("minPremiumBps");
        if (p.maxPremiumBps > 2000) revert BadParameter("maxPremiumBps");
        if (p.targetLtvBps == 0 || p.targetLtvBps >= lltvBps) revert BadParameter("targetLtvBps");
        if (p.absorbLtvBps <= lltvBps || p.absorbLtvBps >= BPS) revert BadParameter("absorbLtvBps");
        // β·(1 − LTV) with β = 1/2 must have room for both where positions come in, and at the take-over
        if (2 * (uint256(p.maxDiscountBps) + p.liquidationFeeBps) > BPS - lltvBps) {
            revert BadParameter("maxDiscountBps");
        }
        if (2 * uint256(p.absorbDiscountBps) > BPS - p.absorbLtvBps) revert BadParameter("absorbDiscountBps");
        if (p.paceBps == 0 || p.paceBps > BPS) revert BadParameter("paceBps");
        if (p.stressPaceBps < p.paceBps || p.stressPaceBps > BPS) revert BadParameter("stressPaceBps");
        if (p.chipBps > 100) revert BadParameter("chipBps");
        uint256 longestAgeWad = GradualAuction.longestAge(
            p.maxPremiumBps * WAD_PER_BPS,
            p.maxDiscountBps * WAD_PER_BPS,
            p.slopeWad
        );
        if (longestAgeWad == 0 || longestAgeWad > 1 days * WAD) revert BadParameter("slopeWad");
        if (p.maxAuctionDuration * WAD < longestAgeWad || p.maxAuctionDuration > 7 days) {
            revert BadParameter("maxAuctionDuration");
        }
        if (p.absorbDelay > p.maxAuctionDuration) revert BadParameter("absorbDelay");
        if (p.emaPeriod < 1 minutes || p.emaPeriod > 1 days) revert BadParameter("emaPeriod");
        if (p.minRatePerHour == 0 || p.minRatePerHour > p.maxRatePerHour) revert BadParameter("minRatePerHour");
        if (p.maxRatePerHour > type(uint104).max) revert BadParameter("maxRatePerHour");
        if (address(p.depthOracle) == address(0)) revert ZeroAddress();
    }

    // ------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IAuctionHouse
    function quote(
        address collateral,
        address owner,
        uint256 maxCollateral
    ) external view override returns (Quote memory q) {
        Order[] memory orders = new Order[](1);
        orders[0] = Order(owner, maxCollateral);
        (Sale memory sale, IVault.PositionState[] memory states) = _openSale(collateral, orders);
        (q, , , ) = _quote(sale, _auction[collateral][owner], states[0], maxCollateral);
    }

    /// @inheritdoc IAuctionHouse
    function lane(address collateral) external view override returns (Lane memory) {
        return _lane[collateral];
    }

    /// @inheritdoc IAuctionHouse
    function isRunning(address collateral) external view override returns (bool) {
        Lane storage lane_ = _lane[collateral];
        return
            lane_.auctions != 0 &&
            block.timestamp <= uint256(lane_.startedAt) + _parameters[collateral].maxAuctionDuration;
    }

    /// @inheritdoc IAuctionHouse
    function laneParameters(address collateral) external view override returns (LaneParameters memory) {
        return _parameters[collateral];
    }

    /// @inheritdoc IAuctionHouse
    function auction(address collateral, address owner) external view override returns (Auction memory) {
        return _auction[collateral][owner];
    }

    /// @inheritdoc IAuctionHouse
    function ema(address collateral) external view override returns (uint256) {
        _requireLane(collateral);
        return _ema(_lane[collateral], _parameters[collateral].emaPeriod);
    }
}
