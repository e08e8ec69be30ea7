"""What all commands share: options with one meaning everywhere, parameters of one kind, one way to answer.

A verb is declared with ``verb`` and gets a ``Frame`` first::

    @verb(app, "revoke", write=True)
    def revoke(frame: Frame, directive: Annotated[str, typer.Argument(parser=bytes32_of)]) -> None:
        \"\"\"Revoke a directive.

        Example: careledger consents revoke 0x51… --key consent/4711/1
        \"\"\"
        with frame.client(signs=True) as care:
            frame.receipt(care.consents.revoke(directive, **frame.write_options()))
"""

from __future__ import annotations

import functools
import inspect
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn, TypeVar, get_type_hints

import typer

from careledger import settings
from careledger.cli import output
from careledger.errors import InputError, Misuse

if TYPE_CHECKING:
    from careledger import networks

__all__ = ["Frame", "PipeClosed", "Run", "log_no_more", "log_to_stderr", "verb"]

F = TypeVar("F", bound=Callable[..., None])
_ANSWER_IS_NO: Final = 3


@dataclass
class Run:
    """One run of the program: what has to be known even when a command line cannot be read."""

    json: bool = False
    verbose: str = ""


def _option(
    *names: str, help: str, metavar: str | None = None, complete: Callable[[str], list[str]] | None = None
) -> Any:
    return typer.Option(*names, help=help, metavar=metavar, show_default=False, autocompletion=complete)


def _profiles(incomplete: str) -> list[str]:
    """Return the profiles whose names begin so, for the shell."""
    from careledger import profiles

    return [name for name in profiles.names(settings.load({}).home) if name.startswith(incomplete)]


def _networks(incomplete: str) -> list[str]:
    """Return the networks whose names begin so, for the shell."""
    from careledger import networks

    return [name for name in networks.known(settings.load({})) if name.startswith(incomplete)]


def _of(words: Sequence[str]) -> Callable[[str], list[str]]:
    """Return what completes one of some words, as the shell has it so far."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


_COMMON: Final = {
    "json": (bool, _option("--json", help="Answer in JSON, errors too."), False),
    "as_": (str | None, _option("--as", help="As whom: a profile.", metavar="PROFILE", complete=_profiles), None),
    "home": (str | None, _option("--home", help="The data folder.", metavar="FOLDER"), None),
    "verbose": (str | None, _option("-v", "--verbose", help="Log to stderr: info or debug.", metavar="LEVEL"), None),
}
_CHAIN: Final = {
    "network": (
        str | None,
        _option("--network", help="The network by name.", metavar="NAME", complete=_networks),
        None,
    ),
    "instance": (str | None, _option("--instance", help="Which deployment there.", metavar="NAME"), None),
    "rpc": (str | None, _option("--rpc", help="The node.", metavar="URL"), None),
    "suite": (str | None, _option("--suite", help="The SuiteDirectory.", metavar="ADDRESS"), None),
}
_WRITE: Final = {
    "dry_run": (bool, _option("--dry-run", help="Say what would be sent and what it costs; send nothing."), False),
    "key": (str | None, _option("--key", help="Business key: the same key never acts twice.", metavar="TEXT"), None),
    "wait": (
        str | None,
        _option(
            "--wait",
            help="Until sent, included or final.",
            metavar="STAGE",
            complete=_of(("sent", "included", "final")),
        ),
        None,
    ),
    "yes": (bool, _option("--yes", help="Do not ask; on a real network --network is needed all the same."), False),
}
_ASKS: Final = {"yes": (bool, _option("--yes", help="Do not ask."), False)}
_SETTINGS: Final = {name: name for name in ("network", "instance", "rpc", "suite", "wait", "home")} | {
    "profile": "as_",
    "log": "verbose",
}


@dataclass
class Frame:
    """What a command knows about how it was called, and how it answers."""

    options: Mapping[str, Any]
    run: Run = field(default_factory=Run)

    # HOW IT WAS CALLED

    @property
    def json(self) -> bool:
        """Whether the answer is to be JSON."""
        return self.run.json

    @property
    def dry_run(self) -> bool:
        """Whether nothing is to be sent."""
        return bool(self.options.get("dry_run"))

    @property
    def key(self) -> str | None:
        """The business key."""
        return self.options.get("key")

    @cached_property
    def settings(self) -> settings.Settings:
        """Every setting, flags first."""
        given = {name: self.options.get(option) for name, option in _SETTINGS.items()}
        flags = {"profile": "flag --as", "log": "flag -v"}
        return settings.load(given, given_as={name: flags.get(name, f"flag --{name}") for name in given})

    @cached_property
    def target(self) -> networks.Target:
        """Where this command goes."""
        from careledger import networks

        return networks.target(self.settings)

    @cached_property
    def profile(self) -> Any:
        """As whom this command acts: a ``profiles.Profile``.

        Raises:
            InputError: Nobody was named.
        """
        from careledger import profiles

        name = self.settings["profile"]
        if name is None:
            raise InputError(
                "it is not said as whom to act",
                fix="Give --as PROFILE, or choose one: careledger profile use NAME.",
            )
        return profiles.load(name, self.settings.home)

    def client(self, *, signs: bool = False, opens: bool = False) -> Any:
        """Connect to the suite this command goes to: a ``careledger.client.CareLedger``.

        Args:
            signs: As the profile's account; asks for its password where it needs one.
            opens: With the profile's opener; asks for its password where it needs one.

        Raises:
            InputError: No node, suite, profile or key is known.
            CareLedgerError: Whatever the connection meets.
        """
        from careledger.client import CareLedger

        found, target = self.settings, self.target
        profile = self.profile if signs or opens or found["profile"] else None
        home = found.home if profile is None or profile.home is None else profile.home
        return CareLedger.connect(
            target.require_rpc(),
            suite=target.require_suite(),
            signer=profile.signer() if signs and profile else None,
            opener=profile.seed_opener() if opens and profile else None,
            chain_id=target.chain_id,
            home=home,
            store=found["store"],
            index=found["index"] or str(home / f"index-{target.chain_id}.sqlite"),
            allow_plain_http=found["allow_plain_http"],
            public_rpc=found["public_rpc"],
        )

    def write_options(self) -> dict[str, Any]:
        """Return ``key``, ``dry_run`` and ``wait`` as the SDK takes them, after making sure where the write goes."""
        self.check_network(self.target.chain_id)
        return {"key": self.key, "dry_run": self.dry_run, "wait": self.settings["wait"]}

    def check_network(self, chain_id: int) -> None:
        """Refuse a write to a network of real value that this very command does not name.

        Raises:
            Misuse: The chain is no test network, and ``--network`` was not given (THREATS W5).
        """
        from careledger import networks

        known = networks.by_chain_id(chain_id, self.settings)
        if known is not None and known.is_test:
            return
        named = self.settings.value("network")
        name = known.name if known else "NAME"
        if not named.is_flag or known is None or named.value != known.name:
            raise Misuse(
                f"this writes to chain {chain_id}{f' ({known.name})' if known else ''}, which is no test network",
                why="What is sent there stays for ever, so the command itself has to name it; --yes does not.",
                fix=f"Add --network {name}" + ("." if known else ", and describe it under [networks.NAME]."),
            )

    @property
    def asks(self) -> bool:
        """Whether :meth:`confirm` is going to ask."""
        return not self.options.get("yes") and not self.dry_run

    def confirm(self, question: str) -> None:
        """Ask a person, unless ``--yes`` or a dry run says that it is not needed.

        Raises:
            InputError: The answer was no, or there was nobody to ask.
        """
        if not self.asks:
            return
        if not sys.stdin.isatty():
            raise InputError("this needs a yes, and there is nobody to ask", why=question, fix="Add --yes.")
        output.note(f"{question} [y/N]")
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise InputError("not done, as the answer was not yes")

    # HOW IT ANSWERS

    def answer(self, value: Any, *, lines: list[Any] | None = None) -> None:
        """Answer with a value: as JSON, or as lines; without lines, one for each of its fields."""
        if self.json:
            output.data(value)
        elif lines is not None:
            output.lines(lines)
        else:
            pairs = output.as_mapping(value).items()
            output.table(("field", "value"), [(name, _flat(item)) for name, item in pairs])

    def table(self, rows: Sequence[Mapping[str, Any]], *, columns: tuple[str, ...]) -> None:
        """Answer with rows: a JSON array, a table on a terminal, tabs elsewhere."""
        if self.json:
            output.data(rows)
        else:
            output.table(columns, [[_flat(row.get(column)) for column in columns] for row in rows])

    def receipt(self, receipt: Any) -> None:
        """Answer a write: its id alone, or the whole receipt in JSON; a dry run says what it would cost."""
        from careledger.values import Prepared, plain

        if self.json:
            output.data(receipt)
        elif isinstance(receipt, Prepared):
            output.note(f"Nothing was sent. It would use {receipt.gas} gas and cost at most {receipt.cost}.")
            output.lines([receipt.calldata])
        else:
            value = plain(receipt.value)
            output.lines([value["id"] if isinstance(value, dict) and "id" in value else _flat(value)])

    def done(self, receipt: Any) -> None:
        """Answer a write that makes nothing with an id of its own: its transaction is what names it."""
        from careledger.values import Receipt

        self.receipt(receipt.with_value(receipt.tx) if isinstance(receipt, Receipt) else receipt)

    def decision(self, decision: Any) -> None:
        """Answer a question: what and why; a no ends the program with 3."""
        from careledger.values import plain

        if self.json:
            output.data(decision)
        else:
            found = plain(decision)
            word = "allowed" if decision.allowed else "denied"
            output.lines([f"{word}: {found['because']} (basis {found['basis']})"])
        if not decision.allowed:
            self.no()

    def no(self) -> NoReturn:
        """End with 3: the answer is no."""
        raise typer.Exit(_ANSWER_IS_NO)

    def note(self, text: str) -> None:
        """Say something to people, on stderr."""
        output.note(text)


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_flat(item)}" for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_flat(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


# DECLARING VERBS


def verb(
    app: typer.Typer, name: str, *, chain: bool = False, write: bool = False, asks: bool = False
) -> Callable[[F], F]:
    """Declare a verb: its function gets a ``Frame`` first and the shared options are added to its own.

    Args:
        app: The noun.
        name: The verb.
        chain: It asks a chain: adds ``--network``, ``--instance``, ``--rpc``, ``--suite``.
        write: It writes to a chain: adds those and ``--dry-run``, ``--key``, ``--wait``, ``--yes``.
        asks: It asks before it does what cannot be undone, without writing to a chain: adds ``--yes``.
    """
    shared = {**(_WRITE if write else _ASKS if asks else {}), **(_CHAIN if chain or write else {}), **_COMMON}

    def declare(function: F) -> F:
        signature = inspect.signature(function)
        hints = get_type_hints(function, include_extras=True)
        own = [p.replace(annotation=hints[p.name]) for p in list(signature.parameters.values())[1:]]
        for described in (each for p in own for each in getattr(p.annotation, "__metadata__", ())):
            words = getattr(getattr(described, "parser", None), "words", None)
            if words and described.autocompletion is None:
                described.autocompletion = _of(words)
        added = [
            inspect.Parameter(
                option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, described]
            )
            for option, (kind, described, default) in shared.items()
        ]
        own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)

        @functools.wraps(function)
        def called(ctx: typer.Context, **given: Any) -> None:
            options = {option: given.pop(option) for option in shared}
            run = ctx.obj if isinstance(ctx.obj, Run) else Run()
            run.json = run.json or bool(options["json"])
            frame = Frame(options, run)
            if frame.settings["log"] != "silent":
                log_to_stderr(frame.settings["log"], run=run)
            try:
                function(frame, **given)
            except BrokenPipeError:
                raise PipeClosed from None

        parameters = [context, *own, *added]
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {p.name: p.annotation for p in parameters}
        app.command(name)(called)
        return function

    return declare


class PipeClosed(BaseException):
    """Whoever read stdout has gone; its own kind, because typer takes the usual one for a failure."""


def log_to_stderr(level: str, *, run: Run) -> None:
    """Let the logger ``careledger`` speak, at ``info`` or ``debug``."""
    run.verbose = level
    logger = logging.getLogger("careledger")
    logger.setLevel(level.upper())
    if not any(isinstance(handler, _ToStderr) for handler in logger.handlers):
        logger.addHandler(_ToStderr())


def log_no_more() -> None:
    """Take back what ``log_to_stderr`` did."""
    logger = logging.getLogger("careledger")
    for handler in [each for each in logger.handlers if isinstance(each, _ToStderr)]:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)


class _ToStderr(logging.Handler):
    """Writes to whatever stderr is now, outside text spelt out."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        try:
            output.note(f"{record.levelname.lower()}: {record.getMessage()}")
        except Exception:
            self.handleError(record)
