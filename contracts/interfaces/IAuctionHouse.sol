// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import { IDepthOracle } from "./IDepthOracle.sol";
import { IOracleGuard } from "./IOracleGuard.sol";
import { IVault } from "./IVault.sol";

/// @title One lane per market: lets liquidations out at the pace that the venue can take
/// @notice A lane is a linear gradual Dutch auction over all unhealthy positions of a market (see `GradualAuction` and
/// docs/protocol.md). Holds no funds. Anyone may call everything but the setter. Buying can't be paused.
///
/// Units: prices scaled by 1e36, multiples of the oracle price and LTVs in Wad, parameters in Bps, time in seconds.
interface IAuctionHouse {
    /// @notice How a lane sells.
    /// @param slopeWad σ: how much the multiple falls a second, Wad.
    /// @param minPremiumBps π_min: least start premium over the oracle price.
    /// @param maxPremiumBps π_max: greatest start premium.
    /// @param maxDiscountBps δ: how far under the oracle price the multiple may fall.
    /// @param targetLtvBps τ: a position is sold down to this LTV, no further.
    /// @param absorbLtvBps From this LTV on the buffer may take a position over at once.
    /// @param absorbDiscountBps What the buffer takes a position over for, under the oracle price.
    /// @param liquidationFeeBps φ: on top of what is repaid, for the buffer.
    /// @param paceBps Price impact an hour that the market allows: the lane's rate is `depth * paceBps / 100` an hour.
    /// @param absorbDelay Seconds in auction after which the buffer may take a position over below `absorbLtv`.
    /// @param maxAuctionDuration Seconds for which a start is good.
    /// @param stressPaceBps As `paceBps`, for positions past `absorbLtv` while the buffer can take nothing.
    /// @param chipBps Bounty for a start in proportion to the debt.
    /// @param emaPeriod Seconds: time constant of the lane's average of the oracle price.
    /// @param tip Flat bounty for a start, in loan asset.
    /// @param minRatePerHour Lower bound of the lane's rate, collateral an hour.
    /// @param maxRatePerHour Upper bound of the lane's rate, collateral an hour.
    /// @param depthOracle Depth of the venue.
    /// @param guard Tells when the oracle is in doubt; zero for none.
    struct LaneParameters {
        uint64 slopeWad;
        uint16 minPremiumBps;
        uint16 maxPremiumBps;
        uint16 maxDiscountBps;
        uint16 targetLtvBps;
        uint16 absorbLtvBps;
        uint16 absorbDiscountBps;
        uint16 liquidationFeeBps;
        uint16 paceBps;
        uint32 absorbDelay;
        uint32 maxAuctionDuration;
        uint16 stressPaceBps;
        uint16 chipBps;
        uint32 emaPeriod;
        uint128 tip;
        uint128 minRatePerHour;
        uint128 maxRatePerHour;
        IDepthOracle depthOracle;
        IOracleGuard guard;
    }

    /// @notice The state of a lane.
    /// @param cursorWad c: the emission up to this time is sold. Seconds, Wad.
    /// @param ratePerHour r: collateral an hour.
    /// @param auctions How many auctions have not ended, expired ones among them.
    /// @param startedAt When an auction was last started here, ended or not, in seconds.
    /// @param lastPriceE36 The oracle price last seen, scaled by 1e36.
    /// @param observedAt When it was seen.
    /// @param emaE36 The exponential average of the oracle price up to then.
    /// @param syncedAt When the rate was last set from the depth.
    struct Lane {
        uint96 cursorWad;
        uint104 ratePerHour;
        uint24 auctions;
        uint32 startedAt;
        uint216 lastPriceE36;
        uint40 observedAt;
        uint216 emaE36;
        uint40 syncedAt;
    }

    /// @notice The auction of a position.
    /// @param startedAt s, in seconds; 0 when there is none.
    /// @param premiumWad π, frozen at the start.
    /// @param discountWad The δ_i of the last fill that the LTV bounded below `maxDiscount` and that left the auction running.
    /// Binds for the rest of that fill's block, so that a first small buy, which lowers the LTV, can't make the rest cheaper.
    /// @param filledAt When that was, in seconds.
    /// @param bountyAt When a bounty was last paid for this position, in seconds.
    struct Auction {
        uint40 startedAt;
        uint64 premiumWad;
        uint64 discountWad;
        uint40 filledAt;
        uint40 bountyAt;
    }

    /// @notice One position in a buy of many.
    struct Order {
        address owner;
        uint256 maxCollateral;
    }

    /// @notice What a buy would do now. All but `refusal`, `priceE36` and `ltvWad` may be 0 where it is refused.
    /// @param refusal Why nothing can be bought; `None` if something can.
    /// @param collateral What would be bought, rounded down.
    /// @param cost What it would cost in loan asset, fee included, rounded up.
    /// @param repaid What of the cost would repay debt, rounded down; the rest is the fee.
    /// @param multipleWad m, the multiple of the oracle price at the head.
    /// @param available All that the lane has let out and not sold, collateral.
    /// @param priceE36 The oracle price.
    /// @param ltvWad The position's LTV, rounded up.
    struct Quote {
        Refusal refusal;
        uint256 collateral;
        uint256 cost;
        uint256 repaid;
        uint256 multipleWad;
        uint256 available;
        uint256 priceE36;
        uint256 ltvWad;
    }

    /// @notice Why a position can't be bought from now.
    /// NotStarted: call `start`. Expired: the start was too long ago, call `start` again. Enlarged: its owner borrowed or
    /// withdrew since the start, call `start` again. Healthy: call `cancel`. Insolvent: call `absorb`, the buffer has
    /// room. LaneEmpty: all that the lane has let out is sold, wait. TooSmall: the amount is too small to lower the LTV.
    enum Refusal {
        None,
        NotStarted,
        Expired,
        Enlarged,
        Healthy,
        Insolvent,
        LaneEmpty,
        TooSmall
    }

    /// @notice How an auction ended. Target: sold down to the target LTV. Cancelled: healthy again. Absorbed: taken over.
    enum End {
        Target,
        Cancelled,
        Absorbed
    }

    // ------------------------------------------------------------------------------------------------- events

    event LaneSet(address indexed collateral, LaneParameters parameters);
    event Synced(address indexed collateral, uint256 depth, uint256 ratePerHour);
    event AuctionStarted(
        address indexed collateral,
        address indexed owner,
        address indexed keeper,
        uint256 priceE36,
        uint256 ltvWad,
        uint256 premiumWad,
        uint256 bounty
    );
    event Bought(
        address indexed collateral,
        address indexed owner,
        address indexed buyer,
        uint256 amount,
        uint256 cost,
        uint256 repaid,
        uint256 priceE36,
        uint256 multipleWad
    );
    event Absorbed(
        address indexed collateral,
        address indexed owner,
        address indexed keeper,
        uint256 amount,
        uint256 cost,
        uint256 priceE36,
        uint256 ltvWad
    );
    event AuctionEnded(address indexed collateral, address indexed owner, End end);

    // ------------------------------------------------------------------------------------------------- errors

    /// @notice No lane is set for this market.
    error LaneNotSet(address collateral);
    /// @notice The position is healthy at `ltvWad`; there is nothing to start or absorb.
    error PositionHealthy(address owner, uint256 ltvWad);
    /// @notice The position is not healthy at `ltvWad`; its auction can't be cancelled.
    error PositionUnhealthy(address owner, uint256 ltvWad);
    /// @notice The auction of this position runs already.
    error AlreadyStarted(address owner);
    /// @notice There is no auction of this position.
    error NoAuction(address owner);
    /// @notice The owner borrowed or withdrew in this block; try in the next.
    error EnlargedInThisBlock(address owner);
    /// @notice The position can't be bought from now, and why.
    error NotBuyable(address owner, Refusal refusal);
    /// @notice A position can stand in a batch once.
    error DuplicateOrder(address owner);
    /// @notice None of the orders can be filled now.
    error NothingBought();
    /// @notice The cost would be above what the buyer allowed.
    error CostTooHigh(uint256 cost, uint256 maxCost);
    /// @notice The buffer may take this position over from `absorbLtv` on, or once in auction for `absorbDelay`.
    error NotAbsorbable(address owner, uint256 ltvWad);
    /// @notice The buffer has less cash, or less room for this collateral, than the smallest position (`minDebt`) or a unit
    /// of the collateral takes. The lane sells past `absorbLtv` meanwhile.
    error BufferFull(address collateral);
    /// @notice A fill would raise the position's LTV (invariant A1).
    error FillIsToxic(address owner);
    /// @notice A parameter is out of its bounds; `name` says which.
    error BadParameter(bytes32 name);
    /// @notice A zero address can't be used here.
    error ZeroAddress();

    // ------------------------------------------------------------------------------------------------ keepers

    /// @notice Puts an unhealthy position in auction and pays the caller a bounty in collateral out of its equity:
    /// `tip + chip·debt`, at most what raises the LTV by 0.1 % and half of the equity, once in `maxAuctionDuration` per
    /// position.
    /// @dev Reverts with `LaneNotSet`, `PositionHealthy`, `AlreadyStarted`, `EnlargedInThisBlock`, or as the oracle does.
    function start(address collateral, address owner) external returns (uint256 bounty);

    /// @notice Buys collateral of one position in auction. Sends it to `receiver`, calls the caller back if there is
    /// `data` (`IBuyer`, called by the vault), then the vault pulls the cost from the caller, who approves the vault.
    /// @param maxCollateral The most to buy; less is bought where the lane, the position or its target LTV has less.
    /// @param maxCost Revert above it. Guards against a price that moved.
    /// @return bought Collateral sent.
    /// @return cost Loan asset pulled, fee included.
    /// @dev Reverts with `LaneNotSet`, `NotBuyable`, `CostTooHigh`, `ZeroAddress` (receiver), or as the oracle does.
    function buy(
        address collateral,
        address owner,
        uint256 maxCollateral,
        uint256 maxCost,
        address receiver,
        bytes calldata data
    ) external returns (uint256 bought, uint256 cost);

    /// @notice As `buy` for several positions of one market with one price and one payment. Orders that can't be filled
    /// are passed over, so that nobody can spoil a batch by changing one position.
    /// @dev Reverts with `LaneNotSet`, `NothingBought`, `DuplicateOrder`, `CostTooHigh`, `ZeroAddress`, or as the oracle
    /// does.
    function buyMany(
        address collateral,
        Order[] calldata orders,
        uint256 maxCost,
        address receiver,
        bytes calldata data
    ) external returns (uint256 bought, uint256 cost);

    /// @notice Ends the auction of a position that is healthy again (or has no debt left). Reads no oracle without debt.
    /// @dev Reverts with `NoAuction`, `PositionUnhealthy`.
    function cancel(address collateral, address owner) external;

    /// @notice Has the buffer take over what brings an unhealthy position to its target LTV; all of it when it is
    /// insolvent or little would be left. Pays the bounty of a start where none was paid, if the buffer
    /// has cash and room for all of it: a part earns nothing.
    /// @return taken Collateral that the buffer took.
    /// @return cost What it paid, which is what was repaid, rounded up.
    /// @dev Reverts with `LaneNotSet`, `PositionHealthy`, `NotAbsorbable`, `EnlargedInThisBlock`, `BufferFull`, or as the
    /// oracle does.
    function absorb(address collateral, address owner) external returns (uint256 taken, uint256 cost);

    /// @notice Sets the lane's rate from the venue's depth (down at once, up at most twofold an hour) and notes the price.
    /// @dev Reverts with `LaneNotSet`, or as the oracle or the depth oracle does.
    function sync(address collateral) external returns (uint256 ratePerHour);

    // --------------------------------------------------------------------------------------------- governance

    /// @notice Sets how a market's lane sells. Refuses parameters under which a fill could hurt its position (A7).
    /// Takes effect at once, the rate too. Reads oracle, depth oracle and guard, so that a broken one can't be set.
    /// @dev Governance. Reverts with `BadParameter`, `ZeroAddress` (depth oracle), as the vault does where the market isn't
    /// listed, or as oracle, depth oracle or guard do.
    function setLane(address collateral, LaneParameters calldata parameters) external;

    // ------------------------------------------------------------------------------------------------- views

    /// @notice What `buy` would do now. Reverts only as the oracle does, or with `LaneNotSet`.
    function quote(address collateral, address owner, uint256 maxCollateral) external view returns (Quote memory);

    function vault() external view returns (IVault);

    function lane(address collateral) external view returns (Lane memory);

    /// @notice False only if no start in this market is still good; may stay true for `maxAuctionDuration` after the last
    /// one, while an expired auction has not ended. Auctions that have expired and that nobody cancels or starts anew must
    /// not keep the buffer's inventory from its sale.
    function isRunning(address collateral) external view returns (bool);

    function laneParameters(address collateral) external view returns (LaneParameters memory);

    function auction(address collateral, address owner) external view returns (Auction memory);

    /// @notice The lane's average of the oracle price as of now: what was last seen counts until something else is.
    function ema(address collateral) external view returns (uint256 priceE36);
}
