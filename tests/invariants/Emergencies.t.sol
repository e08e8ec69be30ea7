// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IEmergencyRegistry} from "../../contracts/interfaces/IEmergencyRegistry.sol";
import {IParticipantRegistry} from "../../contracts/interfaces/IParticipantRegistry.sol";
import {ParticipantTypes} from "../../contracts/libraries/ParticipantTypes.sol";
import {Words} from "../../contracts/libraries/Words.sol";
import {Emergency, EmergencyDesk, EmergencyReason, Verdict} from "../../contracts/types/Emergencies.sol";
import {
    AffiliationTerms,
    CredentialStatus,
    CredentialTerms,
    Jurisdiction,
    Role,
    StatusReason
} from "../../contracts/types/Participants.sol";
import {Kit} from "../forge/Kit.sol";

/// @notice Two patients, two practitioners, two houses with an officer each; every emergency is kept here as well.
contract EmergencyHandler is Kit {
    uint40 public constant WINDOW = 8 hours;
    uint40 public constant REVIEW = 72 hours;
    uint40 public constant SUSPENSION = 90 days;
    Jurisdiction public constant HERE = Jurisdiction.wrap(756000);
    bytes32 private constant _EVIDENCE = bytes32(uint256(7));

    struct Ghost {
        address patient;
        address practitioner;
        uint16 number;
        uint8 house;
        uint40 openedAt;
        EmergencyReason reason;
        Verdict verdict;
        uint40 judgedAt;
        bool appealed;
    }

    IParticipantRegistry public participants;
    IEmergencyRegistry public emergencies;
    uint40 public clock = 1_700_000_000;
    address public issuer;
    address[2] public patients = [address(0xB1), address(0xB2)];
    address[2] public practitioners;
    address[2] public houses = [address(0xC1), address(0xC2)];
    address[2] public officers;
    bool[2] public barred;
    bool[2] public idle;
    Ghost[] private _ghosts;
    mapping(address patient => mapping(address practitioner => uint256[])) private _pairs;

    constructor() {
        address manager = deploy("AccessManager", abi.encode(address(this)));
        participants = IParticipantRegistry(deploy("ParticipantRegistry", abi.encode(manager, address(0xF0))));
        emergencies = IEmergencyRegistry(
            deploy("EmergencyRegistry", abi.encode(manager, address(0xF0), address(participants)))
        );
        vm.warp(clock);
        uint256 secret;
        (issuer, secret) = makeAccount("issuer");
        participants.admitAccreditor(issuer, Role.Provider, HERE, clock, clock + 10_000 days);
        participants.admitAccreditor(issuer, Role.Practitioner, HERE, clock, clock + 10_000 days);
        uint256[2] memory keys;
        for (uint256 i = 0; i < 2; i++) {
            (practitioners[i], keys[i]) = makeAccount(i == 0 ? "practitioner one" : "practitioner two");
            _accredit(practitioners[i], Role.Practitioner, secret);
            _accredit(houses[i], Role.Provider, secret);
        }
        for (uint256 i = 0; i < 4; i++) _affiliate(houses[i % 2], practitioners[i / 2], keys[i / 2]);
    }

    /// @dev The subject sends, the issuer has signed.
    function _accredit(address subject, Role role, uint256 key) private {
        (uint40 until, bytes32 word) = (clock + 3650 days, Words.ofRole(role));
        bytes32 structHash = keccak256(
            abi.encode(ParticipantTypes.CREDENTIAL_TERMS, issuer, subject, word, HERE, clock, until, _EVIDENCE, clock)
        );
        CredentialTerms memory terms = CredentialTerms(issuer, subject, role, HERE, clock, until, _EVIDENCE, clock);
        vm.prank(subject);
        participants.issueCredential(terms, _sign(key, structHash), "");
    }

    function _affiliate(address house, address who, uint256 key) private {
        uint40 until = clock + 3650 days;
        bytes32 structHash = keccak256(
            abi.encode(ParticipantTypes.AFFILIATION_TERMS, house, who, clock, until, clock)
        );
        vm.prank(house);
        participants.affiliate(AffiliationTerms(house, who, clock, until, clock), "", _sign(key, structHash));
    }

    function _sign(uint256 key, bytes32 structHash) private view returns (bytes memory) {
        return signature(key, typedDigest(address(participants), "ParticipantRegistry", structHash));
    }

    // ---- what is told a second time ----

    function count() external view returns (uint256) {
        return _ghosts.length;
    }

    function ghostAt(uint256 index) external view returns (Ghost memory) {
        return _ghosts[index];
    }

    function opened(address patient, address practitioner) public view returns (uint256 number, uint40 until) {
        number = _pairs[patient][practitioner].length;
        if (number != 0) until = _ghosts[_pairs[patient][practitioner][number - 1]].openedAt + WINDOW;
    }

    /// @dev E-inv1, counted anew each time.
    function overdueAt(uint256 house) public view returns (uint256 found) {
        for (uint256 i = 0; i < _ghosts.length; i++) {
            if (_ghosts[i].house == house && _ghosts[i].verdict == Verdict.Overdue) found++;
        }
    }

    /// @dev E-inv3: from the last verdict against it of those that stand.
    function suspendedUntil(address practitioner) public view returns (uint40 until) {
        for (uint256 i = 0; i < _ghosts.length; i++) {
            Ghost storage g = _ghosts[i];
            if (g.practitioner != practitioner || g.verdict != Verdict.Unjustified) continue;
            if (g.judgedAt + SUSPENSION > until) until = g.judgedAt + SUSPENSION;
        }
    }

    /// @dev E-inv5: the reasons of a pair that wait for their review, as bits.
    function pendingOf(address patient, address practitioner) public view returns (uint256 bits) {
        uint256[] storage pair = _pairs[patient][practitioner];
        for (uint256 i = 0; i < pair.length; i++) {
            Ghost storage g = _ghosts[pair[i]];
            if (uint8(g.verdict) < uint8(Verdict.Justified)) bits |= 1 << uint8(g.reason);
        }
    }

    function _judge(Ghost storage g, Verdict verdict) private {
        if (g.verdict != verdict) g.judgedAt = clock;
        g.verdict = verdict;
    }

    /// @dev One of those that were opened, the newest more often.
    function _pick(uint256 which) private view returns (Ghost storage) {
        uint256 back = which % 4 == 0 ? which / 4 : which % 3;
        return _ghosts[_ghosts.length - 1 - (back % _ghosts.length)];
    }

    // ---- acts ----

    function open(uint256 patient, uint256 who, uint256 house, uint8 reason, uint256 by) public {
        (patient, who, house) = (patient % 2, who % 2, house % 2);
        address sender = by % 8 == 7 ? houses[house] : practitioners[who];
        (uint256 number, uint40 until) = opened(patients[patient], practitioners[who]);
        bool allowed = sender == practitioners[who] && reason % 6 != 0 && !barred[who] && !idle[house];
        allowed = allowed && officers[house] != address(0) && overdueAt(house) == 0;
        allowed = allowed && clock >= suspendedUntil(practitioners[who]) && clock >= until;
        allowed = allowed && (pendingOf(patients[patient], practitioners[who]) >> (reason % 6)) & 1 == 0;
        bytes memory data = abi.encodeCall(
            emergencies.openEmergency,
            (patients[patient], practitioners[who], houses[house], HERE, EmergencyReason(reason % 6))
        );
        attempt(sender, address(emergencies), data, allowed, "E-inv2: opened");
        if (!allowed) return;
        _pairs[patients[patient]][practitioners[who]].push(_ghosts.length);
        _ghosts.push();
        Ghost storage g = _ghosts[_ghosts.length - 1];
        (g.patient, g.practitioner, g.number) = (patients[patient], practitioners[who], uint16(number + 1));
        (g.house, g.openedAt, g.reason) = (uint8(house), clock, EmergencyReason(reason % 6));
    }

    /// @dev An officer of its own, or one of the practitioners, who then must not judge itself.
    function name(uint256 house, uint256 officer, uint256 by) public {
        house %= 2;
        address named = officer % 4 == 3 ? practitioners[officer / 4 % 2] : address(uint160(0xD0 + house));
        bool own = by % 8 != 7;
        bytes memory data = abi.encodeCall(emergencies.namePrivacyOfficer, (houses[house], named));
        attempt(own ? houses[house] : patients[0], address(emergencies), data, own, "E-inv4: officer");
        if (own) officers[house] = named;
    }

    function review(uint256 which, uint8 to, uint256 by) public {
        if (_ghosts.length == 0) return;
        Ghost storage g = _pick(which);
        Verdict verdict = Verdict(to % 8 < 4 ? 2 + to % 2 : to % 4);
        address sender = by % 8 == 7 ? patients[0] : officers[g.house];
        bool allowed = sender == officers[g.house] && sender != g.practitioner;
        allowed = allowed && (g.verdict == Verdict.Unreviewed || g.verdict == Verdict.Overdue) && uint8(verdict) > 1;
        bytes memory data = abi.encodeCall(
            emergencies.reviewEmergency,
            (g.patient, g.practitioner, g.number, verdict, _EVIDENCE)
        );
        attempt(sender, address(emergencies), data, allowed, "E-inv4: reviewed");
        if (allowed) _judge(g, verdict);
    }

    function markOverdue(uint256 which) public {
        if (_ghosts.length == 0) return;
        Ghost storage g = _pick(which);
        bool allowed = g.verdict == Verdict.Unreviewed && clock >= g.openedAt + REVIEW;
        bytes memory data = abi.encodeCall(emergencies.markOverdue, (g.patient, g.practitioner, g.number));
        attempt(patients[1], address(emergencies), data, allowed, "E-inv1: marked");
        if (allowed) g.verdict = Verdict.Overdue;
    }

    function appeal(uint256 which, uint8 to, uint256 by) public {
        if (_ghosts.length == 0) return;
        Ghost storage g = _pick(which);
        Verdict verdict = Verdict(to % 8 < 4 ? 2 + to % 2 : to % 4);
        address sender = by % 8 == 7 ? officers[g.house] : issuer;
        bool allowed = sender == issuer && g.verdict != Verdict.Unreviewed && !g.appealed && uint8(verdict) > 1;
        bytes memory data = abi.encodeCall(
            emergencies.settleAppeal,
            (g.patient, g.practitioner, g.number, verdict, _EVIDENCE)
        );
        attempt(sender, address(emergencies), data, allowed, "E-inv4: appealed");
        if (!allowed) return;
        g.appealed = true;
        _judge(g, verdict);
    }

    /// @dev The issuer suspends a practitioner or a house, and takes it back: mostly nobody is.
    function suspend(uint256 who, bool house) public {
        who %= 2;
        bool now_ = house ? idle[who] : barred[who];
        vm.prank(issuer);
        participants.setCredentialStatus(
            house ? houses[who] : practitioners[who],
            house ? Role.Provider : Role.Practitioner,
            HERE,
            now_ ? CredentialStatus.Active : CredentialStatus.Suspended,
            StatusReason.UnderInvestigation
        );
        if (house) idle[who] = !now_;
        else barred[who] = !now_;
    }

    function pass(uint256 time, uint8 how) public {
        clock += uint40(bound(time, 1, how % 8 == 0 ? 95 days : how % 2 == 0 ? REVIEW : WINDOW));
        vm.warp(clock);
    }

    /// @dev What single draws seldom do one after the other.
    function missAndMakeUp(uint256 patient, uint256 who, uint256 house, uint8 verdict, uint256 wait) external {
        if (officers[house % 2] == address(0)) name(house, 0, 0);
        for (uint256 i = 0; i < 2; i++) {
            if (barred[i]) suspend(i, false);
            if (idle[i]) suspend(i, true);
        }
        open(patient, who, house, 1, 0);
        pass(bound(wait, REVIEW - 1, REVIEW), 2);
        markOverdue(0);
        open(patient, who, house, 1, 0);
        review(0, verdict, 0);
        open(patient, who, house, 1, 0);
    }
}

contract EmergencyInvariants is Kit {
    EmergencyHandler private _handler;
    IEmergencyRegistry private _emergencies;

    function setUp() public {
        _handler = new EmergencyHandler();
        _emergencies = _handler.emergencies();
        targetContract(address(_handler));
        vm.warp(_handler.clock());
    }

    function invariant_H10_an_emergency_stands_as_opened_and_is_over_by_itself() public {
        uint40 time = _handler.clock();
        vm.warp(time);
        for (uint256 i = 0; i < _handler.count(); i++) {
            EmergencyHandler.Ghost memory g = _handler.ghostAt(i);
            (, Emergency memory e, uint40 until, uint40 due) = _emergencies.emergencyOf(
                g.patient,
                g.practitioner,
                g.number
            );
            vm.assertEq(e.organisation, _handler.houses(g.house), "E-inv4: organisation");
            vm.assertEq(uint256(e.openedAt), uint256(g.openedAt), "E-inv4: time");
            vm.assertEq(uint256(e.reason), uint256(g.reason), "E-inv4: reason");
            vm.assertEq(uint256(e.verdict), uint256(g.verdict), "E-inv4: verdict");
            vm.assertEq(e.appealed, g.appealed, "E-inv4: appealed");
            vm.assertEq(uint256(until), uint256(g.openedAt + _handler.WINDOW()), "E-inv4: end");
            vm.assertEq(uint256(due), uint256(g.openedAt + _handler.REVIEW()), "E-inv4: review");
        }
        for (uint256 i = 0; i < 4; i++) {
            (address patient, address who) = (_handler.patients(i % 2), _handler.practitioners(i / 2));
            (uint256 number, uint40 until) = _handler.opened(patient, who);
            (uint16 found, uint40 openUntil, uint16 pending) = _emergencies.emergenciesOf(patient, who);
            vm.assertEq(uint256(pending), _handler.pendingOf(patient, who), "E-inv5: reasons that wait");
            vm.assertEq(uint256(found), number, "E-inv2: one number each");
            vm.assertEq(uint256(openUntil), uint256(until), "E-inv2: the last one's end");
            vm.assertEq(_emergencies.isOpen(patient, who), time < until, "E-inv2: open");
        }
    }

    function invariant_H10_a_missed_review_stops_the_house_and_a_verdict_the_practitioner() public view {
        for (uint256 i = 0; i < 2; i++) {
            EmergencyDesk memory desk = _emergencies.deskOf(_handler.houses(i));
            vm.assertEq(uint256(desk.overdue), _handler.overdueAt(i), "E-inv1: overdue");
            vm.assertEq(desk.privacyOfficer, _handler.officers(i), "E-inv4: officer");
            address who = _handler.practitioners(i);
            uint256 until = _handler.suspendedUntil(who);
            vm.assertEq(uint256(_emergencies.conductOf(who).suspendedUntil), until, "E-inv3: suspended");
        }
    }
}
