// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {BreakGlass} from "../../../contracts/libraries/BreakGlass.sol";

/// @notice What a verdict does to a practitioner, and how an emergency's times lie, for all values.
/// @dev `_stands` holds for a practitioner nobody judged, and time and every verdict keep it: so it holds always, by
/// induction. That {EmergencyRegistry} overturns only what it had found is not proved here.
contract BreakGlassSpec {
    /// @dev Every moment until the year 35,000, so that nothing overflows.
    uint40 private constant _LATEST = 1_041_379_200_000;

    /// @dev Suspended at some time exactly if one found unjustified is left, and for ninety days at most from now.
    function _stands(uint16 unjustified, uint40 suspendedUntil, uint40 time) private pure returns (bool) {
        return (unjustified == 0) == (suspendedUntil == 0) && suspendedUntil <= uint256(time) + BreakGlass.SUSPENSION;
    }

    function unjudged(uint40 time) external pure {
        assert(_stands(0, 0, time));
    }

    function timePassed(uint16 unjustified, uint40 until, uint40 time, uint40 later) external pure {
        if (later < time || !_stands(unjustified, until, time)) return;
        assert(_stands(unjustified, until, later));
    }

    function foundUnjustified(uint16 unjustified, uint40 until, uint40 time) external pure {
        if (time > _LATEST || unjustified == type(uint16).max || !_stands(unjustified, until, time)) return;
        (uint16 count, uint40 suspended) = BreakGlass.judged(unjustified, until, true, time);
        assert(_stands(count, suspended, time));
        assert(count == uint256(unjustified) + 1);
        assert(suspended == uint256(time) + 90 days && suspended >= until);
    }

    function overturned(uint16 unjustified, uint40 until, uint40 time) external pure {
        if (unjustified == 0 || !_stands(unjustified, until, time)) return;
        (uint16 count, uint40 suspended) = BreakGlass.judged(unjustified, until, false, time);
        assert(_stands(count, suspended, time));
        assert(count + 1 == uint256(unjustified));
        assert(suspended == (count == 0 ? 0 : until)); // while another one stands, so does the suspension
    }

    function reviewedAfterItIsOver(uint40 openedAt) external pure {
        if (openedAt > _LATEST) return;
        assert(BreakGlass.closesAt(openedAt) == uint256(openedAt) + 8 hours);
        assert(BreakGlass.reviewDueAt(openedAt) == uint256(openedAt) + 72 hours);
        assert(BreakGlass.closesAt(openedAt) < BreakGlass.reviewDueAt(openedAt));
    }
}
