"""``careledger participants held``: accounts for patients without keys, from opening to claiming or joining."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from careledger.cli.frame import Frame, verb
from careledger.cli.papers import book_of, parcels_out, read_bytes, wallet_of, write_paper
from careledger.cli.parameters import address_of, bytes32_of, code_of, jurisdiction_option
from careledger.cli.views import minute
from careledger.codes import Will
from careledger.errors import InputError, Misuse
from careledger.redact import Secret
from careledger.values import Address, Bytes32, PartyRef

if TYPE_CHECKING:
    from careledger.client import CareLedger
    from careledger.resources.cards import ClaimCard

held_app = typer.Typer(no_args_is_help=True)


@held_app.callback()
def main() -> None:
    """Accounts held for people without keys. Acts for them state on what will they are done, and keep the evidence."""


def _address(name: str, help: str) -> Any:
    return typer.Option(name, parser=address_of, metavar="ADDRESS", help=help, show_default=False)


_Will = Annotated[
    Any, typer.Option("--will", parser=code_of(Will), metavar="WILL", help="paper, spoken or legal-authority.")
]
_Evidence = Annotated[Path, typer.Option(help="The form, recording or order; - is stdin.", metavar="FILE")]
_Subject = Annotated[
    Address, typer.Argument(parser=address_of, metavar="ADDRESS", help="The held account.", show_default=False)
]


@verb(held_app, "open", write=True)
def open_(
    frame: Frame,
    will: _Will,
    evidence: _Evidence,
    card: Annotated[Path, typer.Option(help="Where the patient's card goes, before anything is sent.", metavar="FILE")],
    steward: Annotated[Address | None, _address("--steward", "Who holds it; the profile's account without.")] = None,
    jurisdiction: Annotated[int | None, jurisdiction_option("Where the steward is accredited.", least=1)] = None,
    provisional: Annotated[bool, typer.Option("--provisional", help="For an unknown emergency patient.")] = False,
    printer: Annotated[
        Address | None, _address("--printer", "Seal the card for who prints it: an account with a published key.")
    ] = None,
    qr: Annotated[Path | None, typer.Option(help="Draw the card as a QR code, too (SVG).", metavar="FILE")] = None,
) -> None:
    """Open an account for a patient without a key; prints its address.

    The card is written first, for nobody but its owner to read: print it, hand it over, and remove the file. Whoever
    has its words can claim the account, and there is no other copy. A card that is there already is used, so that a
    command that was cut off can be given again; one that was sealed for a printer cannot.

    Example: careledger participants held open --will paper --evidence form.pdf --card card.txt --as hospital
    """
    if printer is not None and qr is not None:
        raise Misuse("a card sealed for the printer is drawn by the printer", fix="Leave out --qr.")
    options = frame.write_options()
    how: dict[str, Any] = {
        "will": will, "evidence": read_bytes(evidence), "jurisdiction": jurisdiction, "provisional": provisional,
        "steward": None if steward is None else PartyRef("organisation", steward),
    }  # fmt: skip
    with frame.client(signs=True, opens=True) as care:
        there = card.exists() and printer is None
        found = _read_card(card) if there else care.held.new_card()
        if not there and not frame.dry_run:
            # A card of an account that was refused would be handed to somebody, so the chain is asked before.
            care.held.open(found, dry_run=True, **how)
            _write_card(frame, care, found, card, printer, qr)
        receipt = care.held.open(found, **how, **options)
    _subject_alone(frame, receipt)


def _read_card(file: Path) -> ClaimCard:
    from careledger.resources.cards import ClaimCard

    return ClaimCard.read(Secret(read_bytes(file).split(b"\n")[0], "claim card"))


def _write_card(
    frame: Frame, care: CareLedger, card: ClaimCard, file: Path, printer: Address | None, qr: Path | None
) -> None:
    """Put a new card into a file for its owner's eyes, or sealed for the printer's."""
    if printer is not None:
        write_paper(file, card.sealed_to(care.participants.encryption_key(PartyRef("organisation", printer))))
        frame.note(f"The card is in {file}, sealed for the printer.")
        return
    write_paper(file, card.text.reveal() + b"\n\n" + card.letter.reveal())
    if qr is not None:
        _draw(card, qr)
    frame.note(f"The card is in {file}: print it, hand it over, and remove the file.")


def _draw(card: ClaimCard, file: Path) -> None:
    """Draw a card's line as a QR code for its owner's eyes."""
    import io

    import segno

    drawn = io.BytesIO()
    segno.make_qr(card.text.reveal().decode()).save(drawn, kind="svg", border=4, scale=4)
    write_paper(file, drawn.getvalue())


def _subject_alone(frame: Frame, receipt: Any) -> None:
    """Answer with the account that was opened; its terms are on the chain."""
    from careledger.values import Receipt

    if isinstance(receipt, Receipt):
        receipt = receipt.with_value(receipt.value.subject.address)
    frame.receipt(receipt)


@verb(held_app, "list", chain=True)
def list_(
    frame: Frame,
    steward: Annotated[Address | None, _address("--steward", "Whose; the profile's account without.")] = None,
    within_days: Annotated[int | None, typer.Option(help="Only what expires within so many days.", min=0)] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those claimed or closed, too.")] = False,
) -> None:
    """List a steward's held accounts with what of each expires, the soonest first.

    Example: careledger participants held list --within-days 30 --as hospital
    """
    from careledger.codes import HeldStatus

    with frame.client(signs=steward is None) as care:
        whose = PartyRef("organisation", steward or care.me)
        found = care.held.list(whose, status=None if everything else HeldStatus.OPEN, within_days=within_days)
    if frame.json:
        frame.answer([item.to_json() for item in found])
        return
    rows = [
        {
            "account": item.subject.address, "status": item.status.word, "provisional": item.provisional,
            "opened": minute(item.opened_at), "expires": item.expires[0].what if item.expires else "",
            "at": minute(item.expires[0].at) if item.expires else "",
        }
        for item in found
    ]  # fmt: skip
    frame.table(rows, columns=("account", "status", "provisional", "opened", "expires", "at"))


@verb(held_app, "claim", chain=True)
def claim(
    frame: Frame,
    card: Annotated[Path, typer.Argument(help="The card: its line or its twelve words; - is stdin.")],
    parcel: Annotated[Path, typer.Option(help="The folder for the parcel that a relayer carries.", metavar="FOLDER")],
) -> None:
    """Claim a held account for the profile's wallet; nothing is sent: give the parcel to participants carry.

    The steward's powers end with it, and consents stay. The account is noted in the wallet's papers: back it up.

    Example: careledger participants held claim card.txt --parcel out --as ana
    """
    from careledger.privacy.pseudonyms import KnownAccount, Scope
    from careledger.recovery import Parcel
    from careledger.resources.cards import ClaimCard

    wallet, book = wallet_of(frame), book_of(frame)
    with frame.client() as care:
        text = Secret(read_bytes(card).split(b"\n")[0], "claim card")
        if len(text.reveal().split()) == 12:
            found = ClaimCard.of(text, chain_id=care.connection.chain_id, suite=care.suite.directory)
        else:
            found = ClaimCard.read(text)
        if (found.chain_id, found.suite) != (care.connection.chain_id, care.suite.directory):
            raise InputError(
                "this card is for another suite or chain", why=f"It names chain {found.chain_id}.",
                fix="Name its network and suite.",
            )  # fmt: skip
        held = care.held.find(found)
        scope = Scope.successor(held.subject.address)
        signed = care.held.sign_claim(held, controller=Address(wallet.account(scope).address), signer=found)
        message = signed.terms.typed.message
        packed = Parcel.call(
            care, "ParticipantRegistry", "claimHeld", held.terms, message["controller"], message["deadline"],
            signed.signature, not_before=care.held.now(),
        )  # fmt: skip
    book.add(KnownAccount(scope, held.subject.address))
    frame.note(f"The account is {held.subject.address}; it is yours once the parcel is carried.")
    frame.answer({"parcels": (files := parcels_out(parcel, [packed]))}, lines=files)


@verb(held_app, "close", write=True)
def close(
    frame: Frame,
    subject: _Subject,
    joins: Annotated[Address, _address("--joins", "The patient's real account.")],
    will: _Will,
    evidence: _Evidence,
    copy: Annotated[
        Path | None, typer.Option(help="Write the link's opening for the patient: sealed to the real account's key.")
    ] = None,
) -> None:
    """Close a provisional account whose patient has become known; prints the salted link, which is all that is public.

    Example: careledger participants held close 0xP… --joins 0xA… --will legal-authority --evidence id.pdf --as hospital
    """
    from careledger.values import Receipt

    options = frame.write_options()
    with frame.client(signs=True, opens=True) as care:
        real = PartyRef("person", joins)
        key = care.participants.encryption_key(real) if copy is not None else None
        receipt = care.held.close(
            PartyRef("person", subject), joins=real, will=will, evidence=read_bytes(evidence), **options
        )
        if isinstance(receipt, Receipt):
            if copy is not None and key is not None:
                write_paper(copy, receipt.value.sealed_to(key))
            receipt = receipt.with_value(receipt.value.commitment)
    frame.receipt(receipt)


@verb(held_app, "worklist", chain=True)
def worklist(frame: Frame, subject: _Subject) -> None:
    """List what a closed account had and what is to become of it on the real one; exit code 3 while something is left.

    Example: careledger participants held worklist 0xP… --as hospital
    """
    with frame.client(signs=True, opens=True) as care:
        tasks = care.held.worklist(care.held.link_of(PartyRef("person", subject)))
    frame.table([task.to_json() for task in tasks], columns=("what", "about", "done", "do"))
    if not all(task.done for task in tasks):
        frame.no()


@verb(held_app, "evidence", chain=True)
def evidence(
    frame: Frame,
    commitment: Annotated[Bytes32, typer.Argument(parser=bytes32_of, metavar="HASH", help="As the event has it.")],
    out: Annotated[Path, typer.Option(help="Where it goes.", metavar="FILE")],
    to: Annotated[Address | None, _address("--to", "Seal it for an account with a published key.")] = None,
) -> None:
    """Show what stands behind an act done for a patient: the document itself, or sealed for an auditor with its salt.

    Example: careledger participants held evidence 0x51… --to 0xD… --out shown.json --as hospital
    """
    with frame.client(opens=True) as care:
        found = care.held.evidence(commitment)
        reader = None if to is None else care.participants.encryption_key(PartyRef("person", to))
    write_paper(out, found.content if reader is None else found.sealed_to(reader))
    frame.answer({"evidence": found.commitment, "file": str(out)}, lines=[out])


@verb(held_app, "verify", chain=True)
def verify(
    frame: Frame,
    shown_file: Annotated[Path, typer.Argument(metavar="FILE", help="Evidence or a link, sealed for the profile.")],
    out: Annotated[Path | None, typer.Option(help="Where the document goes.", metavar="FILE")] = None,
) -> None:
    """Check evidence or a link that was shown: which act of the chain it belongs to; exit code 3 where none.

    Example: careledger participants held verify shown.json --out form.pdf --as auditor
    """
    from careledger.resources.evidence import Evidence
    from careledger.resources.joining import LinkOpening

    text = read_bytes(shown_file).decode("utf-8", "replace")
    with frame.client(opens=True) as care:
        if '"careledger-link-v1"' in text:
            link = LinkOpening.unsealed(text, care.opener)
            real = care.held.open_link(link)
            frame.answer({"provisional": link.provisional, "real": real.address})
            return
        found = Evidence.unsealed(text, care.opener)
        acts = [
            {"act": event.name, "block": event.block, "tx": event.tx, **_who(event.args)}
            for event in care.events()
            if event.args.get("evidence") == found.commitment
        ]
    if out is not None:
        write_paper(out, found.content)
    if frame.json:
        frame.answer(acts)
    else:
        frame.table(acts, columns=("act", "block", "patient", "by", "tx"))
    if not acts:
        frame.no()


def _who(args: Any) -> dict[str, Any]:
    return {"patient": args.get("patient", args.get("subject")), "by": args.get("actor", args.get("steward"))}
