// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Tells whether an oracle and a second source of its price have parted
/// @notice Asked by the auction house whenever it observes a price.
interface IOracleGuard {
    /// @notice Whether the two sources differ by more than their bound, or the second source can't be read.
    /// @dev Never reverts: auctions go on while it is true, with the widest premium.
    /// @return apart True when they differ or can't be compared.
    function diverged() external view returns (bool apart);
}
