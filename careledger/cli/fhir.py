"""``careledger fhir``: what a FHIR file holds and what CareLedger makes of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from careledger.cli import output
from careledger.cli.frame import Frame, verb
from careledger.cli.parameters import address_of
from careledger.errors import CareLedgerError, FormatError
from careledger.formats.fhir import inspect as inspection
from careledger.values import Address, PartyRef

app = typer.Typer(name="fhir", help="Look into FHIR files.", no_args_is_help=True)

_WIDTH_WITHOUT_TERMINAL = 200
"""Columns of a table that goes to a file or another program."""


@app.callback()
def main() -> None:
    """Look into FHIR files."""


@verb(app, "inspect", chain=True)
def inspect_(
    frame: Frame,
    files: Annotated[list[Path], typer.Argument(help="FHIR JSON, NDJSON, gzip of either, folders; - is stdin.")],
    every: Annotated[bool, typer.Option("--all", help="A row for every resource, also in large Bundles.")] = False,
    validate: Annotated[bool, typer.Option(help="Validate with the R4B and R5 models.")] = True,
    directory: Annotated[
        bool,
        typer.Option(
            "--directory", help="Say whose each is by the profile's directory; name on stdout those it does not know."
        ),
    ] = False,
    organisation: Annotated[
        Address | None,
        typer.Option(parser=address_of, metavar="ADDRESS", help="Whose directory; the profile's account without."),
    ] = None,
) -> None:
    """Say of every resource what it is, who it is about, and what CareLedger makes of it, or why nothing.

    With --json: one array, an object per file or NDJSON line. With --directory: exit code 3 where a patient is not
    paired, and who that is, by name and identifier.

    Example: careledger fhir inspect --json discharge.json labs.ndjson
    """
    inputs: list[str | Path | BinaryIO] = [sys.stdin.buffer if str(f) == "-" else f for f in files]
    unmatched = inspection.Unmatched()
    with frame.client(signs=True, opens=True) if directory else nullcontext() as care:
        known = None if care is None else care.directory
        known = known if known is None or organisation is None else known.of(PartyRef("organisation", organisation))
        if frame.json:
            good = inspection.write_json(inputs, sys.stdout, validate=validate, directory=known, unmatched=unmatched)
        else:
            found = inspection.rows(inputs, every=every, validate=validate, directory=known, unmatched=unmatched)
            good = _print_table(found, with_accounts=directory)
    if unmatched.resources and not frame.json:
        _print_unmatched(unmatched)
    if not good and frame.json:
        raise FormatError(
            "not everything could be read", why="Each object on stdout says in its reason what is wrong with it.",
            fix="Mend those files, or leave them out.",
        )  # fmt: skip
    if not good:
        raise typer.Exit(1)
    if unmatched.resources:
        frame.no()


def _print_unmatched(unmatched: inspection.Unmatched) -> None:
    """Write whom the directory does not know, for the person at the desk: on stdout alone."""
    count = unmatched.resources
    output.lines(["", f"Not paired: {count} resource{'' if count == 1 else 's'} about"])
    output.table(("patient", "system", "value", "resources", "why"), [
        (name, system, value, number, reason) for name, system, value, reason, number in unmatched
    ])  # fmt: skip
    if unmatched.not_kept:
        output.lines([f"and {unmatched.not_kept} resources about more than {unmatched.MOST:,} others"])


def _print_table(rows: Iterator[inspection.Row | CareLedgerError], *, with_accounts: bool = False) -> bool:
    console = Console(width=None if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL, highlight=False)
    complaints = Console(stderr=True, highlight=False, soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    headings = ["file", "resources", "type", "version", "subject", "becomes", "data classes", "why", "reading"]
    for heading in [*headings, "account"] if with_accounts else headings:
        table.add_column(heading, overflow="fold", justify="right" if heading == "resources" else "left")
    good, count, last = True, 0, ""
    for row in rows:
        if isinstance(row, CareLedgerError):
            good = False
            complaints.print(Text(f"Error: {inspection.shown(inspection.sentence(row), 500)}"))
            for label, text in (("Why:   ", row.why), ("Try:   ", row.fix)):
                if text:
                    complaints.print(Text(label + inspection.shown(text, 500)))
            continue
        good = good and row.resource.is_readable
        count += 1
        file, *cells = _cells(row)
        cells += [row.account] if with_accounts else []
        table.add_row(*(Text(cell) for cell in ("" if file == last else file, *cells)))
        last = file
    if count:
        console.print(table)
    return good


def _cells(row: inspection.Row) -> Iterator[str]:
    found = row.resource
    yield inspection.shown(Path(found.source).name + (f":{found.line}" if found.line and row.count == 1 else ""))
    yield str(row.count)
    yield inspection.shown(found.resource_type or "-")
    yield found.fhir_version or "-"
    yield row.subject
    yield found.becomes.value if found.becomes else "nothing"
    yield ", ".join(c.word for c in sorted(found.data_classes)) or "-"
    yield inspection.shown(found.reason, 400)
    yield found.reading
