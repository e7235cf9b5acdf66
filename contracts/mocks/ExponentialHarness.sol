// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { FixedPointMathLib } from "solady/src/utils/FixedPointMathLib.sol";

/// @notice The exponential that the contracts use, callable from a test.
contract ExponentialHarness {
    function expWad(int256 xWad) external pure returns (int256) {
        return FixedPointMathLib.expWad(xWad);
    }
}
