// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { FixedPointMathLib as Math } from "solady/src/utils/FixedPointMathLib.sol";
import { IAuctionHouse } from "../interfaces/IAuctionHouse.sol";
import { ILens } from "../interfaces/ILens.sol";
import { ILiquidityBuffer } from "../interfaces/ILiquidityBuffer.sol";
import { IOracle } from "../interfaces/IOracle.sol";
import { IVault } from "../interfaces/IVault.sol";
import { PositionMath } from "../libraries/PositionMath.sol";
import { BPS, WAD, WAD_PER_BPS } from "../libraries/Units.sol";

/// @title Lens
/// @notice See `ILens`.
contract Lens is ILens {
    using PositionMath for uint256;

    IAuctionHouse public immutable auctionHouse;
    IVault public immutable vault;
    ILiquidityBuffer public immutable buffer;

    /// @dev Reverts with `NotLinked`.
    constructor(IAuctionHouse auctionHouse_) {
        auctionHouse = auctionHouse_;
        vault = auctionHouse_.vault();
        buffer = ILiquidityBuffer(vault.buffer());
        if (address(buffer) == address(0)) revert NotLinked();
    }

    /// @inheritdoc ILens
    function positions(
        address collateral,
        address[] calldata owners
    ) external view returns (PositionView[] memory views) {
        IVault.Market memory m = _listed(collateral);
        (bool priced, uint256 priceE36) = _price(m.oracle);
        uint256 index = vault.indexE27();
        views = new PositionView[](owners.length);
        for (uint256 i; i < owners.length; ++i) {
            PositionView memory v = views[i];
            IVault.Position memory p = vault.position(collateral, owners[i]);
            v.owner = owners[i];
            v.collateral = p.collateral;
            v.debt = uint256(p.debtShares).toAssetsUp(index);
            v.riskAt = p.riskAt;
            if (!priced) continue;
            v.priced = true;
            v.ltvWad = v.collateral.ltvWadUp(v.debt, priceE36);
            v.healthWad =
                v.debt == 0
                    ? type(uint256).max
                    : Math.fullMulDiv(v.collateral.valueDown(priceE36), m.lltvBps * WAD_PER_BPS, v.debt);
            try auctionHouse.quote(collateral, owners[i], type(uint256).max) returns (IAuctionHouse.Quote memory q) {
                (v.quoted, v.quote) = (true, q);
            } catch {
                v.quoted = false; // no lane
            }
        }
    }

    /// @inheritdoc ILens
    function market(address collateral) public view returns (MarketView memory v) {
        v.collateral = collateral;
        v.market = _listed(collateral);
        v.debt = uint256(v.market.debtShares).toAssetsDown(vault.indexE27());
        (v.priced, v.priceE36) = _price(v.market.oracle);
        (v.borrowPriced, v.borrowPriceE36) = _price(v.market.borrowOracle);

        v.laneParameters = auctionHouse.laneParameters(collateral);
        v.hasLane = address(v.laneParameters.depthOracle) != address(0);
        if (v.hasLane) _addLane(v);

        v.inventory = buffer.inventory(collateral);
        (v.bufferCash, v.bufferRoom) = buffer.capacity(collateral);
        try buffer.quoteInventory(collateral, type(uint256).max) returns (
            ILiquidityBuffer.SaleRefusal refusal,
            uint256 amount,
            uint256 cost,
            uint256
        ) {
            (v.saleQuoted, v.sale, v.saleAmount, v.saleCost) = (true, refusal, amount, cost);
        } catch {
            v.saleQuoted = false; // no price, or no lane
        }
    }

    /// @inheritdoc ILens
    function overview() external view returns (VaultView memory v, MarketView[] memory views) {
        v.loanAsset = vault.asset();
        v.owedToLenders = vault.totalAssets();
        v.totalDebt = vault.totalDebt();
        v.idle = vault.idle();
        v.utilisationWad = v.totalDebt == 0 ? 0 : Math.fullMulDiv(v.totalDebt, WAD, v.totalDebt + v.idle);
        v.borrowRatePerSecondWad = vault.interestRateModel().borrowRatePerSecondWad(v.utilisationWad);
        if (v.owedToLenders != 0) {
            uint256 lendersBps = BPS - vault.reserveShareBps() - vault.bufferShareBps();
            v.lendRatePerSecondWad = Math.fullMulDiv(
                v.borrowRatePerSecondWad * lendersBps,
                v.totalDebt,
                v.owedToLenders * BPS
            );
        }
        v.reserves = vault.reserves();
        v.bufferFees = vault.bufferFees();
        v.bufferCash = buffer.cash();
        v.borrowPaused = vault.borrowPaused();

        address[] memory collaterals = vault.markets();
        views = new MarketView[](collaterals.length);
        for (uint256 i; i < collaterals.length; ++i) views[i] = market(collaterals[i]);
    }

    function _listed(address collateral) private view returns (IVault.Market memory m) {
        m = vault.market(collateral);
        if (address(m.oracle) == address(0)) revert IVault.MarketNotListed(collateral);
    }

    function _price(IOracle oracle) private view returns (bool priced, uint256 priceE36) {
        try oracle.price() returns (uint256 price) {
            return (true, price);
        } catch {
            return (false, 0);
        }
    }

    function _addLane(MarketView memory v) private view {
        v.lane = auctionHouse.lane(v.collateral);
        v.isOpen = auctionHouse.isOpen(v.collateral);
        v.emaE36 = auctionHouse.ema(v.collateral);
        if (address(v.laneParameters.guard) != address(0)) v.diverged = v.laneParameters.guard.diverged();
        try v.laneParameters.depthOracle.depth() returns (uint256 depth) {
            (v.deep, v.depth) = (true, depth);
        } catch {
            v.deep = false;
        }
    }
}
