// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Jurisdiction} from "./Participants.sol";

/// @notice keccak256(chain, contract, patient, practitioner, number).
type EmergencyId is bytes32;

/// @notice Why emergency access was opened.
enum EmergencyReason {
    None,
    Unconscious,
    ThreatToLife,
    ThreatToOthers,
    Unidentified,
    UnableToCommunicate
}

/// @notice What came of an emergency. Unreviewed -> Overdue -> Justified | Unjustified; Unreviewed -> Justified | Unjustified; on appeal
/// Overdue | Justified | Unjustified -> Justified | Unjustified;
/// the accreditor's word on appeal is final.
enum Verdict {
    Unreviewed,
    Overdue,
    Justified,
    Unjustified
}

/// @notice One opening of the glass. Slot 0.
struct Emergency {
    address organisation;
    uint40 openedAt;
    EmergencyReason reason;
    Verdict verdict;
    /// @dev True once the accreditor has spoken.
    bool appealed;
    /// @dev Where organisation and practitioner were accredited.
    Jurisdiction jurisdiction;
    /// @dev Slot 1. Place, from 1, of what it brought among the practitioner's suspensions; 0 = nothing, or overturned.
    uint32 suspension;
}

/// @notice An organisation's standing as to emergencies. Slot 0.
struct EmergencyDesk {
    address privacyOfficer;
    /// @dev Reviews missed and not yet made up for; above zero nobody opens the glass for it.
    uint32 overdue;
}

/// @notice A practitioner's standing as to emergencies. Slot 0.
struct Conduct {
    /// @dev Emergencies found unjustified and not overturned on appeal.
    uint32 unjustified;
    /// @dev While in the future, the practitioner opens no emergency: the end of the last suspension that stands; 0 = none does.
    uint40 suspendedUntil;
}
