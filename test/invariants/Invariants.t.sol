// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { ForgeTest } from "../forge/ForgeTest.sol";
import { Handler } from "./Handler.sol";

/// @notice INVARIANTS.md, held over random sequences of everything that anyone can do. One campaign checks them all: each call is
/// judged in the handler, the state after it by `checkState`.
abstract contract Campaign is ForgeTest {
    Handler internal handler;
    bytes4[] internal actions;

    constructor() {
        // what makes sales happen comes up more often than what does not
        _add(Handler.lend.selector, 1);
        _add(Handler.unlend.selector, 1);
        _add(Handler.underwrite.selector, 2);
        _add(Handler.requestRedeem.selector, 4);
        _add(Handler.fulfil.selector, 4);
        _add(Handler.claim.selector, 3);
        _add(Handler.collectFees.selector, 1);
        _add(Handler.borrow.selector, 7);
        _add(Handler.topUp.selector, 1);
        _add(Handler.repay.selector, 1);
        _add(Handler.withdrawCollateral.selector, 1);
        _add(Handler.flashLoan.selector, 1);
        _add(Handler.setMarket.selector, 1);
        _add(Handler.setLane.selector, 1);
        _add(Handler.setPay.selector, 1);
        _add(Handler.setInventoryParameters.selector, 1);
        _add(Handler.setShares.selector, 1);
        _add(Handler.pause.selector, 1);
        _add(Handler.withdrawReserves.selector, 1);
        _add(Handler.wait.selector, 2);
        _add(Handler.movePrice.selector, 1);
        _add(Handler.crash.selector, 3);
        _add(Handler.crashAndOpen.selector, 4);
        _add(Handler.calmDown.selector, 4);
        _add(Handler.wipeOut.selector, 2);
        _add(Handler.recover.selector, 1);
        _add(Handler.setSources.selector, 2);
        _add(Handler.setGas.selector, 1);
        _add(Handler.donate.selector, 1);
        _add(Handler.sync.selector, 1);
        _add(Handler.observe.selector, 1);
        _add(Handler.openLane.selector, 3);
        _add(Handler.buy.selector, 6);
        _add(Handler.buyMany.selector, 3);
        _add(Handler.absorb.selector, 3);
        _add(Handler.absorbMany.selector, 2);
        _add(Handler.workTogether.selector, 2);
        _add(Handler.buyInventory.selector, 4);
        _add(Handler.absorbInDoubt.selector, 2);
        _add(Handler.tryWhatIsRefused.selector, 1);
        _add(Handler.O1_badOracle.selector, 1);
        _add(Handler.G1_outsider.selector, 1);
    }

    function _add(bytes4 selector, uint256 times) internal {
        for (uint256 i; i < times; ++i) actions.push(selector);
    }

    function _target(bool strange) internal {
        handler = new Handler(strange);
        targetContract(address(handler));
        targetSelector(address(handler), actions);
    }

    /// @dev How often ten runs must see each of these.
    function _least() internal pure virtual returns (uint8[28] memory);

    function invariant_all() public {
        handler.checkState();
    }

    /// @dev An invariant that is never put to the test can't fail: some random runs see enough of everything.
    function test_runsReachWhatTheInvariantsAreAbout() public {
        string[28] memory names = [
            "openings",
            "paid openings",
            "fills",
            "batches",
            "callbacks",
            "absorptions",
            "paid absorptions",
            "absorbed batches",
            "doubtful absorptions",
            "refusals in doubt",
            "self-absorptions",
            "self-sales",
            "keepers' multicalls",
            "inventory sales",
            "write-offs",
            "lenders' losses",
            "waits for calm",
            "watches",
            "fulfilments",
            "claims",
            "epochs",
            "borrows",
            "multicalls",
            "flash loans",
            "lanes",
            "refusals",
            "bad oracles",
            "troubles"
        ];
        uint8[28] memory least = _least();
        uint256[28] memory sums;
        uint256 snapshot = vm.snapshotState();
        for (uint256 run; run < 10; ++run) {
            for (uint256 i; i < 128; ++i) {
                uint256 dice = uint256(keccak256(abi.encode("run", run, i)));
                // solhint-disable-next-line avoid-low-level-calls
                (bool success, bytes memory answer) = address(handler).call(
                    abi.encodeWithSelector(
                        actions[dice % actions.length],
                        dice >> 8,
                        keccak256(abi.encode(dice)),
                        keccak256(abi.encode(dice, 1))
                    )
                );
                if (!success) {
                    assembly ("memory-safe") {
                        revert(add(answer, 32), mload(answer))
                    }
                }
                if (i % 8 == 7) handler.checkState();
            }
            for (uint256 i; i < names.length; ++i) sums[i] += handler.count(names[i]);
            vm.revertToState(snapshot);
            snapshot = vm.snapshotState();
        }
        for (uint256 i; i < names.length; ++i) assertGe(sums[i], least[i], names[i]);
    }
}

contract InvariantsTest is Campaign {
    function setUp() public {
        _target(false);
    }

    function _least() internal pure override returns (uint8[28] memory) {
        return [20, 15, 25, 3, 3, 15, 10, 2, 2, 1, 1, 1, 5, 10, 15, 8, 8, 1, 6, 4, 1, 30, 20, 5, 10, 5, 5, 0];
    }
}

/// @notice The same with tokens that return nothing, are paused, block accounts and call out, of 0, 6, 8, 18 and 27 decimals.
contract StrangeTokensTest is Campaign {
    function setUp() public {
        _add(Handler.tokenTrouble.selector, 2);
        _target(true);
    }

    function _least() internal pure override returns (uint8[28] memory) {
        return [20, 12, 10, 1, 1, 10, 8, 2, 1, 1, 1, 0, 5, 5, 10, 2, 8, 1, 6, 4, 1, 30, 20, 4, 10, 5, 5, 8];
    }
}
