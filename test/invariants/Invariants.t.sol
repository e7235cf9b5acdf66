// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IAuctionHouse } from "../../contracts/interfaces/IAuctionHouse.sol";
import { IVault } from "../../contracts/interfaces/IVault.sol";
import { MockERC20 } from "../../contracts/mocks/MockERC20.sol";
import { ForgeTest } from "../forge/ForgeTest.sol";
import { Handler } from "./Handler.sol";

/// @notice INVARIANTS.md, held over random sequences of everything that anyone can do. The deep profile runs far more.
/// forge-config: default.invariant.runs = 48
contract InvariantsTest is ForgeTest {
    Handler internal handler;
    bytes4[] internal actions;

    function setUp() public {
        handler = new Handler();
        bytes4[22] memory once = [
            handler.lend.selector,
            handler.unlend.selector,
            handler.underwrite.selector,
            handler.requestRedeem.selector,
            handler.claim.selector,
            handler.open.selector,
            handler.repay.selector,
            handler.topUp.selector,
            handler.withdrawCollateral.selector,
            handler.wait.selector,
            handler.movePrice.selector,
            handler.crash.selector,
            handler.recover.selector,
            handler.setDepth.selector,
            handler.donate.selector,
            handler.sync.selector,
            handler.start.selector,
            handler.buy.selector,
            handler.buyMany.selector,
            handler.absorb.selector,
            handler.cancel.selector,
            handler.buyInventory.selector
        ];
        for (uint256 i; i < once.length; ++i) actions.push(once[i]);
        actions.push(handler.collectFees.selector);
        // what makes auctions happen comes up more often than what does not
        bytes4[14] memory again = [
            handler.wait.selector,
            handler.crash.selector,
            handler.start.selector,
            handler.start.selector,
            handler.buy.selector,
            handler.buy.selector,
            handler.buyMany.selector,
            handler.open.selector,
            handler.calmDown.selector,
            handler.crashAndStart.selector,
            handler.crashAndStart.selector,
            handler.buyInventory.selector,
            handler.open.selector,
            handler.absorb.selector
        ];
        for (uint256 i; i < again.length; ++i) actions.push(again[i]);
        targetContract(address(handler));
        targetSelector(address(handler), actions);
    }

    function invariant_V1_cashAndDebtsCoverWhatIsOwed() public {
        vm.warp(handler.clock());
        IVault vault = handler.vault();
        MockERC20 loan = handler.loan();
        uint256 cash = loan.balanceOf(address(vault)) - handler.donated(address(loan), address(vault));
        assertEq(cash, vault.idle(), "cash is not what the balance says");
        uint256 owed = vault.totalAssets() + vault.reserves() + vault.bufferFees();
        assertGe(cash + vault.totalDebt(), owed, "owed more than there is");
        uint256 debts;
        for (uint256 k; k < 2; ++k) {
            for (uint256 i; i < handler.OWNERS(); ++i) {
                (, uint256 debt) = handler.position(k, handler.owners(i));
                debts += debt;
            }
        }
        assertGe(cash + debts, owed, "the positions owe less than they are booked with");
        assertLe(
            vault.convertToAssets(vault.totalSupply()),
            vault.totalAssets(),
            "the shares claim more than there is"
        );
    }

    function invariant_V2_positionsSumToTheTotals() public {
        vm.warp(handler.clock());
        IVault vault = handler.vault();
        uint256 allShares;
        for (uint256 k; k < 2; ++k) {
            MockERC20 token = handler.collateralOf(k);
            uint256 shares;
            uint256 collateral;
            for (uint256 i; i < handler.OWNERS(); ++i) {
                IVault.Position memory p = vault.position(address(token), handler.owners(i));
                shares += p.debtShares;
                collateral += p.collateral;
            }
            IVault.Market memory m = vault.market(address(token));
            assertEq(shares, m.debtShares, "debt shares of a market");
            assertEq(collateral, m.collateral, "collateral of a market");
            assertEq(
                token.balanceOf(address(vault)),
                collateral + handler.donated(address(token), address(vault)),
                "collateral that is held"
            );
            allShares += shares;
        }
        assertEq(allShares, vault.totalDebtShares(), "debt shares of the vault");
    }

    function invariant_V3_sharePriceFallsOnlyInAWriteOff() public view {
        assertFalse(handler.broken(Handler.Id.V3), "share price fell");
    }

    function invariant_A1_eachFillLowersTheLtv() public view {
        assertFalse(handler.broken(Handler.Id.A1), "a fill or take-over did not lower the LTV");
    }

    function invariant_A2_lanesKeepTheirPace() public view {
        assertFalse(handler.broken(Handler.Id.A2), "a lane let out too much in some window");
    }

    function invariant_A3_nothingIsSoldUnderItsFloor() public view {
        assertFalse(handler.broken(Handler.Id.A3), "sold under the floor, or taken over above the oracle");
    }

    function invariant_A4_nothingIsSoldPastTheTarget() public view {
        assertFalse(handler.broken(Handler.Id.A4), "sold past the target");
    }

    function invariant_A5_healthyPositionsCantBeBoughtFrom() public {
        vm.warp(handler.clock());
        assertFalse(handler.broken(Handler.Id.A5), "bought from a healthy position");
        uint256[2] memory running;
        for (uint256 k; k < 2; ++k) {
            address token = address(handler.collateralOf(k));
            for (uint256 i; i < handler.OWNERS(); ++i) {
                address owner = handler.owners(i);
                if (handler.house().auction(token, owner).startedAt != 0) ++running[k];
                if (handler.ltvWad(k, owner) > 0.83e18) continue;
                IAuctionHouse.Quote memory q = handler.house().quote(token, owner, 1e18);
                assertTrue(q.refusal != IAuctionHouse.Refusal.None, "a healthy position is for sale");
            }
            assertEq(running[k], handler.house().lane(token).auctions, "auctions are miscounted");
        }
    }

    function invariant_B1_bufferHoldsWhatItSays() public view {
        MockERC20 loan = handler.loan();
        address buffer = address(handler.buffer());
        assertEq(
            loan.balanceOf(buffer),
            handler.buffer().cash() + handler.donated(address(loan), buffer),
            "the buffer's cash"
        );
        for (uint256 k; k < 2; ++k) {
            MockERC20 token = handler.collateralOf(k);
            assertEq(
                token.balanceOf(buffer),
                handler.buffer().inventory(address(token)).amount + handler.donated(address(token), buffer),
                "the buffer's inventory"
            );
        }
    }

    function invariant_B2_inventoryKeepsItsPace() public view {
        assertFalse(handler.broken(Handler.Id.B2), "inventory left too fast");
    }

    function invariant_B3_lossesGoReservesBufferLenders() public view {
        assertFalse(handler.broken(Handler.Id.B3), "a loss went to the wrong one, or somebody could leave");
    }

    /// @dev An invariant that is never put to the test can't fail: twenty random runs see enough of everything.
    function test_runsReachWhatTheInvariantsAreAbout() public {
        uint256 snapshot = vm.snapshotState();
        string[9] memory names = [
            "starts",
            "fills",
            "batches",
            "take-overs",
            "cancels",
            "inventory sales",
            "write-offs",
            "lenders' losses",
            "claims"
        ];
        uint256[9] memory sums;
        for (uint256 run; run < 20; ++run) {
            for (uint256 i; i < 128; ++i) {
                uint256 dice = uint256(keccak256(abi.encode("run", run, i)));
                bytes4 selector = actions[dice % actions.length];
                // solhint-disable-next-line avoid-low-level-calls
                (bool success, ) = address(handler).call(
                    abi.encodeWithSelector(
                        selector,
                        dice >> 8,
                        keccak256(abi.encode(dice)),
                        keccak256(abi.encode(dice, 1))
                    )
                );
                assertTrue(success, "an action reverted");
            }
            for (uint256 i; i < names.length; ++i) sums[i] += handler.count(names[i]);
            vm.revertToState(snapshot);
            snapshot = vm.snapshotState();
        }
        uint8[9] memory least = [80, 60, 20, 20, 30, 5, 5, 1, 2];
        for (uint256 i; i < names.length; ++i) assertGe(sums[i], least[i], names[i]);
    }
}
