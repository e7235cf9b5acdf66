// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IAuctionHouse } from "./IAuctionHouse.sol";
import { ILiquidityBuffer } from "./ILiquidityBuffer.sol";
import { IVault } from "./IVault.sol";

/// @title The state of a vault, its lanes and its buffer, in one call
/// @notice For keepers and interfaces, off chain. A market whose oracle fails does not spoil the others: what can't be told
/// without a price is zero, and a flag says so. Units as in `IVault` and `IAuctionHouse`; interest is up to now.
interface ILens {
    /// @notice A borrower in a market.
    /// @param collateral In its smallest units.
    /// @param debt In smallest units of the loan asset, rounded up.
    /// @param riskAt When its owner last borrowed or withdrew, in seconds.
    /// @param priced Whether the oracle answered. Without, LTV and health are 0.
    /// @param ltvWad Debt over the collateral's value, Wad, rounded up; the greatest number without any value.
    /// @param healthWad lltv over LTV, Wad, rounded down: unhealthy below 1e18. The greatest number without debt.
    /// @param quoted Whether the auction house gave a quote. Without, `quote` is empty.
    /// @param quote What buying as much as possible would do now.
    struct PositionView {
        address owner;
        uint256 collateral;
        uint256 debt;
        uint256 riskAt;
        bool priced;
        uint256 ltvWad;
        uint256 healthWad;
        bool quoted;
        IAuctionHouse.Quote quote;
    }

    /// @notice A market.
    /// @param debt The market's debt, rounded down.
    /// @param priced Whether the oracle answered.
    /// @param borrowPriced Whether the oracle for borrowing answered.
    /// @param hasLane Whether a lane is set. Without, what is of the lane is empty.
    /// @param isOpen Whether the lane sells.
    /// @param diverged What the lane's guard says; false without a guard.
    /// @param deep Whether the depth oracle answered.
    /// @param depth Collateral whose sale moves the venue by 1 % now; the lane's rate follows at the next `sync`.
    /// @param bufferCash What the buffer can pay for this collateral now.
    /// @param bufferRoom How much of it the buffer can absorb now.
    /// @param saleQuoted Whether the buffer gave a quote. Without, what is of the sale is empty.
    /// @param sale Why inventory can't be bought now, if it can't.
    /// @param saleAmount The most inventory that can be bought now, for `saleCost`.
    struct MarketView {
        address collateral;
        IVault.Market market;
        uint256 debt;
        bool priced;
        uint256 priceE36;
        bool borrowPriced;
        uint256 borrowPriceE36;
        bool hasLane;
        IAuctionHouse.LaneParameters laneParameters;
        IAuctionHouse.Lane lane;
        bool isOpen;
        uint256 emaE36;
        bool diverged;
        bool deep;
        uint256 depth;
        ILiquidityBuffer.Inventory inventory;
        uint256 bufferCash;
        uint256 bufferRoom;
        bool saleQuoted;
        ILiquidityBuffer.SaleRefusal sale;
        uint256 saleAmount;
        uint256 saleCost;
    }

    /// @notice What all markets share.
    /// @param utilisationWad Debt over debt and idle cash, Wad.
    /// @param borrowRatePerSecondWad Wad, continuously compounded.
    /// @param lendRatePerSecondWad What lenders earn of it on what they are owed, Wad, rounded down.
    /// @param owedToLenders `totalAssets` of the vault.
    /// @param bufferCash Loan asset that the buffer holds.
    struct VaultView {
        address loanAsset;
        uint256 owedToLenders;
        uint256 totalDebt;
        uint256 idle;
        uint256 utilisationWad;
        uint256 borrowRatePerSecondWad;
        uint256 lendRatePerSecondWad;
        uint256 reserves;
        uint256 bufferFees;
        uint256 bufferCash;
        bool borrowPaused;
    }

    /// @notice The vault has no buffer yet; link it first.
    error NotLinked();

    /// @notice Many positions of one market.
    /// @param collateral The market.
    /// @param owners Whose positions.
    /// @return One view each, in the order of `owners`.
    /// @dev Reverts with `IVault.MarketNotListed`.
    function positions(address collateral, address[] calldata owners) external view returns (PositionView[] memory);

    /// @notice One market.
    /// @param collateral The market.
    /// @return Its view.
    /// @dev Reverts with `IVault.MarketNotListed`.
    function market(address collateral) external view returns (MarketView memory);

    /// @notice The vault and all of its markets, oldest first.
    /// @return What all markets share.
    /// @return One view for each market.
    function overview() external view returns (VaultView memory, MarketView[] memory);

    /// @notice The auction house.
    /// @return The auction house that the lens reads.
    function auctionHouse() external view returns (IAuctionHouse);

    /// @notice The vault.
    /// @return The vault that the lens reads.
    function vault() external view returns (IVault);

    /// @notice The buffer.
    /// @return The buffer that the lens reads.
    function buffer() external view returns (ILiquidityBuffer);
}
