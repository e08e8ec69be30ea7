// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Basis, Directives, Reason, Rule} from "../../contracts/libraries/Directives.sol";
import {Positional} from "../../contracts/libraries/Positional.sol";
import {Kit} from "../forge/Kit.sol";

/// @notice The library beside a second telling of the rule, class by class, and a tree beside its own construction.
contract DirectivesTest is Kit {
    /// @dev Facts as numbers: a draw outside an enumeration would revert before the test begins.
    struct RawWord {
        uint8 standing;
        uint64 permits;
        uint64 denies;
        bool opened;
        bool within;
    }

    struct Raw {
        uint64 asked;
        uint64 denied;
        uint64 emergencyDenied;
        uint64 otherwiseDenied;
        RawWord person;
        RawWord acting;
        uint8 flags;
        uint8 rule;
        uint64 ruleClasses;
    }

    function _word(RawWord memory w) private pure returns (Directives.Word memory) {
        return Directives.Word(Directives.Standing(w.standing % 5), w.permits, w.denies, w.opened, w.within);
    }

    function _facts(Raw memory r) private pure returns (Directives.Facts memory f) {
        (f.asked, f.denied, f.emergencyDenied) = (r.asked, r.denied, r.emergencyDenied);
        f.otherwiseDenied = r.otherwiseDenied;
        (f.person, f.acting) = (_word(r.person), _word(r.acting));
        (f.capacityHeld, f.accredited) = (r.flags & 1 != 0, r.flags & 2 != 0);
        (f.own, f.guardian, f.emergency) = (r.flags & 28 == 28, r.flags & 100 == 100, r.flags & 136 == 136);
        (f.rule, f.ruleClasses) = (Rule(r.rule % 5), r.ruleClasses);
    }

    /// @dev Few classes, so that the corners are met.
    function _narrow(Directives.Facts memory f) private pure {
        f.known = 0x0f;
        f.asked &= f.asked & 0x700 == 0 ? 0x1f : 0x0f; // an unknown class now and then
        f.denied &= f.denied & 0x30 == 0 ? 0x0f : 0;
        f.emergencyDenied &= f.emergencyDenied & 0x30 == 0 ? 0x0f : 0;
        f.otherwiseDenied &= f.otherwiseDenied & 0x30 == 0 ? 0x0f : 0;
        f.ruleClasses &= 0x0f;
        f.person.permits &= 0x0f;
        f.person.denies &= f.person.denies & 0x30 == 0 ? 0x0f : 0;
        f.acting.permits &= 0x0f;
        f.acting.denies &= f.acting.denies & 0x30 == 0 ? 0x0f : 0;
    }

    function _says(Directives.Word memory w, uint64 class) private pure returns (bool permits, bool denies) {
        bool live = w.standing == Directives.Standing.Live;
        denies = live && w.denies & class != 0;
        permits = live && w.opened && w.within && w.permits & class != 0 && !denies;
    }

    function _one(Directives.Facts memory f, uint64 class) private pure returns (bool may, bool spoken) {
        (bool personPermits, bool personDenies) = _says(f.person, class);
        (bool actingPermits, bool actingDenies) = _says(f.acting, class);
        if ((f.denied | f.otherwiseDenied) & class != 0 || personDenies || actingDenies) return (false, false);
        spoken = personPermits || (actingPermits && f.capacityHeld);
        bool policy = f.rule == Rule.PermitUnlessDenied || f.rule == Rule.RequiredByLaw;
        may = f.guardian || spoken || (policy && f.accredited && f.ruleClasses & class != 0);
    }

    function _refusal(Directives.Facts memory f) private pure returns (Reason) {
        if (f.asked & f.denied != 0) return Reason.StandingDenial;
        for (uint256 i = 0; i < 64; i++) {
            (, bool denies) = _says(f.person, uint64(1) << uint8(i) & f.asked);
            if (denies) return Reason.DeniedToPerson;
        }
        for (uint256 i = 0; i < 64; i++) {
            (, bool denies) = _says(f.acting, uint64(1) << uint8(i) & f.asked);
            if (denies) return Reason.DeniedToCapacity;
        }
        if (f.asked & f.otherwiseDenied != 0) return Reason.DeniedToCapacity;
        if (!f.capacityHeld) return Reason.CapacityNotHeld;
        Directives.Word memory w = f.acting.standing == Directives.Standing.Absent ? f.person : f.acting;
        if (w.standing == Directives.Standing.NotYet) return Reason.NotYetValid;
        if (w.standing == Directives.Standing.Over) return Reason.Expired;
        if (w.standing == Directives.Standing.Withdrawn) return Reason.Revoked;
        bool covers = w.standing == Directives.Standing.Live && (f.asked & ~w.permits) == 0;
        if (covers && !w.opened) return Reason.LimitsNotOpened;
        if (covers && !w.within) return Reason.OutsideLimits;
        return f.rule == Rule.BreakGlassOnly ? Reason.EmergencyNotOpen : Reason.NotGranted;
    }

    function _expect(Directives.Facts memory f) private pure returns (Reason, Basis, uint64) {
        if (f.asked == 0) return (Reason.NothingAsked, Basis.None, 0);
        if (f.asked & ~f.known != 0) return (Reason.UnknownClass, Basis.None, 0);
        if (f.own) return (Reason.Own, Basis.Own, f.asked);
        if (f.emergency) {
            uint64 named = f.person.standing == Directives.Standing.Live ? f.person.denies & f.asked : 0;
            uint64 rest = f.asked & ~f.emergencyDenied & ~named;
            Reason why = named != 0 ? Reason.DeniedToPerson : Reason.BreakGlass;
            return (f.asked & f.emergencyDenied != 0 ? Reason.EmergencyDenial : why, Basis.BreakGlass, rest);
        }
        uint64 granted;
        bool allSpoken = true;
        for (uint256 i = 0; i < 64; i++) {
            uint64 class = uint64(1) << uint8(i) & f.asked;
            if (class == 0) continue;
            (bool may, bool spoken) = _one(f, class);
            if (may) {
                granted |= class;
                allSpoken = allSpoken && spoken;
            }
        }
        Basis basis;
        Reason reason;
        if (f.guardian) (basis, reason) = (Basis.Guardian, Reason.Guardian);
        else if (granted == 0) basis = Basis.None;
        else if (allSpoken) (basis, reason) = (Basis.Directive, Reason.Directive);
        else if (f.rule == Rule.RequiredByLaw) (basis, reason) = (Basis.Law, Reason.Law);
        else (basis, reason) = (Basis.BasePolicy, Reason.BasePolicy);
        return (granted == f.asked ? reason : _refusal(f), basis, granted);
    }

    function test_prop_C13_decide__is_what_the_rule_says_class_by_class(Raw memory raw) public pure {
        Directives.Facts memory f = _facts(raw);
        _narrow(f);
        _compare(f);
    }

    /// @dev Without own, emergency and guardian, which hide the rest from most draws.
    function test_prop_C1_decide__ordinary_requests(Raw memory raw, uint8 seed) public pure {
        Directives.Facts memory f = _facts(raw);
        _narrow(f);
        f.asked &= 0x0f;
        (f.own, f.emergency, f.guardian) = (false, false, false);
        if (seed & 1 == 0) f.person.standing = Directives.Standing.Live;
        if (seed & 2 == 0) f.acting.standing = Directives.Standing.Live;
        if (seed & 4 == 0) (f.denied, f.otherwiseDenied, f.person.denies, f.acting.denies) = (0, 0, 0, 0);
        if (seed & 8 == 0) f.capacityHeld = true;
        if (seed & 16 == 0) f.asked = 1;
        _compare(f);
    }

    /// @dev Nothing denied and little permitted: where the reasons of a refusal are told apart.
    function test_prop_C5_decide__reasons_of_refusals(Raw memory raw, uint8 seed) public pure {
        Directives.Facts memory f = _facts(raw);
        _narrow(f);
        f.asked = f.asked & 3 == 0 ? 1 : f.asked & 3;
        (f.own, f.emergency, f.guardian, f.capacityHeld) = (false, false, false, true);
        (f.denied, f.otherwiseDenied, f.person.denies, f.acting.denies) = (0, 0, 0, 0);
        if (seed & 1 == 0) f.accredited = false;
        if (seed & 2 == 0) f.acting.standing = Directives.Standing.Live;
        if (seed & 4 == 0) f.acting.permits |= f.asked;
        if (seed & 8 == 0) f.acting.opened = false;
        if (seed & 16 == 0) f.acting.within = false;
        if (seed & 32 == 0) f.person.permits = 0;
        if (seed & 64 == 0) f.acting.standing = Directives.Standing.Absent;
        _compare(f);
    }

    function _compare(Directives.Facts memory f) private pure {
        (Reason reason, Basis basis, uint64 granted) = Directives.decide(f);
        (Reason reason2, Basis basis2, uint64 granted2) = _expect(f);
        vm.assertEq(uint256(granted), uint256(granted2), "granted");
        vm.assertEq(uint256(reason), uint256(reason2), "reason");
        vm.assertEq(uint256(basis), uint256(basis2), "basis");
    }

    function test_prop_C5_standing__by_time(uint40 version, bool revoked, uint8 from, uint8 until, uint8 time) public pure {
        version = version % 3;
        Directives.Standing standing = Directives.standing(version, revoked, from, until, time);
        if (version == 0) vm.assertEq(uint256(standing), 0, "absent");
        else if (revoked) vm.assertEq(uint256(standing), 4, "withdrawn");
        else if (time < from) vm.assertEq(uint256(standing), 2, "not yet");
        else vm.assertEq(uint256(standing), time < until ? 1 : 3, "live until the second of expiry");
    }

    function test_C5_standing__exactly_at_its_bounds() public pure {
        vm.assertEq(uint256(Directives.standing(1, false, 10, 20, 9)), 2, "one second before");
        vm.assertEq(uint256(Directives.standing(1, false, 10, 20, 10)), 1, "first second");
        vm.assertEq(uint256(Directives.standing(1, false, 10, 20, 19)), 1, "last second");
        vm.assertEq(uint256(Directives.standing(1, false, 10, 20, 20)), 3, "expiry");
    }

    function verify(bytes32 root, uint256 size, uint256 index, bytes32 value, bytes32[] calldata path)
        external
        pure
        returns (bool)
    {
        return Positional.verify(root, size, index, value, path);
    }

    function test_prop_H11_positional__only_the_value_at_its_index(
        bytes32 seed,
        uint8 size_,
        uint8 index_,
        uint8 other_,
        bytes32 value
    ) public view {
        uint256 size = bound(size_, 1, 33);
        uint256 index = index_ % size;
        uint256 depth;
        while ((uint256(1) << depth) < size) depth++;
        vm.assertEq(Positional.depth(size), depth, "depth");
        bytes32[] memory layer = new bytes32[](1 << depth);
        for (uint256 i = 0; i < size; i++) {
            layer[i] = keccak256(bytes.concat(keccak256(abi.encode(i, keccak256(abi.encode(seed, i))))));
        }
        bytes32[] memory path = new bytes32[](depth);
        uint256 at = index;
        for (uint256 level = 0; level < depth; level++) {
            path[level] = layer[at ^ 1];
            for (uint256 i = 0; i < layer.length >> (level + 1); i++) {
                layer[i] = keccak256(abi.encode(layer[2 * i], layer[2 * i + 1]));
            }
            at >>= 1;
        }
        bytes32 leaf = keccak256(abi.encode(seed, index));
        vm.assertTrue(this.verify(layer[0], size, index, leaf, path), "the leaf where it stands");
        uint256 other = bound(other_, 0, 40);
        if (other != index) vm.assertFalse(this.verify(layer[0], size, other, leaf, path), "elsewhere");
        if (value != leaf) vm.assertFalse(this.verify(layer[0], size, index, value, path), "another value");
        vm.assertFalse(this.verify(layer[0], size, size + index, leaf, path), "beyond the end");
        vm.assertFalse(this.verify(layer[0], size, index, leaf, new bytes32[](depth + 1)), "a longer path");
    }
}
