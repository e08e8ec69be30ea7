"""Pairing from both sides.

an offer
  names organisation, chain, suite, nonce and expiry, and nothing of the person
  reads back from its text in any case; cut or changed it is refused
  as PNG and as terminal text it scans to the same text
a wallet
  answers with the account and opener of this relation, and no other
  refuses another chain or suite, an offer over, forged or changed, an organisation nobody vouches for
  goes by the chain's controller of the organisation, if it can ask
the desk
  takes an answer once, before it is over, for an offer of its own, signed by the account's controller of now
  takes the same answer again without a change
"""

from __future__ import annotations

import base64
import re
import stat
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
import zxingcpp

from careledger import CareLedger, PartyRef, Role, Scope, Wallet
from careledger.chain.signers import KeySigner, Signer
from careledger.directory import IdentityCheck, PairingAnswer, PairingOffer
from careledger.errors import CareLedgerError, FormatError, InputError, NotPaired, WrongChain
from careledger.privacy.openers import Suite
from careledger.values import keccak
from tests.sdk.directory.conftest import CARD, MRN, NAME, ROOT, Desk, reply

NOW = 1_800_000_000


# THE OFFER


def test_pair__given_identifier__offer_says_who_and_until_when_and_nothing_of_the_person(
    desk: Desk, at: Callable[[float], None]
) -> None:
    at(NOW)
    offer = desk.offer(minutes=5, label="Ana Beispiel")
    assert (offer.organisation, offer.name, offer.kind, offer.plan_year) == (desk.ref.address, NAME, "patient", 0)
    assert (offer.chain_id, offer.suite) == (desk.care.connection.chain_id, desk.care.suite.directory)
    assert offer.expires_at == NOW + 300 and len(offer.nonce) == 32
    assert offer.typed.signer_of(offer.signature) == desk.ref.address
    shown = [offer.packed, repr(offer).encode(), str(offer.typed.to_json()).encode()]
    for secret in (b"MRN-4711", b"4711", MRN.encode(), b"Ana"):
        assert not any(secret in each for each in shown)
    assert desk.offer().nonce != offer.nonce
    assert len(offer.uri) < 300, "it stays a small code"


def test_pair__name__remembered_for_the_next_time(desk: Desk) -> None:
    assert desk.directory.pair(system=MRN, value="1").name == ""
    desk.offer("2")
    assert desk.directory.pair(system=MRN, value="3").name == NAME


@pytest.mark.parametrize(
    "wrong",
    [
        {"system": "MRN"}, {"system": "urn:oid:1 2"}, {"value": " "}, {"value": "a\nb"}, {"value": "x" * 1001},
        {"minutes": 0}, {"minutes": 1441}, {"kind": "partner"}, {"kind": "patiant"}, {"kind": "coverage"},
        {"plan_year": 2026}, {"kind": "coverage", "plan_year": 70000}, {"name": "x" * 61}, {"name": "a\u202eb"},
    ],
)  # fmt: skip
def test_pair__given_nonsense__refused_without_the_value(desk: Desk, wrong: dict[str, object]) -> None:
    given = {"system": MRN, "value": "MRN-4711", **wrong}
    with pytest.raises(InputError) as caught:
        desk.directory.pair(**given)  # type: ignore[arg-type]
    told = f"{caught.value} {caught.value.why} {caught.value.fix}"
    assert "4711" not in told and "\u202e" not in told and caught.value.fix


def test_offer__text__reads_back_in_any_case_and_not_when_changed(desk: Desk) -> None:
    offer = desk.offer()
    for text in (offer.uri, offer.uri.lower(), f"  {offer.uri}\n"):
        assert PairingOffer.from_uri(text) == offer
    bad = ["", "x", "CARELEDGER:OFFER/", offer.uri[:-80], offer.uri.replace("OFFER", "ANSWER"), offer.uri + "1",
           offer.uri[:40] + "0" + offer.uri[41:], "CARELEDGER:OFFER/" + "A" * 200]  # fmt: skip
    for text in bad:
        with pytest.raises(FormatError):
            PairingOffer.from_uri(text)
    with pytest.raises(FormatError):
        PairingAnswer.from_uri(offer.uri)


def test_offer__every_byte_changed__never_read_as_signed_by_the_organisation(desk: Desk, wallet: Wallet) -> None:
    offer = desk.offer()
    for place in range(len(offer.packed)):
        data = bytearray(offer.packed)
        data[place] ^= 1
        body = base64.b32encode(bytes(data) + keccak(bytes(data))[:4]).decode().rstrip("=")
        with pytest.raises(CareLedgerError):
            reply(desk, wallet, f"CARELEDGER:OFFER/{body}")


def _texts(image: numpy.ndarray) -> list[str]:
    """What the decoder reads; a large code may hold what looks like a small one as well."""
    return [found.text for found in zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormat.QRCode)]


def _scan(text: str) -> list[str]:
    """Read a terminal's code with another program's decoder: two modules to a line, light ones drawn."""
    halves = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}
    rows: list[list[int]] = []
    for line in text.splitlines():
        rows += [[halves[c][0] for c in line], [halves[c][1] for c in line]]
    image = numpy.array(rows, dtype=numpy.uint8).repeat(4, axis=0).repeat(4, axis=1)
    return _texts(image)


def _pixels(path: Path) -> numpy.ndarray:
    """Read a PNG of one bit of grey a pixel, whose lines are as they are or the difference to the one above."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, depth, colour = (
        int.from_bytes(data[16:20], "big"),
        int.from_bytes(data[20:24], "big"),
        *data[24:26],
    )
    assert (depth, colour) == (1, 0)
    packed, at = b"", 8
    while at < len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        packed += data[at + 8 : at + 8 + size] if kind == b"IDAT" else b""
        at += size + 12
    raw, stride = zlib.decompress(packed), (width + 7) // 8 + 1
    table = numpy.frombuffer(raw, dtype=numpy.uint8).reshape(height, stride)
    lines = [table[0, 1:]]
    for line in table[1:]:
        assert line[0] in (0, 2)
        lines.append(line[1:] + (lines[-1] if line[0] == 2 else 0))
    bits = numpy.unpackbits(numpy.array(lines, dtype=numpy.uint8), axis=1)
    return bits[:, :width] * 255


def test_codes__scanned_by_another_program__give_the_same_text(desk: Desk, wallet: Wallet, tmp_path: Path) -> None:
    offer = desk.offer()
    small, large = (reply(desk, wallet, offer, encryption=suite) for suite in (Suite.X25519, Suite.MLKEM768_X25519))
    sizes = []
    for number, code in enumerate((offer, small, large)):
        sizes.append(len(code.qr().splitlines()[0]))
        assert code.uri in _scan(code.qr())
        path = tmp_path / f"{number}.png"
        code.png(path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert code.uri in _texts(_pixels(path))
    page = (ROOT / "docs" / "directory.md").read_text()
    told = re.search(r"(\d+) by \1 modules.* (\d+) with\s.* (\d+) with X25519", page, re.DOTALL)
    assert told is not None and sizes == [int(told[1]), int(told[3]), int(told[2])]


# THE WALLET


def test_answer__given_offer__account_and_opener_of_this_relation(desk: Desk, wallet: Wallet) -> None:
    offer, scope = desk.offer(), Scope.custodian(desk.ref.address)
    answer = reply(desk, wallet, offer.uri)
    assert answer.account == wallet.account(scope).address
    assert answer.recipient.public_key == wallet.opener(scope, suite=Suite.X25519).public_key
    assert answer.typed.signer_of(answer.signature) == answer.account
    assert (answer.organisation, answer.nonce, answer.expires_at) == (offer.organisation, offer.nonce, offer.expires_at)
    assert PairingAnswer.from_uri(answer.uri.lower()) == answer
    assert (
        reply(desk, wallet, offer, number=1).account
        == wallet.account(Scope.custodian(desk.ref.address, number=1)).address
    )
    default = wallet.answer(offer, chain_id=offer.chain_id, suite=offer.suite)
    assert default.recipient.suite is Suite.MLKEM768_X25519 and len(default.uri) < 2300
    assert len(answer.check.replace(" ", "")) == 20 and answer.check != default.check


def test_answer__coverage__account_of_the_insurer_and_plan_year(desk: Desk, wallet: Wallet) -> None:
    offer = desk.offer(kind="coverage", plan_year=2027)
    assert (
        reply(desk, wallet, offer).account == wallet.account(Scope.coverage(desk.ref.address, plan_year=2027)).address
    )
    with pytest.raises(InputError):
        reply(desk, wallet, offer, number=1)


def test_answer__other_chain_or_suite_or_none_known__refused(desk: Desk, wallet: Wallet) -> None:
    offer = desk.offer()
    for place in ({"chain_id": 1}, {"suite": "0x" + "11" * 20}):
        with pytest.raises(WrongChain):
            reply(desk, wallet, offer, **place)
    with pytest.raises(InputError, match="does not know which suite"):
        wallet.answer(offer)
    with pytest.raises(WrongChain):
        wallet.answer(replace(offer, chain_id=1), care=desk.care, accredited=False)


def test_answer__over__refused_a_second_later(desk: Desk, wallet: Wallet, at: Callable[[float], None]) -> None:
    at(NOW)
    offer = desk.offer(minutes=1)
    at(NOW + 60)
    assert reply(desk, wallet, offer)
    at(NOW + 61)
    with pytest.raises(InputError, match="over since 1 second"):
        reply(desk, wallet, offer)


def test_answer__forged__refused_with_and_without_the_chain(desk: Desk, wallet: Wallet) -> None:
    offer, thief = desk.offer(), KeySigner(b"\x07" * 32)
    for forged in (
        replace(offer, name="Another"), replace(offer, expires_at=offer.expires_at + 1), offer.signed_by(thief),
        replace(offer, signature=b"\x00" * 65), replace(offer, nonce=bytes(32)),
    ):  # fmt: skip
        with pytest.raises(InputError, match="not signed"):
            reply(desk, wallet, forged)
        with pytest.raises(InputError, match="not signed"):
            wallet.answer(forged, care=desk.care, accredited=False)


def test_answer__organisation_without_credential__refused_unless_it_is_meant(desk: Desk, wallet: Wallet) -> None:
    offer = desk.offer()
    with pytest.raises(InputError, match="holds no credential"):
        wallet.answer(offer, care=desk.care)
    assert wallet.answer(offer, care=desk.care, accredited=False)


def _accredit(town: CareLedger, organisation: Signer, role: Role, board: Signer) -> None:
    who, issuer = PartyRef("organisation", organisation.address), PartyRef("organisation", board.address)
    town.participants.admit_accreditor(issuer, role=role, jurisdiction=756_000)
    terms = town.participants.offer_credential(who, issuer=issuer, role=role, jurisdiction=756_000, evidence=b"x")
    signed = {"issuer": terms.signed_by(board), "subject": terms.signed_by(organisation)}
    town.participants.issue_credential(terms, **signed)


def test_answer__accredited_organisation__answered_by_role(
    town: CareLedger, desk_of: Callable[..., Desk], wallet: Wallet
) -> None:
    hospital, lender = desk_of("hospital"), desk_of("lender")
    board = KeySigner(b"\x09" * 32)
    _accredit(town, hospital.signer, Role.PROVIDER, board)
    _accredit(town, lender.signer, Role.LENDER, board)
    assert wallet.answer(hospital.offer(), care=hospital.care)
    with pytest.raises(InputError, match="holds no credential"):
        wallet.answer(lender.offer(), care=lender.care)
    with pytest.raises(InputError, match="insurer"):
        wallet.answer(hospital.offer(kind="coverage", plan_year=2026), care=hospital.care)


def test_pair__organisation_under_another_key__signed_by_its_controller_alone(
    town: CareLedger, desk_of: Callable[..., Desk], wallet: Wallet
) -> None:
    old, new = KeySigner(b"\x0a" * 32), KeySigner(b"\x0b" * 32)
    town.chain.fund(old.address)  # type: ignore[union-attr]
    subject = PartyRef("organisation", old.address)
    town.as_(old).participants.change_controller(subject, to=new.address)
    with pytest.raises(InputError, match="does not act for"):
        desk_of("old", signer=old).offer()
    desk = desk_of("new", signer=new)
    directory = desk.directory.of(subject)
    offer = directory.pair(system=MRN, value="MRN-4711")
    assert offer.organisation == old.address
    with pytest.raises(InputError, match="not signed by the key"):
        reply(desk, wallet, offer)
    answer = wallet.answer(offer, care=desk.care, accredited=False)
    assert directory.complete(answer, checked="document-seen").party.address == answer.account


# THE DESK


def test_complete__answer__identifier_stands_for_the_account(desk: Desk, wallet: Wallet) -> None:
    with pytest.raises(NotPaired):
        desk.directory.find(system=MRN, value="MRN-4711")
    offer = desk.offer(" MRN-4711 ", label="Ana Beispiel")
    answer = reply(desk, wallet, offer)
    with pytest.raises(NotPaired):
        desk.directory.find(system=MRN, value="MRN-4711")
    entry = desk.directory.complete(answer.uri, checked=IdentityCheck.ELECTRONIC_ID)
    found = desk.directory.find(system=MRN, value="MRN-4711 ")
    assert found == entry.party == PartyRef("person", answer.account) and found.label == "Ana Beispiel"
    assert entry.checked is IdentityCheck.ELECTRONIC_ID and entry.by == desk.ref.address and entry.former == ()
    assert desk.directory.opener_key(system=MRN, value="MRN-4711") == answer.recipient
    assert [each.value for each in desk.directory.identifiers(found)] == ["MRN-4711"]
    for other in ({"value": "mrn-4711"}, {"system": MRN.upper()}, {"kind": "partner"}):
        with pytest.raises(NotPaired) as caught:
            desk.directory.find(**{"system": MRN, "value": "MRN-4711", **other})
        assert caught.value.exit_code == 3


def test_complete__same_answer_again__same_entry_and_one_line_of_history(desk: Desk, wallet: Wallet) -> None:
    answer = reply(desk, wallet, desk.offer())
    first = desk.directory.complete(answer, checked="document-seen")
    assert desk.directory.complete(answer.uri, checked="document-seen") == first
    assert len(desk.directory.history()) == 1


def test_complete__second_answer_to_one_offer__refused(desk: Desk, wallet: Wallet) -> None:
    offer = desk.offer()
    desk.directory.complete(reply(desk, wallet, offer), checked="document-seen")
    for other in (Wallet.create()[0], wallet):
        with pytest.raises(InputError, match="answered already"):
            desk.directory.complete(reply(desk, other, offer, number=1), checked="document-seen")


def test_complete__over__refused_then_forgotten(desk: Desk, wallet: Wallet, at: Callable[[float], None]) -> None:
    at(NOW)
    answer = reply(desk, wallet, desk.offer(minutes=1))
    at(NOW + 61)
    with pytest.raises(InputError, match="over since"):
        desk.directory.complete(answer, checked="document-seen")
    at(NOW + 86_400 + 120)
    desk.offer("other")
    with pytest.raises(InputError, match="no open offer"):
        desk.directory.complete(answer, checked="document-seen")


def test_complete__offer_of_nobody_or_somebody_else__refused(
    desk: Desk, desk_of: Callable[..., Desk], wallet: Wallet
) -> None:
    other = desk_of("other")
    theirs, ours = reply(desk, wallet, other.offer()), reply(desk, wallet, desk.offer())
    made_up = replace(ours, nonce=bytes(32)).signed_by(KeySigner(wallet.account(Scope.custodian(desk.ref.address)).key))
    longer = replace(ours, expires_at=ours.expires_at + 1).signed_by(
        KeySigner(wallet.account(Scope.custodian(desk.ref.address)).key)
    )
    elsewhere = replace(ours, chain_id=1)
    for answer in (theirs, made_up, longer, elsewhere):
        with pytest.raises(InputError, match="no open offer"):
            desk.directory.complete(answer, checked="document-seen")
    assert desk.directory.list() == []


def test_complete__changed_or_signed_by_another__refused(desk: Desk, wallet: Wallet) -> None:
    offer, thief = desk.offer(), KeySigner(b"\x07" * 32)
    answer = reply(desk, wallet, offer)
    other_key = wallet.opener(Scope.practice(), suite=Suite.X25519).recipient()
    for forged in (
        replace(answer, account=thief.address), answer.signed_by(thief), replace(answer, recipient=other_key),
        replace(answer, signature=answer.signature[:-1]), replace(answer, account="0x" + "00" * 20),
        replace(answer, account=desk.ref.address).signed_by(desk.signer),
    ):  # fmt: skip
        with pytest.raises(InputError):
            desk.directory.complete(forged, checked="document-seen")
    with pytest.raises(InputError, match="is no IdentityCheck"):
        desk.directory.complete(answer, checked="looked-nice")
    assert desk.directory.complete(answer, checked="document-seen")


def test_complete__account_under_another_key__controller_of_now_signs(
    town: CareLedger, desk: Desk, wallet: Wallet
) -> None:
    own = KeySigner(wallet.account(Scope.custodian(desk.ref.address)).key)
    lost, subject = reply(desk, wallet, desk.offer()), PartyRef("person", own.address)
    town.chain.fund(own.address)  # type: ignore[union-attr]
    phone = Wallet.create()[0]
    to = phone.account(Scope.custodian(desk.ref.address)).address
    town.as_(own).participants.change_controller(subject, to=to)
    with pytest.raises(InputError, match="not signed by its account"):
        desk.directory.complete(lost, checked="document-seen")
    entry = desk.directory.complete(reply(desk, phone, desk.offer(), subject=subject), checked="document-seen")
    assert entry.party.address == own.address


@pytest.mark.parametrize(("mode", "taken"), [(0, True), (1, False), (3, False), (5, False), (6, False)])
def test_complete__contract_wallet__its_code_decides(
    desk: Desk, wallet: Wallet, contract_wallet: Callable[[Signer, int], str], mode: int, taken: bool
) -> None:
    owner = KeySigner(b"\x0c" * 32)
    account = contract_wallet(owner, mode)
    recipient = wallet.opener(Scope.custodian(desk.ref.address), suite=Suite.X25519).recipient()
    answer = PairingAnswer.to(desk.offer(), account=account, recipient=recipient).signed_by(owner)
    if taken:
        assert desk.directory.complete(answer, checked="document-seen").party.address == account
        return
    with pytest.raises(InputError, match="not signed by its account"):
        desk.directory.complete(answer, checked="document-seen")


def test_complete__account_of_another_identifier__refused_until_merged(desk: Desk, wallet: Wallet) -> None:
    desk.pair(wallet)
    answer = reply(desk, wallet, desk.directory.pair(system=CARD, value="807"))
    with pytest.raises(InputError, match="another identifier") as caught:
        desk.directory.complete(answer, checked="document-seen")
    assert "4711" not in str(caught.value) + caught.value.why + caught.value.fix
    desk.directory.merge(system=CARD, value="807", into=(MRN, "MRN-4711"))
    assert desk.directory.find(system=CARD, value="807").address == answer.account


def test_enter__held_account_and_partner__found_by_kind(desk: Desk) -> None:
    held, firm = PartyRef("person", "0x" + "11" * 20), PartyRef("organisation", "0x" + "22" * 20)
    gln = "https://www.gs1.org/gln"
    desk.directory.enter(system=MRN, value="MRN-1", account=held, checked="known-personally", label="unknown man")
    desk.directory.enter(system=gln, value="7601001000001", account=firm, checked="register-extract", kind="partner")
    assert desk.directory.find(system=MRN, value="MRN-1") == held
    assert desk.directory.find(system=gln, value="7601001000001", kind="partner") == firm
    with pytest.raises(NotPaired):
        desk.directory.find(system=gln, value="7601001000001")
    assert [each.id.kind for each in desk.directory.list(kind="partner")] == ["partner"]
    assert len(desk.directory.list()) == 2 and desk.directory.entry(system=MRN, value="MRN-1").recipient is None


# THREATS


def test_H7_pair__one_wallet_two_organisations__nothing_in_common(desk_of: Callable[..., Desk], wallet: Wallet) -> None:
    desks = [desk_of("hospital"), desk_of("clinic")]
    answers = [reply(each, wallet, each.offer(label="Ana")) for each in desks]
    for each, answer in zip(desks, answers, strict=True):
        each.directory.complete(answer, checked="document-seen")
    one, two = answers
    assert one.account != two.account and one.recipient.public_key != two.recipient.public_key
    assert one.signature != two.signature and one.nonce != two.nonce
    # whatever both hold is the same for everybody: no piece of nine bytes is shared besides suite and chain
    public = one.packed[:29]
    pieces = [{answer.packed[i : i + 9] for i in range(29, len(answer.packed) - 8)} for answer in answers]
    assert not pieces[0] & pieces[1] and two.packed[:29] == public
    for each, other in zip(desks, reversed(answers), strict=True):
        assert each.directory.identifiers(PartyRef("person", other.account)) == []
        assert other.account not in str([entry.to_json() for entry in each.directory.list()])
        assert bytes.fromhex(other.account[2:]) not in each.file.read_bytes()


def test_W1_offer__hostile_name__never_read_from_a_code(desk: Desk) -> None:
    offer = desk.offer()
    for hostile in ("Spital\x1b[2J", "Spital\u202enix", "a\nb"):
        changed = replace(offer, name=hostile).signed_by(desk.signer)
        with pytest.raises(FormatError):
            PairingOffer.from_uri(changed.uri)


def test_S8_pairing__reprs__show_neither_person_nor_key(desk: Desk, wallet: Wallet) -> None:
    offer = desk.offer(label="Ana Beispiel")
    answer = reply(desk, wallet, offer)
    entry = desk.directory.complete(answer, checked="document-seen")
    told = " ".join(map(repr, [offer, answer, entry, entry.id, *desk.directory.history(), desk.directory]))
    for secret in ("4711", "Ana", MRN, answer.account, offer.nonce.hex(), answer.recipient.public_key.hex()):
        assert secret not in told
