"""``careledger tx``: what the profile's account has sent, and what is still on its way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from careledger.cli import output
from careledger.cli.frame import Frame, verb
from careledger.errors import CareLedgerError, Misuse, NotFound, Pending

if TYPE_CHECKING:
    from careledger.chain.journal import Entry

app = typer.Typer(no_args_is_help=True)
_OPEN: Final = ("signed", "sent", "included")
# what the SDK makes by itself, of what is public anyway: an act, then addresses or hashes, then code words and numbers
_PUBLIC: Final = re.compile(
    r"(grant|revoke|deny|admit|publish-key|emergency|review|forward|[A-Z][A-Za-z]+\.[a-z][A-Za-z]+)(/0x[0-9a-fA-F]{32,})+"
    r"(/([A-Z_]{2,24}|[0-9]{1,6}))*",
    re.ASCII,
)


@app.callback()
def main() -> None:
    """What was sent, from the journal that is written before anything is sent."""


@verb(app, "list", chain=True)
def list_(
    frame: Frame,
    unfinished: Annotated[bool, typer.Option("--open", help="Only what is not final yet.")] = False,
    keys: Annotated[bool, typer.Option("--keys", help="Show business keys in full; they may name people.")] = False,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=100_000)] = 100,
) -> None:
    """List what the profile's account has sent, newest first; business keys that may name people are hidden.

    Example: careledger tx list --as clinic
    """
    with frame.client(signs=True) as care:
        found = care.sender.journal.unfinished()[:limit] if unfinished else care.sender.journal.entries(limit=limit)
    rows = [_row(entry, keys=keys) for entry in found]
    frame.table(rows, columns=("key", "state", "nonce", "hash"))


@verb(app, "show", chain=True)
def show(
    frame: Frame,
    key: Annotated[str, typer.Argument(help="Business key, or a transaction's hash.", show_default=False)],
) -> None:
    """Show what became of one act: its state, nonce, hashes, block and gas.

    Example: careledger tx show consent/4711/1 --as clinic
    """
    with frame.client(signs=True) as care:
        journal = care.sender.journal
        entry = journal.get(key)
        if entry is None:
            wanted = key.lower()
            known = journal.entries(limit=100_000)
            entry = next((each for each in known if wanted in (v.hash.lower() for v in each.variants)), None)
    if entry is None:
        raise NotFound("this account's journal has no such key", fix="See: careledger tx list --keys.")
    outcome = entry.outcome or {}
    receipt = outcome.get("receipt") or {}
    frame.answer(
        _row(entry, keys=key == entry.key)
        | {
            "to": entry.call.get("to"),
            "attempts": [each.hash for each in entry.variants],
            "block": _number(receipt.get("blockNumber")),
            "gas": _number(receipt.get("gasUsed")),
            "why": outcome.get("refused") or outcome.get("winner"),
        }
    )


@verb(app, "resume", write=True)
def resume(frame: Frame) -> None:
    """Take up what an earlier run left behind: stored bytes are sent again where the node has lost them.

    Exit code 4 where something is still on its way, 1 where something failed.

    Example: careledger tx resume --as clinic --wait final
    """
    if frame.key is not None:
        raise Misuse("this takes up everything that is open", fix="Leave out --key; see: careledger tx show.")
    options = frame.write_options()
    with frame.client(signs=True) as care:
        left = care.sender.journal.unfinished()
        if frame.dry_run:
            frame.note(f"Nothing was sent. {len(left)} would be taken up.")
            frame.table([_row(entry, keys=False) for entry in left], columns=("key", "state", "nonce", "hash"))
            return
        results = care.sender.recover(wait=options["wait"])
    rows = [_result(entry, result) for entry, result in zip(left, results, strict=False)]
    frame.table(rows, columns=("key", "state", "nonce", "hash", "why"))
    failed = [each for each in results if isinstance(each, CareLedgerError)]
    if failed:
        raise typer.Exit(Pending.exit_code if all(each.exit_code == Pending.exit_code for each in failed) else 1)


@verb(app, "carry", write=True)
def carry(frame: Frame) -> None:
    """Send what waits in the tray and whose moment has come, in no order; run it every few minutes.

    What waits was laid in by consents grant --within-days. Exit code 4 where the node did not take something, which
    stays; 1 where the contract refused something, which leaves the tray.

    Example: careledger tx carry --as relayer
    """
    if frame.key is not None:
        raise Misuse("this carries everything that is due", fix="Leave out --key.")
    frame.write_options()
    with frame.client(signs=True) as care:
        if frame.dry_run:
            now = care.consents.now()
            frame.note(f"Nothing was sent. {sum(item.due <= now for item in care.tray.waiting())} would be.")
            results = []
        else:
            results = care.carry_due()
        left = len(care.tray.waiting())
    failed = [each for each in results if isinstance(each, CareLedgerError)]
    for error in failed:
        frame.note(output.one_line(error))
    frame.answer({"carried": len(results) - len(failed), "failed": len(failed), "waiting": left})
    if failed:
        raise typer.Exit(Pending.exit_code if all(each.exit_code == Pending.exit_code for each in failed) else 1)


def _result(entry: Entry, result: Any) -> dict[str, Any]:
    row = _row(entry, keys=False)
    if isinstance(result, CareLedgerError):
        return row | {"state": type(result).__name__, "why": output.one_line(result)}
    return row | {"state": result.status, "hash": result.tx, "why": ""}


def _row(entry: Entry, *, keys: bool) -> dict[str, Any]:
    """Return an entry in a line; a key that a person chose is shown only when asked for."""
    return {
        "key": entry.key if keys or _PUBLIC.fullmatch(entry.key) else f"<{len(entry.key)} characters>",
        "state": entry.state,
        "nonce": entry.nonce,
        "hash": entry.newest.hash if entry.variants else None,
    }


def _number(value: Any) -> int | None:
    return int(value, 0) if isinstance(value, str) else value
