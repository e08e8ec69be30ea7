// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EmergencyRegistry} from "../../contracts/EmergencyRegistry.sol";
import {GuardianRegistry} from "../../contracts/GuardianRegistry.sol";
import {Purpose} from "../../contracts/types/Consents.sol";
import {Conduct, EmergencyReason, Verdict} from "../../contracts/types/Emergencies.sol";
import {GuardianshipTerms} from "../../contracts/types/Guardians.sol";
import {Act, Capacity, Jurisdiction, Will} from "../../contracts/types/Participants.sol";
import {Kit} from "../forge/Kit.sol";
import {AnybodyGoverns, ParticipantsStub} from "./Mocks.sol";

/// @notice Emergencies on the bytecode that ships, from any stored state.
contract EmergencyProof is Kit {
    address private constant FORWARDER = address(0xF0F0);
    address private constant PATIENT = address(0xB1);
    address private constant HOUSE = address(0xC1);
    uint256 private constant LATEST = 5;
    uint256 private constant DESKS = 6;
    uint256 private constant CONDUCT = 7;
    uint256 private constant SUSPENSIONS = 8;
    uint256 private constant EMERGENCIES = 4;

    EmergencyRegistry private _emergencies;
    ParticipantsStub private _participants;

    function setUp() public {
        _participants = new ParticipantsStub();
        _emergencies = EmergencyRegistry(
            deploy(
                "EmergencyRegistry",
                abi.encode(address(new AnybodyGoverns()), FORWARDER, address(_participants))
            )
        );
    }

    function check_C12_openEmergency__needs_credential_affiliation_officer_reason_and_none_open(
        address caller,
        address patient,
        address practitioner,
        address organisation,
        EmergencyReason reason,
        bool active,
        bool affiliated,
        uint16 count,
        uint40 openUntil
    ) public {
        vm.warp(1_000_000);
        vm.assume(caller != FORWARDER && count < type(uint16).max);
        _participants.allow(active, affiliated, Capacity.None);
        bytes32 desk = keccak256(abi.encode(organisation, DESKS));
        vm.store(address(_emergencies), desk, bytes32(uint256(1)));
        bytes32 pair = keccak256(abi.encode(patient, practitioner));
        vm.store(
            address(_emergencies),
            keccak256(abi.encode(pair, LATEST)),
            bytes32(uint256(count) | (uint256(openUntil) << 16))
        );
        vm.prank(caller);
        try
            _emergencies.openEmergency(
                patient,
                practitioner,
                organisation,
                Jurisdiction.wrap(756000),
                reason
            )
        {
            assert(caller == practitioner && active && affiliated && reason != EmergencyReason.None);
            assert(organisation != practitioner && patient != practitioner && openUntil <= 1_000_000);
            (uint16 now_, uint40 until, ) = _emergencies.emergenciesOf(patient, practitioner);
            assert(now_ == count + 1 && until == 1_000_000 + 8 hours);
        } catch {}
    }

    function check_C12_openEmergency__overdue_or_suspended_blocks(
        address patient,
        address practitioner,
        address organisation,
        uint160 officer,
        uint32 overdue,
        uint40 suspendedUntil
    ) public {
        vm.warp(1_000_000);
        _participants.allow(true, true, Capacity.None);
        vm.store(
            address(_emergencies),
            keccak256(abi.encode(organisation, DESKS)),
            bytes32(uint256(officer) | (uint256(overdue) << 160))
        );
        vm.store(
            address(_emergencies),
            keccak256(abi.encode(practitioner, CONDUCT)),
            bytes32(uint256(suspendedUntil) << 32)
        );
        vm.prank(practitioner);
        try
            _emergencies.openEmergency(
                patient,
                practitioner,
                organisation,
                Jurisdiction.wrap(756000),
                EmergencyReason.Unconscious
            )
        {
            assert(officer != 0 && overdue == 0 && suspendedUntil <= 1_000_000);
        } catch {}
    }

    /// @custom:halmos --loop 4
    function check_H10_settleAppeal__the_first_overturned_leaves_the_others(
        address practitioner,
        address accreditor,
        uint40[3] memory ends
    ) public {
        _overturn(practitioner, accreditor, ends, 1);
    }

    /// @custom:halmos --loop 4
    function check_H10_settleAppeal__one_between_overturned_leaves_the_others(
        address practitioner,
        address accreditor,
        uint40[3] memory ends
    ) public {
        _overturn(practitioner, accreditor, ends, 2);
    }

    /// @custom:halmos --loop 4
    function check_H10_settleAppeal__the_last_overturned_leaves_the_one_before(
        address practitioner,
        address accreditor,
        uint40[3] memory ends
    ) public {
        _overturn(practitioner, accreditor, ends, 3);
    }

    /// @dev Three suspensions stand, one of them by the emergency that is overturned now.
    function _overturn(address practitioner, address accreditor, uint40[3] memory ends, uint8 place) private {
        vm.assume(accreditor != FORWARDER && accreditor != address(0));
        vm.assume(0 < ends[0] && ends[0] <= ends[1] && ends[1] <= ends[2]);
        vm.assume(practitioner != accreditor && practitioner != HOUSE);
        _participants.set(HOUSE, accreditor, 0);
        _putSuspensions(practitioner, ends);
        _putUnjustified(practitioner, place);

        vm.prank(accreditor);
        _emergencies.settleAppeal(PATIENT, practitioner, 1, Verdict.Justified, bytes32(uint256(1)));

        uint40[] memory left = _emergencies.suspensionsOf(practitioner);
        Conduct memory conduct = _emergencies.conductOf(practitioner);
        assert(left.length == (place == 3 ? 2 : 3) && conduct.unjustified == 2);
        assert(conduct.suspendedUntil == (place == 3 ? ends[1] : ends[2]));
        assert(left[0] == (place == 1 ? 0 : ends[0]) && left[1] == (place == 2 ? 0 : ends[1]));
        assert(place == 3 || left[2] == ends[2]);
    }

    function _putSuspensions(address practitioner, uint40[3] memory ends) private {
        bytes32 slot = keccak256(abi.encode(practitioner, SUSPENSIONS));
        vm.store(address(_emergencies), slot, bytes32(uint256(3)));
        uint256 word = uint256(ends[0]) | (uint256(ends[1]) << 40) | (uint256(ends[2]) << 80);
        vm.store(address(_emergencies), keccak256(abi.encode(slot)), bytes32(word));
        vm.store(
            address(_emergencies),
            keccak256(abi.encode(practitioner, CONDUCT)),
            bytes32(uint256(3) | (uint256(ends[2]) << 32))
        );
    }

    function _putUnjustified(address practitioner, uint8 place) private {
        bytes32 id = keccak256(abi.encode(block.chainid, address(_emergencies), PATIENT, practitioner, uint16(1)));
        uint256 slot = uint256(keccak256(abi.encode(id, EMERGENCIES)));
        uint256 word = uint256(uint160(HOUSE)) | (uint256(1) << 160) | (uint256(Verdict.Unjustified) << 208);
        vm.store(address(_emergencies), bytes32(slot), bytes32(word));
        vm.store(address(_emergencies), bytes32(slot + 1), bytes32(uint256(place)));
    }

    function check_C12_isOpen__over_at_its_second(address patient, address practitioner, uint40 until, uint40 time) public {
        bytes32 pair = keccak256(abi.encode(patient, practitioner));
        vm.store(address(_emergencies), keccak256(abi.encode(pair, LATEST)), bytes32(uint256(until) << 16));
        vm.warp(time);
        assert(_emergencies.isOpen(patient, practitioner) == (time < until));
    }
}

/// @notice Guardians on the bytecode that ships, from any stored state.
contract GuardianProof is Kit {
    address private constant FORWARDER = address(0xF0F0);
    uint256 private constant GUARDIANSHIPS = 4;

    GuardianRegistry private _guardians;
    ParticipantsStub private _participants;

    function setUp() public {
        _participants = new ParticipantsStub();
        _guardians = GuardianRegistry(
            deploy("GuardianRegistry", abi.encode(address(new AnybodyGoverns()), FORWARDER, address(_participants)))
        );
    }

    /// @dev Slot 0 holds parent, purposes, until, depth and 16 bits of version: 160 + 32 + 40 + 8 + 16 = 256.
    function _put(address patient, address guardian, address parent, uint32 purposes, uint40 until, uint8 depth) private {
        bytes32 key = keccak256(abi.encode(patient, guardian, uint16(0)));
        uint256 word = uint256(uint160(parent)) | (uint256(purposes) << 160) | (uint256(until) << 192);
        vm.store(
            address(_guardians),
            keccak256(abi.encode(key, GUARDIANSHIPS)),
            bytes32(word | (uint256(depth) << 232) | (uint256(1) << 240))
        );
    }

    function check_C9_appointGuardian__only_the_patients_controller(
        address caller,
        address controller,
        GuardianshipTerms memory terms
    ) public {
        vm.assume(caller != FORWARDER);
        _participants.set(terms.patient, controller, 0);
        vm.prank(caller);
        try _guardians.appointGuardian(terms) {
            assert(caller == controller && terms.guardian != address(0) && terms.guardian != terms.patient);
            assert(terms.until > block.timestamp && terms.until <= block.timestamp + 366 days && terms.depth <= 2);
        } catch {}
    }

    function check_C7_appointGuardianFor__delegate_has_no_more_than_its_parent(
        address caller,
        uint32 purposes,
        uint40 until,
        uint8 depth,
        GuardianshipTerms memory terms
    ) public {
        vm.assume(caller != FORWARDER);
        vm.warp(1_000_000);
        _put(terms.patient, caller, address(0), purposes, until, depth);
        vm.prank(caller);
        try _guardians.appointGuardianFor(terms, Act(Will.Paper, bytes32(uint256(1)))) {
            assert(terms.purposes & ~purposes == 0 && terms.until <= until && terms.depth < depth);
            assert(until > 1_000_000 && terms.guardian != caller);
        } catch {}
    }

    function check_C8_isGuardian__falls_with_its_parent(
        address patient,
        address parent,
        address delegate,
        uint32 purposes,
        uint40 until,
        uint8 depth,
        uint32 parentPurposes,
        uint40 parentUntil,
        uint8 parentDepth,
        uint40 time,
        uint8 purpose
    ) public {
        vm.assume(parent != delegate && parent != address(0) && purpose <= uint8(type(Purpose).max));
        _put(patient, delegate, parent, purposes, until, depth);
        _put(patient, parent, address(0), parentPurposes, parentUntil, parentDepth);
        vm.warp(time);
        bool is_ = _guardians.isGuardian(patient, delegate, Purpose(purpose));
        bool own = time < until && purposes & (uint32(1) << purpose) != 0;
        bool above = time < parentUntil && parentPurposes & (uint32(1) << purpose) != 0;
        assert(is_ == (own && above && depth < parentDepth));
    }
}
