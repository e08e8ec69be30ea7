"""``careledger keys``: keystores by name. Passwords come from a prompt or the environment, never from arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from careledger import keyring
from careledger.cli.backup import app as backup_app
from careledger.cli.frame import Frame, verb
from careledger.errors import Misuse
from careledger.profiles import DEFAULT_PATH

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Its name.")]


@app.callback()
def main() -> None:
    """Keystores by name. Passwords: asked for, or CARELEDGER_PASSWORD, or CARELEDGER_PASSWORD_FILE."""


@verb(app, "create")
def create(
    frame: Frame,
    name: Name,
    opener: Annotated[bool, typer.Option("--opener", help="A key that opens sealed files, no account.")] = False,
    words: Annotated[bool, typer.Option("--words", help="Show 24 words to restore it by, once.")] = False,
    words_file: Annotated[
        Path | None, typer.Option(help="Write the words to this new file instead (mode 0600).", metavar="FILE")
    ] = None,
) -> None:
    """Create a key and its encrypted keystore; prints the account, or the opener's key hash.

    Example: careledger keys create clinic-key --words-file clinic-words.txt
    """
    home = frame.settings.home
    if opener and (words or words_file):
        raise Misuse("an opener has no words", fix="Leave out --opener, or --words and --words-file.")
    entry = (
        keyring.create_opener(name, home)
        if opener
        else keyring.create_account(name, home, words_file=words_file, with_words=words)
    )
    frame.answer(entry, lines=[entry.public])


@verb(app, "import")
def import_(
    frame: Frame,
    name: Name,
    file: Annotated[Path, typer.Argument(help="A keystore, or a file with a mnemonic or a raw key, mode 0600.")],
    path: Annotated[str, typer.Option(help="The derivation path, for a mnemonic.")] = DEFAULT_PATH,
) -> None:
    """Bring a key in from a file; the file stays where it is.

    Example: careledger keys import clinic-key old-keystore.json
    """
    entry = keyring.import_file(name, file, frame.settings.home, path=path)
    frame.answer(entry, lines=[entry.public])


@verb(app, "list")
def list_(frame: Frame) -> None:
    """List keystores.

    Example: careledger keys list --json
    """
    rows = [entry.to_json() for entry in keyring.entries(frame.settings.home)]
    frame.table(rows, columns=("name", "kind", "public"))


@verb(app, "show")
def show(frame: Frame, name: Name) -> None:
    """Show what is public about a key: kind, account or key hash, file.

    Example: careledger keys show clinic-key
    """
    frame.answer(keyring.entry(name, frame.settings.home))


app.registered_commands += backup_app.registered_commands
