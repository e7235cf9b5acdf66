// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IAggregatorV3 } from "../interfaces/IAggregatorV3.sol";

/// @notice A feed that answers whatever it is told to: a price feed or a sequencer uptime feed.
contract MockAggregatorV3 is IAggregatorV3 {
    error Broken();

    uint8 public decimals;
    bool public broken;
    int256 private answer_;
    uint256 private startedAt_;
    uint256 private updatedAt_;

    constructor(uint8 decimals_, int256 answer) {
        decimals = decimals_;
        setRound(answer, block.timestamp, block.timestamp);
    }

    function setDecimals(uint8 decimals_) external {
        decimals = decimals_;
    }

    function setBroken(bool broken_) external {
        broken = broken_;
    }

    function setAnswer(int256 answer) external {
        setRound(answer, block.timestamp, block.timestamp);
    }

    function setRound(int256 answer, uint256 startedAt, uint256 updatedAt) public {
        (answer_, startedAt_, updatedAt_) = (answer, startedAt, updatedAt);
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        if (broken) revert Broken();
        return (1, answer_, startedAt_, updatedAt_, 1);
    }
}
