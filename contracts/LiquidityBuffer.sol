// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

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

    /// @dev How long a request can be claimed before its cooldown starts again.
    uint256 internal constant CLAIM_WINDOW = 2 days;

    // ------------------------------------------------------------------------------------------------ storage

    IVault public immutable vault;
    IAuctionHouse public immutable auctionHouse;

    uint128 internal _cash;
    uint32 public override cooldown;

    mapping(address collateral => InventoryParameters) internal _parameters;
    mapping(address collateral => Inventory) internal _inventory;
    mapping(address controller => RedeemRequestState) internal _request;
    mapping(address controller => mapping(address operator => bool)) public override isOperator;

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
        // the vault pulls the price of a take-over, which `takeOver` has booked before
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
        return super.deposit(assets, receiver);
    }

    /// @inheritdoc IERC4626
    function mint(uint256 shares, address receiver) public override(ERC4626, IERC4626) nonReentrant returns (uint256) {
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

        RedeemRequestState storage request = _request[controller];
        request.shares = (request.shares + shares).toUint192();
        request.claimableAt = uint40(block.timestamp + cooldown);
        request.cooldown = uint24(cooldown); // 90 days at most
        emit RedeemRequest(controller, owner, 0, msg.sender, shares);
        return 0;
    }

    /// @inheritdoc IERC4626
    /// @dev A claim (ERC-7540): `controller` is whose request it is.
    function redeem(
        uint256 shares,
        address receiver,
        address controller
    ) public override(ERC4626, IERC4626) nonReentrant onlyOperator(controller) returns (uint256 assets) {
        _collectFees();
        assets = _convertToAssets(shares, OZMath.Rounding.Floor);
        _claim(shares, assets, receiver, controller);
    }

    /// @inheritdoc IERC4626
    /// @dev A claim (ERC-7540): `controller` is whose request it is.
    function withdraw(
        uint256 assets,
        address receiver,
        address controller
    ) public override(ERC4626, IERC4626) nonReentrant onlyOperator(controller) returns (uint256 shares) {
        _collectFees();
        shares = _convertToShares(assets, OZMath.Rounding.Ceil);
        _claim(shares, assets, receiver, controller);
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
    function takeOver(address collateral, uint256 amount, uint256 cost) external override nonReentrant {
        if (msg.sender != address(auctionHouse)) revert NotAllowed(msg.sender, address(auctionHouse));
        if (cost > _cash) revert NotEnoughCash(cost, _cash);
        Inventory storage held = _inventory[collateral];
        uint256 before = held.amount;
        uint256 total = before + amount;
        if (before == 0) held.cursorWad = uint96(block.timestamp * WAD);
        // or dust that was left long ago would open the sale for all that comes after
        held.heldSince = uint32(block.timestamp - ((block.timestamp - held.heldSince) * before) / total);
        held.amount = total.toUint128();
        _cash -= uint128(cost);
        emit TakenOver(collateral, amount, cost);
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
        if (p.cap > type(uint112).max) revert BadParameter("cap");
        uint256 longestAgeWad = _longestAge(p);
        if (longestAgeWad == 0 || longestAgeWad > 1 days * WAD) revert BadParameter("slopeWad");
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

    /// @dev Burns shares that wait here and pays their price of today.
    function _claim(uint256 shares, uint256 assets, address receiver, address controller) internal {
        if (shares == 0) revert ZeroAmount();
        if (receiver == address(0)) revert ZeroAddress();
        address trouble = _marketInTrouble();
        // nobody leaves while a loss may be coming
        if (trouble != address(0)) revert MarketInTrouble(trouble);
        RedeemRequestState storage request = _request[controller];
        uint256 claimableAt = _claimableAt(request);
        if (block.timestamp < claimableAt) revert CoolingDown(claimableAt);
        if (shares > request.shares) revert NotEnoughClaimable(shares, request.shares);
        if (assets > _cash) revert NotEnoughCash(assets, _cash);

        request.shares -= uint192(shares);
        _cash -= uint128(assets);
        _burn(address(this), shares);
        emit Withdraw(msg.sender, receiver, controller, assets, shares);
        IERC20(asset()).safeTransfer(receiver, assets);
    }

    /// @inheritdoc ERC4626
    function _deposit(address caller, address receiver, uint256 assets, uint256 shares) internal override {
        // fees that were earned while there was no underwriter make a share dear; nobody's money is kept for none
        if (shares == 0) revert ZeroAmount();
        // the price of a share stands still while the asset moves, in case that calls somebody
        super._deposit(caller, receiver, assets, shares);
        _cash = (_cash + assets).toUint128();
    }

    // ------------------------------------------------------------------------------------------ internal views

    function _requireOperator(address controller) internal view {
        if (msg.sender != controller && !isOperator[controller][msg.sender]) revert NotOperator(msg.sender, controller);
    }

    /// @dev When the request's claim window opened, or opens next. A request that stayed claimable for good would be a way
    /// out in the last block before any fall.
    function _claimableAt(RedeemRequestState storage request) internal view returns (uint256 at) {
        at = request.claimableAt;
        if (block.timestamp < at) return at;
        uint256 period = CLAIM_WINDOW + request.cooldown;
        at += ((block.timestamp - at + request.cooldown) / period) * period;
    }

    /// @dev The first market in which a loss may be coming: an auction runs, or the price is under the lane's average, so
    /// that nobody leaves between a fall and the first `start`, or there is no price. Zero if there is none. At most 16
    /// markets, and not on a hot path.
    function _marketInTrouble() internal view returns (address) {
        address[] memory markets = vault.markets();
        for (uint256 i; i < markets.length; ++i) {
            IAuctionHouse.Lane memory lane = auctionHouse.lane(markets[i]);
            if (lane.auctions != 0) return markets[i];
            if (lane.ratePerHour == 0) continue;
            try vault.snapshot(markets[i], new address[](0)) returns (
                uint256 priceE36,
                uint256,
                uint256,
                IVault.PositionState[] memory
            ) {
                if (_isUnderAverage(markets[i], priceE36)) return markets[i];
            } catch {
                return markets[i];
            }
        }
        return address(0);
    }

    function _isUnderAverage(address collateral, uint256 priceE36) internal view returns (bool) {
        uint256 keptBps = BPS - _parameters[collateral].emaToleranceBps;
        return priceE36 * BPS < auctionHouse.ema(collateral) * keptBps;
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
        IAuctionHouse.Lane memory lane = auctionHouse.lane(collateral);
        (uint256 priceE36, , , ) = vault.snapshot(collateral, new address[](0));
        if (block.timestamp < held.heldSince + uint256(p.maxHold)) {
            // the lane comes first: two sales at once would be twice the pace
            if (auctionHouse.isRunning(collateral)) return (SaleRefusal.AuctionsRunning, 0, 0, 0, 0);
            // a crash that is still on is no time to sell
            if (_isUnderAverage(collateral, priceE36)) return (SaleRefusal.PriceUnderAverage, 0, 0, 0, 0);
        }
        uint256 ratePerHour = (lane.ratePerHour * uint256(p.paceShareBps)) / BPS;
        uint256 laneAgeWad = GradualAuction.laneAge(held.cursorWad, _longestAge(p));
        GradualAuction.Head memory h = GradualAuction.head(
            ratePerHour,
            p.slopeWad,
            laneAgeWad,
            (block.timestamp - held.heldSince) * WAD,
            p.premiumBps * WAD_PER_BPS,
            p.maxDiscountBps * WAD_PER_BPS
        );
        multipleWad = h.multipleWad;
        if (h.available == 0) return (SaleRefusal.NothingEmitted, 0, 0, multipleWad, 0);
        bought = Math.min(Math.min(want, h.available), held.amount);
        cost = h.cost(priceE36, bought);
        cursorWad = GradualAuction.advance(laneAgeWad, ratePerHour, bought);
    }

    function _longestAge(InventoryParameters memory p) internal pure returns (uint256) {
        return GradualAuction.longestAge(p.premiumBps * WAD_PER_BPS, p.maxDiscountBps * WAD_PER_BPS, p.slopeWad);
    }

    /// @dev Inventory at the oracle price, with or without the haircut. At most 16 markets, and not on a hot path.
    function _inventoryValue(bool withHaircut) internal view returns (uint256 value) {
        address[] memory markets = vault.markets();
        for (uint256 i; i < markets.length; ++i) {
            uint256 amount = _inventory[markets[i]].amount;
            if (amount == 0) continue;
            (uint256 priceE36, , , ) = vault.snapshot(markets[i], new address[](0));
            uint256 kept = withHaircut ? BPS - _parameters[markets[i]].haircutBps : BPS;
            value += (amount.valueDown(priceE36) * kept) / BPS;
        }
    }

    /// @dev Shares at the value without haircut: a deposit buys into inventory at its full price.
    function _sharesForDeposit(uint256 assets, OZMath.Rounding rounding) internal view returns (uint256) {
        return OZMath.mulDiv(assets, totalSupply() + 10 ** _decimalsOffset(), _fullValue() + 1, rounding);
    }

    function _fullValue() internal view returns (uint256) {
        return _cash + vault.bufferFees() + _inventoryValue(false);
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
    function capacity(address collateral) external view override returns (uint256 cash_, uint256 room) {
        return (_cash, Math.zeroFloorSub(_parameters[collateral].cap, _inventory[collateral].amount));
    }

    /// @inheritdoc ILiquidityBuffer
    function pendingRedeemRequest(uint256, address controller) external view override returns (uint256) {
        RedeemRequestState storage request = _request[controller];
        return block.timestamp < _claimableAt(request) ? request.shares : 0;
    }

    /// @inheritdoc ILiquidityBuffer
    function claimableRedeemRequest(uint256, address controller) public view override returns (uint256) {
        RedeemRequestState storage request = _request[controller];
        return block.timestamp < _claimableAt(request) ? 0 : request.shares;
    }

    /// @inheritdoc IERC4626
    /// @dev Cash, uncollected fees, and inventory less its haircut.
    function totalAssets() public view override(ERC4626, IERC4626) returns (uint256) {
        return _cash + vault.bufferFees() + _inventoryValue(true);
    }

    /// @inheritdoc IERC4626
    function previewDeposit(uint256 assets) public view override(ERC4626, IERC4626) returns (uint256) {
        return _sharesForDeposit(assets, OZMath.Rounding.Floor);
    }

    /// @inheritdoc IERC4626
    function previewMint(uint256 shares) public view override(ERC4626, IERC4626) returns (uint256) {
        return OZMath.mulDiv(shares, _fullValue() + 1, totalSupply() + 10 ** _decimalsOffset(), OZMath.Rounding.Ceil);
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
    /// @dev What can be claimed at this moment, without uncollected fees.
    function maxRedeem(address controller) public view override(ERC4626, IERC4626) returns (uint256) {
        if (_marketInTrouble() != address(0)) return 0;
        return Math.min(claimableRedeemRequest(0, controller), _convertToShares(_cash, OZMath.Rounding.Floor));
    }

    /// @inheritdoc IERC4626
    function maxWithdraw(address controller) public view override(ERC4626, IERC4626) returns (uint256) {
        uint256 shares = maxRedeem(controller);
        // what nobody can claim needs no price, which there may not be
        return shares == 0 ? 0 : _convertToAssets(shares, OZMath.Rounding.Floor);
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
}
