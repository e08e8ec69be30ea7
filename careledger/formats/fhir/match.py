"""Say whose a resource is, by an organisation's directory: as the patient is given in the file, and never by guessing.

A reference leads to a Patient of the same document. Resources that stand by themselves, in NDJSON or a file each, may
refer to a Patient elsewhere in what was named (HL7 bulk data parts types by file); entries of a Bundle may not.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import BinaryIO, Final, Protocol, cast

from careledger.formats.fhir.model import Identifier, Match, Resource
from careledger.formats.fhir.strict import parse
from careledger.redact import PersonalText
from careledger.values import PartyRef

__all__ = ["Copy", "PatientDirectory", "Patients"]

Find = Callable[[str, str], PartyRef | None]
"""Returns the account that a system and a value stand for, or None."""
Scope = tuple[str, int | None] | tuple[str] | tuple[()]

_UNPAIRED: Final = "no identifier of the patient is paired with an account"
_NO_IDENTIFIER: Final = "the patient is given without an identifier that names its system"
_TWO_ACCOUNTS: Final = "identifiers of the patient are paired with different accounts"
_NOT_HERE: Final = "the Patient it refers to is not in the file"
_TWO_PATIENTS: Final = "two Patients go by the reference it gives"
_HIDDEN: Final = "its patient is given without a reference or an identifier"


class PatientDirectory(Protocol):
    """What a reader asks of a directory."""

    def finder(self) -> AbstractContextManager[Find]:
        """Return what finds accounts, of one moment, until the block ends."""
        ...


@dataclass(frozen=True)
class _Known:
    """A Patient of the source. Two are the same where their identifiers are."""

    match: Match
    key: int


class Patients:
    """The Patients of some source, by the references that may mean them.

    Args:
        find: What finds accounts.
    """

    def __init__(self, find: Find) -> None:
        self._find = find
        self._known: dict[Scope, dict[str, _Known | None]] = {}

    def note(self, resource: Resource) -> None:
        """Look at a resource on the first passage."""
        if resource.resource_type != "Patient":
            return
        found = self._match(resource.identifiers, _name(resource.raw))
        known = _Known(found, hash(frozenset((each.system, str(each.value)) for each in resource.identifiers)))
        for scope in _scopes(resource):
            by_reference = self._known.setdefault(scope, {})
            for reference in resource.references:
                other = by_reference.get(reference, known)
                by_reference[reference] = known if other is not None and other.key == known.key else None

    def matched(self, resource: Resource) -> Resource:
        """Return a resource of the second passage with what the directory says of its patient."""
        found = self._of(resource)
        return resource if found is None else replace(resource, match=found)

    def _of(self, resource: Resource) -> Match | None:
        if resource.resource_type in (None, "Bundle"):
            return None
        if resource.resource_type == "Patient":
            return self._match(resource.identifiers, _name(resource.raw))
        reference = resource.subject
        if reference is None and not resource.subject_identifiers:
            return Match(None, _HIDDEN) if resource.is_subject_hidden else None
        if reference is not None and not _may_be_patient(reference):
            return None
        referred = self._referred(resource, reference)
        if not resource.subject_identifiers:
            return referred
        given = self._match(resource.subject_identifiers, referred.name)
        if referred.party is None:
            return given if given.party is not None or referred.reason == _NOT_HERE else referred
        if given.party not in (None, referred.party):
            return replace(given, party=None, reason=_TWO_ACCOUNTS)
        return referred

    def _referred(self, resource: Resource, reference: str | None) -> Match:
        """Return what is known of the Patient that a reference leads to."""
        wanted = "" if reference is None else reference.partition("/_history/")[0]
        for scope in _scopes(resource):
            if wanted in self._known.get(scope, {}):
                known = self._known[scope][wanted]
                return known.match if known is not None else Match(None, _TWO_PATIENTS)
        return Match(None, _NOT_HERE)

    def _match(self, identifiers: tuple[Identifier, ...], name: PersonalText | None) -> Match:
        usable = [each for each in identifiers if each.system and each.use != "old"]
        found = {party.address: party for each in usable if (party := self._find(str(each.system), each.value))}
        if len(found) == 1:
            return Match(next(iter(found.values())), "")
        reason = _TWO_ACCOUNTS if found else _UNPAIRED if usable else _NO_IDENTIFIER
        return Match(None, reason, identifiers, name)


class Copy:
    """A stream that is read more than once, by way of a file without a name, for this user only. Close it.

    Args:
        source: Read to its end.
    """

    def __init__(self, source: BinaryIO) -> None:
        self.name = str(getattr(source, "name", "stream"))
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  it stays open as long as this does
        shutil.copyfileobj(source, self._file)

    def again(self) -> BinaryIO:
        """Return the stream at its beginning."""
        self._file.seek(0)
        return cast(BinaryIO, self._file)

    def close(self) -> None:
        """Let the bytes go."""
        self._file.close()


def _scopes(resource: Resource) -> tuple[Scope, ...]:
    """Return where a reference may lead, the nearest first: for an entry its Bundle, else the file, then all files."""
    if resource.pointer:
        return ((resource.source, resource.line),)
    return ((resource.source,), ())


def _may_be_patient(reference: str) -> bool:
    """Whether a reference may mean a Patient: one that names another type does not."""
    if "?" in reference:
        return reference.startswith("Patient?")
    before, _, _ = reference.partition("/_history/")[0].rpartition("/")
    kind = before.rpartition("/")[2]
    return not kind[:1].isupper() or kind == "Patient"


def _name(raw: bytes) -> PersonalText | None:
    """Return a Patient's name as people read it: the official one, else the first (FHIR HumanName)."""
    tree = parse(raw, "the patient")
    names = [each for each in tree.get("name") or [] if isinstance(each, dict)] if isinstance(tree, dict) else []
    if not names:
        return None
    best = next((each for each in names if each.get("use") == "official"), names[0])
    if isinstance(best.get("text"), str):
        return PersonalText(best["text"])
    given = best.get("given")
    words = [
        word for word in [*(given if isinstance(given, list) else ()), best.get("family")] if isinstance(word, str)
    ]
    return PersonalText(" ".join(words)) if words else None
