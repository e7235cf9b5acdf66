// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { AccessManager } from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import { Vault } from "../../contracts/Vault.sol";
import { IVault } from "../../contracts/interfaces/IVault.sol";
import { MockERC20 } from "../../contracts/mocks/MockERC20.sol";
import { MockERC20Fee } from "../../contracts/mocks/MockERC20Fee.sol";
import { MockOracle } from "../../contracts/mocks/MockOracle.sol";
import { KinkedRateModel } from "../../contracts/rates/KinkedRateModel.sol";
import { ForgeTest } from "../forge/ForgeTest.sol";

/// @notice Tokens that keep a part of each transfer.
contract FeeOnTransferTest is ForgeTest {
    function _vault(MockERC20 loan) internal returns (Vault vault) {
        KinkedRateModel rates = new KinkedRateModel(0.9e18, 0.01e18, 0.05e18, 1e18);
        vault = new Vault(loan, "Vault", "V", rates, address(new AccessManager(address(this))));
    }

    function test_aCollateralWithAFeeIsRefused() public {
        Vault vault = _vault(new MockERC20("USD Coin", "USDC", 6));
        MockERC20Fee collateral = new MockERC20Fee("Fee", "F", 18);
        MockOracle oracle = new MockOracle(1e24);
        vault.setMarket(address(collateral), IVault.MarketParameters(oracle, oracle, 8000, 8300, 1e12, 0));
        collateral.mint(address(this), 1e18);
        collateral.approve(address(vault), 1e18);
        vm.expectRevert(abi.encodeWithSelector(IVault.TransferIncomplete.selector, address(collateral)));
        vault.supplyCollateral(address(collateral), 1e18, address(this));
    }

    /// @dev A known limit: nothing refuses a loan asset with a fee. The vault books what was sent and not what came, so that the
    /// last lender is short. Governance must not make a vault of one.
    function test_aLoanAssetWithAFeeLeavesTheVaultShort() public {
        MockERC20Fee loan = new MockERC20Fee("Fee", "F", 6);
        Vault vault = _vault(loan);
        loan.mint(address(this), 100e6);
        loan.approve(address(vault), 100e6);
        vault.deposit(100e6, address(this));
        assertEq(vault.idle(), 100e6, "booked");
        assertEq(loan.balanceOf(address(vault)), 99e6, "held");
        uint256 shares = vault.balanceOf(address(this));
        vm.expectRevert();
        vault.redeem(shares, address(this), address(this));
    }
}
