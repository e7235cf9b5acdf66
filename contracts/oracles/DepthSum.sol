// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { FixedPointMathLib } from "solady/src/utils/FixedPointMathLib.sol";
import { IDepthOracle } from "../interfaces/IDepthOracle.sol";

/// @title Depth over several venues
/// @notice The sum of up to four venues' depths, for example of Uniswap v3 pools of different fees: a sale that is split
/// over them moves all of them by 1 %. Pulling one venue must not stop a lane, so that a venue that can't be read counts as
/// zero; when none can be read there is no depth.
/// @dev Whether a venue counts can't depend on the gas that a caller sends. Otherwise anybody could starve one venue, halve
/// a lane's rate with a `sync`, and wait: a rate comes up again only twofold an hour. So a failure is believed only where
/// the venue had all of `VENUE_GAS`; with less, the whole call reverts with `NotEnoughGas`. A venue can't burn more than
/// that either, nor stop the sum by what it returns. A venue must itself revert when it runs out of gas rather than answer
/// less, which a `UniswapV3Depth` does. A `DepthSum` is no venue of another: it needs more than `VENUE_GAS`.
contract DepthSum is IDepthOracle {
    /// @notice There is no venue.
    error NoVenues();
    /// @notice There are too many venues.
    /// @param venues Their number.
    /// @param most The most that there may be.
    error TooManyVenues(uint256 venues, uint256 most);
    /// @notice A venue is the zero address.
    error ZeroAddress();
    /// @notice There is no contract at a venue's address.
    /// @param venue The address.
    error NotAContract(IDepthOracle venue);
    /// @notice A venue is listed twice; it would count twice.
    /// @param venue The venue.
    error DuplicateVenue(IDepthOracle venue);
    /// @notice None of the venues can be read.
    error NoVenueReadable();
    /// @notice A venue failed that was not given all of `VENUE_GAS`: send more gas.
    /// @param venue The venue.
    error NotEnoughGas(IDepthOracle venue);

    /// @notice The most venues that there may be.
    uint256 public constant MAX_VENUES = 4;
    /// @notice Gas that a venue may use. A `UniswapV3Depth` searches up to 65,535 observations in 16 steps of two cold
    /// slots each: about 100,000.
    uint256 public constant VENUE_GAS = 300_000;
    /// @dev A call passes on 63/64 of what is left after its own cost, which for a cold account is 2,600 and for setting it
    /// up far under the rest.
    uint256 private constant GAS_BEFORE_VENUE = (VENUE_GAS * 64) / 63 + 5_000;

    uint256 private immutable _count;
    IDepthOracle private immutable _venue0;
    IDepthOracle private immutable _venue1;
    IDepthOracle private immutable _venue2;
    IDepthOracle private immutable _venue3;

    /// @param venues_ One to four venues, each once.
    /// @dev Reverts with `NoVenues`, `TooManyVenues`, `ZeroAddress`, `NotAContract`, `DuplicateVenue`. Doesn't read them: a
    /// pool's window may not be available yet.
    constructor(IDepthOracle[] memory venues_) {
        uint256 count = venues_.length;
        if (count == 0) revert NoVenues();
        if (count > MAX_VENUES) revert TooManyVenues(count, MAX_VENUES);
        for (uint256 i; i < count; ++i) {
            IDepthOracle venue = venues_[i];
            if (address(venue) == address(0)) revert ZeroAddress();
            if (address(venue).code.length == 0) revert NotAContract(venue);
            for (uint256 j; j < i; ++j) if (venues_[j] == venue) revert DuplicateVenue(venue);
        }
        _count = count;
        _venue0 = venues_[0];
        _venue1 = count > 1 ? venues_[1] : IDepthOracle(address(0));
        _venue2 = count > 2 ? venues_[2] : IDepthOracle(address(0));
        _venue3 = count > 3 ? venues_[3] : IDepthOracle(address(0));
    }

    /// @inheritdoc IDepthOracle
    /// @dev The greatest uint256 where the sum exceeds it. Reverts with `NoVenueReadable`, `NotEnoughGas`.
    function depth() external view returns (uint256 collateral) {
        bool readable;
        for (uint256 i; i < _count; ++i) {
            (bool answered, uint256 part) = _read(_venueAt(i));
            if (!answered) continue;
            readable = true;
            collateral = FixedPointMathLib.saturatingAdd(collateral, part);
        }
        if (!readable) revert NoVenueReadable();
    }

    /// @notice The venues.
    /// @return all Their addresses, in the order in which they were given.
    function venues() external view returns (IDepthOracle[] memory all) {
        all = new IDepthOracle[](_count);
        for (uint256 i; i < _count; ++i) all[i] = _venueAt(i);
    }

    /// @dev `i` must be under `_count`.
    function _venueAt(uint256 i) private view returns (IDepthOracle) {
        if (i == 0) return _venue0;
        if (i == 1) return _venue1;
        return i == 2 ? _venue2 : _venue3;
    }

    /// @dev In assembly: a try statement reverts where the answer is too short, and copies one of any length.
    function _read(IDepthOracle venue) private view returns (bool answered, uint256 part) {
        bool enough = gasleft() >= GAS_BEFORE_VENUE;
        uint256 gas_ = VENUE_GAS;
        bytes4 selector = IDepthOracle.depth.selector;
        assembly ("memory-safe") {
            mstore(0x00, selector)
            answered := staticcall(gas_, venue, 0x00, 0x04, 0x00, 0x20)
            answered := and(answered, gt(returndatasize(), 0x1f))
            part := mul(answered, mload(0x00))
        }
        if (!answered && !enough) revert NotEnoughGas(venue);
    }
}
