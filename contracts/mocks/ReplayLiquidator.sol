// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Address } from "@openzeppelin/contracts/utils/Address.sol";
import { IERC20 } from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import { IUniswapV3Pool } from "@uniswap/v3-core/contracts/interfaces/IUniswapV3Pool.sol";
import { IUniswapV3SwapCallback } from "@uniswap/v3-core/contracts/interfaces/callback/IUniswapV3SwapCallback.sol";
import { SafeCast } from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import { SafeERC20 } from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import { TickMath } from "@uniswap/v4-core/src/libraries/TickMath.sol";

/// @notice The flash liquidator of the peers' keepers: many liquidations in one transaction, without capital of its own and
/// without the fee of a flash loan. The pool on which the collateral is sold pays the loan asset out first; the protocol's
/// liquidations are called with it; the pool is paid with the collateral that they bring; the rest is sold for profit, which stays here.
contract ReplayLiquidator is IUniswapV3SwapCallback {
    using Address for address;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    error NotOwner(address caller);
    error UnexpectedCallback(address caller);
    error Unprofitable(uint256 proceeds, uint256 owned, uint256 minProfit);

    address public immutable owner;
    /// @notice Lending protocol whose liquidations take the loan asset from their caller.
    address public immutable protocol;
    IERC20 public immutable loan;

    /// @dev Whose callback we expect; zero while none is.
    IUniswapV3Pool private transient trading;

    constructor(address owner_, address protocol_, IERC20 loan_) {
        owner = owner_;
        protocol = protocol_;
        loan = loan_;
        loan_.forceApprove(protocol_, type(uint256).max);
    }

    /// @notice Carries out liquidations of positions in one collateral.
    /// @param pool Uniswap v3 pool of the collateral and the loan asset.
    /// @param needed Units of the loan asset that the calls take at most; what they leave is kept.
    /// @param calls Calldata for the protocol, one per liquidation. One that fails reverts it all, with its own error.
    /// @param minProfit Units of the loan asset; reverts with `Unprofitable` below it.
    /// @return profit Units of the loan asset that this leaves here.
    function liquidate(
        IUniswapV3Pool pool,
        IERC20 collateral,
        uint256 needed,
        bytes[] calldata calls,
        uint256 minProfit
    ) external returns (uint256 profit) {
        if (msg.sender != owner) revert NotOwner(msg.sender);
        uint256 owned = loan.balanceOf(address(this));
        _swap(pool, collateral, -needed.toInt256(), abi.encode(collateral, calls));
        uint256 rest = collateral.balanceOf(address(this));
        if (rest != 0) _swap(pool, collateral, rest.toInt256(), abi.encode(collateral, new bytes[](0)));
        uint256 proceeds = loan.balanceOf(address(this));
        if (proceeds < owned + minProfit) revert Unprofitable(proceeds, owned, minProfit);
        return proceeds - owned;
    }

    /// @inheritdoc IUniswapV3SwapCallback
    function uniswapV3SwapCallback(int256 owed0, int256 owed1, bytes calldata data) external {
        if (msg.sender != address(trading)) revert UnexpectedCallback(msg.sender);
        (IERC20 collateral, bytes[] memory calls) = abi.decode(data, (IERC20, bytes[]));
        for (uint256 i = 0; i < calls.length; i++) protocol.functionCall(calls[i]);
        collateral.safeTransfer(msg.sender, uint256(owed0 > 0 ? owed0 : owed1));
    }

    /// @param amount Collateral to sell, or loan asset to get when negative.
    function _swap(IUniswapV3Pool pool, IERC20 collateral, int256 amount, bytes memory data) private {
        trading = pool;
        bool zeroForOne = address(collateral) < address(loan);
        uint160 limit = zeroForOne ? TickMath.MIN_SQRT_PRICE + 1 : TickMath.MAX_SQRT_PRICE - 1;
        pool.swap(address(this), zeroForOne, amount, limit, data);
        trading = IUniswapV3Pool(address(0));
    }
}
