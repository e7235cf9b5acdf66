// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IDepthOracle } from "./IDepthOracle.sol";
import { IOracle } from "./IOracle.sol";
import { IOracleGuard } from "./IOracleGuard.sol";
import { IVault } from "./IVault.sol";

/// @title One lane per market: sells the collateral of unhealthy positions at the pace that the venue can take
/// @notice A lane is a linear gradual Dutch auction over all unhealthy positions of a market (see `GradualAuction` and
/// docs/protocol.md). It is closed until somebody shows it an unhealthy position, and closes by itself when nothing is
/// bought for a while. A position has no state here. The house holds no funds. Anyone may call everything but the two
/// setters. Buying cannot be paused.
///
/// Units: prices scaled by 1e36, multiples of the oracle price and LTVs in Wad, parameters in Bps, time in seconds.
interface IAuctionHouse {
    /// @notice How a lane sells.
    /// @param slopeWad σ: how much the multiple falls a second, Wad.
    /// @param minPremiumBps π_min: least premium over the oracle price.
    /// @param maxPremiumBps π_max: greatest premium.
    /// @param maxDiscountBps δ: how far under the oracle price the multiple may fall.
    /// @param firstDiscountBps δ_0: how far it may fall for a position right at its lltv. The LTV above the lltv adds to it.
    /// @param targetLtvBps τ: a position is sold down to this LTV, no further.
    /// @param absorbLtvBps From this LTV on the buffer may absorb a position.
    /// @param liquidationFeeBps φ: on top of what is repaid, for the buffer.
    /// @param urgency u: how much faster than `r` a position at an LTV of 1 is sold; otherwise the pace is r·(1 + u·x²) with
    /// x = (min(LTV, 1 / LTV) − lltv) / (1 − lltv), at least 0. A number, not Bps.
    /// @param idleTime Seconds without a buy, beyond the longest age, after which the lane closes.
    /// @param emaPeriod Seconds: time constant of the lane's average of the oracle price.
    /// @param absorbDiscountBps How far under the oracle price the buffer absorbs a position.
    /// @param paceBps Price impact an hour that the market allows: the lane's rate is `depth * paceBps / 100` an hour.
    /// @param clearHours The market's debt may grow to what the lane sells in so many hours at `r`.
    /// @param minRatePerHour Lower bound of the lane's rate, collateral an hour.
    /// @param maxRatePerHour Upper bound of the lane's rate, collateral an hour.
    /// @param depthOracle Depth of the venue.
    /// @param guard Tells when the oracle is in doubt; zero for none.
    struct LaneParameters {
        uint64 slopeWad;
        uint16 minPremiumBps;
        uint16 maxPremiumBps;
        uint16 maxDiscountBps;
        uint16 firstDiscountBps;
        uint16 targetLtvBps;
        uint16 absorbLtvBps;
        uint16 liquidationFeeBps;
        uint16 urgency;
        uint16 idleTime;
        uint32 emaPeriod;
        uint16 absorbDiscountBps;
        uint16 paceBps;
        uint16 clearHours;
        uint104 minRatePerHour;
        uint104 maxRatePerHour;
        IDepthOracle depthOracle;
        IOracleGuard guard;
    }

    /// @notice What keepers are paid: `gasUnits · (min(base fee, feeCap) + tip) · (1 + margin)` in native coin, turned into
    /// collateral, within `capBps` of the position's collateral and half of its equity where it has any.
    /// @param nativeOracle Price of a wei in loan asset, scaled by 1e36; zero pays only in markets of `wrappedNative`.
    /// @param feeCap Highest base fee that is paid for, wei.
    /// @param marginBps On top of the cost, for profit, and for a rollup's data fee.
    /// @param capBps Greatest share of a position's collateral, or of a redemption, that is paid.
    /// @param wrappedNative The native coin as a token, which is worth one to one; zero for none.
    /// @param tip Priority fee that is paid for, wei.
    /// @param interval Seconds in which a market pays for `open` once.
    struct PayParameters {
        IOracle nativeOracle;
        uint64 feeCap;
        uint16 marginBps;
        uint16 capBps;
        address wrappedNative;
        uint64 tip;
        uint32 interval;
    }

    /// @notice The state of a lane.
    /// @param cursorWad c: the emission up to this time is sold. Seconds, Wad.
    /// @param ratePerHour r: collateral an hour, as of `syncedAt`.
    /// @param syncedAt When the rate was last set from the depth, in seconds.
    /// @param boundAt The last 24 bits of when a fill last left a `Ratchet` here, in seconds.
    /// @param lastPriceE36 The oracle price last seen, scaled by 1e36.
    /// @param observedAt When it was seen, in seconds.
    /// @param emaE36 The exponential average of the oracle price up to then, scaled by 1e36.
    /// @param diverged What the guard said then.
    /// @param watchedSince Since when the price was never unseen for more than an hour, in seconds.
    /// @param paidAt When an `open` was last paid for, in seconds.
    struct Lane {
        uint96 cursorWad;
        uint104 ratePerHour;
        uint32 syncedAt;
        uint24 boundAt;
        uint216 lastPriceE36;
        uint40 observedAt;
        uint216 emaE36;
        bool diverged;
        uint40 watchedSince;
        uint40 paidAt;
    }

    /// @notice What a lane would do now, with everything brought up to this moment.
    /// @param isOpen Whether it sells.
    /// @param diverged Whether oracle and second source have parted.
    /// @param priceE36 p: the oracle price, scaled by 1e36.
    /// @param emaE36 The average of the oracle price, scaled by 1e36.
    /// @param premiumWad π: the premium of what is emitted now, Wad.
    /// @param ratePerHour r: collateral an hour, refreshed from the depth where that is due.
    /// @param ageWad a_L: the age of the oldest unsold emission, seconds, Wad.
    struct LaneState {
        bool isOpen;
        bool diverged;
        uint256 priceE36;
        uint256 emaE36;
        uint256 premiumWad;
        uint256 ratePerHour;
        uint256 ageWad;
    }

    /// @notice What a fill leaves where the equity bounded its discount: no later fill of this position in the same block
    /// gets a greater one, so that a first small buy, which lowers the LTV, cannot make the rest cheaper.
    /// @param discountWad δ_i of that fill, Wad.
    /// @param filledAt When that was, in seconds.
    struct Ratchet {
        uint64 discountWad;
        uint40 filledAt;
    }

    /// @notice One position in a buy of many.
    /// @param owner Whose position.
    /// @param maxCollateral The most to buy of it.
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
    /// @param available All that the lane has emitted for this position and not sold, collateral.
    /// @param priceE36 The oracle price, scaled by 1e36.
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

    /// @notice Why a position cannot be bought from now.
    /// LaneClosed: call `open`. Enlarged: its owner borrowed or withdrew in this block, wait for the next. Healthy: its LTV
    /// is at most lltv. Insolvent: call `absorb`, the buffer has room. LaneEmpty: all that the lane has emitted is sold,
    /// wait. TooSmall: the amount is too small to lower the LTV.
    enum Refusal {
        None,
        LaneClosed,
        Enlarged,
        Healthy,
        Insolvent,
        LaneEmpty,
        TooSmall
    }

    /// @notice Why a position cannot be absorbed now.
    /// Healthy: its LTV is at most lltv. BelowAbsorbLtv: the lane sells it. Enlarged: its owner borrowed or withdrew in this
    /// block, wait for the next. Diverged: it is solvent at the oracle's price and insolvent at the lower one, wait until
    /// the two agree. BufferFull: the buffer has less cash, or less room for this collateral, than the smallest position
    /// (`minDebt`) or a unit of the collateral takes; the lane sells insolvent positions meanwhile. TooSmall: next to no
    /// equity is left, and the part for which the buffer has cash and room is too small to lower the LTV.
    enum AbsorbRefusal {
        None,
        Healthy,
        BelowAbsorbLtv,
        Enlarged,
        Diverged,
        BufferFull,
        TooSmall
    }

    // ------------------------------------------------------------------------------------------------- events

    /// @notice Governance set how a lane sells.
    /// @param collateral The market.
    /// @param parameters All of its parameters.
    event LaneSet(address indexed collateral, LaneParameters parameters);
    /// @notice Governance set what keepers are paid.
    /// @param parameters All of them.
    event PaySet(PayParameters parameters);
    /// @notice A lane's rate was set from the depth.
    /// @param collateral The market.
    /// @param depth Collateral whose sale moves the venue by 1 %.
    /// @param ratePerHour r from now on.
    event Synced(address indexed collateral, uint256 depth, uint256 ratePerHour);
    /// @notice A lane was opened.
    /// @param collateral The market.
    /// @param owner Whose unhealthy position was shown, and paid for it.
    /// @param keeper The caller.
    /// @param priceE36 The oracle price.
    /// @param ltvWad The position's LTV before it paid.
    /// @param premiumWad π at this moment.
    /// @param pay Collateral that the keeper was paid.
    event LaneOpened(
        address indexed collateral,
        address indexed owner,
        address indexed keeper,
        uint256 priceE36,
        uint256 ltvWad,
        uint256 premiumWad,
        uint256 pay
    );
    /// @notice Collateral of a position was bought.
    /// @param collateral The market.
    /// @param owner Whose position.
    /// @param buyer The caller.
    /// @param amount Collateral bought.
    /// @param cost Loan asset paid, fee included.
    /// @param repaid What of it repaid debt.
    /// @param priceE36 The oracle price.
    /// @param multipleWad m at the head.
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
    /// @notice The buffer absorbed a position, or a part of it.
    /// @param collateral The market.
    /// @param owner Whose position.
    /// @param keeper The caller.
    /// @param amount Collateral that went to the buffer.
    /// @param cost What the buffer paid, all of which repaid debt.
    /// @param priceE36 The price that it paid by.
    /// @param ltvWad The position's LTV at that price, after pay.
    /// @param pay Collateral that the keeper was paid.
    event Absorbed(
        address indexed collateral,
        address indexed owner,
        address indexed keeper,
        uint256 amount,
        uint256 cost,
        uint256 priceE36,
        uint256 ltvWad,
        uint256 pay
    );

    // ------------------------------------------------------------------------------------------------- errors

    /// @notice No lane is set for this market.
    error LaneNotSet(address collateral);
    /// @notice The lane sells already.
    error LaneIsOpen(address collateral);
    /// @notice The position is healthy at `ltvWad`; it opens no lane.
    error PositionHealthy(address owner, uint256 ltvWad);
    /// @notice The owner borrowed or withdrew in this block; try in the next.
    error EnlargedInThisBlock(address owner);
    /// @notice The position cannot be bought from now, and why.
    error NotBuyable(address owner, Refusal refusal);
    /// @notice A position can stand in a batch once.
    error DuplicateOrder(address owner);
    /// @notice None of the orders can be filled now.
    error NothingBought();
    /// @notice The cost would be above what the buyer allowed.
    error CostTooHigh(uint256 cost, uint256 maxCost);
    /// @notice The position cannot be absorbed now, and why.
    error NotAbsorbable(address owner, AbsorbRefusal refusal);
    /// @notice None of the positions can be absorbed now.
    error NothingAbsorbed();
    /// @notice A fill would raise the position's LTV (invariant A1).
    error FillIsToxic(address owner);
    /// @notice A parameter is out of its bounds; `name` says which.
    error BadParameter(bytes32 name);
    /// @notice A zero address cannot be used here.
    error ZeroAddress();

    // ------------------------------------------------------------------------------------------------ keepers

    /// @notice Opens a closed lane. Needs a witness: an unhealthy position that took no risk in this block. Nothing is
    /// emitted yet and the head stands at 1 + π. Observes the price, refreshes the rate where that is due, and pays the
    /// keeper out of the witness's collateral, once in the pay interval of the market.
    /// @param collateral The market.
    /// @param owner The witness.
    /// @param receiver Who gets the pay.
    /// @return pay Collateral paid, rounded down; 0 where the market paid for another `open` within the interval.
    /// @dev Anyone. Reverts with `ZeroAddress`, `LaneNotSet`, `LaneIsOpen`, `PositionHealthy`, `EnlargedInThisBlock`, or as
    /// the oracle does.
    function open(address collateral, address owner, address receiver) external returns (uint256 pay);

    /// @notice Buys collateral of one unhealthy position. Sends it to `receiver`, calls the caller back if there is `data`
    /// (`IBuyer`, called by the vault), then the vault pulls the cost from the caller, who approves the vault.
    /// @param collateral The market.
    /// @param owner Whose position.
    /// @param maxCollateral The most to buy; less is bought where the lane, the position or its target LTV has less.
    /// @param maxCost Revert above it. Guards against a price that moved.
    /// @param receiver Who gets the collateral.
    /// @param data Handed to the caller's `onBuy`; empty for no call.
    /// @return bought Collateral sent.
    /// @return cost Loan asset pulled, fee included, rounded up.
    /// @dev Anyone. Reverts with `LaneNotSet`, `NotBuyable`, `CostTooHigh`, `ZeroAddress` (receiver), or as the oracle does.
    function buy(
        address collateral,
        address owner,
        uint256 maxCollateral,
        uint256 maxCost,
        address receiver,
        bytes calldata data
    ) external returns (uint256 bought, uint256 cost);

    /// @notice As `buy` for several positions of one market with one price and one payment. Orders that cannot be filled
    /// are passed over, so that nobody can spoil a batch by changing one position.
    /// @param collateral The market.
    /// @param orders Positions, in the order in which they are filled.
    /// @param maxCost Revert above it, for all together.
    /// @param receiver Who gets the collateral.
    /// @param data Handed to the caller's `onBuy`; empty for no call.
    /// @return bought Collateral sent.
    /// @return cost Loan asset pulled, fees included, rounded up for each.
    /// @dev Anyone. Reverts with `LaneNotSet`, `NothingBought`, `DuplicateOrder`, `CostTooHigh`, `ZeroAddress`, or as the
    /// oracle does.
    function buyMany(
        address collateral,
        Order[] calldata orders,
        uint256 maxCost,
        address receiver,
        bytes calldata data
    ) external returns (uint256 bought, uint256 cost);

    /// @notice Transfers enough collateral and debt to the buffer to restore the target LTV, or the whole position if it
    /// is insolvent or would fall below `minDebt`; as far as the buffer has cash and room. Pays the keeper out of the
    /// position's collateral, for a part in proportion; each further position in a transaction pays for less gas. While the
    /// guard says diverged the buffer pays by the lower of the oracle's and the market's `borrowOracle`'s price.
    /// @param collateral The market.
    /// @param owner Whose position.
    /// @param receiver Who gets the pay.
    /// @return taken Collateral that the buffer got.
    /// @return cost What it paid, which is what was repaid, rounded up.
    /// @dev Anyone. Reverts with `LaneNotSet`, `NotAbsorbable`, `ZeroAddress`, or as the oracle does.
    function absorb(address collateral, address owner, address receiver) external returns (uint256 taken, uint256 cost);

    /// @notice As `absorb` for several positions of one market. Those that cannot be absorbed are passed over.
    /// @param collateral The market.
    /// @param owners Positions, in the order in which they are absorbed; each once.
    /// @param receiver Who gets the pay.
    /// @return taken Collateral that the buffer got.
    /// @return cost What it paid, rounded up for each.
    /// @dev Anyone. Reverts with `LaneNotSet`, `NothingAbsorbed`, `DuplicateOrder`, `ZeroAddress`, or as the oracle does.
    function absorbMany(
        address collateral,
        address[] calldata owners,
        address receiver
    ) external returns (uint256 taken, uint256 cost);

    /// @notice Sets the lane's rate from the venue's depth (down at once, up at most twofold an hour), and with it the
    /// ceiling of the market's debt, and observes the price. `open`, `buy`, `buyMany`, `absorb` and `absorbMany` do the
    /// same where the rate is older than half an hour, and keep the old one where the depth cannot be read.
    /// @param collateral The market.
    /// @return ratePerHour The new rate, collateral an hour, rounded down.
    /// @dev Anyone; unpaid. Reverts with `LaneNotSet`, or as the oracle or the depth oracle does.
    function sync(address collateral) external returns (uint256 ratePerHour);

    /// @notice Observes the oracle price for the lane's average, and asks the guard.
    /// @param collateral The market.
    /// @return emaE36 The average as of now, scaled by 1e36, rounded down.
    /// @dev Anyone; unpaid. Reverts with `LaneNotSet`, or as the oracle does.
    function observe(address collateral) external returns (uint256 emaE36);

    // --------------------------------------------------------------------------------------------- governance

    /// @notice Sets how a market's lane sells. Refuses parameters under which a fill could hurt its position (A7).
    /// Takes effect at once, the rate too. Reads oracle, depth oracle and guard, so that a broken one cannot be set.
    /// @param collateral The market.
    /// @param parameters All of its parameters.
    /// @dev Governance. Reverts with `BadParameter`, `ZeroAddress` (depth oracle), as the vault does where the market isn't
    /// listed, or as oracle, depth oracle or guard do.
    function setLane(address collateral, LaneParameters calldata parameters) external;

    /// @notice Sets what keepers are paid, in every market. Until it is called nobody is paid anything.
    /// @param parameters All of them.
    /// @dev Governance. Reverts with `BadParameter`, or as the native coin's oracle does.
    function setPay(PayParameters calldata parameters) external;

    // ------------------------------------------------------------------------------------------------- views

    /// @notice What `buy` would do now.
    /// @param collateral The market.
    /// @param owner Whose position.
    /// @param maxCollateral The most to buy.
    /// @return What would be bought, for what, or why nothing would.
    /// @dev Reverts only as the oracle does, or with `LaneNotSet`.
    function quote(address collateral, address owner, uint256 maxCollateral) external view returns (Quote memory);

    /// @notice What the lane would do now.
    /// @param collateral The market.
    /// @return Its state, brought up to this moment.
    /// @dev Reverts only as the oracle does, or with `LaneNotSet`.
    function laneState(address collateral) external view returns (LaneState memory);

    /// @notice Whether the lane sells: it was opened, or bought from, no longer than A + `idleTime` ago.
    /// @param collateral The market.
    /// @return True while it is open. Reads no oracle.
    function isOpen(address collateral) external view returns (bool);

    /// @notice The lane's rate as the next call would use it: refreshed where that is due.
    /// @param collateral The market.
    /// @return Collateral an hour; 0 where no lane is set.
    function ratePerHour(address collateral) external view returns (uint256);

    /// @notice The lane's average of the oracle price as of now: what was last seen counts until something else is.
    /// @param collateral The market.
    /// @return priceE36 Scaled by 1e36, rounded down.
    /// @dev Reverts with `LaneNotSet`.
    function ema(address collateral) external view returns (uint256 priceE36);

    /// @notice What a call that burns `gasUnits` is worth at this block's base fee, within the pay's bounds on fees.
    /// @param gasUnits Gas.
    /// @return assets In loan asset, rounded down; 0 where the native coin has no price.
    function payInLoanAsset(uint256 gasUnits) external view returns (uint256 assets);

    /// @notice The vault.
    /// @return The vault whose positions this house sells.
    function vault() external view returns (IVault);

    /// @notice A lane's storage.
    /// @param collateral The market.
    /// @return The lane's storage, as of its last change.
    function lane(address collateral) external view returns (Lane memory);

    /// @notice A lane's parameters.
    /// @param collateral The market.
    /// @return How its lane sells.
    function laneParameters(address collateral) external view returns (LaneParameters memory);

    /// @notice The parameters of pay.
    /// @return What keepers are paid.
    function payParameters() external view returns (PayParameters memory);

    /// @notice What the last fill of a position left.
    /// @param collateral The market.
    /// @param owner Whose position.
    /// @return The last ratchet; it binds in the block of `filledAt` only.
    function ratchet(address collateral, address owner) external view returns (Ratchet memory);
}
