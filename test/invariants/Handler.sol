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
import { Actions } from "./Actions.sol";
import { SecondSource } from "./SecondSource.sol";
import { StrangeToken } from "./StrangeToken.sol";

/// @notice What the fuzzer calls. Each action bounds its inputs so that its calls must succeed, or says by which error they must be
/// refused; anything else ends the run.
contract Handler is Actions {
    /// @notice The call was not refused, or not by the error that it should have been.
    error NotRefused(address target, bytes data, bytes answer);

    // solhint-disable-next-line no-empty-blocks
    constructor(bool strange_) Actions(strange_) {}

    // ---------------------------------------------------------------------------------- lenders, underwriters

    function lend(uint256 seed, uint256 amount) external timed {
        // shares of a vault that lost nearly all are too many to count
        if (vault.totalSupply() < 1e45) _lend(seed, lenders[seed % 2], bound(amount, one, 300_000 * one));
    }

    function unlend(uint256 seed, uint256 shares) external timed {
        address who = lenders[seed % 2];
        // some cash stays, so that there is something to borrow
        uint256 most = vault.maxRedeem(who) / 4;
        if (most != 0) _unlend(seed, who, bound(shares, 1, most));
    }

    function underwrite(uint256 seed, uint256 amount) external timed {
        _underwrite(seed, _underwriter(seed), bound(amount, one, 20_000 * one));
    }

    function requestRedeem(uint256 seed, uint256 shares) external timed {
        address who = _underwriter(seed);
        uint256 most = buffer.balanceOf(who);
        if (most != 0) _requestRedeem(who, bound(shares, 1, most));
    }

    /// @dev Anybody's, whoever asks; refused for as long as docs/protocol.md says and no longer.
    function fulfil(uint256 seed) external timed {
        for (uint256 j; j < 3; ++j) {
            address controller = _underwriter((seed % 3) + j);
            if (buffer.pendingRedeemRequest(0, controller) != 0) return _fulfilOrNot(controller, _keeper(seed), seed);
        }
    }

    /// @dev What was fulfilled, at any time.
    function claim(uint256 seed, uint256 assets) external timed {
        for (uint256 j; j < 3; ++j) {
            address who = _underwriter((seed % 3) + j);
            uint256 most = buffer.maxWithdraw(who);
            if (most != 0) return _claim(seed, who, bound(assets, 1, most));
        }
    }

    function collectFees() external timed {
        _collectFees();
    }

    // -------------------------------------------------------------------------------------------- borrowers

    function borrow(uint256 seed, uint256 size, uint256 ltv) external timed {
        (uint256 k, uint256 i) = _position(seed);
        uint256 maxLtvWad = vault.market(_collateral(k)).maxLtvBps * WAD_PER_BPS;
        _openPosition(k, i, bound(size, 1, 60), bound(ltv, maxLtvWad / 2, maxLtvWad), seed);
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
        // of what is less than the least already, a part is refused; else it stops there, up to a share's worth
        if (assets < debt && debt < minDebt) {
            bytes memory data = abi.encodeCall(vault.repay, (_collateral(k), assets, owners[i]));
            _refused(keeper, address(vault), data, IVault.DebtTooSmall.selector);
        }
        if (debt < minDebt + 2 + (2 * vault.indexE27()) / 1e27) assets = debt;
        _repay(k, seed % 3 == 0 ? keeper : owners[i], i, assets, seed);
    }

    function withdrawCollateral(uint256 seed, uint256 part) external timed {
        (uint256 k, uint256 i) = _position(seed);
        (uint256 collateral, uint256 debt, ) = _state(k, i);
        IVault.Market memory m = vault.market(_collateral(k));
        uint256 least = Math.fullMulDivUp(debt, BPS, m.maxLtvBps);
        uint256 needed = Math.fullMulDivUp(least, 1e36, m.borrowOracle.price());
        if (collateral > needed) _withdraw(k, i, bound(part, 1, collateral - needed), seed);
    }

    /// @dev With the money in hand, a deposit and its redemption: no figure moves.
    function flashLoan(uint256 amount) external timed {
        uint256 idle = vault.idle();
        if (idle >= one && vault.totalSupply() < 1e45) _flashLoan(bound(amount, one, idle));
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
                uint112(_pick(seed, "ceiling", 100_000, 1e9) * one),
                uint96(_pick(seed, "minDebt", 0, 1000) * one)
            )
        );
    }

    /// @dev A7: anything that `setLane` takes; A1 is checked at each fill.
    function setLane(uint256 seed) external timed {
        uint256 k = seed % _markets.length;
        _setLane(k, _randomLane(k, seed));
    }

    function setPay(uint256 seed) external timed {
        native.setBroken(false);
        house.setPay(_randomPay(seed));
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
            p.biteTime = uint32(_pick(seed, "bite", 0, 1 hours));
        }
        _setInventoryParameters(k, p);
    }

    function _setInventoryParameters(uint256 k, ILiquidityBuffer.InventoryParameters memory p) internal {
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

    // -------------------------------------------------------------------------------------------- the world

    function wait(uint256 time) external {
        _wait(bound(time, 1, 2 hours));
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

    /// @dev A smaller one, a position whose market's lane is opened at once, and some minutes in which nobody buys.
    function crashAndOpen(uint256 seed, uint256 ltv, uint256 time) external timed {
        (uint256 k, uint256 i) = _position(seed);
        _crash(k, i, bound(ltv, 0.84e18, 0.99e18));
        if (_canOpen(k, i)) _openLane(k, i, _keeperOf(i, seed), seed);
        _wait(bound(time, 1, 30 minutes));
    }

    /// @dev The price comes back, every source answers, and time passes that somebody watches.
    function calmDown(uint256 seed) external timed {
        uint256 k = seed % _markets.length;
        vault.setBorrowPaused(false);
        native.setBroken(false);
        _setPrice(k, _price(k) * 2);
        _markets[k].depth.setBroken(false);
        _markets[k].second.setShare(BPS);
        _sync(k);
        _wait(3 hours);
        for (uint256 j; j < _markets.length; ++j) _observe(j);
        _wait(40 minutes);
        for (uint256 j; j < 3; ++j) {
            address who = _underwriter(j);
            if (buffer.pendingRedeemRequest(0, who) != 0) _fulfilOrNot(who, _keeper(seed), seed);
        }
    }

    /// @dev All that the buffer holds in cash goes: it may absorb nothing more of a market, so that the lane sells a position that
    /// owes far more than it is worth. Somebody underwrites at the low, when what is held is worth nothing either.
    function wipeOut(uint256 seed, uint256 ltv) external timed {
        (uint256 k, uint256 i) = _position(seed);
        ILiquidityBuffer.InventoryParameters memory p = _standardInventory(k);
        p.cap = 0;
        _setInventoryParameters(k, p);
        _markets[k].depth.setDepth(Math.fullMulDiv(1_000_000 * one, 1e36, _price(k)));
        _setLane(k, _standardLane(k));
        _crash(k, i, bound(ltv, 2e18, 100e18));
        if (_canOpen(k, i)) _openLane(k, i, keeper, seed);
        _wait(20 minutes);
        for (uint256 j; j < OWNERS; ++j) {
            IAuctionHouse.Quote memory q = house.quote(_collateral(k), owners[j], type(uint256).max);
            if (q.refusal == IAuctionHouse.Refusal.None) _buy(k, j, q.collateral, q.cost, keeper, seed);
        }
        _setInventoryParameters(k, _standardInventory(k));
        int256[] memory answers = new int256[](_markets.length);
        for (uint256 j; j < answers.length; ++j) {
            (, answers[j], , , ) = _markets[j].feed.latestRoundData();
            _markets[j].feed.setAnswer(answers[j] / 1e9);
        }
        _underwrite(seed, _underwriter(seed), 10_000 * one);
        for (uint256 j; j < answers.length; ++j) _markets[j].feed.setAnswer(answers[j]);
    }

    function recover(uint256 seed) external timed {
        uint256 k = seed % _markets.length;
        _setPrice(k, _price(k) * 2);
    }

    /// @dev The venue's depth, as somebody who adds and removes liquidity would have it, or dead; and another source that parts
    /// from the oracle.
    function setSources(uint256 seed, uint256 thousands) external timed {
        uint256 k = seed % _markets.length;
        uint256 worth = bound(thousands, 0, 1000) * 1000 * one;
        _markets[k].depth.setDepth(Math.fullMulDiv(worth, 1e36, _price(k)));
        _markets[k].depth.setBroken(_pick(seed, "dead", 0, 3) == 0);
        _markets[k].second.setShare(_pick(seed, "parted", 0, 2) == 0 ? _pick(seed, "share", 7000, 12_000) : BPS);
    }

    /// @dev What gas costs, and the native coin; its feed may be dead.
    function setGas(uint256 seed, uint256 price) external timed {
        baseFee =
            _pick(seed, "fee", 0, 3) == 0 ? _pick(seed, "spike", 0, 20_000 gwei) : _pick(seed, "calm", 0, 100 gwei);
        native.setPrice(Math.fullMulDiv(bound(price, 1, 10_000) * one, 1e36, 1e18));
        native.setBroken(_pick(seed, "dead", 0, 5) == 0);
    }

    function donate(uint256 seed, uint256 amount) external timed {
        address holder = _pick(seed, "holder", 0, 1) == 0 ? address(vault) : address(buffer);
        uint256 k = seed % (_markets.length + 1);
        address token = k == _markets.length ? address(loan) : _collateral(k);
        _donate(token, holder, bound(amount, 1, 1000e6));
    }

    // -------------------------------------------------------------------------------------------- keepers

    function sync(uint256 seed) external timed {
        _sync(seed % _markets.length);
        vault.accrueInterest();
    }

    function observe(uint256 seed) external timed {
        _observe(seed % _markets.length);
    }

    function openLane(uint256 seed) external timed {
        for (uint256 j; j < _markets.length * OWNERS; ++j) {
            (uint256 k, uint256 i) = _position(seed, j);
            if (_canOpen(k, i)) return _openLane(k, i, _keeperOf(i, seed), seed);
        }
    }

    function buy(uint256 seed, uint256 amount) external timed {
        for (uint256 j; j < _markets.length * OWNERS; ++j) {
            (uint256 k, uint256 i) = _position(seed, j);
            if (!_isLaneOpen(k)) continue;
            IAuctionHouse.Quote memory q = house.quote(_collateral(k), owners[i], type(uint256).max);
            if (q.refusal != IAuctionHouse.Refusal.None) continue;
            amount = bound(amount, 1, q.collateral);
            IAuctionHouse.Refusal refusal = house.quote(_collateral(k), owners[i], amount).refusal;
            if (refusal != IAuctionHouse.Refusal.None) amount = q.collateral;
            address buyer = _pick(seed, "buyer", 0, 2) == 0 ? address(attacker) : _keeperOf(i, seed);
            return _buy(k, i, amount, q.cost, buyer, seed);
        }
    }

    function buyMany(uint256 seed, uint256 amount) external timed {
        uint256 k = seed % _markets.length;
        for (uint256 j; j < _markets.length && !_isLaneOpen(k); ++j) k = (k + 1) % _markets.length;
        IAuctionHouse.Order[] memory orders = new IAuctionHouse.Order[](OWNERS);
        bool any;
        for (uint256 i; i < OWNERS; ++i) {
            IAuctionHouse.Quote memory q = house.quote(_collateral(k), owners[i], type(uint256).max);
            orders[i] = IAuctionHouse.Order(owners[i], bound(amount, q.collateral / 3, q.collateral));
            q = house.quote(_collateral(k), owners[i], orders[i].maxCollateral);
            any = any || q.refusal == IAuctionHouse.Refusal.None;
        }
        if (any) _buyMany(k, orders, _keeper(seed), seed);
    }

    function absorb(uint256 seed) external timed {
        for (uint256 j; j < _markets.length * OWNERS; ++j) {
            (uint256 k, uint256 i) = _position(seed, j);
            if (_mustAbsorb(k, i)) return _absorb(k, i, _keeperOf(i, seed), seed);
        }
    }

    /// @dev All of a market's positions at once; those that can't be absorbed are passed over, those included of which a part
    /// would be too small.
    function absorbMany(uint256 seed) external timed {
        for (uint256 j; j < _markets.length; ++j) {
            uint256 k = ((seed % _markets.length) + j) % _markets.length;
            bool any;
            for (uint256 i; i < OWNERS; ++i) any = any || _mustAbsorb(k, i);
            if (any) return _absorbMany(k, owners, _keeper(seed), seed);
        }
    }

    /// @dev In one transaction: absorbs one position, opens the lane by another or buys of it, and syncs.
    function workTogether(uint256 seed) external timed {
        for (uint256 j; j < _markets.length; ++j) {
            uint256 k = ((seed % _markets.length) + j) % _markets.length;
            (bytes[] memory calls, uint256 n) = _workOf(k, _keeper(seed));
            if (n < 2) continue;
            assembly ("memory-safe") {
                mstore(calls, n)
            }
            return _together(k, calls, _keeper(seed), seed);
        }
    }

    function _workOf(uint256 k, address who) internal view returns (bytes[] memory calls, uint256 n) {
        address c = _collateral(k);
        calls = new bytes[](3);
        uint256 absorbed = OWNERS;
        for (uint256 i; i < OWNERS && absorbed == OWNERS; ++i) if (_mustAbsorb(k, i)) absorbed = i;
        if (absorbed != OWNERS) calls[n++] = abi.encodeCall(house.absorb, (c, owners[absorbed], who));
        for (uint256 i; i < OWNERS; ++i) {
            if (i == absorbed) continue;
            IAuctionHouse.Quote memory q = house.quote(c, owners[i], type(uint256).max);
            if (_canOpen(k, i)) calls[n++] = abi.encodeCall(house.open, (c, owners[i], who));
            else if (q.refusal == IAuctionHouse.Refusal.None && q.ltvWad < WAD) {
                calls[n++] = abi.encodeCall(house.buy, (c, owners[i], q.collateral, q.cost, who, ""));
            } else continue;
            break;
        }
        if (!_markets[k].depth.broken()) calls[n++] = abi.encodeCall(house.sync, (c));
    }

    function buyInventory(uint256 seed, uint256 amount) external timed {
        for (uint256 j; j < _markets.length; ++j) {
            uint256 k = ((seed % _markets.length) + j) % _markets.length;
            (ILiquidityBuffer.SaleRefusal refusal, uint256 most, , ) = buffer.quoteInventory(
                _collateral(k),
                type(uint256).max
            );
            if (refusal != ILiquidityBuffer.SaleRefusal.None || most == 0) continue;
            address buyer = _pick(seed, "buyer", 0, 2) == 0 ? address(attacker) : _keeper(seed);
            return _buyInventory(k, bound(amount, 1, most), buyer, seed);
        }
    }

    // -------------------------------------------------------------------------------------------- refusals

    /// @dev What the state says must be refused, by its name.
    function tryWhatIsRefused(uint256 seed) external timed {
        (uint256 k, uint256 i) = _position(seed);
        (address c, address owner) = (_collateral(k), owners[i]);
        (uint256 collateral, uint256 debt, uint256 ltvWad) = _state(k, i);
        address v = address(vault);
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
        _tryLanesThatAreRefused(k, i, ltvWad);
        _tryClaimsThatAreRefused(_underwriter(seed));
        data = abi.encodeCall(IERC4626.redeem, (vault.balanceOf(lenders[0]) + 1, lenders[0], lenders[0]));
        bytes4 tooMany = bytes4(keccak256("ERC4626ExceededMaxRedeem(address,uint256,uint256)"));
        _refused(lenders[0], v, data, tooMany);
        ++count["refusals"];
    }

    function _ceilingIsFar(uint256 k, uint256 assets) internal view returns (bool) {
        IVault.Market memory m = vault.market(_collateral(k));
        return Math.fullMulDivUp(m.debtShares, vault.indexE27(), 1e27) + 2 * assets + one < m.ceiling;
    }

    function _tryLanesThatAreRefused(uint256 k, uint256 i, uint256 ltvWad) internal {
        (address c, address owner, address h) = (_collateral(k), owners[i], address(house));
        bool enlarged = vault.position(c, owner).riskAt == clock;
        bytes4 named;
        if (_isLaneOpen(k)) named = IAuctionHouse.LaneIsOpen.selector;
        else if (ltvWad <= _lltvWad(k)) named = IAuctionHouse.PositionHealthy.selector;
        else if (enlarged) named = IAuctionHouse.EnlargedInThisBlock.selector;
        _refused(keeper, h, abi.encodeCall(house.open, (c, owner, keeper)), named);

        IAuctionHouse.Refusal refusal;
        if (!_isLaneOpen(k)) refusal = IAuctionHouse.Refusal.LaneClosed;
        else if (enlarged) refusal = IAuctionHouse.Refusal.Enlarged;
        else if (ltvWad <= _lltvWad(k)) refusal = IAuctionHouse.Refusal.Healthy;
        bytes memory data = abi.encodeCall(house.buy, (c, owner, 1e18, type(uint256).max, keeper, ""));
        if (refusal != IAuctionHouse.Refusal.None) {
            _refusedAs(keeper, h, data, abi.encodeWithSelector(IAuctionHouse.NotBuyable.selector, owner, refusal));
        }
        IAuctionHouse.AbsorbRefusal why = _absorbRefusal(k, i);
        if (why != IAuctionHouse.AbsorbRefusal.None) {
            data = abi.encodeWithSelector(IAuctionHouse.NotAbsorbable.selector, owner, why);
            _refusedAs(keeper, h, abi.encodeCall(house.absorb, (c, owner, keeper)), data);
        }
    }

    function _tryClaimsThatAreRefused(address who) internal {
        uint256 tooMany = buffer.maxRedeem(who) + 1;
        bytes memory data = abi.encodeCall(IERC4626.redeem, (tooMany, who, who));
        _refused(who, address(buffer), data, ILiquidityBuffer.NotEnoughClaimable.selector);
        data = abi.encodeCall(IERC4626.redeem, (1, keeper, who));
        _refused(keeper, address(buffer), data, ILiquidityBuffer.NotOperator.selector);
        if (buffer.pendingRedeemRequest(0, who) == 0) {
            data = abi.encodeCall(buffer.fulfil, (who, keeper));
            _refused(keeper, address(buffer), data, ILiquidityBuffer.NoRequest.selector);
        }
    }

    function _fulfilOrNot(address controller, address caller, uint256 seed) internal {
        bytes memory data = abi.encodeCall(buffer.fulfil, (controller, caller));
        if (clock < buffer.request(controller).readyAt) {
            return _refused(caller, address(buffer), data, ILiquidityBuffer.CoolingDown.selector);
        }
        // what nobody watched is watched from now on, and nothing else happens
        if (_isUnwatched()) return _watch(controller, caller);
        uint256 cash = buffer.cash() + Math.min(vault.bufferFees(), vault.idle());
        uint256 assets = buffer.convertToAssets(buffer.pendingRedeemRequest(0, controller));
        // a fulfilment goes by what the guards say now
        for (uint256 k; k < _markets.length; ++k) {
            try house.observe(_collateral(k)) returns (uint256) {} catch {}
        }
        if (buffer.marketInTrouble() != address(0)) {
            _refused(caller, address(buffer), data, ILiquidityBuffer.MarketInTrouble.selector);
            ++count["waits for calm"];
        } else if (cash == 0 || assets == 0) {
            _refused(caller, address(buffer), data, ILiquidityBuffer.NotEnoughCash.selector);
        } else _fulfil(controller, caller, seed);
    }

    function _watch(address controller, address caller) internal checked(caller, 0) {
        vm.prank(caller);
        (uint256 shares, uint256 assets) = buffer.fulfil(controller, caller);
        assertEq(shares + assets, 0, "fulfilled at a price that nobody watched");
        assertFalse(_isUnwatched(), "not watched now");
        ++count["watches"];
    }

    function _isUnwatched() internal view returns (bool any) {
        for (uint256 k; k < _markets.length; ++k) any = any || clock > house.lane(_collateral(k)).observedAt + 1 hours;
    }

    /// @dev For the length of one action the two sources part, or the second one is dead: nobody's equity is written off by a
    /// price in doubt, and nobody borrows or withdraws by one that is missing.
    function absorbInDoubt(uint256 seed, uint256 ltv, uint256 share) external timed {
        (uint256 k, uint256 i) = _position(seed);
        _crash(k, i, bound(ltv, 0.9e18, 1.3e18));
        if (_pick(seed, "dead", 0, 3) == 0) _killSecond(k, i);
        else _markets[k].second.setShare(bound(share, 8000, BPS));
        _observe(k);
        IAuctionHouse.AbsorbRefusal why = _absorbRefusal(k, i);
        if (why != IAuctionHouse.AbsorbRefusal.None) {
            bytes memory answer = abi.encodeWithSelector(IAuctionHouse.NotAbsorbable.selector, owners[i], why);
            bytes memory data = abi.encodeCall(house.absorb, (_collateral(k), owners[i], keeper));
            _refusedAs(keeper, address(house), data, answer);
            if (why == IAuctionHouse.AbsorbRefusal.Diverged) ++count["refusals in doubt"];
        } else if (_mustAbsorb(k, i)) {
            _absorb(k, i, _keeperOf(i, seed), seed);
        }
        _markets[k].second.setDead(false);
        if (_pick(seed, "stay", 0, 1) == 0) _markets[k].second.setShare(BPS);
    }

    function _killSecond(uint256 k, uint256 i) internal {
        _markets[k].second.setDead(true);
        IVault.Position memory p = vault.position(_collateral(k), owners[i]);
        if (p.debtShares == 0) return;
        bytes memory data = abi.encodeCall(vault.withdrawCollateral, (_collateral(k), 1, owners[i], owners[i]));
        _refused(owners[i], address(vault), data, SecondSource.Dead.selector);
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
        bool room = Math.fullMulDivUp(m.debtShares, vault.indexE27(), 1e27) + assets + one < m.ceiling;
        if (!vault.borrowPaused() && assets <= vault.idle() && room) {
            _refused(owner, address(vault), abi.encodeCall(vault.borrow, (c, assets, owner, owner)), named);
        }
        IVault.Position memory p = vault.position(c, owner);
        if (p.collateral != 0 && p.debtShares != 0) {
            _refused(owner, address(vault), abi.encodeCall(vault.withdrawCollateral, (c, 1, owner, owner)), named);
        }
        _refused(keeper, h, abi.encodeCall(house.open, (c, owner, keeper)), named);
        _refused(keeper, h, abi.encodeCall(house.buy, (c, owner, 1e18, type(uint256).max, keeper, "")), named);
        _refused(keeper, h, abi.encodeCall(house.absorb, (c, owner, keeper)), named);
        _refused(keeper, h, abi.encodeCall(house.absorbMany, (c, owners, keeper)), named);
        _refused(keeper, h, abi.encodeCall(house.sync, (c)), named);
        _refused(keeper, h, abi.encodeCall(house.observe, (c)), named);
        for (uint256 j; j < 3; ++j) {
            address who = _underwriter(j);
            bool ready = buffer.pendingRedeemRequest(0, who) != 0 && clock >= buffer.request(who).readyAt;
            bytes memory data = abi.encodeCall(buffer.fulfil, (who, keeper));
            if (ready) _refused(keeper, address(buffer), data, ILiquidityBuffer.MarketInTrouble.selector);
        }
        if (buffer.inventory(c).amount != 0) {
            bytes memory data = abi.encodeCall(buffer.buyInventory, (c, 1, type(uint256).max, keeper, ""));
            _refused(keeper, address(buffer), data, named);
            data = abi.encodeCall(buffer.deposit, (one, keeper));
            _refused(keeper, address(buffer), data, named);
        }
    }

    function _lowerRisk(uint256 k, uint256 i) internal {
        (address c, address owner) = (_collateral(k), owners[i]);
        for (uint256 j; j < 3; ++j) {
            address who = _underwriter(j);
            uint256 assets = buffer.maxWithdraw(who);
            if (assets == 0) continue;
            vm.prank(who);
            buffer.withdraw(assets, who, who);
        }
        uint256 debt = vault.debtOf(c, owner);
        if (vault.position(c, owner).collateral < type(uint112).max) {
            vm.prank(keeper);
            vault.supplyCollateral(c, 1, owner);
        }
        if (debt == 0) return;
        vm.prank(owner);
        vault.repay(c, type(uint256).max, owner);
        uint256 collateral = vault.position(c, owner).collateral;
        vm.prank(owner);
        vault.withdrawCollateral(c, collateral, owner, owner);
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
        fills[0] = IVault.Fill(owners[0], 1, 0, 0);
        bytes memory data = abi.encodeCall(vault.settle, (_collateral(0), fills, 0, who, who, who, ""));
        _refused(who, v, data, IVault.NotAllowed.selector);
        data = abi.encodeCall(vault.pay, (_collateral(0), owners[0], 1, who));
        _refused(who, v, data, IVault.NotAllowed.selector);
        data = abi.encodeCall(vault.setLaneCeiling, (_collateral(0), 1e12));
        _refused(who, v, data, IVault.NotAllowed.selector);
        _refused(who, v, abi.encodeCall(vault.collectBufferFees, ()), IVault.NotAllowed.selector);
        data = abi.encodeCall(house.setLane, (_collateral(0), _standardLane(0)));
        _refused(who, address(house), data, unauthorized);
        _refused(who, address(house), abi.encodeCall(house.setPay, (_standardPay())), unauthorized);
        _refused(who, address(house), abi.encodeCall(house.setAuthority, (who)), unauthorized);
        address b = address(buffer);
        data = abi.encodeCall(buffer.setInventoryParameters, (_collateral(0), _standardInventory(0)));
        _refused(who, b, data, unauthorized);
        _refused(who, b, abi.encodeCall(buffer.setCooldown, (1 hours)), unauthorized);
        _refused(who, b, abi.encodeCall(buffer.setAuthority, (who)), unauthorized);
        data = abi.encodeCall(buffer.absorb, (_collateral(0), 1, 1));
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

    /// @dev Others can still repay and top up for who is blocked, and it can open its lane.
    function _blockedOwner(uint256 k, uint256 i) internal {
        StrangeToken(address(loan)).setBlocked(owners[i], true);
        StrangeToken(_collateral(k)).setBlocked(owners[i], true);
        (uint256 collateral, uint256 debt, ) = _state(k, i);
        if (_canOpen(k, i)) _openLane(k, i, keeper, 1);
        if (collateral < type(uint112).max) _supply(k, keeper, i, 1, 1);
        if (debt != 0) _repay(k, keeper, i, debt, 1);
        if (collateral != 0) {
            bytes memory data = abi.encodeCall(vault.withdrawCollateral, (_collateral(k), 1, owners[i], owners[i]));
            _refused(owners[i], address(vault), data, StrangeToken.Blocked.selector);
        }
        StrangeToken(address(loan)).setBlocked(owners[i], false);
        StrangeToken(_collateral(k)).setBlocked(owners[i], false);
    }

    /// @dev Nothing is absorbed then; the lane goes on.
    function _blockedBuffer(uint256 k, uint256 i) internal {
        StrangeToken(_collateral(k)).setBlocked(address(buffer), true);
        if (_mustAbsorb(k, i)) {
            bytes memory data = abi.encodeCall(house.absorb, (_collateral(k), owners[i], keeper));
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

    function _underwriter(uint256 seed) internal view returns (address) {
        return seed % 3 == 2 ? dealer : underwriters[seed % 3];
    }

    function _keeper(uint256 seed) internal view returns (address) {
        return _pick(seed, "keeper", 0, 2) == 0 ? dealer : keeper;
    }

    /// @dev Who works on a position: mostly the dealer, where it is its own.
    function _keeperOf(uint256 i, uint256 seed) internal view returns (address) {
        return owners[i] == dealer && _pick(seed, "own", 0, 2) != 0 ? dealer : _keeper(seed);
    }

    /// @dev As `_refused`, by the error to its last argument.
    function _refusedAs(address who, address target, bytes memory data, bytes memory expected) internal {
        vm.prank(who);
        // solhint-disable-next-line avoid-low-level-calls
        (bool success, bytes memory answer) = target.call(data);
        if (success || keccak256(answer) != keccak256(expected)) revert NotRefused(target, data, answer);
    }

    /// @dev `named` is zero where the call might as well succeed: then it is not made.
    function _refused(address who, address target, bytes memory data, bytes4 named) internal {
        if (named == bytes4(0)) return;
        vm.prank(who);
        // solhint-disable-next-line avoid-low-level-calls
        (bool success, bytes memory answer) = target.call(data);
        if (success || bytes4(answer) != named) revert NotRefused(target, data, answer);
    }
}
