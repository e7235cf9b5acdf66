// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IERC3156FlashLender } from "@openzeppelin/contracts/interfaces/IERC3156FlashLender.sol";
import { IERC20Permit } from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import { IERC4626 } from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import { IInterestRateModel } from "./IInterestRateModel.sol";
import { IOracle } from "./IOracle.sol";

/// @title Lenders' shares and borrowers' positions in one loan asset
/// @notice An ERC-4626 vault for lenders. Borrowers hold a position per collateral; a market is one collateral and is
/// named by the address of its token. The vault knows nothing of auctions: the `AuctionHouse` tells it what to settle.
///
/// Units: assets, debt and fees in smallest units of the loan asset; collateral in its own smallest units; LTVs in Bps
/// (1e4 = 100 %). Debt is held in debt shares; `debt = shares * index / 1e27`, rounded up against the borrower. Cash, debt shares
/// and what reserves and buffer are owed are each under 2^112; a call that would make one of them more fails.
interface IVault is IERC4626, IERC20Permit, IERC3156FlashLender {
    /// @notice One collateral of the vault.
    /// @param oracle The price at which positions are judged and sold.
    /// @param maxLtvBps The LTV up to which one may borrow or withdraw.
    /// @param lltvBps The LTV above which a position is unhealthy. Fixed when the market is listed, for good.
    /// @param borrowOracle The price for borrowing and withdrawing; the worse of two for the borrower when they part. Must
    /// never be above `oracle`, or an unhealthy position could be drawn from.
    /// @param debtCeiling The most that may be owed in this market when somebody borrows.
    /// @param minDebt The least that a position may owe, if it owes anything.
    /// @param debtShares The sum of the positions' debt shares; as each of theirs, under 2^112.
    struct Market {
        IOracle oracle;
        uint16 lltvBps;
        IOracle borrowOracle;
        uint96 minDebt;
        uint112 debtCeiling;
        uint112 debtShares;
        uint16 maxLtvBps;
    }

    /// @notice What governance says of a market; see `Market`.
    struct MarketParameters {
        IOracle oracle;
        IOracle borrowOracle;
        uint16 maxLtvBps;
        uint16 lltvBps;
        uint112 debtCeiling;
        uint96 minDebt;
    }

    /// @notice One borrower in one market.
    /// @param riskAt When its owner last borrowed or withdrew, in seconds: an auction must have started later.
    struct Position {
        uint112 collateral;
        uint112 debtShares;
        uint32 riskAt;
    }

    /// @notice A position with its debt as of now, in assets, rounded up.
    struct PositionState {
        uint256 collateral;
        uint256 debt;
        uint256 riskAt;
    }

    /// @notice What is sold of one position and what is repaid for it.
    struct Fill {
        address owner;
        uint256 collateral;
        uint256 repaid;
        uint256 pay;
    }

    /// @notice A signed authorisation (EIP-712). `nonce` is the owner's next ERC-2612 nonce; `deadline` in seconds.
    struct Authorization {
        address owner;
        address operator;
        bool allowed;
        uint256 nonce;
        uint256 deadline;
    }

    // ------------------------------------------------------------------------------------------------- events

    event Linked(address indexed auctionHouse, address indexed buffer);
    event MarketSet(address indexed collateral, MarketParameters parameters);
    event InterestSharesSet(uint16 reserveShareBps, uint16 bufferShareBps);
    event BorrowPausedSet(bool paused);
    event ReservesWithdrawn(address indexed receiver, uint256 assets);
    event BufferFeesCollected(uint256 assets);

    /// @param owed What reserves and buffer are owed then, in all: also of fees, less what was paid out and written off.
    event InterestAccrued(uint256 indexE27, uint256 interest, uint256 owed);
    event AuthorizationSet(address indexed owner, address indexed operator, bool allowed);
    event CollateralSupplied(address indexed collateral, address indexed owner, address indexed caller, uint256 amount);
    event CollateralWithdrawn(
        address indexed collateral,
        address indexed owner,
        address indexed receiver,
        address caller,
        uint256 amount
    );
    event Borrowed(
        address indexed collateral,
        address indexed owner,
        address indexed receiver,
        address caller,
        uint256 assets,
        uint256 debtShares
    );
    event Repaid(
        address indexed collateral,
        address indexed owner,
        address indexed caller,
        uint256 assets,
        uint256 debtShares
    );
    /// @notice Collateral of a position was sold to `receiver` and part of its debt repaid.
    event Settled(
        address indexed collateral,
        address indexed owner,
        address indexed receiver,
        uint256 amount,
        uint256 repaid,
        uint256 debtShares
    );
    event BountyPaid(address indexed collateral, address indexed owner, address indexed receiver, uint256 amount);
    /// @notice Debt without collateral was written off, and who bore it.
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

    /// @notice The caller must be `expected`.
    error NotAllowed(address caller, address expected);
    /// @notice `caller` has no authorisation of `owner`; see `setAuthorization`.
    error NotAuthorized(address caller, address owner);
    /// @notice An amount of zero does nothing; give a positive one.
    error ZeroAmount();
    /// @notice A zero address can't be used here.
    error ZeroAddress();
    /// @notice This token is not a market of the vault.
    error MarketNotListed(address collateral);
    /// @notice A market's lltv never changes: nobody becomes unhealthy by a vote.
    error LltvIsFixed(uint256 lltvBps);
    /// @notice The vault has its most markets already.
    error TooManyMarkets(uint256 most);
    /// @notice The loan asset can't be its own collateral, and a collateral must be a contract.
    error BadCollateral(address collateral);
    /// @notice LTVs must satisfy 0 < maxLtv < lltv < 1e4.
    error BadLtv(uint256 maxLtvBps, uint256 lltvBps);
    /// @notice The two shares of interest must sum to at most 1e4.
    error BadInterestShares(uint256 reserveShareBps, uint256 bufferShareBps);
    /// @notice The auction house and the buffer are set once.
    error AlreadyLinked();
    /// @notice New borrowing is paused by the guardian. Repaying, topping up and withdrawing are not.
    error BorrowPaused();
    /// @notice The vault holds `idle` and can't pay `wanted`.
    error NotEnoughCash(uint256 wanted, uint256 idle);
    /// @notice The market's debt would be above its ceiling.
    error DebtCeilingExceeded(uint256 debt, uint256 ceiling);
    /// @notice The position would owe `debt`, less than `minDebt` and more than nothing. Repay all, or less.
    error DebtTooSmall(uint256 debt, uint256 minDebt);
    /// @notice The position's LTV would be `ltvWad`, above the market's maximum.
    error LtvTooHigh(uint256 ltvWad, uint256 maxLtvWad);
    /// @notice The position holds `held` and can't give `wanted`.
    error NotEnoughCollateral(uint256 wanted, uint256 held);
    /// @notice The position has no debt to repay.
    error NoDebt();
    /// @notice The token moved less than it was asked to (a fee on transfer, for example). It can't be used here.
    error TransferIncomplete(address token);
    /// @notice The signature's deadline has passed.
    error SignatureExpired(uint256 deadline);
    /// @notice The signature is not the owner's, or its nonce is not the next one.
    error BadSignature();
    /// @notice The flash loan's receiver did not return ERC-3156's magic value.
    error FlashLoanRefused(address receiver);
    /// @notice Flash loans are of the loan asset only.
    error FlashLoanUnsupported(address token);

    // ---------------------------------------------------------------------------------------------- borrowers

    /// @notice Adds collateral to the position of `owner`. Anyone may; can never be paused.
    /// @dev Reverts with `MarketNotListed`, `ZeroAmount`, `ZeroAddress`, `TransferIncomplete`.
    function supplyCollateral(address collateral, uint256 amount, address owner) external;

    /// @notice Takes collateral out of the position of `owner`, who must be the caller or have authorised it.
    /// @dev With debt, reads `borrowOracle` and requires the LTV after to be at most `maxLtvBps`; without, reads none. Counts
    /// interest up to now, but leaves it to the next call that moves cash to book it.
    /// Reverts with `NotAuthorized`, `ZeroAmount`, `ZeroAddress`, `MarketNotListed`, `NotEnoughCollateral`, `LtvTooHigh`, or
    /// as the oracle does.
    function withdrawCollateral(address collateral, uint256 amount, address owner, address receiver) external;

    /// @notice Borrows against the position of `owner`, who must be the caller or have authorised it.
    /// @dev Reverts with `BorrowPaused`, `NotAuthorized`, `ZeroAmount`, `ZeroAddress`, `MarketNotListed`, `NotEnoughCash`,
    /// `DebtCeilingExceeded`, `DebtTooSmall`, `LtvTooHigh`, or as the oracle does.
    /// @return debtShares The debt shares added, rounded up.
    function borrow(
        address collateral,
        uint256 assets,
        address owner,
        address receiver
    ) external returns (uint256 debtShares);

    /// @notice Repays up to `assets` of the debt of `owner`; more than the debt repays all of it and takes no more.
    /// Anyone may; can never be paused; reads no oracle.
    /// @dev Reverts with `MarketNotListed`, `NoDebt`, `ZeroAmount`, or `DebtTooSmall` where a rest under `minDebt` would be
    /// left.
    /// @return repaid The assets taken.
    /// @return debtShares The debt shares removed, rounded down.
    function repay(
        address collateral,
        uint256 assets,
        address owner
    ) external returns (uint256 repaid, uint256 debtShares);

    /// @notice Repays debt by shares: exactly `debtShares`, or all if there are fewer. Otherwise as `repay`.
    /// @return repaid The assets taken, rounded up.
    function repayShares(address collateral, uint256 debtShares, address owner) external returns (uint256 repaid);

    /// @notice Lets `operator` borrow against and withdraw from every position of the caller, or stops it.
    function setAuthorization(address operator, bool allowed) external;

    /// @notice Sets an authorisation that its owner signed (EIP-712, this vault's and this chain's domain).
    /// @dev Reverts with `SignatureExpired`, `BadSignature`. Contracts sign by ERC-1271.
    function setAuthorizationWithSignature(Authorization calldata authorization, bytes calldata signature) external;

    /// @notice Brings the interest up to date. Anyone may.
    function accrueInterest() external;

    // --------------------------------------------------------------------------------- auction house and buffer

    /// @notice Sells collateral of positions of one market: takes it from them and their debt down, sends all of it to
    /// `receiver`, calls `payer` back if there is `data`, then pulls what was repaid and the fee from `payer`.
    /// Debt of a position that has no collateral left is written off: from reserves, then buffer, then lenders.
    /// @dev Only the auction house. Every figure of the vault is up to date before anything is called.
    /// @param fee On top of what is repaid, for the buffer.
    /// @return debts Each position's debt after its fill, in assets, rounded up; before any write-off.
    function settle(
        address collateral,
        Fill[] calldata fills,
        uint256 fee,
        address payer,
        address receiver,
        address payReceiver,
        bytes calldata data
    ) external returns (uint256[] memory debts);

    /// @notice Pays a keeper's bounty in collateral out of a position. Only the auction house, which bounds it.
    function setLaneCeiling(address collateral, uint256 assets) external;

    function pay(address collateral, address owner, uint256 amount, address receiver) external;

    /// @notice Sends the buffer what fees and interest it has earned, as far as there is idle cash. Only the buffer.
    function collectBufferFees() external returns (uint256 assets);

    // --------------------------------------------------------------------------------------------- governance

    /// @notice Sets the auction house and the buffer, once. The admin's.
    /// @dev Reverts with `AlreadyLinked`, `ZeroAddress`.
    function link(address auctionHouse_, address buffer_) external;

    /// @notice Lists a collateral, or sets all of a market's parameters but its lltv. Both oracles are read, so that a
    /// broken one can't be set. Standing positions keep their health but for a new oracle's price.
    /// @dev Reverts with `TooManyMarkets`, `BadCollateral`, `BadLtv`, `LltvIsFixed`, or as the oracles do.
    function setMarket(address collateral, MarketParameters calldata parameters) external;

    /// @notice Sets which shares of interest go to reserves and to the buffer; the rest is the lenders'. The two together get their
    /// part, rounded down; of that the reserves get theirs, rounded down, and the buffer the rest.
    /// @dev Reverts with `BadInterestShares`.
    function setInterestShares(uint16 reserveShareBps, uint16 bufferShareBps) external;

    /// @notice Pauses new borrowing, all that the guardian can do, or ends the pause.
    function setBorrowPaused(bool paused) external;

    /// @notice Pays out reserves. They stand before the buffer and the lenders in a write-off only while they are here.
    /// @dev Reverts with `NotEnoughCash`, `ZeroAddress`.
    function withdrawReserves(uint256 assets, address receiver) external;

    // ------------------------------------------------------------------------------------------------- views

    function auctionHouse() external view returns (address);

    function buffer() external view returns (address);

    function interestRateModel() external view returns (IInterestRateModel);

    function borrowPaused() external view returns (bool);

    function reserveShareBps() external view returns (uint16);

    function bufferShareBps() external view returns (uint16);

    /// @notice The collaterals of the vault, oldest first; at most 16.
    function markets() external view returns (address[] memory);

    function market(address collateral) external view returns (Market memory);

    function position(address collateral, address owner) external view returns (Position memory);

    function isAuthorized(address owner, address operator) external view returns (bool);

    /// @notice A market's price and its positions with interest up to now, in one call.
    /// @dev Reverts with `MarketNotListed`, or as the oracle does.
    function snapshot(
        address collateral,
        address[] calldata owners
    ) external view returns (uint256 priceE36, uint256 lltvBps, uint256 minDebt, PositionState[] memory positions);

    /// @notice A position's debt with interest up to now, in assets, rounded up. Reads no oracle.
    function debtOf(address collateral, address owner) external view returns (uint256 assets);

    /// @notice Loan asset that lies in the vault and is not lent. Tracked, so that donations don't count.
    function idle() external view returns (uint256 assets);

    /// @notice The debt index with interest up to now, scaled by 1e27.
    function indexE27() external view returns (uint256);

    /// @notice The sum of all debts with interest up to now, rounded down.
    function totalDebt() external view returns (uint256 assets);

    function totalDebtShares() external view returns (uint256);

    /// @notice First in line for losses. Owed to nobody but whom governance pays them to.
    function reserves() external view returns (uint256 assets);

    /// @notice Fees and interest that the buffer has earned and not collected.
    function bufferFees() external view returns (uint256 assets);
}
