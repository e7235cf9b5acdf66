// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IAuctionHouse } from "./IAuctionHouse.sol";
import { ILiquidityBuffer } from "./ILiquidityBuffer.sol";
import { IVault } from "./IVault.sol";

/// @title Buys from a lane or from the buffer with no capital and sells on up to four venues, in one transaction
/// @notice Anyone may call it, and it has no privileges. The caller names the venues. That is safe: what the contract holds
/// lasts for one call and belongs to its caller; a venue gets nothing but the collateral of its own leg, or for the second hop
/// of a path what the first one paid for it; and the vault or buffer takes its payment from what came back, or all of it
/// reverts. A venue that cheats cheats only who named it.
///
/// A leg may call any contract with any data. The calls are made by this contract, so they can't reach those who know it or
/// whose tokens it holds: the vault, the house, the buffer, this contract, the loan asset and every market's collateral are
/// refused. A target must take some of what its leg sells, and no more. So nobody can have it leave an approval of a token that it ever has to hold, or buy in its name. The one
/// approval that a leg gets is of its own collateral, and is taken back after the call. Between transactions the contract
/// holds nothing; what is sent to it goes to whoever calls next.
interface IFlashLiquidator {
    /// @notice How a leg sells. What `Leg.venue` is, and what `Leg.data` holds.
    /// @custom:member UniswapV3 A pool of collateral and loan asset; no data.
    /// @custom:member UniswapV3Path A pool of collateral and a middle token; `abi.encode(middle token, pool of it and the
    /// loan asset)`.
    /// @custom:member UniswapV2 A pair of collateral and loan asset with a fee of 0.3 %; no data.
    /// @custom:member Call A contract that takes up to the leg's collateral by allowance; the calldata. What it leaves goes to
    /// the last leg, or to the receiver of the profit where it is the last one itself.
    enum LegKind {
        UniswapV3,
        UniswapV3Path,
        UniswapV2,
        Call
    }

    /// @notice One venue's part of a sale.
    /// @param kind How it sells.
    /// @param venue The pool, the first pool of a path, the pair, or the contract to call.
    /// @param shareWad The share of what was bought, Wad, rounded down to a unit. The last leg sells the rest, whatever its
    /// share says, and what calls before it have left. A leg with nothing to sell is passed over.
    /// @param minOut The least loan asset that the leg must bring, in smallest units.
    /// @param data See `LegKind`.
    struct Leg {
        LegKind kind;
        address venue;
        uint64 shareWad;
        uint256 minOut;
        bytes data;
    }

    // ------------------------------------------------------------------------------------------------- events

    /// @notice Collateral was bought for `cost` and sold for `cost + profit`.
    /// @param collateral The market.
    /// @param keeper The caller.
    /// @param bought Collateral bought and sold.
    /// @param cost Loan asset paid for it.
    /// @param profit Loan asset that was left.
    event Liquidated(address indexed collateral, address indexed keeper, uint256 bought, uint256 cost, uint256 profit);

    // ------------------------------------------------------------------------------------------------- errors

    /// @notice A route needs a leg.
    error EmptyRoute();
    /// @notice A route has at most four legs.
    error TooManyLegs(uint256 legs);
    /// @notice The legs before the last one sell more than everything.
    error SharesTooHigh(uint256 sharesWad);
    /// @notice A leg may not call `target`, which knows this contract or is a token that it holds; or a path goes through it.
    error TargetNotAllowed(address target);
    /// @notice The venue took `sold` of the `amount` that its leg sells. Buy less.
    error VenueTooShallow(address venue, uint256 amount, uint256 sold);
    /// @notice The venue asked for more than the `amount` that its leg sells.
    error VenueTookMore(address venue, uint256 amount);
    /// @notice The venue gave `proceeds`, less than its leg's `minOut`.
    error VenueGaveLess(address venue, uint256 proceeds, uint256 minOut);
    /// @notice The sale brought `proceeds`, less than `cost` and `minProfit`. Wait, or buy less.
    error Unprofitable(uint256 proceeds, uint256 cost, uint256 minProfit);
    /// @notice A callback came from `caller`, with no liquidation under way that expects one from it.
    error UnexpectedCallback(address caller);
    /// @notice A liquidation is under way already.
    error Reentered();
    /// @notice The vault has no buffer yet; link it first.
    error NotLinked();
    error ZeroAddress();

    // ------------------------------------------------------------------------------------------------ keepers

    /// @notice Buys `orders` of one market from its lane, sells exactly what was bought along `route`, pays the vault and
    /// sends the rest to `profitReceiver`, with collateral that a call as the last leg has left.
    /// @param route The venues, one to four.
    /// @param collateral The market.
    /// @param orders Positions, in the order in which they are bought from.
    /// @param minProfit The least profit in loan asset; gas is the caller's own. Bounds the price of the sale as well.
    /// @param profitReceiver Who gets the profit.
    /// @return bought Collateral bought and sold.
    /// @return cost Loan asset paid to the vault.
    /// @return profit Loan asset sent to `profitReceiver`, with anything that lay in the contract before.
    /// @dev Reverts with `EmptyRoute`, `TooManyLegs`, `SharesTooHigh`, `TargetNotAllowed`, `VenueTooShallow`, `VenueTookMore`,
    /// `VenueGaveLess`, `Unprofitable`, `Reentered`, `ZeroAddress`, or as `IAuctionHouse.buyMany` and the venues do.
    function liquidate(
        Leg[] calldata route,
        address collateral,
        IAuctionHouse.Order[] calldata orders,
        uint256 minProfit,
        address profitReceiver
    ) external returns (uint256 bought, uint256 cost, uint256 profit);

    /// @notice As `liquidate` for the buffer's inventory, which `ILiquidityBuffer.buyInventory` sells.
    /// @param route The venues, one to four.
    /// @param collateral The market.
    /// @param maxCollateral The most to buy.
    /// @param minProfit The least profit in loan asset; gas is the caller's own.
    /// @param profitReceiver Who gets the profit.
    /// @return bought Collateral bought and sold.
    /// @return cost Loan asset paid to the buffer.
    /// @return profit Loan asset sent to `profitReceiver`, with anything that lay in the contract before.
    function liquidateInventory(
        Leg[] calldata route,
        address collateral,
        uint256 maxCollateral,
        uint256 minProfit,
        address profitReceiver
    ) external returns (uint256 bought, uint256 cost, uint256 profit);

    // ------------------------------------------------------------------------------------------------- views

    /// @notice The auction house whose lanes it buys from.
    /// @return Its address.
    function auctionHouse() external view returns (IAuctionHouse);

    /// @notice The vault of that house.
    /// @return Its address.
    function vault() external view returns (IVault);

    /// @notice The buffer whose inventory it buys.
    /// @return Its address.
    function buffer() external view returns (ILiquidityBuffer);

    /// @notice The loan asset.
    /// @return Its address.
    function loanAsset() external view returns (address);
}
