// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IUniswapV3Pool } from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";

/// @title Means of a Uniswap v3 pool over a window that ends now
/// @dev Formulas: Uniswap v3 Core whitepaper, sections 5.2 (tick) and 5.3 (liquidity).
library UniswapV3Window {
    /// @notice The pool has no observation as old as `window` seconds: raise its observation cardinality
    /// (`increaseObservationCardinalityNext`) and wait, or it was made less than `window` seconds ago.
    /// @param pool The pool.
    /// @param window The window, in seconds.
    error WindowNotAvailable(IUniswapV3Pool pool, uint32 window);
    /// @notice The pool is not of these two tokens.
    /// @param pool The pool.
    /// @param collateral One token it should be of.
    /// @param loanAsset The other.
    error WrongPool(IUniswapV3Pool pool, address collateral, address loanAsset);
    /// @notice A window has at least one second.
    error ZeroWindow();

    /// @notice A pool's means over the last `window` seconds.
    /// @dev Reverts with `WindowNotAvailable`.
    /// @param pool The pool.
    /// @param window The window, in seconds; must not be 0.
    /// @return meanTick The arithmetic mean of its tick, rounded down: the geometric mean of its price.
    /// @return harmonicMeanLiquidity The harmonic mean of its liquidity in range.
    function consult(
        IUniswapV3Pool pool,
        uint32 window
    ) internal view returns (int24 meanTick, uint256 harmonicMeanLiquidity) {
        uint32[] memory secondsAgos = new uint32[](2);
        secondsAgos[0] = window;

        try pool.observe(secondsAgos) returns (int56[] memory ticks, uint160[] memory secondsPerLiquidityX128) {
            // The pool lets its sums wrap, so the differences are taken the same way.
            unchecked {
                int56 tickSum = ticks[1] - ticks[0];
                meanTick = int24(tickSum / int56(uint56(window)));
                if (tickSum < 0 && tickSum % int56(uint56(window)) != 0) --meanTick; // division rounds towards zero

                // Never 0: each second adds 2^128 over a uint128.
                uint160 inverseSum = secondsPerLiquidityX128[1] - secondsPerLiquidityX128[0];
                harmonicMeanLiquidity = (uint256(window) << 128) / inverseSum;
            }
        } catch {
            revert WindowNotAvailable(pool, window);
        }
    }

    /// @notice Checks a pool and a window, for constructors.
    /// @dev Reverts with `ZeroWindow`, `WrongPool`.
    /// @param pool The pool.
    /// @param collateral One token it must be of.
    /// @param loanAsset The other.
    /// @param window The window, in seconds; must not be 0.
    /// @return collateralIsToken0 Whether the collateral is the pool's token 0.
    function validate(
        IUniswapV3Pool pool,
        address collateral,
        address loanAsset,
        uint32 window
    ) internal view returns (bool collateralIsToken0) {
        if (window == 0) revert ZeroWindow();
        (address token0, address token1) = (pool.token0(), pool.token1());
        collateralIsToken0 = token0 == collateral;
        if (collateralIsToken0 ? token1 != loanAsset : token1 != collateral || token0 != loanAsset) {
            revert WrongPool(pool, collateral, loanAsset);
        }
    }
}
