// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IInterestRateModel } from "../interfaces/IInterestRateModel.sol";

/// @title Two straight lines that meet at a kink
/// @notice Why not a rate that adapts by itself: this one has no state, so it is the same for everybody who computes it;
/// nobody can steer it by holding utilisation up or down for a while; and a crash, when all the cash is lent and nobody
/// can repay, does not set off a rate that doubles by the hour and pushes more positions over their lltv.
contract KinkedRateModel is IInterestRateModel {
    /// @notice The kink must lie between 0 and 1e18, and the rates must not fall nor exceed 10e18 (1000 %) a year.
    /// @param kinkWad The kink, Wad.
    /// @param ratePerYearAtZero Rate a year at utilisation 0, Wad.
    /// @param ratePerYearAtKink Rate a year at the kink, Wad.
    /// @param ratePerYearAtFull Rate a year at utilisation 1, Wad.
    error BadRates(uint256 kinkWad, uint256 ratePerYearAtZero, uint256 ratePerYearAtKink, uint256 ratePerYearAtFull);

    uint256 private constant MAX_RATE_PER_YEAR_WAD = 10e18;

    /// @notice Utilisation from which the rate rises faster, Wad.
    uint256 public immutable kinkWad;
    /// @notice Rate a year at utilisation 0, Wad.
    uint256 public immutable ratePerYearAtZeroWad;
    /// @notice Rate a year at the kink, Wad.
    uint256 public immutable ratePerYearAtKinkWad;
    /// @notice Rate a year at utilisation 1, Wad.
    uint256 public immutable ratePerYearAtFullWad;

    /// @param kinkWad_ Utilisation from which the rate rises faster, Wad.
    /// @param atZero Rate a year (365 days) at utilisation 0, Wad, continuously compounded.
    /// @param atKink Rate a year at the kink, Wad.
    /// @param atFull Rate a year at utilisation 1, Wad.
    /// @dev Reverts with `BadRates`.
    constructor(uint256 kinkWad_, uint256 atZero, uint256 atKink, uint256 atFull) {
        if (kinkWad_ == 0 || kinkWad_ >= 1e18 || atZero > atKink || atKink > atFull || atFull > MAX_RATE_PER_YEAR_WAD) {
            revert BadRates(kinkWad_, atZero, atKink, atFull);
        }
        kinkWad = kinkWad_;
        ratePerYearAtZeroWad = atZero;
        ratePerYearAtKinkWad = atKink;
        ratePerYearAtFullWad = atFull;
    }

    /// @inheritdoc IInterestRateModel
    /// @dev Rounded up, against the borrower. A utilisation above 1e18 counts as 1e18.
    function borrowRatePerSecondWad(uint256 utilisationWad) external view returns (uint256 ratePerSecondWad) {
        uint256 perYearWad;
        if (utilisationWad >= 1e18) {
            perYearWad = ratePerYearAtFullWad;
        } else if (utilisationWad > kinkWad) {
            uint256 rise = ratePerYearAtFullWad - ratePerYearAtKinkWad;
            perYearWad = ratePerYearAtKinkWad + _divUp(rise * (utilisationWad - kinkWad), 1e18 - kinkWad);
        } else {
            uint256 rise = ratePerYearAtKinkWad - ratePerYearAtZeroWad;
            perYearWad = ratePerYearAtZeroWad + _divUp(rise * utilisationWad, kinkWad);
        }
        return _divUp(perYearWad, 365 days);
    }

    /// @dev a / b, rounded up. `b` must not be 0.
    function _divUp(uint256 a, uint256 b) private pure returns (uint256) {
        return (a + b - 1) / b;
    }
}
