"""An accounting of disclosures: every entry of a log about one pseudonym with its proof, and a signed count of them.

The patient compares it with the anchors on chain: no entry invented, none left out up to the last anchor. Entries of a
part share one proof, so that ten thousand accesses in a log of millions are a few megabytes and a few seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NoReturn, Self

import orjson

from careledger.chain.typed import Domain, TypedData
from careledger.codes import Basis, Purpose
from careledger.errors import FormatError, InputError, SealedDamaged
from careledger.privacy.documents import open_document, seal_document
from careledger.privacy.encoding import from_base64url, to_base64url
from careledger.privacy.openers import Opener, Recipient
from careledger.resources.access_entries import AccessEntry
from careledger.resources.access_requests import object_of, read_signed, signed_json
from careledger.resources.base import SignedTerms, Terms
from careledger.values import PartyRef, bytes32, from_hex, keccak, to_hex

__all__ = ["Accounting", "AccountingAnswer", "AccountingCheck", "AccountingStatement", "PartProof", "six_years_before"]

FORMAT: Final = "careledger-accounting-v1"
ANSWER_FORMAT: Final = "careledger-accounting-answer-v1"
_KIND: Final = "accounting"
_STATEMENT: Final = (
    ("custodian", "address"), ("patient", "address"), ("since", "uint40"), ("entries", "uint64"),
    ("through", "uint64"), ("anchored", "uint64"), ("after", "uint64"), ("content", "bytes32"), ("issuedAt", "uint40"),
)  # fmt: skip

_NOT_ACCOUNTED: Final = frozenset({
    Purpose.TREAT, Purpose.ETREAT, Purpose.CAREMGT,  # treatment
    Purpose.HPAYMT, Purpose.COVERAGE, Purpose.COVAUTH,  # payment
    Purpose.HOPERAT, Purpose.HSYSADMIN, Purpose.HDM, Purpose.HQUALIMP, Purpose.PATADMIN, Purpose.RECORDMGT,
})  # fmt: skip
"""Treatment, payment and health care operations: 45 CFR 164.528(a)(1)(i) asks for no accounting of these."""


def six_years_before(moment: int) -> int:
    """Return the second six years before another (45 CFR 164.528(a)(1)), both in seconds since 1970."""
    now = datetime.fromtimestamp(moment, UTC)
    day = 28 if (now.month, now.day) == (2, 29) else now.day
    return int(now.replace(year=now.year - 6, day=day).timestamp())


@dataclass(frozen=True)
class AccountingStatement(Terms):
    """What a custodian signs under an accounting: how many entries its log has about the pseudonym, and up to where."""

    @classmethod
    def of(
        cls, domain: Domain, *, custodian: PartyRef, patient: PartyRef, since: int, entries: int, through: int,
        anchored: int, after: int, shown: Iterable[AccessEntry], issued_at: int,
    ) -> AccountingStatement:  # fmt: skip
        """Draft it.

        Args:
            domain: The record registry's.
            custodian: Whose log.
            patient: About which pseudonym.
            since: The first second of interest; 0 for everything.
            entries: How many entries there are about it: its highest own number.
            through: The last entry of the log at that time.
            anchored: The last anchored one of them.
            after: The last entry of a book that was lost; 0 where none was.
            shown: The entries that go with it.
            issued_at: When.
        """
        message = {
            "custodian": custodian.address, "patient": patient.address, "since": since, "entries": entries,
            "through": through, "anchored": anchored, "after": after, "content": to_hex(_content(shown)),
            "issuedAt": issued_at,
        }  # fmt: skip
        return cls(TypedData(domain, {"AccountingStatement": _STATEMENT}, "AccountingStatement", message))

    def number(self, name: str) -> int:
        """Return one of its numbers, such as ``entries`` or ``through``."""
        return int(self.typed.message[name])

    @property
    def content(self) -> bytes:
        """keccak256 of the leaves of the entries that go with it, in order."""
        return from_hex(self.typed.message["content"])


def _content(shown: Iterable[AccessEntry]) -> bytes:
    return keccak(b"".join(entry.leaf for entry in shown))


@dataclass(frozen=True)
class PartProof:
    """What proves the shown entries of one anchored part together."""

    part: int
    nodes: tuple[bytes, ...] = field(repr=False)
    """In the order of ``privacy.levels.root_of_many``."""


@dataclass(frozen=True)
class Accounting:
    """An accounting, opened. It holds who read what: its ``repr`` shows how many entries there are."""

    custodian: PartyRef
    patient: PartyRef = field(repr=False)
    since: int
    """The first second of interest; 0 for everything. One entry before it is shown, where there is one."""
    entries: tuple[AccessEntry, ...] = field(repr=False)
    """In the order of the pseudonym's own numbers."""
    parts: tuple[PartProof, ...] = field(repr=False)
    statement: SignedTerms[AccountingStatement] = field(repr=False)

    @property
    def disclosures(self) -> tuple[AccessEntry, ...]:
        """The entries from ``since`` on, refusals among them."""
        return tuple(entry for entry in self.entries if entry.at >= self.since)

    def required_by_hipaa(self, *, before: int) -> tuple[AccessEntry, ...]:
        """Return what an accounting under 45 CFR 164.528 has to have at least: the releases of six years.

        Left out are refusals, treatment, payment and operations, and what the patient itself read. Releases by a
        directive are kept, though those of an authorisation under 164.508 might be left out.

        Args:
            before: The second of the request, in seconds since 1970.
        """
        since = max(self.since, six_years_before(before))
        return tuple(
            entry for entry in self.entries
            if entry.allowed and entry.at >= since and entry.purpose not in _NOT_ACCOUNTED
            and entry.basis is not Basis.OWN
        )  # fmt: skip

    def is_bound(self) -> bool:
        """Whether the signed statement is about this custodian, pseudonym, period and these very entries."""
        terms, m = self.statement.terms, self.statement.terms.typed.message
        names = (str(m["custodian"]).lower(), str(m["patient"]).lower(), int(m["since"]))
        ours = (self.custodian.address.lower(), self.patient.address.lower(), self.since)
        return names == ours and terms.content == _content(self.entries)

    def to_json(self) -> dict[str, Any]:
        """Return the document with every salt: keep it sealed, and hand it to whom the patient trusts."""
        return {
            "format": FORMAT, "custodian": self.custodian.address, "patient": self.patient.address,
            "since": self.since, "entries": [entry.to_json() for entry in self.entries],
            "parts": [{"part": item.part, "nodes": to_base64url(b"".join(item.nodes))} for item in self.parts],
            "statement": signed_json(self.statement),
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Any, domain: Domain) -> Self:
        """Read what ``to_json`` wrote; ``records.check_accounting`` says whether it is true.

        Raises:
            FormatError: It is something else.
            InputError: Its statement was signed for another contract or chain.
        """
        try:
            if data["format"] != FORMAT:
                raise KeyError
            parts = tuple(_part(item) for item in data["parts"])
            entries = tuple(AccessEntry.from_json(item) for item in data["entries"])
            people = PartyRef("organisation", data["custodian"]), PartyRef("person", data["patient"])
            since, statement = int(data["since"]), data["statement"]
        except (KeyError, TypeError, ValueError, InputError):
            raise FormatError("this is no accounting of disclosures", fix="Give the file as it was made.") from None
        typed, signature, signer = read_signed(statement, domain, name="AccountingStatement", fields=_STATEMENT)
        return cls(*people, since, entries, parts, SignedTerms(AccountingStatement(typed), signature, signer))


def _part(data: Mapping[str, Any]) -> PartProof:
    nodes = from_base64url(data["nodes"])
    if len(nodes) % 32:
        raise ValueError("nodes")
    return PartProof(int(data["part"]), tuple(nodes[at : at + 32] for at in range(0, len(nodes), 32)))


@dataclass(frozen=True)
class AccountingAnswer:
    """An accounting as it travels: sealed to the key that the request names."""

    request: bytes
    """Digest of the request it answers, 32 bytes."""
    sealed: str = field(repr=False)

    @classmethod
    def of(cls, request: bytes, accounting: Accounting, *, reader: Recipient) -> Self:
        """Seal an accounting."""
        plain = orjson.dumps({"request": to_hex(request), "accounting": accounting.to_json()})
        return cls(request, seal_document(plain, _KIND, recipients=[reader]))

    def open(self, opener: Opener, domain: Domain) -> Accounting:
        """Return the accounting.

        Raises:
            NotARecipient: It is sealed to another key, or was changed.
            SealedDamaged: It was changed, or answers another request.
            FormatError: It is something else.
        """
        found = object_of(open_document(self.sealed, _KIND, opener=opener))
        if found.get("request") != to_hex(self.request):
            raise SealedDamaged("this accounting answers another request", fix="Ask the custodian again.")
        return Accounting.from_json(found.get("accounting"), domain)

    def to_json(self) -> dict[str, Any]:
        """Return the document."""
        return {"format": ANSWER_FORMAT, "request": to_hex(self.request), "accounting": orjson.loads(self.sealed)}

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read what ``to_json`` wrote.

        Raises:
            FormatError: It is something else.
        """
        try:
            if data["format"] != ANSWER_FORMAT:
                raise KeyError
            sealed = orjson.dumps(data["accounting"], option=orjson.OPT_SORT_KEYS).decode()
            return cls(from_hex(bytes32(data["request"])), sealed)
        except (KeyError, TypeError, InputError):
            raise FormatError("this is no accounting of a custodian", fix="Give the file as it came.") from None


@dataclass(frozen=True)
class AccountingCheck:
    """What came of comparing an accounting with the chain. It has no truth value on purpose: read ``complete``."""

    entries: int
    """Entries shown."""
    proved: int
    """Entries whose leaf stands at their place in an anchored part."""
    waiting: tuple[int, ...]
    """Entries that are not anchored yet, and within their time."""
    missing: tuple[int, ...]
    """The pseudonym's own numbers that are not shown."""
    unproved: tuple[int, ...]
    """Entries that are said to be anchored and are not, or are overdue."""
    left_out: tuple[int, ...]
    """Entries that a receipt names as about this pseudonym, or about nobody, and that are not shown."""
    problems: tuple[str, ...]
    """Everything that is wrong, a sentence each; empty for an accounting that holds."""
    anchored: int
    """The last entry that was anchored when the accounting was made: up to here it is complete."""
    anchored_at: int
    """Time of that anchor, in seconds since 1970; 0 where there was none."""
    issued_at: int
    """When the custodian stated it, in seconds since 1970: of what came later it says nothing."""
    block: int
    """The block this answer is true at."""

    @property
    def complete(self) -> bool:
        """Whether every entry about the pseudonym up to the last anchor is shown and proved, and none is invented."""
        return not self.problems

    def __bool__(self) -> NoReturn:
        raise TypeError("a check is neither true nor false: ask .complete, and read .problems")

    def to_json(self) -> dict[str, Any]:
        """Return every field, and the verdict."""
        return {"complete": self.complete, **{name: _plain(value) for name, value in vars(self).items()}}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def numbers(items: Sequence[int]) -> str:
    """Return numbers as a person reads them: runs joined, a dozen of them at most."""
    runs: list[list[int]] = []
    for item in sorted(items):
        if runs and item == runs[-1][1] + 1:
            runs[-1][1] = item
        else:
            runs.append([item, item])
    shown = [str(a) if a == b else f"{a} to {b}" for a, b in runs[:12]]
    return ", ".join(shown) + (f" and {len(runs) - 12} more" if len(runs) > 12 else "")
