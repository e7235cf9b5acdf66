// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { FixedPointMathLib } from "solady/src/utils/FixedPointMathLib.sol";
import { IERC20Metadata } from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import { IAggregatorV3 } from "../interfaces/IAggregatorV3.sol";
import { IOracle } from "../interfaces/IOracle.sol";

/// @title A price from up to three Chainlink feeds
/// @notice The price is `base`, times `cross` where there is one, over `quote` where there is one. ETH/USD over USDC/USD
/// prices WETH in USDC; WBTC/BTC times BTC/USD over USDC/USD prices WBTC in USDC. Immutable; whatever is wrong with a feed
/// is a revert that names the feed.
/// @dev A feed's own bounds (`minAnswer`, `maxAnswer`) are not looked at: most feeds no longer have any. Use a
/// `GuardedOracle` on top where a second source is wanted.
contract ChainlinkOracle is IOracle {
    /// @notice The feeds to read, fixed at deployment.
    /// @param collateral The token that is priced.
    /// @param loanAsset The token that it is priced in.
    /// @param base Feed of the collateral, in the unit that `cross`, else `quote`, starts from; in the loan asset without
    /// either.
    /// @param baseMaxAge Seconds after which an answer of `base` is stale: its heartbeat and a little more.
    /// @param cross Feed of the unit that `base` answers in, for example BTC/USD where `base` is WBTC/BTC; zero where
    /// `base` needs none.
    /// @param crossMaxAge Seconds after which an answer of `cross` is stale; 0 without `cross`.
    /// @param quote Feed of the loan asset, in the same unit as the product of `base` and `cross`; zero where that is the
    /// loan asset already.
    /// @param quoteMaxAge Seconds after which an answer of `quote` is stale; 0 without `quote`.
    /// @param sequencer Uptime feed of the L2's sequencer; zero where there is none.
    /// @param gracePeriod Seconds to wait after the sequencer is up again, so that borrowers can act before
    /// liquidators do; 0 without `sequencer`.
    struct Sources {
        IERC20Metadata collateral;
        IERC20Metadata loanAsset;
        IAggregatorV3 base;
        uint32 baseMaxAge;
        IAggregatorV3 cross;
        uint32 crossMaxAge;
        IAggregatorV3 quote;
        uint32 quoteMaxAge;
        IAggregatorV3 sequencer;
        uint32 gracePeriod;
    }

    /// @notice The feed can't be read.
    /// @param feed The feed.
    error FeedUnreadable(IAggregatorV3 feed);
    /// @notice The feed's round is not complete (`updatedAt` is 0) or from the future.
    /// @param feed The feed.
    /// @param updatedAt When the feed says that it answered, in seconds.
    error BadRound(IAggregatorV3 feed, uint256 updatedAt);
    /// @notice The feed's answer is older than its maximum age.
    /// @param feed The feed.
    /// @param updatedAt When it answered, in seconds.
    error StalePrice(IAggregatorV3 feed, uint256 updatedAt);
    /// @notice The feed's answer is not positive.
    /// @param feed The feed.
    /// @param answer The answer, in the feed's decimals.
    error BadPrice(IAggregatorV3 feed, int256 answer);
    /// @notice The feed answers with other decimals than when this oracle was deployed. Replace the oracle.
    /// @param feed The feed.
    /// @param was Its decimals at deployment.
    /// @param now_ Its decimals now.
    error DecimalsChanged(IAggregatorV3 feed, uint8 was, uint8 now_);
    /// @notice The L2's sequencer is down, or not known to be up.
    error SequencerDown();
    /// @notice The L2's sequencer has not been up for the grace period yet.
    /// @param upSince Since when it is up, in seconds.
    error SequencerGracePeriod(uint256 upSince);
    /// @notice The answers are valid but the price rounds down to zero.
    error PriceTooSmall();
    /// @notice The answers are valid but the product of `base` and `cross` exceeds a uint256.
    error PriceTooLarge();
    /// @notice The tokens' and feeds' decimals don't fit in the scale of 1e36.
    error UnsupportedDecimals();
    /// @notice A feed needs a maximum age and a sequencer a grace period; without the one, the other must be 0.
    /// @param feed The feed; zero where the age or the grace period is set and the feed isn't.
    error BadMaxAge(IAggregatorV3 feed);
    /// @notice There is no base feed.
    error ZeroAddress();

    /// @notice Feed of the collateral.
    IAggregatorV3 public immutable base;
    /// @notice Feed that `base` is multiplied with; zero where there is none.
    IAggregatorV3 public immutable cross;
    /// @notice Feed of the loan asset, which the product is divided by; zero where there is none.
    IAggregatorV3 public immutable quote;
    /// @notice Uptime feed of the L2's sequencer; zero where there is none.
    IAggregatorV3 public immutable sequencer;
    /// @notice Seconds after which an answer of `base` is stale.
    uint256 public immutable baseMaxAge;
    /// @notice Seconds after which an answer of `cross` is stale.
    uint256 public immutable crossMaxAge;
    /// @notice Seconds after which an answer of `quote` is stale.
    uint256 public immutable quoteMaxAge;
    /// @notice Seconds to wait after the sequencer is up again.
    uint256 public immutable gracePeriod;
    /// @notice Decimals of `base` at deployment.
    uint8 public immutable baseDecimals;
    /// @notice Decimals of `cross` at deployment; 0 without it.
    uint8 public immutable crossDecimals;
    /// @notice Decimals of `quote` at deployment; 0 without it.
    uint8 public immutable quoteDecimals;
    /// @notice Scales `base` · `cross` / `quote` to a price:
    /// 10^(36 + loan asset + quote − collateral − base − cross decimals).
    uint256 public immutable scale;

    /// @param sources The feeds, their maximum ages, and the tokens.
    /// @dev Reverts with `ZeroAddress`, `BadMaxAge`, `UnsupportedDecimals`.
    constructor(Sources memory sources) {
        if (address(sources.base) == address(0)) revert ZeroAddress();
        if (sources.baseMaxAge == 0) revert BadMaxAge(sources.base);
        bool hasCross = address(sources.cross) != address(0);
        if (hasCross != (sources.crossMaxAge != 0)) revert BadMaxAge(sources.cross);
        bool hasQuote = address(sources.quote) != address(0);
        if (hasQuote != (sources.quoteMaxAge != 0)) revert BadMaxAge(sources.quote);
        bool hasSequencer = address(sources.sequencer) != address(0);
        if (hasSequencer != (sources.gracePeriod != 0)) revert BadMaxAge(sources.sequencer);

        base = sources.base;
        baseMaxAge = sources.baseMaxAge;
        baseDecimals = sources.base.decimals();
        cross = sources.cross;
        crossMaxAge = sources.crossMaxAge;
        crossDecimals = hasCross ? sources.cross.decimals() : 0;
        quote = sources.quote;
        quoteMaxAge = sources.quoteMaxAge;
        quoteDecimals = hasQuote ? sources.quote.decimals() : 0;
        sequencer = sources.sequencer;
        gracePeriod = sources.gracePeriod;

        uint256 up = 36 + uint256(sources.loanAsset.decimals()) + quoteDecimals;
        uint256 down = uint256(sources.collateral.decimals()) + baseDecimals + crossDecimals;
        if (up < down || up - down > 77) revert UnsupportedDecimals(); // 10^78 is more than a uint256 holds
        scale = 10 ** (up - down);
    }

    /// @inheritdoc IOracle
    /// @dev Rounded down. Reverts with `SequencerDown`, `SequencerGracePeriod`, and for each feed `FeedUnreadable`,
    /// `BadRound`, `StalePrice`, `BadPrice`, `DecimalsChanged`; with `PriceTooSmall`, `PriceTooLarge`,
    /// or Solady's `FullMulDivFailed` where the scaled price exceeds a uint256.
    function price() external view returns (uint256 priceE36) {
        if (address(sequencer) != address(0)) _requireSequencerUp();
        uint256 answer = _read(base, baseMaxAge, baseDecimals);
        if (address(cross) != address(0)) answer = _product(answer, _read(cross, crossMaxAge, crossDecimals));
        uint256 quoteAnswer = address(quote) == address(0) ? 1 : _read(quote, quoteMaxAge, quoteDecimals);
        priceE36 = FixedPointMathLib.fullMulDiv(answer, scale, quoteAnswer);
        if (priceE36 == 0) revert PriceTooSmall();
    }

    /// @dev Both are positive. Exact or not at all: a product rounded in between would lose what a small answer says.
    function _product(uint256 a, uint256 b) private pure returns (uint256 product) {
        unchecked {
            product = a * b;
            if (product / b != a) revert PriceTooLarge();
        }
    }

    /// @dev A feed is a proxy that its owner may point at another aggregator, with other decimals. A price that is off by
    /// a power of ten is worth more to an attacker than this check costs: the proxy is warm by then (under 2,000 gas).
    function _read(IAggregatorV3 feed, uint256 maxAge, uint8 decimals) private view returns (uint256) {
        (int256 answer, , uint256 updatedAt) = _latest(feed);
        if (updatedAt == 0 || updatedAt > block.timestamp) revert BadRound(feed, updatedAt);
        unchecked {
            if (block.timestamp - updatedAt > maxAge) revert StalePrice(feed, updatedAt);
        }
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
