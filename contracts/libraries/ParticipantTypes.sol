// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AffiliationTerms, CredentialTerms, HeldTerms} from "../types/Participants.sol";
import {Words} from "./Words.sol";

/// @title ParticipantTypes
/// @notice What participants sign, as EIP-712 struct hashes.
library ParticipantTypes {
    bytes32 internal constant CREDENTIAL_TERMS =
        keccak256(
            "CredentialTerms(address issuer,address subject,string role,uint32 jurisdiction,uint40 notBefore,uint40 expiresAt,bytes32 evidence,uint40 deadline)"
        );
    bytes32 internal constant AFFILIATION_TERMS =
        keccak256("AffiliationTerms(address organisation,address practitioner,uint40 since,uint40 until,uint40 deadline)");
    bytes32 internal constant PUBLISH_KEY =
        keccak256("PublishKey(address subject,uint16 suite,bytes32 keyHash,uint32 epoch,uint40 deadline)");
    bytes32 internal constant HELD_CLAIM = keccak256("HeldClaim(address subject,address controller,uint40 deadline)");
    bytes32 internal constant RECOVERY_APPROVAL =
        keccak256("RecoveryApproval(address subject,address newController,uint16 recoveries,uint40 deadline)");
    bytes32 internal constant HELD_ACCOUNT =
        keccak256(
            "HeldAccount(uint256 chainId,address registry,address steward,uint32 jurisdiction,address claimKey,bytes32 salt,bool provisional)"
        );

    function hash(CredentialTerms calldata t) internal pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    CREDENTIAL_TERMS,
                    t.issuer,
                    t.subject,
                    Words.ofRole(t.role),
                    t.jurisdiction,
                    t.notBefore,
                    t.expiresAt,
                    t.evidence,
                    t.deadline
                )
            );
    }

    function hash(AffiliationTerms calldata t) internal pure returns (bytes32) {
        return keccak256(abi.encode(AFFILIATION_TERMS, t.organisation, t.practitioner, t.since, t.until, t.deadline));
    }

    function hash(HeldTerms calldata t, uint256 chainId, address registry) internal pure returns (bytes32) {
        return
            keccak256(
                abi.encode(
                    HELD_ACCOUNT,
                    chainId,
                    registry,
                    t.steward,
                    t.jurisdiction,
                    t.claimKey,
                    t.salt,
                    t.provisional
                )
            );
    }

    function hashKey(
        address subject,
        uint16 suite,
        bytes32 keyHash,
        uint32 epoch,
        uint40 deadline
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(PUBLISH_KEY, subject, suite, keyHash, epoch, deadline));
    }

    function hashClaim(address subject, address controller, uint40 deadline) internal pure returns (bytes32) {
        return keccak256(abi.encode(HELD_CLAIM, subject, controller, deadline));
    }

    function hashApproval(
        address subject,
        address newController,
        uint16 recoveries,
        uint40 deadline
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(RECOVERY_APPROVAL, subject, newController, recoveries, deadline));
    }

    /// @notice A leaf of the guardians' tree, as OpenZeppelin's standard tree hashes it.
    function guardianLeaf(uint8 index, address guardian, bytes32 salt) internal pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(index, guardian, salt))));
    }
}
