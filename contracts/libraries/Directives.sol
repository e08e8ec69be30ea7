// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Why a decision came out as it did. 1 to 19 allow, 20 and above deny.
enum Reason {
    None,
    Directive, // 1: a live directive permits every class
    BasePolicy, // 2: the custodian's base policy permits what no directive speaks of
    BreakGlass, // 3: an emergency is open
    Own, // 4: the patient's own request
    Guardian, // 5: a guardian for this purpose
    Law, // 6: the base policy states a legal duty
    Reserved7,
    Reserved8,
    Reserved9,
    Reserved10,
    Reserved11,
    Reserved12,
    Reserved13,
    Reserved14,
    Reserved15,
    Reserved16,
    Reserved17,
    Reserved18,
    Reserved19,
    NothingAsked, // 20: the request names no class
    UnknownClass, // 21: the request names a class that no version of this contract knows
    StandingDenial, // 22: the patient denies these classes to everybody
    EmergencyDenial, // 23: the patient denies these classes even in an emergency
    DeniedToPerson, // 24: the directive for the actor as a person denies
    DeniedToCapacity, // 25: the directive for the capacity denies
    CapacityNotHeld, // 26: the actor does not hold the capacity named
    NotYetValid, // 27
    Expired, // 28
    Revoked, // 29
    LimitsNotOpened, // 30: the directive has limits and the request does not open them
    OutsideLimits, // 31: other author, or data outside the period
    NotGranted, // 32: nothing speaks for these classes
    EmergencyNotOpen // 33: emergency access only, and none is open
}

/// @notice What a decision rests on.
enum Basis {
    None,
    Directive,
    BasePolicy,
    BreakGlass,
    Guardian,
    Law,
    Own
}

/// @notice What holds at a custodian for a purpose where the patient has said nothing.
enum Rule {
    Unstated, // as DenyUnlessGranted
    DenyUnlessGranted,
    PermitUnlessDenied,
    BreakGlassOnly,
    RequiredByLaw // permits unless denied, and says so as law
}

/// @title Directives
/// @notice What a patient's word comes to: the one place where permission is decided, pure and without imports.
/// @dev What is allowed was asked for, denied by nobody, and spoken for. The model checker proves it of {fold}, and how a
/// directive stands in time (tests/proofs/smt); Halmos compares the whole of {decide} with a formula (tests/proofs/deep.toml).
library Directives {
    /// @notice How a directive stands at a moment.
    enum Standing {
        Absent,
        Live,
        NotYet,
        Over,
        Withdrawn
    }

    /// @notice What a directive says, as far as this request is concerned.
    struct Word {
        Standing standing;
        uint64 permits;
        uint64 denies;
        /// @dev False if it has limits that the request did not open.
        bool opened;
        /// @dev False if its limits exclude the author or the period asked for.
        bool within;
    }

    /// @notice Everything a decision depends on.
    struct Facts {
        /// @dev Classes asked for.
        uint64 asked;
        /// @dev Classes this release knows.
        uint64 known;
        /// @dev Classes denied to everybody, emergencies apart.
        uint64 denied;
        /// @dev Classes denied even in an emergency.
        uint64 emergencyDenied;
        /// @dev Classes denied to the same asker by its other name: to the house that asks as a role or person, or to the
        /// role of the house that is asked as.
        uint64 otherwiseDenied;
        /// @dev The directive for the actor as a person, whatever the capacity.
        Word person;
        /// @dev The directive for the capacity; the same as `person` if that is the capacity.
        Word acting;
        bool capacityHeld;
        /// @dev The capacity is an organisation or a role, and held: only then does a base policy speak.
        bool accredited;
        /// @dev The actor is the patient.
        bool own;
        /// @dev The actor is a guardian for this purpose.
        bool guardian;
        /// @dev An emergency is open for actor and patient, and the purpose is emergency treatment.
        bool emergency;
        Rule rule;
        /// @dev Classes the base policy speaks of.
        uint64 ruleClasses;
    }

    /// @dev Every class, where nothing has to permit.
    uint64 private constant ALL = type(uint64).max;

    /// @notice Says how a directive stands.
    /// @param version Zero if there never was one.
    /// @param revoked True if the last word was a revocation.
    /// @param notBefore First second of validity.
    /// @param expiresAt First second after it.
    /// @param time Now.
    function standing(
        uint40 version,
        bool revoked,
        uint40 notBefore,
        uint40 expiresAt,
        uint40 time
    ) internal pure returns (Standing) {
        if (version == 0) return Standing.Absent;
        if (revoked) return Standing.Withdrawn;
        if (time < notBefore) return Standing.NotYet;
        if (time >= expiresAt) return Standing.Over;
        return Standing.Live;
    }

    /// @notice Decides a request.
    /// @dev Order: the request itself, the patient's own, emergency, standing denials, denials of directives, guardian,
    /// capacity, permits, base policy. `granted` is what of the request may be read: all of it, or what remains
    /// after the denials and limits, so that a reader can ask again for less.
    /// @return reason Why; below 20 it is allowed.
    /// @return basis On what it rests.
    /// @return granted The part of the request that may be read under the same basis.
    function decide(Facts memory f) internal pure returns (Reason reason, Basis basis, uint64 granted) {
        if (f.asked == 0) return (Reason.NothingAsked, Basis.None, 0);
        if (f.asked & ~f.known != 0) return (Reason.UnknownClass, Basis.None, 0);
        if (f.own) return (Reason.Own, Basis.Own, f.asked);
        if (f.emergency) {
            uint64 personDenies = f.person.standing == Standing.Live ? f.person.denies : 0;
            granted = fold(f.asked, f.emergencyDenied | personDenies, ALL);
            if (f.asked & f.emergencyDenied != 0) return (Reason.EmergencyDenial, Basis.BreakGlass, granted);
            if (granted != f.asked) return (Reason.DeniedToPerson, Basis.BreakGlass, granted);
            return (Reason.BreakGlass, Basis.BreakGlass, granted);
        }
        return _ordinary(f);
    }

    function _ordinary(Facts memory f) private pure returns (Reason reason, Basis basis, uint64 granted) {
        uint64 personDenies = f.person.standing == Standing.Live ? f.person.denies : 0;
        uint64 actingDenies = (f.acting.standing == Standing.Live ? f.acting.denies : 0) | f.otherwiseDenied;
        uint64 denied = f.denied | personDenies | actingDenies;

        uint64 said = permits(f.person);
        if (f.capacityHeld) said |= permits(f.acting);
        uint64 byRule;
        if (f.accredited && (f.rule == Rule.PermitUnlessDenied || f.rule == Rule.RequiredByLaw)) {
            byRule = f.ruleClasses;
        }

        if (f.guardian) {
            granted = fold(f.asked, denied, ALL);
            basis = Basis.Guardian;
        } else {
            granted = fold(f.asked, denied, said | byRule);
            if (granted & ~said == 0) basis = granted == 0 ? Basis.None : Basis.Directive;
            else basis = f.rule == Rule.RequiredByLaw ? Basis.Law : Basis.BasePolicy;
        }

        if (granted == f.asked) {
            if (basis == Basis.Guardian) reason = Reason.Guardian;
            else if (basis == Basis.Directive) reason = Reason.Directive;
            else reason = basis == Basis.Law ? Reason.Law : Reason.BasePolicy;
        } else {
            reason = _refusal(f, personDenies, actingDenies);
        }
    }

    /// @notice Where denial beats permission: of what is asked for, what somebody permits and nobody denies.
    function fold(uint64 asked, uint64 denied, uint64 permitted) internal pure returns (uint64) {
        return asked & permitted & ~denied;
    }

    function permits(Word memory w) internal pure returns (uint64) {
        if (w.standing != Standing.Live || !w.opened || !w.within) return 0;
        return fold(w.permits, w.denies, ALL);
    }

    function _refusal(Facts memory f, uint64 personDenies, uint64 actingDenies) private pure returns (Reason) {
        if (f.asked & f.denied != 0) return Reason.StandingDenial;
        if (f.asked & personDenies != 0) return Reason.DeniedToPerson;
        if (f.asked & actingDenies != 0) return Reason.DeniedToCapacity;
        if (!f.capacityHeld) return Reason.CapacityNotHeld;
        Word memory w = f.acting.standing == Standing.Absent ? f.person : f.acting;
        if (w.standing == Standing.NotYet) return Reason.NotYetValid;
        if (w.standing == Standing.Over) return Reason.Expired;
        if (w.standing == Standing.Withdrawn) return Reason.Revoked;
        if (w.standing == Standing.Live && f.asked & w.permits == f.asked) {
            if (!w.opened) return Reason.LimitsNotOpened;
            if (!w.within) return Reason.OutsideLimits;
        }
        return f.rule == Rule.BreakGlassOnly ? Reason.EmergencyNotOpen : Reason.NotGranted;
    }
}
