// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IERC3156FlashBorrower } from "@openzeppelin/contracts/interfaces/IERC3156FlashBorrower.sol";
import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { Address } from "@openzeppelin/contracts/utils/Address.sol";
import { IBuyer } from "../../contracts/interfaces/IBuyer.sol";
import { ITransferHook } from "./StrangeToken.sol";

/// @notice Makes any call when told to, and whenever it is called back tries to enter what it was aimed at again. That it is kept
/// out is checked at once: only the lock's own error counts.
contract Attacker is IBuyer, IERC3156FlashBorrower, ITransferHook {
    using Address for address;

    struct Call {
        address target;
        bytes data;
    }

    /// @notice A locked contract let this call in, or stopped it by something other than its lock.
    error GotIn(address target, bytes data, bytes answer);

    Call private _aim;
    Call[] private _whileLent;
    uint256 public attempts;

    /// @notice What to try at each call back.
    function aim(address target, bytes calldata data) external {
        _aim = Call(target, data);
    }

    /// @notice What to do with a flash loan. Must succeed.
    function setWhileLent(Call[] calldata calls) external {
        delete _whileLent;
        for (uint256 i; i < calls.length; ++i) _whileLent.push(calls[i]);
    }

    function run(address target, bytes calldata data) external returns (bytes memory) {
        return target.functionCall(data);
    }

    function onBuy(address, uint256, uint256, bytes calldata) external {
        _tryToEnter();
    }

    function onTransfer() external {
        _tryToEnter();
    }

    function onFlashLoan(address, address, uint256, uint256, bytes calldata) external returns (bytes32) {
        for (uint256 i; i < _whileLent.length; ++i) _whileLent[i].target.functionCall(_whileLent[i].data);
        return keccak256("ERC3156FlashBorrower.onFlashLoan");
    }

    function _tryToEnter() private {
        if (_aim.target == address(0)) return;
        // solhint-disable-next-line avoid-low-level-calls
        (bool success, bytes memory answer) = _aim.target.call(_aim.data);
        if (success || bytes4(answer) != ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector) {
            revert GotIn(_aim.target, _aim.data, answer);
        }
        ++attempts;
    }
}
