// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ConsentRegistry} from "../../contracts/ConsentRegistry.sol";
import {ConsentTypes} from "../../contracts/libraries/ConsentTypes.sol";
import {Basis, Reason} from "../../contracts/libraries/Directives.sol";
import {Recipients} from "../../contracts/libraries/Recipients.sol";
import {Words} from "../../contracts/libraries/Words.sol";
import {
    Answer,
    ConsentReason,
    Directive,
    DirectiveWord,
    GrantTerms,
    Limits,
    Purpose,
    Recipient,
    Request,
    Scope,
    StandingDenial
} from "../../contracts/types/Consents.sol";
import {Jurisdiction, Role} from "../../contracts/types/Participants.sol";
import {Kit} from "../forge/Kit.sol";

/// @notice Patients, two recipients, two purposes; every step is counted here by itself and compared with the contract.
contract ConsentHandler is Kit {
    using Recipients for Recipient;

    uint256 public constant PATIENTS = 2;
    uint256 public constant SCOPES = 4;

    struct Ghost {
        uint40 version;
        bool revoked;
        uint64 permits;
        uint64 denies;
        uint40 notBefore;
        uint40 expiresAt;
    }

    ConsentRegistry public consents;
    mapping(address => mapping(Scope => Ghost)) public ghosts;
    mapping(address => StandingDenial) public standings;
    address[2] public patients;
    uint256[2] private _keys;
    Scope[4] public scopes;
    address[2] public readers;

    GrantTerms private _used;
    uint40 private _usedDeadline;
    bytes private _usedSignature;
    uint256 public clock = 1_700_000_000;

    constructor() {
        address manager = deploy("AccessManager", abi.encode(address(this)));
        address participants = deploy("ParticipantRegistry", abi.encode(manager, address(0xF0)));
        address guardians = deploy("GuardianRegistry", abi.encode(manager, address(0xF0), participants));
        address emergencies = deploy("EmergencyRegistry", abi.encode(manager, address(0xF0), participants));
        consents = ConsentRegistry(
            deploy("ConsentRegistry", abi.encode(manager, address(0xF0), participants, guardians, emergencies))
        );
        (patients[0], _keys[0]) = makeAccount("patient one");
        (patients[1], _keys[1]) = makeAccount("patient two");
        readers = [address(0xA1), address(0xA2)];
        for (uint256 i = 0; i < SCOPES; i++) {
            scopes[i] = Recipients.person(readers[i % 2]).forPurpose(i < 2 ? Purpose.TREAT : Purpose.HRESCH);
        }
        vm.warp(clock);
    }

    function _terms(uint256 who, uint256 which, uint64 permits, uint64 denies, uint256 from, uint256 length)
        private
        view
        returns (GrantTerms memory)
    {
        uint256 version = ghosts[patients[who]][scopes[which]].version + 1;
        permits = uint64(permits & Words.KNOWN) | 1;
        denies = uint64(denies & Words.KNOWN);
        uint256 notBefore = clock - 1000 + bound(from, 0, 2000);
        uint256 expiresAt = (notBefore > clock ? notBefore : clock) + bound(length, 1, 4000);
        uint256 word = uint256(permits) | (uint256(denies) << 64) | (notBefore << 128) | (expiresAt << 168);
        return GrantTerms(patients[who], scopes[which], DirectiveWord.wrap(word | (version << 216)), bytes32(uint256(7)));
    }

    function _note(GrantTerms memory terms) private {
        uint256 word = DirectiveWord.unwrap(terms.word);
        ghosts[terms.patient][terms.scope] = Ghost({
            version: uint40(word >> 216),
            revoked: false,
            permits: uint64(word),
            denies: uint64(word >> 64),
            notBefore: uint40(word >> 128),
            expiresAt: uint40(word >> 168)
        });
    }

    function grant(uint256 who, uint256 which, uint64 permits, uint64 denies, uint256 from, uint256 length) external {
        GrantTerms memory terms = _terms(who % PATIENTS, which % SCOPES, permits, denies, from, length);
        vm.prank(terms.patient);
        consents.grant(terms);
        _note(terms);
    }

    function hashOf(GrantTerms calldata terms, uint40 deadline) external pure returns (bytes32) {
        return ConsentTypes.hash(terms, 0, deadline);
    }

    function grantSigned(uint256 who, uint256 which, uint64 permits, uint256 from, uint256 length) external {
        who %= PATIENTS;
        GrantTerms memory terms = _terms(who, which % SCOPES, permits, 0, from, length);
        _usedDeadline = uint40(clock + 100_000);
        bytes32 digest = typedDigest(address(consents), "ConsentRegistry", this.hashOf(terms, _usedDeadline));
        _usedSignature = signature(_keys[who], digest);
        consents.grantSigned(_usedSignature, terms, _usedDeadline);
        _used = terms;
        _note(terms);
    }

    /// @dev Forbidden: the signature used last, once more, after whatever has happened since.
    function replay() external {
        if (_usedDeadline == 0) return;
        (bool ok, ) = address(consents).call(
            abi.encodeCall(consents.grantSigned, (_usedSignature, _used, _usedDeadline))
        );
        vm.assertFalse(ok, "C-inv2: a signature was used twice");
    }

    /// @dev Forbidden: anybody but the patient grants, revokes or denies.
    function trespass(uint256 who, uint256 which, uint64 permits, address stranger) external {
        GrantTerms memory terms = _terms(who % PATIENTS, which % SCOPES, permits, 0, 0, 1);
        if (stranger == terms.patient || stranger == address(0xF0)) return;
        vm.startPrank(stranger);
        (bool granted, ) = address(consents).call(abi.encodeCall(consents.grant, (terms)));
        (bool revoked, ) = address(consents).call(
            abi.encodeCall(consents.revoke, (terms.patient, terms.scope, ConsentReason.PatientRequest))
        );
        (bool denied, ) = address(consents).call(abi.encodeCall(consents.deny, (terms.patient, permits, 0)));
        vm.stopPrank();
        vm.assertFalse(granted || revoked || denied, "C-inv5: a stranger acted for a patient");
    }

    function revoke(uint256 who, uint256 which) external {
        address patient = patients[who % PATIENTS];
        Scope scope = scopes[which % SCOPES];
        vm.prank(patient);
        consents.revoke(patient, scope, ConsentReason.PatientRequest);
        ghosts[patient][scope].version++;
        ghosts[patient][scope].revoked = true;
    }

    function deny(uint256 who, uint64 denied, uint64 emergencyDenied) external {
        address patient = patients[who % PATIENTS];
        denied &= uint64(Words.KNOWN);
        emergencyDenied &= uint64(Words.KNOWN);
        vm.prank(patient);
        consents.deny(patient, denied, emergencyDenied);
        standings[patient] = StandingDenial(denied, emergencyDenied, standings[patient].version + 1);
    }

    function pass(uint256 time) external {
        clock += bound(time, 1, 3000);
        vm.warp(clock);
    }

    function ghostOf(address patient, Scope scope) external view returns (Ghost memory) {
        return ghosts[patient][scope];
    }

    function standingOf(address patient) external view returns (StandingDenial memory) {
        return standings[patient];
    }
}

contract ConsentInvariants is Kit {
    using Recipients for Scope;

    ConsentHandler private _handler;
    ConsentRegistry private _consents;

    function setUp() public {
        _handler = new ConsentHandler();
        _consents = _handler.consents();
        targetContract(address(_handler));
        vm.warp(_handler.clock());
    }

    function _ask(address patient, Scope scope, address actor, uint64 classes) private view returns (Answer memory) {
        Limits memory none;
        return
            _consents.decide(
                Request({
                    patient: patient,
                    actor: actor,
                    capacity: scope.recipient(),
                    organisationRole: Role.None,
                    jurisdiction: Jurisdiction.wrap(0),
                    custodian: address(0),
                    purpose: Purpose(uint8(scope.purpose())),
                    classes: classes,
                    author: address(0),
                    dataFrom: 0,
                    dataUntil: 0,
                    personLimits: none,
                    capacityLimits: none
                })
            );
    }

    function invariant_C1_version_is_the_number_of_acts_and_the_slot_what_was_said() public view {
        for (uint256 p = 0; p < 2; p++) {
            for (uint256 s = 0; s < 4; s++) {
                address patient = _handler.patients(p);
                Scope scope = _handler.scopes(s);
                ConsentHandler.Ghost memory g = _handler.ghostOf(patient, scope);
                (, Directive memory d) = _consents.directiveOf(patient, scope);
                vm.assertEq(uint256(d.version), uint256(g.version), "C-inv1: version");
                vm.assertEq(d.flags & 1 != 0, g.revoked, "C-inv1: revoked");
                vm.assertEq(uint256(d.permits), uint256(g.permits), "C-inv1: permits");
                vm.assertEq(uint256(d.denies), uint256(g.denies), "C-inv1: denies");
                vm.assertEq(uint256(d.expiresAt), uint256(g.expiresAt), "C-inv1: expiry");
            }
        }
    }

    function invariant_C3_C5_what_is_granted_is_exactly_what_is_permitted_and_not_denied_now() public {
        vm.warp(_handler.clock());
        uint64 all = uint64(Words.KNOWN);
        for (uint256 p = 0; p < 2; p++) {
            for (uint256 s = 0; s < 4; s++) {
                address patient = _handler.patients(p);
                Scope scope = _handler.scopes(s);
                ConsentHandler.Ghost memory g = _handler.ghostOf(patient, scope);
                uint256 now_ = _handler.clock();
                bool live = g.version != 0 && !g.revoked && g.notBefore <= now_ && now_ < g.expiresAt;
                uint64 may = live ? g.permits & ~g.denies & ~_handler.standingOf(patient).denied : 0;
                Answer memory answer = _ask(patient, scope, _handler.readers(s % 2), all);
                vm.assertEq(uint256(answer.grantedClasses), uint256(may), "C-inv3: granted classes");
                vm.assertEq(answer.allowed, may == all, "C-inv3: allowed");
                if (may != 0) {
                    vm.assertTrue(_ask(patient, scope, _handler.readers(s % 2), may).allowed, "C-inv3: ask for less");
                }
            }
        }
    }

    function invariant_C13_a_purpose_not_spoken_of_is_not_allowed() public view {
        for (uint256 s = 0; s < 2; s++) {
            Scope other = Scope.wrap(
                bytes32((uint256(Scope.unwrap(_handler.scopes(s))) & ((1 << 216) - 1)) | (uint256(13) << 216))
            );
            Answer memory answer = _ask(_handler.patients(0), other, _handler.readers(s), 1);
            vm.assertEq(uint256(answer.grantedClasses), 0, "C-inv6: granted for another purpose");
        }
    }

    function invariant_C1_another_actor_gets_nothing_from_a_directive() public view {
        Answer memory answer = _ask(_handler.patients(0), _handler.scopes(0), address(0xBAD), 1);
        vm.assertEq(uint256(answer.grantedClasses), 0, "C-inv7: granted to somebody else");
    }

    function invariant_C2_standing_denials_are_what_the_patient_said_last() public view {
        for (uint256 p = 0; p < 2; p++) {
            address patient = _handler.patients(p);
            StandingDenial memory said = _handler.standingOf(patient);
            StandingDenial memory kept = _consents.standingOf(patient);
            vm.assertEq(uint256(kept.denied), uint256(said.denied), "C-inv4: denied");
            vm.assertEq(uint256(kept.emergencyDenied), uint256(said.emergencyDenied), "C-inv4: in emergencies");
            vm.assertEq(uint256(kept.version), uint256(said.version), "C-inv4: version");
        }
    }
}
