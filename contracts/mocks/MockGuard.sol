// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IOracleGuard } from "../interfaces/IOracleGuard.sol";

/// @notice A guard that says what it is told to.
contract MockGuard is IOracleGuard {
    bool public diverged;

    function setDiverged(bool diverged_) external {
        diverged = diverged_;
    }
}
