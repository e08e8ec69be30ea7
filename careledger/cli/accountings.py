"""``careledger records``, the verbs of patients: ask a custodian who read what, and check its answer."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from careledger.cli.documents import read_document, write_document
from careledger.cli.frame import Frame, verb
from careledger.cli.parameters import address_of, code_of
from careledger.cli.views import access_row, minute
from careledger.codes import Purpose
from careledger.errors import InputError, Misuse
from careledger.text import shown
from careledger.values import Address, PartyRef

app = typer.Typer()
"""Its verbs are those of ``careledger records``."""


def _address(name: str, help: str) -> Any:
    return typer.Option(name, parser=address_of, metavar="ADDRESS", help=help, show_default=False)


_Out = Annotated[Path | None, typer.Option("--out", help="Where it goes; stdout without.", metavar="FILE")]


@verb(app, "request-accounting", chain=True)
def request_accounting(
    frame: Frame,
    custodian: Annotated[Address, _address("--custodian", "Whose log.")],
    patient: Annotated[Address | None, _address("--patient", "The pseudonym; the profile's account without.")] = None,
    requester: Annotated[
        Address | None, _address("--requester", "Who asks for the patient; the profile's account without.")
    ] = None,
    purpose: Annotated[
        Any, typer.Option(parser=code_of(Purpose), metavar="CODE", help="What a guardian is appointed for.")
    ] = "patrqt",
    since: Annotated[str | None, typer.Option(help="The first day of interest; all without.", metavar="DAY")] = None,
    out: _Out = None,
) -> None:
    """Sign a request for an accounting of disclosures: who read, or was refused, what a custodian keeps about one.

    Example: careledger records request-accounting --custodian 0xC… --as ana --out request.json
    """
    first = _day(since)
    with frame.client(signs=True, opens=True) as care:
        if first > max(care.records.now(), time.time()):
            raise Misuse("--since is a day that is yet to come", fix="Give a day that is past, or leave it out.")
        mine = PartyRef("person", care.signer.address)
        who = mine if patient is None else PartyRef("person", patient)
        by = PartyRef("person", requester) if requester else (who if patient is None else mine)
        made = care.records.request_accounting(
            custodian=PartyRef("organisation", custodian), patient=who, requester=by, purpose=code_of(Purpose)(purpose),
            since=first,
        )  # fmt: skip
    write_document(made.to_json(), out)


def _day(text: str | None) -> int:
    if text is None:
        return 0
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise Misuse("this is no day", fix="Write year, month and day: 2026-03-01.") from None


@verb(app, "check-accounting", chain=True)
def check_accounting(
    frame: Frame,
    accounting: Annotated[Path, typer.Argument(help="What the custodian answered, or an opened one.")],
    request: Annotated[
        Path | None,
        typer.Option("--request", help="The request it answers: an older accounting is none.", metavar="FILE"),
    ] = None,
    hipaa: Annotated[
        bool, typer.Option("--hipaa", help="Show what 45 CFR 164.528 asks for: releases of six years.")
    ] = False,
    fhir: Annotated[
        str | None, typer.Option("--fhir", help="Write AuditEvents of FHIR 4.0.1 or 5.0.0.", metavar="VERSION")
    ] = None,
    ndjson: Annotated[bool, typer.Option("--ndjson", help="With --fhir: a line each, no Bundle.")] = False,
    opened: Annotated[
        Path | None, typer.Option("--opened", help="Write the accounting unsealed, for an auditor.", metavar="FILE")
    ] = None,
    own: Annotated[bool, typer.Option("--receipts", help="Compare with the access receipts kept here too.")] = False,
    out: _Out = None,
) -> None:
    """Compare an accounting with the anchors on chain, and show it; exit code 3 where it is not complete.

    Example: careledger records check-accounting answer.json --request request.json --as ana
    """
    version = _version(fhir)
    with frame.client(opens=frame.settings["profile"] is not None and frame.profile.opener is not None) as care:
        found = care.records.read_accounting(read_document(accounting))
        asked = care.records.read_accounting_request(read_document(request)) if request is not None else None
        kept = care.records.receipts() if own else ()
        check = care.records.check_accounting(found, request=asked, receipts=kept)
        entries = found.required_by_hipaa(before=care.records.now()) if hipaa else found.disclosures
        registry, chain_id = care.records.address, care.connection.chain_id
    if opened is not None:
        write_document(found.to_json(), opened)
        frame.note(f"{opened} holds who read what, and every salt: hand it to whom you trust.")
    if version is not None:
        from careledger.formats.fhir.audit_event import audit_events

        events = audit_events(
            entries, custodian=found.custodian, chain_id=chain_id, registry=registry, version=version
        )  # fmt: skip
        _write_events(list(events), out, ndjson=ndjson)
    elif frame.json or out is not None:
        write_document({"check": check.to_json(), "entries": [access_row(entry) for entry in entries]}, out)
    else:
        frame.table([access_row(entry) for entry in entries], columns=tuple(_COLUMNS))
    for problem in check.problems:
        frame.note(problem)
    word = "complete" if check.complete else "NOT complete"
    frame.note(
        f"{word} up to entry {check.anchored} of the log, anchored {minute(check.anchored_at)}, as stated "
        f"{minute(check.issued_at)}: "
        f"{check.entries} entries, {check.proved} proved, {len(check.waiting)} not anchored yet. "
        f"True at block {check.block}."
    )
    if not check.complete:
        frame.no()


def _version(text: str | None) -> Literal["4.0.1", "5.0.0"] | None:
    versions: dict[str, Literal["4.0.1", "5.0.0"]] = {
        "4.0.1": "4.0.1", "r4": "4.0.1", "5.0.0": "5.0.0", "r5": "5.0.0"
    }  # fmt: skip
    if text is None:
        return None
    if text.lower() not in versions:
        raise Misuse("there is no AuditEvent of this version here", fix="Use --fhir 4.0.1 or --fhir 5.0.0.")
    return versions[text.lower()]


_COLUMNS = ("number", "at", "actor", "for", "purpose", "record", "outcome", "because", "basis", "entry")


def _write_events(events: list[dict[str, Any]], out: Path | None, *, ndjson: bool) -> None:
    from careledger.formats.fhir import audit_event
    from careledger.privacy.files import write_private

    if not ndjson:
        write_document(audit_event.bundle(events), out)
        return
    lines = b"".join(audit_event.ndjson(events))
    if out is not None:
        if out.exists():
            raise InputError(f"{shown(out.name)} is there already", fix="Give another file.")
        write_private(out, lines)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(lines)
    sys.stdout.buffer.flush()
