"""``careledger config``: each setting, its value and where it comes from."""

from __future__ import annotations

from typing import Annotated

import typer

from careledger.cli.frame import Frame, verb
from careledger.errors import Misuse
from careledger.settings import KEYS
from careledger.text import did_you_mean, shown

app = typer.Typer()


@verb(app, "config", chain=True)
def config(
    frame: Frame,
    name: Annotated[str, typer.Argument(help="One setting; show or nothing for all.", show_default=False)] = "show",
) -> None:
    """Show each setting, its value and where it comes from. Passwords are no settings and never shown.

    Example: careledger config rpc --json
    """
    settings = frame.settings
    if name == "show":
        frame.table(settings.to_json(), columns=("name", "value", "from", "doc"))
        return
    key = name.lower().replace("-", "_")
    if key not in KEYS:
        raise Misuse(
            f"there is no setting {shown(name, 60)!r}",
            fix=did_you_mean(key, KEYS, otherwise="Run: careledger config, which lists them."),
        )
    found = settings.value(key).to_json()
    frame.answer(found, lines=["" if found["value"] is None else found["value"]])
