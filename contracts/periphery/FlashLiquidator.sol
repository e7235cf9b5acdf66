// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import { Address } from "@openzeppelin/contracts/utils/Address.sol";
import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { IUniswapV3Pool } from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import { IUniswapV3SwapCallback } from "@uniswap/v3-core/contracts/interfaces/callback/IUniswapV3SwapCallback.sol";
import { SafeCast } from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { TickMath } from "@uniswap/v4-core/src/libraries/TickMath.sol";
import { IAuctionHouse } from "../interfaces/IAuctionHouse.sol";
import { IBuyer } from "../interfaces/IBuyer.sol";
import { IFlashLiquidator } from "../interfaces/IFlashLiquidator.sol";
import { ILiquidityBuffer } from "../interfaces/ILiquidityBuffer.sol";
import { IUniswapV2Pair } from "../interfaces/IUniswapV2Pair.sol";
import { IVault } from "../interfaces/IVault.sol";
import { WAD } from "../libraries/Units.sol";

/// @title FlashLiquidator
/// @notice See `IFlashLiquidator`.
contract FlashLiquidator is IFlashLiquidator, IBuyer, IUniswapV3SwapCallback {
    using Address for address;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    uint256 private constant MAX_LEGS = 4;

    IAuctionHouse public immutable auctionHouse;
    IVault public immutable vault;
    ILiquidityBuffer public immutable buffer;
    address public immutable loanAsset;

    /// @dev Who sells in the liquidation under way, and calls `onBuy`: the vault or the buffer. Zero when there is none.
    address private transient seller;
    /// @dev Whom we sell to, and who calls `uniswapV3SwapCallback`. Zero but while a v3 pool's `swap` lasts.
    address private transient swapping;
    /// @dev What we sell to it, and how much of it is left to pay. Kept here, since a pool could say anything in the callback.
    address private transient selling;
    uint256 private transient left;
    /// @dev What a route that ends with a call has not sold, for the receiver of the profit.
    uint256 private transient unsold;

    /// @dev Reverts with `ZeroAddress`, `NotLinked`.
    constructor(IAuctionHouse auctionHouse_) {
        if (address(auctionHouse_) == address(0)) revert ZeroAddress();
        auctionHouse = auctionHouse_;
        vault = auctionHouse_.vault();
        loanAsset = vault.asset();
        buffer = ILiquidityBuffer(vault.buffer());
        if (address(buffer) == address(0)) revert NotLinked();
    }

    // ------------------------------------------------------------------------------------------------ keepers

    /// @inheritdoc IFlashLiquidator
    function liquidate(
        Leg[] calldata route,
        address collateral,
        IAuctionHouse.Order[] calldata orders,
        uint256 minProfit,
        address profitReceiver
    ) external returns (uint256 bought, uint256 cost, uint256 profit) {
        bytes memory data = _begin(address(vault), route, minProfit, profitReceiver);
        (bought, cost) = auctionHouse.buyMany(
            collateral,
            orders,
            type(uint256).max, // `minProfit` bounds it
            address(this),
            data
        );
        profit = _end(collateral, bought, cost, profitReceiver);
    }

    /// @inheritdoc IFlashLiquidator
    function liquidateInventory(
        Leg[] calldata route,
        address collateral,
        uint256 maxCollateral,
        uint256 minProfit,
        address profitReceiver
    ) external returns (uint256 bought, uint256 cost, uint256 profit) {
        bytes memory data = _begin(address(buffer), route, minProfit, profitReceiver);
        (bought, cost) = buffer.buyInventory(
            collateral,
            maxCollateral,
            type(uint256).max, // `minProfit` bounds it
            address(this),
            data
        );
        profit = _end(collateral, bought, cost, profitReceiver);
    }

    // ---------------------------------------------------------------------------------------------- callbacks

    /// @inheritdoc IBuyer
    /// @dev Only the seller of the liquidation under way, which calls once, with our own data.
    function onBuy(address collateral, uint256 amount, uint256 cost, bytes calldata data) external {
        if (msg.sender != seller) revert UnexpectedCallback(msg.sender);
        (Leg[] memory route, uint256 minProfit) = abi.decode(data, (Leg[], uint256));

        _sell(route, collateral, amount);

        uint256 proceeds = _balanceOf(loanAsset);
        if (proceeds < cost || proceeds - cost < minProfit) revert Unprofitable(proceeds, cost, minProfit);
        IERC20(loanAsset).forceApprove(msg.sender, cost);
    }

    /// @inheritdoc IUniswapV3SwapCallback
    /// @dev Only the pool of the hop under way, which is paid in what the hop sells, no more than that, and nothing else.
    function uniswapV3SwapCallback(int256 amount0Delta, int256 amount1Delta, bytes calldata) external {
        if (msg.sender != swapping) revert UnexpectedCallback(msg.sender);
        uint256 owed = uint256(amount0Delta > 0 ? amount0Delta : amount1Delta);
        uint256 rest = left;
        if (owed > rest) revert VenueTookMore(msg.sender, rest);
        left = rest - owed;
        IERC20(selling).safeTransfer(msg.sender, owed);
    }

    // ----------------------------------------------------------------------------------------------- internal

    /// @return data What `onBuy` has to know.
    function _begin(
        address seller_,
        Leg[] calldata route,
        uint256 minProfit,
        address profitReceiver
    ) private returns (bytes memory data) {
        if (seller != address(0)) revert Reentered();
        if (profitReceiver == address(0)) revert ZeroAddress();
        uint256 legs = route.length;
        if (legs == 0) revert EmptyRoute();
        if (legs > MAX_LEGS) revert TooManyLegs(legs);
        uint256 sharesWad;
        for (uint256 i = 0; i < legs; ++i) {
            if (route[i].venue == address(0)) revert ZeroAddress();
            if (i + 1 < legs) sharesWad += route[i].shareWad;
        }
        if (sharesWad > WAD) revert SharesTooHigh(sharesWad);
        seller = seller_;
        data = abi.encode(route, minProfit);
    }

    function _end(
        address collateral,
        uint256 bought,
        uint256 cost,
        address profitReceiver
    ) private returns (uint256 profit) {
        profit = _balanceOf(loanAsset);
        if (profit != 0) IERC20(loanAsset).safeTransfer(profitReceiver, profit);
        if (unsold != 0) IERC20(collateral).safeTransfer(profitReceiver, unsold);
        (seller, unsold) = (address(0), 0);
        emit Liquidated(collateral, msg.sender, bought, cost, profit);
    }

    function _sell(Leg[] memory route, address collateral, uint256 amount) private {
        uint256 rest = amount;
        for (uint256 i = 0; i < route.length; ++i) {
            Leg memory leg = route[i];
            uint256 part = i + 1 == route.length ? rest : (amount * leg.shareWad) / WAD;
            if (part == 0) continue;
            if (leg.minOut == 0) {
                rest -= _sellOn(leg, collateral, part);
                continue;
            }
            uint256 before = _balanceOf(loanAsset);
            rest -= _sellOn(leg, collateral, part);
            uint256 proceeds = _balanceOf(loanAsset) - before;
            if (proceeds < leg.minOut) revert VenueGaveLess(leg.venue, proceeds, leg.minOut);
        }
        if (rest != 0) unsold = rest;
    }

    /// @return sold All of `amount`; a call may sell less.
    function _sellOn(Leg memory leg, address collateral, uint256 amount) private returns (uint256 sold) {
        sold = amount;
        if (leg.kind == LegKind.UniswapV3) {
            _swap(leg.venue, collateral, loanAsset, amount);
        } else if (leg.kind == LegKind.UniswapV3Path) {
            _swapTwice(leg, collateral, amount);
        } else if (leg.kind == LegKind.UniswapV2) {
            _swapOnPair(leg.venue, collateral, amount);
        } else {
            sold = _call(leg, collateral, amount);
        }
    }

    /// @dev All of `amount`, at any price: `minOut` and `minProfit` bound it.
    function _swap(address pool, address sold, address bought, uint256 amount) private {
        (swapping, selling, left) = (pool, sold, amount);
        bool zeroForOne = sold < bought;
        IUniswapV3Pool(pool).swap(
            address(this),
            zeroForOne,
            amount.toInt256(),
            zeroForOne ? TickMath.MIN_SQRT_PRICE + 1 : TickMath.MAX_SQRT_PRICE - 1,
            ""
        );
        uint256 unpaid = left;
        (swapping, selling, left) = (address(0), address(0), 0);
        if (unpaid != 0) revert VenueTooShallow(pool, amount, amount - unpaid);
    }

    function _swapTwice(Leg memory leg, address collateral, uint256 amount) private {
        (address middle, address pool) = abi.decode(leg.data, (address, address));
        // these are held for other legs
        if (middle == collateral || middle == loanAsset) revert TargetNotAllowed(middle);
        _swap(leg.venue, collateral, middle, amount);
        // all that is here, so that none is left whatever the first pool said
        _swap(pool, middle, loanAsset, _balanceOf(middle));
    }

    function _swapOnPair(address pair, address collateral, uint256 amount) private {
        (uint256 reserve0, uint256 reserve1, ) = IUniswapV2Pair(pair).getReserves();
        IERC20(collateral).safeTransfer(pair, amount);
        bool zeroForOne = collateral < loanAsset;
        (uint256 reserveIn, uint256 reserveOut) = zeroForOne ? (reserve0, reserve1) : (reserve1, reserve0);
        // the product of the reserves may not fall, with the fee of 0.3 % left out of what comes in
        uint256 net = amount * 997;
        uint256 out = (net * reserveOut) / (reserveIn * 1000 + net);
        IUniswapV2Pair(pair).swap(zeroForOne ? 0 : out, zeroForOne ? out : 0, address(this), "");
    }

    /// @dev Calldata names an amount, of which the buy may have brought a little less than was expected.
    function _call(Leg memory leg, address collateral, uint256 amount) private returns (uint256 sold) {
        address target = leg.venue;
        if (
            target == address(vault) ||
            target == address(auctionHouse) ||
            target == address(buffer) ||
            target == address(this) ||
            target == loanAsset ||
            vault.market(target).lltvBps != 0
        ) revert TargetNotAllowed(target);

        uint256 before = _balanceOf(collateral);
        IERC20(collateral).forceApprove(target, amount);
        target.functionCall(leg.data);
        IERC20(collateral).forceApprove(target, 0);
        uint256 here = _balanceOf(collateral);
        sold = here < before ? before - here : 0;
        if (sold > amount) revert VenueTookMore(target, amount);
        if (sold == 0) revert VenueTooShallow(target, amount, 0);
    }

    function _balanceOf(address token) private view returns (uint256) {
        return IERC20(token).balanceOf(address(this));
    }
}
