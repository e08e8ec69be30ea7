"""From arguments to an exit code: nouns loaded when used, every failure said in three lines, nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer import core

from careledger import __version__
from careledger.cli import nouns, output
from careledger.cli.frame import PipeClosed, Run, log_no_more
from careledger.errors import CareLedgerError, Misuse
from careledger.text import nearest, shown

__all__ = ["command", "run"]

# typer brings its own copy of click since 0.27; before, it was a package of its own
_exceptions: Final[Any] = import_module("typer._click.exceptions" if find_spec("typer._click") else "click.exceptions")
_INTERRUPTED = 130
_PIPE_CLOSED = 141
_TERMINATED = 143


class _Terminated(BaseException):
    """SIGTERM, so that everything on the way out is cleaned up."""


class _Nouns(core.TyperGroup):
    """The root: lists nouns from the table and imports one when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the nouns."""
        return [noun.name for noun in nouns()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Load a noun."""
        for noun in nouns():
            if noun.name == cmd_name:
                loaded = typer.main.get_command(import_module(noun.module).app)
                loaded.name = noun.name
                _plain_help(loaded)
                return loaded
        return None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the nouns without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(noun.name, noun.help) for noun in nouns()])


def _plain_help(loaded: Any) -> None:
    """Make help plain text, and leave what installs completion to the root."""
    loaded.rich_markup_mode = None
    loaded.params = [each for each in loaded.params if each.name not in ("install_completion", "show_completion")]
    for each in getattr(loaded, "commands", {}).values():
        _plain_help(each)


_app = typer.Typer(cls=_Nouns, rich_markup_mode=None, no_args_is_help=True, invoke_without_command=True)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.resources import files

        digest = (files("careledger") / "artifacts" / "sources.sha256").read_text(encoding="ascii").strip()
        output.lines([f"careledger {__version__}, contracts {digest[:16]}"])
        raise typer.Exit


@_app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which release this is.")
    ] = False,
) -> None:
    """Consent, sealed records and the money of health care on Ethereum.

    Data goes to stdout, all else to stderr. Exit codes: 0 yes or done, 1 failed, 2 misuse, 3 the answer is no, 4 try
    again.

    Example: careledger explain not-granted
    """


def command() -> Any:
    """Return the whole command line as the tree that help and completion walk."""
    return typer.main.get_command(_app)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; never raises, never shows a traceback unless ``-v debug`` asks."""
    given = _before_dashes(arguments)
    state = Run(json="--json" in given)
    if os.environ.get("CARELEDGER_LOG") == "debug" or ("-v", "debug") in pairwise(given):
        state.verbose = "debug"  # also for what fails before options are read, such as an import
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started the program
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        try:
            with _orderly_end():
                code = _execute(list(arguments), state)
            sys.stdout.flush()
        except (BrokenPipeError, PipeClosed):
            raise
        except BaseException as error:
            code = _report(error, state)
        sys.stdout.flush()
        sys.stderr.flush()
        return code
    except (BrokenPipeError, PipeClosed):
        _drop_streams()
        return _PIPE_CLOSED
    except KeyboardInterrupt:
        return _INTERRUPTED
    except OSError:
        _drop_streams()
        return 1
    finally:
        log_no_more()


def _before_dashes(arguments: Sequence[str]) -> Sequence[str]:
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _execute(arguments: list[str], state: Run) -> int:
    if any(each == "" or (each.startswith("--") and each.endswith("=") and each.count("=") == 1) for each in arguments):
        raise Misuse(
            "an argument is empty",
            why="An empty path would be this folder, and a shell makes one of an unset variable.",
            fix="Give it a value, or leave it out.",
        )
    try:
        answer = command().main(arguments, prog_name="careledger", standalone_mode=False, obj=state)
    except SystemExit as end:  # shell completion ends this way
        return end.code if isinstance(end.code, int) else 1 if end.code else 0
    if answer == _INTERRUPTED:  # typer's way to say that Ctrl-C was pressed
        raise KeyboardInterrupt
    return answer if isinstance(answer, int) else 0


@contextmanager
def _orderly_end() -> Iterator[None]:
    """Let SIGTERM unwind like SIGINT does, so that what was begun is cleaned up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: object) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


# FAILURES


def _report(error: BaseException, state: Run) -> int:
    """Say what went wrong and return the exit code."""
    if isinstance(error, _exceptions.NoArgsIsHelpError):
        sys.stderr.write(f"{error}\n")
        return 2
    found, code = _as_ours(error)
    if state.verbose == "debug" and code not in (_INTERRUPTED, _TERMINATED):
        traceback.print_exception(error, file=sys.stderr)
    sys.stderr.write(output.error_object(found, code) if state.json else output.error_lines(found))
    return code


def _as_ours(error: BaseException) -> tuple[CareLedgerError, int]:
    if isinstance(error, CareLedgerError):
        return error, error.exit_code
    if isinstance(error, _exceptions.UsageError):
        return _usage(error), 2
    if isinstance(error, _exceptions.ClickException):
        return CareLedgerError(error.format_message()), 1
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return CareLedgerError(
            "interrupted; what was sent before stays sent, and the same command resumes"
        ), _INTERRUPTED
    if isinstance(error, _Terminated):
        return CareLedgerError("ended by a signal; the same command resumes"), _TERMINATED
    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if isinstance(error.filename, str) else ""
        return CareLedgerError(f"{name}{error.strerror}", fix="Check the path, its permissions and free space."), 1
    return (
        CareLedgerError(
            f"an unexpected {type(error).__name__}",
            why="This is a defect of CareLedger.",
            fix="Run it again with -v debug, and report what it prints.",
        ),
        1,
    )


def _usage(error: Any) -> Misuse:
    """Return click's complaint as ours, with what was perhaps meant."""
    path = error.ctx.command_path if error.ctx is not None else "careledger"
    fix = f"Run: {path} --help"
    message = re.sub(r"\s*Did you mean .*", "", error.format_message(), flags=re.DOTALL)
    if isinstance(error, _exceptions.NoSuchOption):
        message = f"there is no option {shown(error.option_name, 60)} of {path}"
        options = [name for each in error.ctx.command.params for name in each.opts] if error.ctx is not None else []
        near = nearest(error.option_name, [*options, "--help"])
        fix = f"Did you mean {' or '.join(near)}?" if near else fix
    elif error.message.startswith("No such command") and error.ctx is not None:
        word = re.sub(r"^No such command '(.*?)'\..*$", r"\1", error.message, flags=re.DOTALL)
        message = f"there is no command {path} {shown(word, 60)}"
        group = error.ctx.command
        near = nearest(word, group.list_commands(error.ctx)) if isinstance(group, core.TyperGroup) else []
        fix = f"Did you mean {' or '.join(f'{path} {name}' for name in near)}?" if near else fix
    return Misuse(message[:1].lower() + message[1:], fix=fix)


def _drop_streams() -> None:
    """Give up streams whose reader has gone, so that the interpreter does not complain about them at its end."""
    with suppress(OSError, ValueError, AttributeError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
                continue
            os.dup2(nothing, stream.fileno())
