// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title How deep the venue is on which keepers sell a collateral
/// @notice Read by the auction house when it sets a lane's rate.
interface IDepthOracle {
    /// @notice The amount of collateral whose sale moves the venue's price down by 1 %.
    /// @dev Must be expensive to inflate for a moment, for example a mean over a window. Reverts when it can't be read.
    /// @return collateral That amount, in the collateral's smallest units.
    function depth() external view returns (uint256 collateral);
}
