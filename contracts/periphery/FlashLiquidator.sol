// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { IUniswapV3Pool } from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import { IUniswapV3SwapCallback } from "@uniswap/v3-core/contracts/interfaces/callback/IUniswapV3SwapCallback.sol";
import { SafeCast } from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { TickMath } from "@uniswap/v4-core/src/libraries/TickMath.sol";
import { IAuctionHouse } from "../interfaces/IAuctionHouse.sol";
import { IBuyer } from "../interfaces/IBuyer.sol";
import { IFlashLiquidator } from "../interfaces/IFlashLiquidator.sol";
import { ILiquidityBuffer } from "../interfaces/ILiquidityBuffer.sol";
import { IVault } from "../interfaces/IVault.sol";

/// @title FlashLiquidator
/// @notice See `IFlashLiquidator`.
contract FlashLiquidator is IFlashLiquidator, IBuyer, IUniswapV3SwapCallback {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    IAuctionHouse public immutable auctionHouse;
    IVault public immutable vault;
    ILiquidityBuffer public immutable buffer;
    address public immutable loanAsset;

    /// @dev Who sells in the liquidation under way, and calls `onBuy`: the vault or the buffer. Zero when there is none.
    address private transient seller;
    /// @dev Whom we sell to, and who calls `uniswapV3SwapCallback`. Zero but while `swap` lasts.
    address private transient swapping;
    /// @dev What we sell to it. Kept here, since a pool could say anything in the callback's data.
    address private transient selling;

    /// @dev Reverts with `ZeroAddress`, `NotLinked`.
    constructor(IAuctionHouse auctionHouse_) {
        if (address(auctionHouse_) == address(0)) revert ZeroAddress();
        auctionHouse = auctionHouse_;
        vault = auctionHouse_.vault();
        loanAsset = vault.asset();
        buffer = ILiquidityBuffer(vault.buffer());
        if (address(buffer) == address(0)) revert NotLinked();
    }

    // ------------------------------------------------------------------------------------------------ keepers

    /// @inheritdoc IFlashLiquidator
    function liquidate(
        IUniswapV3Pool pool,
        address collateral,
        IAuctionHouse.Order[] calldata orders,
        uint256 minProfit,
        address profitReceiver
    ) external returns (uint256 bought, uint256 cost, uint256 profit) {
        _begin(address(vault), pool, profitReceiver);
        (bought, cost) = auctionHouse.buyMany(
            collateral,
            orders,
            type(uint256).max, // `minProfit` bounds it
            address(this),
            abi.encode(pool, minProfit)
        );
        profit = _end(pool, collateral, bought, cost, profitReceiver);
    }

    /// @inheritdoc IFlashLiquidator
    function liquidateInventory(
        IUniswapV3Pool pool,
        address collateral,
        uint256 maxCollateral,
        uint256 minProfit,
        address profitReceiver
    ) external returns (uint256 bought, uint256 cost, uint256 profit) {
        _begin(address(buffer), pool, profitReceiver);
        (bought, cost) = buffer.buyInventory(
            collateral,
            maxCollateral,
            type(uint256).max, // `minProfit` bounds it
            address(this),
            abi.encode(pool, minProfit)
        );
        profit = _end(pool, collateral, bought, cost, profitReceiver);
    }

    // ---------------------------------------------------------------------------------------------- callbacks

    /// @inheritdoc IBuyer
    /// @dev Only the seller of the liquidation under way, which calls once, with our own data.
    function onBuy(address collateral, uint256 amount, uint256 cost, bytes calldata data) external {
        if (msg.sender != seller) revert UnexpectedCallback(msg.sender);
        (IUniswapV3Pool pool, uint256 minProfit) = abi.decode(data, (IUniswapV3Pool, uint256));

        _sell(pool, collateral, amount);

        uint256 proceeds = IERC20(loanAsset).balanceOf(address(this));
        if (proceeds < cost || proceeds - cost < minProfit) revert Unprofitable(proceeds, cost, minProfit);
        IERC20(loanAsset).forceApprove(msg.sender, cost);
    }

    /// @inheritdoc IUniswapV3SwapCallback
    /// @dev Only the pool of the liquidation under way, which is paid in collateral and nothing else.
    function uniswapV3SwapCallback(int256 amount0Delta, int256 amount1Delta, bytes calldata) external {
        if (msg.sender != swapping) revert UnexpectedCallback(msg.sender);
        address collateral = selling;
        int256 owed = collateral < loanAsset ? amount0Delta : amount1Delta;
        IERC20(collateral).safeTransfer(msg.sender, uint256(owed));
    }

    // ----------------------------------------------------------------------------------------------- internal

    function _begin(address seller_, IUniswapV3Pool pool, address profitReceiver) private {
        if (seller != address(0)) revert Reentered();
        if (address(pool) == address(0) || profitReceiver == address(0)) revert ZeroAddress();
        seller = seller_;
    }

    function _end(
        IUniswapV3Pool pool,
        address collateral,
        uint256 bought,
        uint256 cost,
        address profitReceiver
    ) private returns (uint256 profit) {
        profit = IERC20(loanAsset).balanceOf(address(this));
        if (profit != 0) IERC20(loanAsset).safeTransfer(profitReceiver, profit);
        seller = address(0);
        emit Liquidated(collateral, pool, msg.sender, bought, cost, profit);
    }

    function _sell(IUniswapV3Pool pool, address collateral, uint256 amount) private {
        (swapping, selling) = (address(pool), collateral);
        bool zeroForOne = collateral < loanAsset;
        (int256 amount0, int256 amount1) = pool.swap(
            address(this),
            zeroForOne,
            amount.toInt256(),
            zeroForOne ? TickMath.MIN_SQRT_PRICE + 1 : TickMath.MAX_SQRT_PRICE - 1,
            ""
        );
        (swapping, selling) = (address(0), address(0));
        uint256 sold = uint256(zeroForOne ? amount0 : amount1);
        if (sold != amount) revert PoolTooShallow(pool, amount, sold);
    }
}
