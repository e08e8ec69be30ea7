"""The command line: ``careledger <noun> <verb>``. Nouns are loaded when they are used, so that ``--help`` is quick.

To add a noun: one module here with ``app = typer.Typer()`` whose verbs are declared with ``frame.verb``, and one line
in ``NOUNS``; then ``scripts/cli_reference.py --write``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

__all__ = ["NOUNS", "Noun", "main", "nouns"]


@dataclass(frozen=True)
class Noun:
    """One noun: its name, the module that holds its ``app``, and what help says about it."""

    name: str
    module: str
    help: str


NOUNS: tuple[Noun, ...] = (
    Noun("demo", "careledger.cli.demo", "Play the journeys on a local chain, attacks included, and report."),
    Noun("chain", "careledger.cli.chain", "Keep a local chain running: start, stop, status."),
    Noun("deploy", "careledger.cli.deploy", "Deploy the suite; resumable."),
    Noun("doctor", "careledger.cli.doctor", "Compare code, roles and settings on chain with the manifest."),
    Noun("participants", "careledger.cli.participants", "Who is who: credentials, affiliations, held accounts."),
    Noun("directory", "careledger.cli.directory", "Pair outside identifiers with accounts; find, merge, split them."),
    Noun("guardians", "careledger.cli.guardians", "Who may act for a patient, and whose year is ending."),
    Noun("consents", "careledger.cli.consents", "Directives: grant, revoke, decide, show, list."),
    Noun("records", "careledger.cli.records", "Seal, open, share and shred records; ask custodians, check them."),
    Noun("custodian", "careledger.cli.custodian", "Answer requests for records; log, anchor, prove, account."),
    Noun("emergencies", "careledger.cli.emergencies", "Break the glass, review it, judge it last."),
    Noun("fhir", "careledger.cli.fhir", "Look into FHIR files."),
    Noun("keys", "careledger.cli.keys", "Keystores: create, import, list, show."),
    Noun("profile", "careledger.cli.profile", "As whom commands act: create, list, show, use."),
    Noun("whoami", "careledger.cli.whoami", "Say as whom and where commands act."),
    Noun("tx", "careledger.cli.tx", "What is in flight."),
    Noun("networks", "careledger.cli.networks", "Networks by name, and what is deployed on them."),
    Noun("config", "careledger.cli.config", "Each setting, its value and where it comes from."),
    Noun("explain", "careledger.cli.explain", "What an error, code, class, purpose or event means."),
)
"""Every noun in the order help lists them; one whose module this release does not hold is left out."""


def nouns() -> list[Noun]:
    """Return the nouns this release holds."""
    return [noun for noun in NOUNS if find_spec(noun.module) is not None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Without the program's name; this process's own when not given.

    Returns:
        The exit code: 0 yes or done, 1 failed, 2 misuse, 3 the answer is no, 4 try again, 130 interrupted.
    """
    import sys

    from careledger.cli.root import run

    return run(list(sys.argv[1:]) if arguments is None else list(arguments))
