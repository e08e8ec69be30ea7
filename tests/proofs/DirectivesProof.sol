// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Basis, Directives, Reason, Rule} from "../../contracts/libraries/Directives.sol";
import {Kit} from "../forge/Kit.sol";

/// @notice What is granted, as one formula without a branch.
abstract contract DirectivesFormula is Kit {
    function _bit(bool b) internal pure returns (uint64 n) {
        assembly {
            n := b
        }
    }

    /// @dev All ones, or zero.
    function _mask(bool b) internal pure returns (uint64 m) {
        assembly {
            m := and(sub(0, b), 0xffffffffffffffff)
        }
    }

    function _both(bool a, bool b) internal pure returns (bool c) {
        assembly {
            c := and(a, b)
        }
    }

    function _either(bool a, bool b) internal pure returns (bool c) {
        assembly {
            c := or(a, b)
        }
    }

    function _live(Directives.Word memory w) internal pure returns (uint64) {
        return _mask(w.standing == Directives.Standing.Live);
    }

    function _spoken(Directives.Word memory w) internal pure returns (uint64) {
        return _live(w) & _mask(w.opened) & _mask(w.within) & w.permits & ~w.denies;
    }

    function _byRule(Directives.Facts memory f) internal pure returns (uint64) {
        bool speaks = _either(f.rule == Rule.PermitUnlessDenied, f.rule == Rule.RequiredByLaw);
        return _mask(_both(f.accredited, speaks)) & f.ruleClasses;
    }

    function _byDirective(Directives.Facts memory f) internal pure returns (uint64) {
        return _spoken(f.person) | (_mask(f.capacityHeld) & _spoken(f.acting));
    }

    function _denied(Directives.Facts memory f) internal pure returns (uint64) {
        return f.denied | f.otherwiseDenied | (_live(f.person) & f.person.denies) | (_live(f.acting) & f.acting.denies);
    }

    function _spec(Directives.Facts memory f) internal pure returns (uint64) {
        uint64 ordinary = f.asked & ~_denied(f) & (_mask(f.guardian) | _byDirective(f) | _byRule(f));
        uint64 emergency = f.asked & ~(f.emergencyDenied | (_live(f.person) & f.person.denies));
        uint64 other = (_mask(f.emergency) & emergency) | (~_mask(f.emergency) & ordinary);
        uint64 whole = (_mask(f.own) & f.asked) | (~_mask(f.own) & other);
        return _mask(f.asked & ~f.known == 0) & whole;
    }

    /// @dev Where a property speaks of ordinary requests alone.
    function _ordinary(Directives.Facts memory f) internal pure returns (uint64) {
        return ~(_mask(f.own) | _mask(f.emergency));
    }
}

/// @notice The library grants exactly what the formula says, for all inputs: `decide` has no loop and no state, so nothing
/// is bounded. Some 3,000 paths each, minutes rather than seconds: `scripts/prove.py --halmos --table
/// tests/proofs/deep.toml`. On each push tests/invariants/Directives.t.sol compares instead, by random facts.
contract DirectivesExhaustive is DirectivesFormula {
    function check_C13_decide__grants_what_the_formula_says(Directives.Facts memory f) public pure {
        (, , uint64 granted) = Directives.decide(f);
        assert(granted == _spec(f));
    }

    function check_C13_decide__allowed_iff_all_is_granted_and_basis_is_true(Directives.Facts memory f) public pure {
        (Reason reason, Basis basis, uint64 granted) = Directives.decide(f);
        bool sound = _both(f.asked != 0, f.asked & ~f.known == 0);
        uint64 bad = _bit((uint8(reason) < 20) != _both(sound, granted == f.asked)) | _bit(reason == Reason.None);
        bad |= _bit(_both(basis == Basis.None, granted != 0));
        bad |= _bit(_both(basis == Basis.Own, !f.own)) | _bit(_both(basis == Basis.BreakGlass, !f.emergency));
        bad |= _bit(_both(basis == Basis.Guardian, !f.guardian));
        bad |= _bit(_both(basis == Basis.Directive, granted & ~_byDirective(f) != 0));
        bool byPolicy = _either(basis == Basis.BasePolicy, basis == Basis.Law);
        bad |= _bit(_both(byPolicy, _either(!f.accredited, granted & ~(_byDirective(f) | _byRule(f)) != 0)));
        bad |= _bit(_both(basis == Basis.Law, f.rule != Rule.RequiredByLaw));
        bad |= _bit((reason == Reason.Law) != _both(basis == Basis.Law, uint8(reason) < 20));
        assert(bad == 0);
    }
}

/// @notice What follows from the formula.
contract DirectivesProof is DirectivesFormula {
    function check_C13_decide__granted_is_part_of_asked(Directives.Facts memory f) public pure {
        assert(_spec(f) & ~f.asked == 0);
    }

    function check_C13_decide__unknown_class_grants_nothing(Directives.Facts memory f) public pure {
        vm.assume(f.asked & ~f.known != 0);
        assert(_spec(f) == 0);
    }

    function check_C1_decide__standing_denial_beats_all_but_own_and_emergency(Directives.Facts memory f) public pure {
        assert(_spec(f) & _ordinary(f) & f.denied == 0);
    }

    function check_C1_decide__live_denial_to_person_beats_all(Directives.Facts memory f) public pure {
        assert(_spec(f) & ~_mask(f.own) & _live(f.person) & f.person.denies == 0); // emergencies included
    }

    function check_C1_decide__live_denial_to_capacity_beats_all(Directives.Facts memory f) public pure {
        assert(_spec(f) & _ordinary(f) & ((_live(f.acting) & f.acting.denies) | f.otherwiseDenied) == 0);
    }

    function check_C12_decide__emergency_never_opens_what_is_denied_in_emergencies(
        Directives.Facts memory f
    ) public pure {
        assert(_spec(f) & ~_mask(f.own) & _mask(f.emergency) & f.emergencyDenied == 0);
    }

    function check_C13_decide__base_policy_speaks_only_when_accredited(
        Directives.Facts memory f,
        uint64 classes,
        Rule rule
    ) public pure {
        vm.assume(!f.accredited);
        uint64 before = _spec(f);
        f.rule = rule;
        f.ruleClasses = classes;
        assert(_spec(f) == before);
    }

    function check_C5_decide__permits_count_only_live_opened_and_within(Directives.Facts memory f) public pure {
        uint64 spoken = _spoken(f.person) | _spoken(f.acting);
        assert(_spec(f) & _ordinary(f) & ~_mask(f.guardian) & ~_byRule(f) & ~spoken == 0);
    }

    function check_C13_decide__capacity_not_held_rests_nothing_on_acting(
        Directives.Facts memory f,
        uint64 permits
    ) public pure {
        vm.assume(!f.capacityHeld);
        uint64 before = _spec(f);
        f.acting.permits = permits;
        assert(_spec(f) == before);
    }

    function check_C1_decide__more_denials_never_grant_more(
        Directives.Facts memory f,
        uint64 denied,
        uint64 emergencyDenied,
        uint64 personDenies,
        uint64 actingDenies
    ) public pure {
        uint64 before = _spec(f);
        f.denied |= denied;
        f.emergencyDenied |= emergencyDenied;
        f.person.denies |= personDenies;
        f.acting.denies |= actingDenies;
        f.otherwiseDenied |= actingDenies;
        assert(_spec(f) & ~before == 0);
    }

    function check_C5_decide__directives_that_are_not_live_count_as_none(Directives.Facts memory f) public pure {
        vm.assume(f.person.standing != Directives.Standing.Live);
        vm.assume(f.acting.standing != Directives.Standing.Live);
        uint64 before = _spec(f);
        f.person = Directives.Word(Directives.Standing.Absent, 0, 0, false, false);
        f.acting = Directives.Word(Directives.Standing.Absent, 0, 0, false, false);
        assert(_spec(f) == before);
    }

    function check_C13_decide__class_by_class(Directives.Facts memory f, uint64 less) public pure {
        vm.assume(f.asked & ~f.known == 0);
        uint64 before = _spec(f);
        f.asked &= less;
        assert(_spec(f) == before & less);
    }
}
