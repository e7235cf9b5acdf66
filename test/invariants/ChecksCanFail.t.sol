// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { FixedPointMathLib as Math } from "solady/src/utils/FixedPointMathLib.sol";
import { IAuctionHouse } from "../../contracts/interfaces/IAuctionHouse.sol";
import { ILiquidityBuffer } from "../../contracts/interfaces/ILiquidityBuffer.sol";
import { IVault } from "../../contracts/interfaces/IVault.sol";
import { ForgeTest } from "../forge/ForgeTest.sol";
import { Checks } from "./Checks.sol";
import { Actions } from "./Actions.sol";

/// @notice Stands in front of a contract and hands every call on to its code, but those that have a fault.
abstract contract Faulty {
    address private immutable _code;

    constructor(address code) {
        _code = code;
    }

    // solhint-disable-next-line no-complex-fallback
    fallback() external {
        address code = _code;
        assembly ("memory-safe") {
            calldatacopy(0, 0, calldatasize())
            let success := delegatecall(gas(), code, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            switch success
            case 0 {
                revert(0, returndatasize())
            }
            default {
                return(0, returndatasize())
            }
        }
    }
}

/// @notice An auction house that sells as much as it is asked for, for whatever share of the price it was made with.
contract FaultyHouse is Faulty {
    IVault private immutable _vault;
    uint256 private immutable _multipleWad;
    uint256 private immutable _repaidWad;

    constructor(address code, IVault vault, uint256 multipleWad, uint256 repaidWad) Faulty(code) {
        (_vault, _multipleWad, _repaidWad) = (vault, multipleWad, repaidWad);
    }

    function buy(
        address collateral,
        address owner,
        uint256 amount,
        uint256,
        address receiver,
        bytes calldata
    ) external returns (uint256, uint256) {
        uint256 priceE36 = _vault.market(collateral).oracle.price();
        uint256 cost = Math.fullMulDivUp(amount * _multipleWad, priceE36, 1e54);
        uint256 repaid = Math.fullMulDiv(cost, _repaidWad, 1e18);
        IVault.Fill[] memory fills = new IVault.Fill[](1);
        fills[0] = IVault.Fill(owner, amount, repaid, 0);
        emit IAuctionHouse.Bought(collateral, owner, msg.sender, amount, cost, repaid, priceE36, _multipleWad);
        _vault.settle(collateral, fills, cost - repaid, msg.sender, receiver, msg.sender, "");
        return (amount, cost);
    }
}

/// @notice A buffer that sells all of its inventory at once, at the oracle price.
contract FaultyBuffer is Faulty {
    IVault private immutable _vault;

    constructor(address code, IVault vault) Faulty(code) {
        _vault = vault;
    }

    function buyInventory(
        address collateral,
        uint256 amount,
        uint256,
        address receiver,
        bytes calldata
    ) external returns (uint256, uint256) {
        uint256 cost = Math.fullMulDivUp(amount, _vault.market(collateral).oracle.price(), 1e36);
        IERC20(collateral).transfer(receiver, amount);
        emit ILiquidityBuffer.InventorySold(collateral, msg.sender, receiver, amount, cost, 1e18);
        return (amount, cost);
    }
}

/// @notice A handler whose owner can break the world inside a call that is being judged.
contract BrokenHandler is Actions(false) {
    function priceE36(uint256 k) external view returns (uint256) {
        return _price(k);
    }

    function collateral(uint256 k) external view returns (address) {
        return _collateral(k);
    }

    function owner(uint256 i) external view returns (address) {
        return owners[i];
    }

    function underwriter() external view returns (address) {
        return underwriters[0];
    }

    function loanAsset() external view returns (address) {
        return address(loan);
    }

    function state(uint256 k, uint256 i) external view returns (uint256, uint256, uint256) {
        return _state(k, i);
    }

    function crashTo(uint256 k, uint256 i, uint256 ltvWad) external timed {
        _crash(k, i, ltvWad);
    }

    function startAndWait(uint256 k, uint256 i, uint256 time) external timed {
        _start(k, i, 0);
        _wait(time);
    }

    function pass(uint256 time) external {
        _wait(time);
    }

    function buyOf(uint256 k, uint256 i, uint256 amount) external timed {
        _buy(k, i, amount, type(uint256).max, keeper, 0);
    }

    function absorbOf(uint256 k, uint256 i) external timed {
        _absorb(k, i, 0);
    }

    function buyInventoryOf(uint256 k, uint256 amount) external timed {
        _buyInventory(k, amount, keeper, 0);
    }

    /// @dev A call of the keeper's in which `from` sends tokens away.
    function sendFrom(address token, address from, address to, uint256 amount) external timed checked(keeper, 0) {
        vm.prank(from);
        IERC20(token).transfer(to, amount);
    }

    /// @dev A call of the keeper's in which a view begins to lie.
    function lie(address who, bytes calldata call, bytes calldata answer) external timed checked(keeper, 0) {
        vm.mockCall(who, call, answer);
    }

    /// @dev A call of the keeper's in which the vault is told to settle a sale of 1 unit of a position.
    function sellOf(uint256 k, uint256 i) external timed checked(keeper, k) {
        IVault.Fill[] memory fills = new IVault.Fill[](1);
        fills[0] = IVault.Fill(owners[i], 1, 0, 0);
        vm.prank(address(house));
        vault.settle(_collateral(k), fills, 0, keeper, keeper, keeper, "");
    }

    function claimNow(uint256 shares) external timed {
        _claim(0, underwriters[0], shares);
    }

    function requestNow(uint256 shares) external timed {
        _requestRedeem(underwriters[0], shares);
    }
}

/// @notice Each check of INVARIANTS.md over a world that was broken for it: it says so by its own error.
contract ChecksCanFailTest is ForgeTest {
    BrokenHandler internal handler;
    IVault internal vault;
    ILiquidityBuffer internal buffer;
    address internal house;
    address internal token;
    address internal loan;

    function setUp() public {
        handler = new BrokenHandler();
        vault = handler.vault();
        buffer = handler.buffer();
        house = address(handler.house());
        token = handler.collateral(0);
        loan = handler.loanAsset();
        // nobody is lent to and sold in one block
        handler.pass(1);
        handler.checkState();
    }

    // ---- state ----

    function test_V1_seesMissingCash() public {
        vm.prank(address(vault));
        IERC20(loan).transfer(address(this), 1);
        _stateFailsWith(Checks.V1.selector);
    }

    function test_V1_seesForgottenDebt() public {
        vm.mockCall(address(vault), abi.encodeCall(vault.totalDebt, ()), abi.encode(0));
        _stateFailsWith(Checks.V1.selector);
    }

    function test_V1_seesPositionsThatOweTooLittle() public {
        vm.mockCall(address(vault), abi.encodeWithSelector(vault.debtOf.selector), abi.encode(0));
        _stateFailsWith(Checks.V1.selector);
    }

    function test_V2_seesMissingCollateral() public {
        vm.prank(address(vault));
        IERC20(token).transfer(address(this), 1);
        _stateFailsWith(Checks.V2.selector);
    }

    function test_V2_seesSharesThatDontSum() public {
        uint256 shares = vault.totalDebtShares();
        vm.mockCall(address(vault), abi.encodeCall(vault.totalDebtShares, ()), abi.encode(shares + 1));
        _stateFailsWith(Checks.V2.selector);
    }

    function test_V2_seesAPositionThatDoesNotSum() public {
        IVault.Position memory p = vault.position(token, handler.owner(0));
        --p.collateral;
        vm.mockCall(address(vault), abi.encodeCall(vault.position, (token, handler.owner(0))), abi.encode(p));
        _stateFailsWith(Checks.V2.selector);
    }

    function test_V6_seesDebtWithoutCollateral() public {
        // all of the collateral goes and the write-off is kept from seeing it
        IVault.Position memory p = vault.position(token, handler.owner(0));
        vm.prank(address(vault));
        IERC20(token).transfer(address(this), p.collateral);
        p.collateral = 0;
        vm.mockCall(address(vault), abi.encodeCall(vault.position, (token, handler.owner(0))), abi.encode(p));
        _stateFailsWith(Checks.V6.selector);
    }

    function test_A5_seesMiscountedAuctions() public {
        IAuctionHouse.Lane memory lane = IAuctionHouse(house).lane(token);
        ++lane.auctions;
        vm.mockCall(house, abi.encodeCall(IAuctionHouse.lane, (token)), abi.encode(lane));
        _stateFailsWith(Checks.A5.selector);
    }

    function test_A5_seesAHealthyPositionForSale() public {
        handler.crashTo(0, 0, 0.85e18);
        handler.startAndWait(0, 0, 10 minutes);
        IAuctionHouse.Quote memory q = IAuctionHouse(house).quote(token, handler.owner(0), 1e18);
        handler.crashTo(0, 0, 0.8e18);
        handler.checkState();
        vm.mockCall(house, abi.encodeWithSelector(IAuctionHouse.quote.selector), abi.encode(q));
        _stateFailsWith(Checks.A5.selector);
    }

    function test_B1_seesMissingCash() public {
        vm.prank(address(buffer));
        IERC20(loan).transfer(address(this), 1);
        _stateFailsWith(Checks.B1.selector);
    }

    function test_B1_seesMissingInventory() public {
        _fillInventory();
        vm.prank(address(buffer));
        IERC20(token).transfer(address(this), 1);
        _stateFailsWith(Checks.B1.selector);
    }

    // ---- calls ----

    function test_V3_seesAFallOfTheSharePrice() public {
        uint256 assets = vault.totalAssets();
        bytes memory call = abi.encodeCall(vault.totalAssets, ());
        _callFailsWith(abi.encodeCall(handler.lie, (address(vault), call, abi.encode(assets - 1))), Checks.V3.selector);
    }

    function test_V4_seesACallThatPays() public {
        bytes memory call = abi.encodeCall(
            handler.sendFrom,
            (loan, handler.underwriter(), address(uint160(uint256(keccak256("keeper")))), 100)
        );
        _callFailsWith(call, Checks.V4.selector);
    }

    function test_V5_seesASaleOfTheHealthy() public {
        _callFailsWith(abi.encodeCall(handler.sellOf, (0, 0)), Checks.V5.selector);
    }

    function test_A1_seesASaleThatRaisesTheLtv() public {
        _openSale(0.95e18);
        // at the oracle price, but most of it goes to the buffer as a fee
        _faultyHouse(1e18, 0.9e18);
        _buyFailsWith(1e16, Checks.A1.selector);
    }

    function test_A2_seesALaneThatRunsOver() public {
        _openSale(0.9e18);
        _faultyHouse(1e18, 1e18);
        // a burst is a third of an hour's
        _mockRate(0.3e18);
        _buyFailsWith(0.2e18, Checks.A2.selector);
    }

    function test_A3_seesASaleUnderTheFloor() public {
        _openSale(0.9e18);
        // half of what the LTV lacks to 1 is 5 %
        _faultyHouse(0.949e18, 1e18);
        _buyFailsWith(1e15, Checks.A3.selector);
    }

    function test_A3_seesATakeOverAboveTheOraclePrice() public {
        uint256 price = handler.priceE36(0);
        Checks.Sale memory sale;
        sale.amount = 1e18;
        sale.priceE36 = price;
        sale.cost = price / 1e18 + 2;
        sale.before.ltvWad = 0.95e18;
        _callFailsWith(
            abi.encodeCall(handler.A3_theBufferPaysTheOraclePriceLessItsDiscount, (sale)),
            Checks.A3.selector
        );
    }

    function test_A4_seesASalePastTheTarget() public {
        _openSale(0.85e18);
        handler.pass(3 hours);
        _faultyHouse(1.2e18, 1e18);
        (uint256 collateral, , ) = handler.state(0, 0);
        // the lane's pace is not what is looked at here
        _mockRate(type(uint104).max);
        _buyFailsWith(collateral / 2, Checks.A4.selector);
    }

    function test_A5_seesASaleOfTheHealthy() public {
        _faultyHouse(1e18, 1e18);
        _buyFailsWith(1e15, Checks.A5.selector);
    }

    function test_A8_seesABountyThatIsTooHigh() public {
        Checks.PositionLook memory p = Checks.PositionLook(1001e18, 900_000e6, 0.9e18);
        handler.A8_bountiesAreBounded(0, 0, 1e18, p, 1000e24);
        _callFailsWith(abi.encodeCall(handler.A8_bountiesAreBounded, (0, 0, 1e18 + 1, p, 1000e24)), Checks.A8.selector);
    }

    function test_B2_seesInventoryThatLeavesAtOnce() public {
        _fillInventory();
        handler.pass(10 minutes);
        uint256 amount = buffer.inventory(token).amount;
        vm.etch(address(0xb0ff), address(buffer).code);
        vm.etch(address(buffer), address(new FaultyBuffer(address(0xb0ff), vault)).code);
        _callFailsWith(abi.encodeCall(handler.buyInventoryOf, (0, amount)), Checks.B2.selector);
    }

    function test_B3_seesALossThatSkipsTheBuffer() public {
        handler.crashTo(0, 0, 1.2e18);
        vm.mockCall(address(buffer), abi.encodeWithSelector(buffer.cover.selector), abi.encode(0));
        _callFailsWith(abi.encodeCall(handler.absorbOf, (0, 0)), Checks.B3.selector);
    }

    function test_B3_seesWhoLeavesDuringAnAuction() public {
        handler.requestNow(1e6);
        handler.pass(2 hours);
        handler.crashTo(0, 0, 0.85e18);
        handler.startAndWait(0, 0, 1);
        // the buffer is made to see no market at all
        vm.mockCall(address(vault), abi.encodeCall(vault.markets, ()), abi.encode(new address[](0)));
        _callFailsWith(abi.encodeCall(handler.claimNow, (1e6)), Checks.B3.selector);
    }

    function test_B4_seesAFallOfTheUnderwritersPrice() public {
        uint256 price = buffer.previewMint(1e30);
        bytes memory call = abi.encodeCall(buffer.previewMint, (1e30));
        _callFailsWith(
            abi.encodeCall(handler.lie, (address(buffer), call, abi.encode((price * 999) / 1000))),
            Checks.B4.selector
        );
    }

    // ---- helpers ----

    function _mockRate(uint104 ratePerHour) internal {
        IAuctionHouse.Lane memory lane = IAuctionHouse(house).lane(token);
        lane.ratePerHour = ratePerHour;
        vm.mockCall(house, abi.encodeCall(IAuctionHouse.lane, (token)), abi.encode(lane));
    }

    function _openSale(uint256 ltvWad) internal {
        handler.crashTo(0, 0, ltvWad);
        handler.startAndWait(0, 0, 10 minutes);
    }

    function _fillInventory() internal {
        handler.crashTo(0, 0, 0.95e18);
        handler.absorbOf(0, 0);
        handler.checkState();
    }

    function _faultyHouse(uint256 multipleWad, uint256 repaidWad) internal {
        vm.etch(address(0x40), house.code);
        vm.etch(house, address(new FaultyHouse(address(0x40), vault, multipleWad, repaidWad)).code);
    }

    function _buyFailsWith(uint256 amount, bytes4 selector) internal {
        _callFailsWith(abi.encodeCall(handler.buyOf, (0, 0, amount)), selector);
    }

    function _stateFailsWith(bytes4 selector) internal {
        _callFailsWith(abi.encodeCall(handler.checkState, ()), selector);
    }

    function _callFailsWith(bytes memory call, bytes4 selector) internal {
        // solhint-disable-next-line avoid-low-level-calls
        (bool success, bytes memory answer) = address(handler).call(call);
        assertFalse(success, "the check did not see it");
        assertEq(bytes32(bytes4(answer)), bytes32(selector), "another error than the check's own");
    }
}
