"""``careledger profile``: as whom commands act."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from careledger import keyring, profiles
from careledger.cli.frame import Frame, verb
from careledger.errors import Misuse

app = typer.Typer(no_args_is_help=True)


@app.callback()
def main() -> None:
    """As whom commands act: a name, roles, and where the keys lie."""


@verb(app, "create")
def create(
    frame: Frame,
    name: Annotated[str, typer.Argument(help="Its name.")],
    role: Annotated[list[str] | None, typer.Option(help="A role word, such as practitioner; more than once.")] = None,
    keystore: Annotated[str | None, typer.Option(help="A key by name, or a keystore file.", metavar="KEY")] = None,
    mnemonic: Annotated[Path | None, typer.Option(help="Instead: a file with the words.", metavar="FILE")] = None,
    path: Annotated[str, typer.Option(help="The derivation path for them.")] = profiles.DEFAULT_PATH,
    opener: Annotated[str | None, typer.Option(help="What opens sealed files: by name or file.", metavar="KEY")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the profile of that name.")] = False,
) -> None:
    """Create a profile. Keys stay where they are; the profile names them.

    Example: careledger profile create clinic --role provider --keystore clinic-key --opener clinic-opener
    """
    if keystore is not None and mnemonic is not None:
        raise Misuse("a profile has one key, not two", fix="Give --keystore or --mnemonic.")
    home = frame.settings.home
    if mnemonic is not None:
        _check_words(mnemonic, path)
    profile = profiles.Profile(
        profiles.check_name(name),
        tuple(profiles.role_word(word) for word in role or ()),
        _file(keystore, home),
        None if mnemonic is None else mnemonic.absolute(),
        path,
        _file(opener, home),
    )
    profiles.save(profile, home, replace=replace)
    frame.answer(profile, lines=[profile.name])


@verb(app, "list")
def list_(frame: Frame) -> None:
    """List profiles; the one in use is marked.

    Example: careledger profile list
    """
    home, used = frame.settings.home, frame.settings["profile"]
    rows = [each.to_json() | {"in use": each.name == used} for each in profiles.each(home)]
    frame.table(rows, columns=("name", "roles", "keystore", "mnemonic", "opener", "in use"))


@verb(app, "show")
def show(frame: Frame, name: Annotated[str, typer.Argument(help="Its name.")]) -> None:
    """Show a profile: roles and where its keys lie, never what is in them.

    Example: careledger profile show clinic
    """
    frame.answer(profiles.load(name, frame.settings.home))


@verb(app, "use")
def use(frame: Frame, name: Annotated[str, typer.Argument(help="Its name.")]) -> None:
    """Use a profile wherever neither --as nor a setting says otherwise.

    Example: careledger profile use clinic
    """
    profile = profiles.choose(name, frame.settings.home)
    frame.answer(profile, lines=[profile.name])


def _file(text: str | None, home: Path) -> Path | None:
    """Return the file of a key given by name, or by path where it has a separator or exists."""
    if text is None:
        return None
    if "/" in text or Path(text).is_file():
        file = Path(text).expanduser().absolute()
        keyring.check(file)
        return file
    return keyring.entry(text, home).path.absolute()


def _check_words(file: Path, path: str) -> None:
    """Refuse a file whose words have another checksum, or a path nothing can be derived at, saying nothing of them."""
    from careledger.chain.keyfiles import derive

    derive(file, path, "")
