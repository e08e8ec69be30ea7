"""Who read my record: asked by the patient, checked against the anchors.

given a log with accesses of two patients
  the patient gets every entry about itself, proved            → test_H11_accounting__own_request__complete_and_proved
  refusals are in it, and what is not anchored yet             → test_H11_accounting__refusals_and_waiting_ones__told
  nobody else opens it                                         → test_S8_accounting__travels_sealed__opens_for_requester
  whoever acts for the patient gets it, others do not          → test_accounting__guardian_steward_stranger__by_capacity
  a request that is none is refused                            → test_accounting__request_that_is_none__refused
  an auditor checks the opened document without a key          → test_accounting__given_to_an_auditor__checked_alike
  a period shows the entry before it                           → test_accounting__since__shows_the_entry_before
  six years without treatment, payment, operations             → test_H11_accounting__hipaa__releases_of_six_years
  a pseudonym nobody asked about has none                      → test_accounting__nothing_logged__complete_and_empty
given a custodian that lies
  each lie is named                                            → test_H11_check__custodian_that_lies__each_lie_named
  a reader's receipt shows what was left out                   → test_H11_check__receipt_of_a_reader__shows_a_gap
  what was true before is no answer to a new request           → test_H11_check__older_accounting_again__is_no_answer
given a reader that lies
  a receipt it made itself accuses nobody                      → test_H11_check__forged_receipt__refused
given a node that leaves out an anchor
  it is noticed                                                → test_check__node_without_an_anchor__refused
given a book that was lost
  the gap is told                                              → test_check__book_was_lost__says_so
given an entry that waits too long
  it is owed                                                   → test_check__entry_overdue__owed
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from careledger import Basis, Custodian, DataClass, PartyRef, Purpose, Reason, Signer, Will, errors
from careledger.custodian.book import Draft
from careledger.index import Index
from careledger.privacy.commitments import new_salt
from careledger.resources.access import AccessReceipt
from careledger.resources.access_entries import AccessEntry, Acting, Subject
from careledger.resources.accountings import Accounting, AccountingStatement, six_years_before
from careledger.values import RecordId, keccak
from tests.sdk.custodian.houses import House, Houses, another_opener
from tests.sdk.resources.town import Townsman

DAY = 86_400


def home_of(houses: Houses, who: Townsman) -> House:
    return houses.house(who, f"home-{who.party.address}")


def accounting(houses: Houses, patient: Townsman, custodian: Custodian | None = None, **how: Any) -> Accounting:
    """Ask and be answered by documents alone."""
    records = home_of(houses, patient).care.records
    request = records.request_accounting(custodian=houses.hospital.party, patient=patient.party, **how)
    sent = houses.hospital.care.records.read_accounting_request(json.loads(json.dumps(request.to_json())))
    answer = (custodian or houses.custodian()).accounting(sent)
    return records.read_accounting(json.loads(json.dumps(answer.to_json())))


@pytest.fixture
def ana(houses: Houses) -> Townsman:
    return houses.town.patient()


@pytest.fixture
def visited(houses: Houses, ana: Townsman) -> Townsman:
    """Two accesses of Ana, one of somebody else between them, anchored in two parts."""
    other = houses.town.patient()
    record, others = houses.seal(ana), houses.seal(other)
    houses.agree(ana)
    houses.ask(record)
    houses.ask(others)
    houses.custodian().anchor()
    houses.ask(record)
    houses.custodian().anchor()
    return ana


def checked(houses: Houses, found: Accounting, **how: Any) -> Any:
    return houses.clinic.care.records.check_accounting(found, **how)


def test_H11_accounting__own_request__complete_and_proved(houses: Houses, visited: Townsman) -> None:
    found = accounting(houses, visited)
    check = checked(houses, found)
    assert (check.entries, check.proved, check.complete, check.problems) == (2, 2, True, ())
    assert check.anchored == houses.custodian().book.last and check.anchored_at > 0
    assert [e.own for e in found.entries] == [1, 2] and len(found.parts) == 2
    assert {e.patient for e in found.entries} == {visited.party.address}
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(check)
    assert json.dumps(check.to_json())
    assert repr(found.entries[0].record)[1:-1] not in repr(found)


def test_H11_accounting__refusals_and_waiting_ones__told(houses: Houses, ana: Townsman) -> None:
    record = houses.seal(ana, classes=[DataClass.HIV])
    houses.ask(record)
    houses.custodian().anchor()
    houses.ask(record, Purpose.HRESCH)
    found = accounting(houses, ana)
    check = checked(houses, found)
    assert [(e.allowed, e.reason, e.purpose) for e in found.entries] == [
        (False, Reason.NOT_GRANTED, Purpose.TREAT), (False, Reason.NOT_GRANTED, Purpose.HRESCH),
    ]  # fmt: skip
    assert (check.proved, check.waiting, check.complete) == (1, (found.entries[1].entry,), True)


def test_accounting__nothing_logged__complete_and_empty(houses: Houses, ana: Townsman) -> None:
    found = accounting(houses, ana)
    assert found.entries == () and checked(houses, found).complete
    assert accounting(houses, ana, since=5).entries == ()


def test_S8_accounting__travels_sealed__opens_for_requester(houses: Houses, visited: Townsman) -> None:
    records = home_of(houses, visited).care.records
    request = records.request_accounting(custodian=houses.hospital.party, patient=visited.party)
    answer = houses.custodian().accounting(request)
    text = json.dumps(answer.to_json()).lower()
    assert visited.party.address.lower()[2:] not in text and houses.town.doctor.party.address.lower()[2:] not in text
    with pytest.raises(errors.NotARecipient):
        records.read_accounting(answer.to_json(), opener=another_opener())
    with pytest.raises(errors.SealedDamaged, match="another request"):
        records.read_accounting(replace(answer, request=keccak(b"other")).to_json())
    for wrong in (None, {}, {"format": "careledger-accounting-v1"}, {**answer.to_json(), "accounting": {}}):
        with pytest.raises(errors.FormatError):
            records.read_accounting(wrong)


def test_accounting__guardian_steward_stranger__by_capacity(houses: Houses, visited: Townsman) -> None:
    town, hospital = houses.town, houses.hospital.party
    mother = home_of(houses, town.officer)
    ask: dict[str, Any] = {"custodian": hospital, "patient": visited.party, "requester": mother.party}
    for purpose in (Purpose.FAMRQT, Purpose.TREAT):
        with pytest.raises(errors.AccessDenied, match="does not act for this patient") as refusal:
            houses.custodian().accounting(mother.care.records.request_accounting(purpose=purpose, **ask))
        assert refusal.value.exit_code == 3
    terms = town.care.guardians.draft(patient=visited.party, guardian=mother.party, purposes=[Purpose.FAMRQT])
    town.relayer.care.guardians.appoint(terms.signed_by(visited.signer))
    with pytest.raises(errors.AccessDenied):
        houses.custodian().accounting(mother.care.records.request_accounting(purpose=Purpose.PATRQT, **ask))
    answer = houses.custodian().accounting(mother.care.records.request_accounting(purpose=Purpose.FAMRQT, **ask))
    found = mother.care.records.read_accounting(answer.to_json())
    assert checked(houses, found).complete and len(found.entries) == 2


def test_accounting__held_account__steward_asks(houses: Houses) -> None:
    town = houses.town
    held = town.steward.care.held.open(will=Will.PAPER, evidence=b"a form").value  # type: ignore[union-attr]
    houses.ask(houses.seal(Townsman(held.subject, town.steward.signer, town.care, town.steward.opener)))
    steward = home_of(houses, town.steward)
    request = steward.care.records.request_accounting(
        custodian=houses.hospital.party, patient=held.subject, requester=town.steward.party
    )
    found = steward.care.records.read_accounting(houses.custodian().accounting(request).to_json())
    assert [e.allowed for e in found.entries] == [False]


def test_accounting__request_that_is_none__refused(houses: Houses, visited: Townsman) -> None:
    records, custodian = home_of(houses, visited).care.records, houses.custodian()
    request = records.request_accounting(custodian=houses.hospital.party, patient=visited.party)

    def changed(**message: Any) -> Any:
        typed = replace(request.terms.typed, message={**request.terms.typed.message, **message})
        return replace(request.terms, typed=typed).signed_by(visited.signer)

    now = request.terms.issued_at
    for wrong, match in (
        (changed(issuedAt=now - 950), r"signed 9\d\d s ago"), (changed(issuedAt=now + 500), "ahead of time"),
        (changed(custodian=visited.party.address), "made to 0x"), (changed(keyHash="0x" + "11" * 32), "requester's"),
        (request.terms.signed_by(houses.town.stranger.signer), "not signed by whoever acts for"),
        (replace(request.terms, key=None).signed_by(visited.signer), "not the requester's"),
    ):  # fmt: skip
        with pytest.raises(errors.InputError, match=match):
            custodian.accounting(wrong)
    data = request.to_json()
    for bad in (None, {}, {**data, "format": "x"}, {**data, "terms": {}}):
        with pytest.raises(errors.FormatError):
            records.read_accounting_request(bad)


def test_accounting__given_to_an_auditor__checked_alike(houses: Houses, visited: Townsman) -> None:
    opened = json.loads(json.dumps(accounting(houses, visited).to_json()))
    auditor = houses.town.care.as_(houses.town.stranger.signer).records  # no opener
    found = auditor.read_accounting(opened)
    assert auditor.check_accounting(found).complete
    assert found.to_json() == opened


def test_accounting__since__shows_the_entry_before(houses: Houses, ana: Townsman) -> None:
    record, chain = houses.seal(ana), houses.town.care.chain
    assert chain is not None
    for _ in range(3):
        houses.ask(record)
        chain.increase_time(DAY)
        chain.mine()
    houses.custodian().anchor()
    ats = [e.at for e in houses.custodian().book.about(ana.party.address)]
    for since, own, told in (
        (ats[1], [1, 2, 3], 2),
        (ats[1] + 1, [2, 3], 1),
        (ats[0], [1, 2, 3], 3),
        (ats[2] + 1, [3], 0),
    ):
        found = accounting(houses, ana, since=since)
        assert ([e.own for e in found.entries], len(found.disclosures)) == (own, told)
        assert checked(houses, found).complete
    cut = resigned(houses, accounting(houses, ana, since=ats[1]), lambda entries: entries[1:])
    assert "The first entry shown is not from before the period" in checked(houses, cut).problems[0]
    none = resigned(houses, accounting(houses, ana, since=ats[1]), lambda entries: ())
    assert "Nothing is shown" in checked(houses, none).problems[0]


def test_H11_accounting__hipaa__releases_of_six_years(houses: Houses, ana: Townsman) -> None:
    now = houses.custodian().care.records.now()
    assert six_years_before(int(datetime(2028, 2, 29, 12, tzinfo=UTC).timestamp())) == int(
        datetime(2022, 2, 28, 12, tzinfo=UTC).timestamp()
    )

    def entry(
        number: int, purpose: Purpose, at: int, allowed: bool = True, basis: Basis = Basis.DIRECTIVE
    ) -> AccessEntry:
        subject = Subject(ana.party.address, number, new_salt())
        return AccessEntry(
            number, RecordId("0x" + "12" * 32), ana.party.address, Acting(ana.party), purpose, basis,
            Reason.DIRECTIVE if allowed else Reason.NOT_GRANTED, allowed, 1, at, new_salt(), subject.digest, subject,
        )  # fmt: skip

    years = 365 * DAY + DAY // 4
    entries = (
        entry(1, Purpose.HRESCH, now - 7 * years), entry(2, Purpose.HRESCH, now - 5 * years),
        entry(3, Purpose.TREAT, now - 9), entry(4, Purpose.HPAYMT, now - 8), entry(5, Purpose.HQUALIMP, now - 7),
        entry(6, Purpose.PUBHLTH, now - 6), entry(7, Purpose.HRESCH, now - 5, False),
        entry(8, Purpose.PATRQT, now - 4, basis=Basis.OWN), entry(9, Purpose.HLEGAL, now - 3),
    )  # fmt: skip
    found = replace(accounting(houses, ana), entries=entries)
    assert [e.entry for e in found.required_by_hipaa(before=now)] == [2, 6, 9]
    assert [e.entry for e in replace(found, since=now - 4).required_by_hipaa(before=now)] == [9]


# LIES


def resigned(
    houses: Houses, found: Accounting, change: Callable[[tuple[AccessEntry, ...]], tuple[AccessEntry, ...]],
    signer: Signer | None = None, **numbers: Any,
) -> Accounting:  # fmt: skip
    """What a custodian would hand out that signs whatever it likes."""
    entries = change(found.entries)
    m = {**found.statement.terms.typed.message, **numbers}
    statement = AccountingStatement.of(
        houses.hospital.care.records.domain, custodian=PartyRef("organisation", m["custodian"]),
        patient=PartyRef("person", m["patient"]), since=m["since"], entries=m["entries"], through=m["through"],
        anchored=m["anchored"], after=m["after"], shown=entries, issued_at=m["issuedAt"],
    )  # fmt: skip
    return replace(found, entries=entries, statement=statement.signed_by(signer or houses.desk))


def own(entry: AccessEntry, patient: str, number: int) -> AccessEntry:
    subject = Subject(PartyRef("person", patient).address, number, new_salt())  # type: ignore[arg-type]
    return replace(entry, about=subject.digest, subject=subject)


def test_H11_check__custodian_that_lies__each_lie_named(houses: Houses, visited: Townsman) -> None:
    found = accounting(houses, visited)
    patient, last = visited.party.address, found.entries[-1].entry
    stranger = houses.town.stranger.party.address
    honest = lambda entries: entries  # noqa: E731
    before = found.entries[0].entry
    lies = [
        (resigned(houses, found, lambda e: e[1:]), "Not shown: numbers 1 of"),
        (resigned(houses, found, lambda e: e[:1]), "Not shown: numbers 2 of"),
        (resigned(houses, found, honest, entries=5), "Not shown: numbers 3 to 5 of"),
        (resigned(houses, found, honest, entries=1), "More entries are shown than the 1"),
        (resigned(houses, found, lambda e: (*e, own(replace(e[1], entry=last + 7), patient, 3)), entries=3),
         "behind the end of the log"),
        (resigned(houses, found, lambda e: (e[0], replace(e[1], purpose=Purpose.HMARKT))), f"entries {last}."),
        (resigned(houses, found, lambda e: (e[0], own(e[1], patient, 2))), f"entries {last}."),
        (resigned(houses, found, lambda e: (e[0], own(e[1], stranger, 2))), "about another pseudonym"),
        (resigned(houses, found, lambda e: (e[0], e[1].untold)), "about another pseudonym"),
        (resigned(houses, found, lambda e: (e[1], e[0])), "not in order"),
        (resigned(houses, found, lambda e: (e[0], e[0], e[1])), "given twice"),
        (found, "were anchored before the statement"),
        (resigned(houses, found, honest, anchored=before), "No part of the log ends at"),
        (resigned(houses, found, honest, after=3), "book of entries 1 to 3 is lost"),
        (found, "ahead of time"),
        (resigned(houses, found, honest, signer=houses.town.stranger.signer), "not signed by an account"),
        (resigned(houses, found, honest, custodian=stranger), "about another custodian"),
        (resigned(houses, found, honest, patient=stranger), "about another custodian, pseudonym"),
        (replace(found, since=1), "another custodian, pseudonym, period"),
        (replace(found, entries=found.entries[:1]), "or other entries"),
        (replace(found, parts=found.parts[:1]), f"Not in the anchored log: entries {last}."),
        (replace(found, parts=tuple(replace(p, nodes=(*p.nodes, bytes(32))) for p in found.parts)), "Not in the"),
        (replace(found, parts=(replace(found.parts[0], part=99), found.parts[1])), f"entries {before}."),
    ]  # fmt: skip
    houses.town.care.chain.increase_time(300)  # type: ignore[union-attr]
    houses.town.care.chain.mine()  # type: ignore[union-attr]
    late = {"issuedAt": found.statement.terms.number("issuedAt") + 250}
    lies[11] = (resigned(houses, found, honest, anchored=before + 1, through=before + 1, **late), lies[11][1])
    lies[14] = (resigned(houses, found, honest, issuedAt=late["issuedAt"] + DAY), lies[14][1])
    for lie, said in lies:
        read = houses.clinic.care.records.read_accounting(json.loads(json.dumps(lie.to_json())))
        check = checked(houses, read)
        assert not check.complete and said in " ".join(check.problems), (said, check.problems)
    assert checked(houses, resigned(houses, found, honest)).complete, "the helper itself tells the truth"


def test_H11_check__receipt_of_a_reader__shows_a_gap(houses: Houses, visited: Townsman) -> None:
    kept = [k for k in houses.clinic.care.records.receipts() if k.entry.subject is not None]
    mine = [k for k in kept if k.entry.patient == visited.party.address]
    found = accounting(houses, visited)
    assert checked(houses, found, receipts=houses.clinic.care.records.receipts()[-1:]).complete
    lie = resigned(houses, found, lambda e: e[:1], entries=1)
    assert checked(houses, lie).complete, "what nobody holds a receipt for cannot be seen"
    check = checked(houses, lie, receipts=mine)
    assert check.left_out == (found.entries[1].entry,) and not check.complete
    assert checked(houses, lie, receipts=[mine[-1].receipt]).left_out == check.left_out
    houses.ask(houses.seal(visited))
    young = houses.clinic.care.records.receipts()[-1]
    assert checked(houses, found, receipts=[young]).complete, "younger than the accounting"


def test_H11_check__older_accounting_again__is_no_answer(houses: Houses, visited: Townsman) -> None:
    before, chain = accounting(houses, visited), houses.town.care.chain
    assert chain is not None
    chain.increase_time(DAY)
    chain.mine()
    houses.ask(houses.seal(visited, content=b"read today"))
    houses.custodian().anchor()
    records = home_of(houses, visited).care.records
    request = records.request_accounting(custodian=houses.hospital.party, patient=visited.party)
    again = resigned(houses, before, lambda entries: entries)
    check = checked(houses, again, request=request)
    assert not check.complete and "older than the request" in check.problems[0]
    assert check.issued_at < request.terms.issued_at - DAY // 2
    assert checked(houses, again).complete, "as of its own time it is"
    now = accounting(houses, visited)
    assert checked(houses, now, request=request).complete and len(now.entries) == len(before.entries) + 1
    part = accounting(houses, visited, since=now.entries[-1].at)
    assert "a longer period" in checked(houses, part, request=request).problems[0]


def test_H11_check__forged_receipt__refused(houses: Houses, visited: Townsman) -> None:
    found, domain = accounting(houses, visited), houses.hospital.care.records.domain
    made = AccessReceipt.for_leaf(
        domain, custodian=houses.hospital.party, entry=found.entries[0].entry, leaf=RecordId("0x" + "77" * 32),
        issued_at=found.entries[0].at,
    )  # fmt: skip
    ours, theirs = made.signed_by(houses.desk), made.signed_by(houses.town.stranger.signer)
    assert checked(houses, found, receipts=[ours]).left_out == (found.entries[0].entry,)
    for forged in (theirs, replace(theirs, signer=houses.desk.address)):
        with pytest.raises(errors.ReceiptRefused, match=r"not signed by an account"):
            checked(houses, found, receipts=[forged])


def test_check__node_without_an_anchor__refused(
    houses: Houses, visited: Townsman, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, listed = accounting(houses, visited), Index.list

    def fewer(self: Index, event: str, **how: Any) -> Any:
        listing = listed(self, event, **how)
        if event == "RecordRegistry.LogAnchored":
            del listing[-1]
        return listing

    monkeypatch.setattr(Index, "list", fewer)
    with pytest.raises(errors.NodeMisbehaved, match="do not lead to its head"):
        checked(houses, found)


def test_check__book_was_lost__says_so(houses: Houses, visited: Townsman) -> None:
    custodian = houses.custodian()
    kept, last = custodian.folder.with_suffix(".kept"), custodian.book.last
    shutil.copytree(custodian.folder, kept)
    shutil.rmtree(custodian.folder)
    try:
        anew = houses.custodian(begin_anew=True)
        draft = Draft(
            keccak(b"anew"), RecordId("0x" + "12" * 32), visited.party.address, visited.party.address,
            Acting(visited.party), Purpose.PATRQT, Basis.OWN, Reason.OWN, True, 1, anew.care.records.now(),
        )  # fmt: skip
        anew.book.write(draft)
        check = checked(houses, accounting(houses, visited, anew))
        assert check.problems == (f"The custodian's book of entries 1 to {last} is lost; they are not shown.",)
    finally:
        shutil.rmtree(custodian.folder)
        shutil.copytree(kept, custodian.folder)


def test_check__entry_overdue__owed(houses: Houses, ana: Townsman) -> None:
    record, chain = houses.seal(ana), houses.town.care.chain
    assert chain is not None
    houses.ask(record)
    chain.increase_time(2 * DAY)
    chain.mine()
    found = accounting(houses, ana)
    check = checked(houses, found)
    assert check.unproved == (found.entries[0].entry,) and check.waiting == () and not check.complete
    houses.custodian().anchor()
    later = checked(houses, found)
    assert later.waiting == (found.entries[0].entry,) and later.complete, "anchored since: ask for a newer accounting"
    assert checked(houses, accounting(houses, ana)).proved == 1
