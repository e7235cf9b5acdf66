// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { FixedPointMathLib } from "solady/src/utils/FixedPointMathLib.sol";
import { IERC20Metadata } from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import { IAggregatorV3 } from "../interfaces/IAggregatorV3.sol";
import { IOracle } from "../interfaces/IOracle.sol";

/// @title A price from one or two Chainlink feeds
/// @notice The price is the base feed's answer, or the base feed's over the quote feed's where there is one, for example
/// ETH/USD over USDC/USD. Immutable; whatever is wrong with a feed is a revert that names the feed.
/// @dev A feed's own bounds (`minAnswer`, `maxAnswer`) are not looked at: most feeds no longer have any. Use a
/// `GuardedOracle` on top where a second source is wanted.
contract ChainlinkOracle is IOracle {
    /// @notice What to read, once and for all.
    /// @param collateral The token that is priced.
    /// @param loanAsset The token that it is priced in.
    /// @param base Feed of the collateral, in the loan asset or in what `quote` is in.
    /// @param baseMaxAge Seconds after which an answer of `base` is stale: its heartbeat and a little more.
    /// @param quote Feed of the loan asset; zero where `base` is in the loan asset already.
    /// @param quoteMaxAge Seconds after which an answer of `quote` is stale; 0 without `quote`.
    /// @param sequencer Uptime feed of the L2's sequencer; zero where there is none.
    /// @param gracePeriod Seconds to wait after the sequencer is up again, so that borrowers can act before
    /// liquidators do; 0 without `sequencer`.
    struct Sources {
        IERC20Metadata collateral;
        IERC20Metadata loanAsset;
        IAggregatorV3 base;
        uint32 baseMaxAge;
        IAggregatorV3 quote;
        uint32 quoteMaxAge;
        IAggregatorV3 sequencer;
        uint32 gracePeriod;
    }

    /// @notice The feed can't be read.
    error FeedUnreadable(IAggregatorV3 feed);
    /// @notice The feed's round is not complete (`updatedAt` is 0) or from the future.
    error BadRound(IAggregatorV3 feed, uint256 updatedAt);
    /// @notice The feed's answer is older than its greatest age.
    error StalePrice(IAggregatorV3 feed, uint256 updatedAt);
    /// @notice The feed's answer is not positive.
    error BadPrice(IAggregatorV3 feed, int256 answer);
    /// @notice The feed answers with other decimals than when this oracle was made. Replace the oracle.
    error DecimalsChanged(IAggregatorV3 feed, uint8 was, uint8 now_);
    /// @notice The L2's sequencer is down, or not known to be up.
    error SequencerDown();
    /// @notice The L2's sequencer is up again since `upSince`, not yet for long enough.
    error SequencerGracePeriod(uint256 upSince);
    /// @notice The answers are right but too far apart for a price that is not zero.
    error PriceTooSmall();
    /// @notice The tokens' and feeds' decimals don't fit in the scale of 1e36.
    error UnsupportedDecimals();
    /// @notice A feed needs a greatest age and a sequencer a grace period; without the one, the other must be 0.
    error BadMaxAge(IAggregatorV3 feed);
    error ZeroAddress();

    IAggregatorV3 public immutable base;
    IAggregatorV3 public immutable quote;
    IAggregatorV3 public immutable sequencer;
    uint256 public immutable baseMaxAge;
    uint256 public immutable quoteMaxAge;
    uint256 public immutable gracePeriod;
    uint8 public immutable baseDecimals;
    uint8 public immutable quoteDecimals;
    /// @notice What the answers' quotient is multiplied with: 10^(36 + loan asset + quote − collateral − base decimals).
    uint256 public immutable scale;

    constructor(Sources memory sources) {
        if (address(sources.base) == address(0)) revert ZeroAddress();
        if (sources.baseMaxAge == 0) revert BadMaxAge(sources.base);
        bool hasQuote = address(sources.quote) != address(0);
        if (hasQuote != (sources.quoteMaxAge != 0)) revert BadMaxAge(sources.quote);
        bool hasSequencer = address(sources.sequencer) != address(0);
        if (hasSequencer != (sources.gracePeriod != 0)) revert BadMaxAge(sources.sequencer);

        base = sources.base;
        baseMaxAge = sources.baseMaxAge;
        baseDecimals = sources.base.decimals();
        quote = sources.quote;
        quoteMaxAge = sources.quoteMaxAge;
        quoteDecimals = hasQuote ? sources.quote.decimals() : 0;
        sequencer = sources.sequencer;
        gracePeriod = sources.gracePeriod;

        uint256 up = 36 + uint256(sources.loanAsset.decimals()) + quoteDecimals;
        uint256 down = uint256(sources.collateral.decimals()) + baseDecimals;
        if (up < down || up - down > 77) revert UnsupportedDecimals(); // 10^78 is more than a uint256 holds
        scale = 10 ** (up - down);
    }

    /// @inheritdoc IOracle
    /// @dev Rounded down. Reverts with `SequencerDown`, `SequencerGracePeriod`, and for each feed `FeedUnreadable`,
    /// `BadRound`, `StalePrice`, `BadPrice`, `DecimalsChanged`.
    function price() external view returns (uint256 priceE36) {
        if (address(sequencer) != address(0)) _requireSequencerUp();
        uint256 baseAnswer = _read(base, baseMaxAge, baseDecimals);
        uint256 quoteAnswer = address(quote) == address(0) ? 1 : _read(quote, quoteMaxAge, quoteDecimals);
        priceE36 = FixedPointMathLib.fullMulDiv(baseAnswer, scale, quoteAnswer);
        if (priceE36 == 0) revert PriceTooSmall();
    }

    /// @dev A feed is a proxy that its owner may point at another aggregator, with other decimals. A price that is off by
    /// a power of ten is worth more to an attacker than this check costs: the proxy is warm by then (under 2,000 gas).
    function _read(IAggregatorV3 feed, uint256 maxAge, uint8 decimals) private view returns (uint256) {
        (int256 answer, , uint256 updatedAt) = _latest(feed);
        if (updatedAt == 0 || updatedAt > block.timestamp) revert BadRound(feed, updatedAt);
        if (block.timestamp - updatedAt > maxAge) revert StalePrice(feed, updatedAt);
        if (answer <= 0) revert BadPrice(feed, answer);
        uint8 now_ = feed.decimals();
        if (now_ != decimals) revert DecimalsChanged(feed, decimals, now_);
        return uint256(answer);
    }

    /// @dev `startedAt` is 0 on Arbitrum until the uptime feed's first round.
    function _requireSequencerUp() private view {
        (int256 answer, uint256 startedAt, ) = _latest(sequencer);
        if (answer != 0 || startedAt == 0) revert SequencerDown();
        if (startedAt > block.timestamp || block.timestamp - startedAt < gracePeriod) {
            revert SequencerGracePeriod(startedAt);
        }
    }

    function _latest(IAggregatorV3 feed) private view returns (int256 answer, uint256 startedAt, uint256 updatedAt) {
        try feed.latestRoundData() returns (uint80, int256 answer_, uint256 startedAt_, uint256 updatedAt_, uint80) {
            return (answer_, startedAt_, updatedAt_);
        } catch {
            revert FeedUnreadable(feed);
        }
    }
}
