// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Address } from "@openzeppelin/contracts/utils/Address.sol";
import { IBuyer } from "../interfaces/IBuyer.sol";
import { IERC3156FlashBorrower } from "@openzeppelin/contracts/interfaces/IERC3156FlashBorrower.sol";

/// @notice A contract that acts: makes any call when told to, and others whenever it is called back.
contract MockActor is IBuyer, IERC3156FlashBorrower {
    using Address for address;

    struct Call {
        address target;
        bytes data;
    }

    event BuyCalled(address caller, address collateral, uint256 amount, uint256 cost, bytes data);
    event FlashLoanCalled(address caller, address initiator, address token, uint256 amount, uint256 fee, bytes data);

    bytes32 private answer = keccak256("ERC3156FlashBorrower.onFlashLoan");
    Call[] private calls;

    function setCalls(Call[] calldata calls_) external {
        delete calls;
        for (uint256 i; i < calls_.length; ++i) calls.push(calls_[i]);
    }

    function setAnswer(bytes32 answer_) external {
        answer = answer_;
    }

    function run(address target, bytes calldata data) external returns (bytes memory) {
        return target.functionCall(data);
    }

    function onBuy(address collateral, uint256 amount, uint256 cost, bytes calldata data) external {
        emit BuyCalled(msg.sender, collateral, amount, cost, data);
        _makeCalls();
    }

    function onFlashLoan(
        address initiator,
        address token,
        uint256 amount,
        uint256 fee,
        bytes calldata data
    ) external returns (bytes32) {
        emit FlashLoanCalled(msg.sender, initiator, token, amount, fee, data);
        _makeCalls();
        return answer;
    }

    function _makeCalls() private {
        for (uint256 i; i < calls.length; ++i) calls[i].target.functionCall(calls[i].data);
    }
}
