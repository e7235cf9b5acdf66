// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

// Contracts of packages that the deploy scripts deploy as they are.
// solhint-disable-next-line no-unused-import
import { AccessManager } from "@openzeppelin/contracts/access/manager/AccessManager.sol";
