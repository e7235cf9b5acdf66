// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IVault } from "../interfaces/IVault.sol";

/// @notice What an auction house asks of its vault in order to open and refresh a lane, and what it tells it.
contract MockLedger {
    uint256 private priceE36;
    uint256 private immutable lltvBps;
    mapping(address owner => IVault.PositionState) private positions_;

    mapping(address collateral => uint256 assets) public laneCeiling;

    constructor(uint256 priceE36_, uint256 lltvBps_) {
        priceE36 = priceE36_;
        lltvBps = lltvBps_;
    }

    function setPrice(uint256 priceE36_) external {
        priceE36 = priceE36_;
    }

    function setPosition(address owner, uint256 collateral, uint256 debt) external {
        positions_[owner] = IVault.PositionState(collateral, debt, 0);
    }

    function setLaneCeiling(address collateral, uint256 assets) external {
        laneCeiling[collateral] = assets;
    }

    function snapshot(
        address,
        address[] calldata owners
    ) external view returns (uint256, uint256, uint256, IVault.PositionState[] memory positions) {
        positions = new IVault.PositionState[](owners.length);
        for (uint256 i; i < owners.length; ++i) positions[i] = positions_[owners[i]];
        return (priceE36, lltvBps, 0, positions);
    }
}
