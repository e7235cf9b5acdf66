// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IOracle } from "../interfaces/IOracle.sol";

/// @notice An oracle whose price is set, and that can be broken.
contract MockOracle is IOracle {
    error Broken();

    bool public broken;
    uint256 private priceE36_;

    constructor(uint256 priceE36) {
        priceE36_ = priceE36;
    }

    function setPrice(uint256 priceE36) external {
        priceE36_ = priceE36;
    }

    function setBroken(bool broken_) external {
        broken = broken_;
    }

    function price() external view returns (uint256) {
        if (broken) revert Broken();
        return priceE36_;
    }
}
