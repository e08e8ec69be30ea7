// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice A place with rules of its own: ISO 3166-1 numeric x 1000 + a subdivision number (0 = the whole country).
/// @dev 756000 is Switzerland, 840006 California (FIPS state code 06).
type Jurisdiction is uint32;

/// @notice A short number for a credentialed party, given at its first credential, never reused; 0 = none.
type PartnerNo is uint32;

/// @notice keccak256(chain, contract, subject, role, jurisdiction).
type CredentialId is bytes32;

/// @notice keccak256(chain, contract, organisation, practitioner).
type AffiliationId is bytes32;

/// @notice keccak256(chain, contract, subject, proposed controller).
type RecoveryId is bytes32;

/// @notice What a party is accredited as. Patients hold no credential.
enum Role {
    None,
    Practitioner, // a person who treats
    Provider, // an organisation that treats
    Insurer,
    Pharmacy,
    Manufacturer,
    Distributor,
    Sponsor, // of a trial
    EthicsCommittee,
    Investigator, // a person or site that runs a trial
    ResearchInstitution,
    Randomiser, // holds a trial's allocation seed, independent of the sponsor
    Lender,
    Custodian, // keeps sealed records for others
    Steward, // holds accounts of people without keys
    Pricer,
    Assessor,
    Auditor,
    Regulator
}

/// @notice Where a credential stands. None -> Active <-> Suspended; Active | Suspended -> Revoked; Revoked -> Active only anew.
enum CredentialStatus {
    None,
    Active,
    Suspended,
    Revoked
}

/// @notice Why a credential, affiliation or accreditation changed.
enum StatusReason {
    None,
    Requested, // by the subject
    Expired,
    UnderInvestigation,
    Sanctioned,
    CriteriaNotMet,
    KeyCompromised,
    IssuedInError,
    Deceased,
    Reinstated
}

/// @notice In what capacity somebody acted for a subject.
enum Capacity {
    None,
    Self, // the subject's own controller
    Steward, // the holder of a held account
    Proxy, // somebody the subject appointed
    Guardian // somebody the law or a steward appointed
}

/// @notice How the subject's will was expressed.
enum Will {
    None,
    Signature, // the subject's own key
    Paper, // a signature on paper
    Spoken, // spoken before a witness
    LegalAuthority // by law, for somebody who cannot decide
}

/// @notice Where a held account stands. None -> Open -> Claimed | Closed; both are final.
enum HeldStatus {
    None,
    Open,
    Claimed, // the patient took it over; no steward power is left
    Closed // a provisional account, joined to the real one off chain
}

/// @notice In what capacity an act was done, and on what expression of will.
struct Act {
    /// @dev How the subject's will was expressed; never None.
    Will will;
    /// @dev Salted commitment to the evidence (form, recording, order); never zero.
    bytes32 evidence;
}

/// @notice What issuer and subject agree on; both sign the same terms.
struct CredentialTerms {
    address issuer;
    address subject;
    Role role;
    Jurisdiction jurisdiction;
    /// @dev First second of validity. Later than the one before and than its revocation, so that terms serve once.
    uint40 notBefore;
    /// @dev First second without validity.
    uint40 expiresAt;
    /// @dev Salted commitment to what the issuer examined.
    bytes32 evidence;
    /// @dev Last second at which the terms may be carried to the chain.
    uint40 deadline;
}

/// @notice What organisation and practitioner agree on; both sign the same terms.
struct AffiliationTerms {
    address organisation;
    address practitioner;
    /// @dev First second; later than the end of the affiliation before it, so that terms serve once.
    uint40 since;
    /// @dev First second after it.
    uint40 until;
    uint40 deadline;
}

/// @notice What fixes the address of a held account: nobody holds its key, and nobody else can open it.
struct HeldTerms {
    address steward;
    Jurisdiction jurisdiction;
    /// @dev Address of the claim key that the patient is given on paper or card; it can do nothing but claim.
    address claimKey;
    bytes32 salt;
    /// @dev True for an unknown emergency patient.
    bool provisional;
}

/// @notice Who can give a lost account back, without being named until they act.
struct GuardianTerms {
    /// @dev Root of a standard Merkle tree over (uint8 index, address guardian, bytes32 salt); zero = no guardians.
    bytes32 root;
    /// @dev Approvals that start the wait.
    uint8 quorum;
    /// @dev Approvals that prevail over an objection.
    uint8 largerQuorum;
    /// @dev The wait, in seconds; an objection doubles it.
    uint32 waitSeconds;
}

/// @notice A guardian's proof of being one.
struct GuardianProof {
    address guardian;
    uint8 index;
    bytes32 salt;
    bytes32[] path;
}

/// @notice One credential. Slot 0.
struct Credential {
    address issuer;
    uint40 notBefore;
    uint40 expiresAt;
    CredentialStatus status;
}

/// @notice One accreditation of an issuer for a role and jurisdiction. Slot 0.
struct Accreditation {
    uint40 from;
    uint40 until;
}

/// @notice One affiliation. Slot 0.
struct Affiliation {
    uint40 since;
    uint40 until;
}

/// @notice Who acts for a subject. Slot 0, full but for 8 bits.
struct Account {
    /// @dev Zero = the subject itself.
    address controller;
    /// @dev Named by signed consents, revocations, denials and guardianships; raising it ends those not yet carried.
    uint32 epoch;
    /// @dev Recoveries and claims so far.
    uint16 recoveries;
    /// @dev While in the future, a recovery is running and claimable credit does not move.
    uint40 recoveringUntil;
}

/// @notice One held account. Slot 0.
struct Held {
    address steward;
    Jurisdiction jurisdiction;
    uint40 openedAt;
    HeldStatus status;
    bool provisional;
}

/// @notice One proposal to give a subject a new controller. Slots 0 and 1.
struct Recovery {
    /// @dev keccak256 of the guardian terms in force when it was proposed.
    bytes32 guardians;
    /// @dev Bit i = guardian i approved.
    uint32 approvals;
    uint8 count;
    bool objected;
    bool endorsed;
    /// @dev The account's count of recoveries when it was proposed.
    uint16 recoveries;
    /// @dev When it was proposed; without a quorum it lapses from then on.
    uint40 begunAt;
    /// @dev When the quorum was reached; 0 = not yet.
    uint40 quorumAt;
    /// @dev When it may be carried out; 0 = not yet.
    uint40 readyAt;
}

/// @notice The encryption key in force for an account. Slots 0 and 1.
struct EncryptionKey {
    bytes32 keyHash;
    /// @dev 0x0001 DHKEM(X25519), 0x0002 MLKEM768-X25519 (RFC 9180 with HKDF-SHA256 and AES-256-GCM).
    uint16 suite;
    uint32 epoch;
}
