// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {
    Account,
    Accreditation,
    Act,
    Affiliation,
    AffiliationId,
    AffiliationTerms,
    Capacity,
    Credential,
    CredentialId,
    CredentialStatus,
    CredentialTerms,
    EncryptionKey,
    GuardianProof,
    GuardianTerms,
    Held,
    HeldTerms,
    Jurisdiction,
    PartnerNo,
    Recovery,
    RecoveryId,
    Role,
    StatusReason,
    Will
} from "../types/Participants.sol";

/// @title IParticipantRegistry
/// @notice Who is who: credentials, affiliations, encryption keys, accounts held for people without keys, and lost keys.
/// @dev Patients hold no credential: an issuer's list would join their pseudonyms.
/// Agreement: where two parties must agree, both agree to the same EIP-712 terms; the one who sends gives no signature.
/// Assumed: an accreditor examines whom it accredits, within its role and jurisdiction; a steward acts on the will it
/// states; guardians know their ward. A steward's lie is not prevented, it is signed, dated and committed to.
/// Nobody can: accredit a subject against its will, shorten a recovery's wait, hold an account after its patient claimed it.
interface IParticipantRegistry {
    /* EVENTS: ACCREDITORS AND CREDENTIALS */

    event AccreditorAdmitted(
        address indexed issuer,
        Role indexed role,
        Jurisdiction indexed jurisdiction,
        uint40 from,
        uint40 until
    );
    event AccreditorDismissed(
        address indexed issuer,
        Role indexed role,
        Jurisdiction indexed jurisdiction,
        uint40 oldUntil,
        uint40 newUntil,
        StatusReason reason
    );
    event CredentialIssued(
        CredentialId indexed credentialId,
        address indexed subject,
        address indexed issuer,
        Role role,
        Jurisdiction jurisdiction,
        uint40 notBefore,
        uint40 expiresAt,
        bytes32 evidence,
        address previousIssuer
    );
    event CredentialRenewed(
        CredentialId indexed credentialId,
        address indexed issuer,
        uint40 oldExpiresAt,
        uint40 newExpiresAt,
        bytes32 evidence
    );
    event CredentialStatusChanged(
        CredentialId indexed credentialId,
        address indexed issuer,
        CredentialStatus oldStatus,
        CredentialStatus newStatus,
        StatusReason reason
    );
    event PartnerNumbered(PartnerNo indexed partnerNo, address indexed subject);

    /* EVENTS: AFFILIATIONS AND KEYS */

    event AffiliationStarted(
        AffiliationId indexed affiliationId,
        address indexed organisation,
        address indexed practitioner,
        uint40 since,
        uint40 until
    );
    event AffiliationEnded(
        AffiliationId indexed affiliationId,
        address indexed endedBy,
        uint40 oldUntil,
        uint40 newUntil,
        StatusReason reason
    );
    event EncryptionKeyPublished(address indexed subject, uint32 indexed epoch, uint16 suite, bytes key);

    /* EVENTS: HELD ACCOUNTS */

    event HeldAccountOpened(
        address indexed subject,
        address indexed steward,
        Jurisdiction jurisdiction,
        bool provisional,
        Will will,
        bytes32 evidence
    );
    event HeldAccountClaimed(address indexed subject, address indexed steward, address indexed controller);
    event HeldAccountClosed(
        address indexed subject,
        address indexed steward,
        bytes32 link,
        Will will,
        bytes32 evidence
    );

    /* EVENTS: CONTROL */

    event ControllerChanged(
        address indexed subject,
        address indexed oldController,
        address indexed newController,
        uint32 epoch,
        uint16 recoveries
    );
    event EpochRaised(address indexed subject, uint32 epoch);
    event GuardiansChanged(address indexed subject, bytes32 oldGuardians, bytes32 newGuardians, uint40 inForceAt);
    event RecoveryApproved(
        RecoveryId indexed recoveryId,
        address indexed subject,
        address indexed newController,
        bytes32 guardians,
        uint8 index,
        uint8 count
    );
    event RecoveryReady(RecoveryId indexed recoveryId, address indexed subject, uint40 quorumAt, uint40 readyAt);
    event RecoveryObjected(RecoveryId indexed recoveryId, address indexed subject, uint40 oldReadyAt, uint40 newReadyAt);
    event RecoveryEndorsed(RecoveryId indexed recoveryId, address indexed subject, address indexed accreditor);

    /* ACCREDITORS (GOVERNANCE) */

    /// @notice Admits an accreditor for one role in one jurisdiction.
    /// @dev Emits {AccreditorAdmitted}. Governance. Admitting again moves the window, never to end earlier.
    function admitAccreditor(address issuer, Role role, Jurisdiction jurisdiction, uint40 from, uint40 until) external;

    /// @notice Sets the date from which an accreditor's credentials for a role and jurisdiction no longer count.
    /// @dev Emits {AccreditorDismissed}. Governance.
    /// Requirements: The date is at least {DISMISSAL_NOTICE} away and earlier than the one before.
    function dismissAccreditor(
        address issuer,
        Role role,
        Jurisdiction jurisdiction,
        uint40 until,
        StatusReason reason
    ) external;

    /* CREDENTIALS */

    /// @notice Issues a credential that both issuer and subject agreed to.
    /// @dev Emits {CredentialIssued}, and {PartnerNumbered} with a subject's first.
    /// Requirements: The issuer is admitted. Both agreed: by signature, or an empty one from whoever sends.
    /// No live or suspended credential of another issuer is in place. The terms start after the last ones ended.
    /// @param terms What both agreed to.
    /// @param issuerSignature EIP-712 CredentialTerms by the issuer's controller, or empty if it sends.
    /// @param subjectSignature The same by the subject's controller.
    function issueCredential(
        CredentialTerms calldata terms,
        bytes calldata issuerSignature,
        bytes calldata subjectSignature
    ) external returns (CredentialId);

    /// @notice Lets an active credential run longer. Only its issuer.
    /// @dev Emits {CredentialRenewed}.
    function renewCredential(
        address subject,
        Role role,
        Jurisdiction jurisdiction,
        uint40 expiresAt,
        bytes32 evidence
    ) external;

    /// @notice Suspends, resumes or revokes a credential. Only its issuer; revocation is final.
    /// @dev Emits {CredentialStatusChanged}.
    function setCredentialStatus(
        address subject,
        Role role,
        Jurisdiction jurisdiction,
        CredentialStatus status,
        StatusReason reason
    ) external;

    /* AFFILIATIONS */

    /// @notice Affiliates a practitioner with an organisation; both agreed.
    /// @dev Emits {AffiliationStarted}. Requirements: Both agreed: by signature, or an empty one from whoever sends.
    /// The terms start after the affiliation before them ended.
    function affiliate(
        AffiliationTerms calldata terms,
        bytes calldata organisationSignature,
        bytes calldata practitionerSignature
    ) external returns (AffiliationId);

    /// @notice Ends an affiliation at once. Either side.
    /// @dev Emits {AffiliationEnded}. Open even when retired.
    function endAffiliation(address organisation, address practitioner, StatusReason reason) external;

    /* ENCRYPTION KEYS */

    /// @notice Publishes the public key that records are sealed to for an account; the one before stays in its event.
    /// @dev Emits {EncryptionKeyPublished}. A 1,216 byte key costs about 105,000 gas, the next one 71,000.
    function publishKey(address subject, uint16 suite, bytes calldata key) external;

    /// @notice {publishKey} by signature: PublishKey(subject, suite, keyHash, epoch, deadline) with the epoch it will have.
    function publishKeySigned(
        address subject,
        uint16 suite,
        bytes calldata key,
        uint40 deadline,
        bytes calldata signature
    ) external;

    /* HELD ACCOUNTS */

    /// @notice Opens an account for a patient without a key. Its address follows from the terms; nobody has a key to it.
    /// @dev Emits {HeldAccountOpened}. Requirements: The caller controls the steward. The steward is active in the jurisdiction.
    function openHeld(HeldTerms calldata terms, Act calldata act) external returns (address subject);

    /// @notice The patient takes the account over; every power of the steward ends.
    /// @dev Emits {HeldAccountClaimed} and {ControllerChanged}. HeldClaim(subject, controller, deadline) by the claim key, or
    /// an empty signature from it. Open even when retired.
    function claimHeld(
        HeldTerms calldata terms,
        address controller,
        uint40 deadline,
        bytes calldata signature
    ) external;

    /// @notice Closes a provisional account whose patient has become known.
    /// @dev Emits {HeldAccountClosed}. Requirements: The caller controls the steward, active
    /// there. The account is open and provisional. Its patient can still claim it.
    /// @param link Salted commitment to the real account; the join is shown off chain, to those who may know.
    function closeProvisional(address subject, bytes32 link, Act calldata act) external;

    /* CONTROL AND RECOVERY */

    /// @notice Hands a subject to a new key. Only the controller; running recoveries are not stopped by it.
    /// @dev Emits {ControllerChanged}. Signatures of the old key stop counting at once.
    function changeController(address subject, address newController) external;

    /// @notice Ends every consent, revocation, denial and guardianship signed and not yet carried. Only the controller.
    /// @dev Other signed terms name no epoch and end with their deadline.
    /// Emits {EpochRaised}.
    function raiseEpoch(address subject) external;

    /// @notice Sets who can give the account back. Takes effect after the wait of the terms before it, and not while a
    /// recovery that has its quorum can still be carried out.
    /// @dev Emits {GuardiansChanged}. Only the controller. Recoveries already proposed keep the guardians they began with.
    function setGuardians(address subject, GuardianTerms calldata current, GuardianTerms calldata next) external;

    /// @notice A guardian approves a new controller. The quorum starts the wait.
    /// @dev Emits {RecoveryApproved}, then {RecoveryReady} with the quorum.
    /// RecoveryApproval(subject, newController, recoveries, deadline) by the guardian, or an empty signature from it.
    function approveRecovery(
        address subject,
        address newController,
        GuardianTerms calldata terms,
        GuardianProof calldata proof,
        uint40 deadline,
        bytes calldata signature
    ) external;

    /// @notice The controller of now objects: the wait doubles, and then the larger quorum, or quorum and an accreditor, prevails.
    /// @dev Emits {RecoveryObjected}. Once.
    function objectToRecovery(address subject, address newController) external;

    /// @notice An accreditor of stewards adds its word to a quorum that met an objection.
    /// @dev Emits {RecoveryEndorsed}. Once. The caller controls the accreditor.
    function endorseRecovery(
        address subject,
        address newController,
        address accreditor,
        Jurisdiction jurisdiction
    ) external;

    /// @notice Carries a recovery out once its wait is over. Anyone.
    /// @dev Emits {ControllerChanged}. Requirements: Quorum; wait over, not longer ago than thirty days; after an
    /// objection the larger quorum or an endorsement; no other recovery since it was proposed.
    function executeRecovery(address subject, address newController, GuardianTerms calldata terms) external;

    /* VIEWS */

    /// @notice Who acts for a subject now. One storage read.
    function controllerOf(address subject) external view returns (address);

    /// @notice Who acts for a subject now, and the epoch its signatures must name. One storage read.
    function authorityOf(address subject) external view returns (address controller, uint32 epoch);

    /// @notice The account's slot.
    function accountOf(address subject) external view returns (Account memory);

    /// @notice Whether a recovery of the subject is waiting: claimable credit does not move meanwhile.
    function isRecovering(address subject) external view returns (bool);

    /// @notice In what capacity `actor` may act for `subject` here: Self, Steward, or None.
    function capacityOf(address subject, address actor) external view returns (Capacity);

    /// @notice Whether a subject holds an active credential, in force now, from an issuer still admitted. Two storage reads.
    function isActive(address subject, Role role, Jurisdiction jurisdiction) external view returns (bool);

    /// @notice Whether a practitioner is affiliated with an organisation now. One storage read.
    function isAffiliated(address organisation, address practitioner) external view returns (bool);

    /// @notice The credential for a subject, role and jurisdiction.
    function credentialOf(
        address subject,
        Role role,
        Jurisdiction jurisdiction
    ) external view returns (CredentialId, Credential memory);

    /// @notice The accreditation of an issuer for a role and jurisdiction.
    function accreditationOf(
        address issuer,
        Role role,
        Jurisdiction jurisdiction
    ) external view returns (Accreditation memory);

    /// @notice The affiliation of a practitioner with an organisation.
    function affiliationOf(
        address organisation,
        address practitioner
    ) external view returns (AffiliationId, Affiliation memory);

    /// @notice The number of a credentialed party; 0 = none.
    function partnerNoOf(address subject) external view returns (PartnerNo);

    /// @notice The party with a number; zero = none.
    function partnerOf(PartnerNo partnerNo) external view returns (address);

    /// @notice The encryption key in force: its hash, suite and epoch. The key itself is in its event.
    function encryptionKeyOf(address subject) external view returns (EncryptionKey memory);

    /// @notice The held account of a subject.
    function heldOf(address subject) external view returns (Held memory);

    /// @notice The address that terms of a held account lead to.
    function heldAddress(HeldTerms calldata terms) external view returns (address);

    /// @notice keccak256 of the guardian terms in force and, if a change is waiting, the next and when it is in force.
    function guardiansOf(address subject) external view returns (bytes32 inForce, bytes32 next, uint40 inForceAt);

    /// @notice A recovery.
    function recoveryOf(address subject, address newController) external view returns (RecoveryId, Recovery memory);
}
