"""Say what each resource of some files is and becomes: as one JSON array, or gathered into rows for a table."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from careledger.errors import CareLedgerError, NotFound
from careledger.formats.fhir import sources
from careledger.formats.fhir.model import Resource
from careledger.formats.fhir.read import read
from careledger.text import shown

__all__ = ["KEYS", "Row", "as_object", "rows", "sentence", "shown", "write_json"]

KEYS = ("file", "resourceType", "fhirVersion", "subject", "becomes", "dataClasses", "reason")
"""The keys of every object in the JSON answer, null where there is none."""
SPOOL = 8 << 20
"""Bytes of entries of one Bundle kept in memory before they go to a temporary file."""
GROUP_ABOVE = 40
"""A document of more resources than this is shown in groups."""
SUBJECTS_COUNTED = 1000
"""Subjects of one group counted; beyond, it is said to be more."""

Input = str | Path | BinaryIO


def as_object(resource: Resource) -> dict[str, Any]:
    """Return the JSON object of one resource: the seven keys, then line, pointer and reading."""
    return {
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


def write_json(inputs: Iterable[Input], out: TextIO, *, validate: bool = True) -> bool:
    """Write one array: an object per file, or per line of NDJSON; that of a Bundle has its resources in ``entries``.

    A file that cannot be read is an object as well, with ``resourceType`` null and the sentence in ``reason``.
    Memory stays bounded however many entries a Bundle has: they wait in a temporary file for their Bundle.

    Args:
        inputs: Files, folders or streams.
        out: Where to write; the text is ASCII.
        validate: Whether to validate with the models.

    Returns:
        Whether everything was read.
    """
    good, comma = True, "["
    for one in _each(inputs):
        with tempfile.SpooledTemporaryFile(max_size=SPOOL, mode="w+", encoding="ascii") as spool:
            waiting = 0
            try:
                if isinstance(one, _Missing):
                    raise one.error
                for resource in read(one, validate=validate):
                    good = good and resource.is_readable
                    if resource.pointer:
                        spool.write((", " if waiting else "") + json.dumps(as_object(resource)))
                        waiting += 1
                        continue
                    out.write(comma + json.dumps(as_object(resource))[:-1])
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
                nothing = dict.fromkeys([*KEYS, "line", "pointer", "reading"])
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
    def subject(self) -> str:
        """Whom they are about, in one cell."""
        if len(self.subjects) > 1:
            more = "more than " if len(self.subjects) > SUBJECTS_COUNTED else ""
            return f"{more}{min(len(self.subjects), SUBJECTS_COUNTED)} subjects"
        return shown(next(iter(self.subjects), "")) or "-"


def rows(inputs: Iterable[Input], *, every: bool = False, validate: bool = True) -> Iterator[Row | CareLedgerError]:
    """Yield the rows of a table: each resource, or groups of them where a file holds many.

    Args:
        inputs: Files, folders or streams.
        every: A row for each resource, however many.
        validate: Whether to validate with the models.

    Yields:
        Rows, and in the place of a file that cannot be read its error.
    """
    for one in _each(inputs):
        single: list[Row] = []
        groups: dict[tuple[Any, ...], Row] = {}
        count = 0
        failed: CareLedgerError | None = None
        try:
            if isinstance(one, _Missing):
                raise one.error
            for resource in read(one, validate=validate):
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


@dataclass(frozen=True)
class _Missing:
    """A name that leads to no file."""

    name: str
    error: CareLedgerError


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


def _name(one: Path | BinaryIO | _Missing) -> str:
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
    )


def _without_bytes(resource: Resource) -> Resource:
    return replace(resource, raw=b"", identifiers=())


def _count(row: Row, resource: Resource) -> Row:
    row.count += 1
    if resource.subject is not None and len(row.subjects) <= SUBJECTS_COUNTED:
        row.subjects.add(resource.subject)
    return row
