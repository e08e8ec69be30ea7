"""Profiles: as whom a command acts. A name, role words, and where the keys lie; never a key itself."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from careledger.codes import Role
from careledger.errors import FormatError, InputError, Misuse, NotFound
from careledger.redact import Secret
from careledger.text import did_you_mean, read_json, shown

if TYPE_CHECKING:
    from careledger.chain.signers import Signer
    from careledger.privacy.openers import SeedOpener
    from careledger.privacy.pseudonyms import Wallet

__all__ = ["Profile", "check_name", "choose", "load", "names", "save"]

PATIENT: Final = "patient"
"""The one role word that no credential stands behind."""
DEFAULT_PATH: Final = "m/44'/60'/0'/0/0"
_FILES: Final = ("keystore", "mnemonic", "opener", "home")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


@dataclass(frozen=True)
class Profile:
    """As whom a command acts."""

    name: str
    roles: tuple[str, ...] = ()
    """Role words, such as ``practitioner`` or ``patient``."""
    keystore: Path | None = None
    """The account's encrypted key file."""
    mnemonic: Path | None = None
    """Instead of it: a file with the words, and below the derivation path."""
    path: str = DEFAULT_PATH
    opener: Path | None = None
    """The keystore of what opens sealed files."""
    home: Path | None = None
    """A data folder of its own."""

    def signer(self) -> Signer:
        """Return what signs for this profile; asks for the password where it needs one.

        Raises:
            InputError: The profile has no key.
            KeyMaterialError: Its file or the password does not serve.
        """
        from careledger.chain.signers import Signer

        if self.keystore is not None:
            return Signer.from_keystore(self.keystore)
        if self.mnemonic is not None:
            return Signer.from_mnemonic(self.mnemonic, path=self.path)
        raise InputError(f"profile {self.name} has no key", fix="Give it one: careledger profile create --keystore.")

    def seed_opener(self) -> SeedOpener:
        """Return what opens sealed files for this profile; asks for the password where it needs one.

        Raises:
            InputError: The profile has no opener.
            KeyMaterialError: Its file or the password does not serve.
        """
        from careledger.chain.keyfiles import find_password
        from careledger.privacy.openers import from_keystore

        if self.opener is None:
            raise InputError(
                f"profile {self.name} cannot open sealed files", fix="Give it one: careledger profile create --opener."
            )
        return from_keystore(self.opener, find_password(None, f"Password of {self.opener.name}: "))

    def wallet(self) -> Wallet:
        """Return the wallet of the profile's words, which derives an account for each relation.

        Raises:
            InputError: The profile has no mnemonic.
            KeyMaterialError: Its file or the words do not serve.
        """
        from careledger.chain.keyfiles import read_private_file
        from careledger.privacy.pseudonyms import Wallet

        if self.mnemonic is None:
            raise InputError(
                f"profile {self.name} has no wallet", why="A wallet derives its accounts from a mnemonic.",
                fix="Give it one: careledger profile create --mnemonic.",
            )  # fmt: skip
        return Wallet.from_mnemonic(Secret(read_private_file(self.mnemonic), "mnemonic"))

    def to_json(self) -> dict[str, Any]:
        """Return every field; they are names and paths, no keys."""
        files = {name: getattr(self, name) for name in _FILES}
        return {
            "name": self.name,
            "roles": list(self.roles),
            "path": self.path,
            **{name: None if file is None else str(file) for name, file in files.items()},
        }

    @classmethod
    def from_json(cls, data: Any, *, name: str, folder: Path | None = None) -> Profile:
        """Read what ``to_json`` wrote.

        Args:
            data: The object.
            name: The profile's name.
            folder: The data folder it lies in, from which relative paths in it go.

        Raises:
            FormatError: It is something else, or names a file as no file is named.
        """
        try:
            texts = {each: data.get(each) for each in _FILES}
            path = data.get("path", DEFAULT_PATH)
            roles = tuple(role_word(str(word)) for word in data.get("roles", ()))
        except (AttributeError, TypeError, InputError):
            raise _damaged(name) from None
        for each, text in [*texts.items(), ("path", path)]:
            if not isinstance(text, str) and (text is not None or each == "path"):
                raise _damaged(name)
            if text is not None and (not text or any(unicodedata.category(c) == "Cc" for c in text)):
                raise _damaged(name, why=f"Its {each} is empty, or has control characters in it.")
        files = {each: None if text is None else (folder or Path()) / text for each, text in texts.items()}
        return cls(name=name, roles=roles, path=path, **files)


def _damaged(name: str, why: str = "It does not have the fields of a profile.") -> FormatError:
    return FormatError(f"profile {name} is damaged", why=why, fix="Create it again.")


def role_word(text: str) -> str:
    """Return a role word.

    Raises:
        Misuse: There is no such role.
    """
    words = [PATIENT, *(role.word for role in Role if role)]
    if text.lower() not in words:
        raise Misuse(
            f"{shown(text, 60)!r} is not a role",
            fix=did_you_mean(text, words, otherwise=f"Use one of: {', '.join(words)}."),
        )
    return text.lower()


def check_name(name: str) -> str:
    """Return a name that can be a file's.

    Raises:
        Misuse: It cannot.
    """
    if not _NAME.fullmatch(name):
        raise Misuse(
            f"{shown(name, 60)!r} cannot be a name here",
            why="Names are 1 to 64 letters, digits, points, hyphens and underscores, a letter or digit first.",
            fix="Use another name.",
        )
    return name


def names(home: Path) -> list[str]:
    """Return the names of all profiles."""
    return sorted(path.stem for path in (home / "profiles").glob("*.json") if _NAME.fullmatch(path.stem))


def each(home: Path) -> Iterator[Profile]:
    """Return all profiles."""
    return (load(name, home) for name in names(home))


def load(name: str, home: Path) -> Profile:
    """Return a profile by its name.

    Raises:
        Misuse: There is none of that name.
        FormatError: Its file is damaged.
    """
    path = home / "profiles" / f"{name}.json"
    if not _NAME.fullmatch(name) or not path.is_file():
        raise Misuse(
            f"there is no profile {shown(name, 60)!r}",
            fix=did_you_mean(name, names(home), otherwise="Create it: careledger profile create."),
        )
    try:
        found = read_json(path.read_bytes())
    except (OSError, ValueError):
        raise FormatError(f"profile {name} cannot be read", fix="Create it again.") from None
    return Profile.from_json(found, name=name, folder=home)


def save(profile: Profile, home: Path, *, replace: bool = False) -> Path:
    """Write a profile, with the paths it names as they are from here.

    Raises:
        InputError: It exists, and is not to be replaced.
        NotFound: A file it names is not there.
    """
    from careledger.privacy.files import write_private

    path = home / "profiles" / f"{check_name(profile.name)}.json"
    if path.exists() and not replace:
        raise InputError(f"profile {profile.name} exists", fix="Give --replace, or another name.")
    for file in (profile.keystore, profile.mnemonic, profile.opener):
        if file is not None and not file.is_file():
            raise NotFound(f"there is no file {shown(file.name)}", fix="Check the path.")
    found = profile.to_json()
    found |= {name: str(file.absolute()) for name in _FILES if (file := getattr(profile, name)) is not None}
    write_private(path, json.dumps(found, indent=1).encode())
    return path


def choose(name: str, home: Path) -> Profile:
    """Make a profile the one that is meant where nothing else says so.

    Raises:
        Misuse: There is none of that name.
    """
    from careledger.privacy.files import write_private

    profile = load(name, home)
    write_private(home / "profile-in-use", name.encode())
    return profile
