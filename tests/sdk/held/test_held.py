"""Accounts held for people without keys, their whole life.

new_card, ClaimCard
  it fits a line and a letter, and shows nothing in repr             → test_K8_card__…
  given another's words, too few, or a damaged line                  → one sentence without a word of them
open
  given a card                                                       → the account its words lead to, twice the same
  given none                                                         → a card in the value, and nowhere in the home
  given no opener, no credential or somebody else's steward          → refused with the reason
grant_for, revoke_for, deny_for, appoint_for, share
  it says in what capacity and on what will                          → test_H9_grant_for__…
  given a purpose beyond the steward's limits                        → test_grant_for__steward_to_itself__…
  given a denial to be lifted                                        → it is only added to
  given a steward suspended meanwhile                                → refused at once
evidence
  it is shown to an auditor, and proves itself                       → test_evidence__…
  given the same act again or a dry run                              → nothing more is kept
list
  it names what expires, the soonest first                           → test_list__…
claim
  it ends every power of the steward, and directives stay            → test_claim__…
  given another card, or a second claim                              → refused
"""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from careledger import DataClass, Prepared, Purpose, Scope, Secret, Signer, Wallet, Will, errors
from careledger.codes import Capacity, CredentialStatus, HeldStatus, Role, StatusReason
from careledger.resources.cards import ClaimCard
from careledger.resources.evidence import Evidence
from careledger.values import Address
from tests.sdk.resources.town import SWITZERLAND, Town

FORM = b"%PDF-1.7 signed by Ana Beispiel before two nurses"


def opened(town: Town, **how):
    card = town.steward.care.held.new_card()
    receipt = town.steward.care.held.open(card, will=Will.PAPER, evidence=FORM, **how)
    return card, receipt.value


def terms_for(town: Town, patient, **how):
    how = {"to": town.clinic.party, "purpose": Purpose.TREAT, **how}
    return town.care.consents.draft(patient=patient, **how)


# CARDS


def test_K8_card__line_and_letter__and_nothing_in_repr(town: Town) -> None:
    card = town.steward.care.held.new_card()
    again = ClaimCard.read(card.text)
    assert (again.claim_key, again.salt, again.suite) == (card.claim_key, card.salt, town.care.suite.directory)
    words = card.words.reveal().decode().split()
    letter = card.letter.reveal().decode()
    assert [f"{at:>2} {word}" in letter for at, word in enumerate(words, 1)] == [True] * 12
    pairs = {
        f"{first} {second}" for first, second in pairwise(words)
    }  # single words, such as "car", may be in any text
    assert not [pair for pair in pairs if pair in repr(card) + str(card.text)]
    typed = ClaimCard.of(Secret(" ".join(words).upper().encode()), chain_id=card.chain_id, suite=card.suite)
    assert typed.claim_key == card.claim_key


def test_card__sealed_for_the_printer__only_the_printer_reads_it(town: Town) -> None:
    from careledger.privacy.documents import open_document

    card = town.steward.care.held.new_card()
    sealed = card.sealed_to(town.clinic.opener.recipient())
    assert ClaimCard.read(Secret(open_document(sealed, "claim-card", opener=town.clinic.opener))) == card
    with pytest.raises(errors.NotARecipient):
        open_document(sealed, "claim-card", opener=town.steward.opener)


def test_K8_card__wrong_words_or_line__one_sentence_without_them(town: Town) -> None:
    card = town.steward.care.held.new_card()
    words = card.words.reveal().decode().split()
    line = card.text.reveal()
    for text in (line[:-9], b"", line.replace(b"-v1", b"-v9"), line.replace(b"0x", b"0y"), b"\xff" + line):
        with pytest.raises(errors.FormatError, match="not a claim card") as caught:
            ClaimCard.read(Secret(text))
        assert words[0] not in str(caught.value) + caught.value.why + caught.value.fix
    for typed in (words[:11], [*words[1:], words[0]], ["abandon"] * 12):
        with pytest.raises(errors.KeyMaterialError) as refused:
            ClaimCard.of(Secret(" ".join(typed).encode()), chain_id=card.chain_id, suite=card.suite)
        assert not [word for word in typed if f" {word} " in f" {refused.value.message} {refused.value.why} "]


# OPENING


def test_open__a_card__is_the_account_its_words_lead_to(town: Town) -> None:
    card, held = opened(town)
    assert held.card is None
    assert held.subject.address == town.care.participants._read("heldAddress", held.terms)
    again = town.steward.care.held.open(card, will=Will.PAPER, evidence=FORM)
    assert again.repeated and again.value == held
    words = ClaimCard.of(card.words, chain_id=card.chain_id, suite=card.suite)
    assert town.stranger.care.held.find(words) == held
    event = again.event("HeldAccountOpened")
    assert (event.args["steward"], event.args["will"]) == (town.steward.party.address, Will.PAPER.value)


def test_open__no_card__is_in_the_value_and_nowhere_else(town: Town) -> None:
    held = town.steward.care.participants.open_held(will="legal-authority", evidence=FORM, key="desk/1").value
    assert held.card is not None
    words = held.card.words.reveal()
    assert not [path for path in town.care.home.rglob("*") if path.is_file() and words in path.read_bytes()]
    assert words.decode() not in json.dumps(held.to_json())
    again = town.steward.care.participants.open_held(will="legal-authority", evidence=FORM, key="desk/1")
    assert again.repeated and again.value.subject == held.subject and again.value.card is None
    assert town.care.held.find(held.card).subject == held.subject


def test_open__dry_run__keeps_and_sends_nothing(town: Town) -> None:
    kept = len(list((town.care.home / "evidence").glob("*")))
    prepared = town.steward.care.held.open(will=Will.SPOKEN, evidence=FORM, dry_run=True)
    assert isinstance(prepared, Prepared)
    assert len(list((town.care.home / "evidence").glob("*"))) == kept


def test_open__no_key_for_the_evidence__refused(town: Town) -> None:
    bare = town.care.as_(town.steward.signer)
    bare.opener = None
    with pytest.raises(errors.InputError, match="no key to seal the evidence") as caught:
        bare.held.open(will=Will.PAPER, evidence=FORM)
    assert "opener" in caught.value.fix


def test_open__not_a_steward__refused_with_the_reason(town: Town) -> None:
    with pytest.raises(errors.InputError, match="steward in 0 jurisdictions"):
        town.clinic.care.held.open(will=Will.PAPER, evidence=FORM)
    with pytest.raises(errors.ParticipantRegistry_NotActive):
        town.clinic.care.held.open(will=Will.PAPER, evidence=FORM, jurisdiction=SWITZERLAND)
    with pytest.raises(errors.ParticipantRegistry_NotController):
        town.clinic.care.held.open(will=Will.PAPER, evidence=FORM, steward=town.steward.party, jurisdiction=SWITZERLAND)


# ACTING FOR THE PATIENT


def test_H9_grant_for__steward__says_capacity_will_and_evidence(town: Town) -> None:
    _, held = opened(town)
    receipt = town.steward.care.consents.grant_for(terms_for(town, held.subject), will=Will.SPOKEN, evidence=FORM)
    acted = receipt.event("ActedFor").args
    assert acted["actor"] == town.steward.party.address
    assert (acted["capacity"], acted["will"]) == (Capacity.STEWARD.value, Will.SPOKEN.value)
    answer = town.care.consents.decide(
        patient=held.subject, actor=town.doctor.party, capacity=town.clinic.party, purpose=Purpose.TREAT,
        classes={DataClass.LABS}, jurisdiction=SWITZERLAND,
    )  # fmt: skip
    assert answer.allowed
    ended = town.steward.care.consents.revoke_for(
        held.subject, to=town.clinic.party, purpose=Purpose.TREAT, will=Will.PAPER, evidence=FORM
    )
    assert ended.value == receipt.value.id
    again = town.steward.care.consents.revoke_for(
        held.subject, to=town.clinic.party, purpose=Purpose.TREAT, will=Will.PAPER, evidence=FORM,
        key=f"revoke/{held.subject.address}/{receipt.event('DirectiveGranted').args['scope']}/1",
    )  # fmt: skip
    assert (again.repeated, again.value) == (True, receipt.value.id)


def test_grant_for__steward_to_itself_for_research__refused_with_the_contracts_reason(town: Town) -> None:
    _, held = opened(town)
    own = terms_for(town, held.subject, to=town.steward.party, purpose=Purpose.HRESCH)
    with pytest.raises(errors.ConsentRegistry_StewardLimit) as caught:
        town.steward.care.consents.grant_for(own, will=Will.PAPER, evidence=FORM)
    assert caught.value.values["steward"] == town.steward.party.address
    assert caught.value.why and caught.value.fix
    payment = terms_for(town, held.subject, to=town.steward.party, purpose=Purpose.HPAYMT)
    assert town.steward.care.consents.grant_for(payment, will=Will.PAPER, evidence=FORM).events


def test_deny_for__steward__adds_and_cannot_lift(town: Town) -> None:
    _, held = opened(town)
    how = {"will": Will.SPOKEN, "evidence": FORM}
    town.steward.care.consents.deny_for(held.subject, classes={DataClass.HIV}, **how)
    town.steward.care.consents.deny_for(held.subject, even_in_emergency={DataClass.GENOMICS}, **how)
    standing = town.care.consents._read("standingOf", held.subject.address)
    assert int(standing["denied"]) == DataClass.HIV.mask
    assert int(standing["emergencyDenied"]) == DataClass.GENOMICS.mask
    with pytest.raises(errors.ConsentRegistry_NotAuthorised):
        town.steward.care.consents.deny(held.subject, classes=())


def test_grant_for__steward_suspended__refused_at_once(town: Town) -> None:
    _, held = opened(town)
    status = {"role": Role.STEWARD, "jurisdiction": SWITZERLAND, "reason": StatusReason.REQUESTED}
    town.board.care.participants.set_credential_status(
        town.steward.party, status=CredentialStatus.SUSPENDED, key="suspend", **status
    )
    try:
        with pytest.raises(errors.ConsentRegistry_NotAuthorised):
            town.steward.care.consents.grant_for(terms_for(town, held.subject), will=Will.PAPER, evidence=FORM)
    finally:
        town.board.care.participants.set_credential_status(
            town.steward.party, status=CredentialStatus.ACTIVE, key="resume", **status
        )


def test_share__steward__directive_first_then_the_wrap(town: Town) -> None:
    _, held = opened(town)
    town.steward.care.participants.publish_key(town.steward.opener, subject=town.steward.party)
    record = town.steward.care.records.seal(
        b"discharge note", author=town.steward.party, about=held.subject, classes={DataClass.NOTES}
    ).value
    how = {"patient": held.subject, "with_": town.clinic.party, "will": Will.PAPER, "evidence": FORM}
    with pytest.raises(errors.NotFound, match="no encryption key"):
        town.steward.care.held.share(record.id, **how)
    assert not town.care.consents.list(patient=held.subject)
    town.clinic.care.participants.publish_key(town.clinic.opener, subject=town.clinic.party)
    shared = town.steward.care.held.share(record.id, **how)
    assert shared.event("ActedFor").args["capacity"] == Capacity.STEWARD.value
    assert (
        town.clinic.care.records.read(
            record.id,
            as_=town.doctor.party,
            purpose=Purpose.TREAT,
            capacity=town.clinic.party,
            jurisdiction=SWITZERLAND,
        )
        == b"discharge note"
    )


# EVIDENCE


def test_evidence__shown_to_an_auditor__proves_itself(town: Town) -> None:
    _, held = opened(town)
    receipt = town.steward.care.consents.grant_for(terms_for(town, held.subject), will=Will.PAPER, evidence=FORM)
    committed = receipt.event("ActedFor").args["evidence"]
    shown = town.steward.care.held.evidence(committed)
    assert (shown.content, shown.opens(committed)) == (FORM, True)
    text = shown.sealed_to(town.officer.opener.recipient())
    seen = Evidence.unsealed(text, town.officer.opener)
    assert seen.opens(committed) and seen.content == FORM
    assert not Evidence(b"another form", seen.salt).opens(committed)
    assert FORM not in (town.care.home / "evidence" / f"{committed[2:]}.note").read_bytes()
    with pytest.raises(errors.NotARecipient):
        town.clinic.care.held.evidence(committed)
    with pytest.raises(errors.NotFound, match="no note"):
        town.steward.care.held.evidence("0x" + "11" * 32)
    assert "Ana" not in repr(shown) + repr(seen)


def test_evidence__same_act_again__nothing_more_is_kept(town: Town) -> None:
    _, held = opened(town)
    terms = terms_for(town, held.subject)
    town.steward.care.consents.grant_for(terms, will=Will.PAPER, evidence=FORM)
    kept = len(list((town.care.home / "evidence").glob("*")))
    assert town.steward.care.consents.grant_for(terms, will=Will.PAPER, evidence=FORM).repeated
    assert len(list((town.care.home / "evidence").glob("*"))) == kept


def test_evidence__kept_without_a_key__says_that_the_salt_alone_is_here(town: Town) -> None:
    offer = town.care.participants.offer_credential(
        town.stranger.party, issuer=town.board.party, role=Role.PRACTITIONER, jurisdiction=SWITZERLAND, evidence=b"x"
    )
    with pytest.raises(errors.NotFound, match="only the salt"):
        town.steward.care.held.evidence(str(offer.message["evidence"]))


# LISTING


def test_list__what_expires__soonest_first(town: Town) -> None:
    _, held = opened(town, key="listed")
    town.steward.care.consents.grant_for(terms_for(town, held.subject, for_days=200), will=Will.PAPER, evidence=FORM)
    guardianship = town.care.guardians.draft(
        patient=held.subject, guardian=town.stranger.party, purposes={Purpose.PATRQT}, for_days=20
    )
    town.steward.care.guardians.appoint_for(guardianship, will=Will.LEGAL_AUTHORITY, evidence=FORM)
    entry = next(item for item in town.steward.care.held.list() if item.subject == held.subject)
    assert [item.what for item in entry.expires] == ["guardianship", "directive", "steward"]
    assert (entry.status, entry.provisional, entry.will) == (HeldStatus.OPEN, False, Will.PAPER)
    assert entry in town.steward.care.held.list(within_days=30)
    assert entry not in town.steward.care.held.list(within_days=5)
    assert entry == town.care.held.get(held.subject)
    assert entry.to_json()["expires"][0]["what"] == "guardianship"
    with pytest.raises(errors.NotFound, match="never was a held account"):
        town.care.held.get(town.clinic.party)


# CLAIMING


def test_claim__by_card__steward_powers_end_and_directives_stay(town: Town) -> None:
    card, held = opened(town)
    granted = town.steward.care.consents.grant_for(terms_for(town, held.subject), will=Will.PAPER, evidence=FORM)
    wallet, _ = Wallet.create()
    own = Signer.from_key(wallet.account(Scope.successor(held.subject.address)).key)
    found = town.stranger.care.held.find(ClaimCard.read(card.text))
    signed = town.stranger.care.held.sign_claim(found, controller=own.address, signer=card)
    town.relayer.care.held.claim(found, signed)
    assert town.care.participants.controller_of(held.subject) == own.address
    assert town.care.held.get(held.subject).status is HeldStatus.CLAIMED
    assert [item.id for item in town.care.consents.list(patient=held.subject)] == [granted.value.id]
    for act in (
        lambda: town.steward.care.consents.grant_for(
            terms_for(town, held.subject), will=Will.PAPER, evidence=FORM
        ),
        lambda: town.steward.care.consents.revoke_for(
            held.subject, to=town.clinic.party, purpose=Purpose.TREAT, will=Will.PAPER, evidence=FORM
        ),
        lambda: town.steward.care.consents.deny_for(
            held.subject, classes={DataClass.LABS}, will=Will.PAPER, evidence=FORM
        ),
    ):  # fmt: skip
        with pytest.raises(errors.ConsentRegistry_NotAuthorised):
            act()
    mine = terms_for(town, held.subject, purpose=Purpose.HRESCH)
    assert town.relayer.care.consents.grant(mine.signed_by(own)).value.patient == held.subject
    assert town.relayer.care.held.claim(found, signed).repeated
    other = Address(town.stranger.party.address)
    with pytest.raises(errors.ParticipantRegistry_NotHeld):
        town.relayer.care.held.claim(found, town.care.held.sign_claim(found, controller=other, signer=card))


def test_claim__by_a_successor_key__is_paired_with_that_key_and_its_opener(town: Town) -> None:
    care, desk, mrn = town.steward.care, town.steward.care.directory, {"system": "urn:mrn", "value": "claimed"}
    held = care.held.open(will=Will.PAPER, evidence=b"form").value
    wallet, _ = Wallet.create()
    scope = Scope.successor(held.subject.address)
    own = Address(wallet.account(scope).address)
    with pytest.raises(errors.InputError, match="no key of this wallet controls"):
        wallet.answer(desk.pair(**mrn), care=care, accredited=False, subject=held.subject)
    care.held.claim(held, care.held.sign_claim(held, controller=own, signer=held.card))
    answer = wallet.answer(desk.pair(**mrn), care=care, accredited=False, subject=held.subject)
    assert desk.complete(answer, checked="document-seen").party == held.subject
    assert desk.opener_key(**mrn).public_key == wallet.opener(scope).public_key


def test_claim__another_card__refused(town: Town) -> None:
    _, held = opened(town)
    stolen = town.care.held.new_card()
    with pytest.raises(errors.NotFound, match="no account was opened for this card"):
        town.care.held.find(stolen)
    signed = town.care.held.sign_claim(held, controller=town.stranger.party.address, signer=stolen)
    with pytest.raises(errors.Module_NotSignedBy):
        town.stranger.care.held.claim(held, signed)
