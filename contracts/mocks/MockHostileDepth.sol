// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @notice Answers `depth()` in ways that would harm a careless reader.
contract MockHostileDepth {
    enum Way {
        Nothing, // no answer
        Short, // an answer that is a byte too short
        Bomb, // a word, and as much after it as there is gas for
        Burn, // all gas, and a failure
        Hungry // a depth of 1 that takes `appetite` gas
    }

    Way public immutable way;
    uint256 public immutable appetite;

    constructor(Way way_, uint256 appetite_) {
        way = way_;
        appetite = appetite_;
    }

    function depth() external view returns (uint256) {
        uint256 start = gasleft();
        if (way == Way.Nothing) {
            assembly ("memory-safe") {
                return(0, 0)
            }
        } else if (way == Way.Short) {
            assembly ("memory-safe") {
                return(0, 31)
            }
        } else if (way == Way.Bomb) {
            assembly {
                mstore(0, 1)
                // 8,000 words cost some 150,000 gas
                return(0, 256000)
            }
        } else if (way == Way.Burn) {
            assembly ("memory-safe") {
                invalid()
            }
        }
        while (start - gasleft() < appetite) continue;
        return 1;
    }
}
