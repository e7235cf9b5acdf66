// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title A contract that buys collateral before it pays for it
/// @notice The callback of `buy`, `buyMany` and `buyInventory`.
interface IBuyer {
    /// @notice Called after the collateral was sent and before the payment is taken.
    /// @dev The caller is the one who will pull `cost` from this contract when the call returns: the `Vault` for a buy
    /// from a lane, the `LiquidityBuffer` for a buy of inventory. The implementer must check that it is one that it
    /// trusts, and must have approved it for `cost` of the loan asset by the end of the call.
    /// @param collateral The token that was sent.
    /// @param amount How much of it, in its smallest units.
    /// @param cost What will be taken, in smallest units of the loan asset.
    /// @param data What the buyer passed to the buy.
    function onBuy(address collateral, uint256 amount, uint256 cost, bytes calldata data) external;
}
