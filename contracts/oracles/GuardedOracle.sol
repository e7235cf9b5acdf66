// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { FixedPointMathLib } from "solady/src/utils/FixedPointMathLib.sol";
import { IUniswapV3Pool } from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import { TickMath } from "@uniswap/v4-core/src/libraries/TickMath.sol";
import { IOracle } from "../interfaces/IOracle.sol";
import { IOracleGuard } from "../interfaces/IOracleGuard.sol";
import { UniswapV3Window } from "./UniswapV3Window.sol";

/// @title Holds a price against the time-weighted average of a Uniswap v3 pool
/// @notice A market's `borrowOracle` and its lane's `guard`. While the two are within a bound of each other the price is
/// the primary oracle's; when they have parted it is the lower one, the worse for the borrower. When the average can't be
/// read there is no price, which stops borrowing and withdrawing with debt and nothing else.
contract GuardedOracle is IOracle, IOracleGuard {
    /// @notice The bound must be more than 0 and less than 1e4.
    /// @param boundBps The bound, in Bps.
    error BadBound(uint256 boundBps);
    /// @notice The pool's price is too small for the scale of 1e36.
    error AverageTooSmall();
    /// @notice There is no primary oracle.
    error ZeroAddress();

    /// @notice The oracle that is held against the pool.
    IOracle public immutable primary;
    /// @notice The pool of the collateral and the loan asset.
    IUniswapV3Pool public immutable pool;
    /// @notice Seconds over which the pool's average is taken.
    uint32 public immutable window;
    /// @notice How far the average may be from the primary price, in Bps of the primary price.
    uint16 public immutable boundBps;
    /// @notice Whether the collateral is the pool's token 0.
    bool public immutable collateralIsToken0;

    /// @param primary_ The oracle that is held against the pool.
    /// @param pool_ A pool of the collateral and the loan asset.
    /// @param collateral The token that is priced.
    /// @param loanAsset The token that it is priced in.
    /// @param window_ Seconds over which the average is taken, for example 1800.
    /// @param boundBps_ How far the average may be from the primary price, in Bps of it.
    /// @dev Reverts with `ZeroAddress`, `BadBound`, `WrongPool`, `ZeroWindow`.
    constructor(
        IOracle primary_,
        IUniswapV3Pool pool_,
        address collateral,
        address loanAsset,
        uint32 window_,
        uint16 boundBps_
    ) {
        if (address(primary_) == address(0)) revert ZeroAddress();
        if (boundBps_ == 0 || boundBps_ >= 1e4) revert BadBound(boundBps_);
        collateralIsToken0 = UniswapV3Window.validate(pool_, collateral, loanAsset, window_);
        primary = primary_;
        pool = pool_;
        window = window_;
        boundBps = boundBps_;
    }

    /// @inheritdoc IOracle
    /// @dev Reverts as `prices` does.
    function price() external view returns (uint256 priceE36) {
        (uint256 primaryE36, uint256 averageE36) = prices();
        return _apart(primaryE36, averageE36) ? FixedPointMathLib.min(primaryE36, averageE36) : primaryE36;
    }

    /// @inheritdoc IOracleGuard
    /// @dev True as well when the primary price can't be read; nothing can be sold then anyway. Calls itself, since only a
    /// call can be caught. Starving that call of gas doesn't help a caller: what is left after it, a 64th, is not enough
    /// to finish a start or a buy.
    function diverged() external view returns (bool apart) {
        try this.prices() returns (uint256 primaryE36, uint256 averageE36) {
            return _apart(primaryE36, averageE36);
        } catch {
            return true;
        }
    }

    /// @notice Both prices.
    /// @dev Reverts with `WindowNotAvailable`, `AverageTooSmall`, or as the primary oracle does.
    /// @return primaryE36 The primary oracle's price, scaled by 1e36.
    /// @return averageE36 The pool's average price, scaled by 1e36, rounded down.
    function prices() public view returns (uint256 primaryE36, uint256 averageE36) {
        primaryE36 = primary.price();
        (int24 meanTick, ) = UniswapV3Window.consult(pool, window);
        averageE36 = _priceAt(meanTick);
        if (averageE36 == 0) revert AverageTooSmall();
    }

    function _apart(uint256 primaryE36, uint256 averageE36) private view returns (bool) {
        return FixedPointMathLib.dist(primaryE36, averageE36) > FixedPointMathLib.fullMulDiv(primaryE36, boundBps, 1e4);
    }

    /// @dev A pool's price is in smallest units, so it needs no decimals. The ratio is under 2^128 as Q128, hence under
    /// 2^256 once squared; 1e36 is under 2^120, so nothing below can overflow.
    function _priceAt(int24 tick) private view returns (uint256) {
        uint256 sqrtPriceX96 = TickMath.getSqrtPriceAtTick(tick);
        if (sqrtPriceX96 < 1 << 128) {
            uint256 ratioX192 = sqrtPriceX96 * sqrtPriceX96;
            return
                collateralIsToken0
                    ? FixedPointMathLib.fullMulDiv(ratioX192, 1e36, 1 << 192)
                    : FixedPointMathLib.fullMulDiv(1 << 192, 1e36, ratioX192);
        }
        uint256 ratioX128 = FixedPointMathLib.fullMulDiv(sqrtPriceX96, sqrtPriceX96, 1 << 64);
        return
            collateralIsToken0
                ? FixedPointMathLib.fullMulDiv(ratioX128, 1e36, 1 << 128)
                : FixedPointMathLib.fullMulDiv(1 << 128, 1e36, ratioX128);
    }
}
