"""``careledger custodian``: answer signed requests, keep and anchor the access log, prove it, account for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from careledger.cli.documents import read_document, write_document
from careledger.cli.frame import Frame, verb
from careledger.cli.parameters import address_of
from careledger.cli.views import access_row
from careledger.values import Address, PartyRef

if TYPE_CHECKING:
    from careledger.custodian import Custodian

app = typer.Typer(no_args_is_help=True)


@app.callback()
def main() -> None:
    """A custodian of sealed records: requests in, receipts and keys out, every answer logged and anchored."""


def _address(name: str, help: str) -> Any:
    return typer.Option(name, parser=address_of, metavar="ADDRESS", help=help, show_default=False)


_Custodian = Annotated[Address | None, _address("--custodian", "Whose log; the profile's account without.")]
_Signer = Annotated[
    str | None,
    typer.Option(
        "--receipts-as", help="A profile whose account signs receipts; the same one without.", metavar="PROFILE"
    ),
]
_Out = Annotated[Path | None, typer.Option("--out", help="Where it goes; stdout without.", metavar="FILE")]
_Request = Annotated[Path, typer.Argument(help="The signed request; - is stdin.", show_default=False)]


@contextmanager
def _desk(
    frame: Frame,
    custodian: Address | None,
    *,
    receipts_as: str | None = None,
    opens: bool = False,
    signs: bool = True,
    **how: Any,
) -> Iterator[Custodian]:
    """Connect as the custodian; a profile of its own may sign the receipts.

    Args:
        frame: How it was called.
        custodian: Whose log; the profile's account when not given, which asks for its key.
        receipts_as: The profile that signs receipts.
        opens: With the opener of book and records.
        signs: With the custodian's own key, for what goes on chain.
        **how: For ``Custodian``.
    """
    from careledger import profiles
    from careledger.custodian import Custodian

    signer = profiles.load(receipts_as, frame.settings.home).signer() if receipts_as else None
    with frame.client(signs=signs or custodian is None, opens=opens) as care:
        yield Custodian(care, PartyRef("organisation", custodian or care.signer.address), receipts=signer, **how)


@verb(app, "answer", chain=True)
def answer(
    frame: Frame,
    request: _Request,
    custodian: _Custodian = None,
    receipts_as: _Signer = None,
    content: Annotated[
        Path | None,
        typer.Option("--content", help="Write the sealed bytes too, for a reader elsewhere.", metavar="FILE"),
    ] = None,
    out: _Out = None,
) -> None:
    """Answer a request: decide, log, sign the receipt, and release if allowed; exit code 3 where the answer is no.

    The same request again gets the same entry and receipt.

    Example: careledger custodian answer request.json --as hospital --out answer.json
    """
    with _desk(frame, custodian, receipts_as=receipts_as, opens=True, signs=receipts_as is None) as desk:
        asked = desk.care.records.read_request(read_document(request))
        made = desk.answer(asked)
        entry = desk.book.entry(made.receipt.terms.entry)
        write_document(made.to_json(), out)
        if content is not None and entry.allowed:
            desk.care.records.fetch_sealed(entry.record, content)
    frame.note(f"entry {entry.entry}: {'allowed' if entry.allowed else 'denied'}: {entry.reason.name}")
    if not entry.allowed:
        frame.no()


@verb(app, "anchor", write=True)
def anchor(frame: Frame, custodian: _Custodian = None) -> None:
    """Anchor every entry that waits, as one part; prints its number, or nothing where nothing waits.

    Example: careledger custodian anchor --as hospital
    """
    options = frame.write_options()
    with _desk(frame, custodian) as desk:
        receipt = desk.anchor(**options)
    if receipt is None:
        frame.answer(None, lines=[])
        frame.note("Nothing waits for its anchor.")
    elif frame.json or frame.dry_run:
        frame.receipt(receipt)
    else:
        part = receipt.value  # type: ignore[union-attr]
        frame.answer(part, lines=[part.part])
        frame.note(f"Entries {part.first} to {part.last} are anchored.")


@verb(app, "due", chain=True)
def due(frame: Frame, custodian: _Custodian = None) -> None:
    """Say in how many seconds the oldest entry has to be anchored; exit code 3 where that time is over.

    Example: careledger custodian due --as hospital
    """
    with _desk(frame, custodian, signs=False) as desk:
        seconds = desk.due()
    frame.answer({"seconds": seconds}, lines=[] if seconds is None else [seconds])
    if seconds is None:
        frame.note("Nothing waits for its anchor.")
    elif seconds < 0:
        frame.note("Readers can report the oldest entry: anchor now.")
        frame.no()


@verb(app, "prove", chain=True)
def prove(
    frame: Frame,
    entry: Annotated[int, typer.Argument(help="Its number in the log.", min=1, show_default=False)],
    custodian: _Custodian = None,
    out: _Out = None,
) -> None:
    """Prove to a reader that an entry is in the anchored log; the document says nothing about the entry but its place.

    Example: careledger custodian prove 41 --as hospital --out proof.json
    """
    with _desk(frame, custodian, signs=False) as desk:
        found = desk.prove(entry)
    write_document(found.to_json(), out)


@verb(app, "omissions", chain=True)
def omissions(frame: Frame, custodian: _Custodian = None) -> None:
    """Answer the omissions that readers reported, each by its proof; exit code 3 where one cannot be answered.

    Example: careledger custodian omissions --as hospital
    """
    frame.check_network(frame.target.chain_id)
    with _desk(frame, custodian) as desk:
        found = desk.answer_omissions()
    rows = [
        {"receipt": each.receipt_hash, "entry": each.entry, "answered": each.answered, "why not": each.why_not}
        for each in found
    ]
    frame.table(rows, columns=("receipt", "entry", "answered", "why not"))
    if not all(each.answered for each in found):
        frame.no()


@verb(app, "accounting", chain=True)
def accounting(
    frame: Frame, request: _Request, custodian: _Custodian = None, receipts_as: _Signer = None, out: _Out = None
) -> None:
    """Account to a patient for every entry about its pseudonym; exit code 3 where the requester does not act for it.

    Example: careledger custodian accounting request.json --as hospital --out accounting.json
    """
    with _desk(frame, custodian, receipts_as=receipts_as, opens=True, signs=receipts_as is None) as desk:
        asked = desk.care.records.read_accounting_request(read_document(request))
        write_document(desk.accounting(asked).to_json(), out)


@verb(app, "log", chain=True)
def log(
    frame: Frame,
    custodian: _Custodian = None,
    patient: Annotated[Address | None, _address("--patient", "Only about this pseudonym.")] = None,
) -> None:
    """List the entries of the log book, opened: who asked for what, and what came of it.

    Example: careledger custodian log --patient 0xA… --as hospital
    """
    with _desk(frame, custodian, opens=True, signs=False) as desk:
        found = desk.book.all() if patient is None else desk.book.about(patient)
        rows = [{**access_row(entry), "patient": entry.patient} for entry in found]
    columns = ("entry", "at", "patient", "actor", "for", "purpose", "record", "outcome", "because", "basis")
    frame.table(rows, columns=columns)


@verb(app, "begin", write=True)
def begin(
    frame: Frame,
    custodian: _Custodian = None,
    receipt_key: Annotated[
        Address | None, _address("--receipt-key", "The account that signs receipts; the profile's without.")
    ] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="The former book is lost for good: begin one behind it.")
    ] = False,
) -> None:
    """Begin a log book, and name the account that signs receipts, which is never taken back; prints that account.

    Example: careledger custodian begin --receipt-key 0xD… --as hospital
    """
    options = frame.write_options()
    if anew:
        frame.confirm("Begin a new log book? What the former one held can be accounted for no more.")
    with _desk(frame, custodian, opens=True, begin_anew=anew) as desk:
        if not frame.dry_run:
            after = desk.book.after
            frame.note(f"The log book is in {desk.folder}" + (f", behind entry {after}." if after else "."))
        frame.receipt(
            desk.care.records.name_receipt_key(desk.party, signer=receipt_key or desk.care.signer.address, **options)  # type: ignore[union-attr]
        )


@verb(app, "interval", write=True)
def interval(
    frame: Frame,
    seconds: Annotated[int, typer.Argument(help="3600 to 604800.", min=3600, max=604_800, show_default=False)],
    custodian: _Custodian = None,
) -> None:
    """State how long at most an entry waits for its anchor; a day where it is never stated. Prints the seconds.

    Example: careledger custodian interval 3600 --as hospital
    """
    options = frame.write_options()
    with frame.client(signs=True) as care:
        who = PartyRef("organisation", custodian or care.me)
        frame.receipt(care.records.state_interval(who, seconds=seconds, **options))
