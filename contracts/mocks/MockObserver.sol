// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import { Address } from "@openzeppelin/contracts/utils/Address.sol";

/// @notice Notes what some views answer, each time that it is called: in the middle of another's call, say.
contract MockObserver {
    using Address for address;

    struct View {
        address target;
        bytes data;
    }

    View[] private views;
    uint256[][] private rows_;

    function setViews(View[] calldata views_) external {
        delete views;
        delete rows_;
        for (uint256 i; i < views_.length; ++i) views.push(views_[i]);
    }

    function observe() external {
        uint256[] memory row = new uint256[](views.length);
        for (uint256 i; i < row.length; ++i) {
            row[i] = abi.decode(views[i].target.functionStaticCall(views[i].data), (uint256));
        }
        rows_.push(row);
    }

    /// @notice One row for each call of `observe`, one number in it for each view.
    function rows() external view returns (uint256[][] memory) {
        return rows_;
    }
}
