"""What the contracts answer, beside what their events lead to: every stored field, through the contracts' own views.

``differences(rows, ask, time=...)`` takes the rows of ``rebuild`` and asks a chain for each. Private storage that no
view shows is left out: guardianships of a life that a recovery ended, and how many parties have been numbered, which
the highest number says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from careledger.audit.rebuild import Happened, Row, RowKey
from careledger.errors import InputError
from careledger.index.query import IndexedEvent

__all__ = ["VIEWS", "Difference", "View", "differences", "told"]

Ask = Callable[..., Any]
"""``ask(contract, function, *arguments)``: the decoded answer of a view, all at one block."""


@dataclass(frozen=True)
class View:
    """How a row is asked for.

    Args:
        contract: Who answers; empty for the contract that the key names.
        function: The view.
        by: Fields of the row to ask by, where the key is a hash of them; empty to ask by the key.
        part: Which of several results holds the fields; empty when the answer is they.
        field: The field's name, for an answer that is a single value.
        key: The result that has to be the row's key, when the view gives it.
    """

    contract: str
    function: str
    by: tuple[str, ...] = ()
    part: str = ""
    field: str = ""
    key: str = ""


@dataclass(frozen=True)
class Difference:
    """One field that events and contract do not agree on."""

    row: RowKey
    field: str
    rebuilt: Any
    """From the events; None when no event says it."""
    answered: Any
    """By the contract; None when no view shows it."""


VIEWS: Mapping[str, tuple[View, ...]] = {
    "retired": (View("", "isRetired", field="retired"),),
    "authority": (View("", "authority", field="authority"),),
    "directive": (
        View("ConsentRegistry", "directiveOf", part="directive"),
        View("ConsentRegistry", "limitsOf", field="limits"),
    ),
    "standing": (View("ConsentRegistry", "standingOf"),),
    "policy": (View("ConsentRegistry", "policyOf"),),
    "accreditation": (View("ParticipantRegistry", "accreditationOf"),),
    "credential": (
        View(
            "ParticipantRegistry", "credentialOf", ("subject", "role", "jurisdiction"), "credential", key="credentialId"
        ),
    ),
    "partner": (View("ParticipantRegistry", "partnerNoOf", field="number"),),
    "numbered": (View("ParticipantRegistry", "partnerOf", field="subject"),),
    "affiliation": (
        View(
            "ParticipantRegistry", "affiliationOf", ("organisation", "practitioner"), "affiliation", key="affiliationId"
        ),
    ),
    "key": (View("ParticipantRegistry", "encryptionKeyOf"),),
    "held": (View("ParticipantRegistry", "heldOf"),),
    "account": (View("ParticipantRegistry", "accountOf"),),
    "circle": (View("ParticipantRegistry", "guardiansOf"),),
    "recovery": (
        View("ParticipantRegistry", "recoveryOf", ("subject", "newController"), "recovery", key="recoveryId"),
    ),
    "guardianship": (View("GuardianRegistry", "guardianshipOf", ("patient", "guardian")),),
    "desk": (View("EmergencyRegistry", "deskOf"),),
    "emergency": (
        View("EmergencyRegistry", "emergencyOf", ("patient", "practitioner", "number"), "emergency", key="emergencyId"),
    ),
    "emergencies": (View("EmergencyRegistry", "emergenciesOf"),),
    "conduct": (View("EmergencyRegistry", "conductOf"), View("EmergencyRegistry", "suspensionsOf", field="ends")),
    "record": (View("RecordRegistry", "recordOf"),),
    "batch": (View("RecordRegistry", "batchOf", part="batch"),),
    "log": (View("RecordRegistry", "logOf"),),
    "part": (View("RecordRegistry", "logPartOf"),),
    "omission": (View("RecordRegistry", "omissionOf"),),
    "receipt key": (View("RecordRegistry", "isReceiptKey", field="named"),),
    "listing": (View("SuiteDirectory", "listingOf"),),
    "listed": (View("SuiteDirectory", "listingAt", part="at", field="at"),),
    "current": (View("SuiteDirectory", "current", field="at"),),
}
"""By table: the views that together show every stored field of a row."""


def told(events: Iterable[IndexedEvent], *, contracts: Mapping[str, str]) -> Iterator[Happened]:
    """Make of the events of an index what ``rebuild`` takes.

    Args:
        events: From the first, in the chain's order: ``care.events()``.
        contracts: Names by address, of those to rebuild: one of a name, as a successor has a state of its own.

    Raises:
        InputError: A reorganisation took events back while they were read.
    """
    names = {address.lower(): name for address, name in contracts.items()}
    for event in events:
        if event.removed:
            raise InputError(
                f"the chain took back {event.name} of block {event.block} while its events were read",
                fix="Read them again from the first, or only those that are final.",
            )
        if event.contract.lower() in names:
            yield Happened(names[event.contract.lower()], event.name, event.args, event.timestamp, event.block)


def differences(rows: Mapping[RowKey, Row], ask: Ask, *, time: int) -> list[Difference]:
    """Return every field of every row that the contracts answer otherwise, or that only one side has.

    Args:
        rows: What ``rebuild`` made of all events up to a block.
        ask: Asks the contracts at that block.
        time: Of that block, in seconds: which guardians are in force depends on it.
    """
    found = []
    for row, fields in rows.items():
        if _is_over(rows, row, fields):
            continue
        answered = _answered(ask, row, fields)
        rebuilt = _rebuilt(rows, row, fields, time)
        for name in sorted(rebuilt.keys() | answered.keys()):
            if rebuilt.get(name) != answered.get(name):
                found.append(Difference(row, name, rebuilt.get(name), answered.get(name)))
    return found


def _is_over(rows: Mapping[RowKey, Row], row: RowKey, fields: Row) -> bool:
    """A recovery or claim began a new life of the patient's account, and the view shows that one only."""
    if row[0] != "guardianship":
        return False
    return bool(rows.get(("account", fields["patient"]), {}).get("recoveries", 0) != row[3])


def _rebuilt(rows: Mapping[RowKey, Row], row: RowKey, fields: Row, time: int) -> dict[str, Any]:
    """The stored fields, as they are at a time; a row's key is a field where the view gives it as well."""
    views = VIEWS[row[0]]
    said = {name: value for name, value in fields.items() if name not in views[0].by}
    if row[0] == "circle":
        recovering = rows.get(("account", row[1]), {}).get("recoveringUntil", 0)
        said["inForce"] = fields["next"] if time >= max(fields["inForceAt"], recovering) else fields["inForce"]
    return said | {view.key: row[1] for view in views if view.key}


def _answered(ask: Ask, row: RowKey, fields: Row) -> dict[str, Any]:
    answered: dict[str, Any] = {}
    for view in VIEWS[row[0]]:
        contract, key = (view.contract, row[1:]) if view.contract else (row[1], ())
        answer = ask(contract, view.function, *([fields[name] for name in view.by] or key))
        inner = answer[view.part] if view.part else answer
        answered |= {view.field: inner} if view.field else inner
        if view.key:
            answered[view.key] = answer[view.key]
    return answered
