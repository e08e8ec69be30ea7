// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice One contract of a deployment. Slots 0 to 2.
struct Listing {
    /// @dev Contract name, as in its artifact, left-aligned ASCII.
    bytes32 name;
    bytes32 codeHash;
    /// @dev Block at or before which it was created.
    uint64 createdAtBlock;
    uint64 listedAtBlock;
    /// @dev Block from which it takes no new entries; 0 = none.
    uint64 retiredAtBlock;
    /// @dev Listing number of its successor + 1; 0 = none.
    uint16 successor;
}
