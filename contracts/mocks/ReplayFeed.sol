// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice A price feed with the interface of a Chainlink aggregator, 8 decimals, whose owner publishes.
contract ReplayFeed {
    struct Round {
        int256 answer;
        uint256 updatedAt;
    }

    error NotOwner(address caller);
    error NoSuchRound(uint80 roundId);

    event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);

    address public owner;
    string public description;
    uint80 public latestRound;
    mapping(uint80 roundId => Round) private rounds;

    constructor(address owner_, string memory description_) {
        owner = owner_;
        description = description_;
        // on a fork another contract's storage may lie here
        latestRound = 0;
    }

    /// @param answer Price in USD, 8 decimals; zero and negative ones are taken too, for tests of bad oracles.
    function publish(int256 answer) external {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        uint80 roundId = ++latestRound;
        rounds[roundId] = Round(answer, block.timestamp);
        emit AnswerUpdated(answer, roundId, block.timestamp);
    }

    function decimals() external pure returns (uint8) {
        return 8;
    }

    function version() external pure returns (uint256) {
        return 4;
    }

    function latestAnswer() external view returns (int256) {
        return rounds[latestRound].answer;
    }

    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        return getRoundData(latestRound);
    }

    function getRoundData(
        uint80 roundId_
    )
        public
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        Round memory round = rounds[roundId_];
        if (round.updatedAt == 0) revert NoSuchRound(roundId_);
        return (roundId_, round.answer, round.updatedAt, round.updatedAt, roundId_);
    }
}
