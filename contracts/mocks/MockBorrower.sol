// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IVault } from "../interfaces/IVault.sol";

/// @notice An owner of a position who lets another act for it.
contract MockBorrower {
    constructor(IVault vault, address operator) {
        vault.setAuthorization(operator, true);
    }
}
