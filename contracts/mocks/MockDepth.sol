// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IDepthOracle } from "../interfaces/IDepthOracle.sol";

/// @notice A depth that is set, and that can be broken.
contract MockDepth is IDepthOracle {
    error Broken();

    bool public broken;
    uint256 private depth_;

    constructor(uint256 amount) {
        depth_ = amount;
    }

    function setDepth(uint256 amount) external {
        depth_ = amount;
    }

    function setBroken(bool broken_) external {
        broken = broken_;
    }

    function depth() external view returns (uint256) {
        if (broken) revert Broken();
        return depth_;
    }
}
