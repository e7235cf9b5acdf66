// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { ForgeTest } from "./ForgeTest.sol";

contract ForgeTestTest is ForgeTest {
    function testFuzz_boundStaysInside(uint256 x, uint256 a, uint256 b) public pure {
        (uint256 min, uint256 max) = a < b ? (a, b) : (b, a);
        uint256 bounded = bound(x, min, max);
        assertGe(bounded, min, "bounded under min");
        assertLe(bounded, max, "bounded over max");
        assertEq(bound(bounded, min, max), bounded, "a number inside moved");
    }

    function test_boundKeepsEdges() public pure {
        assertEq(bound(0, 10, 20), 10, "lowest");
        assertEq(bound(type(uint256).max, 10, 20), 20, "highest");
        assertEq(bound(7, 0, type(uint256).max), 7, "whole range");
        assertEq(bound(type(uint256).max, 5, 5), 5, "one number");
    }
}
