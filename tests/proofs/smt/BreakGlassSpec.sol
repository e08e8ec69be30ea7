// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BreakGlass} from "../../../contracts/libraries/BreakGlass.sol";

/// @notice How the times of an emergency and of a suspension lie, for all values. What is overturned is proved on bytecode.
contract BreakGlassSpec {
    /// @dev Every moment until the year 35,000, so that nothing overflows.
    uint40 private constant _LATEST = 1_041_379_200_000;

    /// @dev So the last suspension of those that stand is the one that ends last.
    function laterEndsNoEarlier(uint40 judgedAt, uint40 later) external pure {
        if (later > _LATEST || judgedAt > later) return;
        assert(BreakGlass.suspendedUntil(judgedAt) == uint256(judgedAt) + 90 days);
        assert(BreakGlass.suspendedUntil(judgedAt) <= BreakGlass.suspendedUntil(later));
    }

    function reviewedAfterItIsOver(uint40 openedAt) external pure {
        if (openedAt > _LATEST) return;
        assert(BreakGlass.closesAt(openedAt) == uint256(openedAt) + 8 hours);
        assert(BreakGlass.reviewDueAt(openedAt) == uint256(openedAt) + 72 hours);
        assert(BreakGlass.closesAt(openedAt) < BreakGlass.reviewDueAt(openedAt));
    }
}
