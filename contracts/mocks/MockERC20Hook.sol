// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Address } from "@openzeppelin/contracts/utils/Address.sol";
import { MockERC20 } from "./MockERC20.sol";

/// @notice A hostile token: makes a call before and after each transfer, as ERC-777 does, and passes on what reverts.
contract MockERC20Hook is MockERC20 {
    using Address for address;

    address private target;
    bytes private data;

    constructor(string memory name, string memory symbol, uint8 decimals_) MockERC20(name, symbol, decimals_) {}

    function setHook(address target_, bytes calldata data_) external {
        (target, data) = (target_, data_);
    }

    function _update(address from, address to, uint256 amount) internal override {
        _callHook();
        super._update(from, to, amount);
        _callHook();
    }

    function _callHook() private {
        if (target != address(0)) target.functionCall(data);
    }
}
