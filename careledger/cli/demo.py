"""``careledger demo``: the first journey on a local chain, attacks included."""

from __future__ import annotations

import json
import shlex
import sys
import time
from contextlib import AbstractContextManager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from careledger.cli import output
from careledger.cli.frame import Frame, verb
from careledger.errors import FormatError, InputError, Misuse, NotFound

if TYPE_CHECKING:
    from careledger.demo.stage import Stage
    from careledger.demo.story import Scene, Step, Story

app = typer.Typer()

_MARKS = {"done": "  ", "refused": "✗ ", "attack failed": "⚔ "}
_ENGINES = ("auto", "anvil", "in-process")


@verb(app, "demo")
def demo(
    frame: Frame,
    keep: Annotated[bool, typer.Option("--keep", help="Leave chain, keys, files and profiles for going on.")] = False,
    pause: Annotated[bool, typer.Option("--pause", help="Wait for Enter after each scene.")] = False,
    patient: Annotated[
        Path | None, typer.Option("--patient", help="A FHIR Bundle of your own about one patient.", metavar="FILE")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where files go; with --keep careledger-out.", metavar="FOLDER")
    ] = None,
    engine: Annotated[str, typer.Option("--engine", help="auto, anvil or in-process.", metavar="NAME")] = "auto",
) -> None:
    """Play the first journey on a local chain: accredited, sealed, agreed, read, refused, revoked, shredded.

    Each step is a sentence with its gas; in each scene somebody without the key attacks and fails. It ends with what a
    stranger saw beside what it meant.

    Example: careledger demo --patient bundle.json --out demo-files
    """
    from careledger.chain import background
    from careledger.demo import Story, play
    from careledger.demo.stage import ephemeral, keep_profiles, kept

    if engine not in _ENGINES:
        raise Misuse(f"there is no engine {engine!r}", fix=f"Use one of: {', '.join(_ENGINES)}.")
    if keep and engine == "in-process":
        raise Misuse("a chain in this process cannot be kept", fix="Leave out --keep, or use --engine anvil.")
    file = patient or Path(str(resources.files("careledger") / "seeds" / "patients" / "ana-beispiel.json"))
    if not file.is_file():
        raise NotFound(f"there is no file {file.name}", fix="Give --patient a FHIR Bundle.")
    _check(file)
    folder = out or (Path("careledger-out") if keep else None)
    folder = folder.absolute() if folder else None  # profiles name files in it, and are used from elsewhere
    if folder is not None and folder.exists() and (not folder.is_dir() or (keep and any(folder.iterdir()))):
        raise InputError(f"{folder} is there already", fix="Give --out another folder, or move this one away.")
    began = time.monotonic()
    teller = _Teller(quiet=frame.json, pause=pause)
    story = Story(teller)
    stage: AbstractContextManager[Stage] = kept(folder) if keep and folder else ephemeral(engine)  # type: ignore[arg-type]
    try:
        with stage as where:
            teller.say(where.statement)
            journey = play(where.care, story, patient=file, accounts=where.accounts)
            if keep and folder:
                keep_profiles(folder, journey.cast)
    except BaseException:
        if keep and folder and folder.is_dir():  # what was not played to its end is not kept running
            background.stop(folder)
        raise
    result = {**story.to_json(), "seconds": round(time.monotonic() - began, 1), "kept": str(folder) if keep else None}
    if folder is not None:
        from careledger.privacy.files import private_folder, write_private

        private_folder(folder)
        write_private(folder / "demo.json", json.dumps(result, indent=2).encode())
        write_private(folder / "audit-events.json", json.dumps(journey.audit, indent=2).encode())
    if frame.json:
        frame.answer(result)
        return
    _summary(story, result)
    if keep and folder:
        _what_next(folder, journey)


def _check(file: Path) -> None:
    """Refuse a file that holds nothing to seal before a chain is started for it.

    Raises:
        FormatError: It is no FHIR, or nothing in it becomes a record.
    """
    from careledger.formats import fhir

    fix = "Give --patient a FHIR Bundle about one patient."
    try:
        found = any(
            item.raw and item.becomes == "record" and item.data_classes for item in fhir.read(file, validate=False)
        )
    except FormatError as error:
        raise FormatError(error.message, why=error.why, fix=error.fix or fix) from None
    if not found:
        raise FormatError(f"{file.name} holds nothing to seal", fix=fix)


class _Teller:
    """Tells scenes and steps as they happen."""

    def __init__(self, *, quiet: bool, pause: bool) -> None:
        self._quiet, self._pause, self._scenes = quiet, pause, 0

    def __call__(self, told: Scene | Step) -> None:
        """Tell a scene or a step."""
        from careledger.demo.story import Scene

        if self._quiet:
            return
        if isinstance(told, Scene):
            if self._scenes and self._pause and sys.stdin.isatty():
                output.note("Press Enter to go on.")
                sys.stdin.readline()
            self._scenes += 1
            output.lines(["", f"{self._scenes}  {told.title}"])
            return
        cost = f"  [{told.gas:,} gas]" if told.gas else ""
        output.lines([f"   {_MARKS[told.outcome]}{told.sentence}{cost}"])
        if told.outcome == "attack failed":
            output.lines([f"        fails: {told.why}"])
        elif told.why:
            output.lines([f"        because: {told.why}"])
        sys.stdout.flush()

    def say(self, sentence: str) -> None:
        """Tell a sentence outside the scenes."""
        if not self._quiet:
            output.lines([sentence])


def _summary(story: Story, result: dict[str, Any]) -> None:
    """Tell what an outsider saw, and what it all came to."""
    output.lines(["", "What a stranger saw on the chain, beside what it meant"])
    for row in story.facts["outsider"]:
        output.lines([f"   {row['times']} × {row['event']}({row['saw']})", f"        {row['meant']}"])
    output.lines(["", "Summary"])
    rows = []
    for scene in story.scenes:
        outcomes = [step.outcome for step in scene.steps]
        counts = [outcomes.count("done"), outcomes.count("refused"), outcomes.count("attack failed")]
        rows.append([scene.title.split(":")[0], *map(str, counts), f"{scene.gas:,}"])
    totals = [sum(int(row[at]) for row in rows) for at in (1, 2, 3)]
    rows.append(["all", *map(str, totals), f"{story.gas:,}"])
    _aligned([["scene", "steps", "refused", "attacks failed", "gas"], *rows])
    output.lines(["", f"Nothing about anyone's health is on the chain. It took {result['seconds']} seconds."])


def _aligned(rows: list[list[str]]) -> None:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        first, *rest = (cell.ljust(w) if at == 0 else cell.rjust(w) for at, (cell, w) in enumerate(zip(row, widths)))  # noqa: B905
        output.lines([f"   {first}  {'  '.join(rest)}"])


def _what_next(folder: Path, journey: Any) -> None:
    """Print five commands to type."""
    cast, record = journey.cast, journey.documents[0].record
    output.lines(
        [
            "",
            f"Everything is kept in {folder}. To go on:",
            "",
            f"   cd {shlex.quote(str(folder))} && export CARELEDGER_PASSWORD_FILE=password",
            "   careledger whoami --as clinic",
            f"   careledger consents list --patient {cast.ana.party.address} --all",
            f"   careledger records open {record.id} --as hospital",
            f"   careledger records status {record.id}",
            "   careledger chain stop",
        ]
    )
