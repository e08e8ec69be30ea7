// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Purpose} from "../types/Consents.sol";
import {Guardianship, GuardianshipTerms} from "../types/Guardians.sol";
import {Act, Capacity, Will} from "../types/Participants.sol";

/// @title IGuardianRegistry
/// @notice Who may act for a patient: its controller, its steward, or a guardian and those it delegated to.
/// @dev Authority is for given purposes and for a year at most; the day of majority, which a guardianship never outlasts,
/// is known to its appointer and otherwise not on chain. Ending one ends all that was delegated below it.
/// Assumed: a steward appoints on legal authority that it has seen and committed to.
interface IGuardianRegistry {
    /* EVENTS */

    event GuardianAppointed(
        address indexed patient,
        address indexed guardian,
        address indexed parent,
        uint32 purposes,
        uint40 until,
        uint8 depth,
        uint16 version
    );
    event GuardianshipEnded(address indexed patient, address indexed guardian, address indexed endedBy, uint16 version);
    /// @notice The act just reported was done for the patient by somebody else.
    event ActedFor(
        address indexed patient,
        address indexed actor,
        Capacity indexed capacity,
        Will will,
        bytes32 evidence
    );

    /* GUARDIANS */

    /// @notice The patient lets somebody act for it, for given purposes, for at most a year.
    /// @dev Emits {GuardianAppointed}. Appointing again replaces; who was delegated by the guardian stays below it.
    function appointGuardian(GuardianshipTerms calldata terms) external;

    /// @notice {appointGuardian} by signature: Guardianship, naming the version it replaces.
    function appointGuardianSigned(
        GuardianshipTerms calldata terms,
        uint40 deadline,
        bytes calldata signature
    ) external;

    /// @notice {appointGuardian} by a steward on legal authority, or by a guardian that delegates part of what it has.
    /// @dev Emits {ActedFor} as well. A delegate has no more purposes, no longer time and one level less than its parent. For a
    /// held account neither its steward nor whoever is the steward's own becomes guardian; who was appointed goes on when the
    /// steward is suspended.
    function appointGuardianFor(GuardianshipTerms calldata terms, Act calldata act) external;

    /// @notice Ends a guardianship; all that was delegated below it rests, until the guardian is appointed again.
    /// @dev Emits {GuardianshipEnded}. The patient, its steward, the guardian itself, or whoever delegated it.
    function endGuardianship(address patient, address guardian) external;

    /* VIEWS */

    /// @notice In what capacity an account may act for a patient and purpose now: Self, Steward, Guardian, or None.
    function capacityFor(address patient, address actor, Purpose purpose) external view returns (Capacity);

    /// @notice The guardianship of one account over another, as written.
    function guardianshipOf(address patient, address guardian) external view returns (Guardianship memory);

    /// @notice Whether a guardian may act for a patient and purpose now, its line of delegation included.
    function isGuardian(address patient, address guardian, Purpose purpose) external view returns (bool);
}
