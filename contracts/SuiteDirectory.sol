// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {ISuiteDirectory} from "./interfaces/ISuiteDirectory.sol";
import {Errors} from "./libraries/Errors.sol";
import {Listing} from "./types/Suite.sol";

/// @title SuiteDirectory
/// @notice One address for everybody: which contracts make up a deployment, since when, with which code, and what came after.
contract SuiteDirectory is ISuiteDirectory, AccessManaged {
    /* STORAGE */

    bytes32 private immutable _suiteName;
    bytes32 private immutable _release;
    uint64 private immutable _createdAtBlock;

    address[] private _contracts;
    mapping(address at => Listing) private _listings;
    mapping(bytes32 name => address at) private _current;

    /* CONSTRUCTOR */

    constructor(address manager, bytes32 suiteName_, bytes32 release_) AccessManaged(manager) {
        _suiteName = suiteName_;
        _release = release_;
        _createdAtBlock = uint64(block.number);
    }

    /* LISTING */

    /// @inheritdoc ISuiteDirectory
    function list(address at, bytes32 name, uint64 createdAt) external restricted returns (uint16 number) {
        if (at.code.length == 0) revert Errors.SuiteDirectory_NoCode(at);
        if (_listings[at].listedAtBlock != 0) revert Errors.SuiteDirectory_AlreadyListed(at);
        if (createdAt > block.number) {
            revert Errors.SuiteDirectory_ImpossibleBlock(createdAt, block.number);
        }

        number = uint16(_contracts.length);
        bytes32 codeHash = at.codehash;
        _contracts.push(at);
        _listings[at] = Listing({
            name: name,
            codeHash: codeHash,
            createdAtBlock: createdAt,
            listedAtBlock: uint64(block.number),
            retiredAtBlock: 0,
            successor: 0
        });
        _current[name] = at;

        emit ContractListed(at, name, number, codeHash, createdAt);
    }

    /// @inheritdoc ISuiteDirectory
    function succeed(address at, address successor) external restricted {
        Listing storage listing = _listed(at);
        uint16 number = _numberOf(successor);
        if (listing.successor != 0 || at == successor) revert Errors.SuiteDirectory_AlreadyEnded(at);

        listing.successor = number + 1;

        emit ContractSucceeded(at, successor, number);
    }

    /// @inheritdoc ISuiteDirectory
    function retired(address at) external restricted {
        Listing storage listing = _listed(at);
        if (listing.retiredAtBlock != 0) revert Errors.SuiteDirectory_AlreadyEnded(at);

        listing.retiredAtBlock = uint64(block.number);

        emit ContractRetired(at, uint64(block.number));
    }

    /* INTERNAL */

    function _listed(address at) private view returns (Listing storage listing) {
        listing = _listings[at];
        if (listing.listedAtBlock == 0) revert Errors.SuiteDirectory_NotListed(at);
    }

    /// @dev A suite has a few dozen contracts at most, and only governance comes here.
    function _numberOf(address at) private view returns (uint16) {
        for (uint16 i = 0; i < _contracts.length; ++i) if (_contracts[i] == at) return i;
        revert Errors.SuiteDirectory_NotListed(at);
    }

    /* VIEWS */

    /// @inheritdoc ISuiteDirectory
    function suiteName() external view returns (bytes32) {
        return _suiteName;
    }

    /// @inheritdoc ISuiteDirectory
    function release() external view returns (bytes32) {
        return _release;
    }

    /// @inheritdoc ISuiteDirectory
    function createdAtBlock() external view returns (uint64) {
        return _createdAtBlock;
    }

    /// @inheritdoc ISuiteDirectory
    function count() external view returns (uint16) {
        return uint16(_contracts.length);
    }

    /// @inheritdoc ISuiteDirectory
    function listingAt(uint16 number) external view returns (address at, Listing memory listing) {
        if (number >= _contracts.length) revert Errors.SuiteDirectory_NotListed(address(0));
        at = _contracts[number];
        listing = _listings[at];
    }

    /// @inheritdoc ISuiteDirectory
    function listingOf(address at) external view returns (Listing memory) {
        return _listed(at);
    }

    /// @inheritdoc ISuiteDirectory
    function current(bytes32 name) external view returns (address) {
        return _current[name];
    }
}
