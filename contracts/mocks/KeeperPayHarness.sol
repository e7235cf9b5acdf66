// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { KeeperPay } from "../libraries/KeeperPay.sol";

/// @notice The figures and functions of `KeeperPay`, callable from a test.
contract KeeperPayHarness {
    function gasUnits()
        external
        pure
        returns (uint256 open, uint256 absorb, uint256 absorbMore, uint256 fulfil, uint256 fulfilMore)
    {
        return (
            KeeperPay.OPEN_GAS,
            KeeperPay.ABSORB_GAS,
            KeeperPay.ABSORB_MORE_GAS,
            KeeperPay.FULFIL_GAS,
            KeeperPay.FULFIL_MORE_GAS
        );
    }

    function mostOf(
        uint256 collateral,
        uint256 debt,
        uint256 priceE36,
        uint256 capBps
    ) external pure returns (uint256) {
        return KeeperPay.mostOf(collateral, debt, priceE36, capBps);
    }
}
