// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title BreakGlass
/// @notice How long emergency access lasts, when its review is due, and what a verdict does to a practitioner.
/// @dev Plain values, no imports: the model checker proves what tests/proofs/smt/BreakGlassSpec.sol says of it, for all values.
library BreakGlass {
    uint40 internal constant WINDOW = 8 hours;
    uint40 internal constant REVIEW = 72 hours;
    uint40 internal constant SUSPENSION = 90 days;

    /// @notice First second at which an emergency is over.
    function closesAt(uint40 openedAt) internal pure returns (uint40) {
        return openedAt + WINDOW;
    }

    /// @notice First second at which its review is overdue.
    function reviewDueAt(uint40 openedAt) internal pure returns (uint40) {
        return openedAt + REVIEW;
    }

    /// @notice A practitioner's conduct after an emergency was found unjustified, or no longer is: with none left the
    /// suspension ends.
    /// @param unjustified Emergencies found unjustified before; more than zero if this was one of them.
    /// @param found True if this one is found so now, false if that is overturned.
    function judged(
        uint16 unjustified,
        uint40 suspendedUntil,
        bool found,
        uint40 time
    ) internal pure returns (uint16, uint40) {
        if (found) return (unjustified + 1, time + SUSPENSION);
        return (unjustified - 1, unjustified == 1 ? 0 : suspendedUntil);
    }
}
