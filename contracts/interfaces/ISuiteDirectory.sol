// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Listing} from "../types/Suite.sol";

/// @title ISuiteDirectory
/// @notice One address for everybody: which contracts make up a deployment, since when, with which code, and what came after.
/// @dev Append-only: nothing listed is ever changed or removed; succession and retirement are stated once.
/// Assumed of governance: it lists what it deployed. A false code hash is impossible, as the directory reads it itself;
/// a creation block can be stated too late, which `careledger doctor` checks against the chain.
interface ISuiteDirectory {
    /// @notice A contract became part of the suite.
    event ContractListed(
        address indexed at,
        bytes32 indexed name,
        uint16 indexed number,
        bytes32 codeHash,
        uint64 createdAtBlock
    );
    /// @notice A contract has a successor; what is in it stays there.
    event ContractSucceeded(address indexed at, address indexed successor, uint16 successorNumber);
    /// @notice A contract takes no new entries from this block on.
    event ContractRetired(address indexed at, uint64 atBlock);

    /// @notice Lists a contract.
    /// @dev Emits {ContractListed}. Governance.
    /// Requirements: The address holds code and is not listed. The creation block is not in the future.
    /// @param at The contract.
    /// @param name Its name as in its artifact, ASCII, left-aligned, at most 32 bytes.
    /// @param createdAt The block of its creation.
    /// @return number Its number in the suite, from 0.
    function list(address at, bytes32 name, uint64 createdAt) external returns (uint16 number);

    /// @notice States that a listed contract has a successor, listed as well.
    /// @dev Emits {ContractSucceeded}. Governance. Requirements: Both are listed. It has no successor yet.
    function succeed(address at, address successor) external;

    /// @notice States that a listed contract has been retired.
    /// @dev Emits {ContractRetired}. Governance. Requirements: It is listed. Not stated before.
    function retired(address at) external;

    /// @notice The suite's name, ASCII, left-aligned.
    function suiteName() external view returns (bytes32);

    /// @notice The release, ASCII, left-aligned ("1.0.0").
    function release() external view returns (bytes32);

    /// @notice The block in which the directory was created.
    function createdAtBlock() external view returns (uint64);

    /// @notice How many contracts are listed.
    function count() external view returns (uint16);

    /// @notice The listing with a number, from 0. Requirements: There is one.
    function listingAt(uint16 number) external view returns (address at, Listing memory listing);

    /// @notice The listing of an address. Requirements: It is listed.
    function listingOf(address at) external view returns (Listing memory);

    /// @notice The newest contract with a name, or zero.
    function current(bytes32 name) external view returns (address);
}
