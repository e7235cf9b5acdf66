// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { AccessManager } from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { IERC20Metadata } from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import { FixedPointMathLib as Math } from "solady/src/utils/FixedPointMathLib.sol";
import { AuctionHouse } from "../../contracts/AuctionHouse.sol";
import { LiquidityBuffer } from "../../contracts/LiquidityBuffer.sol";
import { Vault } from "../../contracts/Vault.sol";
import { IAggregatorV3 } from "../../contracts/interfaces/IAggregatorV3.sol";
import { IAuctionHouse } from "../../contracts/interfaces/IAuctionHouse.sol";
import { ILiquidityBuffer } from "../../contracts/interfaces/ILiquidityBuffer.sol";
import { IVault } from "../../contracts/interfaces/IVault.sol";
import { MockAggregatorV3 } from "../../contracts/mocks/MockAggregatorV3.sol";
import { MockDepth } from "../../contracts/mocks/MockDepth.sol";
import { MockERC20 } from "../../contracts/mocks/MockERC20.sol";
import { MockOracle } from "../../contracts/mocks/MockOracle.sol";
import { ChainlinkOracle } from "../../contracts/oracles/ChainlinkOracle.sol";
import { KinkedRateModel } from "../../contracts/rates/KinkedRateModel.sol";
import { ForgeTest } from "../forge/ForgeTest.sol";
import { Attacker } from "./Attacker.sol";
import { SecondSource } from "./SecondSource.sol";
import { StrangeToken } from "./StrangeToken.sol";

/// @dev What our tokens have in common. Without return values, so that it fits those that return nothing as well.
interface IToken {
    function mint(address account, uint256 amount) external;
    function approve(address spender, uint256 amount) external;
    function transfer(address to, uint256 amount) external;
    function balanceOf(address account) external view returns (uint256);
}

/// @notice The whole protocol, with ordinary tokens or with strange ones, and everybody in it. All start with more money than they
/// can use, so that no call makes any.
abstract contract World is ForgeTest {
    uint256 internal constant WAD = 1e18;
    uint256 internal constant BPS = 1e4;
    uint256 internal constant WAD_PER_BPS = 1e14;
    uint256 internal constant HOUR = 3600;
    uint256 internal constant OWNERS = 4;
    uint32 internal constant MAX_AGE = 1 days;

    /// @dev `dollarE36` is the oracle price of a token that is worth one loan asset.
    struct Market {
        IToken token;
        MockAggregatorV3 feed;
        MockDepth depth;
        SecondSource second;
        uint256 unit;
        uint256 dollarE36;
    }

    IToken internal loan;
    Vault public vault;
    AuctionHouse public house;
    LiquidityBuffer public buffer;
    Attacker internal attacker;
    MockOracle internal native;
    Market[] internal _markets;
    address[] internal owners;
    address[2] internal lenders;
    address[2] internal underwriters;
    address internal keeper;
    address internal operator;
    /// @dev The last borrower, who is a keeper and an underwriter as well, also of its own positions.
    address internal dealer;
    uint256 internal one;
    bool internal strange;
    /// @dev Time passes only in some actions; every call starts at this one.
    uint256 public clock = 1_700_000_000;
    /// @dev What a unit of gas costs, wei; every call starts at this one too.
    uint256 internal baseFee = 20 gwei;

    constructor(bool strange_) {
        vm.warp(clock);
        strange = strange_;
        one = strange ? 1e18 : 1e6;
        loan = _token(strange ? 18 : 6, true);
        AccessManager manager = new AccessManager(address(this));
        KinkedRateModel rates = new KinkedRateModel(0.9e18, 0.01e18, 0.05e18, 1e18);
        vault = new Vault(IERC20(address(loan)), "Vault", "V", rates, address(manager));
        house = new AuctionHouse(vault, address(manager));
        buffer = new LiquidityBuffer(house, "Buffer", "B", 1 hours, address(manager));
        vault.link(address(house), address(buffer));
        vault.setInterestShares(500, 500);
        attacker = new Attacker();
        native = new MockOracle((2000 * one * 1e36) / 1e18);
        keeper = actor("keeper");
        operator = actor("operator");
        for (uint256 i; i < OWNERS; ++i) owners.push(actor(string.concat("borrower ", _digit(i))));
        dealer = owners[OWNERS - 1];
        for (uint256 i; i < 2; ++i) {
            lenders[i] = actor(string.concat("lender ", _digit(i)));
            underwriters[i] = actor(string.concat("underwriter ", _digit(i)));
        }
        if (strange) {
            _list(0, false, 20);
            _list(6, true, 1);
            _list(8, false, 60_000);
            _list(27, false, 2000);
        } else {
            _list(18, true, 2000);
            _list(8, true, 60_000);
        }
        house.setPay(_standardPay());
        for (uint256 i; i < OWNERS; ++i) _fund(owners[i]);
        for (uint256 i; i < 2; ++i) {
            _fund(lenders[i]);
            _fund(underwriters[i]);
        }
        _fund(keeper);
        _fund(operator);
        _fund(address(attacker));

        vm.prank(lenders[0]);
        vault.deposit(1_000_000 * one, lenders[0]);
        vm.prank(underwriters[0]);
        buffer.deposit(15_000 * one, underwriters[0]);
    }

    function _digit(uint256 i) internal pure returns (string memory) {
        return string(abi.encodePacked(uint8(49 + i)));
    }

    function _token(uint8 decimals, bool returnsNothing) internal returns (IToken) {
        return
            strange
                ? IToken(address(new StrangeToken(decimals, returnsNothing)))
                : IToken(address(new MockERC20("Token", "T", decimals)));
    }

    function _fund(address who) internal {
        _fundWith(loan, who, 1e15 * one);
        for (uint256 k; k < _markets.length; ++k) _fundWith(_markets[k].token, who, type(uint112).max);
    }

    function _fundWith(IToken token, address who, uint256 amount) internal {
        token.mint(who, amount);
        vm.startPrank(who);
        token.approve(address(vault), type(uint256).max);
        token.approve(address(buffer), type(uint256).max);
        vm.stopPrank();
    }

    function _list(uint8 decimals, bool returnsNothing, uint256 price) internal {
        Market storage m = _markets.push();
        m.token = _token(decimals, returnsNothing);
        m.unit = 10 ** decimals;
        m.dollarE36 = (1e36 * one) / m.unit;
        m.feed = new MockAggregatorV3(18, int256(price * WAD));
        m.depth = new MockDepth((100_000 * m.unit) / price);
        uint256 k = _markets.length - 1;
        ChainlinkOracle oracle = new ChainlinkOracle(
            ChainlinkOracle.Sources({
                collateral: IERC20Metadata(address(m.token)),
                loanAsset: IERC20Metadata(address(loan)),
                base: m.feed,
                baseMaxAge: MAX_AGE,
                cross: IAggregatorV3(address(0)),
                crossMaxAge: 0,
                quote: IAggregatorV3(address(0)),
                quoteMaxAge: 0,
                sequencer: IAggregatorV3(address(0)),
                gracePeriod: 0
            })
        );
        m.second = new SecondSource(oracle);
        vault.setMarket(
            address(m.token),
            IVault.MarketParameters(oracle, m.second, 8000, 8300, uint112(500_000_000 * one), uint96(500 * one))
        );
        house.setLane(address(m.token), _standardLane(k));
        buffer.setInventoryParameters(address(m.token), _standardInventory(k));
    }

    function _standardLane(uint256 k) internal view returns (IAuctionHouse.LaneParameters memory) {
        Market storage m = _markets[k];
        return
            IAuctionHouse.LaneParameters({
                slopeWad: uint64(uint256(0.005e18) / 60),
                minPremiumBps: 50,
                maxPremiumBps: 400,
                maxDiscountBps: 600,
                firstDiscountBps: 150,
                targetLtvBps: 7885,
                absorbLtvBps: 9100,
                liquidationFeeBps: 50,
                urgency: 4,
                idleTime: 5 minutes,
                emaPeriod: 30 minutes,
                absorbDiscountBps: 300,
                paceBps: 120,
                clearHours: 240,
                minRatePerHour: uint104(m.unit / 1000 + 1),
                maxRatePerHour: uint104(Math.min(m.unit * 1e6, type(uint104).max)),
                depthOracle: m.depth,
                guard: m.second
            });
    }

    /// @dev The first ordinary token is the native coin, and worth the same for a while.
    function _standardPay() internal view returns (IAuctionHouse.PayParameters memory) {
        return
            IAuctionHouse.PayParameters({
                nativeOracle: native,
                feeCap: 2000 gwei,
                marginBps: 2000,
                capBps: 100,
                wrappedNative: strange ? address(0) : _collateral(0),
                tip: 1 gwei,
                interval: 1 hours
            });
    }

    function _standardInventory(uint256 k) internal view returns (ILiquidityBuffer.InventoryParameters memory) {
        return
            ILiquidityBuffer.InventoryParameters({
                cap: uint128(Math.fullMulDiv(50_000 * one, 1e36, _price(k))),
                slopeWad: uint64(uint256(0.005e18) / 60),
                paceShareBps: 5000,
                premiumBps: 50,
                maxDiscountBps: 100,
                emaToleranceBps: 100,
                haircutBps: 500,
                maxHold: 1 days,
                biteTime: 0
            });
    }

    // ---- views ----

    function _collateral(uint256 k) internal view returns (address) {
        return address(_markets[k].token);
    }

    function _price(uint256 k) internal view returns (uint256) {
        return vault.market(_collateral(k)).oracle.price();
    }

    function _value(uint256 amount, uint256 priceE36) internal pure returns (uint256) {
        return Math.fullMulDiv(amount, priceE36, 1e36);
    }

    function _ltv(uint256 collateral, uint256 debt, uint256 priceE36) internal pure returns (uint256) {
        if (debt == 0) return 0;
        uint256 value = _value(collateral, priceE36);
        return value == 0 ? type(uint256).max : Math.fullMulDivUp(debt, WAD, value);
    }

    function _state(uint256 k, uint256 i) internal view returns (uint256 collateral, uint256 debt, uint256 ltvWad) {
        collateral = vault.position(_collateral(k), owners[i]).collateral;
        debt = vault.debtOf(_collateral(k), owners[i]);
        ltvWad = _ltv(collateral, debt, _price(k));
    }

    function _lltvWad(uint256 k) internal view returns (uint256) {
        return uint256(vault.market(_collateral(k)).lltvBps) * WAD_PER_BPS;
    }

    /// @dev What the buffer would pay by now: in doubt, the lower of two prices where there are two.
    function _absorbPrice(uint256 k) internal view returns (uint256) {
        uint256 priceE36 = _price(k);
        if (!house.laneState(_collateral(k)).diverged) return priceE36;
        try _markets[k].second.price() returns (uint256 otherE36) {
            return Math.min(priceE36, otherE36);
        } catch {
            return priceE36;
        }
    }

    /// @dev Full is what can't absorb the smallest position.
    function _isBufferFull(uint256 k, uint256 minDebt, uint256 priceE36) internal view returns (bool) {
        return _absorbable(k, priceE36) < Math.max(minDebt, 1);
    }

    /// @dev The most that the buffer can absorb now, by its cash and its room.
    function _absorbable(uint256 k, uint256 priceE36) internal view returns (uint256) {
        (uint256 cash, uint256 room) = buffer.capacity(_collateral(k));
        return Math.min(cash, _value(room, priceE36));
    }

    /// @dev The longest age of a lane, seconds, Wad.
    function _longestAgeWad(uint256 k) internal view returns (uint256) {
        IAuctionHouse.LaneParameters memory p = house.laneParameters(_collateral(k));
        return ((uint256(p.maxPremiumBps) + p.maxDiscountBps) * WAD_PER_BPS * WAD) / p.slopeWad;
    }

    /// @dev By the lane's cursor, and not by what the house says.
    function _isLaneOpen(uint256 k) internal view returns (bool) {
        uint256 idleTime = house.laneParameters(_collateral(k)).idleTime;
        return clock * WAD <= house.lane(_collateral(k)).cursorWad + _longestAgeWad(k) + idleTime * WAD;
    }
}
