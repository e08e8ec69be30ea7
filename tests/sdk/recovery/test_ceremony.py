"""A lost phone: one ceremony gives three accounts back.

start → sign → add → carry → wait → executions → remaining
  the whole way, with the wallet's book, openers and records afterwards   → test_K6_ceremony__whole_way__…
  the same again at every step                                            → nothing is done twice
  killed at any step                                                      → taken up from the folder
  without a kit, by the sheets of a quorum                                → test_start__no_kit__…
  one account without a quorum                                            → a named remainder
  each account paired anew                                                → test_answer__after_a_ceremony__…
sign
  given another guardian's request, one key twice, or an unknown account  → refused
add
  given approvals for another ceremony, forged or cut                     → refused
status
  unsigned, gathering, waiting, ready, done, lapsed, overtaken            → test_status__…
objections
  the owner's phone was not lost: it objects to all                       → test_objections__…
spread over longer than an act can wait                                   → none is due too late
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from careledger import DataClass, PartyRef, Purpose, Scope, Signer, errors, recovery, steps
from careledger.privacy.walletbook import WalletBook
from careledger.recovery import Approvals, Ceremony, Kit, Request
from careledger.resources.calendar import DAY
from tests.sdk.recovery.people import PLAN_YEAR, WAIT, Family


def finish(family: Family, ceremony: Ceremony, *numbers: int) -> None:
    family.carry(family.signed(ceremony, *(numbers or (0, 1))))
    family.pass_time(WAIT)
    family.carry(ceremony.executions(family.care))


def test_K6_ceremony__whole_way__every_account_is_back_and_the_rest_is_listed(guarded: Family) -> None:
    town, care = guarded.town, guarded.care
    old = guarded.wallet.opener(guarded.accounts[0].scope)
    record = town.hospital.care.records.seal(
        b"sealed before the loss", author=town.hospital.party, about=guarded.parties[0], classes={DataClass.NOTES},
        readers=[old.recipient()],
    ).value  # fmt: skip
    lost_at = care.participants.now()
    ceremony = guarded.ceremony()
    assert guarded.states(ceremony) == ["unsigned"] * 3
    parcels = guarded.signed(ceremony, 0)
    assert guarded.states(ceremony) == ["gathering"] * 3
    guarded.carry([*parcels, *guarded.signed(ceremony, 1)])
    assert guarded.states(ceremony) == ["waiting"] * 3
    assert not ceremony.executions(care)
    guarded.pass_time(WAIT)
    assert [item.state for item in ceremony.status(care)] == ["ready"] * 3
    guarded.carry(ceremony.executions(care))
    assert guarded.states(ceremony) == ["done"] * 3
    controllers = guarded.controllers()
    assert controllers == [item.controller for item in ceremony.accounts]
    assert len(set(controllers)) == 3

    book = recovery.guarding.WalletBook(ceremony.path.parent, ceremony.wallet)
    recovery.settle(book, care, ceremony, kit=guarded.guarding.kit)
    assert [known.scope for known in book.accounts] == [Scope.successor(a.subject) for a in guarded.accounts]
    kept = Kit.from_json(book.holdings.kit)
    left = recovery.remaining(care, ceremony, lost_at=lost_at, kit=kept)
    assert [item.what for item in left if item.what != "look"] == ["publish", "rewrap"] * 3
    asked = [item.do.split()[1] for item in left if item.what == "rewrap"]
    assert asked == [who.party.address for who in (town.hospital, town.clinic, town.steward)], "not the account itself"
    unknown = replace(kept, accounts=tuple(replace(i, scope=Scope.successor(i.subject)) for i in kept.accounts))
    lines = recovery.remaining(care, ceremony, kit=unknown)
    assert all(item.do.startswith("Ask each custodian") for item in lines if item.what == "rewrap")
    guarded.carry(recovery.openers(care, ceremony.wallet, book.accounts, hours=0))
    assert not recovery.openers(care, ceremony.wallet, book.accounts)
    town.hospital.care.records.rewrap(record.id, to=guarded.parties[0])
    fresh = ceremony.wallet.opener(book.accounts[0].scope)
    assert town.stranger.care.as_(opener=fresh).records.read(record.id) == b"sealed before the loss"
    left = recovery.remaining(care, ceremony, kit=guarded.guarding.kit)
    assert [item.what for item in left] == ["rewrap"] * 3
    for item in left:
        ceremony.tick(item.subject, item.id)
    assert recovery.remaining(care, Ceremony(ceremony.path, ceremony.wallet), kit=guarded.guarding.kit) == []

    terms = town.care.consents.draft(patient=guarded.parties[0], to=town.clinic.party, purpose=Purpose.TREAT)
    with pytest.raises(errors.Module_NotSignedBy):
        care.consents.grant(terms.signed_by(guarded.signer(0)))
    own = Signer.from_key(ceremony.wallet.account(book.accounts[0].scope).key)
    assert care.consents.grant(terms.signed_by(own), key="with the new key").events
    again = recovery.guard(
        book, care, book.accounts, quorum=2, spread_hours=0,
        answers=Family.answers(replace_owner(guarded, ceremony.wallet, book), accounts=book.accounts),
    )  # fmt: skip
    guarded.carry(again.parcels)
    assert care.participants.guardians_of(guarded.parties[0]).changing
    assert again.kit.scopes == {account.subject: account.scope for account in guarded.accounts}


def test_answer__after_a_ceremony__each_account_is_paired_anew_with_the_key_that_was_published(
    guarded: Family,
) -> None:
    town, care = guarded.town, guarded.care
    desk, insurer, mrn = town.hospital.care.directory, town.steward.care.directory, {"system": "urn:mrn", "value": "7"}
    offer = desk.pair(**mrn)
    desk.complete(guarded.wallet.answer(offer, care=care, accredited=False), checked="document-seen")
    card = {"system": "urn:card", "value": "8", "kind": "coverage", "plan_year": PLAN_YEAR}
    ceremony = guarded.ceremony()
    early = {"care": care, "accredited": False, "subject": guarded.parties[0]}
    with pytest.raises(errors.InputError, match="no key of this wallet controls account 0x"):
        ceremony.wallet.answer(desk.pair(**mrn, again=True), **early)
    finish(guarded, ceremony)
    book = WalletBook(ceremony.path.parent, ceremony.wallet)
    recovery.settle(book, care, ceremony)
    guarded.carry(recovery.openers(care, ceremony.wallet, book.accounts, hours=0))
    place = {"chain_id": care.connection.chain_id, "suite": care.suite.directory}
    for subject, how in (
        (guarded.parties[0], {"care": care, "accredited": False}),
        (book.accounts[0], {"care": care, "accredited": False}),
        (book.accounts[0], place),
    ):
        answer = ceremony.wallet.answer(desk.pair(**mrn, again=True), subject=subject, **how)
        entry = desk.complete(answer, checked="document-seen")
        assert entry.party == guarded.parties[0]
        published = care.participants.encryption_key(guarded.parties[0])
        assert desk.opener_key(**mrn).public_key == published.public_key
    answer = ceremony.wallet.answer(insurer.pair(**card), subject=book.accounts[2], care=care, accredited=False)
    assert insurer.complete(answer, checked="document-seen").party == guarded.parties[2]
    with pytest.raises(errors.InputError, match="no key of this wallet"):
        guarded.wallet.answer(desk.pair(**mrn, again=True), **early)


def replace_owner(family: Family, wallet, book) -> Family:
    other = object.__new__(Family)
    other.__dict__.update(family.__dict__, wallet=wallet, book=book)
    return other


def test_ceremony__spread_over_longer_than_each_act_can_wait__none_is_due_too_late(guarded: Family) -> None:
    ceremony = guarded.ceremony(spread_hours=5_000)
    start = guarded.care.participants.now()
    parcels = guarded.signed(ceremony, 0, 1)
    approved = [approval.wanted.deadline for item in ceremony.accounts for approval in item.approvals]
    assert len(parcels) == 6 and len(set(approved)) == 1
    for parcel in parcels:
        assert start <= parcel.not_before <= approved[0] - 3600
    guarded.carry(parcels)
    guarded.pass_time(WAIT)
    for parcel, standing in zip(ceremony.executions(guarded.care), ceremony.status(guarded.care), strict=True):
        assert parcel.not_before <= standing.until - 3600
    guarded.carry(ceremony.executions(guarded.care))
    assert guarded.states(ceremony) == ["done"] * 3


def test_ceremony__every_step_again__nothing_is_done_twice(guarded: Family) -> None:
    care = guarded.care
    ceremony = guarded.ceremony()
    requests = ceremony.requests(care)
    approvals = [guarded.guardians[n].sign(requests[n].sealed_to(ceremony.sheets[n].guardian)) for n in (0, 1)]
    first = [ceremony.add(care, text) for text in approvals]
    assert [ceremony.add(care, text) for text in approvals] == first
    parcels = [parcel for part in first for parcel in part]
    guarded.carry(parcels)
    guarded.carry(parcels)
    assert not ceremony.parcels(care)
    another = guarded.town.stranger.care
    assert [recovery.carry(another, parcel) for parcel in parcels] == [None] * 6
    resumed = Ceremony(ceremony.path, ceremony.wallet)
    assert guarded.states(resumed) == ["waiting"] * 3
    guarded.pass_time(WAIT)
    executions = resumed.executions(care)
    assert resumed.executions(care) == executions == Ceremony(ceremony.path, ceremony.wallet).executions(care)
    guarded.carry(executions)
    assert guarded.states(resumed) == ["done"] * 3
    assert not resumed.parcels(care)


def test_ceremony__killed_at_every_save__is_taken_up(guarded: Family) -> None:
    care = guarded.care
    ceremony = guarded.ceremony()
    requests = ceremony.requests(care)
    for number in (0, 1):
        text = guarded.guardians[number].sign(requests[number].sealed_to(ceremony.sheets[number].guardian))
        child = os.fork()
        if not child:
            steps.arm(crash_at=1)
            ceremony.add(care, text)
            os._exit(0)
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
        ceremony = Ceremony(ceremony.path, ceremony.wallet)
        assert [len(item.approvals) for item in ceremony.accounts] == [number + 1] * 3
    guarded.carry(ceremony.parcels(care))
    assert guarded.states(ceremony) == ["waiting"] * 3


def test_start__no_kit__sheets_of_a_quorum_suffice(guarded: Family) -> None:
    wallet, _ = guarded.somebody("new phone")
    owner = wallet.opener(Scope.book())
    lent = []
    for guardian in guarded.guardians[1:]:
        sheet = recovery.Sheet.from_json(guardian.book.holdings.duties[-1])
        lent.append(recovery.Sheet.unsealed(sheet.sealed_to(owner.recipient()), owner))
    ceremony = Ceremony.start(guarded.folder / "c", wallet, guarded.care, sheets=lent, spread_hours=0)
    assert len(ceremony.accounts) == 3
    requests = ceremony.requests(guarded.care)
    for guardian, request, sheet in zip(guarded.guardians[1:], requests, ceremony.sheets, strict=True):
        ceremony.add(guarded.care, guardian.sign(request.sealed_to(sheet.guardian)))
    guarded.carry(ceremony.parcels(guarded.care))
    guarded.pass_time(WAIT)
    guarded.carry(ceremony.executions(guarded.care))
    assert guarded.states(ceremony) == ["done"] * 3


def test_ceremony__one_account_without_a_quorum__is_a_named_remainder(guarded: Family) -> None:
    ceremony = guarded.ceremony()
    parcels = [*guarded.signed(ceremony, 0), *guarded.signed(ceremony, 1)]
    stuck = ceremony.accounts[2].packed[:1]
    guarded.carry([parcel for parcel in parcels if parcel not in ceremony.accounts[2].packed])
    guarded.carry(stuck)
    guarded.pass_time(WAIT)
    guarded.carry(ceremony.executions(guarded.care))
    assert guarded.states(ceremony) == ["done", "done", "gathering"]
    left = recovery.remaining(guarded.care, ceremony)
    assert [(item.subject, item.what) for item in left if item.what == "recover"] == [
        (guarded.accounts[2].subject, "recover")
    ]
    assert guarded.accounts[2].subject not in repr(left)


# SIGNING


def test_sign__not_this_guardians_or_one_key_twice__refused(guarded: Family) -> None:
    ceremony = guarded.ceremony()
    requests = ceremony.requests(guarded.care)
    with pytest.raises(errors.NotARecipient):
        guarded.guardians[1].sign(requests[0].sealed_to(ceremony.sheets[0].guardian))
    with pytest.raises(errors.InputError, match="you are no guardian of"):
        recovery.sign(guarded.guardians[1].wallet, requests[0])
    honest = requests[0]
    double = replace(
        honest, wanted=(honest.wanted[0], replace(honest.wanted[1], controller=honest.wanted[0].controller))
    )
    with pytest.raises(errors.InputError, match="one key"):
        recovery.sign(guarded.guardians[0].wallet, double)
    sheets = [recovery.Sheet.from_json(text) for text in guarded.guardians[0].book.holdings.duties]
    elsewhere = replace(honest, domain=replace(honest.domain, chain_id=1))
    with pytest.raises(errors.InputError, match="you are no guardian of"):
        recovery.sign(guarded.guardians[0].wallet, elsewhere, sheets=sheets)
    opened = Request.unsealed(
        honest.sealed_to(ceremony.sheets[0].guardian), guarded.guardians[0].wallet.opener(Scope.book())
    )
    assert opened == honest and opened.digits in opened.in_words() and "3 accounts" in opened.in_words()
    assert all(item.deadline % (7 * DAY) == 4 * DAY for item in honest.wanted)


def test_add__for_another_ceremony_forged_or_cut__refused(guarded: Family) -> None:
    ceremony, other = guarded.ceremony(), guarded.ceremony(name="another phone")
    requests = ceremony.requests(guarded.care)
    text = guarded.guardians[0].sign(requests[0].sealed_to(ceremony.sheets[0].guardian))
    with pytest.raises(errors.NotARecipient):
        other.add(guarded.care, text)
    with pytest.raises(errors.FormatError):
        ceremony.add(guarded.care, text[:-30])
    owner = ceremony.wallet.opener(Scope.book())
    found = Approvals.unsealed(text, owner)
    swapped = replace(found.approvals[0], signature=found.approvals[1].signature)
    with pytest.raises(errors.InputError, match="not signed by the guardian"):
        ceremony.add(guarded.care, Approvals((swapped,)).sealed_to(owner.recipient()))
    foreign = other.requests(guarded.care)[0]
    signed = recovery.sign(guarded.guardians[0].wallet, foreign)
    with pytest.raises(errors.InputError, match="not for this ceremony"):
        ceremony.add(guarded.care, signed.sealed_to(owner.recipient()))
    assert [len(item.approvals) for item in ceremony.accounts] == [0, 0, 0]
    path = ceremony.path
    path.write_bytes(path.read_bytes()[:80])
    with pytest.raises(errors.FormatError):
        Ceremony(path, ceremony.wallet)


# STANDING


def test_status__thirty_days_after__lapsed_and_begun_anew(guarded: Family) -> None:
    ceremony = guarded.ceremony()
    guarded.carry(guarded.signed(ceremony, 0, 1))
    guarded.pass_time(WAIT + 30 * DAY + 1)
    assert guarded.states(ceremony) == ["lapsed"] * 3
    assert "Begin anew" in ceremony.status(guarded.care)[0].do
    again = guarded.ceremony(name="same phone, once more")
    finish(guarded, again)
    assert guarded.states(again) == ["done"] * 3
    assert guarded.states(ceremony) == ["overtaken"] * 3
    shown = again.status(guarded.care)[0].to_json()
    assert (shown["state"], shown["do"]) == ("done", "Nothing: the new key controls it.")


def test_start__other_guardians_in_force__refused(guarded: Family) -> None:
    kit = guarded.guarding.kit
    guarded.guard()
    guarded.pass_time(WAIT)
    with pytest.raises(errors.InputError, match="in force now"):
        guarded.ceremony(kit=replace(kit, before=()))
    assert Kit.from_json(kit.to_json()) == kit


# OBJECTING


def test_objections__phone_was_not_lost__owner_objects_to_all_and_the_quorum_does_not_prevail(guarded: Family) -> None:
    care, wrong = guarded.care, guarded.ceremony(name="somebody else's phone")
    guarded.carry(guarded.signed(wrong, 0, 1))
    found = recovery.unwanted(care, guarded.accounts)
    assert [state.to for state in found] == [item.controller for item in wrong.accounts]
    assert not recovery.unwanted(care, guarded.accounts, own=wrong)
    parcels = recovery.objections(care, guarded.wallet, guarded.accounts)
    assert len(parcels) == 3
    guarded.carry(parcels)
    assert not recovery.objections(care, guarded.wallet, guarded.accounts)
    assert guarded.states(wrong) == ["contested"] * 3
    guarded.pass_time(2 * WAIT)
    assert not wrong.executions(care)
    assert guarded.controllers() == [account.subject for account in guarded.accounts]
    for party in guarded.parties:
        assert all(state.objected for state in care.participants.recoveries(party))
    nobody = PartyRef("person", guarded.town.stranger.party.address)
    with pytest.raises(errors.NotFound, match="nobody has approved"):
        care.participants.recovery(nobody, to=wrong.accounts[0].controller)
