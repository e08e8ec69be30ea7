"""A noun for tests: verbs that fail, write, decide, wait and print hostile text."""

import logging
import time
from pathlib import Path
from typing import Annotated

import typer

from careledger import errors
from careledger.cli import output
from careledger.cli.frame import Frame, verb
from careledger.cli.parameters import address_of, amount, bytes32_of
from careledger.redact import Secret
from careledger.values import Address, Bytes32, Decision, Money, Prepared, Receipt, TxHash

app = typer.Typer()
SECRET = "correct horse battery"
HOSTILE = "<b>Ann\x1b[31m\u202e\r\nee\x00\u200b</b>"


@app.callback()
def main() -> None:
    """For tests."""


@verb(app, "pay", write=True)
def pay(
    frame: Frame,
    money: Annotated[Money, typer.Argument(parser=amount, metavar="AMOUNT")],
    to: Annotated[Address, typer.Argument(parser=address_of, metavar="ADDRESS")],
) -> None:
    """Pay. Example: careledger probe pay "1.00 USD" 0x…"""
    options = frame.write_options()
    if options["dry_run"]:
        frame.receipt(Prepared(21000, 10**15, {"to": to}, "0x00"))
        return
    frame.confirm(f"Pay {money} to {to}?")
    frame.receipt(
        Receipt(f"paid {money.amount} {money.currency}", TxHash("0x" + "1" * 64), 1, "included", 21000, 10**12)
    )


@verb(app, "ask", chain=True)
def ask(frame: Frame, thing: Annotated[Bytes32, typer.Argument(parser=bytes32_of)], yes: bool = False) -> None:
    """Ask. Example: careledger probe ask 0x…"""
    frame.decision(Decision(yes, "NOT_GRANTED", "NONE"))


@verb(app, "fail")
def fail(frame: Frame, kind: str) -> None:
    """Fail. Example: careledger probe fail NodeUnavailable"""
    logging.getLogger("careledger").info("password %s, as %r", Secret(SECRET.encode(), "password"), HOSTILE)
    if kind == "bug":
        secret = SECRET
        raise ValueError(secret)
    if kind == "interrupt":
        raise KeyboardInterrupt
    if kind == "file":
        Path("not there").read_text()
    raise getattr(errors, kind)(f"no, {HOSTILE}", why="it is so", fix="try it so")


@verb(app, "show")
def show(frame: Frame) -> None:
    """Show hostile text. Example: careledger probe show"""
    rows = [{"name": HOSTILE, "memo": {"text": HOSTILE}}]
    frame.table(rows, columns=("name", "memo"))
    if not frame.json:
        frame.answer(rows[0])
        frame.note(HOSTILE)


@verb(app, "flood")
def flood(frame: Frame) -> None:
    """Print without end. Example: careledger probe flood"""
    while True:
        output.lines(["line"] * 1000)


@verb(app, "wait")
def wait(frame: Frame, file: Path) -> None:
    """Wait, holding a file. Example: careledger probe wait FILE"""
    file.write_text("held")
    try:
        print("waiting", flush=True)
        time.sleep(60)
    finally:
        file.unlink()
