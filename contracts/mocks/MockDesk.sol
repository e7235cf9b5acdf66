// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @notice Buys one token for another at a fixed price, as long as it has what to pay with.
contract MockDesk {
    using SafeERC20 for IERC20;

    IERC20 public immutable bought;
    IERC20 public immutable paid;
    /// @notice Units paid for a unit bought, scaled by 1e36.
    uint256 public priceE36;

    constructor(IERC20 bought_, IERC20 paid_, uint256 priceE36_) {
        (bought, paid, priceE36) = (bought_, paid_, priceE36_);
    }

    function setPrice(uint256 priceE36_) external {
        priceE36 = priceE36_;
    }

    /// @notice Takes `amount` by allowance.
    function sell(uint256 amount) external {
        bought.safeTransferFrom(msg.sender, address(this), amount);
        paid.safeTransfer(msg.sender, (amount * priceE36) / 1e36);
    }

    /// @notice The most that it can buy.
    function room() external view returns (uint256) {
        return (paid.balanceOf(address(this)) * 1e36) / priceE36;
    }
}
