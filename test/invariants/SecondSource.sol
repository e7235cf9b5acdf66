// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IOracle } from "../../contracts/interfaces/IOracle.sol";
import { IOracleGuard } from "../../contracts/interfaces/IOracleGuard.sol";

/// @notice Another source of a price, which is a share of the oracle's. As a guard it says when the two have parted, as a
/// borrow oracle it answers the lower of the two then; dead, it does the one and not the other. Anyone may move it.
contract SecondSource is IOracle, IOracleGuard {
    error Dead();

    uint256 private constant BPS = 1e4;
    uint256 private constant BOUND_BPS = 200;

    IOracle private immutable _oracle;
    uint256 private _shareBps = BPS;
    bool private _dead;

    constructor(IOracle oracle) {
        _oracle = oracle;
    }

    function setShare(uint256 shareBps) external {
        _shareBps = shareBps;
    }

    function setDead(bool dead) external {
        _dead = dead;
    }

    function price() external view returns (uint256) {
        uint256 priceE36 = _oracle.price();
        if (_dead) revert Dead();
        return _shareBps + BOUND_BPS < BPS ? (priceE36 * _shareBps) / BPS : priceE36;
    }

    function diverged() external view returns (bool) {
        return _dead || _shareBps + BOUND_BPS < BPS || _shareBps > BPS + BOUND_BPS;
    }
}
