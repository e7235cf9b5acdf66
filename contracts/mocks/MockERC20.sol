// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { ERC20 } from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice An ERC-20 with any decimals that anyone may mint.
contract MockERC20 is ERC20 {
    uint8 private immutable decimals_;

    constructor(string memory name, string memory symbol, uint8 decimalsValue) ERC20(name, symbol) {
        decimals_ = decimalsValue;
    }

    function mint(address account, uint256 amount) external {
        _mint(account, amount);
    }

    function decimals() public view override returns (uint8) {
        return decimals_;
    }
}
