// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {
    AccessLog,
    AccessReceipt,
    Amendment,
    Batch,
    BatchId,
    BatchProof,
    LegalBasis,
    LogPart,
    Meaning,
    Omission,
    Record,
    RecordId,
    RecordStatus
} from "../types/Records.sol";

/// @title IRecordRegistry
/// @notice What existed, who wrote it, and that the log of who read it is whole.
/// @dev On chain are salted commitments and nothing else: no patient, no class, no place, no size. The author is in the
/// key, so nobody can take another's commitment. Anchoring needs no credential; the reader checks the author's.
/// Assumed: a commitment binds salt, author, patient pseudonym, classes, media type, canonicalisation and content hash;
/// a custodian writes every release into its log. What it reads without a request stays a matter of trust.
interface IRecordRegistry {
    /* EVENTS */

    event RecordAnchored(
        RecordId indexed recordId,
        address indexed author,
        bytes32 commitment,
        Meaning meaning
    );
    event BatchAnchored(
        BatchId indexed batchId,
        address indexed author,
        bytes32 indexed root,
        uint32 size,
        Meaning meaning
    );
    event RecordStatusChanged(
        RecordId indexed recordId,
        address indexed author,
        bytes32 indexed commitment,
        RecordStatus oldStatus,
        RecordStatus newStatus,
        RecordId replacement,
        LegalBasis basis,
        bytes32 root
    );
    event LogIntervalStated(address indexed custodian, uint32 oldSeconds, uint32 newSeconds);
    /// @notice Receipts of the custodian signed with this key count, for ever.
    event ReceiptKeyNamed(address indexed custodian, address indexed key);
    event LogAnchored(
        address indexed custodian,
        uint64 indexed part,
        bytes32 indexed root,
        uint64 first,
        uint64 last,
        bytes32 head
    );
    event OmissionReported(
        bytes32 indexed receiptHash,
        address indexed custodian,
        uint64 indexed entry,
        bytes32 leaf,
        uint32 open
    );
    event OmissionAnswered(bytes32 indexed receiptHash, address indexed custodian, uint64 indexed part, uint32 open);

    /* RECORDS */

    /// @notice Anchors a record: from now on it existed, and its author said so.
    /// @dev Emits {RecordAnchored}. Requirements: The caller controls the author. Not anchored before.
    /// @param author Who wrote it.
    /// @param meaning What the author's signature means.
    /// @param commitment Salted commitment, never zero.
    function anchor(address author, Meaning meaning, bytes32 commitment) external;

    /// @notice {anchor} by signature: RecordSignature(author, commitment, meaning, deadline).
    function anchorSigned(
        address author,
        Meaning meaning,
        bytes32 commitment,
        uint40 deadline,
        bytes calldata signature
    ) external;

    /// @notice Anchors many records at once, by the root of a standard Merkle tree over their commitments.
    /// @dev Emits {BatchAnchored}. A record of it gets a slot only when its status changes.
    /// @param size How many; what a proof cannot show.
    function anchorBatch(address author, bytes32 root, uint32 size, Meaning meaning) external returns (BatchId);

    /// @notice {anchorBatch} by signature: BatchSignature(author, root, size, meaning, deadline).
    function anchorBatchSigned(
        address author,
        bytes32 root,
        uint32 size,
        Meaning meaning,
        uint40 deadline,
        bytes calldata signature
    ) external returns (BatchId);

    /// @notice Supersedes a record by a newer version, marks it as entered in error, or states that it was shredded.
    /// @dev Emits {RecordStatusChanged}, after {RecordAnchored} of a replacement that was not anchored yet. Only its author.
    /// Open even when retired. Nothing is ever removed.
    function amend(Amendment calldata amendment, BatchProof calldata proof) external;

    /// @notice {amend} by signature: RecordAmendment, naming status, replacement and basis.
    function amendSigned(
        Amendment calldata amendment,
        BatchProof calldata proof,
        uint40 deadline,
        bytes calldata signature
    ) external;

    /* ACCESS LOG */

    /// @notice A custodian states how long at most an entry of its log waits for its anchor.
    /// @dev Emits {LogIntervalStated}. Between an hour and seven days; a day if it never says.
    function stateLogInterval(address custodian, uint32 intervalSeconds) external;

    /// @notice A custodian names a key that it signs receipts with. It is never taken back, so that no receipt is either.
    /// @dev Emits {ReceiptKeyNamed}. Readers accept no receipt that another key signed. Open even when retired.
    function nameReceiptKey(address custodian, address key) external;

    /// @notice Anchors the next entries of a custodian's access log.
    /// @dev Emits {LogAnchored}. The head is keccak256(previous head, root, first, last). At most 2**32 entries.
    /// @param root Root of the positional Merkle tree over the entries' leaves in order: entry `first + i` is leaf i.
    function anchorLog(address custodian, bytes32 root, uint64 first, uint64 last) external;

    /// @notice Anyone who holds a custodian's signed receipt whose entry is in no anchor says so.
    /// @dev Emits {OmissionReported}. AccessReceipt(custodian, entry, leaf, issuedAt) by a receipt key of the custodian.
    /// Requirements: Issued longer ago than the custodian's interval. Not reported before.
    function reportOmission(
        AccessReceipt calldata receipt,
        address key,
        bytes calldata signature
    ) external returns (bytes32);

    /// @notice Shows that the entry is in the log after all. Anyone.
    /// @dev Emits {OmissionAnswered}.
    /// @param part Number of the anchored part, from 1.
    /// @param path Siblings of the leaf, bottom up.
    function answerOmission(AccessReceipt calldata receipt, uint64 part, bytes32[] calldata path) external;

    /* VIEWS */

    /// @notice The id of a record: keccak256(chain, contract, author, commitment).
    function recordIdOf(address author, bytes32 commitment) external view returns (RecordId);

    /// @notice A record that has a slot.
    function recordOf(RecordId recordId) external view returns (Record memory);

    /// @notice Where a record stands, whether it has a slot or is proved to be in a batch.
    function statusOf(
        address author,
        bytes32 commitment,
        BatchProof calldata proof
    ) external view returns (RecordStatus, uint40 anchoredAt);

    /// @notice A batch.
    function batchOf(address author, bytes32 root) external view returns (BatchId, Batch memory);

    /// @notice Where a custodian's log stands.
    function logOf(address custodian) external view returns (AccessLog memory);

    /// @notice An anchored part of a log, from 1.
    function logPartOf(address custodian, uint64 part) external view returns (LogPart memory);

    /// @notice Whether an entry with this leaf is in a part of the log.
    function isLogged(
        address custodian,
        uint64 part,
        uint64 entry,
        bytes32 leaf,
        bytes32[] calldata path
    ) external view returns (bool);

    /// @notice Whether receipts of a custodian signed with a key count.
    function isReceiptKey(address custodian, address key) external view returns (bool);

    /// @notice An omission.
    function omissionOf(bytes32 receiptHash) external view returns (Omission memory);
}
