"""Keystores by name in the data folder: made, brought in, listed. What is secret in them is never shown.

An account key lies in Web3 Secret Storage (version 3, scrypt), an opener in the format of ``privacy.openers``; both are
files with mode 0600 under ``<home>/keys``.
"""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from careledger.errors import InputError, KeyMaterialError, Misuse
from careledger.profiles import DEFAULT_PATH, check_name
from careledger.redact import Secret
from careledger.text import did_you_mean, read_json, shown

__all__ = ["Entry", "check", "create_account", "create_opener", "entries", "entry", "import_file", "new_password"]

_LEAST_CHARACTERS: Final = 8
_MOST_BYTES: Final = 64 * 1024


@dataclass(frozen=True)
class Entry:
    """One keystore."""

    name: str
    kind: str
    """``account`` or ``opener``."""
    public: str
    """The account's address, or the hash of the opener's public key, as ParticipantRegistry holds it."""
    path: Path

    def to_json(self) -> dict[str, Any]:
        """Return every field."""
        return {"name": self.name, "kind": self.kind, "public": self.public, "path": str(self.path)}


def entries(home: Path) -> Iterator[Entry]:
    """Yield every keystore, by name; files that are none are passed over."""
    for path in sorted((home / "keys").glob("*.json")):
        try:
            yield _read(path)
        except KeyMaterialError:
            continue


def check(path: Path) -> None:
    """Refuse a file that is no keystore, or one that cannot be opened whatever the password.

    Raises:
        KeyMaterialError: It is such a file, missing, a link, or open to others.
    """
    _read(path)


def entry(name: str, home: Path) -> Entry:
    """Return a keystore by its name.

    Raises:
        Misuse: There is none of that name.
        KeyMaterialError: The file is damaged, a link, or open to others.
    """
    path = home / "keys" / f"{name}.json"
    if name != check_name(name) or (not path.is_symlink() and not path.is_file()):
        names = [each.name for each in entries(home)]
        raise Misuse(
            f"there is no key {shown(name, 60)!r}",
            fix=did_you_mean(name, names, otherwise="Run: careledger keys list, or keys create."),
        )
    return _read(path)


def _read(path: Path) -> Entry:
    from careledger.chain.keyfiles import check_keystore, read_private_file
    from careledger.privacy.encoding import from_base64url
    from careledger.privacy.openers import check_keystore as check_opener
    from careledger.values import checksum, keccak, to_hex

    try:
        data = read_json(read_private_file(path))
        if "crypto" in data:
            check_keystore(data, path.name)
            digits = str(data["address"]).removeprefix("0x")
            if len(bytes.fromhex(digits)) != 20:
                raise ValueError
            return Entry(path.stem, "account", checksum("0x" + digits), path)
        check_opener(path)
        return Entry(path.stem, "opener", to_hex(keccak(from_base64url(data["publicKey"]))), path)
    except KeyMaterialError:
        raise
    except Exception:
        raise KeyMaterialError(f"{path.name} is not a keystore, or is cut", fix="Restore it from its backup.") from None


def new_password(name: str) -> Secret:
    """Find the password for a new keystore: the environment, or a person who types it twice.

    Raises:
        KeyMaterialError: There is none, it is too short, or the two differ.
    """
    from careledger.chain.keyfiles import find_password

    asked = not (os.environ.get("CARELEDGER_PASSWORD") or os.environ.get("CARELEDGER_PASSWORD_FILE"))
    given = find_password(None, f"New password for {name}: ")
    try:
        characters = len(given.reveal().decode())
    except UnicodeDecodeError:
        raise KeyMaterialError("the password is not UTF-8 text", fix="Use another one.") from None
    if characters < _LEAST_CHARACTERS:
        raise KeyMaterialError(
            f"the password has fewer than {_LEAST_CHARACTERS} characters", fix="Use a longer one, such as five words."
        )
    if asked and Secret(getpass.getpass("The same again: ").encode(), "password") != given:
        raise KeyMaterialError("the two passwords differ", fix="Try again.")
    return given


def create_account(name: str, home: Path, *, words_file: Path | None = None, with_words: bool = False) -> Entry:
    """Make an account key and its keystore.

    Args:
        name: Its name.
        home: The data folder.
        words_file: Write the mnemonic it is derived from to this new file (mode 0600).
        with_words: Show the mnemonic once on the terminal instead.

    Raises:
        InputError: The name or the file is taken, or there is no terminal to show the words on.
    """
    path = _free(name, home)
    if not with_words and words_file is None:
        return _save_account(path, Secret(os.urandom(32), "key"), new_password(name))
    if words_file is not None and (words_file.exists() or words_file.is_symlink()):
        raise InputError(f"{shown(words_file.name)} exists", fix="Name a new file.")
    if words_file is None and not sys.stderr.isatty():
        raise InputError(
            "there is no terminal to show the words on", why="In a file or a log they would stay.",
            fix="Give --words-file FILE, or run it at a terminal.",
        )  # fmt: skip
    from careledger.chain.keyfiles import derive
    from careledger.privacy.files import write_private
    from careledger.privacy.pseudonyms import new_mnemonic

    password, words = new_password(name), new_mnemonic()
    key = derive(words, DEFAULT_PATH, "")
    if words_file is not None:
        write_private(words_file, words.reveal() + b"\n")
    else:
        sys.stderr.write(f"These words are the key. They are shown once:\n\n  {words.reveal().decode()}\n\n")
        sys.stderr.flush()
    try:
        return _save_account(path, key, password)
    except BaseException:
        if words_file is not None:
            words_file.unlink(missing_ok=True)
        raise


def create_opener(name: str, home: Path) -> Entry:
    """Make a key that opens sealed files, and its keystore."""
    from careledger.privacy.openers import new_seed, save_keystore

    path = _free(name, home)
    save_keystore(path, new_seed(), new_password(name))
    return _read(path)


def import_file(name: str, file: Path, home: Path, *, path: str = DEFAULT_PATH) -> Entry:
    """Bring in a keystore, a mnemonic or a raw key from a file of one's own that others cannot read.

    Args:
        name: Its name here.
        file: The file; it stays where it is.
        home: The data folder.
        path: The derivation path, for a mnemonic.

    Raises:
        InputError: The name is taken.
        KeyMaterialError: The file is none of these, a link, or open to others.
    """
    from careledger.chain.keyfiles import derive, read_private_file
    from careledger.chain.signers import Signer
    from careledger.privacy.files import write_private

    target = _free(name, home)
    data = read_private_file(file)
    text = data[:_MOST_BYTES].decode("utf-8", "replace").strip()
    if text.startswith("{"):
        _read(file)
        write_private(target, data)
        return _read(target)
    if len(text.split()) >= 12:
        key = derive(Secret(text.encode(), "mnemonic"), path, "")
    else:
        try:
            key = Secret(bytes.fromhex(text.removeprefix("0x")), "key")
        except ValueError:
            raise KeyMaterialError(
                f"{shown(file.name)} holds no key",
                why="It is neither a keystore, nor a mnemonic, nor 64 hex digits.",
                fix="Check the file.",
            ) from None
        Signer.from_key(key)
    return _save_account(target, key, new_password(name))


def _free(name: str, home: Path) -> Path:
    path = home / "keys" / f"{check_name(name)}.json"
    if path.exists() or path.is_symlink():
        raise InputError(f"key {name} exists", why="A key is never overwritten.", fix="Use another name.")
    return path


def _save_account(path: Path, key: Secret, password: Secret) -> Entry:
    from eth_keyfile.keyfile import create_keyfile_json

    from careledger.privacy.files import write_private

    store = create_keyfile_json(key.reveal(), password.reveal().decode(), version=3, kdf="scrypt")
    write_private(path, json.dumps(store).encode())
    return _read(path)
