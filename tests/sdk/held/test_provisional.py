"""An unknown emergency patient: a provisional account, the glass broken, joined to the real one later, off chain.

close
  given a provisional account             → a salted link on chain, its opening sealed at both ends   → test_close__…
  given the same call again               → the same link; for another account refused
  given the steward's journal             → no guess at the real account can be tested with it
  given a lasting account, another steward, itself, or no key → refused
open_link
  given the opening                       → which account it was                → test_open_link__…
  given another account, salt or suite    → refused
worklist
  it names directives, denials, guardians, records and emergencies, and what of them is done  → test_worklist__…
events
  no word of an event or of calldata names both accounts            → test_H7_close__…
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from careledger import DataClass, EmergencyReason, PartyRef, Purpose, Will, errors
from careledger.chain.journal import content_digest
from careledger.codes import HeldStatus, Verdict
from careledger.privacy.commitments import new_salt
from careledger.resources.joining import LinkOpening
from careledger.values import from_hex
from tests.sdk.resources.town import SWITZERLAND, Town, Townsman

ORDER, FOUND = b"admission order 2026-11-26 02:14, unconscious, no papers", b"identified by a relative and by passport"


def admitted(town: Town) -> PartyRef:
    receipt = town.steward.care.held.open(will=Will.LEGAL_AUTHORITY, evidence=ORDER, provisional=True)
    return receipt.value.subject


def closed(town: Town, provisional: PartyRef, real: Townsman):
    return town.steward.care.held.close(
        provisional, joins=real.party, will=Will.LEGAL_AUTHORITY, evidence=FOUND
    )  # fmt: skip


def break_the_glass(town: Town, patient: PartyRef):
    return town.doctor.care.emergencies.open(
        patient, practitioner=town.doctor.party, organisation=town.clinic.party, jurisdiction=SWITZERLAND,
        reason=EmergencyReason.UNCONSCIOUS,
    ).value  # fmt: skip


def test_H7_close__journal_in_other_hands__no_guess_can_be_tested(town: Town) -> None:
    unknown, ana, ben = admitted(town), town.patient(), town.patient()
    closed(town, unknown, ana)
    entry = town.steward.care.sender.entry(f"close-held/{unknown.address}")
    assert entry is not None
    for guess in (ana, ben):
        for will in Will:
            assert entry.digest != content_digest("content", [unknown.address, guess.party.address, will.name])
    assert closed(town, unknown, ana).repeated
    with pytest.raises(errors.KeyReused):
        closed(town, unknown, ben)


def test_close__provisional__link_on_chain_and_opening_at_both_ends(town: Town) -> None:
    unknown, ana = admitted(town), town.patient()
    break_the_glass(town, unknown)
    answer = town.care.consents.decide(
        patient=unknown, actor=town.doctor.party, capacity=town.clinic.party, purpose=Purpose.ETREAT,
        classes={DataClass.LABS}, jurisdiction=SWITZERLAND,
    )  # fmt: skip
    assert answer.allowed
    receipt = closed(town, unknown, ana)
    link = receipt.value
    assert receipt.event("HeldAccountClosed").args["link"] == link.commitment
    assert town.care.held.get(unknown).status is HeldStatus.CLOSED
    assert town.steward.care.held.link_of(unknown) == link
    copy = link.sealed_to(ana.opener.recipient())
    assert LinkOpening.unsealed(copy, ana.opener) == link
    with pytest.raises(errors.NotARecipient):
        LinkOpening.unsealed(copy, town.clinic.opener)
    assert ana.party.address not in repr(link)
    again = closed(town, unknown, ana)
    assert (again.repeated, again.value, again.tx) == (True, link, receipt.tx)
    with pytest.raises(errors.ConsentRegistry_NotAuthorised):
        terms = town.care.consents.draft(patient=unknown, to=town.clinic.party, purpose=Purpose.TREAT)
        town.steward.care.consents.grant_for(terms, will=Will.LEGAL_AUTHORITY, evidence=FOUND)


def test_close__not_provisional_or_not_ones_own__refused(town: Town) -> None:
    lasting = town.steward.care.held.open(will=Will.PAPER, evidence=ORDER).value.subject
    ana = town.patient()
    with pytest.raises(errors.ParticipantRegistry_NotHeld):
        closed(town, lasting, ana)
    unknown = admitted(town)
    with pytest.raises(errors.ParticipantRegistry_NotController):
        town.clinic.care.held.close(unknown, joins=ana.party, will=Will.PAPER, evidence=FOUND)
    with pytest.raises(errors.InputError, match="joined to itself"):
        town.steward.care.held.close(unknown, joins=unknown, will=Will.PAPER, evidence=FOUND)
    with pytest.raises(errors.NotFound, match="was not closed"):
        town.steward.care.held.link_of(unknown)


def test_open_link__auditor__learns_which_account_it_was(town: Town) -> None:
    unknown, ana = admitted(town), town.patient()
    link = closed(town, unknown, ana).value
    shown = LinkOpening.unsealed(link.sealed_to(town.officer.opener.recipient()), town.officer.opener)
    assert town.officer.care.held.open_link(shown) == ana.party
    for other in (replace(link, real=town.patient().party.address), replace(link, salt=new_salt())):
        with pytest.raises(errors.InputError, match="not of the link on chain"):
            town.officer.care.held.open_link(other)
    with pytest.raises(errors.FormatError):
        LinkOpening.read(b'{"real": 1}')


def test_worklist__what_it_had__is_carried_over_and_said_to_be_done(town: Town) -> None:
    unknown, ana = admitted(town), town.patient()
    how = {"will": Will.LEGAL_AUTHORITY, "evidence": ORDER}
    emergency = break_the_glass(town, unknown)
    steward = town.steward.care
    steward.consents.grant_for(
        steward.consents.draft(patient=unknown, to=town.clinic.party, purpose=Purpose.TREAT), **how
    )
    steward.consents.deny_for(unknown, classes={DataClass.HIV}, **how)
    steward.guardians.appoint_for(
        steward.guardians.draft(patient=unknown, guardian=town.stranger.party, purposes={Purpose.PATRQT}), **how
    )
    record = steward.records.seal(
        b"admission note", author=town.steward.party, about=unknown, classes={DataClass.NOTES}
    ).value
    link = closed(town, unknown, ana).value
    before = steward.held.worklist(link)
    assert [(task.what, task.done) for task in before] == [
        ("directive", False), ("denial", False), ("guardian", False), ("record", False), ("emergency", False),
    ]  # fmt: skip
    assert (before[3].about, before[4].about) == (record.id, emergency.id)
    assert before[0].to_json()["do"].startswith("Ask the patient")

    terms = town.care.consents.draft(patient=ana.party, to=town.clinic.party, purpose=Purpose.TREAT)
    town.relayer.care.consents.grant(terms.signed_by(ana.signer))
    denial = town.care.consents.draft_denial(ana.party, classes={DataClass.HIV})
    town.relayer.care.consents.deny_signed(denial.signed_by(ana.signer))
    guardian = town.care.guardians.draft(patient=ana.party, guardian=town.board.party, purposes={Purpose.PATRQT})
    town.relayer.care.guardians.appoint(guardian.signed_by(ana.signer))
    steward.records.supersede(record.id, b"admission note", about=ana.party, classes={DataClass.NOTES})
    town.officer.care.emergencies.review(emergency, verdict=Verdict.JUSTIFIED, evidence=b"reviewed")
    assert [task.done for task in steward.held.worklist(link)] == [True] * 5


def test_H7_close__events_and_calldata__name_no_two_accounts_together(town: Town) -> None:
    unknown, ana = admitted(town), town.patient()
    terms = town.care.consents.draft(patient=ana.party, to=town.clinic.party, purpose=Purpose.TREAT)
    first = town.relayer.care.consents.grant(terms.signed_by(ana.signer))
    receipt = closed(town, unknown, ana)
    rpc = town.care.connection.rpc
    sent = [rpc.request("eth_getTransactionByHash", [each.tx])["input"] for each in (first, receipt)]
    told = [
        str([event.to_json() for event in each.events]) + data
        for each, data in zip((first, receipt), sent, strict=True)
    ]
    real = [ana.party.address[2:].lower() in text.lower() for text in told]
    provisional = [unknown.address[2:].lower() in text.lower() for text in told]
    assert (real, provisional) == ([True, False], [False, True])
    assert from_hex(receipt.value.commitment).hex() in sent[1]
    assert receipt.value.salt.reveal().hex() not in sent[1]
