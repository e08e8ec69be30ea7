// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {Module} from "./abstracts/Module.sol";
import {IEmergencyRegistry} from "./interfaces/IEmergencyRegistry.sol";
import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";
import {BreakGlass} from "./libraries/BreakGlass.sol";
import {Errors} from "./libraries/Errors.sol";
import {Conduct, Emergency, EmergencyDesk, EmergencyId, EmergencyReason, Verdict} from "./types/Emergencies.sol";
import {Accreditation, Credential, Jurisdiction, Role} from "./types/Participants.sol";

/// @title EmergencyRegistry
/// @notice Breaking the glass: opened with a coded reason, over by itself, reviewed by the organisation, judged last by its accreditor.
contract EmergencyRegistry is IEmergencyRegistry, Module {
    /* TYPES */

    struct Latest {
        uint16 count;
        uint40 openUntil;
        // Bit set of reasons given and not reviewed yet: each serves once.
        uint16 pending;
    }

    /* CONSTANTS */

    /// @notice Emergency access lasts eight hours.
    uint40 public constant EMERGENCY_WINDOW = BreakGlass.WINDOW;
    /// @notice It must be reviewed within seventy-two hours of its opening.
    uint40 public constant REVIEW_WINDOW = BreakGlass.REVIEW;
    /// @notice An unjustified one suspends the practitioner for ninety days.
    uint40 public constant SUSPENSION = BreakGlass.SUSPENSION;

    /* STORAGE */

    IParticipantRegistry private immutable _participants;

    mapping(EmergencyId emergencyId => Emergency) private _emergencies;
    mapping(bytes32 patientAndPractitioner => Latest) private _latest;
    mapping(address organisation => EmergencyDesk) private _desks;
    mapping(address practitioner => Conduct) private _conduct;
    // When each ends, never before the one below it; 0 = overturned. The last one stands.
    mapping(address practitioner => uint40[]) private _suspensions;

    /* CONSTRUCTOR */

    constructor(
        address manager,
        address forwarder,
        IParticipantRegistry participants
    ) Module(manager, forwarder, "CareLedger EmergencyRegistry") {
        _participants = participants;
    }

    /* EMERGENCIES */

    /// @inheritdoc IEmergencyRegistry
    function namePrivacyOfficer(address organisation, address officer) external {
        _requireController(organisation);
        if (officer == address(0)) revert Errors.EmergencyRegistry_Missing();

        address old = _desks[organisation].privacyOfficer;
        _desks[organisation].privacyOfficer = officer;

        emit PrivacyOfficerNamed(organisation, old, officer);
    }

    /// @inheritdoc IEmergencyRegistry
    function openEmergency(
        address patient,
        address practitioner,
        address organisation,
        Jurisdiction jurisdiction,
        EmergencyReason reason
    ) external returns (EmergencyId emergencyId) {
        _requireOpen();
        _requireController(practitioner);
        if (reason == EmergencyReason.None || patient == practitioner || patient == address(0)) {
            revert Errors.EmergencyRegistry_Missing();
        }
        _requireMayOpen(practitioner, organisation, jurisdiction);
        Latest storage latest = _latest[_pair(patient, practitioner)];
        if (block.timestamp < latest.openUntil) revert Errors.EmergencyRegistry_Open(latest.openUntil);

        uint16 bit = _bit(reason);
        if (latest.pending & bit != 0) revert Errors.EmergencyRegistry_ReasonUsed(reason);

        uint16 number = ++latest.count;
        latest.pending |= bit;
        uint40 until = BreakGlass.closesAt(uint40(block.timestamp));
        latest.openUntil = until;
        emergencyId = _emergencyId(patient, practitioner, number);
        // One by one: a whole struct would write its second slot too, for a zero that is there.
        Emergency storage emergency = _emergencies[emergencyId];
        emergency.organisation = organisation;
        emergency.openedAt = uint40(block.timestamp);
        emergency.reason = reason;
        emergency.jurisdiction = jurisdiction;

        emit EmergencyOpened(
            emergencyId,
            patient,
            practitioner,
            organisation,
            jurisdiction,
            reason,
            number,
            until,
            BreakGlass.reviewDueAt(uint40(block.timestamp))
        );
    }

    /// @inheritdoc IEmergencyRegistry
    function reviewEmergency(
        address patient,
        address practitioner,
        uint16 number,
        Verdict verdict,
        bytes32 evidence
    ) external {
        (EmergencyId emergencyId, Emergency storage emergency) = _existing(patient, practitioner, number);
        EmergencyDesk storage desk = _desks[emergency.organisation];
        Verdict old = emergency.verdict;
        _requireController(desk.privacyOfficer);
        if (desk.privacyOfficer == practitioner || _caller() == _participants.controllerOf(practitioner)) {
            revert Errors.EmergencyRegistry_State(Errors.EmergencyStep.OwnCase);
        }
        if (old != Verdict.Unreviewed && old != Verdict.Overdue) {
            revert Errors.EmergencyRegistry_State(Errors.EmergencyStep.AlreadyJudged);
        }
        _requireVerdict(verdict, evidence);

        emergency.verdict = verdict;
        if (old == Verdict.Overdue) --desk.overdue;
        _reviewed(patient, practitioner, emergency.reason);
        uint40 suspended = _judge(practitioner, emergency, old);

        emit EmergencyReviewed(emergencyId, _caller(), practitioner, old, verdict, evidence, suspended);
    }

    /// @inheritdoc IEmergencyRegistry
    function markOverdue(address patient, address practitioner, uint16 number) external {
        (EmergencyId emergencyId, Emergency storage emergency) = _existing(patient, practitioner, number);
        if (emergency.verdict == Verdict.Overdue) {
            revert Errors.EmergencyRegistry_State(Errors.EmergencyStep.AlreadyMarked);
        }
        if (emergency.verdict != Verdict.Unreviewed) {
            revert Errors.EmergencyRegistry_State(Errors.EmergencyStep.AlreadyJudged);
        }
        if (block.timestamp < BreakGlass.reviewDueAt(emergency.openedAt)) {
            revert Errors.EmergencyRegistry_State(Errors.EmergencyStep.NotDue);
        }

        emergency.verdict = Verdict.Overdue;
        uint32 overdue = ++_desks[emergency.organisation].overdue;

        emit EmergencyOverdue(emergencyId, emergency.organisation, overdue);
    }

    /// @inheritdoc IEmergencyRegistry
    function settleAppeal(
        address patient,
        address practitioner,
        uint16 number,
        Verdict verdict,
        bytes32 evidence
    ) external {
        (EmergencyId emergencyId, Emergency storage emergency) = _existing(patient, practitioner, number);
        Verdict old = emergency.verdict;
        _requireAccreditorOf(emergency.organisation, emergency.jurisdiction);
        if (
            _caller() == _participants.controllerOf(practitioner) ||
            _caller() == _participants.controllerOf(_desks[emergency.organisation].privacyOfficer)
        ) revert Errors.EmergencyRegistry_State(Errors.EmergencyStep.OwnCase);
        if (old == Verdict.Unreviewed) {
            revert Errors.EmergencyRegistry_State(Errors.EmergencyStep.NotJudged);
        }
        if (emergency.appealed) revert Errors.EmergencyRegistry_State(Errors.EmergencyStep.AlreadyAppealed);
        _requireVerdict(verdict, evidence);

        emergency.verdict = verdict;
        emergency.appealed = true;
        if (old == Verdict.Overdue) {
            --_desks[emergency.organisation].overdue;
            _reviewed(patient, practitioner, emergency.reason);
        }
        uint40 suspended = _judge(practitioner, emergency, old);

        emit EmergencyAppealed(emergencyId, _caller(), practitioner, old, verdict, evidence, suspended);
    }

    /* INTERNAL */

    /// @dev The one predicate of authority: the caller is the controller of now.
    function _requireController(address subject) private view {
        address controller = _participants.controllerOf(subject);
        if (_caller() != controller) revert Errors.EmergencyRegistry_NotController(subject, _caller(), controller);
    }

    /// @dev A provider that is somebody else's: nobody breaks the glass for a house of its own making.
    function _requireMayOpen(address practitioner, address organisation, Jurisdiction jurisdiction) private view {
        if (!_participants.isActive(practitioner, Role.Practitioner, jurisdiction)) {
            revert Errors.EmergencyRegistry_NotAccredited(practitioner, Role.Practitioner, jurisdiction);
        }
        bool works = _participants.isAffiliated(organisation, practitioner) &&
            _participants.isActive(organisation, Role.Provider, jurisdiction) &&
            _participants.controllerOf(organisation) != _caller();
        if (!works) revert Errors.EmergencyRegistry_NotAccredited(organisation, Role.Provider, jurisdiction);
        EmergencyDesk storage desk = _desks[organisation];
        if (desk.privacyOfficer == address(0) || desk.overdue != 0) {
            revert Errors.EmergencyRegistry_Suspended(organisation);
        }
        if (block.timestamp < _conduct[practitioner].suspendedUntil) {
            revert Errors.EmergencyRegistry_Suspended(practitioner);
        }
    }

    /// @dev Whoever issued the organisation's credential as a provider there, and is still admitted to.
    function _requireAccreditorOf(address organisation, Jurisdiction jurisdiction) private view {
        (, Credential memory credential) = _participants.credentialOf(organisation, Role.Provider, jurisdiction);
        Accreditation memory admitted = _participants.accreditationOf(credential.issuer, Role.Provider, jurisdiction);
        address caller = _caller();
        bool now_ = block.timestamp >= admitted.from && block.timestamp < admitted.until;
        if (!now_ || _participants.controllerOf(credential.issuer) != caller) {
            revert Errors.EmergencyRegistry_NotAccredited(caller, Role.Provider, jurisdiction);
        }
    }

    function _requireVerdict(Verdict verdict, bytes32 evidence) private pure {
        bool given = verdict == Verdict.Justified || verdict == Verdict.Unjustified;
        if (!given || evidence == bytes32(0)) revert Errors.EmergencyRegistry_Missing();
    }

    /// @dev What an unjustified emergency does to its practitioner, and what is undone when that is overturned: the
    /// suspensions of all others stand as they are.
    function _judge(address practitioner, Emergency storage emergency, Verdict old) private returns (uint40 until) {
        Conduct storage conduct = _conduct[practitioner];
        bool found = emergency.verdict == Verdict.Unjustified;
        if (found == (old == Verdict.Unjustified)) return conduct.suspendedUntil;

        uint40[] storage ends = _suspensions[practitioner];
        if (found) {
            ++conduct.unjustified;
            until = BreakGlass.suspendedUntil(uint40(block.timestamp));
            _suspensions[practitioner].push(until);
            emergency.suspension = SafeCast.toUint32(ends.length);
        } else {
            --conduct.unjustified;
            ends[emergency.suspension - 1] = 0;
            emergency.suspension = 0;
            until = _lastOf(ends);
        }
        conduct.suspendedUntil = until;
    }

    /// @dev Each step takes away one that was overturned, so all of them together cost what the verdicts cost.
    function _lastOf(uint40[] storage ends) private returns (uint40 until) {
        for (uint256 left = ends.length; left != 0; --left) {
            until = ends[left - 1];
            if (until != 0) return until;
            ends.pop();
        }
    }

    /// @dev The reason may be given again: nothing that was opened for it waits any more.
    function _reviewed(address patient, address practitioner, EmergencyReason reason) private {
        _latest[_pair(patient, practitioner)].pending &= ~_bit(reason);
    }

    function _bit(EmergencyReason reason) private pure returns (uint16) {
        return uint16(1) << uint16(reason);
    }

    function _existing(
        address patient,
        address practitioner,
        uint16 number
    ) private view returns (EmergencyId emergencyId, Emergency storage emergency) {
        emergencyId = _emergencyId(patient, practitioner, number);
        emergency = _emergencies[emergencyId];
        if (emergency.openedAt == 0) revert Errors.EmergencyRegistry_State(Errors.EmergencyStep.NoneSuch);
    }

    function _emergencyId(address patient, address practitioner, uint16 number) private view returns (EmergencyId) {
        return EmergencyId.wrap(keccak256(abi.encode(block.chainid, address(this), patient, practitioner, number)));
    }

    function _pair(address patient, address practitioner) private pure returns (bytes32) {
        return keccak256(abi.encode(patient, practitioner));
    }

    /* VIEWS */

    /// @inheritdoc IEmergencyRegistry
    function isOpen(address patient, address practitioner) external view returns (bool) {
        return block.timestamp < _latest[_pair(patient, practitioner)].openUntil;
    }

    /// @inheritdoc IEmergencyRegistry
    function emergencyOf(
        address patient,
        address practitioner,
        uint16 number
    ) external view returns (EmergencyId emergencyId, Emergency memory emergency, uint40 until, uint40 reviewDue) {
        emergencyId = _emergencyId(patient, practitioner, number);
        emergency = _emergencies[emergencyId];
        if (emergency.openedAt != 0) {
            until = BreakGlass.closesAt(emergency.openedAt);
            reviewDue = BreakGlass.reviewDueAt(emergency.openedAt);
        }
    }

    /// @inheritdoc IEmergencyRegistry
    function emergenciesOf(
        address patient,
        address practitioner
    ) external view returns (uint16 count, uint40 openUntil, uint16 pending) {
        Latest storage latest = _latest[_pair(patient, practitioner)];
        return (latest.count, latest.openUntil, latest.pending);
    }

    /// @inheritdoc IEmergencyRegistry
    function deskOf(address organisation) external view returns (EmergencyDesk memory) {
        return _desks[organisation];
    }

    /// @inheritdoc IEmergencyRegistry
    function conductOf(address practitioner) external view returns (Conduct memory) {
        return _conduct[practitioner];
    }

    /// @inheritdoc IEmergencyRegistry
    function suspensionsOf(address practitioner) external view returns (uint40[] memory ends) {
        return _suspensions[practitioner];
    }
}
