// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { ECDSA } from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import { IERC1271 } from "@openzeppelin/contracts/interfaces/IERC1271.sol";

/// @notice A wallet that signs by ERC-1271 whatever its owner signed.
contract MockWallet is IERC1271 {
    address private immutable owner_;

    constructor(address owner) {
        owner_ = owner;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        return ECDSA.recover(hash, signature) == owner_ ? IERC1271.isValidSignature.selector : bytes4(0xffffffff);
    }
}
