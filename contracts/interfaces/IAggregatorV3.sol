// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title The part of a Chainlink price feed that Spillway reads
/// @notice What is read of a Chainlink feed.
interface IAggregatorV3 {
    /// @notice The decimals of the feed's answers.
    /// @return count Their number.
    function decimals() external view returns (uint8 count);

    /// @notice The feed's latest answer.
    /// @return roundId The round of the answer.
    /// @return answer The price, with `decimals()` decimals; for a sequencer uptime feed 0 is up and 1 is down.
    /// @return startedAt When the round began, in seconds; for an uptime feed, since when the answer holds.
    /// @return updatedAt When the answer was given, in seconds; 0 while the round is not complete.
    /// @return answeredInRound Deprecated by Chainlink.
    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
}
