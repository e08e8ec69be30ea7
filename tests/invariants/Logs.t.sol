// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/interfaces/IRecordRegistry.sol";
import {RecordTypes} from "../../contracts/libraries/RecordTypes.sol";
import {AccessLog, AccessReceipt, LogPart, Omission, OmissionStatus} from "../../contracts/types/Records.sol";
import {Kit} from "../forge/Kit.sol";

/// @notice Two custodians, their logs part by part, two keys that receipts are signed with, and what was left out.
contract LogHandler is Kit {
    uint256 private constant _NO_GAP = type(uint256).max;

    struct Part {
        uint64 first;
        uint64 last;
        /// @dev The entry in whose place something else was written.
        uint256 gap;
        bytes32 root;
    }

    struct Report {
        AccessReceipt receipt;
        uint8 house;
        bool answered;
    }

    IRecordRegistry public records;
    uint40 public clock = 1_700_000_000;
    address[2] public houses = [address(0xC1), address(0xC2)];
    address[2] public keys;
    uint256[2] private _secrets;
    bool[2][2] public named;
    uint32[2] public intervals;
    Part[][2] private _parts;
    Report[] private _reports;
    mapping(bytes32 receiptHash => bool) private _reported;

    constructor() {
        address manager = deploy("AccessManager", abi.encode(address(this)));
        address participants = deploy("ParticipantRegistry", abi.encode(manager, address(0xF0)));
        records = IRecordRegistry(deploy("RecordRegistry", abi.encode(manager, address(0xF0), participants)));
        (keys[0], _secrets[0]) = makeAccount("receipt key one");
        (keys[1], _secrets[1]) = makeAccount("receipt key two");
        vm.warp(clock);
    }

    function parts(uint256 house) external view returns (uint256) {
        return _parts[house].length;
    }

    function partAt(uint256 house, uint256 index) external view returns (Part memory) {
        return _parts[house][index];
    }

    function reports() external view returns (uint256) {
        return _reports.length;
    }

    function reportAt(uint256 index) external view returns (Report memory) {
        return _reports[index];
    }

    function lastEntry(uint256 house) public view returns (uint64) {
        uint256 length = _parts[house].length;
        return length == 0 ? 0 : _parts[house][length - 1].last;
    }

    function intervalOf(uint256 house) public view returns (uint256) {
        return intervals[house] == 0 ? 1 days : intervals[house];
    }

    function entryOf(uint256 house, uint256 number) public pure returns (bytes32) {
        return keccak256(abi.encode("entry", house, number));
    }

    function hashOf(AccessReceipt calldata receipt) external pure returns (bytes32) {
        return RecordTypes.hash(receipt);
    }

    // ---- the positional tree, level by level ----

    function _climb(uint256 house, Part memory part, uint256 at) private pure returns (bytes32, bytes32[] memory path) {
        uint256 depth;
        while ((uint256(1) << depth) < part.last - part.first + 1) depth++;
        bytes32[] memory layer = new bytes32[](1 << depth);
        for (uint256 i = 0; i <= part.last - part.first; i++) {
            bytes32 value = part.first + i == part.gap ? bytes32(uint256(1)) : entryOf(house, part.first + i);
            layer[i] = keccak256(bytes.concat(keccak256(abi.encode(i, value))));
        }
        path = new bytes32[](depth);
        for (uint256 level = 0; level < depth; level++) {
            path[level] = layer[at ^ 1];
            for (uint256 i = 0; i < layer.length >> (level + 1); i++) {
                layer[i] = keccak256(abi.encode(layer[2 * i], layer[2 * i + 1]));
            }
            at >>= 1;
        }
        return (layer[0], path);
    }

    // ---- acts of custodians ----

    function state(uint256 house, uint32 interval, uint256 by) external {
        interval = uint32(bound(interval, 1 hours - 1, 7 days + 1));
        bool allowed = by % 8 != 7 && interval >= 1 hours && interval <= 7 days;
        bytes memory data = abi.encodeCall(records.stateLogInterval, (houses[house % 2], interval));
        attempt(by % 8 != 7 ? houses[house % 2] : keys[0], address(records), data, allowed, "R-inv5: interval");
        if (allowed) intervals[house % 2] = interval;
    }

    function nameKey(uint256 house, uint256 key, uint256 by) public {
        bool own = by % 8 != 7;
        bytes memory data = abi.encodeCall(records.nameReceiptKey, (houses[house % 2], keys[key % 2]));
        attempt(own ? houses[house % 2] : keys[key % 2], address(records), data, own, "R-inv6: key named");
        if (own) named[house % 2][key % 2] = true;
    }

    function anchorLog(uint256 house, uint256 many, uint256 gap, uint256 by) public {
        house %= 2;
        Part memory part;
        part.first = lastEntry(house) + (by % 16 == 3 ? 2 : by % 16 == 4 ? 0 : 1);
        part.last = part.first + uint64(many % 5);
        part.gap = gap % 2 == 0 ? part.first + (gap / 2) % 5 : _NO_GAP;
        (part.root, ) = _climb(house, part, 0);
        bool allowed = by % 8 != 7 && part.first == lastEntry(house) + 1;
        bytes memory data = abi.encodeCall(
            records.anchorLog,
            (houses[house], part.root, part.first, part.last)
        );
        attempt(by % 8 != 7 ? houses[house] : keys[0], address(records), data, allowed, "R-inv2: anchored");
        if (allowed) _parts[house].push(part);
    }

    // ---- receipts ----

    /// @dev For an entry about where the log is; by one of the keys, or by nobody's.
    function report(uint256 house, uint256 entry, bool lie, uint256 age, uint256 key, uint256 by) public {
        house %= 2;
        AccessReceipt memory r;
        (r.custodian, r.entry) = (houses[house], uint64(1 + (entry % (lastEntry(house) + 3))));
        r.leaf = lie ? bytes32(uint256(2)) : entryOf(house, r.entry);
        uint256 interval = intervalOf(house);
        r.issuedAt = uint40(clock - bound(age, interval - 1, interval + 2));
        bytes32 receiptHash = this.hashOf(r);
        bool allowed = named[house][key % 2] && by % 8 != 7 && clock > r.issuedAt + interval;
        allowed = allowed && !_reported[receiptHash];
        bytes32 digest = typedDigest(address(records), "RecordRegistry", receiptHash);
        bytes memory signed = signature(by % 8 != 7 ? _secrets[key % 2] : 77, digest);
        bytes memory data = abi.encodeCall(records.reportOmission, (r, keys[key % 2], signed));
        attempt(address(0xE0), address(records), data, allowed, "R-inv5: reported");
        if (!allowed) return;
        _reported[receiptHash] = true;
        _reports.push(Report(r, uint8(house), false));
    }

    /// @dev With the path of the entry in a part, or of the entry beside it.
    function answer(uint256 which, uint256 part, bool beside) public {
        if (_reports.length == 0) return;
        Report storage report_ = _reports[_reports.length - 1 - (which % _reports.length)];
        uint256 length = _parts[report_.house].length;
        if (length == 0) return;
        part %= length;
        (bytes32[] memory path, bool shown) = _show(report_, _parts[report_.house][part], beside);
        bytes memory data = abi.encodeCall(records.answerOmission, (report_.receipt, uint64(part + 1), path));
        attempt(address(0xE0), address(records), data, shown && !report_.answered, "R-inv4: answered");
        if (shown) report_.answered = true;
    }

    function _show(Report memory r, Part memory p, bool beside) private pure returns (bytes32[] memory path, bool shown) {
        uint256 size = p.last - p.first + 1;
        shown = r.receipt.entry >= p.first && r.receipt.entry <= p.last && r.receipt.entry != p.gap;
        uint256 at = r.receipt.entry >= p.first && r.receipt.entry <= p.last ? r.receipt.entry - p.first : 0;
        shown = shown && r.receipt.leaf == entryOf(r.house, r.receipt.entry) && !(beside && size > 1);
        (, path) = _climb(r.house, p, beside ? (at + 1) % size : at);
    }

    function pass(uint256 time) external {
        clock += uint40(bound(time, 1, 2 days));
        vm.warp(clock);
    }

    /// @dev Left out, reported, and then written after all, or not.
    function omitAndAnswer(uint256 house, uint256 key, uint256 gap, bool beside) external {
        nameKey(house, key, 0);
        report(house, lastEntry(house % 2), false, intervalOf(house % 2) + 1, key, 0);
        anchorLog(house, 2, gap, 0);
        answer(0, _parts[house % 2].length - 1, beside);
    }
}

/// @notice The head says the whole log, and what was left out stays open until it is shown.
contract LogInvariants is Kit {
    LogHandler private _handler;
    IRecordRegistry private _records;

    function setUp() public {
        _handler = new LogHandler();
        _records = _handler.records();
        targetContract(address(_handler));
        vm.warp(_handler.clock());
    }

    function invariant_R3_the_head_is_the_hash_of_every_part_in_order() public view {
        for (uint256 house = 0; house < 2; house++) {
            bytes32 head;
            uint256 length = _handler.parts(house);
            for (uint256 i = 0; i < length; i++) {
                LogHandler.Part memory said = _handler.partAt(house, i);
                LogPart memory kept = _records.logPartOf(_handler.houses(house), uint64(i + 1));
                vm.assertEq(kept.root, said.root, "R-inv2: root");
                vm.assertEq(uint256(kept.first), i == 0 ? 1 : uint256(_handler.partAt(house, i - 1).last) + 1, "R-inv2");
                vm.assertEq(uint256(kept.last), uint256(said.last), "R-inv2: last entry");
                head = keccak256(abi.encode(head, kept.root, kept.first, kept.last));
            }
            AccessLog memory log = _records.logOf(_handler.houses(house));
            vm.assertEq(log.head, head, "R-inv2: head");
            vm.assertEq(uint256(log.anchors), length, "R-inv2: anchors");
            vm.assertEq(uint256(log.lastEntry), uint256(_handler.lastEntry(house)), "R-inv2: entries");
            vm.assertEq(uint256(log.intervalSeconds), uint256(_handler.intervals(house)), "R-inv5: interval");
        }
    }

    function invariant_H11_an_omission_stays_open_until_its_entry_is_shown_where_it_stands() public view {
        uint256[2] memory open;
        for (uint256 i = 0; i < _handler.reports(); i++) {
            LogHandler.Report memory said = _handler.reportAt(i);
            Omission memory kept = _records.omissionOf(_handler.hashOf(said.receipt));
            OmissionStatus status = said.answered ? OmissionStatus.Answered : OmissionStatus.Open;
            vm.assertEq(uint256(kept.status), uint256(status), "R-inv5: status");
            vm.assertEq(kept.custodian, _handler.houses(said.house), "R-inv5: custodian");
            if (!said.answered) open[said.house]++;
        }
        for (uint256 house = 0; house < 2; house++) {
            AccessLog memory log = _records.logOf(_handler.houses(house));
            vm.assertEq(uint256(log.openOmissions), open[house], "R-inv5: open");
            for (uint256 key = 0; key < 2; key++) {
                bool counts = _records.isReceiptKey(_handler.houses(house), _handler.keys(key));
                vm.assertEq(counts, _handler.named(house, key), "R-inv6: receipt key");
            }
        }
    }
}
