// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Directives} from "../../../contracts/libraries/Directives.sol";

/// @notice How a directive stands as time goes on, for all versions, windows and moments.
/// @dev What sets of classes come to is proved in ClassesSpec, and the whole of `decide`, which is too much for the model
/// checker, by Halmos on the compiled code: it has no loop and no state, so that is for all inputs too.
contract DirectivesSpec {
    function absentIffNeverSpoken(uint40 v, bool revoked, uint40 from, uint40 until, uint40 time) external pure {
        bool absent = Directives.standing(v, revoked, from, until, time) == Directives.Standing.Absent;
        assert(absent == (v == 0));
    }

    function withdrawnIffRevoked(uint40 v, bool revoked, uint40 from, uint40 until, uint40 time) external pure {
        bool withdrawn = Directives.standing(v, revoked, from, until, time) == Directives.Standing.Withdrawn;
        assert(withdrawn == (v != 0 && revoked));
    }

    function liveIffWithinWindow(uint40 v, bool revoked, uint40 from, uint40 until, uint40 time) external pure {
        bool live = Directives.standing(v, revoked, from, until, time) == Directives.Standing.Live;
        assert(live == (v != 0 && !revoked && from <= time && time < until));
    }

    function overFromTheSecondOfExpiry(uint40 v, uint40 from, uint40 until) external pure {
        if (v == 0 || from > until) return;
        assert(Directives.standing(v, false, from, until, until) == Directives.Standing.Over);
    }

    function liveUntilTheSecondBefore(uint40 v, uint40 from, uint40 until) external pure {
        if (v == 0 || from >= until) return;
        assert(Directives.standing(v, false, from, until, until - 1) == Directives.Standing.Live);
    }

    function liveFromTheFirstSecond(uint40 v, uint40 from, uint40 until) external pure {
        if (v == 0 || from >= until) return;
        assert(Directives.standing(v, false, from, until, from) == Directives.Standing.Live);
    }

    function neverLiveAgain(uint40 v, bool revoked, uint40 from, uint40 until, uint40 t, uint40 later) external pure {
        if (later < t || from > t) return;
        bool live = Directives.standing(v, revoked, from, until, t) == Directives.Standing.Live;
        bool liveLater = Directives.standing(v, revoked, from, until, later) == Directives.Standing.Live;
        assert(live || !liveLater);
    }

    function overIsForEver(uint40 v, bool revoked, uint40 from, uint40 until, uint40 t, uint40 later) external pure {
        if (later < t || from > until) return;
        if (Directives.standing(v, revoked, from, until, t) != Directives.Standing.Over) return;
        assert(Directives.standing(v, revoked, from, until, later) == Directives.Standing.Over);
    }

    function timeDoesNotMoveRevoked(uint40 v, uint40 from, uint40 until, uint40 t, uint40 later) external pure {
        assert(
            Directives.standing(v, true, from, until, t) == Directives.standing(v, true, from, until, later)
        );
    }
}
