// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title A price of one collateral in one loan asset
/// @notice The convention of Morpho Blue's `IOracle`, so that oracles written for it fit.
interface IOracle {
    /// @notice The price of one smallest unit of collateral in smallest units of the loan asset, scaled by 1e36.
    /// @dev With `c` collateral decimals and `l` loan asset decimals, a price of 1 has `36 + l - c` decimals.
    /// A stale or broken source must revert; it must never answer zero.
    /// @return priceE36 That price.
    function price() external view returns (uint256 priceE36);
}
