// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IAccessManaged } from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import { IERC4626 } from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import { FixedPointMathLib as Math } from "solady/src/utils/FixedPointMathLib.sol";
import { IAuctionHouse } from "../../contracts/interfaces/IAuctionHouse.sol";
import { ILiquidityBuffer } from "../../contracts/interfaces/ILiquidityBuffer.sol";
import { IVault } from "../../contracts/interfaces/IVault.sol";
import { MockAggregatorV3 } from "../../contracts/mocks/MockAggregatorV3.sol";
import { ChainlinkOracle } from "../../contracts/oracles/ChainlinkOracle.sol";
import { Attacker } from "./Attacker.sol";
import { Checks } from "./Checks.sol";
import { ITransferHook, StrangeToken } from "./StrangeToken.sol";
import { World } from "./World.sol";

/// @notice Everything that anyone can do to the protocol. Each action bounds its inputs so that its calls must succeed, or says by
/// which error they must be refused; anything else ends the run. `Checks` judges each call that succeeded.
contract Handler is Checks {
    /// @notice The call was not refused, or not by the error that it should have been.
    error NotRefused(address target, bytes data, bytes answer);

    constructor(bool strange_) World(strange_) {
        for (uint256 i; i < OWNERS; ++i) _open(i % _markets.length, i, (i + 2) * 5, 0.78e18, i);
    }

    /// @dev Every call starts at the handler's time.
    modifier timed() {
        vm.warp(clock);
        _;
    }

    /// @dev In a world of strange tokens, now and then, all of them call out in the middle of each transfer, and what they call
    /// tries to enter the contract that is at work.
    modifier hooked(uint256 seed, address atWork) {
        bool hooks = strange && _pick(seed, "hook", 0, 3) == 0;
        if (hooks) _setHooks(seed, atWork);
        _;
        if (hooks) _setHooks(seed, address(0));
    }

    // ---------------------------------------------------------------------------------- lenders, underwriters

    function lend(uint256 seed, uint256 amount) external timed {
        // shares of a vault that lost nearly all are too many to count
        if (vault.totalSupply() < 1e45) _lend(seed, lenders[seed % 2], bound(amount, one, 300_000 * one));
    }

    function _lend(uint256 seed, address who, uint256 amount) internal checked(who, 0) hooked(seed, address(vault)) {
        vm.startPrank(who);
        if (seed % 4 < 2) vault.deposit(amount, who);
        else vault.mint(vault.previewDeposit(amount), who);
        vm.stopPrank();
    }

    function unlend(uint256 seed, uint256 shares) external timed {
        address who = lenders[seed % 2];
        // some cash stays, so that there is something to borrow
        uint256 most = vault.maxRedeem(who) / 4;
        if (most != 0) _unlend(seed, who, bound(shares, 1, most));
    }

    function _unlend(uint256 seed, address who, uint256 shares) internal checked(who, 0) hooked(seed, address(vault)) {
        vm.startPrank(who);
        if (seed % 4 < 2) vault.redeem(shares, who, who);
        else vault.withdraw(vault.previewRedeem(shares), who, who);
        vm.stopPrank();
    }

    function underwrite(uint256 seed, uint256 amount) external timed {
        if (buffer.totalSupply() < 1e45) _underwrite(seed, underwriters[seed % 2], bound(amount, one, 20_000 * one));
    }

    function _underwrite(
        uint256 seed,
        address who,
        uint256 amount
    ) internal checked(who, 0) hooked(seed, address(buffer)) {
        if (buffer.previewDeposit(amount) == 0) return;
        vm.startPrank(who);
        if (seed % 4 < 2) buffer.deposit(amount, who);
        else buffer.mint(buffer.previewDeposit(amount), who);
        vm.stopPrank();
    }

    function requestRedeem(uint256 seed, uint256 shares) external timed {
        address who = underwriters[seed % 2];
        uint256 most = buffer.balanceOf(who);
        if (most != 0) _requestRedeem(who, bound(shares, 1, most));
    }

    function _requestRedeem(address who, uint256 shares) internal checked(who, 0) {
        vm.prank(who);
        buffer.requestRedeem(shares, who, who);
    }

    function claim(uint256 seed, uint256 shares) external timed {
        address who = underwriters[seed % 2];
        uint256 most = buffer.maxRedeem(who);
        if (most != 0) _claim(seed, who, bound(shares, 1, most));
    }

    function _claim(uint256 seed, address who, uint256 shares) internal checked(who, 0) hooked(seed, address(buffer)) {
        vm.prank(who);
        buffer.redeem(shares, who, who);
    }

    function collectFees() external timed {
        _collectFees();
    }

    function _collectFees() internal checked(keeper, 0) {
        buffer.collectFees();
    }

    // -------------------------------------------------------------------------------------------- borrowers

    function open(uint256 seed, uint256 size, uint256 ltv) external timed {
        (uint256 k, uint256 i) = _position(seed);
        uint256 maxLtvWad = vault.market(_collateral(k)).maxLtvBps * WAD_PER_BPS;
        _open(k, i, bound(size, 1, 60), bound(ltv, maxLtvWad / 2, maxLtvWad), seed);
    }

    /// @dev Supplies `thousands` of loan asset's worth and borrows up to an LTV: the owner itself in two calls or in one
    /// multicall, or whom it authorised.
    function _open(uint256 k, uint256 i, uint256 thousands, uint256 ltvWad, uint256 seed) internal {
        uint256 amount = Math.fullMulDivUp(thousands * 1000 * one, 1e36, _price(k));
        (uint256 collateral, , ) = _state(k, i);
        if (collateral + amount > type(uint112).max || amount > _markets[k].token.balanceOf(owners[i])) return;
        if (seed % 3 == 0) {
            uint256 assets = _borrowable(k, i, collateral + amount, ltvWad);
            if (assets != 0) _supplyAndBorrow(k, i, amount, assets);
            return;
        }
        _supply(k, owners[i], i, amount, seed);
        uint256 wanted = _borrowable(k, i, collateral + amount, ltvWad);
        if (wanted != 0) _borrow(k, i, wanted, seed);
    }

    /// @dev What must be lent up to an LTV: 0 where that is nothing.
    function _borrowable(uint256 k, uint256 i, uint256 collateral, uint256 ltvWad) internal view returns (uint256) {
        IVault.Market memory m = vault.market(_collateral(k));
        if (vault.borrowPaused()) return 0;
        (, uint256 debt, ) = _state(k, i);
        uint256 index = vault.indexE27();
        uint256 rounding = 2 + (2 * index) / 1e27;
        uint256 room = Math.zeroFloorSub(Math.fullMulDiv(_value(collateral, _price(k)), ltvWad, WAD), debt);
        uint256 marketDebt = Math.fullMulDivUp(m.debtShares, index, 1e27);
        room = Math.min(room, Math.zeroFloorSub(m.debtCeiling, marketDebt));
        room = Math.min(Math.zeroFloorSub(room, rounding), vault.idle());
        return debt + room < m.minDebt ? 0 : room;
    }

    function _supplyAndBorrow(uint256 k, uint256 i, uint256 amount, uint256 assets) internal checked(owners[i], k) {
        address owner = owners[i];
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(vault.supplyCollateral, (_collateral(k), amount, owner));
        calls[1] = abi.encodeCall(vault.borrow, (_collateral(k), assets, owner, owner));
        vm.prank(owner);
        vault.multicall(calls);
        ++count["multicalls"];
    }

    function _borrow(
        uint256 k,
        uint256 i,
        uint256 assets,
        uint256 seed
    ) internal checked(owners[i], k) hooked(seed, address(vault)) {
        address owner = owners[i];
        address caller = seed % 3 == 1 ? owner : operator;
        if (caller == operator) _authorize(owner, true);
        vm.prank(caller);
        vault.borrow(_collateral(k), assets, owner, owner);
        if (caller == operator) _authorize(owner, false);
        ++count["borrows"];
    }

    function _authorize(address owner, bool allowed) internal {
        vm.prank(owner);
        vault.setAuthorization(operator, allowed);
    }

    function _supply(
        uint256 k,
        address who,
        uint256 i,
        uint256 amount,
        uint256 seed
    ) internal checked(who, k) hooked(seed, address(vault)) {
        vm.prank(who);
        vault.supplyCollateral(_collateral(k), amount, owners[i]);
    }

    function topUp(uint256 seed, uint256 amount) external timed {
        (uint256 k, uint256 i) = _position(seed);
        (uint256 collateral, , ) = _state(k, i);
        amount = bound(amount, 1, _markets[k].unit);
        if (collateral + amount <= type(uint112).max) _supply(k, seed % 3 == 0 ? keeper : owners[i], i, amount, seed);
    }

    function repay(uint256 seed, uint256 part) external timed {
        (uint256 k, uint256 i) = _position(seed);
        (, uint256 debt, ) = _state(k, i);
        if (debt == 0) return;
        uint256 minDebt = vault.market(_collateral(k)).minDebt;
        uint256 assets = bound(part, 1, debt);
        // a rest under the minimum is refused
        if (debt - assets < minDebt + 2) {
            if (assets < debt && debt - assets + 2 < minDebt) {
                bytes memory data = abi.encodeCall(vault.repay, (_collateral(k), assets, owners[i]));
                _refused(keeper, address(vault), data, IVault.DebtTooSmall.selector);
            }
            assets = debt;
        }
        _repay(k, seed % 3 == 0 ? keeper : owners[i], i, assets, seed);
    }

    function _repay(
        uint256 k,
        address who,
        uint256 i,
        uint256 assets,
        uint256 seed
    ) internal checked(who, k) hooked(seed, address(vault)) {
        (, uint256 debt, ) = _state(k, i);
        uint256 shares = vault.position(_collateral(k), owners[i]).debtShares;
        vm.prank(who);
        // all of it by shares, more than all of it by assets
        if (assets < debt) vault.repay(_collateral(k), assets, owners[i]);
        else if (seed % 2 == 0) vault.repayShares(_collateral(k), shares, owners[i]);
        else vault.repay(_collateral(k), type(uint256).max, owners[i]);
    }

    function withdrawCollateral(uint256 seed, uint256 part) external timed {
        (uint256 k, uint256 i) = _position(seed);
        (uint256 collateral, uint256 debt, ) = _state(k, i);
        uint256 least = Math.fullMulDivUp(debt, BPS, vault.market(_collateral(k)).maxLtvBps);
        uint256 needed = Math.fullMulDivUp(least, 1e36, _price(k));
        if (collateral > needed) _withdraw(k, i, bound(part, 1, collateral - needed), seed);
    }

    function _withdraw(
        uint256 k,
        uint256 i,
        uint256 amount,
        uint256 seed
    ) internal checked(owners[i], k) hooked(seed, address(vault)) {
        vm.prank(owners[i]);
        vault.withdrawCollateral(_collateral(k), amount, owners[i], owners[i]);
    }

    /// @dev With the money in hand, a deposit and its redemption: no figure moves.
    function flashLoan(uint256 amount) external timed {
        uint256 idle = vault.idle();
        if (idle >= one && vault.totalSupply() < 1e45) _flashLoan(bound(amount, one, idle));
    }

    function _flashLoan(uint256 amount) internal checked(address(attacker), 0) {
        uint256 shares = vault.previewDeposit(amount);
        Attacker.Call[] memory calls = new Attacker.Call[](2);
        calls[0] = Attacker.Call(address(vault), abi.encodeCall(vault.deposit, (amount, address(attacker))));
        calls[1] = Attacker.Call(
            address(vault),
            abi.encodeCall(vault.redeem, (shares, address(attacker), address(attacker)))
        );
        attacker.setWhileLent(calls);
        vault.flashLoan(attacker, address(loan), amount, "");
        ++count["flash loans"];
    }

    // ------------------------------------------------------------------------------------------- governance

    function setMarket(uint256 seed) external timed {
        uint256 k = seed % _markets.length;
        IVault.Market memory m = vault.market(_collateral(k));
        vault.setMarket(
            _collateral(k),
            IVault.MarketParameters(
                m.oracle,
                m.borrowOracle,
                uint16(_pick(seed, "maxLtv", 7000, 8299)),
                m.lltvBps,
                uint128(_pick(seed, "ceiling", 100_000, 1e9) * one),
                uint128(_pick(seed, "minDebt", 0, 1000) * one)
            )
        );
    }

    /// @dev A7: anything that `setLane` takes; A1 is checked at each fill.
    function setLane(uint256 seed) external timed {
        uint256 k = seed % _markets.length;
        house.setLane(_collateral(k), _randomLane(k, seed));
        // windows are of one set of parameters
        delete _laneSold[k];
        delete _inventorySold[k];
        ++count["lanes"];
    }

    function _randomLane(uint256 k, uint256 seed) internal view returns (IAuctionHouse.LaneParameters memory p) {
        p = _standardLane(k);
        // every second time the standard ones come back, so that runs stay lively
        if (_pick(seed, "standard", 0, 1) == 0) return p;
        p.maxPremiumBps = uint16(_pick(seed, "maxPremium", 1, 2000));
        p.minPremiumBps = uint16(_pick(seed, "minPremium", 0, p.maxPremiumBps));
        p.maxDiscountBps = uint16(_pick(seed, "maxDiscount", 0, 850));
        p.liquidationFeeBps = uint16(_pick(seed, "fee", 0, 850 - p.maxDiscountBps));
        uint256 range = (uint256(p.maxPremiumBps) + p.maxDiscountBps) * WAD_PER_BPS;
        p.slopeWad = uint64(_pick(seed, "slope", Math.max(1e12, range / 1 days + 1), 1e16));
        p.targetLtvBps = uint16(_pick(seed, "target", 1, 8299));
        p.absorbLtvBps = uint16(_pick(seed, "absorbLtv", 8301, 9999));
        p.absorbDiscountBps = uint16(_pick(seed, "absorbDiscount", 0, (BPS - p.absorbLtvBps) / 2));
        p.paceBps = uint16(_pick(seed, "pace", 1, BPS));
        p.stressPaceBps = uint16(_pick(seed, "stressPace", p.paceBps, BPS));
        p.chipBps = uint16(_pick(seed, "chip", 0, 100));
        p.emaPeriod = uint32(_pick(seed, "ema", 1 minutes, 1 days));
        p.maxAuctionDuration = uint32(_pick(seed, "duration", range / p.slopeWad + 1, 7 days));
        p.absorbDelay = uint32(_pick(seed, "delay", 0, p.maxAuctionDuration));
        p.tip = uint128(_pick(seed, "tip", 0, 1000 * one));
        p.minRatePerHour = uint128(_pick(seed, "minRate", 1, _markets[k].unit + 1));
    }

    function setInventoryParameters(uint256 seed) external timed {
        uint256 k = seed % _markets.length;
        ILiquidityBuffer.InventoryParameters memory p = _standardInventory(k);
        if (_pick(seed, "standard", 0, 1) == 1) {
            p.cap = uint128(_pick(seed, "cap", 0, p.cap));
            p.premiumBps = uint16(_pick(seed, "premium", 0, 2000));
            p.maxDiscountBps = uint16(_pick(seed, "discount", 1, 1000));
            uint256 range = (uint256(p.premiumBps) + p.maxDiscountBps) * WAD_PER_BPS;
            p.slopeWad = uint64(_pick(seed, "slope", Math.max(1e12, range / 1 days + 1), 1e16));
            p.paceShareBps = uint16(_pick(seed, "pace", 1, BPS));
            p.emaToleranceBps = uint16(_pick(seed, "tolerance", 0, BPS));
            p.haircutBps = uint16(_pick(seed, "haircut", 0, BPS / 2));
            p.maxHold = uint32(_pick(seed, "hold", 1, 7 days));
        }
        buffer.setInventoryParameters(_collateral(k), p);
        delete _inventorySold[k];
    }

    function setShares(uint256 seed) external timed {
        uint256 reserveShare = _pick(seed, "reserves", 0, BPS);
        vault.setInterestShares(uint16(reserveShare), uint16(_pick(seed, "buffer", 0, BPS - reserveShare)));
        buffer.setCooldown(uint32(_pick(seed, "cooldown", 1 hours, 4 hours)));
    }

    /// @dev The guardian. Mostly for a moment, in which borrowing is refused and nothing else is.
    function pause(uint256 seed) external timed {
        (uint256 k, uint256 i) = _position(seed);
        vault.setBorrowPaused(true);
        bytes memory data = abi.encodeCall(vault.borrow, (_collateral(k), one, owners[i], owners[i]));
        _refused(owners[i], address(vault), data, IVault.BorrowPaused.selector);
        if (_pick(seed, "stay", 0, 3) != 0) vault.setBorrowPaused(false);
    }

    function withdrawReserves(uint256 part) external timed {
        uint256 most = Math.min(vault.reserves(), vault.idle());
        _withdrawReserves(bound(part, 0, most));
    }

    function _withdrawReserves(uint256 assets) internal checked(keeper, 0) {
        vault.withdrawReserves(assets, operator);
    }

    // -------------------------------------------------------------------------------------------- the world

    function wait(uint256 time) external {
        _wait(bound(time, 1, 2 hours));
    }

    function _wait(uint256 time) internal {
        clock += time;
        vm.warp(clock);
        // the feeds keep their heartbeat
        for (uint256 k; k < _markets.length; ++k) {
            (, int256 answer, , , ) = _markets[k].feed.latestRoundData();
            _markets[k].feed.setAnswer(answer);
        }
    }

    /// @dev Up to 10 % either way.
    function movePrice(uint256 seed, uint256 to) external timed {
        uint256 k = seed % _markets.length;
        _setPrice(k, (_price(k) * bound(to, 0.9e18, 1.1e18)) / WAD);
    }

    /// @dev A jump that brings one position to an LTV of 84 to 200 %.
    function crash(uint256 seed, uint256 ltv) external timed {
        (uint256 k, uint256 i) = _position(seed);
        _crash(k, i, bound(ltv, 0.84e18, 2e18));
    }

    /// @dev A smaller one, of a position that is put in auction at once, and some minutes in which nobody buys.
    function crashAndStart(uint256 seed, uint256 ltv, uint256 time) external timed {
        (uint256 k, uint256 i) = _position(seed);
        _crash(k, i, bound(ltv, 0.84e18, 0.99e18));
        if (_canStart(k, i)) _start(k, i, seed);
        _wait(bound(time, 1, 30 minutes));
    }

    function _crash(uint256 k, uint256 i, uint256 ltvWad) internal {
        (uint256 collateral, uint256 debt, ) = _state(k, i);
        if (collateral == 0 || debt == 0) return;
        _setPrice(k, Math.fullMulDiv(debt, 1e36 * WAD, collateral * ltvWad));
    }

    /// @dev The price comes back, everybody is free, and time passes.
    function calmDown(uint256 seed) external timed {
        uint256 k = seed % _markets.length;
        vault.setBorrowPaused(false);
        _setPrice(k, _price(k) * 2);
        _cancelAll(k);
        house.sync(_collateral(k));
        _wait(3 hours);
    }

    function recover(uint256 seed) external timed {
        uint256 k = seed % _markets.length;
        _setPrice(k, _price(k) * 2);
    }

    /// @dev From ten cents to a hundred million.
    function _setPrice(uint256 k, uint256 priceE36) internal {
        uint256 answer = Math.fullMulDiv(priceE36, WAD, _markets[k].dollarE36);
        _markets[k].feed.setAnswer(int256(Math.clamp(answer, WAD / 10, 1e8 * WAD)));
    }

    /// @dev The venue's depth, as somebody who adds and removes liquidity would have it; and a guard that sees the oracle part.
    function setDepth(uint256 seed, uint256 thousands) external timed {
        uint256 k = seed % _markets.length;
        uint256 worth = bound(thousands, 0, 1000) * 1000 * one;
        _markets[k].depth.setDepth(Math.fullMulDiv(worth, 1e36, _price(k)));
        _markets[k].guard.setDiverged(_pick(seed, "diverged", 0, 2) == 0);
    }

    function donate(uint256 seed, uint256 amount) external timed {
        address holder = _pick(seed, "holder", 0, 1) == 0 ? address(vault) : address(buffer);
        uint256 k = seed % (_markets.length + 1);
        address token = k == _markets.length ? address(loan) : _collateral(k);
        _donate(token, holder, bound(amount, 1, 1000e6));
    }

    function _donate(address token, address holder, uint256 amount) internal checked(address(attacker), 0) {
        attacker.run(token, abi.encodeWithSignature("transfer(address,uint256)", holder, amount));
        _donated[token][holder] += amount;
    }

    // -------------------------------------------------------------------------------------------- keepers

    function sync(uint256 seed) external timed {
        house.sync(_collateral(seed % _markets.length));
        vault.accrueInterest();
    }

    function start(uint256 seed) external timed {
        for (uint256 j; j < _markets.length * OWNERS; ++j) {
            (uint256 k, uint256 i) = _position(seed, j);
            if (_canStart(k, i)) return _start(k, i, seed);
        }
    }

    function _canStart(uint256 k, uint256 i) internal view returns (bool) {
        (, , uint256 ltvWad) = _state(k, i);
        // nobody is lent to and sold in one block
        bool enlarged = vault.position(_collateral(k), owners[i]).riskAt == clock;
        return ltvWad > _lltvWad(k) && !enlarged && !_runs(k, i);
    }

    function _start(uint256 k, uint256 i, uint256 seed) internal checked(keeper, k) hooked(seed, address(vault)) {
        vm.prank(keeper);
        house.start(_collateral(k), owners[i]);
        if (_markets[k].guard.diverged()) {
            uint256 widest = house.laneParameters(_collateral(k)).maxPremiumBps * WAD_PER_BPS;
            assertEq(house.auction(_collateral(k), owners[i]).premiumWad, widest, "in doubt, not the widest premium");
        }
    }

    function buy(uint256 seed, uint256 amount) external timed {
        for (uint256 j; j < _markets.length * OWNERS; ++j) {
            (uint256 k, uint256 i) = _position(seed, j);
            if (house.auction(_collateral(k), owners[i]).startedAt == 0) continue;
            IAuctionHouse.Quote memory q = house.quote(_collateral(k), owners[i], type(uint256).max);
            if (q.refusal != IAuctionHouse.Refusal.None) continue;
            amount = bound(amount, 1, q.collateral);
            IAuctionHouse.Refusal refusal = house.quote(_collateral(k), owners[i], amount).refusal;
            if (refusal != IAuctionHouse.Refusal.None) amount = q.collateral;
            address buyer = _pick(seed, "buyer", 0, 2) == 0 ? address(attacker) : keeper;
            return _buy(k, i, amount, q.cost, buyer, seed);
        }
    }

    /// @dev The attacker pays after a callback, in which neither the vault nor the house lets it in.
    function _buy(
        uint256 k,
        uint256 i,
        uint256 amount,
        uint256 maxCost,
        address buyer,
        uint256 seed
    ) internal checked(buyer, k) hooked(seed, address(house)) {
        bytes memory data;
        if (buyer == address(attacker)) {
            data = "pay later";
            _aim(seed, _pick(seed, "aim", 0, 1) == 0 ? address(vault) : address(house));
            ++count["callbacks"];
        }
        vm.prank(buyer);
        house.buy(_collateral(k), owners[i], amount, maxCost, buyer, data);
        ++count["buys"];
    }

    function buyMany(uint256 seed, uint256 amount) external timed {
        uint256 k = seed % _markets.length;
        for (uint256 j; j < _markets.length && house.lane(_collateral(k)).auctions == 0; ++j) {
            k = (k + 1) % _markets.length;
        }
        IAuctionHouse.Order[] memory orders = new IAuctionHouse.Order[](OWNERS);
        bool any;
        for (uint256 i; i < OWNERS; ++i) {
            IAuctionHouse.Quote memory q = house.quote(_collateral(k), owners[i], type(uint256).max);
            orders[i] = IAuctionHouse.Order(owners[i], bound(amount, q.collateral / 3, q.collateral));
            q = house.quote(_collateral(k), owners[i], orders[i].maxCollateral);
            any = any || q.refusal == IAuctionHouse.Refusal.None;
        }
        if (any) _buyMany(k, orders, seed);
    }

    function _buyMany(
        uint256 k,
        IAuctionHouse.Order[] memory orders,
        uint256 seed
    ) internal checked(keeper, k) hooked(seed, address(vault)) {
        vm.prank(keeper);
        house.buyMany(_collateral(k), orders, type(uint256).max, keeper, "");
        ++count["batches"];
    }

    function absorb(uint256 seed) external timed {
        for (uint256 j; j < _markets.length * OWNERS; ++j) {
            (uint256 k, uint256 i) = _position(seed, j);
            (, , uint256 ltvWad) = _state(k, i);
            bool enlarged = vault.position(_collateral(k), owners[i]).riskAt == clock;
            if (ltvWad <= _lltvWad(k) || enlarged || !_isAbsorbable(k, i, ltvWad) || _isBufferFull(k)) continue;
            return _absorb(k, i, seed);
        }
    }

    function _isAbsorbable(uint256 k, uint256 i, uint256 ltvWad) internal view returns (bool) {
        IAuctionHouse.LaneParameters memory p = house.laneParameters(_collateral(k));
        uint256 startedAt = house.auction(_collateral(k), owners[i]).startedAt;
        // where a unit of collateral is no dust, none of it may be what is to be taken over
        if (_value(100, _price(k)) > vault.market(_collateral(k)).minDebt) return false;
        return ltvWad >= _absorbLtvWad(k) || (_runs(k, i) && clock >= startedAt + p.absorbDelay);
    }

    function _absorbLtvWad(uint256 k) internal view returns (uint256) {
        return house.laneParameters(_collateral(k)).absorbLtvBps * WAD_PER_BPS;
    }

    function _absorb(uint256 k, uint256 i, uint256 seed) internal checked(keeper, k) hooked(seed, address(vault)) {
        vm.prank(keeper);
        house.absorb(_collateral(k), owners[i]);
    }

    /// @dev A5: whoever is healthy is free, whenever anybody asks.
    function cancel(uint256 seed) external timed {
        _cancelAll(seed % _markets.length);
    }

    function _cancelAll(uint256 k) internal {
        for (uint256 i; i < OWNERS; ++i) {
            (, , uint256 ltvWad) = _state(k, i);
            if (house.auction(_collateral(k), owners[i]).startedAt == 0 || ltvWad > _lltvWad(k)) continue;
            house.cancel(_collateral(k), owners[i]);
            ++count["cancels"];
        }
    }

    function buyInventory(uint256 seed, uint256 amount) external timed {
        for (uint256 j; j < _markets.length; ++j) {
            uint256 k = ((seed % _markets.length) + j) % _markets.length;
            (ILiquidityBuffer.SaleRefusal refusal, uint256 most, , ) = buffer.quoteInventory(
                _collateral(k),
                type(uint256).max
            );
            if (refusal != ILiquidityBuffer.SaleRefusal.None || most == 0) continue;
            address buyer = _pick(seed, "buyer", 0, 2) == 0 ? address(attacker) : keeper;
            return _buyInventory(k, bound(amount, 1, most), buyer, seed);
        }
    }

    function _buyInventory(
        uint256 k,
        uint256 amount,
        address buyer,
        uint256 seed
    ) internal checked(buyer, k) hooked(seed, address(buffer)) {
        bytes memory data;
        if (buyer == address(attacker)) {
            data = "pay later";
            _aim(seed, address(buffer));
        }
        vm.prank(buyer);
        buffer.buyInventory(_collateral(k), amount, type(uint256).max, buyer, data);
    }

    // -------------------------------------------------------------------------------------------- refusals

    /// @dev What the state says must be refused, by its name.
    function tryWhatIsRefused(uint256 seed) external timed {
        (uint256 k, uint256 i) = _position(seed);
        (address c, address owner) = (_collateral(k), owners[i]);
        (uint256 collateral, uint256 debt, uint256 ltvWad) = _state(k, i);
        address v = address(vault);
        address h = address(house);
        _refused(keeper, v, abi.encodeCall(vault.borrow, (c, 1, owner, keeper)), IVault.NotAuthorized.selector);
        bytes memory data = abi.encodeCall(vault.withdrawCollateral, (c, 1, owner, keeper));
        _refused(keeper, v, data, IVault.NotAuthorized.selector);
        data = abi.encodeCall(vault.withdrawCollateral, (c, collateral + 1, owner, owner));
        _refused(owner, v, data, IVault.NotEnoughCollateral.selector);
        data = abi.encodeCall(vault.flashLoan, (attacker, address(loan), vault.idle() + 1, ""));
        _refused(keeper, v, data, IVault.NotEnoughCash.selector);
        if (debt == 0) {
            _refused(keeper, v, abi.encodeCall(vault.repay, (c, 1, owner)), IVault.NoDebt.selector);
        } else {
            data = abi.encodeCall(vault.withdrawCollateral, (c, collateral, owner, owner));
            _refused(owner, v, data, IVault.LtvTooHigh.selector);
        }
        uint256 most = _borrowable(k, i, collateral, vault.market(c).maxLtvBps * WAD_PER_BPS);
        if (most != 0 && most + 20 + vault.indexE27() / 1e26 < vault.idle() && _ceilingIsFar(k, most)) {
            data = abi.encodeCall(vault.borrow, (c, most + 20 + vault.indexE27() / 1e26, owner, owner));
            _refused(owner, v, data, IVault.LtvTooHigh.selector);
        }
        _refused(keeper, h, abi.encodeCall(house.start, (c, owner)), _refusalOfStart(k, i, ltvWad));
        _tryAuctionsThatAreRefused(k, i, ltvWad);
        data = abi.encodeCall(IERC4626.redeem, (vault.balanceOf(lenders[0]) + 1, lenders[0], lenders[0]));
        bytes4 tooMany = bytes4(keccak256("ERC4626ExceededMaxRedeem(address,uint256,uint256)"));
        _refused(lenders[0], v, data, tooMany);
        ++count["refusals"];
    }

    function _ceilingIsFar(uint256 k, uint256 assets) internal view returns (bool) {
        IVault.Market memory m = vault.market(_collateral(k));
        return Math.fullMulDivUp(m.debtShares, vault.indexE27(), 1e27) + 2 * assets + one < m.debtCeiling;
    }

    /// @dev Zero where it is not refused.
    function _refusalOfStart(uint256 k, uint256 i, uint256 ltvWad) internal view returns (bytes4) {
        if (ltvWad <= _lltvWad(k)) return IAuctionHouse.PositionHealthy.selector;
        if (vault.position(_collateral(k), owners[i]).riskAt == clock)
            return IAuctionHouse.EnlargedInThisBlock.selector;
        return _runs(k, i) ? IAuctionHouse.AlreadyStarted.selector : bytes4(0);
    }

    function _tryAuctionsThatAreRefused(uint256 k, uint256 i, uint256 ltvWad) internal {
        (address c, address owner, address h) = (_collateral(k), owners[i], address(house));
        bytes memory data = abi.encodeCall(house.cancel, (c, owner));
        if (house.auction(c, owner).startedAt == 0) _refused(keeper, h, data, IAuctionHouse.NoAuction.selector);
        else if (ltvWad > _lltvWad(k)) _refused(keeper, h, data, IAuctionHouse.PositionUnhealthy.selector);

        if (!_runs(k, i) || ltvWad <= _lltvWad(k)) {
            data = abi.encodeCall(house.buy, (c, owner, 1e18, type(uint256).max, keeper, ""));
            _refused(keeper, h, data, IAuctionHouse.NotBuyable.selector);
        }
        bytes4 refusal;
        if (ltvWad <= _lltvWad(k)) refusal = IAuctionHouse.PositionHealthy.selector;
        else if (vault.position(c, owner).riskAt == clock) refusal = IAuctionHouse.EnlargedInThisBlock.selector;
        else if (_isBufferFull(k) && _isAbsorbable(k, i, ltvWad)) refusal = IAuctionHouse.BufferFull.selector;
        else if (ltvWad < _absorbLtvWad(k) && !_runs(k, i)) refusal = IAuctionHouse.NotAbsorbable.selector;
        _refused(keeper, h, abi.encodeCall(house.absorb, (c, owner)), refusal);
    }

    /// @dev O1. For the length of one action the feed fails in one of six ways.
    function O1_badOracle(uint256 seed) external timed {
        (uint256 k, uint256 i) = _position(seed);
        MockAggregatorV3 feed = _markets[k].feed;
        (, int256 answer, , , ) = feed.latestRoundData();
        bytes4 named = _breakFeed(feed, answer, _pick(seed, "way", 0, 5));
        _tryRisk(k, i, named);
        _lowerRisk(k, i);
        feed.setBroken(false);
        feed.setDecimals(18);
        feed.setAnswer(answer);
        ++count["bad oracles"];
    }

    function _breakFeed(MockAggregatorV3 feed, int256 answer, uint256 way) internal returns (bytes4) {
        if (way == 0) {
            feed.setBroken(true);
            return ChainlinkOracle.FeedUnreadable.selector;
        }
        if (way == 1) {
            feed.setRound(answer, clock, clock - MAX_AGE - 1);
            return ChainlinkOracle.StalePrice.selector;
        }
        if (way == 2) {
            feed.setRound(answer, clock, 0);
            return ChainlinkOracle.BadRound.selector;
        }
        if (way == 3) {
            feed.setDecimals(8);
            return ChainlinkOracle.DecimalsChanged.selector;
        }
        feed.setAnswer(way == 4 ? int256(0) : -answer);
        return ChainlinkOracle.BadPrice.selector;
    }

    function _tryRisk(uint256 k, uint256 i, bytes4 named) internal {
        (address c, address owner, address h) = (_collateral(k), owners[i], address(house));
        IVault.Market memory m = vault.market(c);
        uint256 assets = Math.max(m.minDebt, 1);
        bool room = Math.fullMulDivUp(m.debtShares, vault.indexE27(), 1e27) + assets + one < m.debtCeiling;
        if (!vault.borrowPaused() && assets <= vault.idle() && room) {
            _refused(owner, address(vault), abi.encodeCall(vault.borrow, (c, assets, owner, owner)), named);
        }
        IVault.Position memory p = vault.position(c, owner);
        if (p.collateral != 0 && p.debtShares != 0) {
            _refused(owner, address(vault), abi.encodeCall(vault.withdrawCollateral, (c, 1, owner, owner)), named);
        }
        _refused(keeper, h, abi.encodeCall(house.start, (c, owner)), named);
        _refused(keeper, h, abi.encodeCall(house.buy, (c, owner, 1e18, type(uint256).max, keeper, "")), named);
        _refused(keeper, h, abi.encodeCall(house.absorb, (c, owner)), named);
        _refused(keeper, h, abi.encodeCall(house.sync, (c)), named);
        if (buffer.inventory(c).amount != 0) {
            bytes memory data = abi.encodeCall(buffer.buyInventory, (c, 1, type(uint256).max, keeper, ""));
            _refused(keeper, address(buffer), data, named);
            data = abi.encodeCall(buffer.deposit, (one, keeper));
            _refused(keeper, address(buffer), data, named);
        }
    }

    function _lowerRisk(uint256 k, uint256 i) internal {
        (address c, address owner) = (_collateral(k), owners[i]);
        uint256 debt = vault.debtOf(c, owner);
        if (vault.position(c, owner).collateral < type(uint112).max) {
            vm.prank(keeper);
            vault.supplyCollateral(c, 1, owner);
        }
        if (debt == 0) return;
        bool inAuction = house.auction(c, owner).startedAt != 0;
        vm.prank(owner);
        vault.repay(c, type(uint256).max, owner);
        if (inAuction) house.cancel(c, owner);
        uint256 collateral = vault.position(c, owner).collateral;
        vm.prank(owner);
        vault.withdrawCollateral(c, collateral, owner, owner);
        assertEq(house.auction(c, owner).startedAt, 0, "still in auction without debt");
    }

    /// @dev G1: every privileged call, by somebody without its role.
    function G1_outsider(uint256 seed) external timed {
        address[4] memory all = [keeper, owners[seed % OWNERS], lenders[0], address(attacker)];
        address who = all[_pick(seed, "who", 0, 3)];
        bytes4 unauthorized = IAccessManaged.AccessManagedUnauthorized.selector;
        IVault.Market memory m = vault.market(_collateral(0));
        IVault.MarketParameters memory p = IVault.MarketParameters(m.oracle, m.oracle, 8000, m.lltvBps, 0, 0);
        address v = address(vault);
        _refused(who, v, abi.encodeCall(vault.link, (who, who)), unauthorized);
        _refused(who, v, abi.encodeCall(vault.setMarket, (_collateral(0), p)), unauthorized);
        _refused(who, v, abi.encodeCall(vault.setInterestShares, (0, 0)), unauthorized);
        _refused(who, v, abi.encodeCall(vault.setBorrowPaused, (true)), unauthorized);
        _refused(who, v, abi.encodeCall(vault.withdrawReserves, (0, who)), unauthorized);
        _refused(who, v, abi.encodeCall(vault.setAuthority, (who)), unauthorized);
        IVault.Fill[] memory fills = new IVault.Fill[](1);
        fills[0] = IVault.Fill(owners[0], 1, 0);
        bytes memory data = abi.encodeCall(vault.settle, (_collateral(0), fills, 0, who, who, ""));
        _refused(who, v, data, IVault.NotAllowed.selector);
        data = abi.encodeCall(vault.payBounty, (_collateral(0), owners[0], 1, who));
        _refused(who, v, data, IVault.NotAllowed.selector);
        _refused(who, v, abi.encodeCall(vault.collectBufferFees, ()), IVault.NotAllowed.selector);
        data = abi.encodeCall(house.setLane, (_collateral(0), _standardLane(0)));
        _refused(who, address(house), data, unauthorized);
        _refused(who, address(house), abi.encodeCall(house.setAuthority, (who)), unauthorized);
        address b = address(buffer);
        data = abi.encodeCall(buffer.setInventoryParameters, (_collateral(0), _standardInventory(0)));
        _refused(who, b, data, unauthorized);
        _refused(who, b, abi.encodeCall(buffer.setCooldown, (1 hours)), unauthorized);
        _refused(who, b, abi.encodeCall(buffer.setAuthority, (who)), unauthorized);
        data = abi.encodeCall(buffer.takeOver, (_collateral(0), 1, 1));
        _refused(who, b, data, ILiquidityBuffer.NotAllowed.selector);
        _refused(who, b, abi.encodeCall(buffer.cover, (1)), ILiquidityBuffer.NotAllowed.selector);
    }

    /// @dev In a world of strange tokens: for the length of one action a token is paused, or an account blocked.
    function tokenTrouble(uint256 seed) external timed {
        if (!strange) return;
        (uint256 k, uint256 i) = _position(seed);
        uint256 way = _pick(seed, "trouble", 0, 3);
        if (way == 0) _pausedCollateral(k, i);
        else if (way == 1) _pausedLoan(k, i);
        else if (way == 2) _blockedOwner(k, i);
        else _blockedBuffer(k, i);
        ++count["troubles"];
    }

    function _pausedCollateral(uint256 k, uint256 i) internal {
        StrangeToken token = StrangeToken(_collateral(k));
        token.setPaused(true);
        bytes memory data = abi.encodeCall(vault.supplyCollateral, (_collateral(k), 1, owners[i]));
        if (vault.position(_collateral(k), owners[i]).collateral < type(uint112).max) {
            _refused(keeper, address(vault), data, StrangeToken.Paused.selector);
        }
        if (house.quote(_collateral(k), owners[i], type(uint256).max).refusal == IAuctionHouse.Refusal.None) {
            data = abi.encodeCall(house.buy, (_collateral(k), owners[i], type(uint256).max, 1e60, keeper, ""));
            _refused(keeper, address(house), data, StrangeToken.Paused.selector);
        }
        // debt can be repaid whatever the collateral does
        (, uint256 debt, ) = _state(k, i);
        if (debt != 0) _repay(k, keeper, i, debt, 1);
        token.setPaused(false);
    }

    function _pausedLoan(uint256 k, uint256 i) internal {
        StrangeToken(address(loan)).setPaused(true);
        (uint256 collateral, uint256 debt, ) = _state(k, i);
        bytes memory data = abi.encodeCall(vault.repay, (_collateral(k), type(uint256).max, owners[i]));
        if (debt != 0) _refused(keeper, address(vault), data, StrangeToken.Paused.selector);
        // and collateral added whatever the loan asset does
        if (collateral < type(uint112).max) _supply(k, keeper, i, 1, 1);
        StrangeToken(address(loan)).setPaused(false);
    }

    /// @dev Others can still repay and top up for who is blocked, and it can be put in auction.
    function _blockedOwner(uint256 k, uint256 i) internal {
        StrangeToken(address(loan)).setBlocked(owners[i], true);
        StrangeToken(_collateral(k)).setBlocked(owners[i], true);
        (uint256 collateral, uint256 debt, ) = _state(k, i);
        if (_canStart(k, i)) _start(k, i, 1);
        if (collateral < type(uint112).max) _supply(k, keeper, i, 1, 1);
        if (debt != 0) _repay(k, keeper, i, debt, 1);
        if (collateral != 0) {
            bytes memory data = abi.encodeCall(vault.withdrawCollateral, (_collateral(k), 1, owners[i], owners[i]));
            _refused(owners[i], address(vault), data, StrangeToken.Blocked.selector);
        }
        StrangeToken(address(loan)).setBlocked(owners[i], false);
        StrangeToken(_collateral(k)).setBlocked(owners[i], false);
    }

    /// @dev Nothing is taken over then; the lane goes on.
    function _blockedBuffer(uint256 k, uint256 i) internal {
        StrangeToken(_collateral(k)).setBlocked(address(buffer), true);
        (, , uint256 ltvWad) = _state(k, i);
        bool enlarged = vault.position(_collateral(k), owners[i]).riskAt == clock;
        if (ltvWad > _lltvWad(k) && !enlarged && _isAbsorbable(k, i, ltvWad) && !_isBufferFull(k)) {
            bytes memory data = abi.encodeCall(house.absorb, (_collateral(k), owners[i]));
            _refused(keeper, address(house), data, StrangeToken.Blocked.selector);
        }
        IAuctionHouse.Quote memory q = house.quote(_collateral(k), owners[i], type(uint256).max);
        bool writesOff = q.ltvWad >= WAD;
        if (q.refusal == IAuctionHouse.Refusal.None && !writesOff) _buy(k, i, q.collateral, q.cost, keeper, 1);
        StrangeToken(_collateral(k)).setBlocked(address(buffer), false);
    }

    // -------------------------------------------------------------------------------------------- helpers

    function _position(uint256 seed) internal view returns (uint256 k, uint256 i) {
        return _position(seed, 0);
    }

    /// @dev The one that is `ahead` after the seed's, market by market.
    function _position(uint256 seed, uint256 ahead) internal view returns (uint256 k, uint256 i) {
        uint256 n = (seed % (_markets.length * OWNERS)) + ahead;
        return (n % _markets.length, (n / _markets.length) % OWNERS);
    }

    /// @dev A number in a range that depends on nothing but the seed and what it is for.
    function _pick(uint256 seed, string memory what, uint256 min, uint256 max) internal pure returns (uint256) {
        return min + (uint256(keccak256(abi.encode(seed, what))) % (max - min + 1));
    }

    /// @dev `named` is zero where the call might as well succeed: then it is not made.
    function _refused(address who, address target, bytes memory data, bytes4 named) internal {
        if (named == bytes4(0)) return;
        vm.prank(who);
        // solhint-disable-next-line avoid-low-level-calls
        (bool success, bytes memory answer) = target.call(data);
        if (success || bytes4(answer) != named) revert NotRefused(target, data, answer);
    }

    function _setHooks(uint256 seed, address atWork) internal {
        ITransferHook hook = ITransferHook(atWork == address(0) ? address(0) : address(attacker));
        if (atWork != address(0)) _aim(seed, atWork);
        StrangeToken(address(loan)).setHook(hook);
        for (uint256 k; k < _markets.length; ++k) StrangeToken(_collateral(k)).setHook(hook);
    }

    /// @dev One of the functions of a contract that its lock must keep closed.
    function _aim(uint256 seed, address target) internal {
        address who = address(attacker);
        address c = _collateral(seed % _markets.length);
        bytes[] memory calls =
            target == address(vault)
                ? _lockedInVault(c, who)
                : target == address(house)
                    ? _lockedInHouse(c, who)
                    : _lockedInBuffer(c, who);
        attacker.aim(target, calls[_pick(seed, "call", 0, calls.length - 1)]);
    }

    function _lockedInVault(address c, address who) internal view returns (bytes[] memory calls) {
        calls = new bytes[](14);
        calls[0] = abi.encodeCall(vault.deposit, (one, who));
        calls[1] = abi.encodeCall(vault.mint, (one, who));
        calls[2] = abi.encodeCall(vault.withdraw, (1, who, who));
        calls[3] = abi.encodeCall(vault.redeem, (1, who, who));
        calls[4] = abi.encodeCall(vault.supplyCollateral, (c, 1, who));
        calls[5] = abi.encodeCall(vault.withdrawCollateral, (c, 1, who, who));
        calls[6] = abi.encodeCall(vault.borrow, (c, one, who, who));
        calls[7] = abi.encodeCall(vault.repay, (c, one, owners[0]));
        calls[8] = abi.encodeCall(vault.repayShares, (c, one, owners[0]));
        calls[9] = abi.encodeCall(vault.accrueInterest, ());
        calls[10] = abi.encodeCall(vault.settle, (c, new IVault.Fill[](0), 0, who, who, ""));
        calls[11] = abi.encodeCall(vault.payBounty, (c, owners[0], 1, who));
        calls[12] = abi.encodeCall(vault.collectBufferFees, ());
        calls[13] = abi.encodeCall(vault.withdrawReserves, (1, who));
    }

    function _lockedInHouse(address c, address who) internal view returns (bytes[] memory calls) {
        calls = new bytes[](6);
        calls[0] = abi.encodeCall(house.start, (c, owners[0]));
        calls[1] = abi.encodeCall(house.buy, (c, owners[0], 1e18, 1e60, who, ""));
        calls[2] = abi.encodeCall(house.buyMany, (c, new IAuctionHouse.Order[](0), 1e60, who, ""));
        calls[3] = abi.encodeCall(house.cancel, (c, owners[0]));
        calls[4] = abi.encodeCall(house.absorb, (c, owners[0]));
        calls[5] = abi.encodeCall(house.sync, (c));
    }

    function _lockedInBuffer(address c, address who) internal view returns (bytes[] memory calls) {
        calls = new bytes[](9);
        calls[0] = abi.encodeCall(buffer.deposit, (one, who));
        calls[1] = abi.encodeCall(buffer.mint, (one, who));
        calls[2] = abi.encodeCall(buffer.requestRedeem, (1, who, who));
        calls[3] = abi.encodeCall(buffer.redeem, (1, who, who));
        calls[4] = abi.encodeCall(buffer.withdraw, (1, who, who));
        calls[5] = abi.encodeCall(buffer.buyInventory, (c, 1, 1e60, who, ""));
        calls[6] = abi.encodeCall(buffer.collectFees, ());
        calls[7] = abi.encodeCall(buffer.takeOver, (c, 1, 1));
        calls[8] = abi.encodeCall(buffer.cover, (1));
    }
}
