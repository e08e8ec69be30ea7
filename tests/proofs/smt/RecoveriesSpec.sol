// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Recoveries} from "../../../contracts/libraries/Recoveries.sol";

/// @notice What giving a lost account back comes to, for all terms, all moments and any number of acts in any order.
/// @dev Two predicates hold when a proposal begins, and every act keeps them: it is completed, it is objected to, another
/// proposal of the account is completed or objected to. So they hold always, by induction, and what is asked of a
/// recovery that is carried out follows from them. That {Control} does these acts and no others is not proved here.
contract RecoveriesSpec {
    /// @dev Every moment until the year 35,000, so that nothing overflows.
    uint40 private constant _LATEST = 1_041_379_200_000;

    /// @dev No quorum and no time yet, or ready exactly one wait after it, two after an objection.
    function _waits(uint40 quorumAt, uint40 readyAt, uint32 wait, bool objected) private pure returns (bool) {
        if (quorumAt == 0) return readyAt == 0;
        return readyAt == uint256(quorumAt) + wait + (objected ? wait : 0);
    }

    /// @dev The account is frozen to the last second at which the proposal can be carried out.
    function _frozen(uint40 readyAt, uint40 until) private pure returns (bool) {
        return readyAt == 0 || until > uint256(readyAt) + Recoveries.LAPSE;
    }

    // EVERY ACT KEEPS THEM

    function begun(uint32 wait, uint40 until) external pure {
        assert(_waits(0, 0, wait, false));
        assert(_frozen(0, until));
    }

    function completed(uint40 time, uint32 wait, bool objected, uint40 until) external pure {
        if (time == 0 || time > _LATEST || wait > Recoveries.MAX_WAIT) return;
        uint40 readyAt = Recoveries.ready(time, wait, objected);
        assert(_waits(time, readyAt, wait, objected));
        assert(_frozen(readyAt, Recoveries.frozenUntil(until, readyAt)));
    }

    function objectedTo(uint40 quorumAt, uint40 readyAt, uint32 wait, uint40 until) external pure {
        if (quorumAt > _LATEST || wait > Recoveries.MAX_WAIT || !_waits(quorumAt, readyAt, wait, false)) return;
        uint40 later = Recoveries.readyObjected(quorumAt, readyAt);
        assert(_waits(quorumAt, later, wait, true));
        assert(later == 0 || _frozen(later, Recoveries.frozenUntil(until, later)));
    }

    function anotherFroze(uint40 readyAt, uint40 until, uint40 other) external pure {
        if (other > _LATEST || !_frozen(readyAt, until)) return;
        assert(_frozen(readyAt, Recoveries.frozenUntil(until, other)));
    }

    // WHAT FOLLOWS WHEN ONE IS CARRIED OUT

    function waited(uint40 quorumAt, uint40 readyAt, uint32 wait, uint8 count, uint8 needed, uint40 time) external pure {
        if (!_waits(quorumAt, readyAt, wait, false) || !Recoveries.isReady(readyAt, count, needed, time)) return;
        assert(quorumAt != 0 && time >= uint256(quorumAt) + wait);
    }

    function waitedTwice(uint40 quorumAt, uint40 readyAt, uint32 wait, uint8 count, uint8 needed, uint40 t) external pure {
        if (!_waits(quorumAt, readyAt, wait, true) || !Recoveries.isReady(readyAt, count, needed, t)) return;
        assert(quorumAt != 0 && t >= uint256(quorumAt) + 2 * uint256(wait));
    }

    function enoughApproved(
        uint8 quorum,
        uint8 larger,
        uint32 wait,
        bool objected,
        bool endorsed,
        uint40 readyAt,
        uint8 count,
        uint40 time
    ) external pure {
        if (!Recoveries.areSound(quorum, larger, wait)) return;
        uint8 needed = Recoveries.needed(quorum, larger, objected, endorsed);
        if (!Recoveries.isReady(readyAt, count, needed, time)) return;
        assert(count >= quorum && count != 0);
        assert(!objected || endorsed || count >= larger);
    }

    function wasFrozen(uint40 begunAt, uint40 readyAt, uint40 until, uint8 count, uint8 needed, uint40 t) external pure {
        if (readyAt > _LATEST || begunAt > _LATEST || !_frozen(readyAt, until)) return;
        if (Recoveries.hasLapsed(begunAt, readyAt, t) || !Recoveries.isReady(readyAt, count, needed, t)) return;
        assert(t < until);
    }

    // TIME

    function waitsOfADayToNinety(uint8 quorum, uint8 larger, uint32 wait) external pure {
        if (!Recoveries.areSound(quorum, larger, wait)) return;
        assert(wait >= 1 days && wait <= 90 days);
        assert(quorum >= 1 && quorum <= larger && larger <= 16);
    }

    function lapsedForEver(uint40 begunAt, uint40 readyAt, uint40 time, uint40 later) external pure {
        if (readyAt > _LATEST || begunAt > _LATEST || later < time) return;
        assert(!Recoveries.hasLapsed(begunAt, readyAt, time) || Recoveries.hasLapsed(begunAt, readyAt, later));
    }

    function thirtyDaysToCarryOut(uint40 begunAt, uint40 readyAt, uint40 time) external pure {
        if (readyAt > _LATEST || begunAt > _LATEST || readyAt == 0) return;
        assert(Recoveries.hasLapsed(begunAt, readyAt, time) == (time > uint256(readyAt) + 30 days));
    }

    function thirtyDaysToComplete(uint40 begunAt, uint40 time) external pure {
        if (begunAt > _LATEST) return;
        assert(Recoveries.hasLapsed(begunAt, 0, time) == (time > uint256(begunAt) + 30 days));
    }

    function neverFrozenShorter(uint40 until, uint40 readyAt) external pure {
        if (readyAt > _LATEST) return;
        assert(Recoveries.frozenUntil(until, readyAt) >= until);
    }
}
