// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/interfaces/IRecordRegistry.sol";
import {RecordTypes} from "../../contracts/libraries/RecordTypes.sol";
import {Amendment, BatchProof, LegalBasis, Meaning, Record, RecordStatus} from "../../contracts/types/Records.sol";
import {Kit} from "../forge/Kit.sol";

/// @notice Two authors, six commitments, and two batches that overlap; what stands is told here a second time.
contract RecordHandler is Kit {
    uint256 public constant COMMITMENTS = 6;

    struct Ghost {
        uint40 anchoredAt;
        RecordStatus status;
        LegalBasis basis;
    }

    IRecordRegistry public records;
    uint40 public clock = 1_700_000_000;
    address[2] public authors;
    uint256[2] private _keys;
    mapping(address author => Ghost[6]) private _ghosts;
    mapping(address author => uint40[2]) private _batches;

    constructor() {
        address manager = deploy("AccessManager", abi.encode(address(this)));
        address participants = deploy("ParticipantRegistry", abi.encode(manager, address(0xF0)));
        records = IRecordRegistry(deploy("RecordRegistry", abi.encode(manager, address(0xF0), participants)));
        (authors[0], _keys[0]) = makeAccount("author one");
        (authors[1], _keys[1]) = makeAccount("author two");
        vm.warp(clock);
    }

    function commitmentOf(uint256 which) public pure returns (bytes32) {
        return keccak256(abi.encode("record", which));
    }

    function ghostOf(address author, uint256 which) public view returns (Ghost memory) {
        return _ghosts[author][which];
    }

    // ---- batches: commitments 0 to 3, and 2 to 5 ----

    function _leaf(uint256 which) private pure returns (bytes32) {
        return keccak256(bytes.concat(keccak256(abi.encode(commitmentOf(which)))));
    }

    /// @dev The standard tree: each pair in order of size.
    function _pair(bytes32 a, bytes32 b) private pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }

    function rootOf(uint256 batch) public pure returns (bytes32) {
        uint256 from = 2 * batch;
        return _pair(_pair(_leaf(from), _leaf(from + 1)), _pair(_leaf(from + 2), _leaf(from + 3)));
    }

    function holds(uint256 batch, uint256 which) public pure returns (bool) {
        return batch < 2 && which >= 2 * batch && which < 2 * batch + 4;
    }

    /// @notice The proof of a leaf; of one outside, that of the first. Batch 2 is none.
    function proofOf(uint256 batch, uint256 which) public pure returns (BatchProof memory proof) {
        if (batch > 1) return proof;
        uint256 from = 2 * batch;
        uint256 at = holds(batch, which) ? which - from : 0;
        proof.root = rootOf(batch);
        proof.path = new bytes32[](2);
        proof.path[0] = _leaf(from + (at ^ 1));
        uint256 other = from + (at < 2 ? 2 : 0);
        proof.path[1] = _pair(_leaf(other), _leaf(other + 1));
    }

    function statusOf(address author, uint256 which, uint256 batch) public view returns (RecordStatus, uint40) {
        Ghost memory g = _ghosts[author][which];
        if (g.status != RecordStatus.None || !holds(batch, which)) return (g.status, g.anchoredAt);
        uint40 at = _batches[author][batch];
        return at == 0 ? (RecordStatus.None, 0) : (RecordStatus.Current, at);
    }

    // ---- acts ----

    /// @dev The author calls, or has signed; or the other one tries.
    function anchor(uint256 who, uint256 which, uint8 meaning, uint256 by, bool signed) external {
        who %= 2;
        (address author, bytes32 commitment) = (authors[who], commitmentOf(which % COMMITMENTS));
        uint256 actor = by % 8 == 7 ? 1 - who : who;
        Ghost storage g = _ghosts[author][which % COMMITMENTS];
        bool allowed = actor == who && meaning % 6 != 0 && g.status == RecordStatus.None;
        bytes memory data = abi.encodeCall(records.anchor, (author, Meaning(meaning % 6), commitment));
        if (signed) {
            bytes32 structHash = RecordTypes.hash(author, commitment, Meaning(meaning % 6), clock);
            data = abi.encodeCall(
                records.anchorSigned,
                (author, Meaning(meaning % 6), commitment, clock, _sign(actor, structHash))
            );
        }
        attempt(signed ? address(0xE0) : authors[actor], address(records), data, allowed, "R-inv3: anchored");
        if (allowed) (g.anchoredAt, g.status) = (clock, RecordStatus.Current);
    }

    function _sign(uint256 actor, bytes32 structHash) private view returns (bytes memory) {
        return signature(_keys[actor], typedDigest(address(records), "RecordRegistry", structHash));
    }

    function anchorBatch(uint256 who, uint256 batch, uint8 size, uint256 by, bool signed) public {
        who %= 2;
        (address author, bytes32 root) = (authors[who], rootOf(batch % 2));
        uint256 actor = by % 8 == 7 ? 1 - who : who;
        bool allowed = actor == who && size != 0 && _batches[author][batch % 2] == 0;
        bytes memory data = abi.encodeCall(records.anchorBatch, (author, root, size, Meaning.Authored));
        if (signed) {
            bytes32 structHash = RecordTypes.hash(author, root, size, Meaning.Authored, clock);
            data = abi.encodeCall(
                records.anchorBatchSigned,
                (author, root, size, Meaning.Authored, clock, _sign(actor, structHash))
            );
        }
        attempt(signed ? address(0xE0) : authors[actor], address(records), data, allowed, "R-inv7: batch");
        if (allowed) _batches[author][batch % 2] = clock;
    }

    /// @param to A change that can be made more often than one that cannot.
    /// @param newer Six = no replacement.
    /// @param batch Of which the record is said to be a leaf; two = of none.
    function amend(uint256 who, uint256 which, uint8 to, uint8 newer, uint8 basis, uint256 batch, uint256 by) public {
        (who, which, batch) = (who % 2, which % COMMITMENTS, batch % 3);
        Amendment memory a;
        (a.author, a.commitment) = (authors[who], commitmentOf(which));
        a.status = RecordStatus(to % 8 < 5 ? to % 5 : 2 + (to % 3));
        (newer, basis) = (newer % 7, basis % 6);
        if (to % 8 >= 5) (newer, basis) = (a.status == RecordStatus.Superseded ? newer % 6 : 6, basis);
        if (to % 8 >= 5) basis = a.status == RecordStatus.Shredded ? 1 + basis % 5 : 0;
        if (newer != 6) a.replacement = commitmentOf(newer);
        a.basis = LegalBasis(basis);
        bool own = by % 8 != 7;
        bool allowed = own && _mayAmend(a, which, newer, batch);
        bytes memory data = abi.encodeCall(records.amend, (a, proofOf(batch, which)));
        attempt(authors[own ? who : 1 - who], address(records), data, allowed, "R-inv1: amended");
        if (allowed) _amended(a, which, newer, batch);
    }

    function _mayAmend(Amendment memory a, uint256 which, uint256 newer, uint256 batch) private view returns (bool) {
        (RecordStatus old, ) = statusOf(a.author, which, batch);
        bool forward = old == RecordStatus.Current &&
            (a.status == RecordStatus.Superseded || a.status == RecordStatus.EnteredInError);
        bool shred = old != RecordStatus.None && old != RecordStatus.Shredded && a.status == RecordStatus.Shredded;
        if (!forward && !shred) return false;
        if ((a.status == RecordStatus.Shredded) != (a.basis != LegalBasis.None)) return false;
        if (a.status != RecordStatus.Superseded) return newer == 6;
        return newer != 6 && newer != which && uint8(_ghosts[a.author][newer].status) < 2;
    }

    function _amended(Amendment memory a, uint256 which, uint256 newer, uint256 batch) private {
        (, uint40 anchoredAt) = statusOf(a.author, which, batch);
        _ghosts[a.author][which] = Ghost(anchoredAt, a.status, a.basis);
        if (newer == 6 || _ghosts[a.author][newer].status != RecordStatus.None) return;
        _ghosts[a.author][newer] = Ghost(clock, RecordStatus.Current, LegalBasis.None);
    }

    function pass(uint256 time) external {
        clock += uint40(bound(time, 1, 3 days));
        vm.warp(clock);
    }
}

/// @notice A record stands as its author left it, whether it has a slot or is a leaf.
contract RecordInvariants is Kit {
    RecordHandler private _handler;
    IRecordRegistry private _records;

    function setUp() public {
        _handler = new RecordHandler();
        _records = _handler.records();
        targetContract(address(_handler));
        vm.warp(_handler.clock());
    }

    function invariant_R3_a_record_moves_forward_by_its_author_alone_and_never_in_time() public view {
        for (uint256 i = 0; i < 12; i++) {
            (address author, uint256 which) = (_handler.authors(i % 2), i / 2);
            RecordHandler.Ghost memory g = _handler.ghostOf(author, which);
            Record memory kept = _records.recordOf(_records.recordIdOf(author, _handler.commitmentOf(which)));
            vm.assertEq(uint256(kept.anchoredAt), uint256(g.anchoredAt), "R-inv1: anchored at");
            vm.assertEq(uint256(kept.status), uint256(g.status), "R-inv1: status");
            vm.assertEq(uint256(kept.basis), uint256(g.basis), "R-inv1: basis");
        }
    }

    function invariant_R4_a_leaf_stands_as_its_slot_says_and_else_as_its_batch_was_anchored_by_this_author() public view {
        for (uint256 i = 0; i < 12; i++) {
            (address author, uint256 which) = (_handler.authors(i % 2), i / 2);
            for (uint256 batch = 0; batch < 2; batch++) {
                if (!_handler.holds(batch, which) && which % 3 != 0) continue;
                (RecordStatus said, uint40 at) = _handler.statusOf(author, which, batch);
                (RecordStatus found, uint40 anchoredAt) = _records.statusOf(
                    author,
                    _handler.commitmentOf(which),
                    _handler.proofOf(batch, which)
                );
                vm.assertEq(uint256(found), uint256(said), "R-inv7: status");
                vm.assertEq(uint256(anchoredAt), uint256(at), "R-inv7: anchored at");
            }
        }
    }
}
