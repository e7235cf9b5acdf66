// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { AccessManager } from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import { FixedPointMathLib as Math } from "solady/src/utils/FixedPointMathLib.sol";
import { AuctionHouse } from "../../contracts/AuctionHouse.sol";
import { LiquidityBuffer } from "../../contracts/LiquidityBuffer.sol";
import { Vault } from "../../contracts/Vault.sol";
import { IAuctionHouse } from "../../contracts/interfaces/IAuctionHouse.sol";
import { ILiquidityBuffer } from "../../contracts/interfaces/ILiquidityBuffer.sol";
import { IOracleGuard } from "../../contracts/interfaces/IOracleGuard.sol";
import { IVault } from "../../contracts/interfaces/IVault.sol";
import { MockDepth } from "../../contracts/mocks/MockDepth.sol";
import { MockERC20 } from "../../contracts/mocks/MockERC20.sol";
import { MockOracle } from "../../contracts/mocks/MockOracle.sol";
import { KinkedRateModel } from "../../contracts/rates/KinkedRateModel.sol";
import { ForgeTest, Vm } from "../forge/ForgeTest.sol";

/// @notice The whole protocol with two markets (18 and 8 decimals), and everything that anyone can do to it. Each action
/// bounds its inputs so that it does something and never reverts. What each call did is checked at once and remembered in
/// `broken`, one flag per invariant.
contract Handler is ForgeTest {
    uint256 internal constant WAD = 1e18;
    uint256 internal constant BPS = 1e4;
    uint256 public constant OWNERS = 4;

    enum Id {
        V3,
        A1,
        A2,
        A3,
        A4,
        A5,
        B2,
        B3
    }

    /// @dev What left a lane, as seconds of its emission.
    struct Sold {
        uint256 at;
        uint256 emissionWad;
    }

    struct Market {
        MockERC20 token;
        MockOracle oracle;
        MockDepth depth;
        uint256 unitPriceE36;
        uint256 unit;
    }

    /// @dev A position before a fill.
    struct Before {
        uint256 collateral;
        uint256 debt;
        uint256 ltvWad;
        uint256 maxDiscountWad;
        uint256 ratePerHour;
    }

    MockERC20 public loan;
    Vault public vault;
    AuctionHouse public house;
    LiquidityBuffer public buffer;
    Market[2] internal _markets;
    address[4] public owners;
    address[2] public lenders;
    address internal keeper;

    mapping(Id => bool) public broken;
    mapping(string => uint256) public count;
    mapping(address token => mapping(address holder => uint256)) public donated;
    mapping(address collateral => Sold[]) internal _laneSold;
    mapping(address collateral => Sold[]) internal _inventorySold;
    uint256 public clock = 1_700_000_000;

    constructor() {
        vm.warp(clock);
        loan = new MockERC20("USD Coin", "USDC", 6);
        AccessManager manager = new AccessManager(address(this));
        KinkedRateModel rates = new KinkedRateModel(0.9e18, 0.01e18, 0.05e18, 1e18);
        vault = new Vault(loan, "Vault", "V", rates, address(manager));
        house = new AuctionHouse(vault, address(manager));
        buffer = new LiquidityBuffer(house, "Buffer", "B", 1 hours, address(manager));
        vault.link(address(house), address(buffer));
        vault.setInterestShares(500, 500);
        _list(0, 18, 2000);
        _list(1, 8, 60_000);

        keeper = actor("keeper");
        for (uint256 i; i < OWNERS; ++i)
            owners[i] = actor(string.concat("borrower ", string(abi.encodePacked(49 + i))));
        for (uint256 i; i < 2; ++i) lenders[i] = actor(string.concat("lender ", string(abi.encodePacked(49 + i))));
        address[7] memory all = [owners[0], owners[1], owners[2], owners[3], lenders[0], lenders[1], keeper];
        for (uint256 i; i < 7; ++i) {
            vm.startPrank(all[i]);
            loan.approve(address(vault), type(uint256).max);
            loan.approve(address(buffer), type(uint256).max);
            for (uint256 k; k < 2; ++k) _markets[k].token.approve(address(vault), type(uint256).max);
            vm.stopPrank();
        }
        loan.mint(lenders[0], 1_000_000e6);
        loan.mint(lenders[1], 30_000e6);
        vm.prank(lenders[0]);
        vault.deposit(1_000_000e6, lenders[0]);
        vm.prank(lenders[1]);
        buffer.deposit(30_000e6, lenders[1]);
        for (uint256 i; i < OWNERS; ++i) _open(i % 2, owners[i], (i + 2) * 5, 0.78e18);
    }

    function _list(uint256 k, uint8 decimals, uint256 price) internal {
        Market storage m = _markets[k];
        m.token = new MockERC20("Collateral", "C", decimals);
        m.unit = 10 ** decimals;
        m.unitPriceE36 = 10 ** (42 - decimals);
        m.oracle = new MockOracle(price * m.unitPriceE36);
        m.depth = new MockDepth((100_000 * m.unit) / price);
        vault.setMarket(
            address(m.token),
            IVault.MarketParameters(m.oracle, m.oracle, 8000, 8300, 500_000_000e6, 500e6)
        );
        house.setLane(
            address(m.token),
            IAuctionHouse.LaneParameters({
                slopeWad: uint64(uint256(0.005e18) / 60),
                minPremiumBps: 50,
                maxPremiumBps: 400,
                maxDiscountBps: 600,
                targetLtvBps: 7885,
                absorbLtvBps: 9100,
                absorbDiscountBps: 300,
                liquidationFeeBps: 50,
                paceBps: 120,
                absorbDelay: 1 hours,
                maxAuctionDuration: 4 hours,
                stressPaceBps: 480,
                chipBps: 2,
                emaPeriod: 30 minutes,
                tip: 20e6,
                minRatePerHour: uint128(m.unit / 1000),
                maxRatePerHour: uint128(m.unit * 1e6),
                depthOracle: m.depth,
                guard: IOracleGuard(address(0))
            })
        );
        buffer.setInventoryParameters(
            address(m.token),
            ILiquidityBuffer.InventoryParameters({
                cap: uint128((50_000 * m.unit) / price),
                slopeWad: uint64(uint256(0.005e18) / 60),
                paceShareBps: 5000,
                premiumBps: 50,
                maxDiscountBps: 100,
                emaToleranceBps: 100,
                haircutBps: 500,
                maxHold: 1 days
            })
        );
    }

    function collateralOf(uint256 k) public view returns (MockERC20) {
        return _markets[k].token;
    }

    /// @dev Time passes only in `wait`; the clock is kept here for whatever calls next.
    modifier action() {
        vm.warp(clock);
        uint256 price = _sharePrice();
        vm.recordLogs();
        _;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        bool lendersLost = _checkWriteOffs(logs);
        if (_sharePrice() < price && !lendersLost) broken[Id.V3] = true;
    }

    // ---------------------------------------------------------------------------------- lenders, underwriters

    function lend(uint256 amount) external action {
        amount = bound(amount, 1e6, 300_000e6);
        loan.mint(lenders[0], amount);
        vm.prank(lenders[0]);
        vault.deposit(amount, lenders[0]);
    }

    function unlend(uint256 shares) external action {
        uint256 most = vault.maxRedeem(lenders[0]);
        // some cash stays, so that there is something to borrow
        if (most / 4 == 0) return;
        vm.prank(lenders[0]);
        vault.redeem(bound(shares, 1, most / 4), lenders[0], lenders[0]);
    }

    function underwrite(uint256 amount) external action {
        amount = bound(amount, 1e6, 20_000e6);
        loan.mint(lenders[1], amount);
        vm.prank(lenders[1]);
        buffer.deposit(amount, lenders[1]);
    }

    function requestRedeem(uint256 shares) external action {
        uint256 most = buffer.balanceOf(lenders[1]);
        if (most == 0) return;
        vm.prank(lenders[1]);
        buffer.requestRedeem(bound(shares, 1, most), lenders[1], lenders[1]);
    }

    function claim(uint256 shares) external action {
        uint256 most = buffer.maxRedeem(lenders[1]);
        bool auctions =
            house.lane(address(_markets[0].token)).auctions + house.lane(address(_markets[1].token)).auctions != 0;
        // nobody leaves ahead of a loss
        if (auctions && most != 0) broken[Id.B3] = true;
        if (most == 0) return;
        vm.prank(lenders[1]);
        buffer.redeem(bound(shares, 1, most), lenders[1], lenders[1]);
        ++count["claims"];
    }

    // -------------------------------------------------------------------------------------------- borrowers

    function open(uint256 seed, uint256 size, uint256 ltv) external action {
        _open(seed % 2, owners[(seed / 2) % OWNERS], bound(size, 1, 60), bound(ltv, 0.5e18, 0.795e18));
    }

    /// @dev Supplies `thousands` of loan asset's worth and borrows up to an LTV.
    function _open(uint256 k, address owner, uint256 thousands, uint256 ltv) internal {
        Market storage m = _markets[k];
        uint256 price = m.oracle.price();
        uint256 amount = Math.fullMulDivUp(thousands * 1000e6, 1e36, price);
        m.token.mint(owner, amount);
        vm.startPrank(owner);
        vault.supplyCollateral(address(m.token), amount, owner);
        (uint256 collateral, uint256 debt) = position(k, owner);
        uint256 most = Math.fullMulDiv(Math.fullMulDiv(collateral, price, 1e36), ltv, WAD);
        uint256 wanted = Math.min(Math.zeroFloorSub(most, debt), vault.idle());
        if (wanted > 1 && wanted + debt >= 501e6) {
            vault.borrow(address(m.token), wanted - 1, owner, owner);
            ++count["borrows"];
        }
        vm.stopPrank();
    }

    function repay(uint256 seed, uint256 part) external action {
        (uint256 k, address owner) = (seed % 2, owners[(seed / 2) % OWNERS]);
        (, uint256 debt) = position(k, owner);
        if (debt == 0) return;
        uint256 assets = bound(part, 1, debt);
        // a rest under the minimum is refused
        if (debt - assets < 501e6) assets = debt;
        loan.mint(keeper, assets);
        vm.prank(keeper);
        vault.repay(address(_markets[k].token), assets, owner);
    }

    function topUp(uint256 seed, uint256 amount) external action {
        Market storage m = _markets[seed % 2];
        amount = bound(amount, 1, m.unit);
        m.token.mint(keeper, amount);
        vm.prank(keeper);
        vault.supplyCollateral(address(m.token), amount, owners[(seed / 2) % OWNERS]);
    }

    function withdrawCollateral(uint256 seed, uint256 part) external action {
        (uint256 k, address owner) = (seed % 2, owners[(seed / 2) % OWNERS]);
        (uint256 collateral, uint256 debt) = position(k, owner);
        uint256 needed = Math.fullMulDivUp(debt, 1e36 * BPS, _markets[k].oracle.price() * 7999) + 1;
        if (debt == 0) needed = 0;
        if (collateral <= needed) return;
        vm.prank(owner);
        vault.withdrawCollateral(address(_markets[k].token), bound(part, 1, collateral - needed), owner, owner);
    }

    // -------------------------------------------------------------------------------------------- the world

    function wait(uint256 time) external {
        clock += bound(time, 1, 2 hours);
        vm.warp(clock);
    }

    /// @dev Up to 10 % either way.
    function movePrice(uint256 seed, uint256 to) external action {
        MockOracle oracle = _markets[seed % 2].oracle;
        uint256 price = oracle.price();
        _setPrice(seed % 2, (price * bound(to, 0.9e18, 1.1e18)) / WAD);
    }

    /// @dev A jump that brings one position to an LTV of 84 to 115 %.
    function crash(uint256 seed, uint256 ltv) external action {
        _crash(seed % 2, owners[(seed / 2) % OWNERS], bound(ltv, 0.84e18, 1.15e18));
    }

    /// @dev A smaller one, of a position that is put in auction at once, and some minutes in which nobody buys.
    function crashAndStart(uint256 seed, uint256 ltv, uint256 time) external action {
        (uint256 k, address owner) = (seed % 2, owners[(seed / 2) % OWNERS]);
        _crash(k, owner, bound(ltv, 0.84e18, 0.99e18));
        _start(k, owner);
        clock += bound(time, 1, 30 minutes);
        vm.warp(clock);
    }

    function _crash(uint256 k, address owner, uint256 ltv) internal {
        (uint256 collateral, uint256 debt) = position(k, owner);
        if (collateral == 0 || debt == 0) return;
        _setPrice(k, Math.fullMulDiv(debt, 1e36 * WAD, collateral * ltv));
    }

    /// @dev The price comes back, everybody is free, and time passes.
    function calmDown(uint256 seed) external action {
        uint256 k = seed % 2;
        _setPrice(k, _markets[k].oracle.price() * 2);
        for (uint256 i; i < OWNERS; ++i) _cancel(k, owners[i]);
        house.sync(address(_markets[k].token));
        clock += 3 hours;
        vm.warp(clock);
    }

    function recover(uint256 seed) external action {
        _setPrice(seed % 2, _markets[seed % 2].oracle.price() * 2);
    }

    function _setPrice(uint256 k, uint256 price) internal {
        Market storage m = _markets[k];
        // a cent to a hundred million
        m.oracle.setPrice(Math.clamp(price, m.unitPriceE36 / 100, m.unitPriceE36 * 1e8));
    }

    function setDepth(uint256 seed, uint256 thousands) external action {
        Market storage m = _markets[seed % 2];
        m.depth.setDepth(Math.fullMulDiv(bound(thousands, 1, 1000) * 1000e6, 1e36, m.oracle.price()));
    }

    function donate(uint256 seed, uint256 amount) external action {
        amount = bound(amount, 1, 1000e6);
        address holder = seed & 1 == 0 ? address(vault) : address(buffer);
        MockERC20 token = seed & 2 == 0 ? loan : _markets[(seed >> 2) % 2].token;
        token.mint(holder, amount);
        donated[address(token)][holder] += amount;
    }

    // -------------------------------------------------------------------------------------------- keepers

    function sync(uint256 seed) external action {
        house.sync(address(_markets[seed % 2].token));
    }

    function start(uint256 seed) external action {
        for (uint256 i; i < OWNERS; ++i) {
            if (_start(seed % 2, owners[(seed / 2 + i) % OWNERS])) return;
        }
    }

    function _start(uint256 k, address owner) internal returns (bool) {
        address token = address(_markets[k].token);
        IAuctionHouse.Refusal refusal = house.quote(token, owner, 1).refusal;
        // it runs already
        if (refusal == IAuctionHouse.Refusal.None || refusal > IAuctionHouse.Refusal.Enlarged) return false;
        // nobody is lent to and sold in one block
        if (_before(k, owner).ltvWad <= 0.83e18 || vault.position(token, owner).riskAt == clock) return false;
        vm.prank(keeper);
        house.start(token, owner);
        ++count["starts"];
        return true;
    }

    function buy(uint256 seed, uint256 amount) external action {
        uint256 k = seed % 2;
        address token = address(_markets[k].token);
        for (uint256 i; i < OWNERS; ++i) {
            address owner = owners[(seed / 2 + i) % OWNERS];
            IAuctionHouse.Quote memory q = house.quote(token, owner, type(uint256).max);
            if (q.refusal != IAuctionHouse.Refusal.None) continue;
            amount = bound(amount, 1, q.collateral);
            if (house.quote(token, owner, amount).refusal != IAuctionHouse.Refusal.None) amount = q.collateral;
            Before[] memory before = new Before[](OWNERS);
            for (uint256 j; j < OWNERS; ++j) before[j] = _before(k, owners[j]);
            loan.mint(keeper, q.cost);
            vm.prank(keeper);
            house.buy(token, owner, amount, q.cost, keeper, "");
            ++count["buys"];
            _checkFills(k, before);
            return;
        }
    }

    function buyMany(uint256 seed, uint256 amount) external action {
        uint256 k = seed % 2;
        address token = address(_markets[k].token);
        Before[] memory before = new Before[](OWNERS);
        IAuctionHouse.Order[] memory orders = new IAuctionHouse.Order[](OWNERS);
        uint256 cost;
        for (uint256 i; i < OWNERS; ++i) {
            before[i] = _before(k, owners[i]);
            IAuctionHouse.Quote memory q = house.quote(token, owners[i], type(uint256).max);
            orders[i] = IAuctionHouse.Order(owners[i], bound(amount, q.collateral / 3, q.collateral));
            if (house.quote(token, owners[i], orders[i].maxCollateral).refusal == IAuctionHouse.Refusal.None) {
                cost += q.cost * 2;
            }
        }
        if (cost == 0) return;
        loan.mint(keeper, cost);
        vm.prank(keeper);
        house.buyMany(token, orders, cost, keeper, "");
        ++count["batches"];
        _checkFills(k, before);
    }

    function absorb(uint256 seed) external action {
        uint256 k = seed % 2;
        address token = address(_markets[k].token);
        (uint256 cash, uint256 room) = buffer.capacity(token);
        // full is what can't take over the smallest position
        if (Math.min(cash, Math.fullMulDiv(room, _markets[k].oracle.price(), 1e36)) < 500e6) return;
        for (uint256 i; i < OWNERS; ++i) {
            address owner = owners[(seed / 2 + i) % OWNERS];
            Before memory b = _before(k, owner);
            if (b.collateral == 0 || b.ltvWad <= 0.83e18 || vault.position(token, owner).riskAt == clock) continue;
            if (b.ltvWad < 0.91e18) {
                IAuctionHouse.Refusal refusal = house.quote(token, owner, 1).refusal;
                uint256 startedAt = house.auction(token, owner).startedAt;
                bool runs = refusal == IAuctionHouse.Refusal.None || refusal > IAuctionHouse.Refusal.Enlarged;
                if (!runs || clock < startedAt + 1 hours) continue;
            }
            uint256 held = _markets[k].token.balanceOf(keeper);
            vm.prank(keeper);
            (uint256 taken, uint256 cost) = house.absorb(token, owner);
            ++count["take-overs"];
            b.collateral -= _markets[k].token.balanceOf(keeper) - held;
            b.ltvWad = _ltv(b.collateral, b.debt, _markets[k].oracle.price());
            _checkLtvFell(k, owner, b);
            // the buffer never pays more than the oracle price
            if (cost > Math.fullMulDivUp(taken, _markets[k].oracle.price(), 1e36)) broken[Id.A3] = true;
            return;
        }
    }

    /// @dev A5: whoever is healthy is free, whenever anybody asks.
    function cancel(uint256 seed) external action {
        for (uint256 i; i < OWNERS; ++i) _cancel(seed % 2, owners[i]);
    }

    function _cancel(uint256 k, address owner) internal {
        address token = address(_markets[k].token);
        if (house.auction(token, owner).startedAt == 0 || _before(k, owner).ltvWad > 0.83e18) return;
        vm.prank(keeper);
        house.cancel(token, owner);
        ++count["cancels"];
    }

    function buyInventory(uint256 seed, uint256 amount) external action {
        uint256 k = seed % 2;
        address token = address(_markets[k].token);
        (ILiquidityBuffer.SaleRefusal refusal, uint256 most, uint256 cost, ) = buffer.quoteInventory(
            token,
            type(uint256).max
        );
        if (refusal != ILiquidityBuffer.SaleRefusal.None || most == 0) return;
        ILiquidityBuffer.InventoryParameters memory p = buffer.inventoryParameters(token);
        loan.mint(keeper, cost);
        vm.prank(keeper);
        (uint256 bought, ) = buffer.buyInventory(token, bound(amount, 1, most), cost, keeper, "");
        ++count["inventory sales"];
        uint256 rate = (house.lane(token).ratePerHour * uint256(p.paceShareBps)) / BPS;
        uint256 longest = ((uint256(p.premiumBps) + p.maxDiscountBps) * 1e14 * WAD) / p.slopeWad;
        if (_exceedsPace(_inventorySold[token], Math.fullMulDiv(bought, 3600 * WAD, rate), longest)) {
            broken[Id.B2] = true;
        }
    }

    function collectFees() external action {
        buffer.collectFees();
    }

    // -------------------------------------------------------------------------------------------- checks

    function position(uint256 k, address owner) public view returns (uint256 collateral, uint256 debt) {
        address token = address(_markets[k].token);
        return (vault.position(token, owner).collateral, vault.debtOf(token, owner));
    }

    function ltvWad(uint256 k, address owner) external view returns (uint256) {
        return _before(k, owner).ltvWad;
    }

    function _before(uint256 k, address owner) internal view returns (Before memory b) {
        address token = address(_markets[k].token);
        (b.collateral, b.debt) = position(k, owner);
        uint256 price = _markets[k].oracle.price();
        b.ltvWad = _ltv(b.collateral, b.debt, price);
        b.maxDiscountWad = b.ltvWad >= WAD ? 0.06e18 : Math.min(0.06e18, (WAD - b.ltvWad) / 2);
        b.ratePerHour = house.lane(token).ratePerHour;
        (uint256 cash, uint256 room) = buffer.capacity(token);
        bool full = Math.min(cash, Math.fullMulDiv(room, price, 1e36)) < 500e6;
        if (full && b.ltvWad >= 0.91e18) b.ratePerHour *= 4;
    }

    function _ltv(uint256 collateral, uint256 debt, uint256 price) internal pure returns (uint256) {
        if (debt == 0) return 0;
        uint256 value = Math.fullMulDiv(collateral, price, 1e36);
        return value == 0 ? type(uint256).max : Math.fullMulDivUp(debt, WAD, value);
    }

    /// @dev Judges each `Bought` of the call by the position before and after it.
    function _checkFills(uint256 k, Before[] memory before) internal {
        uint256 price = _markets[k].oracle.price();
        for (uint256 i; i < OWNERS; ++i) {
            Before memory b = before[i];
            (uint256 collateral, uint256 debt) = position(k, owners[i]);
            uint256 sold = b.collateral - collateral;
            if (sold == 0) continue;
            ++count["fills"];
            _checkLtvFell(k, owners[i], b);
            if (b.ltvWad <= 0.83e18) broken[Id.A5] = true;
            // all of the fill's repaid went off the debt, so that at least that was paid
            if (collateral != 0 || debt != 0 || b.ltvWad < WAD) {
                uint256 least = Math.fullMulDiv(sold * (WAD - b.maxDiscountWad), price, 1e54);
                // repaid = cost / (1 + fee), fee ≤ 0.5 %
                uint256 mostPaid = ((b.debt - debt + 2) * 1005) / 1000 + 2;
                if (mostPaid < least && debt != 0) broken[Id.A3] = true;
            }
            // past the target only where less than minDebt would be left at it; then any part of the closing may be bought
            uint256 atTarget = Math.fullMulDiv(Math.fullMulDiv(collateral, price, 1e36), 0.7885e18, WAD);
            if (debt + 3 < atTarget && atTarget >= 500e6) broken[Id.A4] = true;
            uint256 emission = Math.fullMulDiv(sold, 3600 * WAD, b.ratePerHour);
            // A: ten points of multiple at the slope
            uint256 longest = (0.1e18 * WAD) / (uint256(0.005e18) / 60);
            if (_exceedsPace(_laneSold[address(_markets[k].token)], emission, longest)) broken[Id.A2] = true;
        }
    }

    /// @dev A1. A position without equity has nothing to lower.
    function _checkLtvFell(uint256 k, address owner, Before memory b) internal {
        (uint256 collateral, uint256 debt) = position(k, owner);
        if (b.ltvWad >= WAD) return;
        if (debt != 0 && debt * b.collateral >= b.debt * collateral) broken[Id.A1] = true;
    }

    /// @dev Notes a sale and says whether some window that ends now let out more than its length and the longest age.
    function _exceedsPace(Sold[] storage sold, uint256 emissionWad, uint256 longestWad) internal returns (bool) {
        sold.push(Sold(clock, emissionWad));
        uint256 sum;
        for (uint256 i = sold.length; i > 0; --i) {
            sum += sold[i - 1].emissionWad;
            if (sum > (clock - sold[i - 1].at) * WAD + longestWad) return true;
        }
        return false;
    }

    /// @dev B3: who bears a loss only does so when those before have nothing left.
    function _checkWriteOffs(Vm.Log[] memory logs) internal returns (bool lendersLost) {
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].emitter != address(vault) || logs[i].topics[0] != IVault.WrittenOff.selector) continue;
            ++count["write-offs"];
            (uint256 debt, , uint256 fromReserves, uint256 fromBuffer, uint256 fromLenders) = abi.decode(
                logs[i].data,
                (uint256, uint256, uint256, uint256, uint256)
            );
            if (fromReserves + fromBuffer + fromLenders != debt) broken[Id.B3] = true;
            if (fromBuffer + fromLenders != 0 && vault.reserves() != 0) broken[Id.B3] = true;
            if (fromLenders == 0) continue;
            if (vault.bufferFees() != 0 || buffer.cash() != 0) broken[Id.B3] = true;
            lendersLost = true;
            ++count["lenders' losses"];
        }
    }

    /// @dev Of a whole lot of shares, so that a fall of the least part of a unit is seen.
    function _sharePrice() internal view returns (uint256) {
        return Math.fullMulDiv(vault.totalAssets() + 1, 1e30, vault.totalSupply() + 1000);
    }
}
