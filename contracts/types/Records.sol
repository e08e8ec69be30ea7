// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice keccak256(chain, contract, author, commitment).
type RecordId is bytes32;

/// @notice keccak256(chain, contract, author, root).
type BatchId is bytes32;

/// @notice Where a record stands. None -> Current -> Superseded | EnteredInError; each of them -> Shredded, which is final.
enum RecordStatus {
    None,
    Current,
    Superseded, // a newer version exists
    EnteredInError,
    Shredded // all keys and salts destroyed
}

/// @notice On what legal basis a record was shredded.
enum LegalBasis {
    None,
    PatientRequest, // GDPR Article 17(1)(b)
    RetentionExpired, // GDPR Article 5(1)(e)
    UnlawfulProcessing, // GDPR Article 17(1)(d)
    LegalObligation, // GDPR Article 17(1)(e)
    AnchoredInError
}

/// @notice What a signature under a record means (21 CFR 11.50(a)(3)).
enum Meaning {
    None,
    Authored,
    Reviewed,
    Approved,
    Verified,
    Responsible
}

/// @notice A change of a record's status that its author agrees to.
struct Amendment {
    address author;
    bytes32 commitment;
    RecordStatus status;
    /// @dev For Superseded: the commitment of the newer version, anchored with it if it is not yet. Else zero.
    bytes32 replacement;
    /// @dev For Shredded: the legal basis. Else None.
    LegalBasis basis;
}

/// @notice That a record is a leaf of an anchored batch; an empty root for a record anchored by itself.
struct BatchProof {
    bytes32 root;
    bytes32[] path;
}

/// @notice One record that has a slot. Slot 0.
struct Record {
    uint40 anchoredAt;
    RecordStatus status;
    LegalBasis basis;
}

/// @notice A thousand records at once. Slot 0.
struct Batch {
    uint40 anchoredAt;
    uint32 size;
}

/// @notice Where a custodian's access log stands. Slots 0 and 1.
struct AccessLog {
    /// @dev Number of the last entry anchored; the first entry is 1.
    uint64 lastEntry;
    uint64 anchors;
    uint40 lastAnchorAt;
    /// @dev Longest time between an entry and its anchor, in seconds; 0 = the default.
    uint32 intervalSeconds;
    uint32 openOmissions;
    /// @dev keccak256(previous head, root, first, last).
    bytes32 head;
}

/// @notice One anchored part of a log: positional tree over entries first .. last. Slots 0 and 1.
struct LogPart {
    bytes32 root;
    uint64 first;
    uint64 last;
    uint40 anchoredAt;
}

/// @notice What a custodian signs before it releases anything.
struct AccessReceipt {
    address custodian;
    /// @dev Number the entry will have in the log.
    uint64 entry;
    /// @dev Salted commitment to record, actor, purpose, basis, time, outcome and the patient's own number.
    bytes32 leaf;
    uint40 issuedAt;
}

/// @notice What became of a receipt that found no entry. None -> Open -> Answered.
enum OmissionStatus {
    None,
    Open,
    Answered
}

/// @notice One omission. Slot 0.
struct Omission {
    address custodian;
    uint40 reportedAt;
    OmissionStatus status;
}
