// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessReceipt, Amendment, Meaning} from "../types/Records.sol";

/// @title RecordTypes
/// @notice What authors and custodians sign, as EIP-712 struct hashes.
library RecordTypes {
    bytes32 internal constant RECORD_SIGNATURE =
        keccak256("RecordSignature(address author,bytes32 commitment,uint8 meaning,uint40 deadline)");
    bytes32 internal constant BATCH_SIGNATURE =
        keccak256("BatchSignature(address author,bytes32 root,uint32 size,uint8 meaning,uint40 deadline)");
    bytes32 internal constant RECORD_AMENDMENT =
        keccak256(
            "RecordAmendment(address author,bytes32 commitment,uint8 status,bytes32 replacement,uint8 basis,uint40 deadline)"
        );
    bytes32 internal constant ACCESS_RECEIPT =
        keccak256("AccessReceipt(address custodian,uint64 entry,bytes32 leaf,uint40 issuedAt)");

    function hash(
        address author,
        bytes32 commitment,
        Meaning meaning,
        uint40 deadline
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(RECORD_SIGNATURE, author, commitment, meaning, deadline));
    }

    function hash(
        address author,
        bytes32 root,
        uint32 size,
        Meaning meaning,
        uint40 deadline
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(BATCH_SIGNATURE, author, root, size, meaning, deadline));
    }

    function hash(Amendment calldata a, uint40 deadline) internal pure returns (bytes32) {
        return
            keccak256(
                abi.encode(RECORD_AMENDMENT, a.author, a.commitment, a.status, a.replacement, a.basis, deadline)
            );
    }

    function hash(AccessReceipt calldata r) internal pure returns (bytes32) {
        return keccak256(abi.encode(ACCESS_RECEIPT, r.custodian, r.entry, r.leaf, r.issuedAt));
    }
}
