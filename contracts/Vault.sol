// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { AccessManaged } from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import { IERC20Metadata } from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import { IERC3156FlashBorrower } from "@openzeppelin/contracts/interfaces/IERC3156FlashBorrower.sol";
import { IERC3156FlashLender } from "@openzeppelin/contracts/interfaces/IERC3156FlashLender.sol";
import { ERC20, ERC20Permit, IERC20Permit } from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import { ECDSA } from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import { ERC4626, IERC20, IERC4626 } from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import { Multicall } from "@openzeppelin/contracts/utils/Multicall.sol";
import { ReentrancyGuardTransient } from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import { Math as OZMath } from "@openzeppelin/contracts/utils/math/Math.sol";
import { SafeCast } from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { SignatureChecker } from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import { FixedPointMathLib as Math } from "solady/src/utils/FixedPointMathLib.sol";
import { SafeTransferLib } from "solady/src/utils/SafeTransferLib.sol";
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

    /// @dev A thousand virtual shares per asset unit: inflating the first deposit costs a thousand times its prey.
    uint256 internal constant VIRTUAL_SHARES = 1000;

    /// @dev 1000 % a year, continuously compounded: no rate model can run away with the debt.
    uint256 internal constant MAX_RATE_PER_SECOND_WAD = (10 * WAD) / uint256(365 days);

    bytes32 internal constant AUTHORIZATION_TYPEHASH = keccak256(
        "Authorization(address owner,address operator,bool allowed,uint256 nonce,uint256 deadline)"
    );

    bytes32 internal constant PERMIT_TYPEHASH = keccak256(
        "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
    );

    /// @dev A permit doesn't name its nonce. Four are more signatures than a transaction carries.
    uint256 internal constant USED_NONCES_CHECKED = 4;

    bytes32 internal constant FLASH_LOAN_SUCCESS = keccak256("ERC3156FlashBorrower.onFlashLoan");

    /// @dev The totals of a settlement. `uncovered`: a position is left with debt and no collateral.
    struct Sums {
        uint256 collateral;
        uint256 pay;
        uint256 cost;
        uint256 debtShares;
        bool uncovered;
    }

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
        _requireCaller(auctionHouse);
        _;
    }

    /// @dev Before anything that lets a position take more: only its owner and whom the owner authorised.
    modifier onlyAuthorized(address owner) {
        _requireAuthorized(owner);
        _;
    }

    // ------------------------------------------------------------------------------------------------ lenders

    /// @inheritdoc IERC4626
    function deposit(
        uint256 assets,
        address receiver
    ) public override(ERC4626, IERC4626) nonReentrant returns (uint256) {
        _accrue();
        uint256 shares = previewDeposit(assets);
        _deposit(msg.sender, receiver, assets, shares);
        return shares;
    }

    /// @inheritdoc IERC4626
    function mint(uint256 shares, address receiver) public override(ERC4626, IERC4626) nonReentrant returns (uint256) {
        _accrue();
        uint256 assets = previewMint(shares);
        _deposit(msg.sender, receiver, assets, shares);
        return assets;
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
        _requireAsset(token);
        _requireCash(amount, _idle);
        _transferOut(address(receiver), amount);
        if (receiver.onFlashLoan(msg.sender, token, amount, 0, data) != FLASH_LOAN_SUCCESS) {
            revert FlashLoanRefused(address(receiver));
        }
        _transferIn(address(receiver), amount);
        return true;
    }

    // ---------------------------------------------------------------------------------------------- borrowers

    /// @inheritdoc IVault
    function supplyCollateral(address collateral, uint256 amount, address owner) external override nonReentrant {
        _requireAmount(amount);
        _requireAddress(owner);
        _requireListed(collateral, _marketOf(collateral).maxLtvBps);
        Position storage p = _positionOf(collateral, owner);

        p.collateral = (p.collateral + amount).toUint112();
        emit CollateralSupplied(collateral, owner, msg.sender, amount);

        uint256 before = SafeTransferLib.balanceOf(collateral, address(this));
        IERC20(collateral).safeTransferFrom(msg.sender, address(this), amount);
        // a token that takes a fee would leave the last of the market's borrowers short
        if (SafeTransferLib.balanceOf(collateral, address(this)) < before + amount)
            revert TransferIncomplete(collateral);
    }

    /// @inheritdoc IVault
    function withdrawCollateral(
        address collateral,
        uint256 amount,
        address owner,
        address receiver
    ) external override nonReentrant onlyAuthorized(owner) {
        _requireAmount(amount);
        _requireAddress(receiver);
        Market storage m = _marketOf(collateral);
        uint256 maxLtvBps = m.maxLtvBps;
        _requireListed(collateral, maxLtvBps);
        Position storage p = _positionOf(collateral, owner);

        (uint256 left, uint256 debtShares) = _takeCollateral(p, amount);
        if (debtShares != 0) {
            p.riskAt = uint32(block.timestamp);
            // no cash moves, so that the next call that moves some can book the interest
            (uint256 index, , ) = _accrued();
            _requireMaxLtv(m.borrowOracle, maxLtvBps, left, debtShares.toAssetsUp(index));
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
        _requireAmount(assets);
        _requireAddress(receiver);
        if (borrowPaused) revert BorrowPaused();
        uint256 index = _accrue();
        debtShares = assets.toSharesUp(index);
        (uint256 cash, uint256 allShares) = (_idle, _debtShares);
        _requireCash(assets, cash);
        unchecked {
            _setCash(cash - assets, allShares + debtShares);
        }
        _addDebt(collateral, owner, index, debtShares);
        emit Borrowed(collateral, owner, receiver, msg.sender, assets, debtShares);

        _transferOut(receiver, assets);
    }

    /// @inheritdoc IVault
    function repay(
        address collateral,
        uint256 assets,
        address owner
    ) external override nonReentrant returns (uint256 repaid, uint256 debtShares) {
        _requireAmount(assets);
        uint256 index = _accrue();
        Position storage p = _positionOf(collateral, owner);
        uint256 ownShares = p.debtShares;
        uint256 debt = ownShares.toAssetsUp(index);
        (repaid, debtShares) = assets < debt ? (assets, assets.toSharesDown(index)) : (debt, ownShares);
        return _repay(collateral, owner, p, index, repaid, ownShares, debtShares);
    }

    /// @inheritdoc IVault
    function repayShares(
        address collateral,
        uint256 debtShares,
        address owner
    ) external override nonReentrant returns (uint256 repaid) {
        _requireAmount(debtShares);
        uint256 index = _accrue();
        Position storage p = _positionOf(collateral, owner);
        uint256 ownShares = p.debtShares;
        debtShares = Math.min(debtShares, ownShares);
        (repaid, ) = _repay(collateral, owner, p, index, debtShares.toAssetsUp(index), ownShares, debtShares);
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
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(AUTHORIZATION_TYPEHASH, authorization)));
        (address owner, address operator, bool allowed) = (
            authorization.owner,
            authorization.operator,
            authorization.allowed
        );
        if (!SignatureChecker.isValidSignatureNowCalldata(owner, digest, signature)) revert BadSignature();
        uint256 next = nonces(owner);
        if (authorization.nonce == next) {
            _useNonce(owner);
            _setAuthorization(owner, operator, allowed);
        } else if (authorization.nonce > next || isAuthorized[owner][operator] != allowed) {
            // a used one passes only where it changes nothing, so that submitting it first can't make a `multicall` fail
            revert BadSignature();
        }
    }

    /// @inheritdoc IERC20Permit
    /// @dev A permit that was used already passes without effect while the allowance is what it says, so that submitting it
    /// first can't make a `multicall` fail. The signature is checked all the same: success proves the owner's consent.
    function permit(
        address owner,
        address spender,
        uint256 value,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) public override(ERC20Permit, IERC20Permit) {
        if (block.timestamp > deadline) revert ERC2612ExpiredSignature(deadline);
        uint256 next = nonces(owner);
        address signer;
        for (uint256 used; used <= Math.min(next, USED_NONCES_CHECKED); ++used) {
            bytes32 structHash = keccak256(abi.encode(PERMIT_TYPEHASH, owner, spender, value, next - used, deadline));
            (address recovered, , ) = ECDSA.tryRecover(_hashTypedDataV4(structHash), v, r, s);
            if (used == 0) {
                signer = recovered;
                if (signer == owner) {
                    _useNonce(owner);
                    _approve(owner, spender, value);
                    return;
                }
                if (allowance(owner, spender) != value) break;
            } else if (recovered == owner) {
                return;
            }
        }
        revert ERC2612InvalidSigner(signer, owner);
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
        Sums memory sums;
        sums.cost = fee;
        debts = _applyFills(collateral, fills, receiver, payReceiver, sums);
        if (fee != 0) (_owed, _bufferFees) = ((_owed + fee).toUint112(), (_bufferFees + fee).toUint112());
        if (sums.uncovered) _writeOffUncovered(collateral, fills);

        _send(collateral, receiver, sums.collateral);
        _send(collateral, payReceiver, sums.pay);
        if (data.length != 0) IBuyer(payer).onBuy(collateral, sums.collateral, sums.cost, data);
        _transferIn(payer, sums.cost);
    }

    /// @inheritdoc IVault
    function pay(
        address collateral,
        address owner,
        uint256 amount,
        address receiver
    ) external override nonReentrant onlyAuctionHouse {
        _takeCollateral(_positionOf(collateral, owner), amount);
        emit Paid(collateral, owner, receiver, amount);
        _send(collateral, receiver, amount);
    }

    /// @inheritdoc IVault
    function setLaneCeiling(address collateral, uint256 assets) external override onlyAuctionHouse {
        Market storage m = _marketOf(collateral);
        _requireListed(collateral, m.maxLtvBps);
        uint256 laneCeiling = Math.min(assets, type(uint112).max);
        if (laneCeiling == m.laneCeiling) return;
        m.laneCeiling = uint112(laneCeiling);
        m.ceiling = uint112(Math.min(laneCeiling, m.debtCeiling));
        emit LaneCeilingSet(collateral, laneCeiling);
    }

    /// @inheritdoc IVault
    function collectBufferFees() external override nonReentrant returns (uint256 assets) {
        _requireCaller(buffer);
        _accrue();
        (uint256 reserves_, uint256 fees) = _divided(_owed);
        assets = Math.min(fees, _idle);
        if (assets == 0) return 0;
        emit BufferFeesCollected(assets);
        _payOwed(msg.sender, assets, reserves_, fees - assets);
    }

    // --------------------------------------------------------------------------------------------- governance

    /// @inheritdoc IVault
    function link(address auctionHouse_, address buffer_) external override restricted {
        if (auctionHouse != address(0)) revert AlreadyLinked();
        _requireAddress(auctionHouse_);
        _requireAddress(buffer_);
        auctionHouse = auctionHouse_;
        buffer = buffer_;
        emit Linked(auctionHouse_, buffer_);
    }

    /// @inheritdoc IVault
    function setMarket(address collateral, MarketParameters calldata parameters) external override restricted {
        // checked once, as it is read several times
        MarketParameters memory p = parameters;
        Market storage m = _marketOf(collateral);
        uint256 lltvBps = m.lltvBps;
        if (lltvBps == 0) {
            if (collateral == asset() || collateral.code.length == 0) revert BadCollateral(collateral);
            if (_markets.length == MAX_MARKETS) revert TooManyMarkets(MAX_MARKETS);
        } else if (p.lltvBps != lltvBps) {
            revert LltvIsFixed(lltvBps);
        }
        if (p.maxLtvBps == 0 || p.maxLtvBps >= p.lltvBps || p.lltvBps >= BPS) revert BadLtv(p.maxLtvBps, p.lltvBps);
        // both must answer, or nobody could borrow or be sold
        _requirePrice(p.oracle);
        _requirePrice(p.borrowOracle);
        if (lltvBps == 0) _markets.push(collateral);
        // slot by slot
        (m.oracle, m.lltvBps) = (p.oracle, p.lltvBps);
        (m.borrowOracle, m.minDebt) = (p.borrowOracle, p.minDebt);
        m.debtCeiling = p.debtCeiling;
        (m.ceiling, m.maxLtvBps) = (uint112(Math.min(p.debtCeiling, m.laneCeiling)), p.maxLtvBps);
        emit MarketSet(collateral, p);
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
        _requireAddress(receiver);
        _accrue();
        (uint256 reserves_, uint256 fees) = _divided(_owed);
        _requireCash(assets, Math.min(reserves_, _idle));
        emit ReservesWithdrawn(receiver, assets);
        _payOwed(receiver, assets, reserves_ - assets, fees);
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

    function _setCash(uint256 cash, uint256 debtShares) internal {
        (_idle, _debtShares) = (cash.toUint112(), debtShares.toUint112());
    }

    /// @dev Pays out what reserves or buffer are owed, and books what is left to each.
    function _payOwed(address receiver, uint256 assets, uint256 reserves_, uint256 fees) internal {
        _setOwed(reserves_, fees);
        _setCash(_idle - assets, _debtShares);
        _transferOut(receiver, assets);
    }

    /// @dev Books cash that comes in for debt that goes.
    function _takeIn(uint256 assets, uint256 debtShares) internal {
        (uint256 cash, uint256 allShares) = (_idle, _debtShares);
        _setCash(cash + assets, allShares - debtShares);
    }

    function _takeCollateral(Position storage p, uint256 amount) internal returns (uint256 left, uint256 debtShares) {
        (left, debtShares) = (p.collateral, p.debtShares);
        if (amount > left) revert NotEnoughCollateral(amount, left);
        unchecked {
            left -= amount;
        }
        p.collateral = uint112(left);
    }

    /// @dev Books debt of a position and its market, and refuses what is above any of their limits. The total, which the caller
    /// books and checks, is the sum of all: where it fits, so do they.
    function _addDebt(address collateral, address owner, uint256 index, uint256 debtShares) internal {
        Market storage m = _marketOf(collateral);
        // in one expression, so that each slot is read once
        (uint256 ceiling, uint256 marketShares, uint256 maxLtvBps) = (m.ceiling, m.debtShares, m.maxLtvBps);
        _requireListed(collateral, maxLtvBps);
        Position storage p = _positionOf(collateral, owner);
        (uint256 ownCollateral, uint256 ownShares) = (p.collateral, p.debtShares);
        unchecked {
            ownShares += debtShares;
            marketShares += debtShares;
        }
        (p.debtShares, p.riskAt) = (uint112(ownShares), uint32(block.timestamp));
        m.debtShares = uint112(marketShares);

        uint256 debt = ownShares.toAssetsUp(index);
        (uint256 minDebt, IOracle borrowOracle) = (m.minDebt, m.borrowOracle);
        if (debt < minDebt) revert DebtTooSmall(debt, minDebt);
        uint256 marketDebt = marketShares.toAssetsUp(index);
        if (marketDebt > ceiling) revert DebtCeilingExceeded(marketDebt, ceiling);
        _requireMaxLtv(borrowOracle, maxLtvBps, ownCollateral, debt);
    }

    /// @dev Books a repayment of `assets` for `debtShares`, or less where that would leave a debt under `minDebt`.
    function _repay(
        address collateral,
        address owner,
        Position storage p,
        uint256 index,
        uint256 assets,
        uint256 ownShares,
        uint256 debtShares
    ) internal returns (uint256, uint256) {
        Market storage m = _marketOf(collateral);
        (uint256 marketShares, uint256 maxLtvBps) = (m.debtShares, m.maxLtvBps);
        _requireListed(collateral, maxLtvBps);
        if (ownShares == 0) revert NoDebt();
        uint256 left;
        unchecked {
            left = ownShares - debtShares;
        }
        if (left != 0) {
            uint256 minDebt = m.minDebt;
            uint256 rest = left.toAssetsUp(index);
            // a rest too small to be worth a keeper's gas would end as bad debt
            if (rest < minDebt) {
                left = _leastShares(minDebt, index);
                // less is taken and not refused, or a unit repaid ahead would spoil a repayment down to `minDebt`
                if (left >= ownShares) revert DebtTooSmall(rest, minDebt);
                debtShares = ownShares - left;
                assets = debtShares.toAssetsUp(index);
            }
        }
        p.debtShares = uint112(left);
        m.debtShares = uint112(marketShares - debtShares);
        _takeIn(assets, debtShares);
        emit Repaid(collateral, owner, msg.sender, assets, debtShares);

        _transferIn(msg.sender, assets);
        return (assets, debtShares);
    }

    /// @dev Books the fills in positions, market and total debt, and their cost in cash.
    function _applyFills(
        address collateral,
        Fill[] calldata fills,
        address receiver,
        address payReceiver,
        Sums memory sums
    ) internal returns (uint256[] memory debts) {
        uint256 index = _accrue();
        debts = new uint256[](fills.length);
        for (uint256 i; i < fills.length; ++i) {
            Fill calldata fill = fills[i];
            uint256 paid = fill.pay;
            uint256 repaidShares;
            (repaidShares, debts[i]) = _applyFill(_positionOf(collateral, fill.owner), fill, index, sums);
            emit Settled(collateral, fill.owner, receiver, fill.collateral, fill.repaid, repaidShares);
            if (paid != 0) emit Paid(collateral, fill.owner, payReceiver, paid);
        }
        _marketOf(collateral).debtShares -= uint112(sums.debtShares);
        _takeIn(sums.cost, sums.debtShares);
    }

    /// @dev Books a fill in its position and in `sums`; the caller books those.
    function _applyFill(
        Position storage p,
        Fill calldata fill,
        uint256 index,
        Sums memory sums
    ) internal returns (uint256 repaidShares, uint256 debt) {
        (uint256 sold, uint256 repaid, uint256 paid) = (fill.collateral, fill.repaid, fill.pay);
        (uint256 left, uint256 shares) = _takeCollateral(p, sold + paid);
        debt = shares.toAssetsUp(index);
        repaidShares = repaid < debt ? repaid.toSharesDown(index) : shares;
        shares -= repaidShares;
        p.debtShares = uint112(shares);
        debt = shares.toAssetsUp(index);
        sums.collateral += sold;
        sums.pay += paid;
        sums.cost += repaid;
        sums.debtShares += repaidShares;
        if (left == 0 && shares != 0) sums.uncovered = true;
    }

    /// @dev Only a position that was insolvent can end with debt and no collateral.
    function _writeOffUncovered(address collateral, Fill[] calldata fills) internal {
        for (uint256 i; i < fills.length; ++i) {
            Position storage p = _positionOf(collateral, fills[i].owner);
            if (p.collateral == 0 && p.debtShares != 0) _writeOff(collateral, fills[i].owner, p);
        }
    }

    /// @dev Reserves bear a loss first, then the buffer, then the lenders, by what they are owed and no longer backed.
    function _writeOff(address collateral, address owner, Position storage p) internal {
        uint256 shares = p.debtShares;
        uint256 debt = shares.toAssetsUp(_indexE27);
        p.debtShares = 0;
        _marketOf(collateral).debtShares -= uint112(shares);
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
            _takeIn(paid, 0);
            fromBuffer += paid;
        }
        emit WrittenOff(collateral, owner, debt, shares, fromReserves, fromBuffer, debt - fromReserves - fromBuffer);
    }

    /// @dev Some tokens refuse a transfer of nothing.
    function _send(address token, address receiver, uint256 amount) internal {
        if (amount != 0) IERC20(token).safeTransfer(receiver, amount);
    }

    function _setAuthorization(address owner, address operator, bool allowed) internal {
        isAuthorized[owner][operator] = allowed;
        emit AuthorizationSet(owner, operator, allowed);
    }

    /// @inheritdoc ERC4626
    function _deposit(address caller, address receiver, uint256 assets, uint256 shares) internal override {
        // the price of a share stands still while the asset moves, in case that calls somebody
        super._deposit(caller, receiver, assets, shares);
        _takeIn(assets, 0);
    }

    /// @inheritdoc ERC4626
    function _withdraw(
        address caller,
        address receiver,
        address owner,
        uint256 assets,
        uint256 shares
    ) internal override {
        _setCash(_idle - assets, _debtShares);
        super._withdraw(caller, receiver, owner, assets, shares);
    }

    // ------------------------------------------------------------------------------------------ internal views

    function _requireAmount(uint256 amount) internal pure {
        if (amount == 0) revert ZeroAmount();
    }

    function _requireAddress(address account) internal pure {
        if (account == address(0)) revert ZeroAddress();
    }

    function _requireCaller(address expected) internal view {
        if (msg.sender != expected) revert NotAllowed(msg.sender, expected);
    }

    function _requireAuthorized(address owner) internal view {
        if (msg.sender != owner && !isAuthorized[owner][msg.sender]) revert NotAuthorized(msg.sender, owner);
    }

    function _requireCash(uint256 wanted, uint256 available) internal pure {
        if (wanted > available) revert NotEnoughCash(wanted, available);
    }

    function _requireAsset(address token) internal view {
        if (token != asset()) revert FlashLoanUnsupported(token);
    }

    function _price(IOracle oracle) internal view returns (uint256) {
        return oracle.price();
    }

    function _requirePrice(IOracle oracle) internal view {
        if (_price(oracle) == 0) revert PriceIsZero(oracle);
    }

    /// @dev The fewest debt shares that owe `minDebt`, rounded up.
    function _leastShares(uint256 minDebt, uint256 index) internal pure returns (uint256) {
        return (minDebt - 1).toSharesDown(index) + 1;
    }

    /// @dev Shared, as the hash of two keys takes more bytecode than a jump.
    function _positionOf(address collateral, address owner) internal view returns (Position storage) {
        return _position[collateral][owner];
    }

    function _marketOf(address collateral) internal view returns (Market storage) {
        return _market[collateral];
    }

    /// @param maxLtvBps The market's: of the slot that every change of debt writes.
    function _requireListed(address collateral, uint256 maxLtvBps) internal pure {
        if (maxLtvBps == 0) revert MarketNotListed(collateral);
    }

    function _requireMaxLtv(IOracle borrowOracle, uint256 maxLtvBps, uint256 collateral, uint256 debt) internal view {
        uint256 ltvWad = collateral.ltvWadUp(debt, _price(borrowOracle));
        uint256 maxLtvWad = maxLtvBps * WAD_PER_BPS;
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
        return _mulDiv(assets, totalSupply() + VIRTUAL_SHARES, totalAssets() + 1, rounding);
    }

    /// @inheritdoc ERC4626
    function _convertToAssets(uint256 shares, OZMath.Rounding rounding) internal view override returns (uint256) {
        return _mulDiv(shares, totalAssets() + 1, totalSupply() + VIRTUAL_SHARES, rounding);
    }

    function _mulDiv(uint256 x, uint256 y, uint256 d, OZMath.Rounding rounding) internal pure returns (uint256) {
        return rounding == OZMath.Rounding.Ceil ? Math.fullMulDivUp(x, y, d) : Math.fullMulDiv(x, y, d);
    }

    /// @dev `VIRTUAL_SHARES` as a power of ten.
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
        return _marketOf(collateral);
    }

    /// @inheritdoc IVault
    function position(address collateral, address owner) external view override returns (Position memory) {
        return _positionOf(collateral, owner);
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
        Market storage m = _marketOf(collateral);
        IOracle oracle;
        (oracle, lltvBps) = (m.oracle, m.lltvBps);
        if (lltvBps == 0) revert MarketNotListed(collateral);
        priceE36 = _price(oracle);
        minDebt = m.minDebt;
        (uint256 index, , ) = _accrued();
        positions = new PositionState[](owners.length);
        for (uint256 i; i < owners.length; ++i) {
            Position storage p = _positionOf(collateral, owners[i]);
            (uint256 held, uint256 debtShares, uint256 riskAt) = (p.collateral, p.debtShares, p.riskAt);
            PositionState memory state = positions[i];
            (state.collateral, state.debt, state.riskAt) = (held, debtShares.toAssetsUp(index), riskAt);
        }
    }

    /// @inheritdoc IVault
    function debtOf(address collateral, address owner) external view override returns (uint256) {
        (uint256 index, , ) = _accrued();
        return uint256(_positionOf(collateral, owner).debtShares).toAssetsUp(index);
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
    /// @dev The cash ends at 2^112; after several total losses of the lenders the shares may end first.
    function maxDeposit(address) public view override(ERC4626, IERC4626) returns (uint256) {
        uint256 room = type(uint112).max - _idle;
        uint256 supply = totalSupply();
        // up to there 2^112 assets are less than 2^256 shares; from there on the conversion below can't overflow
        if (supply < 1 << 143) return room;
        return Math.min(room, _convertToAssets(type(uint256).max - VIRTUAL_SHARES - supply, OZMath.Rounding.Floor));
    }

    /// @inheritdoc IERC4626
    function maxMint(address receiver) public view override(ERC4626, IERC4626) returns (uint256) {
        return _convertToShares(maxDeposit(receiver), OZMath.Rounding.Floor);
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
        _requireAsset(token);
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
