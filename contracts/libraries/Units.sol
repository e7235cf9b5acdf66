// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @dev 100 % of a Wad.
uint256 constant WAD = 1e18;
/// @dev 100 % of a Bps.
uint256 constant BPS = 1e4;
/// @dev One Bps in Wad.
uint256 constant WAD_PER_BPS = 1e14;
/// @dev Scale of oracle prices.
uint256 constant PRICE_SCALE = 1e36;
/// @dev Scale of an oracle price times a Wad.
uint256 constant PRICE_WAD_SCALE = 1e54;
/// @dev Scale of the debt index.
uint256 constant INDEX_SCALE = 1e27;
