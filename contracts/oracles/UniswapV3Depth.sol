// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { FixedPointMathLib } from "solady/src/utils/FixedPointMathLib.sol";
import { IUniswapV3Pool } from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import { TickMath } from "@uniswap/v4-core/src/libraries/TickMath.sol";
import { IDepthOracle } from "../interfaces/IDepthOracle.sol";
import { UniswapV3Window } from "./UniswapV3Window.sol";

/// @title Depth of a Uniswap v3 pool
/// @notice From the harmonic mean of the pool's liquidity in range over a window and the mean of its price. Liquidity
/// that is added for a moment hardly moves a harmonic mean; liquidity that is taken away for a moment does, downwards,
/// which makes the lane slower and is bounded by its least rate.
/// @dev With liquidity L and price P (token 1 for one token 0) a sale that moves the price by 1 % takes, before the pool's fee,
/// token 0: L·(1/√(0.99·P) − 1/√P), token 1: L·(√(P/0.99) − √P), Uniswap v3 Core whitepaper, section 6.2. Both are L/√P
/// or L·√P times the same constant. Liquidity is taken to be the same over the whole 1 %.
contract UniswapV3Depth is IDepthOracle {
    /// @dev (1/√0.99 − 1), Wad, rounded down.
    uint256 private constant ONE_PERCENT_WAD = 5037815259212075;

    /// @notice The pool of the collateral and the loan asset.
    IUniswapV3Pool public immutable pool;
    /// @notice Seconds over which the pool's means are taken.
    uint32 public immutable window;
    /// @notice Whether the collateral is the pool's token 0.
    bool public immutable collateralIsToken0;

    /// @param pool_ A pool of the collateral and the loan asset.
    /// @param collateral The token whose sale is measured.
    /// @param loanAsset The token that it is sold for.
    /// @param window_ Seconds over which the means are taken, for example 1800.
    /// @dev Reverts with `WrongPool`, `ZeroWindow`.
    constructor(IUniswapV3Pool pool_, address collateral, address loanAsset, uint32 window_) {
        collateralIsToken0 = UniswapV3Window.validate(pool_, collateral, loanAsset, window_);
        pool = pool_;
        window = window_;
    }

    /// @inheritdoc IDepthOracle
    /// @dev Rounded down. Reverts with `WindowNotAvailable`.
    function depth() external view returns (uint256 collateral) {
        (int24 meanTick, uint256 liquidity) = UniswapV3Window.consult(pool, window);
        uint256 sqrtPriceX96 = TickMath.getSqrtPriceAtTick(meanTick);
        return
            collateralIsToken0
                ? FixedPointMathLib.fullMulDiv(liquidity << 96, ONE_PERCENT_WAD, sqrtPriceX96 * 1e18)
                : FixedPointMathLib.fullMulDiv(liquidity, sqrtPriceX96 * ONE_PERCENT_WAD, 1e18 << 96);
    }
}
