// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Conduct, Emergency, EmergencyDesk, EmergencyId, EmergencyReason, Verdict} from "../types/Emergencies.sol";
import {Jurisdiction} from "../types/Participants.sol";

/// @title IEmergencyRegistry
/// @notice Breaking the glass: opened with a coded reason, over by itself, reviewed by the organisation, judged last by its accreditor.
/// @dev What a patient excluded from emergencies stays closed: {IConsentRegistry-decide} asks here only whether one is open.
/// Nobody can close one early, take it back, or be the judge of its own. Assumed: a privacy officer reviews honestly;
/// the accreditor of the organisation is the second instance.
interface IEmergencyRegistry {
    /* EVENTS */

    event PrivacyOfficerNamed(address indexed organisation, address indexed oldOfficer, address indexed newOfficer);
    event EmergencyOpened(
        EmergencyId indexed emergencyId,
        address indexed patient,
        address indexed practitioner,
        address organisation,
        Jurisdiction jurisdiction,
        EmergencyReason reason,
        uint16 number,
        uint40 until,
        uint40 reviewDue
    );
    event EmergencyReviewed(
        EmergencyId indexed emergencyId,
        address indexed reviewer,
        address indexed practitioner,
        Verdict oldVerdict,
        Verdict newVerdict,
        bytes32 evidence,
        uint40 suspendedUntil
    );
    event EmergencyOverdue(EmergencyId indexed emergencyId, address indexed organisation, uint32 overdue);
    event EmergencyAppealed(
        EmergencyId indexed emergencyId,
        address indexed accreditor,
        address indexed practitioner,
        Verdict oldVerdict,
        Verdict newVerdict,
        bytes32 evidence,
        uint40 suspendedUntil
    );

    /* EMERGENCIES */

    /// @notice An organisation names who reviews its emergencies.
    /// @dev Emits {PrivacyOfficerNamed}.
    function namePrivacyOfficer(address organisation, address officer) external;

    /// @notice An accredited practitioner opens emergency access to a patient's records, for {EMERGENCY_WINDOW}.
    /// @dev Emits {EmergencyOpened}. Requirements: The caller controls the practitioner, who is active and affiliated with
    /// an active provider, not under the same controller, that has a privacy officer and no overdue review; the practitioner
    /// is not suspended; none is open; no use of the reason for this patient waits for its review.
    /// Nobody can close it early or take it back.
    function openEmergency(
        address patient,
        address practitioner,
        address organisation,
        Jurisdiction jurisdiction,
        EmergencyReason reason
    ) external returns (EmergencyId);

    /// @notice The privacy officer judges an emergency.
    /// @dev Emits {EmergencyReviewed}. An unjustified one suspends the practitioner for {SUSPENSION}. Not one's own case.
    function reviewEmergency(
        address patient,
        address practitioner,
        uint16 number,
        Verdict verdict,
        bytes32 evidence
    ) external;

    /// @notice States that a review was missed; the organisation opens no more emergencies until it is made up for. Anyone.
    /// @dev Emits {EmergencyOverdue}.
    function markOverdue(address patient, address practitioner, uint16 number) external;

    /// @notice The accreditor of the organisation, still admitted, has the last word on an emergency judged or overdue.
    /// @dev Emits {EmergencyAppealed}. Once; not by whoever controls the practitioner or the privacy officer.
    /// Overturning lifts the suspension of this emergency; those of others stand.
    function settleAppeal(
        address patient,
        address practitioner,
        uint16 number,
        Verdict verdict,
        bytes32 evidence
    ) external;

    /* VIEWS */

    /// @notice Whether emergency access of a practitioner to a patient is open now. One storage read.
    function isOpen(address patient, address practitioner) external view returns (bool);

    /// @notice An emergency, when it ends and when its review is due.
    function emergencyOf(
        address patient,
        address practitioner,
        uint16 number
    ) external view returns (EmergencyId, Emergency memory, uint40 until, uint40 reviewDue);

    /// @notice How many emergencies were opened for a patient by a practitioner, when the last one ends, and which reasons
    /// (bit set of {EmergencyReason}) wait for their review.
    function emergenciesOf(
        address patient,
        address practitioner
    ) external view returns (uint16 count, uint40 openUntil, uint16 pending);

    /// @notice An organisation's privacy officer and overdue reviews.
    function deskOf(address organisation) external view returns (EmergencyDesk memory);

    /// @notice A practitioner's unjustified emergencies, and until when it may not open any.
    function conductOf(address practitioner) external view returns (Conduct memory);

    /// @notice When each of a practitioner's suspensions ends, oldest verdict first; 0 = overturned. The last one stands.
    function suspensionsOf(address practitioner) external view returns (uint40[] memory ends);
}
