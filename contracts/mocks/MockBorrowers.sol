// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { IVault } from "../interfaces/IVault.sol";
import { MockBorrower } from "./MockBorrower.sol";

/// @notice Opens many positions in one transaction with collateral that it was given, each of an owner of its own: the
/// contracts that it creates, in order.
contract MockBorrowers {
    IVault private immutable vault;

    constructor(IVault vault_) {
        vault = vault_;
    }

    function open(address collateral, uint256 count, uint256 amount, uint256 debt) external {
        IERC20(collateral).approve(address(vault), type(uint256).max);
        for (uint256 i; i < count; ++i) {
            address owner = address(new MockBorrower(vault, address(this)));
            vault.supplyCollateral(collateral, amount, owner);
            vault.borrow(collateral, debt, owner, msg.sender);
        }
    }
}
