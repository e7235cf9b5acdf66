// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { FixedPointMathLib as Math } from "solady/src/utils/FixedPointMathLib.sol";
import { IAuctionHouse } from "../../contracts/interfaces/IAuctionHouse.sol";
import { IOracle } from "../../contracts/interfaces/IOracle.sol";
import { IVault } from "../../contracts/interfaces/IVault.sol";
import { MockDepth } from "../../contracts/mocks/MockDepth.sol";
import { Attacker } from "./Attacker.sol";
import { Checks } from "./Checks.sol";
import { ITransferHook, StrangeToken } from "./StrangeToken.sol";
import { World } from "./World.sol";

/// @notice What anyone can do to the protocol, with inputs that it must take. `Checks` judges each call.
abstract contract Actions is Checks {
    constructor(bool strange_) World(strange_) {
        for (uint256 k; k < _markets.length; ++k) _noteCeiling(k, house.lane(_collateral(k)).ratePerHour);
        for (uint256 i; i < OWNERS; ++i) _openPosition(i % _markets.length, i, (i + 2) * 5, 0.78e18, i);
    }

    /// @dev Every call starts at the handler's time, and gas costs what it says.
    modifier timed() {
        vm.warp(clock);
        vm.fee(baseFee);
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

    function _lend(uint256 seed, address who, uint256 amount) internal checked(who, 0) hooked(seed, address(vault)) {
        vm.startPrank(who);
        if (seed % 4 < 2) vault.deposit(amount, who);
        else vault.mint(vault.previewDeposit(amount), who);
        vm.stopPrank();
    }

    function _unlend(uint256 seed, address who, uint256 shares) internal checked(who, 0) hooked(seed, address(vault)) {
        vm.startPrank(who);
        if (seed % 4 < 2) vault.redeem(shares, who, who);
        else vault.withdraw(vault.previewRedeem(shares), who, who);
        vm.stopPrank();
    }

    /// @dev Refused where it is worth less than a share.
    function _underwrite(
        uint256 seed,
        address who,
        uint256 amount
    ) internal checked(who, 0) hooked(seed, address(buffer)) {
        uint256 shares = buffer.previewDeposit(amount);
        if (shares == 0) return;
        vm.startPrank(who);
        if (seed % 4 < 2) buffer.deposit(amount, who);
        else amount = buffer.mint(shares, who);
        vm.stopPrank();
        Look memory afterwards;
        _lookAtBuffer(afterwards);
        B5_aDepositKeepsItsValue(amount, shares, afterwards);
    }

    function _requestRedeem(address who, uint256 shares) internal checked(who, 0) {
        vm.prank(who);
        buffer.requestRedeem(shares, who, who);
    }

    function _fulfil(
        address controller,
        address caller,
        uint256 seed
    ) internal checked(caller, 0) hooked(seed, address(buffer)) {
        vm.prank(caller);
        (uint256 shares, ) = buffer.fulfil(controller, caller);
        assertGt(shares, 0, "nothing was fulfilled");
    }

    function _claim(uint256 seed, address who, uint256 assets) internal checked(who, 0) hooked(seed, address(buffer)) {
        (uint256 most, uint256 shares) = (buffer.maxWithdraw(who), buffer.maxRedeem(who));
        vm.prank(who);
        // a claim by assets rounds shares up, so that assets may be left of none
        if (shares == 0) buffer.withdraw(most, who, who);
        else if (seed % 4 < 2 && assets < most) buffer.withdraw(assets, who, who);
        else buffer.redeem(shares, who, who);
    }

    function _collectFees() internal checked(keeper, 0) {
        buffer.collectFees();
    }

    // -------------------------------------------------------------------------------------------- borrowers

    /// @dev Supplies `thousands` of loan asset's worth and borrows up to an LTV: the owner itself in two calls or in one
    /// multicall, or whom it authorised.
    function _openPosition(uint256 k, uint256 i, uint256 thousands, uint256 ltvWad, uint256 seed) internal {
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
        uint256 value = _value(collateral, m.borrowOracle.price());
        uint256 room = Math.zeroFloorSub(Math.fullMulDiv(value, ltvWad, WAD), debt);
        uint256 marketDebt = Math.fullMulDivUp(m.debtShares, index, 1e27);
        room = Math.min(room, Math.zeroFloorSub(m.ceiling, marketDebt));
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
        if (assets < debt) {
            vault.repay(_collateral(k), assets, owners[i]);
            _requireLeastDebt(k, i, debt);
        } else if (seed % 2 == 0) vault.repayShares(_collateral(k), shares, owners[i]);
        else vault.repay(_collateral(k), type(uint256).max, owners[i]);
    }

    function _requireLeastDebt(uint256 k, uint256 i, uint256 before) internal view {
        uint256 least = Math.min(before, vault.market(_collateral(k)).minDebt);
        assertGe(vault.debtOf(_collateral(k), owners[i]), least, "less than the least debt is left");
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

    function _randomLane(uint256 k, uint256 seed) internal view returns (IAuctionHouse.LaneParameters memory p) {
        p = _standardLane(k);
        // every second time the standard ones come back, so that runs stay lively
        if (_pick(seed, "standard", 0, 1) == 0) return p;
        p.maxPremiumBps = uint16(_pick(seed, "maxPremium", 1, 2000));
        p.minPremiumBps = uint16(_pick(seed, "minPremium", 0, p.maxPremiumBps));
        p.maxDiscountBps = uint16(_pick(seed, "maxDiscount", 0, 850));
        p.firstDiscountBps = uint16(_pick(seed, "firstDiscount", 0, p.maxDiscountBps));
        p.liquidationFeeBps = uint16(_pick(seed, "fee", 0, 850 - p.maxDiscountBps));
        uint256 range = (uint256(p.maxPremiumBps) + p.maxDiscountBps) * WAD_PER_BPS;
        p.slopeWad = uint64(_pick(seed, "slope", Math.max(1e12, range / 1 days + 1), 1e16));
        p.targetLtvBps = uint16(_pick(seed, "target", 1, 8299));
        p.absorbLtvBps = uint16(_pick(seed, "absorbLtv", 8301, 9999));
        p.absorbDiscountBps = uint16(_pick(seed, "absorbDiscount", 0, (BPS - p.absorbLtvBps) / 2));
        p.paceBps = uint16(_pick(seed, "pace", 1, BPS));
        p.urgency = uint16(_pick(seed, "urgency", 0, 100));
        p.idleTime = uint16(_pick(seed, "idle", 1 minutes, 12 hours));
        p.emaPeriod = uint32(_pick(seed, "ema", 1 minutes, 1 days));
        p.clearHours = uint16(_pick(seed, "clear", 1, 8760));
        p.minRatePerHour = uint104(_pick(seed, "minRate", 1, _markets[k].unit + 1));
    }

    /// @dev Every second time the standard one comes back; and now and then nobody is paid.
    function _randomPay(uint256 seed) internal view returns (IAuctionHouse.PayParameters memory p) {
        p = _standardPay();
        if (_pick(seed, "standard", 0, 1) == 0) return p;
        p.feeCap = uint64(_pick(seed, "feeCap", 0, 10_000 gwei));
        p.tip = uint64(_pick(seed, "tip", 0, 100 gwei));
        p.marginBps = uint16(_pick(seed, "margin", 0, BPS));
        p.capBps = uint16(_pick(seed, "cap", 0, 100));
        p.interval = uint32(_pick(seed, "interval", 10 minutes, 1 days));
        if (_pick(seed, "wrapped", 0, 1) == 0) p.wrappedNative = address(0);
        if (_pick(seed, "native", 0, 3) == 0) p.nativeOracle = IOracle(address(0));
    }

    /// @dev Windows are of one set of parameters.
    function _setLane(uint256 k, IAuctionHouse.LaneParameters memory p) internal checked(keeper, k) {
        _markets[k].depth.setBroken(false);
        house.setLane(_collateral(k), p);
        delete _laneSold[k];
        delete _inventorySold[k];
        ++count["lanes"];
    }

    function _withdrawReserves(uint256 assets) internal checked(keeper, 0) {
        vault.withdrawReserves(assets, operator);
    }

    // -------------------------------------------------------------------------------------------- the world

    function _wait(uint256 time) internal {
        clock += time;
        vm.warp(clock);
        // the feeds keep their heartbeat
        for (uint256 k; k < _markets.length; ++k) {
            (, int256 answer, , , ) = _markets[k].feed.latestRoundData();
            _markets[k].feed.setAnswer(answer);
        }
    }

    function _crash(uint256 k, uint256 i, uint256 ltvWad) internal {
        (uint256 collateral, uint256 debt, ) = _state(k, i);
        if (collateral == 0 || debt == 0) return;
        _setPrice(k, Math.fullMulDiv(debt, 1e36 * WAD, collateral * ltvWad));
    }

    /// @dev From ten cents to a hundred million.
    function _setPrice(uint256 k, uint256 priceE36) internal {
        uint256 answer = Math.fullMulDiv(priceE36, WAD, _markets[k].dollarE36);
        _markets[k].feed.setAnswer(int256(Math.clamp(answer, WAD / 10, 1e8 * WAD)));
    }

    function _donate(address token, address holder, uint256 amount) internal checked(address(attacker), 0) {
        attacker.run(token, abi.encodeWithSignature("transfer(address,uint256)", holder, amount));
        _donated[token][holder] += amount;
    }

    // -------------------------------------------------------------------------------------------- keepers

    function _observe(uint256 k) internal checked(keeper, k) {
        house.observe(_collateral(k));
    }

    /// @dev Refused by the depth oracle's own error where it is dead.
    function _sync(uint256 k) internal checked(keeper, k) {
        if (_markets[k].depth.broken()) vm.expectRevert(MockDepth.Broken.selector);
        house.sync(_collateral(k));
    }

    /// @dev Unhealthy, and its owner took no risk in this block: nobody is lent to and sold in one.
    function _isForSale(uint256 k, uint256 i) internal view returns (bool) {
        (, , uint256 ltvWad) = _state(k, i);
        return ltvWad > _lltvWad(k) && vault.position(_collateral(k), owners[i]).riskAt != clock;
    }

    function _canOpen(uint256 k, uint256 i) internal view returns (bool) {
        return !_isLaneOpen(k) && _isForSale(k, i);
    }

    function _openLane(
        uint256 k,
        uint256 i,
        address caller,
        uint256 seed
    ) internal checked(caller, k) hooked(seed, address(vault)) {
        vm.prank(caller);
        house.open(_collateral(k), owners[i], caller);
        IAuctionHouse.LaneState memory s = house.laneState(_collateral(k));
        uint256 widest = house.laneParameters(_collateral(k)).maxPremiumBps * WAD_PER_BPS;
        if (_isDiverged(k)) assertEq(s.premiumWad, widest, "in doubt, not the widest premium");
    }

    /// @dev What the house knows: the guard's word of the last look.
    function _isDiverged(uint256 k) internal view returns (bool) {
        return house.lane(_collateral(k)).diverged;
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
        if (buyer == owners[i]) ++count["self-sales"];
        ++count["buys"];
    }

    function _buyMany(
        uint256 k,
        IAuctionHouse.Order[] memory orders,
        address buyer,
        uint256 seed
    ) internal checked(buyer, k) hooked(seed, address(vault)) {
        vm.prank(buyer);
        house.buyMany(_collateral(k), orders, type(uint256).max, buyer, "");
        ++count["batches"];
    }

    /// @dev Why the buffer can't absorb a position, by the conditions of docs/protocol.md.
    function _absorbRefusal(uint256 k, uint256 i) internal view returns (IAuctionHouse.AbsorbRefusal) {
        (uint256 collateral, uint256 debt, uint256 ltvWad) = _state(k, i);
        if (ltvWad <= _lltvWad(k)) return IAuctionHouse.AbsorbRefusal.Healthy;
        if (ltvWad < house.laneParameters(_collateral(k)).absorbLtvBps * WAD_PER_BPS) {
            return IAuctionHouse.AbsorbRefusal.BelowAbsorbLtv;
        }
        if (vault.position(_collateral(k), owners[i]).riskAt == clock) return IAuctionHouse.AbsorbRefusal.Enlarged;
        uint256 priceE36 = _absorbPrice(k);
        if (ltvWad < WAD && _ltv(collateral, debt, priceE36) >= WAD) return IAuctionHouse.AbsorbRefusal.Diverged;
        uint256 minDebt = vault.market(_collateral(k)).minDebt;
        return
            _isBufferFull(k, minDebt, priceE36)
                ? IAuctionHouse.AbsorbRefusal.BufferFull
                : IAuctionHouse.AbsorbRefusal.None;
    }

    /// @dev Whether it must be absorbed when somebody asks, the last of what the buffer can take included.
    function _mustAbsorb(uint256 k, uint256 i) internal view returns (bool) {
        return
            _absorbRefusal(k, i) == IAuctionHouse.AbsorbRefusal.None &&
            !_roundingsMatter(k, i, _absorbable(k, _absorbPrice(k)));
    }

    /// @dev A part worth `part` lowers the LTV by less than the units of debt that roundings may cost: it may be too small. Or a
    /// unit of collateral is no dust: none of it may be what is to be absorbed.
    function _roundingsMatter(uint256 k, uint256 i, uint256 part) internal view returns (bool) {
        uint256 priceE36 = _absorbPrice(k);
        (uint256 collateral, uint256 debt, ) = _state(k, i);
        uint256 ltvWad = _ltv(collateral, debt, priceE36);
        if (ltvWad < WAD && (WAD - ltvWad) * part <= 16 * WAD) return true;
        return _value(100, _price(k)) > vault.market(_collateral(k)).minDebt;
    }

    function _absorb(
        uint256 k,
        uint256 i,
        address caller,
        uint256 seed
    ) internal checked(caller, k) hooked(seed, address(vault)) {
        vm.prank(caller);
        house.absorb(_collateral(k), owners[i], caller);
    }

    function _absorbMany(
        uint256 k,
        address[] memory who,
        address caller,
        uint256 seed
    ) internal checked(caller, k) hooked(seed, address(vault)) {
        vm.prank(caller);
        house.absorbMany(_collateral(k), who, caller);
        ++count["absorbed batches"];
    }

    /// @dev Several of a keeper's calls in one transaction.
    function _together(
        uint256 k,
        bytes[] memory calls,
        address caller,
        uint256 seed
    ) internal checked(caller, k) hooked(seed, address(vault)) {
        vm.prank(caller);
        house.multicall(calls);
        ++count["keepers' multicalls"];
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

    // -------------------------------------------------------------------------------------------- helpers

    /// @dev A number in a range that depends on nothing but the seed and what it is for.
    function _pick(uint256 seed, string memory what, uint256 min, uint256 max) internal pure returns (uint256) {
        return min + (uint256(keccak256(abi.encode(seed, what))) % (max - min + 1));
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
        calls[10] = abi.encodeCall(vault.settle, (c, new IVault.Fill[](0), 0, who, who, who, ""));
        calls[11] = abi.encodeCall(vault.pay, (c, owners[0], 1, who));
        calls[12] = abi.encodeCall(vault.collectBufferFees, ());
        calls[13] = abi.encodeCall(vault.withdrawReserves, (1, who));
    }

    function _lockedInHouse(address c, address who) internal view returns (bytes[] memory calls) {
        calls = new bytes[](7);
        calls[0] = abi.encodeCall(house.open, (c, owners[0], who));
        calls[1] = abi.encodeCall(house.buy, (c, owners[0], 1e18, 1e60, who, ""));
        calls[2] = abi.encodeCall(house.buyMany, (c, new IAuctionHouse.Order[](0), 1e60, who, ""));
        calls[3] = abi.encodeCall(house.absorb, (c, owners[0], who));
        calls[4] = abi.encodeCall(house.absorbMany, (c, owners, who));
        calls[5] = abi.encodeCall(house.sync, (c));
        calls[6] = abi.encodeCall(house.observe, (c));
    }

    function _lockedInBuffer(address c, address who) internal view returns (bytes[] memory calls) {
        calls = new bytes[](10);
        calls[0] = abi.encodeCall(buffer.deposit, (one, who));
        calls[1] = abi.encodeCall(buffer.mint, (one, who));
        calls[2] = abi.encodeCall(buffer.requestRedeem, (1, who, who));
        calls[3] = abi.encodeCall(buffer.redeem, (1, who, who));
        calls[4] = abi.encodeCall(buffer.withdraw, (1, who, who));
        calls[5] = abi.encodeCall(buffer.buyInventory, (c, 1, 1e60, who, ""));
        calls[6] = abi.encodeCall(buffer.collectFees, ());
        calls[7] = abi.encodeCall(buffer.absorb, (c, 1, 1));
        calls[8] = abi.encodeCall(buffer.cover, (1));
        calls[9] = abi.encodeCall(buffer.fulfil, (underwriters[0], who));
    }
}
