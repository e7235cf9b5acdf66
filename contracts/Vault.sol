// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { AccessManaged } from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import { IERC20Metadata } from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import { IERC3156FlashBorrower } from "@openzeppelin/contracts/interfaces/IERC3156FlashBorrower.sol";
import { IERC3156FlashLender } from "@openzeppelin/contracts/interfaces/IERC3156FlashLender.sol";
import { ERC20, ERC20Permit, IERC20Permit } from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import { ERC4626, IERC20, IERC4626 } from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import { Multicall } from "@openzeppelin/contracts/utils/Multicall.sol";
import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { Math as OZMath } from "@openzeppelin/contracts/utils/math/Math.sol";
import { SafeCast } from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { SignatureChecker } from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import { FixedPointMathLib as Math } from "solady/src/utils/FixedPointMathLib.sol";
import { IBuyer } from "./interfaces/IBuyer.sol";
import { IInterestRateModel } from "./interfaces/IInterestRateModel.sol";
import { ILiquidityBuffer } from "./interfaces/ILiquidityBuffer.sol";
import { IOracle } from "./interfaces/IOracle.sol";
import { IVault } from "./interfaces/IVault.sol";
import { PositionMath } from "./libraries/PositionMath.sol";
import { BPS, INDEX_SCALE, WAD, WAD_PER_BPS } from "./libraries/Units.sol";

/// @title Vault
/// @notice What each function does, its units, roundings and errors: IVault.
contract Vault is IVault, ERC4626, ERC20Permit, AccessManaged, Multicall, ReentrancyGuardTransient {
    using PositionMath for uint256;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    uint256 internal constant MAX_MARKETS = 16;

    /// @dev 1000 % a year, continuously compounded: no rate model can run away with the debt.
    uint256 internal constant MAX_RATE_PER_SECOND_WAD = (10 * WAD) / uint256(365 days);

    bytes32 internal constant AUTHORIZATION_TYPEHASH = keccak256(
        "Authorization(address owner,address operator,bool allowed,uint256 nonce,uint256 deadline)"
    );

    bytes32 internal constant FLASH_LOAN_SUCCESS = keccak256("ERC3156FlashBorrower.onFlashLoan");

    // ------------------------------------------------------------------------------------------------ storage

    IInterestRateModel public immutable override interestRateModel;

    address public override auctionHouse;
    address public override buffer;

    // two slots hold all that interest asks for and changes, and the pause, which a borrow reads with it
    uint112 internal _idle;
    uint112 internal _debtShares;
    uint32 internal _accruedAt;

    uint120 internal _indexE27 = uint120(INDEX_SCALE);
    /// @dev What reserves and buffer are owed together, and their share of interest together.
    uint112 internal _owed;
    uint16 internal _owedShareBps;
    bool public override borrowPaused;

    /// @dev What of `_owed` is whose, as far as that is divided; `_divided` divides the rest.
    uint112 internal _reserves;
    uint112 internal _bufferFees;
    uint16 public override reserveShareBps;
    uint16 public override bufferShareBps;

    address[] internal _markets;
    mapping(address collateral => Market) internal _market;
    mapping(address collateral => mapping(address owner => Position)) internal _position;
    mapping(address owner => mapping(address operator => bool)) public override isAuthorized;

    constructor(
        IERC20 asset_,
        string memory name_,
        string memory symbol_,
        IInterestRateModel interestRateModel_,
        address authority_
    ) ERC4626(asset_) ERC20(name_, symbol_) ERC20Permit(name_) AccessManaged(authority_) {
        if (address(interestRateModel_) == address(0) || authority_ == address(0)) revert ZeroAddress();
        interestRateModel = interestRateModel_;
        _accruedAt = uint32(block.timestamp);
    }

    modifier onlyAuctionHouse() {
        if (msg.sender != auctionHouse) revert NotAllowed(msg.sender, auctionHouse);
        _;
    }

    /// @dev Before anything that lets a position take more: only its owner and whom the owner authorised.
    modifier onlyAuthorized(address owner) {
        if (msg.sender != owner && !isAuthorized[owner][msg.sender]) revert NotAuthorized(msg.sender, owner);
        _;
    }

    // ------------------------------------------------------------------------------------------------ lenders

    /// @inheritdoc IERC4626
    function deposit(
        uint256 assets,
        address receiver
    ) public override(ERC4626, IERC4626) nonReentrant returns (uint256) {
        _accrue();
        return super.deposit(assets, receiver);
    }

    /// @inheritdoc IERC4626
    function mint(uint256 shares, address receiver) public override(ERC4626, IERC4626) nonReentrant returns (uint256) {
        _accrue();
        return super.mint(shares, receiver);
    }

    /// @inheritdoc IERC4626
    function withdraw(
        uint256 assets,
        address receiver,
        address owner
    ) public override(ERC4626, IERC4626) nonReentrant returns (uint256) {
        _accrue();
        // what isn't there has no price. `maxWithdraw` goes through shares and back, and may be a unit under the cash
        uint256 shares = assets > _idle ? type(uint256).max : previewWithdraw(assets);
        if (shares > balanceOf(owner)) {
            revert ERC4626ExceededMaxWithdraw(owner, assets, maxWithdraw(owner));
        }
        _withdraw(msg.sender, receiver, owner, assets, shares);
        return shares;
    }

    /// @inheritdoc IERC4626
    function redeem(
        uint256 shares,
        address receiver,
        address owner
    ) public override(ERC4626, IERC4626) nonReentrant returns (uint256) {
        _accrue();
        return super.redeem(shares, receiver, owner);
    }

    /// @inheritdoc IERC3156FlashLender
    /// @dev Free, as a transfer out and back costs the lenders nothing. Not locked: no figure of the vault changes, so
    /// that inside the callback one may repay, deposit or borrow as at any other time.
    function flashLoan(
        IERC3156FlashBorrower receiver,
        address token,
        uint256 amount,
        bytes calldata data
    ) external override returns (bool) {
        if (token != asset()) revert FlashLoanUnsupported(token);
        if (amount > _idle) revert NotEnoughCash(amount, _idle);
        IERC20(token).safeTransfer(address(receiver), amount);
        if (receiver.onFlashLoan(msg.sender, token, amount, 0, data) != FLASH_LOAN_SUCCESS) {
            revert FlashLoanRefused(address(receiver));
        }
        IERC20(token).safeTransferFrom(address(receiver), address(this), amount);
        return true;
    }

    // ---------------------------------------------------------------------------------------------- borrowers

    /// @inheritdoc IVault
    function supplyCollateral(address collateral, uint256 amount, address owner) external override nonReentrant {
        if (amount == 0) revert ZeroAmount();
        if (owner == address(0)) revert ZeroAddress();
        _listed(collateral);
        Position storage p = _position[collateral][owner];

        p.collateral = (p.collateral + amount).toUint112();
        emit CollateralSupplied(collateral, owner, msg.sender, amount);

        uint256 before = IERC20(collateral).balanceOf(address(this));
        IERC20(collateral).safeTransferFrom(msg.sender, address(this), amount);
        // a token that takes a fee would leave the last of the market's borrowers short
        if (IERC20(collateral).balanceOf(address(this)) < before + amount) revert TransferIncomplete(collateral);
    }

    /// @inheritdoc IVault
    function withdrawCollateral(
        address collateral,
        uint256 amount,
        address owner,
        address receiver
    ) external override nonReentrant onlyAuthorized(owner) {
        if (amount == 0) revert ZeroAmount();
        if (receiver == address(0)) revert ZeroAddress();
        Market storage m = _listed(collateral);
        Position storage p = _position[collateral][owner];

        (uint256 left, uint256 debtShares) = _takeCollateral(p, amount);
        if (debtShares != 0) {
            p.riskAt = uint32(block.timestamp);
            // no cash moves, so that the next call that moves some can book the interest
            (uint256 index, , ) = _accrued();
            _requireMaxLtv(m, left, debtShares.toAssetsUp(index));
        }
        emit CollateralWithdrawn(collateral, owner, receiver, msg.sender, amount);

        IERC20(collateral).safeTransfer(receiver, amount);
    }

    /// @inheritdoc IVault
    function borrow(
        address collateral,
        uint256 assets,
        address owner,
        address receiver
    ) external override nonReentrant onlyAuthorized(owner) returns (uint256 debtShares) {
        if (assets == 0) revert ZeroAmount();
        if (receiver == address(0)) revert ZeroAddress();
        if (borrowPaused) revert BorrowPaused();
        uint256 index = _accrue();
        debtShares = assets.toSharesUp(index);
        (uint256 cash, uint256 allShares) = (_idle, _debtShares);
        if (assets > cash) revert NotEnoughCash(assets, cash);
        (_idle, _debtShares) = (uint112(cash - assets), (allShares + debtShares).toUint112());
        _addDebt(collateral, owner, index, debtShares);
        emit Borrowed(collateral, owner, receiver, msg.sender, assets, debtShares);

        IERC20(asset()).safeTransfer(receiver, assets);
    }

    /// @inheritdoc IVault
    function repay(
        address collateral,
        uint256 assets,
        address owner
    ) external override nonReentrant returns (uint256 repaid, uint256 debtShares) {
        if (assets == 0) revert ZeroAmount();
        uint256 index = _accrue();
        uint256 ownShares = _position[collateral][owner].debtShares;
        uint256 debt = ownShares.toAssetsUp(index);
        (repaid, debtShares) = assets < debt ? (assets, assets.toSharesDown(index)) : (debt, ownShares);
        _repay(collateral, owner, index, repaid, ownShares, debtShares);
    }

    /// @inheritdoc IVault
    function repayShares(
        address collateral,
        uint256 debtShares,
        address owner
    ) external override nonReentrant returns (uint256 repaid) {
        if (debtShares == 0) revert ZeroAmount();
        uint256 index = _accrue();
        uint256 ownShares = _position[collateral][owner].debtShares;
        debtShares = Math.min(debtShares, ownShares);
        repaid = debtShares.toAssetsUp(index);
        _repay(collateral, owner, index, repaid, ownShares, debtShares);
    }

    /// @inheritdoc IVault
    function setAuthorization(address operator, bool allowed) external override {
        _setAuthorization(msg.sender, operator, allowed);
    }

    /// @inheritdoc IVault
    function setAuthorizationWithSignature(
        Authorization calldata authorization,
        bytes calldata signature
    ) external override {
        if (block.timestamp > authorization.deadline) revert SignatureExpired(authorization.deadline);
        if (authorization.nonce != _useNonce(authorization.owner)) revert BadSignature();
        bytes32 digest = _hashTypedDataV4(
            keccak256(
                abi.encode(
                    AUTHORIZATION_TYPEHASH,
                    authorization.owner,
                    authorization.operator,
                    authorization.allowed,
                    authorization.nonce,
                    authorization.deadline
                )
            )
        );
        if (!SignatureChecker.isValidSignatureNowCalldata(authorization.owner, digest, signature))
            revert BadSignature();
        _setAuthorization(authorization.owner, authorization.operator, authorization.allowed);
    }

    /// @inheritdoc IVault
    function accrueInterest() external override nonReentrant {
        _accrue();
    }

    // --------------------------------------------------------------------------------- auction house and buffer

    /// @inheritdoc IVault
    function settle(
        address collateral,
        Fill[] calldata fills,
        uint256 fee,
        address payer,
        address receiver,
        address payReceiver,
        bytes calldata data
    ) external override nonReentrant onlyAuctionHouse returns (uint256[] memory debts) {
        uint256 amount;
        uint256 cost;
        (debts, amount, cost) = _applyFills(collateral, fills, fee, receiver);
        if (fee != 0) (_owed, _bufferFees) = ((_owed + fee).toUint112(), (_bufferFees + fee).toUint112());
        _writeOffUncovered(collateral, fills);

        uint256 paid;
        for (uint256 i; i < fills.length; ++i) paid += fills[i].pay;
        if (paid != 0) IERC20(collateral).safeTransfer(payReceiver, paid);

        IERC20(collateral).safeTransfer(receiver, amount);
        if (data.length != 0) IBuyer(payer).onBuy(collateral, amount, cost, data);
        IERC20(asset()).safeTransferFrom(payer, address(this), cost);
    }

    /// @inheritdoc IVault
    function setLaneCeiling(address collateral, uint256 assets) external override onlyAuctionHouse {}

    function pay(
        address collateral,
        address owner,
        uint256 amount,
        address receiver
    ) external override nonReentrant onlyAuctionHouse {
        _takeCollateral(_position[collateral][owner], amount);
        emit BountyPaid(collateral, owner, receiver, amount);
        IERC20(collateral).safeTransfer(receiver, amount);
    }

    /// @inheritdoc IVault
    function collectBufferFees() external override nonReentrant returns (uint256 assets) {
        if (msg.sender != buffer) revert NotAllowed(msg.sender, buffer);
        _accrue();
        (uint256 reserves_, uint256 fees) = _divided(_owed);
        assets = Math.min(fees, _idle);
        if (assets == 0) return 0;
        _setOwed(reserves_, fees - assets);
        _idle -= uint112(assets);
        emit BufferFeesCollected(assets);
        IERC20(asset()).safeTransfer(msg.sender, assets);
    }

    // --------------------------------------------------------------------------------------------- governance

    /// @inheritdoc IVault
    function link(address auctionHouse_, address buffer_) external override restricted {
        if (auctionHouse != address(0)) revert AlreadyLinked();
        if (auctionHouse_ == address(0) || buffer_ == address(0)) revert ZeroAddress();
        auctionHouse = auctionHouse_;
        buffer = buffer_;
        emit Linked(auctionHouse_, buffer_);
    }

    /// @inheritdoc IVault
    function setMarket(address collateral, MarketParameters calldata p) external override restricted {
        Market storage m = _market[collateral];
        uint256 lltvBps = m.lltvBps;
        if (lltvBps == 0) {
            if (collateral == asset() || collateral.code.length == 0) revert BadCollateral(collateral);
            if (_markets.length == MAX_MARKETS) revert TooManyMarkets(MAX_MARKETS);
            _markets.push(collateral);
        } else if (p.lltvBps != lltvBps) {
            revert LltvIsFixed(lltvBps);
        }
        if (p.maxLtvBps == 0 || p.maxLtvBps >= p.lltvBps || p.lltvBps >= BPS) revert BadLtv(p.maxLtvBps, p.lltvBps);
        m.oracle = p.oracle;
        m.maxLtvBps = p.maxLtvBps;
        m.lltvBps = p.lltvBps;
        m.borrowOracle = p.borrowOracle;
        m.debtCeiling = p.debtCeiling;
        m.minDebt = p.minDebt;
        emit MarketSet(collateral, p);
        // both must answer, or nobody could borrow or be sold
        p.oracle.price();
        p.borrowOracle.price();
    }

    /// @inheritdoc IVault
    function setInterestShares(uint16 reserveShareBps_, uint16 bufferShareBps_) external override restricted {
        if (uint256(reserveShareBps_) + bufferShareBps_ > BPS) {
            revert BadInterestShares(reserveShareBps_, bufferShareBps_);
        }
        _accrue();
        (uint256 reserves_, uint256 fees) = _divided(_owed);
        _setOwed(reserves_, fees);
        reserveShareBps = reserveShareBps_;
        bufferShareBps = bufferShareBps_;
        _owedShareBps = reserveShareBps_ + bufferShareBps_;
        emit InterestSharesSet(reserveShareBps_, bufferShareBps_);
    }

    /// @inheritdoc IVault
    function setBorrowPaused(bool paused) external override restricted {
        borrowPaused = paused;
        emit BorrowPausedSet(paused);
    }

    /// @inheritdoc IVault
    function withdrawReserves(uint256 assets, address receiver) external override nonReentrant restricted {
        if (receiver == address(0)) revert ZeroAddress();
        _accrue();
        (uint256 reserves_, uint256 fees) = _divided(_owed);
        uint256 available = Math.min(reserves_, _idle);
        if (assets > available) revert NotEnoughCash(assets, available);
        _setOwed(reserves_ - assets, fees);
        _idle -= uint112(assets);
        emit ReservesWithdrawn(receiver, assets);
        IERC20(asset()).safeTransfer(receiver, assets);
    }

    // ----------------------------------------------------------------------------------------------- internal

    /// @dev Brings index and what reserves and buffer are owed up to now and returns the index.
    function _accrue() internal returns (uint256 index) {
        if (block.timestamp == _accruedAt) return _indexE27;
        uint256 interest;
        uint256 owed;
        (index, interest, owed) = _accrued();
        (_indexE27, _owed) = (index.toUint120(), owed.toUint112());
        _accruedAt = uint32(block.timestamp);
        if (interest != 0) emit InterestAccrued(index, interest, owed);
    }

    /// @dev Books what reserves and buffer are owed each.
    function _setOwed(uint256 reserves_, uint256 fees) internal {
        (_reserves, _bufferFees) = (reserves_.toUint112(), fees.toUint112());
        _owed = (reserves_ + fees).toUint112();
    }

    function _takeCollateral(Position storage p, uint256 amount) internal returns (uint256 left, uint256 debtShares) {
        (left, debtShares) = (p.collateral, p.debtShares);
        if (amount > left) revert NotEnoughCollateral(amount, left);
        left -= amount;
        p.collateral = uint112(left);
    }

    /// @dev Books debt of a position and its market, and refuses what is above any of their limits.
    function _addDebt(address collateral, address owner, uint256 index, uint256 debtShares) internal {
        Market storage m = _listed(collateral);
        Position storage p = _position[collateral][owner];
        (uint256 ownCollateral, uint256 ownShares) = (p.collateral, p.debtShares + debtShares);
        uint256 marketShares = m.debtShares + debtShares;
        (p.debtShares, p.riskAt) = (ownShares.toUint112(), uint32(block.timestamp));
        m.debtShares = marketShares.toUint112();

        uint256 debt = ownShares.toAssetsUp(index);
        (uint256 minDebt, uint256 debtCeiling) = (m.minDebt, m.debtCeiling);
        if (debt < minDebt) revert DebtTooSmall(debt, minDebt);
        uint256 marketDebt = marketShares.toAssetsUp(index);
        if (marketDebt > debtCeiling) revert DebtCeilingExceeded(marketDebt, debtCeiling);
        _requireMaxLtv(m, ownCollateral, debt);
    }

    function _repay(
        address collateral,
        address owner,
        uint256 index,
        uint256 assets,
        uint256 ownShares,
        uint256 debtShares
    ) internal {
        Market storage m = _listed(collateral);
        if (ownShares == 0) revert NoDebt();

        _position[collateral][owner].debtShares = uint112(ownShares - debtShares);
        m.debtShares -= uint112(debtShares);
        (uint256 cash, uint256 allShares) = (_idle, _debtShares);
        (_idle, _debtShares) = ((cash + assets).toUint112(), uint112(allShares - debtShares));

        // a rest too small to be worth a keeper's gas would end as bad debt
        uint256 rest = (ownShares - debtShares).toAssetsUp(index);
        if (rest != 0 && rest < m.minDebt) revert DebtTooSmall(rest, m.minDebt);
        emit Repaid(collateral, owner, msg.sender, assets, debtShares);

        IERC20(asset()).safeTransferFrom(msg.sender, address(this), assets);
    }

    /// @dev Books the fills in positions, market and total debt, and their cost in cash.
    function _applyFills(
        address collateral,
        Fill[] calldata fills,
        uint256 fee,
        address receiver
    ) internal returns (uint256[] memory debts, uint256 amount, uint256 cost) {
        cost = fee;
        uint256 index = _accrue();
        uint256 shares;
        debts = new uint256[](fills.length);
        for (uint256 i; i < fills.length; ++i) {
            uint256 repaidShares;
            (repaidShares, debts[i]) = _applyFill(collateral, fills[i], index);
            amount += fills[i].collateral;
            cost += fills[i].repaid;
            shares += repaidShares;
            emit Settled(collateral, fills[i].owner, receiver, fills[i].collateral, fills[i].repaid, repaidShares);
        }
        _market[collateral].debtShares -= uint112(shares);
        (uint256 cash, uint256 allShares) = (_idle, _debtShares);
        (_idle, _debtShares) = ((cash + cost).toUint112(), uint112(allShares - shares));
    }

    /// @dev Position only; the caller sums up the totals.
    function _applyFill(
        address collateral,
        Fill calldata fill,
        uint256 index
    ) internal returns (uint256 repaidShares, uint256 debt) {
        Position storage p = _position[collateral][fill.owner];
        (uint256 held, uint256 shares) = (p.collateral, p.debtShares);
        uint256 out = fill.collateral + fill.pay;
        if (out > held) revert NotEnoughCollateral(out, held);
        debt = shares.toAssetsUp(index);
        repaidShares = fill.repaid < debt ? fill.repaid.toSharesDown(index) : shares;
        (p.collateral, p.debtShares) = (uint112(held - out), uint112(shares - repaidShares));
        debt = (shares - repaidShares).toAssetsUp(index);
    }

    /// @dev Only a position that was insolvent can end with debt and no collateral.
    function _writeOffUncovered(address collateral, Fill[] calldata fills) internal {
        for (uint256 i; i < fills.length; ++i) {
            Position storage p = _position[collateral][fills[i].owner];
            if (p.collateral == 0 && p.debtShares != 0) _writeOff(collateral, fills[i].owner, p);
        }
    }

    /// @dev Reserves bear a loss first, then the buffer, then the lenders, by what they are owed and no longer backed.
    function _writeOff(address collateral, address owner, Position storage p) internal {
        uint256 shares = p.debtShares;
        uint256 debt = shares.toAssetsUp(_indexE27);
        p.debtShares = 0;
        _market[collateral].debtShares -= uint112(shares);
        _debtShares -= uint112(shares);

        (uint256 reserves_, uint256 fees) = _divided(_owed);
        uint256 fromReserves = Math.min(debt, reserves_);
        // what the buffer has earned and left here is its money as much as its cash
        uint256 fromFees = Math.min(debt - fromReserves, fees);
        _setOwed(reserves_ - fromReserves, fees - fromFees);
        uint256 fromBuffer = fromFees;
        uint256 rest = debt - fromReserves - fromFees;
        if (rest != 0) {
            uint256 paid = ILiquidityBuffer(buffer).cover(rest);
            _idle = (_idle + paid).toUint112();
            fromBuffer += paid;
        }
        emit WrittenOff(collateral, owner, debt, shares, fromReserves, fromBuffer, debt - fromReserves - fromBuffer);
    }

    function _setAuthorization(address owner, address operator, bool allowed) internal {
        isAuthorized[owner][operator] = allowed;
        emit AuthorizationSet(owner, operator, allowed);
    }

    /// @inheritdoc ERC4626
    function _deposit(address caller, address receiver, uint256 assets, uint256 shares) internal override {
        // the price of a share stands still while the asset moves, in case that calls somebody
        super._deposit(caller, receiver, assets, shares);
        _idle = (_idle + assets).toUint112();
    }

    /// @inheritdoc ERC4626
    function _withdraw(
        address caller,
        address receiver,
        address owner,
        uint256 assets,
        uint256 shares
    ) internal override {
        _idle = (_idle - assets).toUint112();
        super._withdraw(caller, receiver, owner, assets, shares);
    }

    // ------------------------------------------------------------------------------------------ internal views

    function _listed(address collateral) internal view returns (Market storage m) {
        m = _market[collateral];
        // of the slot that every change of debt writes
        if (m.maxLtvBps == 0) revert MarketNotListed(collateral);
    }

    function _requireMaxLtv(Market storage m, uint256 collateral, uint256 debt) internal view {
        uint256 ltvWad = collateral.ltvWadUp(debt, m.borrowOracle.price());
        uint256 maxLtvWad = m.maxLtvBps * WAD_PER_BPS;
        if (ltvWad > maxLtvWad) revert LtvTooHigh(ltvWad, maxLtvWad);
    }

    /// @dev As of now: the index, the interest since the last accrual, what reserves and buffer are owed in all.
    function _accrued() internal view returns (uint256 index, uint256 interest, uint256 owed) {
        uint256 owedShareBps;
        (index, owed, owedShareBps) = (_indexE27, _owed, _owedShareBps);
        (uint256 cash, uint256 debtShares, uint256 accruedAt) = (_idle, _debtShares, _accruedAt);
        uint256 elapsed = block.timestamp - accruedAt;
        if (elapsed == 0 || debtShares == 0) return (index, 0, owed);

        uint256 debt = debtShares.toAssetsDown(index);
        uint256 utilisationWad = debt == 0 ? 0 : Math.fullMulDiv(debt, WAD, debt + cash);
        uint256 rateWad = Math.min(interestRateModel.borrowRatePerSecondWad(utilisationWad), MAX_RATE_PER_SECOND_WAD);
        index = Math.fullMulDiv(index, uint256(Math.expWad(int256(rateWad * elapsed))), WAD);
        interest = debtShares.toAssetsDown(index) - debt;
        owed += (interest * owedShareBps) / BPS;
    }

    /// @dev What of `owed` is the reserves' and what the buffer's.
    function _divided(uint256 owed) internal view returns (uint256 reserves_, uint256 fees) {
        (reserves_, fees) = (_reserves, _bufferFees);
        uint256 rest = owed - reserves_ - fees;
        if (rest == 0) return (reserves_, fees);
        (uint256 reserveShare, uint256 bufferShare) = (reserveShareBps, bufferShareBps);
        uint256 toReserves = (rest * reserveShare) / (reserveShare + bufferShare);
        return (reserves_ + toReserves, fees + rest - toReserves);
    }

    /// @inheritdoc ERC4626
    function _convertToShares(uint256 assets, OZMath.Rounding rounding) internal view override returns (uint256) {
        return _mulDiv(assets, totalSupply() + 10 ** _decimalsOffset(), totalAssets() + 1, rounding);
    }

    /// @inheritdoc ERC4626
    function _convertToAssets(uint256 shares, OZMath.Rounding rounding) internal view override returns (uint256) {
        return _mulDiv(shares, totalAssets() + 1, totalSupply() + 10 ** _decimalsOffset(), rounding);
    }

    function _mulDiv(uint256 x, uint256 y, uint256 d, OZMath.Rounding rounding) internal pure returns (uint256) {
        return rounding == OZMath.Rounding.Ceil ? Math.fullMulDivUp(x, y, d) : Math.fullMulDiv(x, y, d);
    }

    /// @dev Ten to the three virtual shares an asset unit make inflating the first deposit cost a thousand times its prey.
    function _decimalsOffset() internal pure override returns (uint8) {
        return 3;
    }

    // ------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IVault
    function markets() external view override returns (address[] memory) {
        return _markets;
    }

    /// @inheritdoc IVault
    function market(address collateral) external view override returns (Market memory) {
        return _market[collateral];
    }

    /// @inheritdoc IVault
    function position(address collateral, address owner) external view override returns (Position memory) {
        return _position[collateral][owner];
    }

    /// @inheritdoc IVault
    function snapshot(
        address collateral,
        address[] calldata owners
    )
        external
        view
        override
        returns (uint256 priceE36, uint256 lltvBps, uint256 minDebt, PositionState[] memory positions)
    {
        Market storage m = _market[collateral];
        IOracle oracle;
        (oracle, lltvBps) = (m.oracle, m.lltvBps);
        if (lltvBps == 0) revert MarketNotListed(collateral);
        priceE36 = oracle.price();
        minDebt = m.minDebt;
        (uint256 index, , ) = _accrued();
        positions = new PositionState[](owners.length);
        for (uint256 i; i < owners.length; ++i) {
            Position storage p = _position[collateral][owners[i]];
            (uint256 held, uint256 debtShares, uint256 riskAt) = (p.collateral, p.debtShares, p.riskAt);
            positions[i] = PositionState(held, debtShares.toAssetsUp(index), riskAt);
        }
    }

    /// @inheritdoc IVault
    function debtOf(address collateral, address owner) external view override returns (uint256) {
        (uint256 index, , ) = _accrued();
        return uint256(_position[collateral][owner].debtShares).toAssetsUp(index);
    }

    /// @inheritdoc IVault
    function idle() external view override returns (uint256) {
        return _idle;
    }

    /// @inheritdoc IVault
    function indexE27() external view override returns (uint256 index) {
        (index, , ) = _accrued();
    }

    /// @inheritdoc IVault
    function totalDebt() external view override returns (uint256) {
        (uint256 index, , ) = _accrued();
        return uint256(_debtShares).toAssetsDown(index);
    }

    /// @inheritdoc IVault
    function totalDebtShares() external view override returns (uint256) {
        return _debtShares;
    }

    /// @inheritdoc IVault
    function reserves() external view override returns (uint256 assets) {
        (, , uint256 owed) = _accrued();
        (assets, ) = _divided(owed);
    }

    /// @inheritdoc IVault
    function bufferFees() external view override returns (uint256 assets) {
        (, , uint256 owed) = _accrued();
        (, assets) = _divided(owed);
    }

    /// @inheritdoc IERC4626
    /// @dev Cash and debts, less what reserves and the buffer are owed of them.
    function totalAssets() public view override(ERC4626, IERC4626) returns (uint256) {
        (uint256 index, , uint256 owed) = _accrued();
        (uint256 cash, uint256 debtShares) = (_idle, _debtShares);
        return Math.zeroFloorSub(cash + debtShares.toAssetsDown(index), owed);
    }

    /// @inheritdoc IERC4626
    function maxWithdraw(address owner) public view override(ERC4626, IERC4626) returns (uint256) {
        return Math.min(super.maxWithdraw(owner), _idle);
    }

    /// @inheritdoc IERC4626
    function maxRedeem(address owner) public view override(ERC4626, IERC4626) returns (uint256) {
        return Math.min(super.maxRedeem(owner), _convertToShares(_idle, OZMath.Rounding.Floor));
    }

    /// @inheritdoc IERC3156FlashLender
    function maxFlashLoan(address token) external view override returns (uint256) {
        return token == asset() ? _idle : 0;
    }

    /// @inheritdoc IERC3156FlashLender
    function flashFee(address token, uint256) external view override returns (uint256) {
        if (token != asset()) revert FlashLoanUnsupported(token);
        return 0;
    }

    /// @inheritdoc IERC20Permit
    function nonces(address owner) public view override(ERC20Permit, IERC20Permit) returns (uint256) {
        return super.nonces(owner);
    }

    /// @inheritdoc IERC20Metadata
    function decimals() public view override(ERC20, ERC4626, IERC20Metadata) returns (uint8) {
        return super.decimals();
    }
}
