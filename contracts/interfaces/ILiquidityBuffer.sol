// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import { IERC165 } from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import { IERC4626 } from "@openzeppelin/contracts/interfaces/IERC4626.sol";

/// @title The reservoir: takes over what can't wait, holds it, and lets it out later
/// @notice Underwriters deposit the loan asset (ERC-4626) and leave by request, cooldown and claim (ERC-7540). They
/// carry the price risk of what the buffer took over and are next in line for losses after the vault's reserves.
///
/// Value is cash, uncollected fees, and inventory at the oracle price less a haircut. A deposit is priced without the
/// haircut and a claim with it, so that whoever comes or goes never gains from those who stay.
///
/// `redeem` and `withdraw` claim what was requested. They revert with `NotOperator`, `ZeroAmount`, `ZeroAddress`,
/// `MarketInTrouble`, `CoolingDown`, `NotEnoughClaimable`, `NotEnoughCash`. With a broken oracle of any market that has a lane
/// nobody can claim, and while there is inventory of it nobody can deposit and the value can't be told.
interface ILiquidityBuffer is IERC4626, IERC165 {
    /// @notice How one collateral is taken over and sold.
    /// @param cap The most collateral that may be held.
    /// @param slopeWad How much the sale's multiple falls a second, Wad.
    /// @param paceShareBps The sale's pace as a share of the lane's, Bps.
    /// @param premiumBps Where the sale's multiple starts above the oracle price.
    /// @param maxDiscountBps How far it may fall under the oracle price.
    /// @param emaToleranceBps No sale, and no claim of shares, while the price is more than this under the lane's average.
    /// @param haircutBps What is taken off the oracle price when shares are claimed.
    /// @param maxHold Seconds held from which neither auctions nor the average stop the sale.
    struct InventoryParameters {
        uint128 cap;
        uint64 slopeWad;
        uint16 paceShareBps;
        uint16 premiumBps;
        uint16 maxDiscountBps;
        uint16 emaToleranceBps;
        uint16 haircutBps;
        uint32 maxHold;
    }

    /// @notice What is held of one collateral.
    /// @param amount In the collateral's smallest units.
    /// @param heldSince When it was taken over: the mean of its take-overs weighted by their amounts, in seconds.
    /// @param cursorWad The sale's cursor: emission up to this time is sold. Seconds, Wad.
    struct Inventory {
        uint128 amount;
        uint32 heldSince;
        uint96 cursorWad;
    }

    /// @notice Shares of one controller that it asked to redeem.
    /// @param claimableAt When their first cooldown ends, in seconds.
    /// @param cooldown As it was at the request, in seconds.
    struct RedeemRequestState {
        uint192 shares;
        uint40 claimableAt;
        uint24 cooldown;
    }

    /// @notice Why inventory can't be bought now.
    enum SaleRefusal {
        None,
        NoInventory,
        AuctionsRunning,
        PriceUnderAverage,
        NothingEmitted
    }

    // ------------------------------------------------------------------------------------------------- events

    event InventoryParametersSet(address indexed collateral, InventoryParameters parameters);
    event CooldownSet(uint32 seconds_);
    event TakenOver(address indexed collateral, uint256 amount, uint256 cost);
    event InventorySold(
        address indexed collateral,
        address indexed buyer,
        address indexed receiver,
        uint256 amount,
        uint256 cost,
        uint256 multipleWad
    );
    event LossCovered(uint256 assets);
    event FeesCollected(uint256 assets);
    /// @notice ERC-7540.
    event RedeemRequest(
        address indexed controller,
        address indexed owner,
        uint256 indexed requestId,
        address sender,
        uint256 shares
    );
    /// @notice ERC-7540.
    event OperatorSet(address indexed controller, address indexed operator, bool approved);

    // ------------------------------------------------------------------------------------------------- errors

    /// @notice The caller must be `expected`.
    error NotAllowed(address caller, address expected);
    /// @notice `caller` is neither `controller` nor its operator; see `setOperator`.
    error NotOperator(address caller, address controller);
    /// @notice An amount of zero does nothing, or the deposit is worth less than a share. Give more.
    error ZeroAmount();
    /// @notice A zero address can't be used here.
    error ZeroAddress();
    /// @notice Claims of ERC-7540 have no preview: the price is that of the claim.
    error PreviewNotAvailable();
    /// @notice An auction of this market has not ended, expired ones included, or its price is under its average by more
    /// than `emaTolerance` or can't be read. Nobody leaves until that is over.
    error MarketInTrouble(address collateral);
    /// @notice The request can be claimed for two days from `claimableAt` on, in seconds.
    error CoolingDown(uint256 claimableAt);
    /// @notice The controller can claim `claimable` shares and asked for `wanted`.
    error NotEnoughClaimable(uint256 wanted, uint256 claimable);
    /// @notice The buffer holds `cash` and can't pay `wanted`.
    error NotEnoughCash(uint256 wanted, uint256 cash);
    /// @notice The inventory can't be bought now, and why.
    error NotForSale(address collateral, SaleRefusal refusal);
    /// @notice The cost would be above what the buyer allowed.
    error CostTooHigh(uint256 cost, uint256 maxCost);
    /// @notice A parameter is out of its bounds; `name` says which.
    error BadParameter(bytes32 name);

    // -------------------------------------------------------------------------------------------- underwriters

    /// @notice Asks to redeem `shares` of `owner`; they move into the buffer and go on carrying its risk until they are
    /// claimed. They can be claimed for two days after their cooldown; then it starts again, and so on. A new request of the
    /// same controller starts the cooldown of all of its shares again.
    /// @dev The caller must be `owner`, its operator, or have its ERC-20 allowance; and where `controller` is another,
    /// be it or its operator (`NotOperator`). ERC-7540.
    /// @return requestId Always 0: a controller has one request.
    function requestRedeem(uint256 shares, address controller, address owner) external returns (uint256 requestId);

    /// @notice Shares of a controller in their cooldown, be it the first or a later one. ERC-7540.
    function pendingRedeemRequest(uint256 requestId, address controller) external view returns (uint256 shares);

    /// @notice Shares of a controller between two cooldowns. ERC-7540. Whether they can be claimed at this moment (no
    /// market is in trouble, there is cash) is what `maxRedeem` says.
    function claimableRedeemRequest(uint256 requestId, address controller) external view returns (uint256 shares);

    /// @notice Lets `operator` request and claim for the caller, or stops it. ERC-7540.
    function setOperator(address operator, bool approved) external returns (bool);

    function isOperator(address controller, address operator) external view returns (bool);

    /// @notice ERC-7575: the buffer is its own share.
    function share() external view returns (address);

    // ------------------------------------------------------------------------------------------------- sale

    /// @notice Buys inventory: sends the collateral, calls the caller back if there is `data` (`IBuyer`), then pulls the
    /// cost from the caller. Anyone may. Takes at most what the sale has let out.
    /// @dev Only while no auction runs in the market (`IAuctionHouse.isRunning`) and the price is not under the lane's average less a tolerance, or
    /// after `maxHold`. Reverts with `NotForSale`, `ZeroAmount`, `CostTooHigh`, `ZeroAddress`, or as the oracle does.
    function buyInventory(
        address collateral,
        uint256 maxCollateral,
        uint256 maxCost,
        address receiver,
        bytes calldata data
    ) external returns (uint256 bought, uint256 cost);

    /// @notice What `buyInventory` would do now. Reverts only as the oracle does.
    function quoteInventory(
        address collateral,
        uint256 maxCollateral
    ) external view returns (SaleRefusal refusal, uint256 bought, uint256 cost, uint256 multipleWad);

    /// @notice Brings uncollected fees in from the vault. Anyone may.
    function collectFees() external returns (uint256 assets);

    // ----------------------------------------------------------------------------- auction house and vault

    /// @notice Books a take-over, which the vault then settles against the buffer. Only the auction house.
    function takeOver(address collateral, uint256 amount, uint256 cost) external;

    /// @notice Pays the vault up to `assets` of a loss, as far as there is cash. Only the vault.
    function cover(uint256 assets) external returns (uint256 paid);

    // --------------------------------------------------------------------------------------------- governance

    /// @notice Sets how a collateral is taken over and sold. Standing inventory is sold by the new ones at once.
    /// @dev Governance. Reverts with `BadParameter`.
    function setInventoryParameters(address collateral, InventoryParameters calldata parameters) external;

    /// @notice Sets the cooldown of requests to come, from an hour to 90 days.
    /// @dev Governance. Reverts with `BadParameter`.
    function setCooldown(uint32 seconds_) external;

    // ------------------------------------------------------------------------------------------------- views

    /// @notice Loan asset that the buffer holds. Tracked, so that donations don't count.
    function cash() external view returns (uint256 assets);

    function cooldown() external view returns (uint32 seconds_);

    function inventory(address collateral) external view returns (Inventory memory);

    function inventoryParameters(address collateral) external view returns (InventoryParameters memory);

    /// @notice What the buffer can take over of a collateral now: up to `cash_` for it, up to `room` of it.
    function capacity(address collateral) external view returns (uint256 cash_, uint256 room);
}
