"""Say what each resource of some files is and becomes: as one JSON array, or gathered into rows for a table."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from careledger.errors import CareLedgerError, NotFound
from careledger.formats.fhir import sources
from careledger.formats.fhir.match import Copy, PatientDirectory, Patients
from careledger.formats.fhir.model import Match, Resource
from careledger.formats.fhir.read import note, read
from careledger.text import shown

__all__ = ["KEYS", "Row", "Unmatched", "as_object", "rows", "sentence", "shown", "write_json"]

KEYS = ("file", "resourceType", "fhirVersion", "subject", "becomes", "dataClasses", "reason")
"""The keys of every object in the JSON answer, null where there is none."""
SPOOL = 8 << 20
"""Bytes of entries of one Bundle kept in memory before they go to a temporary file."""
GROUP_ABOVE = 40
"""A document of more resources than this is shown in groups."""
SUBJECTS_COUNTED = 1000
"""Subjects of one group counted; beyond, it is said to be more."""

Input = str | Path | BinaryIO


def as_object(resource: Resource, *, matched: bool = False) -> dict[str, Any]:
    """Return the JSON object of one resource: the seven keys, then line, pointer and reading.

    Args:
        resource: The resource.
        matched: Whether a directory was asked: then ``account`` and ``unmatched`` follow, the latter with identifiers
            and name of a patient who is not known.
    """
    found = {
        "file": resource.source,
        "resourceType": resource.resource_type,
        "fhirVersion": resource.fhir_version,
        "subject": resource.subject,
        "becomes": resource.becomes.value if resource.becomes else None,
        "dataClasses": [c.word for c in sorted(resource.data_classes)] or None,
        "reason": resource.reason,
        "line": resource.line,
        "pointer": resource.pointer,
        "reading": resource.reading,
    }
    return found | _matched_object(resource.match) if matched else found


def _matched_object(match: Match | None) -> dict[str, Any]:
    if match is None or match.party is not None:
        return {"account": match and match.party and match.party.address, "unmatched": None}
    identifiers = [{"system": each.system, "value": each.value} for each in match.identifiers]
    return {"account": None, "unmatched": {"reason": match.reason, "name": match.name, "identifiers": identifiers}}


def write_json(
    inputs: Iterable[Input], out: TextIO, *, validate: bool = True, directory: PatientDirectory | None = None,
    unmatched: Unmatched | None = None,
) -> bool:  # fmt: skip
    """Write one array: an object per file, or per line of NDJSON; that of a Bundle has its resources in ``entries``.

    A file that cannot be read is an object as well, with ``resourceType`` null and the sentence in ``reason``.
    Memory stays bounded however many entries a Bundle has: they wait in a temporary file for their Bundle.

    Args:
        inputs: Files, folders or streams.
        out: Where to write; the text is ASCII.
        validate: Whether to validate with the models.
        directory: Says whose each resource is.
        unmatched: Counts patients whom it does not know.

    Returns:
        Whether everything was read.
    """
    with _known(inputs, directory, unmatched) as (every, known):
        return _write_json(every, out, validate, known, matched=directory is not None)


def _write_json(every: Iterable[_One], out: TextIO, validate: bool, known: _Look, *, matched: bool) -> bool:
    good, comma = True, "["
    for one in every:
        with tempfile.SpooledTemporaryFile(max_size=SPOOL, mode="w+", encoding="ascii") as spool:
            waiting = 0
            try:
                if isinstance(one, _Missing):
                    raise one.error
                for resource in map(known, _read(one, validate)):
                    good = good and resource.is_readable
                    text = json.dumps(as_object(resource, matched=matched))
                    if resource.pointer:
                        spool.write((", " if waiting else "") + text)
                        waiting += 1
                        continue
                    out.write(comma + text[:-1])
                    if resource.resource_type == "Bundle":
                        out.write(', "entries": [')
                        spool.seek(0)
                        shutil.copyfileobj(spool, out)
                        out.write("]")
                    out.write("}")
                    comma, waiting = ",\n ", 0
                    spool.seek(0)
                    spool.truncate()
            except CareLedgerError as error:
                more = ("account", "unmatched") if matched else ()
                nothing = dict.fromkeys([*KEYS, "line", "pointer", "reading", *more])
                out.write(comma + json.dumps({**nothing, "file": _name(one), "reason": sentence(error)}))
                comma, good = ",\n ", False
    out.write("]\n" if comma != "[" else "[]\n")
    return good


@dataclass
class Row:
    """Resources of one document that are alike."""

    resource: Resource
    """The first of them."""
    count: int = 0
    subjects: set[str] = field(default_factory=set)
    """Whom they are about, up to a number."""

    @property
    def account(self) -> str:
        """Whose they are according to the directory, in one cell."""
        match = self.resource.match
        if match is None:
            return "-"
        if match.party is None:
            return f"unmatched: {match.reason}"
        return match.party.address if len(self.subjects) <= 1 else "several accounts"

    @property
    def subject(self) -> str:
        """Whom they are about, in one cell."""
        if len(self.subjects) > 1:
            more = "more than " if len(self.subjects) > SUBJECTS_COUNTED else ""
            return f"{more}{min(len(self.subjects), SUBJECTS_COUNTED)} subjects"
        return shown(next(iter(self.subjects), "")) or "-"


class Unmatched:
    """Patients whom the directory does not know, as the file gives them, with how many resources are about each."""

    MOST = 10_000
    """More are counted and not kept."""

    def __init__(self) -> None:
        self.resources = 0
        """How many resources are about nobody whom the directory knows."""
        self.not_kept = 0
        self._rows: dict[tuple[Any, ...], int] = {}

    def count(self, match: Match | None) -> None:
        """Count a resource."""
        if match is None or match.party is not None:
            return
        self.resources += 1
        key = (match.name, tuple((each.system, each.value) for each in match.identifiers), match.reason)
        if key in self._rows or len(self._rows) < self.MOST:
            self._rows[key] = self._rows.get(key, 0) + 1
        else:
            self.not_kept += 1

    def __iter__(self) -> Iterator[tuple[str, str, str, str, int]]:
        """Yield name, system, value, reason and number of resources; a line for each identifier."""
        for (name, identifiers, reason), count in self._rows.items():
            for system, value in identifiers or ((None, None),):
                yield str(name or "-"), str(system or "-"), str(value or "-"), reason, count


def rows(
    inputs: Iterable[Input], *, every: bool = False, validate: bool = True, directory: PatientDirectory | None = None,
    unmatched: Unmatched | None = None,
) -> Iterator[Row | CareLedgerError]:  # fmt: skip
    """Yield the rows of a table: each resource, or groups of them where a file holds many.

    Args:
        inputs: Files, folders or streams.
        every: A row for each resource, however many.
        validate: Whether to validate with the models.
        directory: Says whose each resource is.
        unmatched: Counts patients whom it does not know.

    Yields:
        Rows, and in the place of a file that cannot be read its error.
    """
    with _known(inputs, directory, unmatched) as (found, known):
        yield from _rows(found, every, validate, known)


def _rows(found: Iterable[_One], every: bool, validate: bool, known: _Look) -> Iterator[Row | CareLedgerError]:
    for one in found:
        single: list[Row] = []
        groups: dict[tuple[Any, ...], Row] = {}
        count = 0
        failed: CareLedgerError | None = None
        try:
            if isinstance(one, _Missing):
                raise one.error
            for resource in map(known, _read(one, validate)):
                count += 1
                bare = _without_bytes(resource)
                if every:
                    yield _count(Row(bare), resource)
                    continue
                if count <= GROUP_ABOVE:
                    single.append(_count(Row(bare), resource))
                _count(groups.setdefault(_alike(resource), Row(bare)), resource)
        except CareLedgerError as error:
            failed = error
        yield from single if count <= GROUP_ABOVE else groups.values()
        if failed is not None:
            yield failed


def sentence(error: CareLedgerError) -> str:
    """Return what happened, with its capital letter and its full stop."""
    text = error.message.strip()
    return text[:1].upper() + text[1:].rstrip(".") + "."


# INTERNAL


@contextmanager
def _known(
    inputs: Iterable[Input], directory: PatientDirectory | None, unmatched: Unmatched | None
) -> Iterator[tuple[Iterable[_One], _Look]]:
    """Yield what is to be read and what says whose a resource is; with a directory, patients are looked at first."""
    if directory is None:
        yield _each(inputs), lambda resource: resource
        return
    every = [one if isinstance(one, (Path, _Missing)) else Copy(one) for one in _each(inputs)]
    try:
        with directory.finder() as find:
            patients = Patients(find)
            for one in every:
                if not isinstance(one, _Missing):
                    note(one, patients)

            def look(resource: Resource) -> Resource:
                found = patients.matched(resource)
                if unmatched is not None:
                    unmatched.count(found.match)
                return found

            yield every, look
    finally:
        for one in every:
            if isinstance(one, Copy):
                one.close()


def _read(one: Path | BinaryIO | Copy, validate: bool) -> Iterator[Resource]:
    if isinstance(one, Copy):
        return read(one.again(), name=one.name, validate=validate)
    return read(one, validate=validate)


@dataclass(frozen=True)
class _Missing:
    """A name that leads to no file."""

    name: str
    error: CareLedgerError


_One = Path | BinaryIO | Copy | _Missing
_Look = Callable[[Resource], Resource]


def _each(inputs: Iterable[Input]) -> Iterator[Path | BinaryIO | _Missing]:
    """Yield every file, those of folders one by one, and in the place of one that is not there the error."""
    for one in inputs:
        if not isinstance(one, (str, Path)):
            yield one
            continue
        count = 0
        try:
            for path in sources.expand(one):
                count += 1
                yield path
        except CareLedgerError as error:
            yield _Missing(str(one), error)
            continue
        if not count:
            why = f"the folder {str(one)!r} holds no file named {', '.join(sources.SUFFIXES[:3])}."
            yield _Missing(str(one), NotFound(why))


def _name(one: _One) -> str:
    if isinstance(one, _Missing):
        return one.name
    return str(one) if isinstance(one, Path) else str(getattr(one, "name", "stream"))


def _alike(resource: Resource) -> tuple[Any, ...]:
    return (
        resource.resource_type,
        resource.fhir_version,
        resource.becomes,
        resource.data_classes,
        resource.reading,
        resource.reason,
        resource.match and (resource.match.party is None, resource.match.reason),
    )


def _without_bytes(resource: Resource) -> Resource:
    return replace(resource, raw=b"", identifiers=(), subject_identifiers=())


def _count(row: Row, resource: Resource) -> Row:
    row.count += 1
    if resource.subject is not None and len(row.subjects) <= SUBJECTS_COUNTED:
        row.subjects.add(resource.subject)
    return row
