// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IERC3156FlashLender } from "@openzeppelin/contracts/interfaces/IERC3156FlashLender.sol";
import { IERC20Permit } from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import { IERC4626 } from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import { IInterestRateModel } from "./IInterestRateModel.sol";
import { IOracle } from "./IOracle.sol";

/// @title Lenders' shares and borrowers' positions in one loan asset
/// @notice An ERC-4626 vault for lenders. Borrowers hold one position per collateral. A market is one collateral, named by
/// the address of its token. The vault knows nothing of auctions: the `AuctionHouse` tells it what to settle.
///
/// Units: assets, debt and fees in smallest units of the loan asset; collateral in its own smallest units; LTVs in Bps
/// (1e4 = 100 %). Debt is held in debt shares; `debt = shares * index / 1e27`, rounded up against the borrower. Cash, debt
/// shares and what is owed to reserves and buffer are each under 2^112; a call that would exceed that reverts.
///
/// A signature that was used already passes again without effect while what it sets still stands, so that whoever submits it
/// first can't make a `multicall` fail. This holds for `setAuthorizationWithSignature` and `permit`; `permit`, which does
/// not name its nonce, recognises the signatures of the owner's last four nonces.
interface IVault is IERC4626, IERC20Permit, IERC3156FlashLender {
    /// @notice One market of the vault.
    /// @param oracle The price that positions are judged and sold at.
    /// @param lltvBps The LTV above which a position is unhealthy. Fixed when the market is listed.
    /// @param borrowOracle The price for borrowing and withdrawing: the lower of two where they diverge. Must never be above
    /// `oracle`, or an unhealthy position could be drawn from.
    /// @param minDebt The least that a position with debt may owe, in assets.
    /// @param ceiling The effective debt ceiling, in assets: the lower of `debtCeiling` and `laneCeiling`. Limits new debt
    /// only.
    /// @param debtShares The sum of the positions' debt shares.
    /// @param maxLtvBps The LTV up to which a position may borrow or withdraw.
    /// @param debtCeiling The debt ceiling that governance sets, in assets.
    /// @param laneCeiling The debt ceiling that the market's lane sets, in assets; zero until it does.
    struct Market {
        IOracle oracle;
        uint16 lltvBps;
        IOracle borrowOracle;
        uint96 minDebt;
        uint112 ceiling;
        uint112 debtShares;
        uint16 maxLtvBps;
        uint112 debtCeiling;
        uint112 laneCeiling;
    }

    /// @notice Market parameters that governance sets; see `Market`.
    /// @param oracle The price that positions are judged and sold at.
    /// @param borrowOracle The price for borrowing and withdrawing.
    /// @param maxLtvBps The LTV up to which a position may borrow or withdraw.
    /// @param lltvBps The LTV above which a position is unhealthy.
    /// @param debtCeiling The debt ceiling of governance, in assets.
    /// @param minDebt The least that a position with debt may owe, in assets.
    struct MarketParameters {
        IOracle oracle;
        IOracle borrowOracle;
        uint16 maxLtvBps;
        uint16 lltvBps;
        uint112 debtCeiling;
        uint96 minDebt;
    }

    /// @notice One borrower in one market.
    /// @param collateral The collateral that it holds.
    /// @param debtShares The debt that it owes, in debt shares.
    /// @param riskAt When it last borrowed, or withdrew with debt, as a timestamp in seconds.
    struct Position {
        uint112 collateral;
        uint112 debtShares;
        uint32 riskAt;
    }

    /// @notice A position with interest up to now.
    /// @param collateral The collateral that it holds.
    /// @param debt The debt that it owes, in assets, rounded up.
    /// @param riskAt When it last borrowed, or withdrew with debt, as a timestamp in seconds.
    struct PositionState {
        uint256 collateral;
        uint256 debt;
        uint256 riskAt;
    }

    /// @notice What a settlement takes from one position and repays for it.
    /// @param owner The position's owner.
    /// @param collateral The collateral sold.
    /// @param repaid The debt repaid, in assets; more than the debt repays all of it.
    /// @param pay The collateral paid, beside what is sold, to the keeper who did the work.
    struct Fill {
        address owner;
        uint256 collateral;
        uint256 repaid;
        uint256 pay;
    }

    /// @notice A signed authorisation (EIP-712).
    /// @param owner Who signs, and whose positions are opened to `operator`.
    /// @param operator Who may borrow and withdraw.
    /// @param allowed Whether it may.
    /// @param nonce The owner's next ERC-2612 nonce.
    /// @param deadline The last timestamp at which the signature can be used, in seconds.
    struct Authorization {
        address owner;
        address operator;
        bool allowed;
        uint256 nonce;
        uint256 deadline;
    }

    // ------------------------------------------------------------------------------------------------- events

    /// @notice The vault was connected to its auction house and buffer.
    /// @param auctionHouse The only caller of `settle`, `pay` and `setLaneCeiling`.
    /// @param buffer The only caller of `collectBufferFees`, and the second in line for losses.
    event Linked(address indexed auctionHouse, address indexed buffer);

    /// @notice Governance listed a market or changed its parameters.
    /// @param collateral The market.
    /// @param parameters Its parameters from now on.
    event MarketSet(address indexed collateral, MarketParameters parameters);

    /// @notice The debt ceiling of a market's lane changed.
    /// @param collateral The market.
    /// @param assets The lane's ceiling from now on, in assets.
    event LaneCeilingSet(address indexed collateral, uint256 assets);

    /// @notice Governance changed how interest is shared.
    /// @param reserveShareBps The reserves' share.
    /// @param bufferShareBps The buffer's share.
    event InterestSharesSet(uint16 reserveShareBps, uint16 bufferShareBps);

    /// @notice New borrowing was paused or resumed.
    /// @param paused Whether it is paused from now on.
    event BorrowPausedSet(bool paused);

    /// @notice Governance withdrew reserves.
    /// @param receiver Who received them.
    /// @param assets The amount.
    event ReservesWithdrawn(address indexed receiver, uint256 assets);

    /// @notice The buffer collected fees and interest.
    /// @param assets The amount.
    event BufferFeesCollected(uint256 assets);

    /// @notice Interest was added to the debts.
    /// @param indexE27 The debt index from now on, scaled by 1e27.
    /// @param interest The interest since the last accrual, in assets.
    /// @param owed What reserves and buffer are owed in total, fees included, less what was paid out and written off.
    event InterestAccrued(uint256 indexE27, uint256 interest, uint256 owed);

    /// @notice An authorisation was granted or revoked.
    /// @param owner Whose positions it concerns.
    /// @param operator Who may borrow and withdraw.
    /// @param allowed Whether it may from now on.
    event AuthorizationSet(address indexed owner, address indexed operator, bool allowed);

    /// @notice Collateral was added to a position.
    /// @param collateral The market.
    /// @param owner The position's owner.
    /// @param caller Who paid.
    /// @param amount The collateral added.
    event CollateralSupplied(address indexed collateral, address indexed owner, address indexed caller, uint256 amount);

    /// @notice Collateral was withdrawn from a position.
    /// @param collateral The market.
    /// @param owner The position's owner.
    /// @param receiver Who received it.
    /// @param caller The owner or its operator.
    /// @param amount The collateral withdrawn.
    event CollateralWithdrawn(
        address indexed collateral,
        address indexed owner,
        address indexed receiver,
        address caller,
        uint256 amount
    );

    /// @notice A position borrowed.
    /// @param collateral The market.
    /// @param owner The position's owner.
    /// @param receiver Who received the assets.
    /// @param caller The owner or its operator.
    /// @param assets The assets borrowed.
    /// @param debtShares The debt shares added.
    event Borrowed(
        address indexed collateral,
        address indexed owner,
        address indexed receiver,
        address caller,
        uint256 assets,
        uint256 debtShares
    );

    /// @notice Debt of a position was repaid.
    /// @param collateral The market.
    /// @param owner The position's owner.
    /// @param caller Who paid.
    /// @param assets The assets taken.
    /// @param debtShares The debt shares removed.
    event Repaid(
        address indexed collateral,
        address indexed owner,
        address indexed caller,
        uint256 assets,
        uint256 debtShares
    );

    /// @notice Collateral of a position was sold and debt of it repaid.
    /// @param collateral The market.
    /// @param owner The position's owner.
    /// @param receiver Who received the collateral.
    /// @param amount The collateral sold.
    /// @param repaid The debt repaid, in assets.
    /// @param debtShares The debt shares removed.
    event Settled(
        address indexed collateral,
        address indexed owner,
        address indexed receiver,
        uint256 amount,
        uint256 repaid,
        uint256 debtShares
    );

    /// @notice A position paid a keeper in collateral.
    /// @param collateral The market.
    /// @param owner The position's owner.
    /// @param receiver Who received the pay.
    /// @param amount The collateral paid.
    event Paid(address indexed collateral, address indexed owner, address indexed receiver, uint256 amount);

    /// @notice Debt without collateral was written off.
    /// @param collateral The market.
    /// @param owner The position's owner.
    /// @param debt The loss, in assets: the sum of the last three.
    /// @param debtShares The debt shares removed.
    /// @param fromReserves The part that the reserves bore.
    /// @param fromBuffer The part that the buffer bore, in fees that it had not collected and in cash.
    /// @param fromLenders The part that the lenders bore.
    event WrittenOff(
        address indexed collateral,
        address indexed owner,
        uint256 debt,
        uint256 debtShares,
        uint256 fromReserves,
        uint256 fromBuffer,
        uint256 fromLenders
    );

    // ------------------------------------------------------------------------------------------------- errors

    /// @notice The caller must be another.
    /// @param caller Who called.
    /// @param expected Who may call.
    error NotAllowed(address caller, address expected);
    /// @notice The caller is neither the owner nor its operator; see `setAuthorization`.
    /// @param caller Who called.
    /// @param owner The position's owner.
    error NotAuthorized(address caller, address owner);
    /// @notice The amount must not be zero.
    error ZeroAmount();
    /// @notice The address must not be zero.
    error ZeroAddress();
    /// @notice The token is not a market of the vault.
    /// @param collateral The token.
    error MarketNotListed(address collateral);
    /// @notice A market's lltv never changes: no vote makes a position unhealthy.
    /// @param lltvBps The market's.
    error LltvIsFixed(uint256 lltvBps);
    /// @notice The vault has as many markets as it can hold.
    /// @param most How many it can hold.
    error TooManyMarkets(uint256 most);
    /// @notice The loan asset can't be its own collateral, and a collateral must be a contract.
    /// @param collateral The token.
    error BadCollateral(address collateral);
    /// @notice LTVs must satisfy 0 < maxLtv < lltv < 1e4.
    /// @param maxLtvBps The maximum LTV given.
    /// @param lltvBps The lltv given.
    error BadLtv(uint256 maxLtvBps, uint256 lltvBps);
    /// @notice The oracle answers zero.
    /// @param oracle The oracle.
    error PriceIsZero(IOracle oracle);
    /// @notice The two shares of interest must sum to at most 1e4.
    /// @param reserveShareBps The reserves' share given.
    /// @param bufferShareBps The buffer's share given.
    error BadInterestShares(uint256 reserveShareBps, uint256 bufferShareBps);
    /// @notice Auction house and buffer are set once.
    error AlreadyLinked();
    /// @notice New borrowing is paused. Repaying, supplying and withdrawing are not.
    error BorrowPaused();
    /// @notice There is not enough idle cash.
    /// @param wanted The assets asked for.
    /// @param idle The assets that can be paid.
    error NotEnoughCash(uint256 wanted, uint256 idle);
    /// @notice The market's debt would exceed its ceiling.
    /// @param debt What the market would owe, in assets.
    /// @param ceiling The lower of its two ceilings, in assets.
    error DebtCeilingExceeded(uint256 debt, uint256 ceiling);
    /// @notice The position would owe something, but less than `minDebt`.
    /// @param debt What it would owe, in assets.
    /// @param minDebt The least that a position with debt may owe, in assets.
    error DebtTooSmall(uint256 debt, uint256 minDebt);
    /// @notice The position's LTV would exceed the market's maximum.
    /// @param ltvWad What its LTV would be, as a Wad.
    /// @param maxLtvWad The maximum, as a Wad.
    error LtvTooHigh(uint256 ltvWad, uint256 maxLtvWad);
    /// @notice The position does not hold enough collateral.
    /// @param wanted The collateral asked for.
    /// @param held The collateral that it holds.
    error NotEnoughCollateral(uint256 wanted, uint256 held);
    /// @notice The position has no debt to repay.
    error NoDebt();
    /// @notice The token moved less than it was asked to, for example because of a fee on transfer.
    /// @param token The token.
    error TransferIncomplete(address token);
    /// @notice The signature's deadline has passed.
    /// @param deadline The deadline, as a timestamp in seconds.
    error SignatureExpired(uint256 deadline);
    /// @notice The signature is not the owner's; or its nonce is not the next one, and what it sets does not stand.
    error BadSignature();
    /// @notice The receiver of a flash loan did not return ERC-3156's magic value.
    /// @param receiver The receiver.
    error FlashLoanRefused(address receiver);
    /// @notice Only the loan asset can be flash-borrowed.
    /// @param token The token asked for.
    error FlashLoanUnsupported(address token);

    // ---------------------------------------------------------------------------------------------- borrowers

    /// @notice Adds collateral to a position. Anyone may; can never be paused.
    /// @dev Reverts with `MarketNotListed`, `ZeroAmount`, `ZeroAddress`, `TransferIncomplete`.
    /// @param collateral The market.
    /// @param amount The collateral to add, taken from the caller.
    /// @param owner The position's owner.
    function supplyCollateral(address collateral, uint256 amount, address owner) external;

    /// @notice Withdraws collateral from a position. Only its owner or the owner's operator.
    /// @dev With debt, reads `borrowOracle` and requires an LTV of at most `maxLtvBps` afterwards; without, reads no oracle.
    /// Counts interest up to now, but leaves booking it to the next call that moves cash.
    /// Reverts with `NotAuthorized`, `ZeroAmount`, `ZeroAddress`, `MarketNotListed`, `NotEnoughCollateral`, `LtvTooHigh`, or
    /// as the oracle does.
    /// @param collateral The market.
    /// @param amount The collateral to withdraw.
    /// @param owner The position's owner.
    /// @param receiver Who receives the collateral.
    function withdrawCollateral(address collateral, uint256 amount, address owner, address receiver) external;

    /// @notice Borrows against a position. Only its owner or the owner's operator.
    /// @dev Reverts with `BorrowPaused`, `NotAuthorized`, `ZeroAmount`, `ZeroAddress`, `MarketNotListed`, `NotEnoughCash`,
    /// `DebtCeilingExceeded`, `DebtTooSmall`, `LtvTooHigh`, or as the oracle does.
    /// @param collateral The market.
    /// @param assets The assets to borrow.
    /// @param owner The position's owner.
    /// @param receiver Who receives the assets.
    /// @return debtShares The debt shares added, rounded up.
    function borrow(
        address collateral,
        uint256 assets,
        address owner,
        address receiver
    ) external returns (uint256 debtShares);

    /// @notice Repays debt of a position. Anyone may; can never be paused; reads no oracle.
    /// Takes no more than the debt. A repayment that would leave less than `minDebt` takes less and leaves just `minDebt`, so
    /// that a repayment ahead of it can't make it fail.
    /// @dev Reverts with `MarketNotListed`, `NoDebt`, `ZeroAmount`, or with `DebtTooSmall` where the debt is at or under
    /// `minDebt` already and would be repaid in part.
    /// @param collateral The market.
    /// @param assets The most to repay.
    /// @param owner The position's owner.
    /// @return repaid The assets taken from the caller.
    /// @return debtShares The debt shares removed, rounded down.
    function repay(
        address collateral,
        uint256 assets,
        address owner
    ) external returns (uint256 repaid, uint256 debtShares);

    /// @notice Repays debt of a position by debt shares; otherwise as `repay`.
    /// @dev Reverts as `repay`.
    /// @param collateral The market.
    /// @param debtShares The most debt shares to repay.
    /// @param owner The position's owner.
    /// @return repaid The assets taken from the caller, rounded up.
    function repayShares(address collateral, uint256 debtShares, address owner) external returns (uint256 repaid);

    /// @notice Lets an operator borrow against and withdraw from every position of the caller, or no longer.
    /// @param operator The operator.
    /// @param allowed Whether it may.
    function setAuthorization(address operator, bool allowed) external;

    /// @notice Sets an authorisation that its owner signed (EIP-712, this vault's and this chain's domain). Anyone may submit
    /// it. With the owner's next nonce it is set and the nonce consumed; with a used one nothing changes.
    /// @dev Contracts sign by ERC-1271. Reverts with `SignatureExpired`, `BadSignature`; also for a used nonce when the
    /// authorisation does not stand as signed.
    /// @param authorization What was signed.
    /// @param signature The owner's signature of it.
    function setAuthorizationWithSignature(Authorization calldata authorization, bytes calldata signature) external;

    /// @notice Books the interest up to now. Anyone may.
    function accrueInterest() external;

    // --------------------------------------------------------------------------------- auction house and buffer

    /// @notice Sells collateral of positions of one market. Takes what is sold and the pay from each position and reduces its
    /// debt, sends the collateral to `receiver` and the pay to `payReceiver`, calls `payer` back if there is `data`, and pulls
    /// what was repaid and the fee from `payer`. Writes off the debt of positions that have no collateral left: from reserves,
    /// then buffer, then lenders.
    /// @dev Only the auction house. All of the vault's state is up to date before the first transfer. Reverts with
    /// `NotAllowed`, `NotEnoughCollateral`.
    /// @param collateral The market.
    /// @param fills What to take from each position and to repay for it.
    /// @param fee What `payer` pays on top of the debt repaid, in assets; goes to the buffer.
    /// @param payer Who pays.
    /// @param receiver Who receives the collateral sold.
    /// @param payReceiver Who receives the pay.
    /// @param data Passed to `payer.onBuy`, which is not called when it is empty.
    /// @return debts Each position's debt after its fill and before any write-off, in assets, rounded up.
    function settle(
        address collateral,
        Fill[] calldata fills,
        uint256 fee,
        address payer,
        address receiver,
        address payReceiver,
        bytes calldata data
    ) external returns (uint256[] memory debts);

    /// @notice Pays a keeper in collateral out of a position, healthy or not. Only the auction house, which bounds it.
    /// @dev Reverts with `NotAllowed`, `NotEnoughCollateral`.
    /// @param collateral The market.
    /// @param owner The position's owner.
    /// @param amount The collateral to pay.
    /// @param receiver Who receives it.
    function pay(address collateral, address owner, uint256 amount, address receiver) external;

    /// @notice Sets the debt ceiling of a market's lane. Only the auction house. Limits new debt, never standing debt.
    /// @dev Reverts with `NotAllowed`, `MarketNotListed`.
    /// @param collateral The market.
    /// @param assets The ceiling, in assets; more than 2^112 - 1 counts as that.
    function setLaneCeiling(address collateral, uint256 assets) external;

    /// @notice Sends the buffer the fees and interest that it has earned, as far as there is idle cash. Only the buffer.
    /// @dev Reverts with `NotAllowed`.
    /// @return assets The assets sent.
    function collectBufferFees() external returns (uint256 assets);

    // --------------------------------------------------------------------------------------------- governance

    /// @notice Sets auction house and buffer, once.
    /// @dev Reverts with `AlreadyLinked`, `ZeroAddress`.
    /// @param auctionHouse_ The auction house.
    /// @param buffer_ The buffer.
    function link(address auctionHouse_, address buffer_) external;

    /// @notice Lists a market, or sets all of its parameters but its lltv. Both oracles must answer with a price. The lane's
    /// ceiling stays.
    /// @dev Reverts with `TooManyMarkets`, `BadCollateral`, `BadLtv`, `LltvIsFixed`, `PriceIsZero`, or as the oracles do.
    /// @param collateral The market.
    /// @param parameters Its parameters.
    function setMarket(address collateral, MarketParameters calldata parameters) external;

    /// @notice Sets which shares of interest go to the reserves and the buffer; the rest goes to the lenders. Both together get
    /// their part, rounded down; of it the reserves get theirs, rounded down, and the buffer the rest.
    /// @dev Reverts with `BadInterestShares`.
    /// @param reserveShareBps The reserves' share.
    /// @param bufferShareBps The buffer's share.
    function setInterestShares(uint16 reserveShareBps, uint16 bufferShareBps) external;

    /// @notice Pauses or resumes new borrowing. The guardian can do nothing else.
    /// @param paused Whether to pause.
    function setBorrowPaused(bool paused) external;

    /// @notice Withdraws reserves, which then no longer absorb losses.
    /// @dev Reverts with `NotEnoughCash`, `ZeroAddress`.
    /// @param assets The assets to withdraw.
    /// @param receiver Who receives them.
    function withdrawReserves(uint256 assets, address receiver) external;

    // ------------------------------------------------------------------------------------------------- views

    /// @notice The only caller of `settle`, `pay` and `setLaneCeiling`.
    /// @return The auction house; zero until `link`.
    function auctionHouse() external view returns (address);

    /// @notice Absorbs losses after the reserves and before the lenders.
    /// @return The buffer; zero until `link`.
    function buffer() external view returns (address);

    /// @notice The model that sets the borrow rate from the utilisation.
    /// @return The model.
    function interestRateModel() external view returns (IInterestRateModel);

    /// @notice Whether new borrowing is paused.
    /// @return Whether it is.
    function borrowPaused() external view returns (bool);

    /// @notice The reserves' share of interest.
    /// @return The share, in Bps.
    function reserveShareBps() external view returns (uint16);

    /// @notice The buffer's share of interest.
    /// @return The share, in Bps.
    function bufferShareBps() external view returns (uint16);

    /// @notice The markets of the vault.
    /// @return Their collaterals, oldest first; at most 16.
    function markets() external view returns (address[] memory);

    /// @notice A market with its debt ceilings.
    /// @param collateral The market.
    /// @return The market; all zero if it is not listed.
    function market(address collateral) external view returns (Market memory);

    /// @notice A position as stored, without interest since the last accrual.
    /// @param collateral The market.
    /// @param owner The position's owner.
    /// @return The position.
    function position(address collateral, address owner) external view returns (Position memory);

    /// @notice Whether an operator may borrow against and withdraw from an owner's positions.
    /// @param owner The owner.
    /// @param operator The operator.
    /// @return Whether it may.
    function isAuthorized(address owner, address operator) external view returns (bool);

    /// @notice A market's price and positions with interest up to now, in one call.
    /// @dev Reverts with `MarketNotListed`, or as the oracle does.
    /// @param collateral The market.
    /// @param owners The positions' owners.
    /// @return priceE36 The price of `oracle`, scaled by 1e36.
    /// @return lltvBps The LTV above which a position is unhealthy.
    /// @return minDebt The least that a position with debt may owe, in assets.
    /// @return positions The positions, in the order of `owners`.
    function snapshot(
        address collateral,
        address[] calldata owners
    ) external view returns (uint256 priceE36, uint256 lltvBps, uint256 minDebt, PositionState[] memory positions);

    /// @notice A position's debt with interest up to now. Reads no oracle.
    /// @param collateral The market.
    /// @param owner The position's owner.
    /// @return assets The debt, rounded up.
    function debtOf(address collateral, address owner) external view returns (uint256 assets);

    /// @notice Cash of the vault that is not lent. Tracked, so that donations don't count.
    /// @return assets The cash.
    function idle() external view returns (uint256 assets);

    /// @notice The debt index with interest up to now.
    /// @return The index, scaled by 1e27.
    function indexE27() external view returns (uint256);

    /// @notice The sum of all debts with interest up to now.
    /// @return assets The sum, rounded down.
    function totalDebt() external view returns (uint256 assets);

    /// @notice The sum of all debt shares.
    /// @return The sum.
    function totalDebtShares() external view returns (uint256);

    /// @notice Absorbs losses before the buffer and lenders; withdrawable only by governance.
    /// @return assets The reserves with interest up to now.
    function reserves() external view returns (uint256 assets);

    /// @notice Fees and interest that the buffer has earned and not collected. Absorb losses with the buffer.
    /// @return assets The fees with interest up to now.
    function bufferFees() external view returns (uint256 assets);
}
