// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Authority of one account over another. Slot 0.
struct Guardianship {
    /// @dev Who delegated it; zero = appointed directly.
    address parent;
    /// @dev Bit set of {Purpose}.
    uint32 purposes;
    uint40 until;
    /// @dev Further delegations allowed below this one.
    uint8 depth;
    uint16 version;
}

/// @notice What appointer and patient agree on.
struct GuardianshipTerms {
    address patient;
    address guardian;
    uint32 purposes;
    /// @dev At most {MAX_GUARDIANSHIP} away, and never past majority, which only the appointer knows.
    uint40 until;
    uint8 depth;
    uint16 replaces;
}
