"""Read FHIR JSON: single resources, Bundles of every type, NDJSON and folders, one resource at a time.

A Bundle is read entry by entry and never held; the Bundle itself comes last, when all of it is known.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from careledger.codes import DataClass
from careledger.errors import FormatError, NotFound
from careledger.formats.fhir import kinds, models, sensitivity, sources, version
from careledger.formats.fhir.match import Copy, PatientDirectory, Patients
from careledger.formats.fhir.model import UNDECIDED, Becomes, Identifier, Resource
from careledger.formats.fhir.split import MAX_VALUE, BundleEnd, Entry, Scanner, Slice
from careledger.formats.fhir.strict import parse
from careledger.redact import PersonalText

AHEAD = 256
"""Entries looked at before the first is handed out, so that one that shows its version speaks for those that do not."""
AHEAD_BYTES = 8 << 20
"""No more than this is held for it."""
NESTED = 8
"""Bundles in Bundles (a batch-response holds searchsets); more is no FHIR."""


@dataclass(frozen=True)
class _Place:
    """Where the reader is."""

    source: str
    line: int | None
    pointer: str
    offset: int
    validate: bool
    context: str | None = None


def read(
    source: str | Path | BinaryIO,
    *,
    name: str = "",
    validate: bool = True,
    directory: PatientDirectory | None = None,
) -> Iterator[Resource]:
    """Read every resource of a file, a folder or a stream.

    Args:
        source: A file of FHIR JSON or NDJSON (gzip as well), a folder of such files, or an open stream of bytes.
        name: What to call a stream; a name ending in ``.ndjson`` says how to read it.
        validate: Also validate each resource with a model of its version; without, every reading is structural.
        directory: An organisation's directory, such as ``care.directory``: each resource then says in ``match`` whose
            it is. The source is read twice, because a patient may stand behind what is about it.

    Yields:
        Each resource as soon as it was read; a Bundle after its entries. Something that is no resource, in an NDJSON
        line or in an entry, is yielded with ``resource_type`` None and the reason, and reading goes on.

    Raises:
        NotFound: There is no such file.
        FormatError: The file as a whole is not FHIR JSON, or ends in the middle. What came before was yielded.

    Example:
        >>> for resource in read("seeds/patients/ana-beispiel.json"):
        ...     print(resource.resource_type, resource.becomes)  # doctest: +SKIP
    """
    if directory is not None:
        kept = nullcontext(source) if isinstance(source, (str, Path)) else closing(Copy(source))
        with kept as again, directory.finder() as find:
            patients = Patients(find)
            note(again, patients, name=name)
            yield from map(patients.matched, _each(again, name, validate))
        return
    yield from _each(source, name, validate)


def note(source: str | Path | Copy, patients: Patients, *, name: str = "") -> None:
    """Look at the Patients of a source before it is read; what cannot be read is passed over, as far as that goes."""
    every: Iterable[str | Path | Copy] = [source]
    with suppress(NotFound):
        every = [source] if isinstance(source, Copy) else list(sources.expand(source))
    for one in every:
        with suppress(NotFound, FormatError):
            for resource in _each(one, name, False):
                patients.note(resource)


def patient_of(resources: str | Path | BinaryIO | Iterable[Resource]) -> Resource:
    """Return the one Patient that a document is about.

    Args:
        resources: What {read} reads, or what it yielded.

    Raises:
        NotFound: There is no Patient in it.
        FormatError: There are several.
    """
    if isinstance(resources, (str, Path)) or hasattr(resources, "read"):
        resources = read(resources, validate=False)  # type: ignore[arg-type]
    found = [r for r in resources if r.resource_type == "Patient"]
    if not found:
        raise NotFound("there is no Patient in this document.", fix="Name the patient, or use a Bundle that holds one.")
    if len(found) > 1:
        raise FormatError(f"there are {len(found)} Patients in this document, not one.", fix="Split it by patient.")
    return found[0]


# INTERNAL


def _each(source: str | Path | BinaryIO | Copy, name: str, validate: bool) -> Iterator[Resource]:
    if isinstance(source, Copy):
        name = name or source.name
        source = source.again()
    if not isinstance(source, (str, Path)):
        label = name or str(getattr(source, "name", "stream"))
        yield from _stream(sources.prepared(source, label), label, validate)
        return
    for path in sources.expand(source):
        with sources.opened(path) as stream:
            yield from _stream(stream, str(path), validate)


def _stream(stream: BinaryIO, label: str, validate: bool) -> Iterator[Resource]:
    if sources.is_lines(label):
        yield from _lines(stream, label, validate)
        return
    scanner = Scanner(stream, label)
    first = True
    while scanner.peek() is not None:
        line = None if first else scanner.line()
        if not first and scanner.peek() != ord("{"):
            raise FormatError(f"{label} goes on after the end of the resource, at byte {scanner.pos:,}.")
        yield from _document(scanner, _Place(label, line, "", 0, validate), depth=0)
        scanner.forget()
        first = False


def _lines(stream: BinaryIO, label: str, validate: bool) -> Iterator[Resource]:
    """Read NDJSON: a line that cannot be read does not stop those after it."""
    number, offset = 0, 0
    while line := stream.readline(MAX_VALUE + 1):
        number += 1
        start, size = offset, len(line)
        while len(line) > MAX_VALUE and not line.endswith(b"\n"):
            line = stream.readline(MAX_VALUE + 1)  # pass the rest of a line too long to hold
            size += len(line)
        offset += size
        if not line.strip():
            continue
        place = _Place(label, number, "", start, validate)
        try:
            if size > MAX_VALUE:
                raise FormatError(f"line {number} is longer than {MAX_VALUE >> 20} MiB.")
            if line.strip()[:1] != b"{":
                raise FormatError(f"line {number} is not a FHIR resource.")
            scanner = Scanner(io.BytesIO(line), f"line {number}")
            found = list(_document(scanner, place, depth=0))
            if scanner.peek() is not None:
                raise FormatError(f"line {number} goes on after the end of the resource.")
        except FormatError as error:
            found = [_nothing(place, error.message.rstrip("."), Slice(line, 0))]
        yield from found


def _document(scanner: Scanner, place: _Place, depth: int) -> Iterator[Resource]:
    """Read the resource under the cursor, and if it is a Bundle its entries before it."""
    scanner.peek()
    kind = scanner.resource_type()
    if kind is None:
        raise FormatError(
            f"{scanner.name} is JSON, but not FHIR: it has no resourceType.", fix="Check that this is the right file."
        )
    if kind == "Bundle" and depth < NESTED:
        yield from _bundle(scanner, place, depth)
        return
    piece = scanner.value()
    yield _resource(piece, parse(piece.raw, scanner.name), place)


def _bundle(scanner: Scanner, place: _Place, depth: int) -> Iterator[Resource]:
    held: list[tuple[Entry, Any]] = []
    held_bytes = 0
    context: str | None = place.context
    settled = context is not None
    classes: set[DataClass] = set()
    reasons: set[str] = set()
    end = None

    def pour() -> Iterator[Resource]:
        for entry, tree in held:
            around = replace(place, context=context)
            for resource in chain(_entry(entry, tree, around, depth), _outcome(entry, around)):
                classes.update(resource.data_classes)
                reasons.add(str(resource.fhir_version))
                yield resource
        held.clear()

    for item in scanner.bundle():
        if isinstance(item, BundleEnd):
            end = item
            break
        tree = parse(item.resource.raw, f"{scanner.name}, entry {item.index}") if item.resource else None
        held.append((item, tree))
        held_bytes += len(item.resource.raw) if item.resource else 0
        if not settled:
            found = version.decide(tree) if isinstance(tree, dict) and tree.get("resourceType") != "Bundle" else None
            settled = found not in (None, UNDECIDED)
            context = found if settled else None
        if settled or len(held) >= AHEAD or held_bytes > AHEAD_BYTES:
            yield from pour()
            settled, held_bytes = True, 0
    if end is None:
        raise FormatError(f"{scanner.name} is a Bundle without an end.")
    context = context or _own_version(end)
    yield from pour()
    bundle = _resource(Slice(b"", end.offset), end.members, replace(place, context=context))
    yield replace(
        bundle,
        data_classes=frozenset(classes | bundle.data_classes),
        reason=_about_bundle(end, bundle),
        span=(place.offset + end.offset, end.length),
        reading="structural",
    )


def _own_version(end: BundleEnd) -> str | None:
    found = version.decide(end.members)
    return found if found != UNDECIDED else None


def _about_bundle(end: BundleEnd, bundle: Resource) -> str:
    kind = end.members.get("type")
    word = kind if isinstance(kind, str) and len(kind) < 40 else "Bundle of no stated type"
    entries = f"{end.entries} entr{'y' if end.entries == 1 else 'ies'}"
    if bundle.becomes is Becomes.RECORD:
        return f"is a document of {entries}, sealed whole; its resources are named as well"
    return f"is a {word} of {entries}, taken one by one"


def _entry(entry: Entry, tree: Any, place: _Place, depth: int) -> Iterator[Resource]:
    inner = replace(place, pointer=f"{place.pointer}/entry/{entry.index}/resource")
    if entry.resource is None:
        if not entry.members:
            yield _nothing(inner, f"entry {entry.index} is not an entry of a Bundle", Slice(b"", 0))
        return  # a response or a deletion carries no resource
    if not isinstance(tree, dict) or not isinstance(tree.get("resourceType"), str):
        yield _nothing(inner, f"entry {entry.index} holds no FHIR resource: it has no resourceType", entry.resource)
        return
    if tree["resourceType"] == "Bundle" and depth + 1 < NESTED:
        nested = Scanner(io.BytesIO(entry.resource.raw), f"{place.source}, entry {entry.index}")
        offset = place.offset + entry.resource.offset
        yield from _document(nested, replace(inner, offset=offset), depth + 1)
        return
    full_url = entry.members.get("fullUrl")
    yield _resource(entry.resource, tree, inner, full_url if isinstance(full_url, str) else None)


def _outcome(entry: Entry, place: _Place) -> Iterator[Resource]:
    response = entry.members.get("response")
    tree = response.get("outcome") if isinstance(response, dict) else None
    if entry.outcome is not None and isinstance(tree, dict):
        inner = replace(place, pointer=f"{place.pointer}/entry/{entry.index}/response/outcome")
        yield _resource(entry.outcome, tree, inner)


def _resource(piece: Slice, tree: Any, place: _Place, full_url: str | None = None) -> Resource:
    """Say everything about one parsed resource."""
    name = tree["resourceType"] if isinstance(tree, dict) and isinstance(tree.get("resourceType"), str) else ""
    if not version.is_known(name):
        return _nothing(place, f"{name[:60]!r} is not a resource type of FHIR", piece)
    kind = kinds.kind_of(name, tree)
    found = version.decide(tree, place.context)
    subject = kinds.subject_of(name, tree, full_url)
    classes, matched = _classes(kind, name, tree)
    hidden = subject is None and kinds.has_hidden_subject(tree)
    own_id = tree.get("id")
    return Resource(
        source=place.source,
        pointer=place.pointer,
        line=place.line,
        resource_type=name,
        fhir_version=found,
        subject=subject,
        becomes=kind.becomes,
        data_classes=classes,
        reason=_reason(kind, matched, found, hidden=hidden),
        reading=models.validate(piece.raw, name, found) if place.validate and piece.raw else "structural",
        raw=piece.raw,
        span=(place.offset + piece.offset, len(piece.raw)),
        id=own_id if isinstance(own_id, str) else None,
        full_url=full_url,
        identifiers=tuple(_identifiers(tree.get("identifier"))),
        subject_identifiers=tuple(_identifiers([*kinds.subject_given(name, tree, subject)])),
        is_subject_hidden=hidden,
    )


def _classes(kind: kinds.Kind, name: str, tree: dict[str, Any]) -> tuple[frozenset[DataClass], set[sensitivity.Match]]:
    """Return the classes of a resource: by its type, by what it contains, and by the codes in it."""
    if kind.becomes is None or (kind.data_class is None and kind.becomes is not Becomes.CONSENT):
        return frozenset(), set()
    classes = {kind.data_class} if kind.data_class is not None else set()
    contained = tree.get("contained")
    for one in contained if isinstance(contained, list) else []:
        inner = one.get("resourceType") if isinstance(one, dict) else None
        if isinstance(inner, str) and kind.becomes is not Becomes.CONSENT:
            inner_class = kinds.kind_of(inner, one).data_class
            classes |= {inner_class} if inner_class is not None else set()
    is_drug = name.startswith("Medication") or "Medication" in str(contained)[:2000]
    matched = sensitivity.find(tree, is_drug=is_drug)
    return frozenset(classes | {m.data_class for m in matched}), matched


def _reason(kind: kinds.Kind, matched: set[sensitivity.Match], found: str | None, *, hidden: bool) -> str:
    parts = [kind.why]
    by_class: dict[DataClass, list[str]] = {}
    for match in sorted(matched, key=lambda m: (m.data_class, m.list_name)):
        by_class.setdefault(match.data_class, []).append(match.list_name)
    parts += [f"{c.word.replace('-', ' ')} by {' and '.join(names)}" for c, names in by_class.items()]
    if hidden:
        parts.append("its subject is given without a reference")
    if found is None:
        parts.append("it fits neither 4.0.1 nor 5.0.0 in every element")
    elif found == "3.0.2":
        parts.append("it is of STU3, sealed as it is and not interpreted further")
    return "; ".join(parts)


def _identifiers(node: Any) -> Iterator[Identifier]:
    for one in node if isinstance(node, list) else [node]:
        if isinstance(one, dict) and isinstance(one.get("value"), str):
            system, use = (each if isinstance(each, str) else None for each in (one.get("system"), one.get("use")))
            yield Identifier(system, PersonalText(one["value"]), use)


def _nothing(place: _Place, reason: str, piece: Slice) -> Resource:
    """Stand for something that is no resource."""
    return Resource(
        source=place.source,
        pointer=place.pointer,
        line=place.line,
        resource_type=None,
        fhir_version=None,
        subject=None,
        becomes=None,
        data_classes=frozenset(),
        reason=reason,
        reading="structural",
        raw=piece.raw,
        span=(place.offset + piece.offset, len(piece.raw)),
    )
