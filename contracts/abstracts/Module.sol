// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC2771Context} from "@openzeppelin/contracts/metatx/ERC2771Context.sol";
import {Context} from "@openzeppelin/contracts/utils/Context.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IModule} from "../interfaces/IModule.sol";
import {Errors} from "../libraries/Errors.sol";

/// @title Module
/// @notice What every contract of the suite has: governance by one manager, one forwarder, typed signatures, an end.
abstract contract Module is IModule, AccessManaged, ERC2771Context, EIP712 {
    /* STORAGE */

    bool private _retired;

    /* CONSTRUCTOR */

    constructor(
        address manager,
        address forwarder,
        string memory name
    ) AccessManaged(manager) ERC2771Context(forwarder) EIP712(name, "1") {}

    /* RETIREMENT */

    /// @inheritdoc IModule
    function retire() external restricted {
        if (_retired) revert Errors.Module_Retired(address(this));
        _retired = true;
        emit Retired(block.number);
    }

    /// @inheritdoc IModule
    function isRetired() public view returns (bool) {
        return _retired;
    }

    /* INTERNAL */

    /// @dev Called by every entry and by no exit.
    function _requireOpen() internal view {
        if (_retired) revert Errors.Module_Retired(address(this));
    }

    /// @dev Who acts: the sender, or the one whom the forwarder speaks for. Governance never uses it.
    function _caller() internal view returns (address) {
        return isTrustedForwarder(msg.sender) ? ERC2771Context._msgSender() : msg.sender;
    }

    /// @dev Reverts unless `signer` signed the struct and the deadline has not passed. A key is tried first, so that an
    /// account with delegated code (EIP-7702) can sign either way; then its code is asked (ERC-1271), each time anew.
    function _requireSigned(
        address signer,
        bytes32 structHash,
        uint40 deadline,
        bytes calldata signature
    ) internal view {
        if (block.timestamp > deadline) revert Errors.Module_SignatureExpired(deadline, block.timestamp);
        bytes32 digest = _hashTypedDataV4(structHash);
        (address recovered, ECDSA.RecoverError err, ) = ECDSA.tryRecoverCalldata(digest, signature);
        if (err == ECDSA.RecoverError.NoError && recovered == signer) return;
        if (
            signer.code.length == 0 || !SignatureChecker.isValidERC1271SignatureNowCalldata(signer, digest, signature)
        ) revert Errors.Module_NotSignedBy(signer);
    }

    /// @dev AccessManaged asks this: governance is exercised by the sender itself, so that the forwarder has no part in it.
    function _msgSender() internal view override(Context, ERC2771Context) returns (address) {
        return msg.sender;
    }

    function _msgData() internal pure override(Context, ERC2771Context) returns (bytes calldata) {
        return msg.data;
    }

    function _contextSuffixLength() internal view override(Context, ERC2771Context) returns (uint256) {
        return ERC2771Context._contextSuffixLength();
    }
}
