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
        _vault.settle(collateral, fills, cost - repaid, msg.sender, receiver, address(0), "");
        return (amount, cost);
    }

    /// @dev Opens whatever is shown, and pays a hundredth of it.
    function open(address collateral, address owner, address receiver) external returns (uint256 pay) {
        pay = _vault.position(collateral, owner).collateral / 100;
        emit IAuctionHouse.LaneOpened(collateral, owner, msg.sender, 0, 0, 0, pay);
        _vault.pay(collateral, owner, pay, receiver);
    }

    /// @dev Absorbs a tenth of whatever is shown, at the share of the price, and pays nobody, or says so.
    function absorb(address collateral, address owner, address receiver) external returns (uint256, uint256) {
        uint256 priceE36 = _vault.market(collateral).oracle.price();
        IVault.Fill[] memory fills = new IVault.Fill[](1);
        fills[0] = IVault.Fill(owner, _vault.position(collateral, owner).collateral / 10, 0, _multipleWad == 0 ? 1 : 0);
        emit IAuctionHouse.Absorbed(collateral, owner, msg.sender, fills[0].collateral, 0, priceE36, 0, 0);
        fills[0].repaid = Math.fullMulDiv(fills[0].collateral * _multipleWad, priceE36, 1e54);
        address buffer = _vault.buffer();
        ILiquidityBuffer(buffer).absorb(collateral, fills[0].collateral, fills[0].repaid);
        _vault.settle(collateral, fills, 0, buffer, buffer, receiver, "");
        return (fills[0].collateral, 0);
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

    function openAndWait(uint256 k, uint256 i, uint256 time) external timed {
        _openLane(k, i, keeper, 0);
        _wait(time);
    }

    /// @dev Without what `_openLane` asks of the lane afterwards.
    function openOnly(uint256 k, uint256 i) external timed checked(keeper, k) {
        vm.prank(keeper);
        house.open(_collateral(k), owners[i], keeper);
    }

    function observeAll() external timed {
        for (uint256 k; k < _markets.length; ++k) _observe(k);
    }

    function part(uint256 k, uint256 shareBps) external {
        _markets[k].second.setShare(shareBps);
    }

    function sync(uint256 k) external timed {
        _sync(k);
    }

    function pass(uint256 time) external {
        _wait(time);
    }

    function buyOf(uint256 k, uint256 i, uint256 amount) external timed {
        _buy(k, i, amount, type(uint256).max, keeper, 0);
    }

    function absorbOf(uint256 k, uint256 i) external timed {
        _absorb(k, i, keeper, 0);
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
        vault.settle(_collateral(k), fills, 0, keeper, keeper, address(0), "");
    }

    /// @dev A call of the keeper's in which an owner is lent `assets`.
    function lendTo(uint256 k, uint256 i, uint256 assets) external timed checked(owners[i], k) {
        vm.prank(owners[i]);
        vault.borrow(_collateral(k), assets, owners[i], owners[i]);
    }

    function fulfilNow() external timed {
        _fulfil(underwriters[0], keeper, 0);
    }

    function claimNow() external timed {
        _claim(0, underwriters[0], type(uint256).max);
    }

    function depositNow(uint256 assets) external timed {
        _underwrite(0, underwriters[0], assets);
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

    function test_A5_seesAHealthyPositionForSale() public {
        handler.crashTo(0, 0, 0.85e18);
        handler.openAndWait(0, 0, 10 minutes);
        IAuctionHouse.Quote memory q = IAuctionHouse(house).quote(token, handler.owner(0), 1e18);
        handler.crashTo(0, 0, 0.8e18);
        handler.checkState();
        vm.mockCall(house, abi.encodeWithSelector(IAuctionHouse.quote.selector), abi.encode(q));
        _stateFailsWith(Checks.A5.selector);
    }

    function test_A9_seesAClosedLaneThatOffers() public {
        handler.crashTo(0, 0, 0.85e18);
        handler.openAndWait(0, 0, 10 minutes);
        IAuctionHouse.Quote memory q = IAuctionHouse(house).quote(token, handler.owner(0), 1e18);
        bytes memory call = abi.encodeCall(IAuctionHouse.quote, (token, handler.owner(0), type(uint256).max));
        vm.mockCall(house, call, abi.encode(q));
        handler.checkState();
        // twenty minutes until all is emitted, and five more
        handler.pass(16 minutes);
        _stateFailsWith(Checks.A9.selector);
    }

    function test_B1_seesClaimsThatDontSum() public {
        uint256 aside = buffer.setAside();
        IERC20(loan).transfer(address(buffer), 0);
        vm.prank(handler.underwriter());
        IERC20(loan).transfer(address(buffer), 1);
        vm.mockCall(address(buffer), abi.encodeCall(buffer.setAside, ()), abi.encode(aside + 1));
        _stateFailsWith(Checks.B1.selector);
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

    function test_A3_seesADiscountThatALittleLtvDoesNotGive() public {
        // two percent over the lltv, a little more by the pay, and a first discount of 1.5 %: less than 3.7 %
        _openSale(0.85e18);
        _faultyHouse(0.963e18, 1e18);
        _buyFailsWith(1e15, Checks.A3.selector);
    }

    function test_A3_seesABufferThatPaysMoreThanTheOraclePrice() public {
        handler.crashTo(0, 0, 0.95e18);
        _faultyHouse(1.01e18, 1e18);
        Checks.Sale memory sale = _absorption(1.01e18);
        _callFailsWith(
            abi.encodeCall(handler.A3_theBufferPaysTheOraclePriceLessItsDiscount, (sale)),
            Checks.A3.selector
        );
    }

    function test_A3_seesABufferThatPaysTooLittle() public {
        Checks.Sale memory sale = _absorption(0.97e18);
        handler.A3_theBufferPaysTheOraclePriceLessItsDiscount(sale);
        sale = _absorption(0.9699e18);
        _callFailsWith(
            abi.encodeCall(handler.A3_theBufferPaysTheOraclePriceLessItsDiscount, (sale)),
            Checks.A3.selector
        );
    }

    function test_A3_seesALowerPriceWithoutDoubt() public {
        Checks.Look memory look = _lookAtOne(0.95e18);
        uint256 price = look.priceE36;
        handler.A3_theLowerPriceIsForDoubt(0, 0, price, look);
        _callFailsWith(abi.encodeCall(handler.A3_theLowerPriceIsForDoubt, (0, 0, price - 1, look)), Checks.A3.selector);
    }

    function test_A3_seesEquityWrittenOffByAPriceInDoubt() public {
        handler.part(0, 9000);
        handler.observeAll();
        Checks.Look memory look = _lookAtOne(0.89e18);
        uint256 lower = (look.priceE36 * 9000) / 10_000;
        handler.A3_theLowerPriceIsForDoubt(0, 0, lower, look);
        look = _lookAtOne(0.95e18);
        _callFailsWith(abi.encodeCall(handler.A3_theLowerPriceIsForDoubt, (0, 0, lower, look)), Checks.A3.selector);
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

    function test_A5_seesALaneThatTheHealthyOpen() public {
        _faultyHouse(1e18, 1e18);
        _callFailsWith(abi.encodeCall(handler.openOnly, (0, 0)), Checks.A5.selector);
    }

    function test_A5_seesTheHealthyAbsorbed() public {
        _faultyHouse(1e18, 1e18);
        _callFailsWith(abi.encodeCall(handler.absorbOf, (0, 0)), Checks.A5.selector);
    }

    function test_A5_seesThoseAbsorbedWhomTheLaneSells() public {
        handler.crashTo(0, 0, 0.9e18);
        _faultyHouse(1e18, 1e18);
        _callFailsWith(abi.encodeCall(handler.absorbOf, (0, 0)), Checks.A5.selector);
    }

    function test_A8_seesAnOpeningThatPaysTooMuch() public {
        handler.crashTo(0, 0, 0.9e18);
        _faultyHouse(1e18, 1e18);
        _callFailsWith(abi.encodeCall(handler.openOnly, (0, 0)), Checks.A8.selector);
    }

    function test_A8_seesEachBoundOfPay() public {
        // 255,000 gas at 20 gwei and a tip of 1, and a fifth more
        uint256 most = (255_000 * 21 gwei * 12) / 10;
        _payEndsAt(most, Checks.PositionLook(1000e18, 900_000e6, 0.9e18, 0, 0));
        // a hundredth of the collateral
        _payEndsAt(1e14, Checks.PositionLook(1e16, 1, 0.9e18, 0, 0));
        // half of the equity: of 1000 ether that owe all but a thousandth of one
        _payEndsAt(5e14, Checks.PositionLook(1000e18, 999_999e6, 0.999999e18, 0, 0));
        // without equity, as with plenty
        _payEndsAt(most, Checks.PositionLook(1000e18, 1_100_000e6, 1.1e18, 0, 0));
    }

    function test_A8_seesAPartThatIsPaidForTheWhole() public {
        // all of what is insolvent is 1000 ether less its pay: a tenth of it
        Checks.PositionLook memory p = Checks.PositionLook(1000e18, 1_100_000e6, 1.1e18, 0, 0);
        uint256 full = (325_000 * 21 gwei * 12) / 10;
        handler.A8_aPartIsPaidForItsPart(0, 0, full / 10, 100e18, 325_000, 1000e24, p);
        bytes memory call = abi.encodeCall(
            handler.A8_aPartIsPaidForItsPart,
            (0, 0, full / 9, 100e18, 325_000, 1000e24, p)
        );
        _callFailsWith(call, Checks.A8.selector);
    }

    function test_A8_seesOpeningsPaidTooOften() public {
        handler.crashTo(0, 0, 0.9e18);
        handler.openAndWait(0, 0, 59 minutes);
        bytes memory call = abi.encodeCall(handler.A8_openIsPaidOnceAnInterval, (0, 1));
        _callFailsWith(call, Checks.A8.selector);
        handler.pass(1 minutes);
        handler.A8_openIsPaidOnceAnInterval(0, 1);
    }

    function test_A8_seesPayThatNobodySpokeOf() public {
        handler.crashTo(0, 0, 1.2e18);
        _faultyHouse(0, 1e18);
        _callFailsWith(abi.encodeCall(handler.absorbOf, (0, 0)), Checks.A8.selector);
    }

    function test_A8_seesARedemptionThatPaysTooMuch() public {
        // a hundredth of a little, and gas of 370,000 of a lot, at 2000 a coin
        _redemptionPayEndsAt(99e6, 1e6);
        _redemptionPayEndsAt(1e12, (370_000 * 21 gwei * 12 * 2000) / 10 / 1e12);
    }

    function test_A9_seesALaneThatIsOpenedTwice() public {
        _openSale(0.9e18);
        _callFailsWith(abi.encodeCall(handler.A9_onlyAClosedLaneOpens, (0, true)), Checks.A9.selector);
        // nor does one open with what it had emitted before
        _callFailsWith(abi.encodeCall(handler.A9_onlyAClosedLaneOpens, (0, false)), Checks.A9.selector);
    }

    function test_A9_seesASaleByALaneThatNobodyOpened() public {
        handler.crashTo(0, 0, 0.9e18);
        _faultyHouse(1.01e18, 1e18);
        _buyFailsWith(1e15, Checks.A9.selector);
    }

    function test_A9_seesASaleByALaneThatClosed() public {
        _openSale(0.9e18);
        handler.pass(16 minutes);
        _faultyHouse(1.01e18, 1e18);
        _buyFailsWith(1e15, Checks.A9.selector);
    }

    function test_A9_seesAFirstUnitUnderThePremium() public {
        handler.crashTo(0, 0, 0.9e18);
        handler.openAndWait(0, 0, 0);
        _faultyHouse(1.0049e18, 1e18);
        _buyFailsWith(1e15, Checks.A9.selector);
    }

    function test_V7_seesDebtOverGovernancesCeiling() public {
        IVault.Market memory m = vault.market(token);
        m.debtCeiling = 1;
        vm.mockCall(address(vault), abi.encodeCall(vault.market, (token)), abi.encode(m));
        _callFailsWith(abi.encodeCall(handler.V7_debtGrowsUnderBothCeilings, (0)), Checks.V7.selector);
    }

    function test_V7_seesALoanOverTheLanesCeiling() public {
        handler.lendTo(0, 0, 1);
        IAuctionHouse.LaneParameters memory p = IAuctionHouse(house).laneParameters(token);
        // a venue of no depth clears next to nothing, and the vault is told of a lot
        p.maxRatePerHour = p.minRatePerHour;
        p.clearHours = 1;
        vm.prank(address(handler));
        IAuctionHouse(house).setLane(token, p);
        handler.pass(30 minutes);
        handler.sync(0);
        vm.prank(house);
        vault.setLaneCeiling(token, type(uint112).max);
        _callFailsWith(abi.encodeCall(handler.lendTo, (0, 0, 1)), Checks.V7.selector);
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

    function test_B2_seesInventoryThatIsNotSoldInBites() public {
        ILiquidityBuffer.InventoryParameters memory p = buffer.inventoryParameters(token);
        p.biteTime = 10 minutes;
        vm.prank(address(handler));
        buffer.setInventoryParameters(token, p);
        uint256 cursorWad = (handler.clock() - 10 minutes) * 1e18;
        handler.B2_inventoryIsSoldInBites(0, cursorWad);
        _callFailsWith(abi.encodeCall(handler.B2_inventoryIsSoldInBites, (0, cursorWad + 1)), Checks.B2.selector);
    }

    function test_B3_seesTheInsolventSoldPastTheBuffer() public {
        _openSale(1.01e18);
        _faultyHouse(1.01e18, 1e18);
        _buyFailsWith(1e15, Checks.B3.selector);
    }

    function test_B3_seesWhoLeavesWhileALaneIsOpen() public {
        _requestAndWait();
        handler.crashTo(0, 0, 0.85e18);
        handler.openAndWait(0, 0, 1);
        _leavesUnseen();
    }

    function test_B3_seesWhoLeavesUnderTheAverage() public {
        _requestAndWait();
        handler.crashTo(0, 0, 0.82e18);
        _leavesUnseen();
    }

    function test_B3_seesWhoLeavesAtAPriceThatNobodyWatched() public {
        _requestAndWait();
        handler.pass(2 hours);
        _leavesUnseen();
    }

    function test_B3_seesWhoLeavesRightAfterALook() public {
        _requestAndWait();
        handler.pass(2 hours);
        handler.observeAll();
        _leavesUnseen();
    }

    function test_B3_seesWhoLeavesAtAPriceInDoubt() public {
        handler.requestNow(1e6);
        handler.pass(1 hours);
        handler.part(0, 9000);
        handler.observeAll();
        handler.pass(31 minutes);
        _leavesUnseen();
    }

    function test_B3_letsGoInCalm() public {
        _requestAndWait();
        handler.fulfilNow();
        handler.checkState();
        handler.claimNow();
        handler.checkState();
    }

    function test_B3_seesWhatWasSetAsideMove() public {
        bytes memory call = abi.encodeCall(buffer.setAside, ());
        _callFailsWith(abi.encodeCall(handler.lie, (address(buffer), call, abi.encode(1))), Checks.B3.selector);
    }

    function test_B5_seesADepositThatPaysForOthersLosses() public {
        // the shares of the wiped out are counted on
        Checks.Look memory look;
        (look.fullWorth, look.underwriterShares) = (1e12 - 1, 1e14 - 1000);
        handler.B5_aDepositKeepsItsValue(1e6, 100e6, look);
        _callFailsWith(abi.encodeCall(handler.B5_aDepositKeepsItsValue, (1e6, 99e6, look)), Checks.B5.selector);
    }

    function test_B5_seesShareOutAfterAWipeOut() public {
        // half of the inventory that everybody owns is hidden while the deposit is priced
        _fillInventory();
        bytes memory call = abi.encodeWithSelector(buffer.previewDeposit.selector);
        uint256 shares = buffer.previewDeposit(1000e6);
        vm.mockCall(address(buffer), call, abi.encode(shares / 2));
        _callFailsWith(abi.encodeCall(handler.depositNow, (1000e6)), Checks.B5.selector);
    }

    function test_B5_seesAMergerThatChangesSomebodysPart() public {
        // of 1000 units an eighth, in shares of which a million become one
        Checks.Look memory before = _buffer(1000, 8e18, 1e18, 0);
        Checks.Look memory afterwards = _buffer(1000, 8e12, 1e12, 1);
        handler.B5_aMergerChangesNobodysPart(before, afterwards);
        handler.B4_underwritersLoseOnlyWhatTheyBear(before, afterwards, 0, 0);
        for (uint256 way; way < 2; ++way) {
            afterwards.holdings[0] = way == 0 ? 0.96e12 : 1.04e12;
            _callFailsWith(
                abi.encodeCall(handler.B5_aMergerChangesNobodysPart, (before, afterwards)),
                Checks.B5.selector
            );
        }
        // and shares out of nothing
        afterwards = _buffer(1000, 8.1e12, 1e12, 1);
        _callFailsWith(
            abi.encodeCall(handler.B4_underwritersLoseOnlyWhatTheyBear, (before, afterwards, 0, 0)),
            Checks.B4.selector
        );
    }

    function test_B4_seesAFallOnlyAtTheOraclePrice() public {
        Checks.Look memory before = _buffer(1e9, 1e12, 0, 0);
        Checks.Look memory afterwards = _buffer(1e9, 1e12, 0, 0);
        afterwards.worth -= 10;
        handler.B4_underwritersLoseOnlyWhatTheyBear(before, afterwards, 10, 0);
        _callFailsWith(
            abi.encodeCall(handler.B4_underwritersLoseOnlyWhatTheyBear, (before, afterwards, 0, 10)),
            Checks.B4.selector
        );
    }

    function test_B1_seesSharesThatDontSum() public {
        uint256 supply = buffer.totalSupply();
        for (uint256 way; way < 2; ++way) {
            bytes memory answer = abi.encode(way == 0 ? supply - 1 : supply + 6);
            vm.mockCall(address(buffer), abi.encodeWithSignature("totalSupply()"), answer);
            _stateFailsWith(Checks.B1.selector);
        }
        vm.clearMockedCalls();
        handler.requestNow(1e6);
        bytes memory call = abi.encodeCall(buffer.pendingRedeemRequest, (0, handler.underwriter()));
        vm.mockCall(address(buffer), call, abi.encode(1e6 + 1));
        _stateFailsWith(Checks.B1.selector);
    }

    function test_B4_seesAFallOfTheUnderwritersPrice() public {
        bytes memory call = abi.encodeCall(buffer.cash, ());
        uint256 cash = buffer.cash();
        _callFailsWith(
            abi.encodeCall(handler.lie, (address(buffer), call, abi.encode((cash * 999) / 1000))),
            Checks.B4.selector
        );
    }

    // ---- helpers ----

    /// @dev A buffer of one underwriter that this is about, and others.
    function _buffer(
        uint256 worth,
        uint256 shares,
        uint256 holding,
        uint256 epoch
    ) internal pure returns (Checks.Look memory look) {
        (look.worth, look.fullWorth, look.underwriterShares, look.epoch) = (worth, worth, shares, epoch);
        look.holdings = new uint256[](1);
        look.holdings[0] = holding;
    }

    function _mockRate(uint256 ratePerHour) internal {
        vm.mockCall(house, abi.encodeCall(IAuctionHouse.ratePerHour, (token)), abi.encode(ratePerHour));
    }

    function _openSale(uint256 ltvWad) internal {
        handler.crashTo(0, 0, ltvWad);
        handler.openAndWait(0, 0, 10 minutes);
    }

    /// @dev 1000 ether at 1000, of which the buffer absorbs one at a share of the price.
    function _absorption(uint256 multipleWad) internal pure returns (Checks.Sale memory sale) {
        sale.amount = 1e18;
        sale.priceE36 = 1000e24;
        sale.cost = (1000e6 * multipleWad) / 1e18;
        sale.before.debt = 910_000e6;
        sale.before.ltvWad = 0.91e18;
    }

    /// @dev The first position at an LTV, as the checks see it.
    function _lookAtOne(uint256 ltvWad) internal view returns (Checks.Look memory look) {
        look.priceE36 = handler.priceE36(0);
        look.positions = new Checks.PositionLook[](1);
        uint256 debt = (((100e18 * look.priceE36) / 1e36) * ltvWad) / 1e18;
        look.positions[0] = Checks.PositionLook(100e18, debt, ltvWad, 0, 0);
    }

    /// @dev At 1000 an ether.
    function _payEndsAt(uint256 most, Checks.PositionLook memory p) internal {
        handler.A8_payIsBounded(0, 0, most, 255_000, 1000e24, p);
        bytes memory call = abi.encodeCall(handler.A8_payIsBounded, (0, 0, most + 1, 255_000, 1000e24, p));
        _callFailsWith(call, Checks.A8.selector);
    }

    function _redemptionPayEndsAt(uint256 assets, uint256 most) internal {
        handler.A8_payOfARedemptionIsBounded(address(this), assets, most);
        // a hundredth of a hundred more is one more
        bytes memory call = abi.encodeCall(handler.A8_payOfARedemptionIsBounded, (address(this), assets, most + 2));
        _callFailsWith(call, Checks.A8.selector);
    }

    function _requestAndWait() internal {
        handler.requestNow(1e6);
        handler.pass(1 hours);
        handler.observeAll();
        handler.pass(31 minutes);
    }

    /// @dev The buffer is made to see no market at all.
    function _leavesUnseen() internal {
        vm.mockCall(address(vault), abi.encodeCall(vault.markets, ()), abi.encode(new address[](0)));
        _callFailsWith(abi.encodeCall(handler.fulfilNow, ()), Checks.B3.selector);
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
