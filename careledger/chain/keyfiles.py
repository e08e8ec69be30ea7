"""Key material from files: opened only where nobody else can read or exchange them, and never shown in an error."""

from __future__ import annotations

import getpass
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from careledger.errors import KeyMaterialError
from careledger.redact import Secret
from careledger.text import read_json, shown

__all__ = ["check_keystore", "derive", "find_password", "read_keystore", "read_private_file"]

_MAX_BYTES = 64 * 1024  # a keystore has about 500 bytes, a mnemonic 200
_MOST_N: Final = 1 << 20
"""The greatest n of scrypt, and of n times p: 1 GiB and some seconds; geth writes 262,144 and 1, Foundry 8,192."""
_MOST_R: Final = 8
_MOST_P: Final = 16
_MOST_C: Final = 10**7
"""The most rounds of pbkdf2; geth writes 262,144."""
Password = Secret | str | Callable[[], str] | None


def read_private_file(path: Path) -> bytes:
    """Read a small file that only its owner can read.

    Raises:
        KeyMaterialError: It is missing, a link, not a plain file, readable by others, or far too large.
    """
    try:
        handle = os.open(path.expanduser(), os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_NOFOLLOW", 0) | os.O_CLOEXEC)
    except (FileNotFoundError, ValueError):  # the latter where the path holds what no file is named with
        raise KeyMaterialError(f"there is no key file {shown(path.name)}", fix="Check the path.") from None
    except OSError as error:
        link = path.is_symlink()
        raise KeyMaterialError(
            f"key file {path.name} {'is a symbolic link' if link else 'cannot be opened'}",
            why="Whoever can change a link chooses the key." if link else (error.strerror or ""),
            fix="Name the file itself." if link else "Check its permissions.",
        ) from None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise KeyMaterialError(f"key file {path.name} is not a plain file")
    with os.fdopen(handle, "rb") as file:
        if os.name == "posix" and status.st_mode & 0o077:
            raise KeyMaterialError(
                f"key file {path.name} can be read by others",
                why=f"Its permissions are {stat.S_IMODE(status.st_mode):04o}.",
                fix=f"Run: chmod 600 {path.name}",
            )
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise KeyMaterialError(f"key file {path.name} is too large to be one")
    return data


def read_keystore(path: Path, password: Password) -> Secret:
    """Decrypt a keystore.

    Raises:
        KeyMaterialError: The file does not serve, or the password is wrong.
    """
    store = _keystore_json(path)
    secret = find_password(password, f"Password of {path.name}: ")
    from eth_keyfile.keyfile import decode_keyfile_json

    try:
        key: bytes = decode_keyfile_json(store, secret.reveal())  # type: ignore[arg-type]  # pbkdf2 takes bytes only
    except ValueError as error:
        # eth-keyfile says "MAC mismatch"; nothing of the file or the password may travel on in the chain of errors
        wrong = "mac" in str(error).lower()
        raise KeyMaterialError(
            f"the password of {path.name} is wrong" if wrong else f"keystore {path.name} is damaged",
            fix="Try again with the right password." if wrong else "Restore it from its backup.",
        ) from None
    except Exception:
        raise KeyMaterialError(f"keystore {path.name} is damaged", fix="Restore it from its backup.") from None
    return Secret(key, "key")


def _keystore_json(path: Path) -> dict[str, Any]:
    try:
        store = read_json(read_private_file(path))
    except ValueError:
        store = None
    if not isinstance(store, dict) or "crypto" not in {str(name).lower() for name in store}:
        raise KeyMaterialError(
            f"{path.name} is not a keystore, or is cut",
            why="A keystore is a JSON object with a member 'crypto'.",
            fix="Restore it from its backup.",
        )
    check_keystore(store, path.name)
    return store


def check_keystore(store: dict[str, Any], name: str) -> None:
    """Refuse a keystore that no password opens, or that would cost minutes or the memory to try one on.

    Args:
        store: Its JSON object, whose names may be in any case.
        name: The file's, for the error.

    Raises:
        KeyMaterialError: Part of it is missing, of another kind, or asks for too much.
    """
    try:
        found = _lower(store)
        crypto = found["crypto"]
        params = crypto["kdfparams"]
        if found["version"] != 3 or crypto["cipher"] != "aes-128-ctr":
            raise ValueError
        if (len(_hex(crypto["ciphertext"])), len(_hex(crypto["mac"]))) != (32, 32):
            raise ValueError
        iv = _hex(crypto["cipherparams"]["iv"])  # eth-keyfile leaves out zeros at its beginning
        if not 1 <= len(iv) <= 16 or not 1 <= len(_hex(params["salt"])) <= 256:
            raise ValueError
        allowed = _number(params["dklen"]) == 32
        if crypto["kdf"] == "scrypt":
            n, r, p = (_number(params[each]) for each in ("n", "r", "p"))
            if n < 2 or n & (n - 1):
                raise ValueError
            allowed &= n <= _MOST_N and r <= _MOST_R and p <= _MOST_P and n * p <= _MOST_N
        elif crypto["kdf"] == "pbkdf2" and params["prf"] == "hmac-sha256":
            allowed &= _number(params["c"]) <= _MOST_C
        else:
            raise ValueError
    except (KeyError, TypeError, ValueError, AttributeError):
        raise KeyMaterialError(
            f"keystore {shown(name)} is damaged",
            why="A part of it is missing, or is not what Web3 Secret Storage, version 3, has there.",
            fix="Restore it from its backup.",
        ) from None
    if not allowed:
        raise KeyMaterialError(
            f"keystore {shown(name)} asks for a key derivation that is not allowed",
            why=f"It would take too long: scrypt may have n and n times p up to {_MOST_N:,}, r up to {_MOST_R} and p "
            f"up to {_MOST_P}, pbkdf2 c up to {_MOST_C:,}, and dklen is 32.",
            fix="Restore it from its backup, or write it anew with a wallet's usual settings.",
        )


def _lower(value: Any) -> Any:
    """Return the value with all names in lower case, as older wallets wrote some in capitals."""
    return {str(name).lower(): _lower(each) for name, each in value.items()} if isinstance(value, dict) else value


def _hex(value: Any) -> bytes:
    if not isinstance(value, str):
        raise TypeError
    return bytes.fromhex(value.removeprefix("0x"))


def _number(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise ValueError
    return value


def find_password(given: Password, prompt: str) -> Secret:
    """Find a password: as given, from the environment, or from a person at a terminal."""
    if isinstance(given, Secret):
        return given
    if isinstance(given, str):
        return Secret(given.encode(), "password")
    if given is not None:
        return Secret(given().encode(), "password")
    if (text := os.environ.get("CARELEDGER_PASSWORD")) is not None:
        return Secret(text.encode(), "password")
    if file := os.environ.get("CARELEDGER_PASSWORD_FILE"):
        return Secret(read_private_file(Path(file)).rstrip(b"\r\n"), "password")
    if not sys.stdin.isatty():
        raise KeyMaterialError(
            "no password was given", fix="Set CARELEDGER_PASSWORD_FILE, or run it at a terminal to be asked."
        )
    return Secret(getpass.getpass(prompt).encode(), "password")


def derive(words: Secret | str | Path | Callable[[], str], path: str, passphrase: Password) -> Secret:
    """Derive a key from a mnemonic.

    Raises:
        KeyMaterialError: The words or the path are not valid.
    """
    if isinstance(words, Path):
        text = read_private_file(words).decode("utf-8", "replace")
    elif isinstance(words, Secret):
        text = words.reveal().decode("utf-8", "replace")
    else:
        text = words if isinstance(words, str) else words()
    from eth_account.hdaccount import key_from_seed, seed_from_mnemonic

    extra = find_password(passphrase, "Passphrase of the mnemonic: ").reveal().decode()
    try:
        seed = seed_from_mnemonic(" ".join(text.split()), extra)
    except Exception:
        raise KeyMaterialError(
            "these words are not a valid mnemonic",
            why="A word is not in the list, or the last one, which is a checksum, does not fit.",
            fix="Compare the words with their backup.",
        ) from None
    try:
        return Secret(key_from_seed(seed, path), "key")
    except Exception:
        raise KeyMaterialError(f"{path} is not a derivation path", fix="Use one like m/44'/60'/0'/0/0.") from None
