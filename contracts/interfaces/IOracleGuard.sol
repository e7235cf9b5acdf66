// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Tells whether an oracle and a second source of its price have parted
interface IOracleGuard {
    /// @notice True when the two sources differ by more than their bound, or when the second source can't be read.
    /// @dev Never reverts: auctions go on while it is true, with the widest premium.
    function diverged() external view returns (bool);
}
