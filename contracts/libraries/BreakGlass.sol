// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title BreakGlass
/// @notice How long emergency access lasts, when its review is due, and for how long a verdict suspends a practitioner.
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

    /// @notice First second at which a practitioner found at fault is suspended no more: never before that of an earlier verdict.
    function suspendedUntil(uint40 judgedAt) internal pure returns (uint40) {
        return judgedAt + SUSPENSION;
    }
}
