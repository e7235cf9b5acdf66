// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { AccessManaged } from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import { ERC20 } from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import { ERC4626, IERC20, IERC4626 } from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import { IERC165 } from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import { Math as OZMath } from "@openzeppelin/contracts/utils/math/Math.sol";
import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { SafeCast } from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { FixedPointMathLib as Math } from "solady/src/utils/FixedPointMathLib.sol";
import { IAuctionHouse } from "./interfaces/IAuctionHouse.sol";
import { IBuyer } from "./interfaces/IBuyer.sol";
import { ILiquidityBuffer } from "./interfaces/ILiquidityBuffer.sol";
import { IVault } from "./interfaces/IVault.sol";
import { GradualAuction } from "./libraries/GradualAuction.sol";
import { KeeperPay } from "./libraries/KeeperPay.sol";
import { PositionMath } from "./libraries/PositionMath.sol";
import { BPS, WAD, WAD_PER_BPS } from "./libraries/Units.sol";

/// @title LiquidityBuffer
/// @notice What each function does, its units, roundings and errors: ILiquidityBuffer.
contract LiquidityBuffer is ILiquidityBuffer, ERC4626, AccessManaged, ReentrancyGuardTransient {
    using GradualAuction for GradualAuction.Head;
    using PositionMath for uint256;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /// @dev The share of ERC-7575, which the buffer is itself.
    bytes4 internal constant ERC7575_ID = 0x2f0a18c5;

    /// @dev Requests wait while a price was not seen for so long, seconds.
    uint256 internal constant UNWATCHED = 1 hours;

    /// @dev … and for so long after it was seen again, so that whoever may open a lane or absorb can come first, seconds.
    uint256 internal constant WATCH = 30 minutes;

    /// @dev Requests wait while a price is more than this under its average, Bps.
    uint256 internal constant FALL_BPS = 10;

    /// @dev So many shares become one when a share is worth less than that part of what the first ones were bought for.
    uint256 internal constant MERGED = 1e6;

    /// @dev A rate older than this is refreshed by a sale, seconds.
    uint256 internal constant SYNC_INTERVAL = 30 minutes;

    // ------------------------------------------------------------------------------------------------ storage

    IVault public immutable vault;
    IAuctionHouse public immutable auctionHouse;

    uint128 internal _cash;
    uint32 public override cooldown;
    uint24 public override epoch;
    uint256 public override setAside;
    /// @dev Shares that merging has taken from holders whom nobody has touched since.
    uint256 internal _mergedAway;

    mapping(address holder => uint24) internal _epochOf;
    mapping(address collateral => InventoryParameters) internal _parameters;
    mapping(address collateral => Inventory) internal _inventory;
    mapping(address controller => Request) internal _request;
    mapping(address controller => Claimable) internal _claimable;
    mapping(address controller => mapping(address operator => bool)) public override isOperator;

    /// @dev Whether this transaction has fulfilled a request and is paid for it.
    bool internal transient _fulfilled;

    constructor(
        IAuctionHouse auctionHouse_,
        string memory name_,
        string memory symbol_,
        uint32 cooldown_,
        address authority_
    ) ERC4626(IERC20(auctionHouse_.vault().asset())) ERC20(name_, symbol_) AccessManaged(authority_) {
        if (authority_ == address(0)) revert ZeroAddress();
        auctionHouse = auctionHouse_;
        vault = auctionHouse_.vault();
        _setCooldown(cooldown_);
        // the vault pulls the price of what is absorbed, which `absorb` has booked before
        IERC20(asset()).forceApprove(address(vault), type(uint256).max);
    }

    /// @dev Before anything that speaks for a controller: only it and its operators.
    modifier onlyOperator(address controller) {
        _requireOperator(controller);
        _;
    }

    // -------------------------------------------------------------------------------------------- underwriters

    /// @inheritdoc IERC4626
    function deposit(
        uint256 assets,
        address receiver
    ) public override(ERC4626, IERC4626) nonReentrant returns (uint256) {
        _mergeIfWipedOut();
        return super.deposit(assets, receiver);
    }

    /// @inheritdoc IERC4626
    function mint(uint256 shares, address receiver) public override(ERC4626, IERC4626) nonReentrant returns (uint256) {
        _mergeIfWipedOut();
        return super.mint(shares, receiver);
    }

    /// @inheritdoc ILiquidityBuffer
    function requestRedeem(
        uint256 shares,
        address controller,
        address owner
    ) external override nonReentrant returns (uint256 requestId) {
        if (shares == 0) revert ZeroAmount();
        if (controller == address(0)) revert ZeroAddress();
        if (msg.sender != owner && !isOperator[owner][msg.sender]) _spendAllowance(owner, msg.sender, shares);
        // or anybody's dust would start the controller's cooldown again, for ever
        if (controller != owner) _requireOperator(controller);
        _transfer(owner, address(this), shares);

        uint256 waiting = pendingRedeemRequest(0, controller);
        _request[controller] = Request((waiting + shares).toUint192(), uint40(block.timestamp + cooldown), epoch);
        emit RedeemRequest(controller, owner, 0, msg.sender, shares);
        return 0;
    }

    /// @inheritdoc ILiquidityBuffer
    function fulfil(
        address controller,
        address receiver
    ) external override nonReentrant returns (uint256 shares, uint256 assets) {
        if (receiver == address(0)) revert ZeroAddress();
        uint256 waiting = pendingRedeemRequest(0, controller);
        if (waiting == 0) revert NoRequest(controller);
        uint256 readyAt = _request[controller].readyAt;
        if (block.timestamp < readyAt) revert CoolingDown(readyAt);
        // what was not watched is watched from now on, and the request waits
        if (_observeAll()) return (0, 0);
        address trouble = marketInTrouble();
        // nobody leaves while a loss may be coming
        if (trouble != address(0)) revert MarketInTrouble(trouble);
        _collectFees();

        uint256 cash_ = _cash;
        assets = _convertToAssets(waiting, OZMath.Rounding.Floor);
        if (assets == 0 || cash_ == 0) revert NotEnoughCash(assets, cash_);
        shares = waiting;
        if (assets > cash_) (shares, assets) = (OZMath.mulDiv(waiting, cash_, assets, OZMath.Rounding.Ceil), cash_);

        (_request[controller].shares, _request[controller].epoch) = (uint192(waiting - shares), epoch);
        _cash = uint128(cash_ - assets);
        _burn(address(this), shares);
        // once a transaction: what several share is paid for once
        uint256 pay = auctionHouse.payInLoanAsset(_fulfilled ? KeeperPay.FULFIL_MORE_GAS : KeeperPay.FULFIL_GAS);
        pay = Math.min(pay, (assets * auctionHouse.payParameters().capBps) / BPS);
        _fulfilled = true;
        assets -= pay;
        setAside += assets;
        Claimable storage claimable_ = _claimable[controller];
        (claimable_.shares, claimable_.assets) = (claimable_.shares + shares, claimable_.assets + assets);
        emit RedeemFulfilled(controller, msg.sender, shares, assets, pay);

        if (pay != 0) IERC20(asset()).safeTransfer(receiver, pay);
    }

    /// @inheritdoc IERC4626
    /// @dev A claim (ERC-7540): `controller` is whose request it was.
    function redeem(
        uint256 shares,
        address receiver,
        address controller
    ) public override(ERC4626, IERC4626) nonReentrant onlyOperator(controller) returns (uint256 assets) {
        Claimable storage claimable_ = _claimable[controller];
        if (shares > claimable_.shares) revert NotEnoughClaimable(shares, claimable_.shares);
        if (shares != 0) assets = Math.fullMulDiv(claimable_.assets, shares, claimable_.shares);
        _claim(claimable_, shares, assets, receiver, controller);
    }

    /// @inheritdoc IERC4626
    /// @dev A claim (ERC-7540): `controller` is whose request it was.
    function withdraw(
        uint256 assets,
        address receiver,
        address controller
    ) public override(ERC4626, IERC4626) nonReentrant onlyOperator(controller) returns (uint256 shares) {
        Claimable storage claimable_ = _claimable[controller];
        if (assets > claimable_.assets) revert NotEnoughClaimable(assets, claimable_.assets);
        if (assets != 0) shares = Math.fullMulDivUp(claimable_.shares, assets, claimable_.assets);
        _claim(claimable_, shares, assets, receiver, controller);
    }

    /// @inheritdoc ILiquidityBuffer
    function setOperator(address operator, bool approved) external override returns (bool) {
        isOperator[msg.sender][operator] = approved;
        emit OperatorSet(msg.sender, operator, approved);
        return true;
    }

    // ------------------------------------------------------------------------------------------------- sale

    /// @inheritdoc ILiquidityBuffer
    function buyInventory(
        address collateral,
        uint256 maxCollateral,
        uint256 maxCost,
        address receiver,
        bytes calldata data
    ) external override nonReentrant returns (uint256 bought, uint256 cost) {
        if (receiver == address(0)) revert ZeroAddress();
        SaleRefusal refusal;
        uint256 multipleWad;
        uint256 cursorWad;
        (refusal, bought, cost, multipleWad, cursorWad) = _quote(collateral, maxCollateral);
        if (refusal != SaleRefusal.None) revert NotForSale(collateral, refusal);
        if (bought == 0) revert ZeroAmount();
        // the buyer's bound on a price that moved since it looked
        if (cost > maxCost) revert CostTooHigh(cost, maxCost);

        Inventory storage held = _inventory[collateral];
        held.amount -= uint128(bought);
        held.cursorWad = uint96(cursorWad);
        if (held.amount == 0) held.heldSince = 0;
        _cash = (_cash + cost).toUint128();
        emit InventorySold(collateral, msg.sender, receiver, bought, cost, multipleWad);

        _syncIfDue(collateral);
        IERC20(collateral).safeTransfer(receiver, bought);
        if (data.length != 0) IBuyer(msg.sender).onBuy(collateral, bought, cost, data);
        IERC20(asset()).safeTransferFrom(msg.sender, address(this), cost);
    }

    /// @inheritdoc ILiquidityBuffer
    function collectFees() external override nonReentrant returns (uint256 assets) {
        return _collectFees();
    }

    // ----------------------------------------------------------------------------- auction house and vault

    /// @inheritdoc ILiquidityBuffer
    function absorb(address collateral, uint256 amount, uint256 cost) external override nonReentrant {
        if (msg.sender != address(auctionHouse)) revert NotAllowed(msg.sender, address(auctionHouse));
        if (cost > _cash) _collectFees();
        if (cost > _cash) revert NotEnoughCash(cost, _cash);
        Inventory storage held = _inventory[collateral];
        uint256 before = held.amount;
        uint256 total = before + amount;
        // what comes in is young: or dust that was left long ago would open the sale for all that comes after
        held.heldSince = uint32(block.timestamp - ((block.timestamp - held.heldSince) * before) / total);
        uint256 ageWad = GradualAuction.laneAge(held.cursorWad, _longestAge(_parameters[collateral]));
        held.cursorWad = uint96(block.timestamp * WAD - (ageWad * before) / total);
        held.amount = total.toUint128();
        _cash -= uint128(cost);
        emit InventoryAbsorbed(collateral, amount, cost);
    }

    /// @inheritdoc ILiquidityBuffer
    function cover(uint256 assets) external override nonReentrant returns (uint256 paid) {
        if (msg.sender != address(vault)) revert NotAllowed(msg.sender, address(vault));
        paid = Math.min(assets, _cash);
        if (paid == 0) return 0;
        _cash -= uint128(paid);
        emit LossCovered(paid);
        IERC20(asset()).safeTransfer(msg.sender, paid);
    }

    // --------------------------------------------------------------------------------------------- governance

    /// @inheritdoc ILiquidityBuffer
    function setInventoryParameters(address collateral, InventoryParameters calldata p) external override restricted {
        if (p.slopeWad < 1e12 || p.slopeWad > 1e16) revert BadParameter("slopeWad");
        if (p.paceShareBps == 0 || p.paceShareBps > BPS) revert BadParameter("paceShareBps");
        if (p.premiumBps > 2000) revert BadParameter("premiumBps");
        if (p.maxDiscountBps > 1000) revert BadParameter("maxDiscountBps");
        if (p.emaToleranceBps > BPS) revert BadParameter("emaToleranceBps");
        if (p.haircutBps > BPS / 2) revert BadParameter("haircutBps");
        if (p.maxHold == 0) revert BadParameter("maxHold");
        if (p.biteTime > 1 days) revert BadParameter("biteTime");
        if (p.cap > type(uint112).max) revert BadParameter("cap");
        uint256 fallTimeWad = GradualAuction.longestAge(
            p.premiumBps * WAD_PER_BPS,
            p.maxDiscountBps * WAD_PER_BPS,
            p.slopeWad
        );
        if (fallTimeWad == 0 || fallTimeWad > 1 days * WAD) revert BadParameter("slopeWad");
        _parameters[collateral] = p;
        emit InventoryParametersSet(collateral, p);
    }

    /// @inheritdoc ILiquidityBuffer
    function setCooldown(uint32 seconds_) external override restricted {
        _setCooldown(seconds_);
    }

    // ----------------------------------------------------------------------------------------------- internal

    function _setCooldown(uint32 seconds_) internal {
        if (seconds_ < 1 hours || seconds_ > 90 days) revert BadParameter("cooldown");
        cooldown = seconds_;
        emit CooldownSet(seconds_);
    }

    function _collectFees() internal returns (uint256 assets) {
        assets = vault.collectBufferFees();
        if (assets == 0) return 0;
        _cash = (_cash + assets).toUint128();
        emit FeesCollected(assets);
    }

    /// @dev Observes every price, so that each guard is asked, and says whether one was not seen for `UNWATCHED`. All of them:
    /// two that are seen in turn would never be watched together. At most 16 markets, and not on a hot path.
    function _observeAll() internal returns (bool unwatched) {
        address[] memory markets = vault.markets();
        for (uint256 i; i < markets.length; ++i) {
            IAuctionHouse.Lane memory lane = auctionHouse.lane(markets[i]);
            if (lane.ratePerHour == 0) continue;
            if (_isUnwatched(lane)) unwatched = true;
            try auctionHouse.observe(markets[i]) returns (uint256) {} catch {
                revert MarketInTrouble(markets[i]);
            }
        }
    }

    /// @dev A depth that can't be read leaves the rate as it is, and stops no sale.
    function _syncIfDue(address collateral) internal {
        if (block.timestamp < uint256(auctionHouse.lane(collateral).syncedAt) + SYNC_INTERVAL) return;
        try auctionHouse.sync(collateral) returns (uint256) {} catch {}
    }

    /// @dev Pays out what was set aside.
    function _claim(
        Claimable storage claimable_,
        uint256 shares,
        uint256 assets,
        address receiver,
        address controller
    ) internal {
        // assets alone may be left of a share that was worth many, as a claim by assets rounds shares up
        if (shares == 0 && assets == 0) revert ZeroAmount();
        if (receiver == address(0)) revert ZeroAddress();
        claimable_.shares -= shares;
        claimable_.assets -= assets;
        setAside -= assets;
        emit Withdraw(msg.sender, receiver, controller, assets, shares);
        IERC20(asset()).safeTransfer(receiver, assets);
    }

    /// @dev However often losses take nearly all, shares stay so few that the next deposit can be counted in them. A merger
    /// is a change of unit: nobody's part changes.
    function _mergeIfWipedOut() internal {
        (uint256 supply, , uint256 mergers) = _depositTerms();
        if (mergers == 0) return;
        emit WipedOut(epoch += uint24(mergers), totalSupply());
        _mergedAway = super.totalSupply() - supply;
    }

    /// @inheritdoc ERC4626
    function _deposit(address caller, address receiver, uint256 assets, uint256 shares) internal override {
        // fees that were earned while there was no underwriter make a share dear; nobody's money is kept for none
        if (shares == 0) revert ZeroAmount();
        // the price of a share stands still while the asset moves, in case that calls somebody
        super._deposit(caller, receiver, assets, shares);
        _cash = (_cash + assets).toUint128();
    }

    /// @inheritdoc ERC20
    /// @dev Shares of old epochs are merged when their holder is touched.
    function _update(address from, address to, uint256 value) internal override {
        _merge(from);
        _merge(to);
        super._update(from, to, value);
    }

    function _merge(address holder) internal {
        if (holder == address(0) || _epochOf[holder] == epoch) return;
        uint256 gone = super.balanceOf(holder) - balanceOf(holder);
        _epochOf[holder] = epoch;
        if (gone == 0) return;
        // rounded down for each holder, so that more may go than went from the supply
        _mergedAway = Math.zeroFloorSub(_mergedAway, gone);
        super._update(holder, address(0), gone);
    }

    // ------------------------------------------------------------------------------------------ internal views

    function _requireOperator(address controller) internal view {
        if (msg.sender != controller && !isOperator[controller][msg.sender]) revert NotOperator(msg.sender, controller);
    }

    /// @dev What `shares` of an epoch have become, rounded down.
    function _merged(uint256 shares, uint256 epoch_) internal view returns (uint256) {
        // after twelve mergers nothing is left of whatever a supply can be
        return shares / MERGED ** Math.min(epoch - epoch_, 12);
    }

    function _isInTrouble(address collateral) internal view returns (bool) {
        IAuctionHouse.Lane memory lane = auctionHouse.lane(collateral);
        if (lane.ratePerHour == 0) return false;
        // a price in doubt may be one that has fallen already
        if (lane.diverged || auctionHouse.isOpen(collateral)) return true;
        if (_isUnwatched(lane) || block.timestamp < lane.watchedSince + WATCH) return true;
        (bool readable, uint256 priceE36) = _price(collateral);
        return !readable || _isUnderAverage(collateral, priceE36, FALL_BPS);
    }

    function _isUnwatched(IAuctionHouse.Lane memory lane) internal view returns (bool) {
        return block.timestamp > lane.observedAt + UNWATCHED;
    }

    function _isUnderAverage(address collateral, uint256 priceE36, uint256 toleranceBps) internal view returns (bool) {
        return priceE36 * BPS < auctionHouse.ema(collateral) * (BPS - toleranceBps);
    }

    function _price(address collateral) internal view returns (bool, uint256) {
        try vault.snapshot(collateral, new address[](0)) returns (
            uint256 priceE36,
            uint256,
            uint256,
            IVault.PositionState[] memory
        ) {
            return (true, priceE36);
        } catch {
            return (false, 0);
        }
    }

    function _quote(
        address collateral,
        uint256 want
    )
        internal
        view
        returns (SaleRefusal refusal, uint256 bought, uint256 cost, uint256 multipleWad, uint256 cursorWad)
    {
        Inventory memory held = _inventory[collateral];
        if (held.amount == 0) return (SaleRefusal.NoInventory, 0, 0, 0, 0);
        InventoryParameters memory p = _parameters[collateral];
        (uint256 priceE36, , , ) = vault.snapshot(collateral, new address[](0));
        if (block.timestamp < held.heldSince + uint256(p.maxHold)) {
            // the lane comes first: two sales at once would be twice the pace
            if (auctionHouse.isOpen(collateral)) return (SaleRefusal.LaneOpen, 0, 0, 0, 0);
            // a crash that is still on is no time to sell
            if (_isUnderAverage(collateral, priceE36, p.emaToleranceBps)) {
                return (SaleRefusal.PriceUnderAverage, 0, 0, 0, 0);
            }
        }
        uint256 ratePerHour = (auctionHouse.ratePerHour(collateral) * uint256(p.paceShareBps)) / BPS;
        uint256 laneAgeWad = GradualAuction.laneAge(held.cursorWad, _longestAge(p));
        uint256 biteWad = p.biteTime * WAD;
        // a bite is sold at one multiple, which falls from when the bite is whole
        GradualAuction.Head memory h = GradualAuction.head(
            ratePerHour,
            p.slopeWad,
            Math.zeroFloorSub(laneAgeWad, biteWad),
            p.premiumBps * WAD_PER_BPS,
            p.maxDiscountBps * WAD_PER_BPS
        );
        h.available += (ratePerHour * biteWad) / (GradualAuction.HOUR * WAD);
        h.flatWad += (ratePerHour * biteWad) / GradualAuction.HOUR;
        multipleWad = h.multipleWad;
        if (h.available == 0 || laneAgeWad < biteWad) return (SaleRefusal.NothingEmitted, 0, 0, multipleWad, 0);
        bought = Math.min(Math.min(want, h.available), held.amount);
        cost = h.cost(priceE36, bought);
        cursorWad = GradualAuction.advance(laneAgeWad, ratePerHour, bought);
    }

    /// @dev The greatest age of unsold emission: a bite, and the time in which the multiple falls from end to end.
    function _longestAge(InventoryParameters memory p) internal pure returns (uint256) {
        return
            p.biteTime * WAD +
            GradualAuction.longestAge(p.premiumBps * WAD_PER_BPS, p.maxDiscountBps * WAD_PER_BPS, p.slopeWad);
    }

    /// @dev Inventory at the oracle price, or the one last seen where there is none, less its haircut. At most 16 markets,
    /// and not on a hot path.
    function _inventoryValue() internal view returns (uint256 value) {
        address[] memory markets = vault.markets();
        for (uint256 i; i < markets.length; ++i) {
            uint256 amount = _inventory[markets[i]].amount;
            if (amount == 0) continue;
            (bool readable, uint256 priceE36) = _price(markets[i]);
            if (!readable) priceE36 = auctionHouse.lane(markets[i]).lastPriceE36;
            value += (amount.valueDown(priceE36) * (BPS - _parameters[markets[i]].haircutBps)) / BPS;
        }
    }

    /// @dev What a deposit is priced by: shares after the mergers that are due, and the full value, inventory at the higher of
    /// price and average and the premium at which its sale starts: or a deposit would buy it ahead of a rise that the feed has
    /// yet to publish. Reverts as the oracle of a collateral that is held does.
    function _depositTerms() internal view returns (uint256 supply, uint256 value, uint256 mergers) {
        value = _cash + vault.bufferFees();
        address[] memory markets = vault.markets();
        for (uint256 i; i < markets.length; ++i) {
            uint256 amount = _inventory[markets[i]].amount;
            if (amount == 0) continue;
            (uint256 priceE36, , , ) = vault.snapshot(markets[i], new address[](0));
            uint256 askE36 =
                (Math.max(priceE36, auctionHouse.ema(markets[i])) * (BPS + _parameters[markets[i]].premiumBps)) / BPS;
            value += amount.valueDown(askE36);
        }
        supply = totalSupply();
        uint256 most = (value + 1) * 10 ** _decimalsOffset() * MERGED;
        for (; supply > most; ++mergers) supply /= MERGED;
    }

    /// @dev As the vault's.
    function _decimalsOffset() internal pure override returns (uint8) {
        return 3;
    }

    // ------------------------------------------------------------------------------------------------- views

    /// @inheritdoc ILiquidityBuffer
    function quoteInventory(
        address collateral,
        uint256 maxCollateral
    ) external view override returns (SaleRefusal refusal, uint256 bought, uint256 cost, uint256 multipleWad) {
        (refusal, bought, cost, multipleWad, ) = _quote(collateral, maxCollateral);
    }

    /// @inheritdoc ILiquidityBuffer
    function cash() external view override returns (uint256) {
        return _cash;
    }

    /// @inheritdoc ILiquidityBuffer
    function inventory(address collateral) external view override returns (Inventory memory) {
        return _inventory[collateral];
    }

    /// @inheritdoc ILiquidityBuffer
    function inventoryParameters(address collateral) external view override returns (InventoryParameters memory) {
        return _parameters[collateral];
    }

    /// @inheritdoc ILiquidityBuffer
    function request(address controller) external view override returns (Request memory) {
        return _request[controller];
    }

    /// @inheritdoc ILiquidityBuffer
    function claimable(address controller) external view override returns (Claimable memory) {
        return _claimable[controller];
    }

    /// @inheritdoc ILiquidityBuffer
    function capacity(address collateral) external view override returns (uint256 cash_, uint256 room) {
        // fees count before they are collected, so that collecting them makes no full buffer one with room
        cash_ = _cash + Math.min(vault.bufferFees(), vault.idle());
        room = Math.zeroFloorSub(_parameters[collateral].cap, _inventory[collateral].amount);
    }

    /// @inheritdoc ILiquidityBuffer
    function marketInTrouble() public view override returns (address) {
        address[] memory markets = vault.markets();
        for (uint256 i; i < markets.length; ++i) {
            if (_isInTrouble(markets[i])) return markets[i];
        }
        return address(0);
    }

    /// @inheritdoc ILiquidityBuffer
    function pendingRedeemRequest(uint256, address controller) public view override returns (uint256) {
        Request storage request_ = _request[controller];
        return _merged(request_.shares, request_.epoch);
    }

    /// @inheritdoc ILiquidityBuffer
    function claimableRedeemRequest(uint256, address controller) external view override returns (uint256) {
        return _claimable[controller].shares;
    }

    /// @inheritdoc IERC4626
    /// @dev Cash, uncollected fees, and inventory less its haircut.
    function totalAssets() public view override(ERC4626, IERC4626) returns (uint256) {
        return _cash + vault.bufferFees() + _inventoryValue();
    }

    /// @inheritdoc IERC20
    function totalSupply() public view override(ERC20, IERC20) returns (uint256) {
        return super.totalSupply() - _mergedAway;
    }

    /// @inheritdoc IERC20
    function balanceOf(address holder) public view override(ERC20, IERC20) returns (uint256) {
        return _merged(super.balanceOf(holder), _epochOf[holder]);
    }

    /// @inheritdoc IERC4626
    /// @dev 0 while a collateral that is held has no price.
    function maxDeposit(address) public view override(ERC4626, IERC4626) returns (uint256) {
        return _isPriced() ? type(uint128).max - _cash : 0;
    }

    /// @inheritdoc IERC4626
    /// @dev 0 while a collateral that is held has no price.
    function maxMint(address receiver) public view override(ERC4626, IERC4626) returns (uint256) {
        uint256 assets = maxDeposit(receiver);
        return assets == 0 ? 0 : previewDeposit(assets);
    }

    /// @inheritdoc IERC4626
    function previewDeposit(uint256 assets) public view override(ERC4626, IERC4626) returns (uint256) {
        (uint256 supply, uint256 value, ) = _depositTerms();
        return OZMath.mulDiv(assets, supply + 10 ** _decimalsOffset(), value + 1, OZMath.Rounding.Floor);
    }

    /// @inheritdoc IERC4626
    function previewMint(uint256 shares) public view override(ERC4626, IERC4626) returns (uint256) {
        (uint256 supply, uint256 value, ) = _depositTerms();
        return OZMath.mulDiv(shares, value + 1, supply + 10 ** _decimalsOffset(), OZMath.Rounding.Ceil);
    }

    /// @inheritdoc IERC4626
    /// @dev ERC-7540: always reverts.
    function previewRedeem(uint256) public pure override(ERC4626, IERC4626) returns (uint256) {
        revert PreviewNotAvailable();
    }

    /// @inheritdoc IERC4626
    /// @dev ERC-7540: always reverts.
    function previewWithdraw(uint256) public pure override(ERC4626, IERC4626) returns (uint256) {
        revert PreviewNotAvailable();
    }

    /// @inheritdoc IERC4626
    function maxRedeem(address controller) public view override(ERC4626, IERC4626) returns (uint256) {
        return _claimable[controller].shares;
    }

    /// @inheritdoc IERC4626
    function maxWithdraw(address controller) public view override(ERC4626, IERC4626) returns (uint256) {
        return _claimable[controller].assets;
    }

    /// @inheritdoc ILiquidityBuffer
    function share() external view override returns (address) {
        return address(this);
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 id) external pure override returns (bool) {
        return
            id == type(IERC165).interfaceId ||
            id == ERC7575_ID ||
            id == this.setOperator.selector ^ this.isOperator.selector ||
            id ==
                this.requestRedeem.selector ^ this.pendingRedeemRequest.selector ^ this.claimableRedeemRequest.selector;
    }

    function _isPriced() internal view returns (bool) {
        address[] memory markets = vault.markets();
        for (uint256 i; i < markets.length; ++i) {
            if (_inventory[markets[i]].amount == 0) continue;
            (bool readable, ) = _price(markets[i]);
            if (!readable) return false;
        }
        return true;
    }
}
