"""Before a phone is lost: guardians for all accounts, each set by itself.

invite, answer
  an invitation names nobody, and both can compare digits          → test_H7_invite__…
  given an answer to another invitation, or the same guardian twice → refused
guard
  every account has a set of its own, in an order of its own        → test_H7_guard__…
  the kit and the sheets come back from their seals                 → test_kit__…
  a sheet holds nothing of the other guardians, and no key to read  → test_sheet__…
  given guardians set before            → the change shows them, and they serve until it is in force
  given guardians that are not in the kit → refused, naming the account
  given another account later           → it is added to the kit
parcels
  given one that is not due, for another chain, for a stranger's contract or changed → refused
  given one carried twice               → once
  given another under its key before    → both are carried
  given one that is refused among many  → the others are carried all the same
  given several, not in a hurry         → one by one, with pauses at random; what is not due stays
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from careledger import Scope, Secret, errors, recovery
from careledger.privacy.documents import Split
from careledger.recovery import Answer, Invitation, Kit, Parcel, Sheet
from careledger.recovery.parcels import due
from careledger.resources.guardian_sets import commitment_of
from tests.sdk.recovery.people import WAIT, Family


def test_H7_invite__names_nobody__and_both_compare_digits(family: Family) -> None:
    first, second = (recovery.invite(family.book, family.care, family.accounts) for _ in range(2))
    text = first.to_json().lower()
    for account in family.accounts:
        assert account.subject[2:].lower() not in text
        assert account.scope.party.hex() not in text.replace(family.care.participants.address[2:].lower(), "")
    assert not set(first.tags) & set(second.tags)
    assert Invitation.from_json(first.to_json()).digits == first.digits != second.digits
    assert len(first.digits.replace(" ", "")) == 24
    guardian = family.guardians[0].wallet
    given = recovery.answer(guardian, first)
    assert recovery.accept(family.book, given.sealed_to(first.owner)).digits == given.digits
    assert replace(given, guardian=family.wallet.opener(Scope.book()).recipient()).digits != given.digits, "sheets too"
    assert len(set(given.accounts.values())) == 3
    with pytest.raises(errors.NotARecipient):
        Answer.unsealed(given.sealed_to(first.owner), guardian.opener(Scope.book()))
    for broken in ("{}", text[:-5], '{"format": "careledger-guardian-invitation-v1"}'):
        with pytest.raises(errors.FormatError):
            Invitation.from_json(broken)


def test_answer__for_another_suite__refused(family: Family) -> None:
    invitation = recovery.invite(family.book, family.care, family.accounts)
    with pytest.raises(errors.InputError, match="another suite"):
        recovery.answer(family.guardians[0].wallet, replace(invitation, chain_id=1), care=family.care)
    with pytest.raises(errors.InputError, match="no account to guard"):
        recovery.invite(family.book, family.care, [])


def test_guard__answers_that_do_not_fit__refused(family: Family) -> None:
    answers = family.answers()
    how = {"quorum": 2}
    with pytest.raises(errors.InputError, match="one guardian's"):
        recovery.guard(family.book, family.care, family.accounts, answers=[*answers, family.answers()[0]], **how)
    with pytest.raises(errors.InputError, match="does not fit"):
        recovery.guard(family.book, family.care, family.accounts[:2], answers=answers, **how)
    with pytest.raises(errors.InputError, match="not a quorum"):
        recovery.guard(family.book, family.care, family.accounts, answers=answers, quorum=4)
    other = Family(family.town, family.folder / "other")
    with pytest.raises(errors.InputError, match="does not fit"):
        recovery.guard(other.book, family.care, family.accounts, answers=answers, **how)


def test_H7_guard__every_account__has_a_set_of_its_own(guarded: Family) -> None:
    kit = guarded.guarding.kit
    sets = [item.guardians for item in kit.accounts]
    assert len({guardian for each in sets for guardian in each.guardians}) == 9
    assert len({salt.reveal() for each in sets for salt in each.salts}) == 9
    assert len({each.commitment for each in sets}) == 3
    for account, item in zip(guarded.accounts, kit.accounts, strict=True):
        state = guarded.care.participants.guardians_of(guarded.parties[guarded.accounts.index(account)])
        assert (state.in_force, state.changing) == (item.guardians.commitment, False)
    assert guarded.care.connection.balance(guarded.accounts[0].subject) == 0


def test_guard__orders__differ_from_account_to_account(family: Family) -> None:
    accounts = [family.wallet.known(Scope.encounter(family.accounts[0].subject, number=n)) for n in range(12)]
    guarding = recovery.guard(
        family.book, family.care, accounts, answers=family.answers(accounts), quorum=2, spread_hours=6
    )
    assert len({item.people for item in guarding.kit.accounts}) > 1
    now = family.care.participants.now()
    times = [parcel.not_before - now for parcel in guarding.parcels]
    assert min(times) >= -5 and max(times) <= 6 * 3600 and len(set(times)) == 12
    assert due(5, hours=0, not_after=9) == 5


def test_guard__spread_over_longer_than_a_signature_lasts__each_is_due_before_its_deadline(family: Family) -> None:
    accounts = [family.wallet.known(Scope.encounter(family.accounts[0].subject, number=n)) for n in range(12)]
    guarding = recovery.guard(
        family.book, family.care, accounts, answers=family.answers(accounts), quorum=2, spread_hours=2_000
    )
    now = family.care.participants.now()
    for parcel in guarding.parcels:
        assert parcel.request is not None
        deadline = int(parcel.request["terms"]["message"]["deadline"])
        assert now <= parcel.not_before <= deadline - 3600
    assert max(parcel.not_before for parcel in guarding.parcels) > now + 86_400


def test_kit__sealed__comes_back_by_every_road(guarded: Family) -> None:
    kit, split = guarded.guarding.kit, Split.new(2, 3)
    text = kit.sealed(password=Secret(b"five words of my own"), split=split, work=1 << 10)
    assert Kit.unsealed(text, password=Secret(b"five words of my own")) == kit
    assert Kit.unsealed(text, shares=split.shares[:2]) == kit
    assert guarded.book.holdings.kit == kit.to_json()
    assert [person.label for person in kit.people] == ["Ben", "Cleo", None]
    assert "Ben" not in repr(kit) and guarded.accounts[0].subject not in repr(kit)
    with pytest.raises(errors.KeyMaterialError):
        Kit.unsealed(text, password=Secret(b"a guess"))
    with pytest.raises(errors.FormatError):
        Kit.unsealed(text[:-40], shares=split.shares)
    with pytest.raises(errors.FormatError, match="hold together"):
        Kit.from_json('{"format": "careledger-recovery-kit-fields-v1", "people": [1]}')


def test_sheet__one_guardians__holds_nothing_of_the_others_and_no_key_to_read(guarded: Family) -> None:
    kit = guarded.guarding.kit
    for number, guardian in enumerate(guarded.guardians):
        sheet = Sheet.unsealed(guarded.guarding.sheets[number], guardian.wallet.opener(Scope.book()))
        text = sheet.to_json()
        own = {ward.guardian for ward in sheet.wards}
        others = {account for item in kit.accounts for account in item.guardians.guardians} - own
        assert len(own) == 3
        assert not [account for account in others if account in text]
        salts = {salt.reveal() for item in kit.accounts for salt in item.guardians.salts}
        assert len(salts - {ward.salt.reveal() for ward in sheet.wards}) == 6
        for account, ward in zip(guarded.accounts, sheet.wards, strict=True):
            assert ward.subject == account.subject
            opener = guarded.wallet.opener(account.scope)
            assert opener.key_hash.hex() not in text
        with pytest.raises(errors.NotARecipient):
            Sheet.unsealed(guarded.guarding.sheets[number - 1], guardian.wallet.opener(Scope.book()))
        assert sheet.wards[0].subject not in repr(sheet)


def test_keep_sheet__another_wallets__refused(guarded: Family) -> None:
    sheet = guarded.guarding.kit.sheets()[0]
    with pytest.raises(errors.NotARecipient):
        recovery.keep_sheet(guarded.guardians[1].book, sheet.sealed_to())
    mine = guarded.guardians[1].wallet.opener(Scope.book()).recipient()
    with pytest.raises(errors.InputError, match="another wallet"):
        recovery.keep_sheet(guarded.guardians[1].book, sheet.sealed_to(mine))


def test_guard__again__shows_those_before_who_serve_until_it_is_in_force(guarded: Family) -> None:
    first = guarded.guarding.kit
    guarded.guard(quorum=1)
    second = guarded.guarding.kit
    state = guarded.care.participants.guardians_of(guarded.parties[0])
    assert (state.in_force, state.next) == (
        first.accounts[0].guardians.commitment, second.accounts[0].guardians.commitment,
    )  # fmt: skip
    assert second.find(guarded.accounts[0].subject, state.in_force) == first.accounts[0]
    assert len(second.people) == 3
    assert guarded.states(guarded.ceremony()) == ["unsigned"] * 3
    wards = guarded.ceremony().sheets[0].wards
    assert {commitment_of(ward.terms) for ward in wards} == {item.guardians.commitment for item in first.accounts}
    guarded.pass_time(WAIT)
    wards = guarded.ceremony().sheets[0].wards
    assert {commitment_of(ward.terms) for ward in wards} == {item.guardians.commitment for item in second.accounts}


def test_guard__guardians_not_in_the_kit__refused_naming_the_account(guarded: Family) -> None:
    answers = guarded.answers()
    empty = replace(guarded.guarding.kit, accounts=())
    guarded.book.set_kit(empty.to_json())
    with pytest.raises(errors.NotFound, match=guarded.accounts[0].subject):
        recovery.guard(guarded.book, guarded.care, guarded.accounts, answers=answers, quorum=2)


def test_guard__another_account_later__is_added_to_the_kit(guarded: Family) -> None:
    fourth = guarded.wallet.known(Scope.custodian(guarded.town.board.party.address))
    guarded.guard(accounts=[fourth])
    kit = Kit.from_json(guarded.book.holdings.kit or "")
    assert [item.subject for item in kit.accounts] == [account.subject for account in (*guarded.accounts, fourth)]
    assert len(kit.people) == 3
    assert guarded.states(guarded.ceremony()) == ["unsigned"] * 4


# PARCELS


def test_carry__not_due_elsewhere_or_changed__refused(guarded: Family) -> None:
    fresh = recovery.guard(guarded.book, guarded.care, guarded.accounts, answers=guarded.answers(), quorum=2)
    parcel = Parcel.from_json(fresh.parcels[0].to_json())
    assert parcel == fresh.parcels[0]
    assert guarded.accounts[0].subject not in repr(parcel)
    later = replace(parcel, not_before=guarded.care.participants.now() + 7200)
    with pytest.raises(errors.Pending, match=r"another 2\.0 hours"):
        recovery.carry(guarded.care, later)
    with pytest.raises(errors.InputError, match="for chain 1"):
        recovery.carry(guarded.care, replace(parcel, chain_id=1))
    execute = Parcel.call(
        guarded.care, "ParticipantRegistry", "executeRecovery", guarded.accounts[0].subject,
        guarded.accounts[1].subject, guarded.guarding.kit.accounts[0].guardians.call, not_before=0,
    )  # fmt: skip
    for wrong in (
        replace(execute, to=guarded.accounts[0].subject), replace(execute, data=b"\1\2\3\4"),
        replace(execute, to=guarded.care.suite["ConsentRegistry"].address),
    ):  # fmt: skip
        with pytest.raises(errors.InputError, match="not an act that anyone may carry"):
            recovery.carry(guarded.care, wrong)
    with pytest.raises(errors.ParticipantRegistry_NotTheGuardians):
        recovery.carry(guarded.care, execute)
    with pytest.raises(errors.InputError, match="takes the sender's word"):
        Parcel.call(guarded.care, "ParticipantRegistry", "changeController", not_before=0)
    with pytest.raises(errors.FormatError):
        Parcel.from_json({**parcel.to_json(), "request": {"terms": {}}})
    assert parcel.request is not None
    forged = {**parcel.request, "signature": fresh.parcels[1].to_json()["request"]["signature"]}
    with pytest.raises(errors.ContractError):
        recovery.carry(guarded.care, replace(parcel, request=forged, key="forged", not_before=0))


def test_carry__twice__once(family: Family) -> None:
    guarding = recovery.guard(
        family.book, family.care, family.accounts, answers=family.answers(), quorum=2, spread_hours=0
    )
    first = recovery.carry(family.care, guarding.parcels[0])
    again = recovery.carry(family.care, guarding.parcels[0])
    assert first is not None and again is not None
    assert (again.tx, again.repeated) == (first.tx, True)


def test_carry__key_of_another_parcel__stops_neither(family: Family) -> None:
    guarding = recovery.guard(
        family.book, family.care, family.accounts, answers=family.answers(), quorum=2, spread_hours=0
    )
    honest, other = guarding.parcels[:2]
    assert recovery.carry(family.care, replace(other, key=honest.key)) is not None
    assert recovery.carry(family.care, honest) is not None


def test_carry_all__one_that_nobody_carries__others_go_on(family: Family) -> None:
    guarding = recovery.guard(
        family.book, family.care, family.accounts, answers=family.answers(), quorum=2, spread_hours=0
    )
    bad = [replace(guarding.parcels[0], chain_id=1, key=f"{n}") for n in range(8)]
    waiting, refused = recovery.carry_all(family.care, [*bad, *guarding.parcels], hurry=True)
    assert not waiting and {item.chain_id for item, _ in refused} == {1} and len(refused) == 8
    assert all(int(family.care.participants.guardians_of(party).in_force, 16) for party in family.parties)


def test_H7_carry_all__not_in_a_hurry__pauses_at_random_and_leaves_what_is_not_due(
    family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarding = recovery.guard(
        family.book, family.care, family.accounts, answers=family.answers(), quorum=2, spread_hours=0
    )
    later = replace(guarding.parcels[2], not_before=family.care.participants.now() + 3_600)
    pauses: list[float] = []
    told: list[tuple[int, int]] = []
    monkeypatch.setattr("careledger.recovery.parcels.time.sleep", pauses.append)
    waiting, refused = recovery.carry_all(
        family.care, [*guarding.parcels[:2], later], progress=lambda done, total: told.append((done, total))
    )
    assert (list(waiting), list(refused), told) == ([later], [], [(1, 2), (2, 2)])
    (pause,) = [seconds for seconds in pauses if seconds >= 1]
    assert 60 <= pause < 900
    set_now = [family.care.participants.guardians_of(party).in_force for party in family.parties]
    assert [int(item, 16) > 0 for item in set_now] == [True, True, False]
