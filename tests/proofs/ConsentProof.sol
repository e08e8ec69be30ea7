// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ConsentRegistry} from "../../contracts/ConsentRegistry.sol";
import {
    ConsentReason,
    Directive,
    DirectiveWord,
    GrantTerms,
    Purpose,
    Scope,
    StandingDenial
} from "../../contracts/types/Consents.sol";
import {Rule} from "../../contracts/libraries/Directives.sol";
import {Act, Capacity, Jurisdiction, Role, Will} from "../../contracts/types/Participants.sol";
import {Kit} from "../forge/Kit.sol";
import {AnybodyGoverns, ParticipantsStub} from "./Mocks.sol";

/// @notice Consents on the bytecode that ships, from any stored state: the slot looked at is written symbolically first.
contract ConsentProof is Kit {
    address private constant FORWARDER = address(0xF0F0);
    uint256 private constant DIRECTIVES = 4;
    uint256 private constant STANDING = 6;

    ConsentRegistry private _consents;
    ParticipantsStub private _participants;

    function setUp() public {
        _participants = new ParticipantsStub();
        address p = address(_participants);
        _consents = ConsentRegistry(
            deploy("ConsentRegistry", abi.encode(address(new AnybodyGoverns()), FORWARDER, p, p, p))
        );
    }

    function _slot(address patient, Scope scope) private pure returns (bytes32) {
        return keccak256(abi.encode(keccak256(abi.encode(patient, scope)), DIRECTIVES));
    }

    function _word(address patient, Scope scope) private view returns (uint256) {
        return uint256(vm.load(address(_consents), _slot(patient, scope)));
    }

    function _terms(address patient, Scope scope, uint256 word, bytes32 receipt) private pure returns (GrantTerms memory) {
        return GrantTerms(patient, scope, DirectiveWord.wrap(word), receipt);
    }

    function check_C1_grant__only_the_controller(
        address caller,
        address patient,
        address controller,
        Scope scope,
        uint256 word,
        bytes32 receipt
    ) public {
        vm.assume(caller != FORWARDER);
        _participants.set(patient, controller, 0);
        vm.prank(caller);
        try _consents.grant(_terms(patient, scope, word, receipt)) {
            assert(caller == controller);
            assert(_word(patient, scope) == word);
        } catch {}
    }

    function check_C2_grant__only_the_next_version_of_any_state(
        address patient,
        Scope scope,
        uint256 old,
        uint256 word,
        bytes32 receipt
    ) public {
        vm.store(address(_consents), _slot(patient, scope), bytes32(old));
        vm.prank(patient);
        try _consents.grant(_terms(patient, scope, word, receipt)) {
            assert(uint40(word >> 216) == uint40((old >> 216) + 1));
        } catch {
            assert(_word(patient, scope) == old);
        }
    }

    function check_C4_grant__window_is_sound_and_ends_later(
        address patient,
        Scope scope,
        uint256 word,
        bytes32 receipt,
        uint40 time
    ) public {
        vm.warp(time);
        vm.prank(patient);
        try _consents.grant(_terms(patient, scope, word, receipt)) {
            uint40 notBefore = uint40(word >> 128);
            uint40 expiresAt = uint40(word >> 168);
            assert(expiresAt > time && expiresAt > notBefore);
            assert(uint8(word >> 208) & ~uint8(2) == 0 && receipt != 0);
        } catch {}
    }

    function check_C1_grant__leaves_every_other_directive(
        address patient,
        Scope scope,
        uint256 word,
        address other,
        Scope otherScope,
        uint256 otherWord
    ) public {
        vm.assume(other != patient || Scope.unwrap(otherScope) != Scope.unwrap(scope));
        vm.store(address(_consents), _slot(other, otherScope), bytes32(otherWord));
        vm.prank(patient);
        try _consents.grant(_terms(patient, scope, word, bytes32(uint256(1)))) {
            assert(_word(other, otherScope) == otherWord);
        } catch {}
    }

    function check_C1_revoke__only_the_controller_and_no_other_directive(
        address caller,
        address patient,
        address controller,
        Scope scope,
        address other,
        Scope otherScope,
        uint256 otherWord
    ) public {
        vm.assume(caller != FORWARDER);
        vm.assume(other != patient || Scope.unwrap(otherScope) != Scope.unwrap(scope));
        _participants.set(patient, controller, 0);
        vm.store(address(_consents), _slot(other, otherScope), bytes32(otherWord));
        vm.prank(caller);
        try _consents.revoke(patient, scope, ConsentReason.PatientRequest) {
            assert(caller == controller);
            assert(_word(other, otherScope) == otherWord);
        } catch {}
    }

    function check_C2_revoke__raises_the_version_and_marks_any_state(
        address patient,
        Scope scope,
        uint256 old,
        uint8 reason
    ) public {
        vm.assume(reason > 0 && reason <= uint8(type(ConsentReason).max));
        vm.assume(uint40(old >> 216) < type(uint40).max);
        vm.store(address(_consents), _slot(patient, scope), bytes32(old));
        vm.prank(patient);
        _consents.revoke(patient, scope, ConsentReason(reason)); // a revert would fail the proof
        uint256 word = _word(patient, scope);
        assert(word >> 216 == (old >> 216) + 1);
        assert(uint8(word >> 208) & 1 == 1);
        assert(uint208(word) == uint208(old));
    }

    function check_C11_revoke__given_retired__still_works(address patient, Scope scope, uint256 old) public {
        vm.assume(uint40(old >> 216) < type(uint40).max);
        _consents.retire();
        vm.store(address(_consents), _slot(patient, scope), bytes32(old));
        vm.prank(patient);
        _consents.revoke(patient, scope, ConsentReason.PatientRequest);
        assert(uint8(_word(patient, scope) >> 208) & 1 == 1);
    }

    function check_C1_deny__only_the_controller_and_raises_the_version(
        address caller,
        address patient,
        address controller,
        uint64 denied,
        uint64 emergencyDenied,
        uint64 oldDenied,
        uint40 version
    ) public {
        vm.assume(caller != FORWARDER);
        _participants.set(patient, controller, 0);
        bytes32 slot = keccak256(abi.encode(patient, STANDING));
        vm.store(address(_consents), slot, bytes32(uint256(oldDenied) | (uint256(version) << 128)));
        vm.prank(caller);
        try _consents.deny(patient, denied, emergencyDenied) {
            StandingDenial memory now_ = _consents.standingOf(patient);
            assert(caller == controller && now_.version == version + 1);
            assert(now_.denied == denied && now_.emergencyDenied == emergencyDenied);
        } catch {
            assert(uint256(vm.load(address(_consents), slot)) == uint256(oldDenied) | (uint256(version) << 128));
        }
    }

    function check_C9_grantFor__only_a_steward_or_guardian(
        address caller,
        address patient,
        Scope scope,
        uint256 word,
        uint8 capacity,
        uint8 will,
        bytes32 evidence
    ) public {
        vm.assume(caller != FORWARDER && capacity <= uint8(type(Capacity).max) && will <= uint8(type(Will).max));
        CapacityStub guardians = new CapacityStub(Capacity(capacity));
        address p = address(_participants);
        ConsentRegistry consents = ConsentRegistry(
            deploy("ConsentRegistry", abi.encode(p, FORWARDER, p, address(guardians), p))
        );
        vm.prank(caller);
        try consents.grantFor(_terms(patient, scope, word, bytes32(uint256(1))), Act(Will(will), evidence)) {
            assert(capacity == uint8(Capacity.Steward) || capacity == uint8(Capacity.Guardian));
            assert(will != uint8(Will.None) && will != uint8(Will.Signature) && evidence != 0);
        } catch {}
    }

    function check_G1_retire__given_retired__blocks_grants_for_others_and_policies(
        address caller,
        address patient,
        Scope scope,
        uint256 word,
        uint64 classes
    ) public {
        _consents.retire();
        vm.prank(caller);
        (bool ok, ) = address(_consents).call(
            abi.encodeCall(_consents.grantFor, (_terms(patient, scope, word, bytes32(uint256(1))), Act(Will.Paper, bytes32(uint256(1)))))
        );
        assert(!ok);
        vm.prank(caller);
        (ok, ) = address(_consents).call(
            abi.encodeCall(
                _consents.statePolicy,
                (
                    caller,
                    Role.Custodian,
                    Jurisdiction.wrap(756000),
                    Purpose.TREAT,
                    Rule.PermitUnlessDenied,
                    classes,
                    type(uint32).max,
                    bytes32(uint256(1))
                )
            )
        );
        assert(!ok);
    }
}

/// @notice A guardian registry that answers everybody alike.
contract CapacityStub {
    Capacity private immutable _CAPACITY;

    constructor(Capacity capacity) {
        _CAPACITY = capacity;
    }

    function capacityFor(address, address, Purpose) external view returns (Capacity) {
        return _CAPACITY;
    }
}
