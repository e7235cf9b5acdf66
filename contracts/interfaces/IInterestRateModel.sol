// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Borrow rate from utilisation
/// @notice Asked by the vault whenever it counts interest.
interface IInterestRateModel {
    /// @notice The borrow rate at a utilisation.
    /// @dev Must be pure arithmetic on immutables that can't revert: a vault calls it whenever interest accrues.
    /// @param utilisationWad Debt over debt and idle cash, scaled by 1e18; from 0 to 1e18.
    /// @return ratePerSecondWad The rate per second, as a fraction scaled by 1e18 (Wad), continuously compounded.
    function borrowRatePerSecondWad(uint256 utilisationWad) external view returns (uint256 ratePerSecondWad);
}
