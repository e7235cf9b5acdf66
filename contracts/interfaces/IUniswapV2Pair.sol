// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title A Uniswap v2 pair
/// @notice The part of it that is used.
interface IUniswapV2Pair {
    /// @notice What the pair holds, as of its last trade.
    /// @return reserve0 Of the token with the lower address, in its smallest units.
    /// @return reserve1 Of the other one.
    /// @return blockTimestampLast When that was, in seconds modulo 2^32.
    function getReserves() external view returns (uint112 reserve0, uint112 reserve1, uint32 blockTimestampLast);

    /// @notice Sends tokens out for what was sent in before, as long as the product of the reserves doesn't fall.
    /// @param amount0Out Of the token with the lower address.
    /// @param amount1Out Of the other one.
    /// @param to Who gets them.
    /// @param data Handed to a callback of `to`; empty for none.
    function swap(uint256 amount0Out, uint256 amount1Out, address to, bytes calldata data) external;
}
