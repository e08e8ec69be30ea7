// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {RecordRegistry} from "../../contracts/RecordRegistry.sol";
import {
    AccessLog,
    Amendment,
    BatchProof,
    LegalBasis,
    Meaning,
    Record,
    RecordId,
    RecordStatus
} from "../../contracts/types/Records.sol";
import {Kit} from "../forge/Kit.sol";
import {AnybodyGoverns, ParticipantsStub} from "./Mocks.sol";

/// @notice Records on the bytecode that ships, from any stored state.
contract RecordProof is Kit {
    address private constant FORWARDER = address(0xF0F0);
    uint256 private constant RECORDS = 4;
    uint256 private constant LOGS = 6;

    RecordRegistry private _records;
    ParticipantsStub private _participants;

    function setUp() public {
        _participants = new ParticipantsStub();
        _records = RecordRegistry(
            deploy(
                "RecordRegistry",
                abi.encode(address(new AnybodyGoverns()), FORWARDER, address(_participants))
            )
        );
    }

    function _slot(address author, bytes32 commitment) private view returns (bytes32) {
        RecordId id = _records.recordIdOf(author, commitment);
        return keccak256(abi.encode(RecordId.unwrap(id), RECORDS));
    }

    function _put(address author, bytes32 commitment, uint40 at, uint8 status, uint8 basis) private {
        uint256 word = uint256(at) | (uint256(status) << 40) | (uint256(basis) << 48);
        vm.store(address(_records), _slot(author, commitment), bytes32(word));
    }

    function _get(address author, bytes32 commitment) private view returns (Record memory) {
        return _records.recordOf(_records.recordIdOf(author, commitment));
    }

    function _none() private pure returns (BatchProof memory proof) {}

    function check_R3_anchor__never_overwrites(
        address author,
        bytes32 commitment,
        uint256 word,
        Meaning meaning
    ) public {
        bytes32 slot = _slot(author, commitment);
        vm.store(address(_records), slot, bytes32(word));
        vm.prank(author);
        (bool ok, ) = address(_records).call(abi.encodeCall(_records.anchor, (author, meaning, commitment)));
        if (ok) assert(word == 0);
        else assert(uint256(vm.load(address(_records), slot)) == word);
    }

    function check_R4_anchor__by_another_leaves_mine(
        address author,
        address other,
        bytes32 commitment,
        bytes32 otherCommitment,
        uint256 word
    ) public {
        vm.assume(author != other || commitment != otherCommitment);
        bytes32 slot = _slot(author, commitment);
        vm.store(address(_records), slot, bytes32(word));
        vm.prank(other);
        (bool ok, ) = address(_records).call(
            abi.encodeCall(_records.anchor, (other, Meaning.Authored, otherCommitment))
        );
        assert(uint256(vm.load(address(_records), slot)) == word);
        if (ok && word == 0) {
            // ... and it does not keep me from anchoring afterwards.
            vm.assume(commitment != 0 && author != FORWARDER);
            vm.prank(author);
            _records.anchor(author, Meaning.Authored, commitment);
        }
    }

    function check_R4_anchor__only_the_authors_controller(
        address caller,
        address author,
        address controller,
        bytes32 commitment
    ) public {
        vm.assume(caller != FORWARDER);
        _participants.set(author, controller, 0);
        vm.prank(caller);
        (bool ok, ) = address(_records).call(abi.encodeCall(_records.anchor, (author, Meaning.Authored, commitment)));
        assert(ok == (caller == controller && commitment != 0));
    }

    function check_H14_amend__status_moves_only_forward(
        address author,
        bytes32 commitment,
        uint40 at,
        uint8 old,
        uint8 basis,
        Amendment memory a
    ) public {
        vm.assume(old <= uint8(type(RecordStatus).max) && basis <= uint8(type(LegalBasis).max));
        vm.assume(at != 0 || old == 0);
        a.author = author;
        a.commitment = commitment;
        _put(author, commitment, at, old, basis);
        vm.prank(author);
        (bool ok, ) = address(_records).call(abi.encodeCall(_records.amend, (a, _none())));
        Record memory now_ = _get(author, commitment);
        if (ok) {
            bool forward = old == 1 && (a.status == RecordStatus.Superseded || a.status == RecordStatus.EnteredInError);
            bool shred = old != 0 && old != 4 && a.status == RecordStatus.Shredded;
            assert((forward || shred) && now_.status == a.status && now_.anchoredAt == at);
            assert((now_.basis != LegalBasis.None) == shred);
        } else {
            assert(uint8(now_.status) == old && now_.anchoredAt == at && uint8(now_.basis) == basis);
        }
    }

    function check_R8_amend__shredded_is_final(
        address caller,
        bytes32 commitment,
        uint40 at,
        uint8 basis,
        Amendment memory a
    ) public {
        vm.assume(basis <= uint8(type(LegalBasis).max));
        a.author = caller;
        a.commitment = commitment;
        _put(caller, commitment, at, uint8(RecordStatus.Shredded), basis);
        vm.prank(caller);
        (bool ok, ) = address(_records).call(abi.encodeCall(_records.amend, (a, _none())));
        assert(!ok && _get(caller, commitment).status == RecordStatus.Shredded);
    }

    function check_R3_amend__only_the_authors_controller(
        address caller,
        address author,
        address controller,
        bytes32 commitment,
        LegalBasis basis
    ) public {
        vm.assume(caller != FORWARDER && basis != LegalBasis.None && commitment != 0);
        _participants.set(author, controller, 0);
        _put(author, commitment, 1, 1, 0);
        Amendment memory a = Amendment(author, commitment, RecordStatus.Shredded, 0, basis);
        vm.prank(caller);
        (bool ok, ) = address(_records).call(abi.encodeCall(_records.amend, (a, _none())));
        assert(ok == (caller == controller));
    }

    function check_H11_anchorLog__only_the_next_entries_and_folds_the_head(
        address custodian,
        uint64 lastEntry,
        uint64 anchors,
        bytes32 head,
        bytes32 root,
        uint64 first,
        uint64 last
    ) public {
        vm.assume(lastEntry < type(uint64).max && anchors < type(uint64).max);
        bytes32 base = keccak256(abi.encode(custodian, LOGS));
        vm.store(address(_records), base, bytes32(uint256(lastEntry) | (uint256(anchors) << 64)));
        vm.store(address(_records), bytes32(uint256(base) + 1), head);
        vm.prank(custodian);
        (bool ok, ) = address(_records).call(abi.encodeCall(_records.anchorLog, (custodian, root, first, last)));
        AccessLog memory log = _records.logOf(custodian);
        if (ok) {
            assert(first == lastEntry + 1 && last >= first && root != 0);
            assert(log.lastEntry == last && log.anchors == anchors + 1);
            assert(log.head == keccak256(abi.encode(head, root, first, last)));
        } else {
            assert(log.lastEntry == lastEntry && log.anchors == anchors && log.head == head);
        }
    }

    function check_G1_retire__given_retired__no_batch_but_shredding(
        address author,
        bytes32 root,
        uint32 size,
        bytes32 commitment,
        LegalBasis basis
    ) public {
        vm.assume(basis != LegalBasis.None && author != FORWARDER);
        _records.retire();
        vm.prank(author);
        (bool ok, ) = address(_records).call(
            abi.encodeCall(_records.anchorBatch, (author, root, size, Meaning.Authored))
        );
        assert(!ok);
        _put(author, commitment, 1, 1, 0);
        vm.prank(author);
        _records.amend(Amendment(author, commitment, RecordStatus.Shredded, 0, basis), _none());
    }
}
