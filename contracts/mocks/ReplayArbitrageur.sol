// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { IUniswapV3Pool } from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import { IUniswapV3SwapCallback } from "@uniswap/v3-core/contracts/interfaces/callback/IUniswapV3SwapCallback.sol";

/// @notice Swaps on one Uniswap v3 pool until its price is the one asked for, out of the contract's own tokens.
contract ReplayArbitrageur is IUniswapV3SwapCallback {
    using SafeERC20 for IERC20;

    error NotOwner(address caller);
    error NotPool(address caller);

    address public immutable owner;
    IUniswapV3Pool public immutable pool;

    constructor(address owner_, IUniswapV3Pool pool_) {
        owner = owner_;
        pool = pool_;
    }

    /// @param sqrtPriceX96 The pool's price afterwards, as in `slot0`.
    function pullTo(uint160 sqrtPriceX96) external {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        (uint160 current, , , , , , ) = pool.slot0();
        if (current == sqrtPriceX96) return;
        pool.swap(address(this), sqrtPriceX96 < current, type(int256).max, sqrtPriceX96, "");
    }

    function uniswapV3SwapCallback(int256 owed0, int256 owed1, bytes calldata) external {
        if (msg.sender != address(pool)) revert NotPool(msg.sender);
        if (owed0 > 0) IERC20(pool.token0()).safeTransfer(msg.sender, uint256(owed0));
        if (owed1 > 0) IERC20(pool.token1()).safeTransfer(msg.sender, uint256(owed1));
    }
}
