// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Address } from "@openzeppelin/contracts/utils/Address.sol";

/// @notice Stands where a Uniswap v3 pool, a v2 pair or another venue does and makes the calls that it was told to in place
/// of a trade.
contract MockHostilePool {
    using Address for address;

    struct Call {
        address target;
        bytes data;
    }

    Call[] private calls;

    function setCalls(Call[] calldata calls_) external {
        delete calls;
        for (uint256 i; i < calls_.length; ++i) calls.push(calls_[i]);
    }

    /// @notice Claims to have taken all that was offered, and passes on what reverts.
    function swap(address, bool, int256 amount, uint160, bytes calldata) external returns (int256, int256) {
        trade();
        return (amount, amount);
    }

    /// @notice As a v2 pair.
    function swap(uint256, uint256, address, bytes calldata) external {
        trade();
    }

    /// @notice As any other venue.
    function trade() public {
        for (uint256 i; i < calls.length; ++i) {
            calls[i].target.functionCall(calls[i].data);
        }
    }

    /// @notice A v2 pair's, with a thousand WETH on either side.
    function getReserves() external pure returns (uint112, uint112, uint32) {
        return (1000 ether, 1000 ether, 0);
    }
}
