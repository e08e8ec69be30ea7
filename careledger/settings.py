"""Settings: one function, one order for every key, and of each value where it came from.

The order: argument or flag, environment (``CARELEDGER_RPC``), ``.env`` of the working directory, ``careledger.toml`` of
the working directory, ``careledger.toml`` of the user's configuration folder, default. Passwords are no settings: they
come from the environment (``CARELEDGER_PASSWORD``, ``CARELEDGER_PASSWORD_FILE``) or a prompt, and are shown nowhere.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from careledger.errors import CareLedgerError, Misuse
from careledger.text import did_you_mean, nearest, shown

__all__ = ["KEYS", "Key", "Settings", "Value", "load"]

FILE: Final = "careledger.toml"
_PREFIX: Final = "CARELEDGER_"
_MAX_BYTES: Final = 1 << 20
# Names with the prefix that are no settings: secrets, and what only tests and tools set.
_NO_SETTINGS: Final = frozenset({"PASSWORD", "PASSWORD_FILE", "ANVIL", "TIER", "CRASH_AT", "COMPLETE"})
_SECRETS: Final = frozenset({"password", "passphrase", "mnemonic", "key", "private_key", "secret", "seed"})
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True)
class Key:
    """One setting."""

    name: str
    kind: str
    """``text``, ``url``, ``address``, ``number``, ``path``, ``switch`` or ``choice``."""
    doc: str
    """One line on what it is for."""
    default: Any = None
    choices: tuple[str, ...] = ()
    """For ``choice``: what it may be."""

    def read(self, raw: Any, source: str) -> Any:
        """Return a value of this kind.

        Raises:
            Misuse: It is not of this kind; the message says where it stands.
        """
        try:
            return _READERS[self.kind](raw, self)
        except CareLedgerError as error:
            raise Misuse(f"{self.name} ({source}): {error.message}", why=error.why, fix=error.fix) from None
        except (TypeError, ValueError):
            wanted = f"one of {', '.join(self.choices)}" if self.choices else _WANTED[self.kind]
            raise Misuse(
                f"{self.name} ({source}) is not {wanted}", why=self.doc + ".", fix=f"Correct it in: {source}."
            ) from None

    def show(self, value: Any) -> Any:
        """Return the value as it may be printed: addresses of nodes without path, query and credentials."""
        if value is None or isinstance(value, (bool, int)):
            return value
        if self.kind == "url":
            from careledger.chain.transport import shown_url

            address = shown_url(str(value))
            return str(value) if address == "ipc" else address
        if self.name in ("store", "index") and "://" in str(value):  # a database's address may hold a password
            return f"{str(value).partition('://')[0]}://…"
        return str(value)


def _text(raw: Any, _: Key) -> str:
    if not isinstance(raw, str) or not raw or "\0" in raw:
        raise TypeError
    return raw


def _number(raw: Any, _: Key) -> int:
    if isinstance(raw, bool) or not isinstance(raw, (int, str)) or (isinstance(raw, str) and not raw.isdecimal()):
        raise TypeError
    if not 0 <= int(raw) < 1 << 63:
        raise ValueError
    return int(raw)


def _switch(raw: Any, _: Key) -> bool:
    if isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError
    return word in _TRUE


def _choice(raw: Any, key: Key) -> str:
    if raw not in key.choices:
        raise ValueError
    return str(raw)


def _address(raw: Any, key: Key) -> str:
    from careledger.values import address

    return address(_text(raw, key))


def _path(raw: Any, key: Key) -> Path:
    return Path(_text(str(raw), key)).expanduser()


_READERS: Final[Mapping[str, Callable[[Any, Key], Any]]] = {
    "text": _text, "url": _text, "address": _address, "number": _number, "path": _path, "switch": _switch,
    "choice": _choice,
}  # fmt: skip
_WANTED: Final = {
    "text": "a piece of text", "url": "an address of a node", "address": "an address", "number": "a whole number",
    "path": "a path", "switch": "true or false", "choice": "a choice",
}  # fmt: skip


def _default_home() -> Path:
    import platformdirs

    return platformdirs.user_data_path("careledger")


KEYS: Final[Mapping[str, Key]] = {
    key.name: key
    for key in (
        Key("rpc", "url", "Where the node answers: https://…, http on this machine, or the path of a socket"),
        Key("suite", "address", "The SuiteDirectory: the one address from which all contracts are found"),
        Key("network", "text", "The network by name, see: careledger networks list", "local"),
        Key("chain_id", "number", "The chain the node must be on; the network's own where it is not set"),
        Key("instance", "text", "Which deployment on the network", "main"),
        Key("profile", "text", "As whom: a profile's name, see: careledger profile list"),
        Key("home", "path", "The data folder: profiles, keystores, journals, index"),
        Key("store", "text", "Where sealed files lie: a folder or an fsspec URL; a folder of the home by default"),
        Key("index", "text", "The index: a file or a database URL; a file of the home by default"),
        Key("wait", "choice", "How long a write waits", "included", ("sent", "included", "final")),
        Key(
            "public_rpc", "choice", "What happens before a node that serves everybody is asked about patients", "warn",
            ("allow", "warn", "refuse"),
        ),
        Key("allow_plain_http", "switch", "Allow http to a node on another machine", False),
        Key("log", "choice", "What is logged on stderr", "silent", ("silent", "info", "debug")),
    )
}  # fmt: skip
"""Every setting, by name."""


@dataclass(frozen=True)
class Value:
    """The value of one setting and where it came from."""

    key: Key
    value: Any
    source: str
    """``flag --rpc``, ``argument rpc``, ``environment CARELEDGER_RPC``, ``.env``, a file's name, or ``default``."""

    @property
    def is_flag(self) -> bool:
        """Whether it was given with this very command or call."""
        return self.source.startswith(("flag ", "argument "))

    def to_json(self) -> dict[str, Any]:
        """Return name, value as it may be shown, source and doc."""
        return {"name": self.key.name, "value": self.key.show(self.value), "from": self.source, "doc": self.key.doc}


class Settings(Mapping[str, Any]):
    """All settings by name; ``value`` says where one came from."""

    def __init__(self, values: Mapping[str, Value], networks: Mapping[str, Mapping[str, Any]]) -> None:
        self._values = dict(values)
        self.networks = dict(networks)
        """The tables ``[networks.NAME]`` of the files."""

    def __getitem__(self, name: str) -> Any:
        return self._values[name].value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def value(self, name: str) -> Value:
        """Return a value with its source."""
        return self._values[name]

    @property
    def home(self) -> Path:
        """The data folder."""
        return Path(self["home"])

    def to_json(self) -> list[dict[str, Any]]:
        """Return every setting as it may be shown."""
        return [value.to_json() for value in self._values.values()]

    def __repr__(self) -> str:
        return f"<Settings {', '.join(f'{v.key.name} from {v.source}' for v in self._values.values())}>"


def load(
    given: Mapping[str, Any] | None = None,
    *,
    given_as: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    user_folder: Path | None = None,
) -> Settings:
    """Find every setting.

    Args:
        given: What the caller says; ``None`` values count as not said.
        given_as: What each of them is called for the provenance, such as ``flag --as``; else ``argument NAME``.
        environ: The environment; this process's when not given.
        folder: The working directory.
        user_folder: The user's configuration folder.

    Raises:
        Misuse: A file holds an unknown key, or a value is not of its kind.
    """
    environ = os.environ if environ is None else environ
    folder = Path.cwd() if folder is None else folder
    files = list(_files(folder, user_folder))
    dotenv = _dotenv(folder / ".env")
    found: dict[str, Value] = {}
    for key in KEYS.values():
        variable = _PREFIX + key.name.upper()
        raw, source = key.default, "default"
        if (given or {}).get(key.name) is not None:
            raw = (given or {})[key.name]
            source = (given_as or {}).get(key.name, f"argument {key.name}")
        elif environ.get(variable):
            raw, source = environ[variable], f"environment {variable}"
        elif dotenv.get(variable):
            raw, source = dotenv[variable], ".env"
        else:
            for name, table in files:
                if key.name in table:
                    raw, source = table[key.name], name
                    break
        if raw is None and key.name == "home":
            raw = _default_home()
        found[key.name] = Value(key, None if raw is None else key.read(raw, source), source)
    if found["profile"].value is None:
        found["profile"] = _profile_in_use(found["profile"], found["home"].value)
    networks: dict[str, Mapping[str, Any]] = {}
    for name, table in files:
        for network, entry in _networks(table, name).items():
            networks.setdefault(network, entry)
    return Settings(found, networks)


def _profile_in_use(value: Value, home: Path) -> Value:
    """Return the profile that ``careledger profile use`` chose, if it chose one."""
    try:
        name = (home / "profile-in-use").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return value
    return Value(value.key, name, "careledger profile use") if name else value


def _files(folder: Path, user_folder: Path | None) -> Iterator[tuple[str, dict[str, Any]]]:
    if (table := _toml(folder / FILE, FILE)) is not None:
        yield FILE, table
    if user_folder is None:
        import platformdirs

        user_folder = platformdirs.user_config_path("careledger")
    name = str(user_folder / FILE)
    if (table := _toml(user_folder / FILE, name)) is not None:
        yield name, table


def _toml(path: Path, name: str) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Misuse(f"{name} cannot be read: {error.strerror}", fix="Check its permissions.") from None
    try:
        if len(data) > _MAX_BYTES:
            raise ValueError("it is larger than a megabyte")
        table = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # the parser's sentence names line and column, not the value
        raise Misuse(f"{name} is not TOML", why=shown(str(error)) + ".", fix="Correct that line.") from None
    for key in table:
        _known(key, name)
    return table


def _known(key: str, name: str) -> None:
    if key in KEYS or key == "networks":
        return
    if key.lower() in _SECRETS:
        raise Misuse(
            f"{name} holds {shown(key)}", why="Secrets do not lie in settings, where they would be shown and copied.",
            fix="Take it out; use a keystore, and CARELEDGER_PASSWORD_FILE for its password.",
        )  # fmt: skip
    raise Misuse(
        f"{name} holds an unknown setting {shown(key)!r}",
        fix=did_you_mean(key, KEYS, otherwise="Run: careledger config, which lists them."),
    )


def _networks(table: Mapping[str, Any], name: str) -> dict[str, Mapping[str, Any]]:
    networks = table.get("networks", {})
    if not isinstance(networks, dict) or not all(isinstance(entry, dict) for entry in networks.values()):
        raise Misuse(f"networks in {name} is no table", fix='Write: [networks.NAME] and below it rpc = "https://…"')
    allowed = ("rpc", "chain_id", "finality", "test")
    for network, entry in networks.items():
        for key in entry:
            if key not in allowed:
                raise Misuse(
                    f"networks.{shown(network)} in {name} holds an unknown setting {shown(key)!r}",
                    fix=did_you_mean(key, allowed, otherwise=f"Known are: {', '.join(allowed)}."),
                )
        for key in ("rpc", "chain_id"):
            if key in entry:
                KEYS[key].read(entry[key], name)
    return networks


def _dotenv(path: Path) -> Mapping[str, str]:
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        found = {key: value for key, value in dotenv_values(path, interpolate=False).items() if value}
    except (OSError, ValueError):
        raise Misuse(".env cannot be read", fix="Write one NAME=value a line, in UTF-8.") from None
    for key in found:
        name = key.removeprefix(_PREFIX)
        if name != key and name not in _NO_SETTINGS and name.lower() not in KEYS:
            near = [_PREFIX + each.upper() for each in nearest(name, KEYS)]
            raise Misuse(
                f".env holds an unknown setting {shown(key)!r}",
                fix=f"Did you mean {' or '.join(near)}?" if near else "Run: careledger config, which lists them.",
            )
    return found
