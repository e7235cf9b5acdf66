// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice What is called in the middle of a transfer, as by ERC-777.
interface ITransferHook {
    function onTransfer() external;
}

/// @notice A token with every bad habit at once: it may return nothing, be paused, block accounts, and call out in the middle of
/// a transfer. Anyone may mint and switch the habits on and off.
contract StrangeToken {
    error Paused();
    error Blocked(address account);

    uint8 public immutable decimals;
    bool private immutable _returnsNothing;
    bool private _paused;
    ITransferHook private _hook;
    mapping(address account => bool) private _blocked;
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;
    uint256 public totalSupply;

    constructor(uint8 decimals_, bool returnsNothing_) {
        decimals = decimals_;
        _returnsNothing = returnsNothing_;
    }

    function setPaused(bool paused) external {
        _paused = paused;
    }

    function setBlocked(address account, bool blocked) external {
        _blocked[account] = blocked;
    }

    /// @dev Called in every transfer that a contract makes or takes.
    function setHook(ITransferHook hook) external {
        _hook = hook;
    }

    function mint(address account, uint256 amount) external {
        balanceOf[account] += amount;
        totalSupply += amount;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return _answer();
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        _move(msg.sender, to, amount);
        return _answer();
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
        return _answer();
    }

    function _move(address from, address to, uint256 amount) private {
        if (_paused) revert Paused();
        if (_blocked[from]) revert Blocked(from);
        if (_blocked[to]) revert Blocked(to);
        balanceOf[from] -= amount;
        if (address(_hook) != address(0)) _hook.onTransfer();
        balanceOf[to] += amount;
    }

    /// @dev Ends the call with no data at all where the token is one that returns nothing.
    function _answer() private view returns (bool) {
        if (_returnsNothing) {
            assembly ("memory-safe") {
                return(0, 0)
            }
        }
        return true;
    }
}
