// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {
    ConsentReason,
    DirectiveWord,
    GrantTerms,
    Limits,
    Recipient,
    RecipientKind,
    Scope
} from "../types/Consents.sol";
import {DirectiveWords} from "./DirectiveWords.sol";
import {Recipients} from "./Recipients.sol";
import {Words} from "./Words.sol";

/// @title ConsentTypes
/// @notice What patients sign, as EIP-712 struct hashes: every term, in words a wallet can show.
library ConsentTypes {
    using DirectiveWords for DirectiveWord;
    using Recipients for Recipient;
    using Recipients for Scope;

    bytes32 internal constant CONSENT_GRANT =
        keccak256(
            "ConsentGrant(address patient,string recipientKind,address recipient,string role,uint32 jurisdiction,"
            "string purpose,string[] permits,string[] denies,uint40 notBefore,uint40 expiresAt,bool limited,bytes32 receipt,"
            "uint40 replaces,uint32 epoch,uint40 deadline)"
        );
    bytes32 internal constant CONSENT_REVOCATION =
        keccak256(
            "ConsentRevocation(address patient,string recipientKind,address recipient,string role,uint32 jurisdiction,"
            "string purpose,uint8 reason,uint40 version,uint32 epoch,uint40 deadline)"
        );
    bytes32 internal constant STANDING_DENIAL =
        keccak256(
            "StandingDenial(address patient,string[] denied,string[] emergencyDenied,uint40 version,uint32 epoch,uint40 deadline)"
        );
    bytes32 internal constant CONSENT_RECEIPT =
        keccak256("ConsentReceipt(address author,uint40 dataFrom,uint40 dataUntil,bytes32 document)");

    /// @dev Written out by hand, as every grant that somebody carries pays for it: 16 words in the order of the type.
    /// `replaces` is the version before the one the terms make. Field types are checked where the terms are used.
    function hash(GrantTerms calldata t, uint32 epoch, uint40 deadline) internal pure returns (bytes32 structHash) {
        uint256 word = DirectiveWord.unwrap(t.word);
        uint256 scope = uint256(Scope.unwrap(t.scope));
        (bytes32 kind, bytes32 role) = _kindAndRole(t.scope.recipient());
        bytes32 purpose = Words.ofPurpose(scope >> 216);
        bytes32 permits = Words.ofClasses(uint64(word));
        bytes32 denies = Words.ofClasses(uint64(word >> 64));
        bytes32 typeHash = CONSENT_GRANT;
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(m, typeHash)
            mstore(add(m, 0x20), calldataload(t)) // patient
            mstore(add(m, 0x40), kind)
            mstore(add(m, 0x60), and(scope, 0xffffffffffffffffffffffffffffffffffffffff))
            mstore(add(m, 0x80), role)
            mstore(add(m, 0xa0), and(shr(160, scope), 0xffffffff)) // jurisdiction
            mstore(add(m, 0xc0), purpose)
            mstore(add(m, 0xe0), permits)
            mstore(add(m, 0x100), denies)
            mstore(add(m, 0x120), and(shr(128, word), 0xffffffffff)) // notBefore
            mstore(add(m, 0x140), and(shr(168, word), 0xffffffffff)) // expiresAt
            mstore(add(m, 0x160), and(shr(209, word), 1)) // limited
            mstore(add(m, 0x180), calldataload(add(t, 0x60))) // receipt
            mstore(add(m, 0x1a0), sub(shr(216, word), 1)) // replaces
            mstore(add(m, 0x1c0), epoch)
            mstore(add(m, 0x1e0), deadline)
            structHash := keccak256(m, 0x200)
        }
    }

    /// @dev Written out by hand as well: revoking is never dearer than granting.
    function hash(
        address patient,
        Scope scope,
        ConsentReason reason,
        uint40 version,
        uint32 epoch,
        uint40 deadline
    ) internal pure returns (bytes32 structHash) {
        uint256 word = uint256(Scope.unwrap(scope));
        (bytes32 kind, bytes32 role) = _kindAndRole(scope.recipient());
        bytes32 purpose = Words.ofPurpose(word >> 216);
        bytes32 typeHash = CONSENT_REVOCATION;
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(m, typeHash)
            mstore(add(m, 0x20), and(patient, 0xffffffffffffffffffffffffffffffffffffffff))
            mstore(add(m, 0x40), kind)
            mstore(add(m, 0x60), and(word, 0xffffffffffffffffffffffffffffffffffffffff))
            mstore(add(m, 0x80), role)
            mstore(add(m, 0xa0), and(shr(160, word), 0xffffffff)) // jurisdiction
            mstore(add(m, 0xc0), purpose)
            mstore(add(m, 0xe0), and(reason, 0xff))
            mstore(add(m, 0x100), and(version, 0xffffffffff))
            mstore(add(m, 0x120), and(epoch, 0xffffffff))
            mstore(add(m, 0x140), and(deadline, 0xffffffffff))
            structHash := keccak256(m, 0x160)
        }
    }

    function hash(
        address patient,
        uint64 denied,
        uint64 emergencyDenied,
        uint40 version,
        uint32 epoch,
        uint40 deadline
    ) internal pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    STANDING_DENIAL,
                    patient,
                    Words.ofClasses(denied),
                    Words.ofClasses(emergencyDenied),
                    version,
                    epoch,
                    deadline
                )
            );
    }

    /// @notice The receipt of a directive: its limits and a salted commitment to the document.
    function hash(Limits calldata limits) internal pure returns (bytes32) {
        return keccak256(abi.encode(CONSENT_RECEIPT, limits.author, limits.dataFrom, limits.dataUntil, limits.document));
    }

    /// @dev The role of a person or organisation is the word "none".
    function _kindAndRole(Recipient r) private pure returns (bytes32 kind, bytes32 role) {
        uint256 k = uint256(Recipient.unwrap(r)) >> 208;
        if (k == uint256(RecipientKind.Organisation)) return (Words.ORGANISATION, Words.NONE);
        if (k == uint256(RecipientKind.Person)) return (Words.PERSON, Words.NONE);
        return (Words.ROLE, Words.ofRole(r.role()));
    }
}
