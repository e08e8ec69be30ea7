"""``careledger explain``: what a name means that the contracts or the SDK use."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from careledger import codes, errors
from careledger.cli import output
from careledger.cli.frame import Frame, verb
from careledger.errors import Misuse
from careledger.text import did_you_mean, shown

app = typer.Typer()


@verb(app, "explain")
def explain(frame: Frame, name: Annotated[str, typer.Argument(help="Any spelling; Reason.32 by number.")]) -> None:
    """Explain an on-chain error, a reason or other code, a purpose, a data class, an event, an SDK error.

    Example: careledger explain RecordRegistry_NotFound
    """
    wanted, found, known = _plain(name), [], []
    for entry in _everything():
        known += entry["names"]
        if wanted in {_plain(each) for each in entry["names"]}:
            found.append(entry)
    if not found:
        raise Misuse(
            f"nothing here is called {shown(name, 60)!r}",
            fix=did_you_mean(name, known, otherwise="Give the name of an error, code, class, purpose or event."),
        )
    answer = [{key: value for key, value in entry.items() if key != "names"} for entry in found]
    if frame.json:
        output.data(answer)
        return
    for at, entry in enumerate(answer):
        output.lines([*([""] if at else []), f"{entry['name']}: {entry['kind']}", f"  {entry['meaning']}"])
        output.lines([f"  {label}: {entry[key]}" for key, label in _LABELS.items() if entry[key]])


_LABELS = {"fix": "Try", "retry": "Retry", "signature": "Signature", "word": "Word", "number": "Number"}


def _plain(text: str) -> str:
    return text[:200].lower().replace("_", "").replace("-", "").strip()


def _entry(kind: str, name: str, meaning: str, names: list[str], **more: Any) -> dict[str, Any]:
    blank = dict.fromkeys(_LABELS, "")
    return {"kind": kind, "name": name, "meaning": " ".join(meaning.split()), **blank, **more, "names": [name, *names]}


def _everything() -> Iterator[dict[str, Any]]:
    yield from _codes()
    yield from _sdk_errors()
    yield from _contracts()


def _codes() -> Iterator[dict[str, Any]]:
    for kind in codes.__all__:
        family = getattr(codes, kind)
        words = ", ".join(member.word for member in family)
        yield _entry("list of codes", kind, f"{inspect.cleandoc(family.__doc__ or '')} {words}", [])
        for member in family:
            numbered = [f"{kind}.{member.value}", f"{kind}.{member.name}"]
            yield _entry(
                kind, f"{kind}.{member.name}", member.doc, [member.name, member.word, *numbered],
                word=member.word, number=str(member.value),
            )  # fmt: skip


def _sdk_errors() -> Iterator[dict[str, Any]]:
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, errors.CareLedgerError):
            doc = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0]
            yield _entry("error of the SDK", name, doc, [], retry=str(kind.default_retry))


def _contracts() -> Iterator[dict[str, Any]]:
    from careledger.chain.abi import artifacts

    seen: set[str] = set()
    for error in artifacts().errors_by_name.values():
        short = error.name.partition("_")[2]
        yield _entry(
            "error of the contracts", error.name, error.why, [short] if short else [],
            fix=error.fix, retry=error.retry, signature=error.signature,
        )  # fmt: skip
    for artifact in artifacts():
        for event in artifact.events:
            notice = artifact.userdoc.get("events", {}).get(event.signature, {}).get("notice", "")
            if event.signature not in seen and notice:
                seen.add(event.signature)
                yield _entry(f"event of {artifact.name}", event.name, notice, [], signature=event.signature)
