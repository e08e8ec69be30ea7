"""A thief with the old phone: what it can do against a ceremony, and what of it stands.

The thief has the key that controls each account. The owner has a quorum of guardians, and after an objection needs the
larger one. W is the wait of the guardians in force, 3 days here; t is the moment of the thief's first act.

the thief objects
  the larger quorum prevails after twice the wait                    → test_K6_objects__all_guardians__…
  a quorum and an accreditor prevail as well                         → test_K6_objects__accreditor__…
  the quorum alone does not                                          → contested
the thief hands the account over, raises the epoch, publishes a key, consents, appoints
  the recovery is carried out all the same                           → test_K6_hands_over__…
  what it signed and did not carry, and its guardianships, are over  → the same test
  what it carried stands until its owner ends it, and is listed      → the same test
the thief changes guardians
  given an approval on chain before t + W                            → the guardians of before finish, and are put back
  given none                                                         → theirs are in force: the account is lost
the thief recovers the account itself, by guardians of its own: at t + W + 1 day at the earliest
  given the owner's quorum is there before t + W                     → the thief's set never acts, objecting or not
  given it is not                                                    → the thief has it
"""

from __future__ import annotations

import pytest

from careledger import DataClass, GuardianSet, Purpose, Signer, errors, recovery
from careledger.resources.calendar import DAY
from tests.sdk.recovery.people import WAIT, Family
from tests.sdk.resources.town import SWITZERLAND


def old_phone(family: Family, number: int = 0):
    """The thief acts with the account's own key, and pays for it."""
    signer = family.signer(number)
    family.town.care.chain.fund(signer.address)
    return family.town.care.as_(signer)


def objects(family: Family, ceremony, number: int = 0) -> None:
    old_phone(family, number).participants.object_to_recovery(
        family.parties[number], to=ceremony.accounts[number].controller
    )


def sets_its_own(family: Family) -> GuardianSet:
    """The thief makes itself the account's guardian, with the shortest wait there is."""
    own = GuardianSet.of([family.town.stranger.party], quorum=1, wait_days=1)
    old_phone(family).participants.set_guardians(
        family.parties[0], own, current=family.guarding.kit.accounts[0].guardians
    )
    return own


def takes(family: Family, own: GuardianSet, *, carry_out: bool = True):
    """The thief approves as its own guardian, and carries it out when it can."""
    care, to = family.town.stranger.care.participants, family.town.patient().party.address
    if carry_out:
        signed = care.sign_recovery(family.parties[0], to=to, signer=family.town.stranger.signer)
        care.approve_recovery(signed, guardians=own, index=0)
        family.pass_time(DAY)
        care.execute_recovery(family.parties[0], to=to, guardians=own)
    return to


# OBJECTING


def test_K6_objects__all_guardians_sign__they_prevail_after_twice_the_wait(guarded: Family) -> None:
    ceremony = guarded.ceremony()
    guarded.carry(guarded.signed(ceremony, 0, 1))
    for number in range(3):
        objects(guarded, ceremony, number)
    with pytest.raises(errors.ParticipantRegistry_AlreadyDone):
        old_phone(guarded).participants.object_to_recovery(
            guarded.parties[0], to=ceremony.accounts[0].controller, key="once more"
        )
    assert guarded.states(ceremony) == ["contested"] * 3
    guarded.carry(guarded.signed(ceremony, 2))
    assert guarded.states(ceremony) == ["waiting"] * 3
    guarded.pass_time(WAIT)
    assert guarded.states(ceremony) == ["waiting"] * 3
    guarded.pass_time(WAIT)
    guarded.carry(ceremony.executions(guarded.care))
    assert guarded.states(ceremony) == ["done"] * 3


def test_K6_objects__accreditor_endorses__the_quorum_prevails(guarded: Family) -> None:
    ceremony = guarded.ceremony()
    guarded.carry(guarded.signed(ceremony, 0, 1))
    objects(guarded, ceremony)
    board = guarded.town.board
    board.care.participants.endorse_recovery(
        guarded.parties[0], to=ceremony.accounts[0].controller, accreditor=board.party, jurisdiction=SWITZERLAND
    )
    with pytest.raises(errors.ParticipantRegistry_NotAccreditor):
        guarded.town.clinic.care.participants.endorse_recovery(
            guarded.parties[0], to=ceremony.accounts[0].controller, accreditor=guarded.town.clinic.party,
            jurisdiction=SWITZERLAND,
        )  # fmt: skip
    assert guarded.states(ceremony)[0] == "waiting"
    guarded.pass_time(2 * WAIT)
    guarded.carry(ceremony.executions(guarded.care))
    assert guarded.states(ceremony)[0] == "done"


# HANDING OVER, AND WHAT STANDS


def test_K6_hands_over__recovery_holds__and_what_stands_is_listed(guarded: Family) -> None:
    town, care, patient = guarded.town, guarded.care, guarded.parties[0]
    lost_at = care.participants.now()
    thief = old_phone(guarded)
    standing = town.care.consents.draft(patient=patient, to=town.stranger.party, purpose=Purpose.TREAT)
    thief.consents.grant(standing)
    hoarded = town.care.consents.draft(patient=patient, to=town.stranger.party, purpose=Purpose.HRESCH)
    signed = hoarded.signed_by(guarded.signer(0))
    guardian = town.care.guardians.draft(patient=patient, guardian=town.stranger.party, purposes={Purpose.PATRQT})
    thief.guardians.appoint(guardian)
    thief.participants.publish_key(town.stranger.opener, subject=patient)
    thief.consents.deny(patient, classes={DataClass.LABS})
    ceremony = guarded.ceremony()
    guarded.carry(guarded.signed(ceremony, 0, 1))
    accomplice = town.patient()
    thief.participants.raise_epoch(patient)
    thief.participants.change_controller(patient, to=accomplice.signer.address)
    guarded.pass_time(WAIT)
    guarded.carry(ceremony.executions(care))
    assert guarded.controllers()[0] == ceremony.accounts[0].controller

    assert [item.purpose for item in town.care.consents.list(patient=patient)] == [Purpose.TREAT]
    assert int(town.care.consents._read("standingOf", patient.address)["denied"]) == DataClass.LABS.mask
    with pytest.raises(errors.Module_NotSignedBy):
        town.stranger.care.consents.grant(signed)
    assert town.care.guardians.list(patient, live=False) == []
    with pytest.raises(errors.ParticipantRegistry_NotController):
        care.participants.change_controller(patient, to=town.stranger.party.address)
    left = [item.do for item in recovery.remaining(care, ceremony, lost_at=lost_at) if item.what == "look"]
    for what in (
        "a consent given",
        "a key to seal to published",
        "handed to another key",
        "a guardian appointed",
        "standing denials changed",
    ):
        assert sum(what in line for line in left) >= 1
    own = Signer.from_key(ceremony.wallet.account(ceremony.known_accounts(care)[0].scope).key)
    ending = town.care.consents.draft_revocation(patient, to=town.stranger.party, purpose=Purpose.TREAT)
    care.consents.revoke_signed(ending.signed_by(own))
    assert town.care.consents.list(patient=patient) == []


# CHANGING GUARDIANS


def test_K6_changes_guardians__approval_before_they_are_in_force__those_before_finish_and_are_put_back(
    guarded: Family,
) -> None:
    sets_its_own(guarded)
    ceremony = guarded.ceremony()
    assert "one approval has to be there before" in (ceremony.status(guarded.care)[0].warning or "")
    guarded.pass_time(WAIT - 60)
    guarded.carry(guarded.signed(ceremony, 0))
    guarded.pass_time(120)
    guarded.carry(guarded.signed(ceremony, 1))
    guarded.pass_time(WAIT)
    guarded.carry(ceremony.executions(guarded.care))
    assert guarded.states(ceremony)[0] == "done"
    state = guarded.care.participants.guardians_of(guarded.parties[0])
    assert (state.in_force, state.changing) == (guarded.guarding.kit.accounts[0].guardians.commitment, False)


def test_K6_changes_guardians__no_approval_in_time__theirs_are_in_force(guarded: Family) -> None:
    ceremony = guarded.ceremony()
    sets_its_own(guarded)
    guarded.pass_time(WAIT + 60)
    assert guarded.states(ceremony) == ["guardians changed", "unsigned", "unsigned"]
    _, refused = recovery.carry_all(guarded.care, guarded.signed(ceremony, 0, 1), hurry=True)
    assert {type(error).__name__ for _, error in refused} == {"ParticipantRegistry_NotTheGuardians"}
    assert len(refused) == 2
    assert guarded.states(ceremony) == ["guardians changed", "waiting", "waiting"]


# RACING


def test_K6_races__owner_has_its_quorum__the_thief_cannot_even_begin(guarded: Family) -> None:
    """A change of guardians waits for every recovery that has its quorum: the thief's own set never acts."""
    ceremony = guarded.ceremony()
    own = sets_its_own(guarded)
    guarded.carry(guarded.signed(ceremony, 0, 1))
    guarded.pass_time(WAIT + 60)
    with pytest.raises(errors.ParticipantRegistry_NotTheGuardians):
        takes(guarded, own)
    guarded.carry(ceremony.executions(guarded.care))
    assert guarded.states(ceremony)[0] == "done"
    assert guarded.controllers()[0] == ceremony.accounts[0].controller
    with pytest.raises(errors.ParticipantRegistry_NotTheGuardians):
        takes(guarded, own)


def test_K6_races__owner_had_its_quorum_long_before__the_larger_quorum_prevails(guarded: Family) -> None:
    """The quorum was there W - 1 day before t: after an objection the owner is ready no later than the thief."""
    ceremony = guarded.ceremony()
    guarded.carry(guarded.signed(ceremony, 0, 1, 2))
    guarded.pass_time(WAIT - DAY + 60)
    own = sets_its_own(guarded)
    objects(guarded, ceremony)
    guarded.pass_time(WAIT + DAY - 60)
    assert guarded.states(ceremony)[0] == "ready"
    guarded.carry(ceremony.executions(guarded.care))
    assert guarded.states(ceremony)[0] == "done"
    assert own.commitment != guarded.care.participants.guardians_of(guarded.parties[0]).next


def test_K6_races__thief_changes_guardians_and_objects__the_larger_quorum_has_it(guarded: Family) -> None:
    """Everything a thief can do at once; all guardians signed before its set would be in force, and they prevail."""
    ceremony = guarded.ceremony()
    own = sets_its_own(guarded)
    guarded.carry(guarded.signed(ceremony, 0, 1, 2))
    objects(guarded, ceremony)
    for _ in range(2):
        guarded.pass_time(WAIT + 60)
        with pytest.raises(errors.ParticipantRegistry_NotTheGuardians):
            takes(guarded, own)
    assert guarded.states(ceremony) == ["ready"] * 3
    guarded.carry(ceremony.executions(guarded.care))
    assert guarded.states(ceremony) == ["done"] * 3
    assert guarded.controllers()[0] == ceremony.accounts[0].controller


def test_K6_races__thief_waits_for_its_set_before_the_quorum__the_thief_has_it(guarded: Family) -> None:
    """Nobody completed the quorum before t + W: the thief's set is in force, and what it began goes on."""
    ceremony = guarded.ceremony()
    own = sets_its_own(guarded)
    guarded.carry(guarded.signed(ceremony, 0))
    assert "without the quorum before that" in (ceremony.status(guarded.care)[0].warning or "")
    guarded.pass_time(WAIT + 60)
    stolen = takes(guarded, own)
    assert guarded.controllers()[0] == stolen
    assert guarded.states(ceremony)[0] == "overtaken"
