// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { IERC165 } from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import { IERC4626 } from "@openzeppelin/contracts/interfaces/IERC4626.sol";

/// @title The reservoir: absorbs urgent positions, holds their collateral, and sells it later
/// @notice Underwriters deposit the loan asset (ERC-4626) and leave by request, cooldown, fulfilment and claim (ERC-7540).
/// They bear the price risk of what the buffer absorbed and are next in line for losses after the vault's reserves.
///
/// Value is cash, uncollected fees, and inventory. A deposit counts inventory at the higher of price and average plus the
/// premium at which its sale starts; a fulfilment at the price less a haircut: entering or leaving never dilutes the
/// remaining underwriters. When losses have taken all but a millionth of what a share was worth at first, the next deposit
/// starts a new epoch, in which a million shares are one, rounded down: balances, requests and the supply. It changes
/// nobody's part, and however often the buffer is wiped out, deposits stay possible and keep their value.
///
/// `redeem` and `withdraw` claim what was fulfilled, at the price of its fulfilment, at any time. They revert with
/// `NotOperator`, `ZeroAmount`, `ZeroAddress`, `NotEnoughClaimable`. With a broken oracle of any market that has a lane
/// nothing is fulfilled, and while there is inventory of it nobody can deposit; views count it at the price last seen.
interface ILiquidityBuffer is IERC4626, IERC165 {
    /// @notice How one collateral is absorbed and sold.
    /// @param cap The most collateral that may be held.
    /// @param slopeWad How much the sale's multiple falls a second, Wad.
    /// @param paceShareBps The sale's pace as a share of the lane's, Bps.
    /// @param premiumBps Where the sale's multiple starts above the oracle price, and what a deposit pays above it.
    /// @param maxDiscountBps How far it may fall under the oracle price.
    /// @param emaToleranceBps No sale while the price is more than this under the lane's average.
    /// @param haircutBps What is taken off the oracle price when shares are redeemed.
    /// @param maxHold Seconds held from which neither the lane nor the average stops the sale.
    /// @param biteTime Seconds of emission that gather before any of it is sold, at one multiple that falls from then on, so
    /// that there are few large sales.
    struct InventoryParameters {
        uint128 cap;
        uint64 slopeWad;
        uint16 paceShareBps;
        uint16 premiumBps;
        uint16 maxDiscountBps;
        uint16 emaToleranceBps;
        uint16 haircutBps;
        uint32 maxHold;
        uint32 biteTime;
    }

    /// @notice What is held of one collateral.
    /// @param amount In the collateral's smallest units.
    /// @param heldSince When it was absorbed: the mean of its absorptions weighted by their amounts, in seconds.
    /// @param cursorWad The sale's cursor: emission up to this time is sold. Seconds, Wad.
    struct Inventory {
        uint128 amount;
        uint32 heldSince;
        uint96 cursorWad;
    }

    /// @notice Shares of one controller that wait for fulfilment.
    /// @param shares Held by the buffer, and bearing losses like any other.
    /// @param readyAt When their cooldown ends, in seconds.
    /// @param epoch The epoch of the shares; a millionth of them counts in the next one.
    struct Request {
        uint192 shares;
        uint40 readyAt;
        uint24 epoch;
    }

    /// @notice What was fulfilled for one controller and not claimed.
    /// @param shares Burnt shares that it stands for.
    /// @param assets Loan asset set aside for them.
    struct Claimable {
        uint256 shares;
        uint256 assets;
    }

    /// @notice Why inventory cannot be bought now.
    /// NoInventory: nothing is held. LaneOpen: the market's lane sells, wait until it closes. PriceUnderAverage: the price
    /// is falling, wait. NothingEmitted: `biteTime` has not passed since the last sale.
    enum SaleRefusal {
        None,
        NoInventory,
        LaneOpen,
        PriceUnderAverage,
        NothingEmitted
    }

    // ------------------------------------------------------------------------------------------------- events

    /// @notice Governance set how a collateral is absorbed and sold.
    /// @param collateral The market.
    /// @param parameters All of its parameters.
    event InventoryParametersSet(address indexed collateral, InventoryParameters parameters);
    /// @notice Governance set the cooldown of requests to come.
    /// @param seconds_ In seconds.
    event CooldownSet(uint32 seconds_);
    /// @notice The buffer absorbed collateral.
    /// @param collateral The market.
    /// @param amount Collateral.
    /// @param cost Loan asset paid for it.
    event InventoryAbsorbed(address indexed collateral, uint256 amount, uint256 cost);
    /// @notice Inventory was sold.
    /// @param collateral The market.
    /// @param buyer The caller.
    /// @param receiver Who got the collateral.
    /// @param amount Collateral.
    /// @param cost Loan asset paid for it.
    /// @param multipleWad The multiple of the oracle price at the head, Wad.
    event InventorySold(
        address indexed collateral,
        address indexed buyer,
        address indexed receiver,
        uint256 amount,
        uint256 cost,
        uint256 multipleWad
    );
    /// @notice The buffer paid for a loss of the vault.
    /// @param assets Loan asset.
    event LossCovered(uint256 assets);
    /// @notice Fees came in from the vault.
    /// @param assets Loan asset.
    event FeesCollected(uint256 assets);
    /// @notice Losses have taken nearly all, and shares were merged, a million into one for each new epoch.
    /// @param epoch The epoch that starts.
    /// @param shares How many there were.
    event WipedOut(uint256 indexed epoch, uint256 shares);
    /// @notice ERC-7540.
    /// @param controller Who may claim.
    /// @param owner Whose shares they were.
    /// @param requestId Always 0.
    /// @param sender The caller.
    /// @param shares How many.
    event RedeemRequest(
        address indexed controller,
        address indexed owner,
        uint256 indexed requestId,
        address sender,
        uint256 shares
    );
    /// @notice A request was fulfilled, wholly or as far as there was cash.
    /// @param controller Whose request.
    /// @param keeper The caller.
    /// @param shares Shares burnt.
    /// @param assets Loan asset set aside for the controller.
    /// @param pay Loan asset that the keeper was paid out of the redemption.
    event RedeemFulfilled(
        address indexed controller,
        address indexed keeper,
        uint256 shares,
        uint256 assets,
        uint256 pay
    );
    /// @notice ERC-7540.
    /// @param controller Who let it, or stopped it.
    /// @param operator Who may request and claim for it.
    /// @param approved Whether it may.
    event OperatorSet(address indexed controller, address indexed operator, bool approved);

    // ------------------------------------------------------------------------------------------------- errors

    /// @notice The caller must be `expected`.
    error NotAllowed(address caller, address expected);
    /// @notice `caller` is neither `controller` nor its operator; see `setOperator`.
    error NotOperator(address caller, address controller);
    /// @notice An amount of zero does nothing, or the deposit is worth less than a share. Give more.
    error ZeroAmount();
    /// @notice A zero address cannot be used here.
    error ZeroAddress();
    /// @notice Redemptions of ERC-7540 have no preview: the price is that of the fulfilment.
    error PreviewNotAvailable();
    /// @notice The market's lane is open, or its price is under its average, cannot be read, is in doubt, or was not watched
    /// for the last half hour. Nobody leaves until that is over.
    error MarketInTrouble(address collateral);
    /// @notice The controller has no request that waits.
    error NoRequest(address controller);
    /// @notice The request can be fulfilled from `readyAt` on, in seconds.
    error CoolingDown(uint256 readyAt);
    /// @notice The controller can claim `claimable` and asked for `wanted`, in shares or in assets.
    error NotEnoughClaimable(uint256 wanted, uint256 claimable);
    /// @notice The buffer holds `cash` and cannot pay `wanted`.
    error NotEnoughCash(uint256 wanted, uint256 cash);
    /// @notice The inventory cannot be bought now, and why.
    error NotForSale(address collateral, SaleRefusal refusal);
    /// @notice The cost would be above what the buyer allowed.
    error CostTooHigh(uint256 cost, uint256 maxCost);
    /// @notice A parameter is out of its bounds; `name` says which.
    error BadParameter(bytes32 name);

    // -------------------------------------------------------------------------------------------- underwriters

    /// @notice Asks to redeem `shares` of `owner`. They move into the buffer and go on bearing its risk until they are
    /// fulfilled, by whoever calls `fulfil` once their cooldown is over. A new request of the same controller starts the
    /// cooldown of all its waiting shares again.
    /// @param shares How many.
    /// @param controller Who may claim them.
    /// @param owner Whose they are.
    /// @return requestId Always 0: a controller has one request.
    /// @dev The caller must be `owner`, its operator, or have its ERC-20 allowance; and where `controller` is another,
    /// be it or its operator (`NotOperator`). Reverts with `ZeroAmount`, `ZeroAddress`. ERC-7540.
    function requestRedeem(uint256 shares, address controller, address owner) external returns (uint256 requestId);

    /// @notice Fulfils a request whose cooldown is over: fixes the price of this moment, burns the shares and sets the
    /// assets aside for the controller, who may claim them at that price for ever. As far as there is cash; the rest waits.
    /// It observes the price of every market. Where one was not observed for an hour it returns zeros, and must be called
    /// again when half an hour has passed.
    /// @param controller Whose request.
    /// @param receiver Who gets the keeper's pay, at most the pay's cap of what is redeemed; each further request in a
    /// transaction pays for less gas.
    /// @return shares Shares burnt.
    /// @return assets Loan asset set aside, pay taken off, rounded down.
    /// @dev Anyone. Reverts with `NoRequest`, `CoolingDown`, `MarketInTrouble`, `NotEnoughCash`, `ZeroAddress`.
    function fulfil(address controller, address receiver) external returns (uint256 shares, uint256 assets);

    /// @notice Shares of a controller that wait for fulfilment, ready or not. ERC-7540.
    /// @param requestId Ignored.
    /// @param controller Whose.
    /// @return shares How many.
    function pendingRedeemRequest(uint256 requestId, address controller) external view returns (uint256 shares);

    /// @notice Shares of a controller that were fulfilled and can be claimed. ERC-7540.
    /// @param requestId Ignored.
    /// @param controller Whose.
    /// @return shares How many.
    function claimableRedeemRequest(uint256 requestId, address controller) external view returns (uint256 shares);

    /// @notice Lets `operator` request and claim for the caller, or stops it. ERC-7540.
    /// @param operator Who.
    /// @param approved Whether it may.
    /// @return True.
    function setOperator(address operator, bool approved) external returns (bool);

    /// @notice An operator's standing.
    /// @param controller Who let it.
    /// @param operator Who.
    /// @return Whether `operator` may request and claim for `controller`.
    function isOperator(address controller, address operator) external view returns (bool);

    /// @notice ERC-7575: the buffer is its own share.
    /// @return The buffer.
    function share() external view returns (address);

    // ------------------------------------------------------------------------------------------------- sale

    /// @notice Buys inventory: sends the collateral, calls the caller back if there is `data` (`IBuyer`), then pulls the
    /// cost from the caller. Takes at most what the sale has emitted.
    /// @param collateral The market.
    /// @param maxCollateral The most to buy.
    /// @param maxCost Revert above it.
    /// @param receiver Who gets the collateral.
    /// @param data Handed to the caller's `onBuy`; empty for no call.
    /// @return bought Collateral sent.
    /// @return cost Loan asset pulled, rounded up.
    /// @dev Anyone. Only while the market's lane is closed and the price is not under the lane's average less a tolerance, or
    /// after `maxHold`. Reverts with `NotForSale`, `ZeroAmount`, `CostTooHigh`, `ZeroAddress`, or as the oracle does.
    function buyInventory(
        address collateral,
        uint256 maxCollateral,
        uint256 maxCost,
        address receiver,
        bytes calldata data
    ) external returns (uint256 bought, uint256 cost);

    /// @notice What `buyInventory` would do now.
    /// @param collateral The market.
    /// @param maxCollateral The most to buy.
    /// @return refusal Why nothing can be bought; `None` if something can.
    /// @return bought What would be bought, rounded down.
    /// @return cost What it would cost, rounded up.
    /// @return multipleWad The multiple of the oracle price at the head, Wad.
    /// @dev Reverts only as the oracle does.
    function quoteInventory(
        address collateral,
        uint256 maxCollateral
    ) external view returns (SaleRefusal refusal, uint256 bought, uint256 cost, uint256 multipleWad);

    /// @notice Brings uncollected fees in from the vault.
    /// @return assets Loan asset that came in.
    /// @dev Anyone; unpaid.
    function collectFees() external returns (uint256 assets);

    // ----------------------------------------------------------------------------- auction house and vault

    /// @notice Books collateral that the buffer absorbs, which the vault then settles against it. Collects fees first
    /// where the cash does not do.
    /// @param collateral The market.
    /// @param amount Collateral.
    /// @param cost Loan asset that the vault will pull.
    /// @dev Only the auction house. Reverts with `NotAllowed`, `NotEnoughCash`.
    function absorb(address collateral, uint256 amount, uint256 cost) external;

    /// @notice Pays the vault for a loss, as far as there is cash.
    /// @param assets The loss, in loan asset.
    /// @return paid What was paid of it.
    /// @dev Only the vault. Reverts with `NotAllowed`.
    function cover(uint256 assets) external returns (uint256 paid);

    // --------------------------------------------------------------------------------------------- governance

    /// @notice Sets how a collateral is absorbed and sold. Standing inventory is sold by the new ones at once.
    /// @param collateral The market.
    /// @param parameters All of its parameters.
    /// @dev Governance. Reverts with `BadParameter`.
    function setInventoryParameters(address collateral, InventoryParameters calldata parameters) external;

    /// @notice Sets the cooldown of requests to come.
    /// @param seconds_ From an hour to 90 days, in seconds.
    /// @dev Governance. Reverts with `BadParameter`.
    function setCooldown(uint32 seconds_) external;

    // ------------------------------------------------------------------------------------------------- views

    /// @notice Loan asset that backs the shares. Tracked, so that donations don't count.
    /// @return assets Without what is set aside for claims, and without uncollected fees.
    function cash() external view returns (uint256 assets);

    /// @notice Loan asset that waits to be claimed. No loss touches it.
    /// @return assets The sum of all claims.
    function setAside() external view returns (uint256 assets);

    /// @notice The epoch.
    /// @return The epoch of today's shares.
    function epoch() external view returns (uint24);

    /// @notice The cooldown.
    /// @return seconds_ The cooldown of requests to come, in seconds.
    function cooldown() external view returns (uint32 seconds_);

    /// @notice The inventory of a collateral.
    /// @param collateral The market.
    /// @return What is held of it.
    function inventory(address collateral) external view returns (Inventory memory);

    /// @notice The parameters of a collateral.
    /// @param collateral The market.
    /// @return How it is absorbed and sold.
    function inventoryParameters(address collateral) external view returns (InventoryParameters memory);

    /// @notice A controller's request.
    /// @param controller Whose.
    /// @return Its waiting request, in shares of the epoch that it names.
    function request(address controller) external view returns (Request memory);

    /// @notice A controller's claim.
    /// @param controller Whose.
    /// @return What it can claim.
    function claimable(address controller) external view returns (Claimable memory);

    /// @notice What the buffer can absorb of a collateral now.
    /// @param collateral The market.
    /// @return cash_ Loan asset, fees that can be collected included.
    /// @return room Collateral, by its cap.
    function capacity(address collateral) external view returns (uint256 cash_, uint256 room);

    /// @notice The first market that keeps requests from being fulfilled.
    /// @return collateral Zero where there is none.
    /// @dev A price is in doubt here when it was so when last observed; `fulfil` observes.
    function marketInTrouble() external view returns (address collateral);
}
