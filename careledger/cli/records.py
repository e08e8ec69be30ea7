"""``careledger records``: sealed off chain, anchored on chain, opened by those they are shared with."""

from __future__ import annotations

import base64
import shutil
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import typer

from careledger.cli import accountings, record_requests
from careledger.cli.frame import Frame, verb
from careledger.cli.parameters import address_of, bytes32_of, code_of
from careledger.cli.views import minute
from careledger.codes import DataClass, LegalBasis, Meaning, RecordStatus
from careledger.errors import InputError, Misuse, NotFound
from careledger.text import shown
from careledger.values import Address, Bytes32, PartyRef

app = typer.Typer(no_args_is_help=True)
_PIECE = 1 << 20


@app.callback()
def main() -> None:
    """Records of health data: sealed here, anchored on chain by a commitment that says nothing about anybody."""


def _address(name: str, help: str) -> Any:
    return typer.Option(name, parser=address_of, metavar="ADDRESS", help=help, show_default=False)


_Record = Annotated[Bytes32, typer.Argument(parser=bytes32_of, metavar="RECORD", help="Its id.", show_default=False)]


def _client(frame: Frame, *, signs: bool = False) -> AbstractContextManager[Any]:
    """Connect, with the profile's opener where it has one."""
    named = signs or frame.settings["profile"] is not None
    return frame.client(signs=signs, opens=named and frame.profile.opener is not None)  # type: ignore[no-any-return]


_About = Annotated[Address, _address("--about", "The patient's pseudonym; it never goes on chain.")]
_Readers = Annotated[list[Address] | None, _address("--reader", "Who may open it; repeatable.")]
_Classes = Annotated[
    list[Any] | None,
    typer.Option("--class", parser=code_of(DataClass), metavar="CLASS", help="A class of data in it; found in FHIR."),
]
_MediaType = Annotated[
    str | None, typer.Option(help="What it is; guessed without.", metavar="TYPE", show_default=False)
]


@verb(app, "seal", write=True)
def seal(
    frame: Frame,
    file: Annotated[Path, typer.Argument(help="What is to be sealed; - is stdin.", show_default=False)],
    about: _About,
    reader: _Readers = None,
    classes: _Classes = None,
    author: Annotated[Address | None, _address("--author", "Who wrote it; the profile's account without.")] = None,
    media_type: _MediaType = None,
    meaning: Annotated[
        Any, typer.Option(parser=code_of(Meaning), metavar="MEANING", help="What the author's signature means.")
    ] = "authored",
) -> None:
    """Seal a file to its readers, keep it, and anchor it; prints the record's id.

    Repeated after a failure, the same command finishes what was begun and seals nothing twice.

    Example: careledger records seal letter.json --about 0xA… --reader 0xB… --as clinic --key doc/88-1
    """
    source, options = _source(file), frame.write_options()
    with _client(frame, signs=True) as care:
        frame.receipt(
            care.records.seal(
                source,
                author=PartyRef("person", author or care.me),
                about=PartyRef("person", about),
                classes=classes or None,
                media_type=media_type,
                readers=[PartyRef("person", each) for each in reader or ()],
                meaning=code_of(Meaning)(meaning),
                **options,
            )
        )


def _source(file: Path) -> Any:
    if str(file) == "-":
        return sys.stdin.buffer
    if not file.is_file():
        raise NotFound(f"there is no file {shown(file.name)}", fix="Check the path.")
    return file


@verb(app, "supersede", write=True)
def supersede(
    frame: Frame,
    record: _Record,
    file: Annotated[Path, typer.Argument(help="The newer version; - is stdin.", show_default=False)],
    about: _About,
    reader: _Readers = None,
    classes: _Classes = None,
    media_type: _MediaType = None,
) -> None:
    """Seal a newer version in a record's place, as its author; the old one stays readable and says so. Prints its id.

    Example: careledger records supersede 0x51… letter-2.json --about 0xA… --reader 0xB… --as clinic
    """
    source, options = _source(file), frame.write_options()
    with _client(frame, signs=True) as care:
        frame.receipt(
            care.records.supersede(
                record, source, about=PartyRef("person", about), classes=classes or None, media_type=media_type,
                readers=[PartyRef("person", each) for each in reader or ()], **options,
            )
        )  # fmt: skip


@verb(app, "mark-error", write=True)
def mark_error(frame: Frame, record: _Record) -> None:
    """State that a record was entered in error, as its author; it stays readable, with a warning, for good.

    Example: careledger records mark-error 0x51… --as clinic
    """
    options = frame.write_options()
    with _client(frame, signs=True) as care:
        if not care.records.status(record).status:
            raise NotFound(f"record {record[:10]}… is not anchored", fix="See: careledger records list.")
        frame.confirm(f"State for good that record {record[:10]}… was entered in error?")
        frame.receipt(care.records.mark_error(record, **options))


@verb(app, "open", chain=True)
def open_(
    frame: Frame,
    record: _Record,
    out: Annotated[Path | None, typer.Option("--out", help="Where it goes; stdout without.", metavar="FILE")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the file that is there.")] = False,
) -> None:
    """Open a record with the profile's opener: to stdout, or to a file, whole and verified or not at all.

    Example: careledger records open 0x51… --as clinic --out letter.json
    """
    if out is not None and out.exists() and not replace:
        raise InputError(f"{shown(out.name)} is there already", fix="Give another file, or --replace.")
    with frame.client(opens=True) as care, care.records.open(record) as stream:
        if stream.warning:
            frame.note(f"Warning: {stream.warning}")
        about = {
            "record": record,
            "media_type": stream.media_type,
            "classes": [item.word for item in sorted(stream.classes)],
            "status": stream.state.status.name,
            "warning": stream.warning,
        }
        if out is not None:
            size = care.records.desk.fetch(stream, out)
            frame.answer(about | {"file": str(out), "size": size}, lines=[out])
        elif frame.json:
            content = stream.read()
            frame.answer(about | {"size": len(content), "content_base64": base64.b64encode(content).decode()})
        elif _is_terminal():
            _to_terminal(stream.read())
        else:
            sys.stdout.flush()
            shutil.copyfileobj(stream, sys.stdout.buffer, _PIECE)
            sys.stdout.buffer.flush()


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def _to_terminal(content: bytes) -> None:
    """Show text so that the terminal does not obey it; refuse anything else."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("this record is no text for a terminal", fix="Give --out FILE, or pipe it.") from None
    for line in text.splitlines():
        sys.stdout.write(shown(line.expandtabs(), len(line) * 8) + "\n")


@verb(app, "status", chain=True)
def status(frame: Frame, record: _Record) -> None:
    """Say where a record stands on the chain; exit code 3 where it is not anchored.

    Example: careledger records status 0x51…
    """
    with frame.client() as care:
        found = care.records.status(record)
    frame.answer(found)
    if found.status is RecordStatus.NONE:
        frame.no()


@verb(app, "list", chain=True)
def list_(
    frame: Frame,
    author: Annotated[Address | None, _address("--author", "Only this author's.")] = None,
    state: Annotated[
        Any,
        typer.Option("--status", parser=code_of(RecordStatus), metavar="STATUS", help="Only those that stand so."),
    ] = None,
) -> None:
    """List the records that the chain shows, oldest first, and those of a batch that are kept here.

    Example: careledger records list --status current
    """
    with frame.client() as care:
        whose = None if author is None else PartyRef("person", author)
        found = care.records.list(author=whose, status=state)
    if frame.json:
        frame.answer(found)
        return
    rows = [
        {"id": item.id, "status": item.status.word, "author": item.author, "anchored": minute(item.anchored_at)}
        for item in found
    ]
    frame.table(rows, columns=("id", "status", "author", "anchored"))


@verb(app, "share", chain=True)
def share(
    frame: Frame, record: _Record, with_: Annotated[Address, _address("--with", "The reader; it has published a key.")]
) -> None:
    """Let one more reader open a record, by wrapping its key for it; nothing is sent to the chain.

    Example: careledger records share 0x51… --with 0xB… --as hospital
    """
    with frame.client(opens=True) as care:
        found = care.records.share(record, with_=PartyRef("person", with_))
    frame.answer(found, lines=[found.id])


@verb(app, "unshare", chain=True)
def unshare(
    frame: Frame, record: _Record, from_: Annotated[Address, _address("--from", "The reader.")]
) -> None:  # fmt: skip
    """Destroy what lets a reader open a record. What it read or kept before is out of reach.

    Example: careledger records unshare 0x51… --from 0xB… --as hospital
    """
    with frame.client() as care:
        found = care.records.unshare(record, from_=PartyRef("person", from_))
    frame.answer(found, lines=[found.id])


@verb(app, "shred", write=True)
def shred(
    frame: Frame,
    record: _Record,
    basis: Annotated[
        Any,
        typer.Option("--basis", parser=code_of(LegalBasis), metavar="BASIS", help="The law, such as patient-request."),
    ] = None,
) -> None:
    """Destroy a record for good, keys, salt and bytes, and state it on the chain; asks first.

    Example: careledger records shred 0x51… --basis patient-request --as hospital --yes
    """
    if basis is None:
        words = ", ".join(each.word for each in LegalBasis if each)
        raise Misuse("shredding needs a legal basis", fix=f"Add --basis, one of: {words}.")
    options = frame.write_options()
    frame.confirm(f"Destroy record {record[:10]}… for ever?")
    with frame.client(signs=True) as care:
        frame.receipt(care.records.shred(record, basis=basis, **options))


@verb(app, "log", chain=True)
def log(
    frame: Frame,
    custodian: Annotated[
        Address | None,
        typer.Argument(
            parser=address_of, metavar="CUSTODIAN", help="Whose; the profile's without.", show_default=False
        ),
    ] = None,
) -> None:
    """List the anchored parts of a custodian's access log; exit code 3 where an omission is open.

    Example: careledger records log 0xC…
    """
    with frame.client(signs=custodian is None) as care:
        who = PartyRef("organisation", custodian or care.me)
        found = care.records.log_of(who)
        parts = [care.records.log_part(who, number) for number in range(1, int(found["anchors"]) + 1)]
    if frame.json:
        standing = {name: found[name] for name in sorted(found)}
        frame.answer({"custodian": who.address, **standing, "parts": parts})
    else:
        rows = [
            {"part": each.part, "first": each.first, "last": each.last, "anchored": minute(each.anchored_at),
             "root": each.root} for each in parts
        ]  # fmt: skip
        frame.table(rows, columns=("part", "first", "last", "anchored", "root"))
        frame.note(f"{found['lastEntry']} entries, {found['openOmissions']} open omissions.")
    if int(found["openOmissions"]):
        frame.no()


app.registered_commands += record_requests.app.registered_commands + accountings.app.registered_commands
