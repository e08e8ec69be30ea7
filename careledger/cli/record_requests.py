"""``careledger records``, the verbs of readers: ask a custodian, take in its answer, hold it to its receipts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from careledger.cli.documents import read_document, write_document
from careledger.cli.frame import Frame, verb
from careledger.cli.parameters import address_of, bytes32_of, code_of, jurisdiction_option
from careledger.cli.views import minute
from careledger.codes import DataClass, Purpose, Role
from careledger.errors import Misuse, NotFound
from careledger.values import Address, Bytes32, PartyRef

if TYPE_CHECKING:
    from careledger.resources.receipts import KeptReceipt

app = typer.Typer()
"""Its verbs are those of ``careledger records``."""


def _address(name: str, help: str) -> Any:
    return typer.Option(name, parser=address_of, metavar="ADDRESS", help=help, show_default=False)


_Record = Annotated[Bytes32, typer.Argument(parser=bytes32_of, metavar="RECORD", help="Its id.", show_default=False)]
_Out = Annotated[Path | None, typer.Option("--out", help="Where it goes; stdout without.", metavar="FILE")]
_Receipt = Annotated[
    Bytes32,
    typer.Argument(parser=bytes32_of, metavar="RECEIPT", help="Its id, as receipts lists it.", show_default=False),
]


@verb(app, "request", chain=True)
def request(
    frame: Frame,
    record: _Record,
    custodian: Annotated[Address, _address("--custodian", "Who keeps it.")],
    purpose: Annotated[Any, typer.Option(parser=code_of(Purpose), metavar="CODE", help="What for.")],
    organisation: Annotated[Address | None, _address("--as-organisation", "The organisation it is asked for.")] = None,
    role: Annotated[
        Any, typer.Option("--as-role", parser=code_of(Role), metavar="ROLE", help="Or the role it is asked in.")
    ] = None,
    jurisdiction: Annotated[int, jurisdiction_option("Where organisation or role is accredited.")] = 0,
    organisation_role: Annotated[
        Any, typer.Option(parser=code_of(Role), metavar="ROLE", help="As what the organisation is accredited.")
    ] = "provider",
    classes: Annotated[
        list[Any] | None,
        typer.Option(
            "--class", parser=code_of(DataClass), metavar="CLASS", help="At most these classes; the whole without."
        ),
    ] = None,
    actor: Annotated[Address | None, _address("--actor", "Who asks; the profile's account without.")] = None,
    receipt: Annotated[
        list[Path] | None, typer.Option("--receipt", help="A consent receipt that opens limits.", metavar="FILE")
    ] = None,
    out: _Out = None,
) -> None:
    """Sign a request to a custodian for a record; the document goes to it over any transport, never on chain.

    Example: careledger records request 0x51… --custodian 0xC… --purpose treat --as dr-roe --out request.json
    """
    from careledger.resources.consent_types import ConsentReceipt, RoleRef

    if organisation is not None and role is not None:
        raise Misuse("one asks for an organisation or in a role", fix="Give --as-organisation or --as-role.")
    if (organisation or role) and not jurisdiction:
        raise Misuse("an accreditation is held somewhere", fix="Add --jurisdiction, such as 756000 for Switzerland.")
    capacity = None
    if organisation is not None:
        capacity = PartyRef("organisation", organisation)
    with frame.client(signs=True, opens=True) as care:
        receipts = [ConsentReceipt.load(path, opener=care.opener) for path in receipt or ()]
        made = care.records.request(
            record,
            custodian=PartyRef("organisation", custodian),
            purpose=purpose,
            actor=None if actor is None else PartyRef("person", actor),
            capacity=RoleRef(role, jurisdiction) if role is not None else capacity,
            organisation_role=code_of(Role)(organisation_role),
            jurisdiction=jurisdiction,
            classes=classes or (),
            receipts=receipts * 2 if len(receipts) == 1 else receipts,
        )
    write_document(made.to_json(), out)


@verb(app, "receive", chain=True)
def receive(
    frame: Frame,
    answer: Annotated[Path, typer.Argument(help="What the custodian answered; - is stdin.", show_default=False)],
    request: Annotated[Path, typer.Option("--request", help="The request it answers.", metavar="FILE")],
    content: Annotated[
        Path | None, typer.Option("--content", help="The sealed bytes, where no shared store has them.", metavar="FILE")
    ] = None,
) -> None:
    """Check a custodian's receipt, keep it, and take in the record; exit code 3 where the answer is no.

    Prints the record's id, which careledger records open then opens.

    Example: careledger records receive answer.json --request request.json --as dr-roe
    """
    with frame.client(opens=True) as care:
        found, asked = care.records.read_answer(read_document(answer)), read_document(request)
        got = care.records.receive(found, care.records.read_request(asked), sealed=content)
    if frame.json:
        frame.answer(got)
    elif got.allowed and got.record is not None:
        frame.answer(got, lines=[got.record.id])
    word = "allowed" if got.allowed else "denied"
    frame.note(f"{word}: {got.because.name} (basis {got.basis.name}), true at block {got.block}")
    if not got.allowed:
        frame.no()
    if got.record is None:
        frame.note("The request is too old for the record itself: sign a new one.")
    elif not got.here:
        frame.note("The sealed bytes are not in this store: give --content FILE.")


@verb(app, "receipts", chain=True)
def receipts(
    frame: Frame,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only those whose entry was not proved in time.")] = False,
) -> None:
    """List the access receipts that are kept here; exit code 3 where --overdue finds one.

    Example: careledger records receipts --overdue --as dr-roe
    """
    with frame.client(opens=True) as care:
        found = care.records.overdue() if overdue else care.records.receipts()
    rows = [
        {
            "receipt": kept.id, "custodian": kept.custodian.address, "entry": kept.entry.entry,
            "issued": minute(kept.receipt.terms.issued_at), "record": kept.entry.record,
            "outcome": "allowed" if kept.entry.allowed else "denied", "settled": kept.settled,
        } for kept in found
    ]  # fmt: skip
    frame.table(rows, columns=("receipt", "custodian", "entry", "issued", "record", "outcome", "settled"))
    if overdue and found:
        frame.note("Ask each custodian for a proof (careledger custodian prove), then settle or report.")
        frame.no()


@verb(app, "settle", chain=True)
def settle(
    frame: Frame, proof: Annotated[Path, typer.Argument(help="A custodian's proof.", show_default=False)]
) -> None:
    """Check a custodian's proof of a receipt's entry against the chain; exit code 3 where it proves none.

    Example: careledger records settle proof.json --as dr-roe
    """
    from careledger.resources.answers import LogProof

    shown = LogProof.from_json(read_document(proof))
    with frame.client(opens=True) as care:
        names = (shown.custodian, shown.entry)
        owed = [kept for kept in care.records.receipts() if (kept.custodian, kept.entry.entry) == names]
        done = [kept for kept in owed if care.records.settle(kept, shown)]
    frame.answer({"settled": [kept.id for kept in done]}, lines=[kept.id for kept in done])
    if not done:
        frame.note("No receipt here is settled by this proof.")
        frame.no()


@verb(app, "report", write=True)
def report(frame: Frame, receipt: _Receipt) -> None:
    """Report on chain that the entry of a receipt is in no anchor although its time is up; prints its id.

    Example: careledger records report 0x9a… --as dr-roe
    """
    options = frame.write_options()
    with frame.client(signs=True, opens=True) as care:
        kept = _kept(care, receipt)
        frame.confirm(f"Report {kept.custodian.address} for entry {kept.entry.entry}, in public and for ever?")
        frame.receipt(care.records.report_omission(kept.receipt, **options))


def _kept(care: Any, receipt: Bytes32) -> KeptReceipt:
    found: KeptReceipt | None = next((kept for kept in care.records.receipts() if kept.id == receipt), None)
    if found is None:
        raise NotFound(f"receipt {receipt[:10]}… is not kept here", fix="See: careledger records receipts.")
    return found
