// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IUniswapV3Pool } from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import { IAuctionHouse } from "./IAuctionHouse.sol";
import { ILiquidityBuffer } from "./ILiquidityBuffer.sol";
import { IVault } from "./IVault.sol";

/// @title Buys from a lane or from the buffer with no capital and sells on a Uniswap v3 pool, in one transaction
/// @notice Anyone may call it, and it has no privileges. The caller names the pool. That is safe: what the contract holds
/// lasts for one call and belongs to its caller, a pool is paid nothing but collateral bought in that call, and the vault
/// or buffer takes its payment from what came back, or all of it reverts. A pool that cheats cheats only who named it.
interface IFlashLiquidator {
    // ------------------------------------------------------------------------------------------------- events

    /// @notice Collateral was bought for `cost` and sold on `pool` for `cost + profit`.
    /// @param collateral The market.
    /// @param pool Where it was sold.
    /// @param keeper The caller.
    /// @param bought Collateral bought and sold.
    /// @param cost Loan asset paid for it.
    /// @param profit Loan asset that was left.
    event Liquidated(
        address indexed collateral,
        IUniswapV3Pool indexed pool,
        address indexed keeper,
        uint256 bought,
        uint256 cost,
        uint256 profit
    );

    // ------------------------------------------------------------------------------------------------- errors

    /// @notice The pool can't buy all of the collateral: it took `sold` of `bought`. Buy less.
    error PoolTooShallow(IUniswapV3Pool pool, uint256 bought, uint256 sold);
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

    /// @notice Buys `orders` of one market from its lane, sells exactly what was bought on `pool`, pays the vault and sends
    /// the rest to `profitReceiver`.
    /// @param pool Any Uniswap v3 pool of collateral and loan asset.
    /// @param collateral The market.
    /// @param orders Positions, in the order in which they are bought from.
    /// @param minProfit The least profit in loan asset; gas is the caller's own. Bounds the price of the sale as well.
    /// @param profitReceiver Who gets the profit.
    /// @return bought Collateral bought and sold.
    /// @return cost Loan asset paid to the vault.
    /// @return profit Loan asset sent to `profitReceiver`, with anything that lay in the contract before.
    /// @dev Reverts with `Unprofitable`, `PoolTooShallow`, `Reentered`, `ZeroAddress`, or as `IAuctionHouse.buyMany` and
    /// the pool do.
    function liquidate(
        IUniswapV3Pool pool,
        address collateral,
        IAuctionHouse.Order[] calldata orders,
        uint256 minProfit,
        address profitReceiver
    ) external returns (uint256 bought, uint256 cost, uint256 profit);

    /// @notice As `liquidate` for the buffer's inventory, which `ILiquidityBuffer.buyInventory` sells.
    /// @param pool Any Uniswap v3 pool of collateral and loan asset.
    /// @param collateral The market.
    /// @param maxCollateral The most to buy.
    /// @param minProfit The least profit in loan asset; gas is the caller's own.
    /// @param profitReceiver Who gets the profit.
    /// @return bought Collateral bought and sold.
    /// @return cost Loan asset paid to the buffer.
    /// @return profit Loan asset sent to `profitReceiver`, with anything that lay in the contract before.
    function liquidateInventory(
        IUniswapV3Pool pool,
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
