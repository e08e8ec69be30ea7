"""``careledger chain``: a local Anvil that keeps running between commands."""

from __future__ import annotations

from typing import Annotated

import typer

from careledger.chain import background
from careledger.cli.frame import Frame, verb

app = typer.Typer(no_args_is_help=True)


@app.callback()
def main() -> None:
    """A local Anvil with the well-known development accounts, kept running between commands."""


@verb(app, "start")
def start(
    frame: Frame,
    port: Annotated[
        int, typer.Option(help="Where it listens, on this machine only; 0 takes a free one.", min=0, max=65535)
    ] = 8545,
    chain_id: Annotated[int, typer.Option(help="Its chain id.", min=1, max=2**53)] = 31337,
    block_time: Annotated[
        int | None, typer.Option(help="Seconds between blocks; at once for each transaction without.", min=1, max=3600)
    ] = None,
) -> None:
    """Start a local chain in the background, unless one runs; prints its URL.

    Example: careledger chain start --port 0
    """
    running, is_new = background.start(frame.settings.home, port=port, chain_id=chain_id, block_time=block_time)
    if not is_new:
        frame.note("A local chain is running already.")
    frame.answer(running, lines=[running.url])


@verb(app, "stop")
def stop(frame: Frame) -> None:
    """Stop the local chain; what was on it is gone.

    Example: careledger chain stop
    """
    stopped = background.stop(frame.settings.home)
    if frame.json:
        frame.answer({"stopped": stopped})
    else:
        frame.note("The local chain was stopped." if stopped else "No local chain was running.")


@verb(app, "status")
def status(frame: Frame) -> None:
    """Say whether the local chain runs, and where; exit code 3 where it does not.

    Example: careledger chain status
    """
    running = background.status(frame.settings.home)
    if running is None:
        if frame.json:
            frame.answer({"running": None})
        else:
            frame.note("No local chain is running.")
        frame.no()
    frame.answer({"running": running} if frame.json else running)
