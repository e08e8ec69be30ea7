// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {Module} from "./abstracts/Module.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {IRecordRegistry} from "./interfaces/IRecordRegistry.sol";
import {Errors} from "./libraries/Errors.sol";
import {Positional} from "./libraries/Positional.sol";
import {RecordTypes} from "./libraries/RecordTypes.sol";
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
    OmissionStatus,
    Record,
    RecordId,
    RecordStatus
} from "./types/Records.sol";

/// @title RecordRegistry
/// @notice What existed, who wrote it, and that the log of who read it is whole.
contract RecordRegistry is IRecordRegistry, Module {
    /* CONSTANTS */

    /// @notice A log entry waits a day for its anchor, unless the custodian states otherwise.
    uint32 public constant DEFAULT_INTERVAL = 1 days;
    uint32 private constant MIN_INTERVAL = 1 hours;
    uint32 private constant MAX_INTERVAL = 7 days;
    /// @dev Entries of one part: more than any tree that a custodian keeps, and never the rest of all numbers.
    uint64 private constant MAX_PART = 2 ** 32;

    /* STORAGE */

    IParticipantRegistry private immutable _participants;

    /// @dev A {Record} packed by hand, so that it is one write: anchoredAt | status << 40 | basis << 48.
    mapping(RecordId recordId => uint256 word) private _records;
    mapping(BatchId batchId => Batch) private _batches;
    mapping(address custodian => AccessLog) private _logs;
    mapping(bytes32 custodianAndPart => LogPart) private _parts;
    mapping(bytes32 custodianAndKey => bool) private _receiptKeys;
    mapping(bytes32 receiptHash => Omission) private _omissions;

    /* CONSTRUCTOR */

    constructor(
        address manager,
        address forwarder,
        IParticipantRegistry participants
    ) Module(manager, forwarder, "CareLedger RecordRegistry") {
        _participants = participants;
    }

    /* RECORDS */

    /// @inheritdoc IRecordRegistry
    function anchor(address author, Meaning meaning, bytes32 commitment) external {
        _requireController(author);
        _anchor(author, commitment, meaning);
    }

    /// @inheritdoc IRecordRegistry
    function anchorSigned(
        address author,
        Meaning meaning,
        bytes32 commitment,
        uint40 deadline,
        bytes calldata signature
    ) external {
        bytes32 structHash = RecordTypes.hash(author, commitment, meaning, deadline);
        _requireSigned(_participants.controllerOf(author), structHash, deadline, signature);
        _anchor(author, commitment, meaning);
    }

    /// @inheritdoc IRecordRegistry
    function anchorBatch(address author, bytes32 root, uint32 size, Meaning meaning) external returns (BatchId) {
        _requireController(author);
        return _anchorBatch(author, root, size, meaning);
    }

    /// @inheritdoc IRecordRegistry
    function anchorBatchSigned(
        address author,
        bytes32 root,
        uint32 size,
        Meaning meaning,
        uint40 deadline,
        bytes calldata signature
    ) external returns (BatchId) {
        bytes32 structHash = RecordTypes.hash(author, root, size, meaning, deadline);
        _requireSigned(_participants.controllerOf(author), structHash, deadline, signature);
        return _anchorBatch(author, root, size, meaning);
    }

    /// @inheritdoc IRecordRegistry
    function amend(Amendment calldata amendment, BatchProof calldata proof) external {
        _requireController(amendment.author);
        _amend(amendment, proof);
    }

    /// @inheritdoc IRecordRegistry
    function amendSigned(
        Amendment calldata amendment,
        BatchProof calldata proof,
        uint40 deadline,
        bytes calldata signature
    ) external {
        bytes32 structHash = RecordTypes.hash(amendment, deadline);
        _requireSigned(_participants.controllerOf(amendment.author), structHash, deadline, signature);
        _amend(amendment, proof);
    }

    /* ACCESS LOG */

    /// @inheritdoc IRecordRegistry
    function stateLogInterval(address custodian, uint32 intervalSeconds) external {
        _requireController(custodian);
        if (intervalSeconds < MIN_INTERVAL || intervalSeconds > MAX_INTERVAL) {
            revert Errors.RecordRegistry_BadInterval(intervalSeconds);
        }

        uint32 old = _logs[custodian].intervalSeconds;
        _logs[custodian].intervalSeconds = intervalSeconds;

        emit LogIntervalStated(custodian, old, intervalSeconds);
    }

    /// @inheritdoc IRecordRegistry
    function nameReceiptKey(address custodian, address key) external {
        _requireController(custodian);
        if (key == address(0)) revert Errors.RecordRegistry_Missing();

        _receiptKeys[keccak256(abi.encode(custodian, key))] = true;

        emit ReceiptKeyNamed(custodian, key);
    }

    /// @inheritdoc IRecordRegistry
    function anchorLog(address custodian, bytes32 root, uint64 first, uint64 last) external {
        _requireController(custodian);
        AccessLog storage log = _logs[custodian];
        uint64 expected = log.lastEntry + 1;
        if (root == bytes32(0)) revert Errors.RecordRegistry_Missing();
        // A part that took all numbers there are would be the log's last, whoever has the key afterwards.
        if (first != expected || last < first || last - first >= MAX_PART) {
            revert Errors.RecordRegistry_BadEntries(first, last, expected);
        }

        bytes32 head = keccak256(abi.encode(log.head, root, first, last));
        log.lastEntry = last;
        uint64 part = ++log.anchors;
        log.lastAnchorAt = uint40(block.timestamp);
        log.head = head;
        _parts[_partKey(custodian, part)] = LogPart({
            root: root,
            first: first,
            last: last,
            anchoredAt: uint40(block.timestamp)
        });

        emit LogAnchored(custodian, part, root, first, last, head);
    }

    /// @inheritdoc IRecordRegistry
    function reportOmission(
        AccessReceipt calldata receipt,
        address key,
        bytes calldata signature
    ) external returns (bytes32 receiptHash) {
        receiptHash = RecordTypes.hash(receipt);
        Omission storage omission = _omissions[receiptHash];
        AccessLog storage log = _logs[receipt.custodian];
        if (omission.status != OmissionStatus.None) revert Errors.RecordRegistry_OmissionState(receiptHash);
        uint32 interval = log.intervalSeconds == 0 ? DEFAULT_INTERVAL : log.intervalSeconds;
        uint256 dueAt = uint256(receipt.issuedAt) + interval;
        if (block.timestamp <= dueAt) revert Errors.RecordRegistry_NotDue(dueAt);
        if (!isReceiptKey(receipt.custodian, key)) revert Errors.RecordRegistry_NotReceiptKey(receipt.custodian, key);
        _requireSigned(key, receiptHash, type(uint40).max, signature);

        omission.custodian = receipt.custodian;
        omission.reportedAt = uint40(block.timestamp);
        omission.status = OmissionStatus.Open;
        uint32 open = ++log.openOmissions;

        emit OmissionReported(receiptHash, receipt.custodian, receipt.entry, receipt.leaf, open);
    }

    /// @inheritdoc IRecordRegistry
    function answerOmission(AccessReceipt calldata receipt, uint64 part, bytes32[] calldata path) external {
        bytes32 receiptHash = RecordTypes.hash(receipt);
        Omission storage omission = _omissions[receiptHash];
        if (omission.status != OmissionStatus.Open) revert Errors.RecordRegistry_OmissionState(receiptHash);
        if (!isLogged(receipt.custodian, part, receipt.entry, receipt.leaf, path)) {
            revert Errors.RecordRegistry_BadProof(_parts[_partKey(receipt.custodian, part)].root);
        }

        omission.status = OmissionStatus.Answered;
        uint32 open = --_logs[receipt.custodian].openOmissions;

        emit OmissionAnswered(receiptHash, receipt.custodian, part, open);
    }

    /* INTERNAL */

    /// @dev The one predicate of authority: the caller is the controller of now.
    function _requireController(address subject) private view {
        (address controller, ) = _participants.authorityOf(subject);
        if (_caller() != controller) revert Errors.RecordRegistry_NotController(subject, _caller(), controller);
    }

    function _anchor(address author, bytes32 commitment, Meaning meaning) private {
        RecordId recordId = _recordId(author, commitment);
        uint256 word = _records[recordId];
        if (commitment == bytes32(0) || meaning == Meaning.None) revert Errors.RecordRegistry_Missing();
        if (word != 0) {
            revert Errors.RecordRegistry_AlreadyAnchored(RecordId.unwrap(recordId), uint40(word));
        }

        _records[recordId] = _pack(uint40(block.timestamp), RecordStatus.Current, LegalBasis.None);

        emit RecordAnchored(recordId, author, commitment, meaning);
    }

    function _anchorBatch(
        address author,
        bytes32 root,
        uint32 size,
        Meaning meaning
    ) private returns (BatchId batchId) {
        _requireOpen();
        batchId = _batchId(author, root);
        Batch storage batch = _batches[batchId];
        if (root == bytes32(0) || size == 0 || meaning == Meaning.None) revert Errors.RecordRegistry_Missing();
        if (batch.anchoredAt != 0) {
            revert Errors.RecordRegistry_AlreadyAnchored(BatchId.unwrap(batchId), batch.anchoredAt);
        }

        _batches[batchId] = Batch({anchoredAt: uint40(block.timestamp), size: size});

        emit BatchAnchored(batchId, author, root, size, meaning);
    }

    function _amend(Amendment calldata a, BatchProof calldata proof) private {
        (RecordStatus old, uint40 anchoredAt) = statusOf(a.author, a.commitment, proof);
        RecordId recordId = _recordId(a.author, a.commitment);
        bool hasSlot = _records[recordId] != 0;
        if (old == RecordStatus.None) revert Errors.RecordRegistry_NotAnchored(recordId);
        _requireTransition(old, a.status);
        RecordId replacement = _replace(a);
        if ((a.status == RecordStatus.Shredded) != (a.basis != LegalBasis.None)) {
            revert Errors.RecordRegistry_Missing();
        }

        _records[recordId] = _pack(anchoredAt, a.status, a.basis);

        bytes32 root = hasSlot ? bytes32(0) : proof.root;
        emit RecordStatusChanged(recordId, a.author, a.commitment, old, a.status, replacement, a.basis, root);
    }

    /// @dev Anchors the newer version unless it stands already; only a superseded record has one.
    function _replace(Amendment calldata a) private returns (RecordId replacement) {
        if ((a.status == RecordStatus.Superseded) != (a.replacement != bytes32(0)) || a.replacement == a.commitment) {
            revert Errors.RecordRegistry_Missing();
        }
        if (a.replacement == bytes32(0)) return RecordId.wrap(bytes32(0));
        replacement = _recordId(a.author, a.replacement);
        RecordStatus status = _read(replacement).status;
        if (status == RecordStatus.None) _anchor(a.author, a.replacement, Meaning.Authored);
        else if (status != RecordStatus.Current) revert Errors.RecordRegistry_BadTransition(status, status);
    }

    function _requireTransition(RecordStatus from, RecordStatus to) private pure {
        bool forward = from == RecordStatus.Current &&
            (to == RecordStatus.Superseded || to == RecordStatus.EnteredInError);
        bool shred = from != RecordStatus.Shredded && to == RecordStatus.Shredded;
        if (!forward && !shred) revert Errors.RecordRegistry_BadTransition(from, to);
    }

    function _pack(uint40 anchoredAt, RecordStatus status, LegalBasis basis) private pure returns (uint256) {
        return uint256(anchoredAt) | (uint256(status) << 40) | (uint256(basis) << 48);
    }

    function _read(RecordId recordId) private view returns (Record memory) {
        uint256 word = _records[recordId];
        return
            Record({
                anchoredAt: uint40(word),
                status: RecordStatus(uint8(word >> 40)),
                basis: LegalBasis(uint8(word >> 48))
            });
    }

    function _recordId(address author, bytes32 commitment) private view returns (RecordId) {
        return RecordId.wrap(keccak256(abi.encode(block.chainid, address(this), author, commitment)));
    }

    function _batchId(address author, bytes32 root) private view returns (BatchId) {
        return BatchId.wrap(keccak256(abi.encode(block.chainid, address(this), author, root)));
    }

    function _partKey(address custodian, uint64 part) private pure returns (bytes32) {
        return keccak256(abi.encode(custodian, part));
    }

    /* VIEWS */

    /// @inheritdoc IRecordRegistry
    function recordIdOf(address author, bytes32 commitment) external view returns (RecordId) {
        return _recordId(author, commitment);
    }

    /// @inheritdoc IRecordRegistry
    function recordOf(RecordId recordId) external view returns (Record memory) {
        return _read(recordId);
    }

    /// @inheritdoc IRecordRegistry
    function statusOf(
        address author,
        bytes32 commitment,
        BatchProof calldata proof
    ) public view returns (RecordStatus status, uint40 anchoredAt) {
        Record memory record = _read(_recordId(author, commitment));
        (status, anchoredAt) = (record.status, record.anchoredAt);
        if (status != RecordStatus.None || proof.root == bytes32(0)) return (status, anchoredAt);
        uint40 batchAt = _batches[_batchId(author, proof.root)].anchoredAt;
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(commitment))));
        if (batchAt != 0 && MerkleProof.verifyCalldata(proof.path, proof.root, leaf)) {
            return (RecordStatus.Current, batchAt);
        }
    }

    /// @inheritdoc IRecordRegistry
    function batchOf(address author, bytes32 root) external view returns (BatchId batchId, Batch memory batch) {
        batchId = _batchId(author, root);
        batch = _batches[batchId];
    }

    /// @inheritdoc IRecordRegistry
    function logOf(address custodian) external view returns (AccessLog memory) {
        return _logs[custodian];
    }

    /// @inheritdoc IRecordRegistry
    function logPartOf(address custodian, uint64 part) external view returns (LogPart memory) {
        return _parts[_partKey(custodian, part)];
    }

    /// @inheritdoc IRecordRegistry
    function isLogged(
        address custodian,
        uint64 part,
        uint64 entry,
        bytes32 leaf,
        bytes32[] calldata path
    ) public view returns (bool) {
        LogPart storage p = _parts[_partKey(custodian, part)];
        if (p.root == bytes32(0) || entry < p.first || entry > p.last) return false;
        return Positional.verify(p.root, uint256(p.last - p.first) + 1, entry - p.first, leaf, path);
    }

    /// @inheritdoc IRecordRegistry
    function isReceiptKey(address custodian, address key) public view returns (bool) {
        return _receiptKeys[keccak256(abi.encode(custodian, key))];
    }

    /// @inheritdoc IRecordRegistry
    function omissionOf(bytes32 receiptHash) external view returns (Omission memory) {
        return _omissions[receiptHash];
    }
}
