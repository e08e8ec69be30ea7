"""The state of all six contracts from their events alone (rule 8 of the design: events say everything).

``rebuild(happened)`` folds events in chain order into rows. A row is found by table and key and holds the fields that
the contract's own view returns, under the same names, and whatever the key is a hash of; what an event does not say is
the time of its block, which is why ``Happened`` carries it. Nothing here asks a node: ``compare`` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from careledger.values import from_hex, keccak, to_hex

__all__ = ["Happened", "Row", "RowKey", "changes", "rebuild"]

NOTHING = "0x" + "00" * 32
NO_GUARDIANS = "0x" + "00" * 32
NOBODY = "0x" + "00" * 20
EMERGENCY_WINDOW = 8 * 3600
RECOVERY_LAPSE = 30 * 86_400
REVOKED = 1
LIMITED = 2
OVERDUE = 1
UNJUSTIFIED = 3
REVOKED_CREDENTIAL = 3

Row = Mapping[str, Any]
RowKey = tuple[Any, ...]
"""The table's name, then what the mapping is keyed by: ``("directive", patient, scope)``."""
Change = tuple[RowKey, dict[str, Any]]
Read = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Happened:
    """One event where it happened.

    Args:
        contract: Name of the contract, such as ``ConsentRegistry``.
        name: Name of the event.
        args: Its arguments by name, numbers as ``int``, words and addresses as hex.
        time: Seconds of its block's time.
        block: Its block's number.
    """

    contract: str
    name: str
    args: Mapping[str, Any]
    time: int
    block: int = 0


def rebuild(happened: Iterable[Happened], *, rows: Mapping[RowKey, Row] | None = None) -> dict[RowKey, Row]:
    """Return every row that the events, in chain order, lead to.

    Args:
        happened: From the first event, or from the first after ``rows``.
        rows: What earlier events led to; they stay as they are.

    Raises:
        KeyError: An event of the suite is unknown here, or speaks of something that no event before it began.
    """
    rows = dict(rows or {})
    for event in happened:
        for key, fields in changes(rows, event):
            rows[key] = {**rows.get(key, {}), **fields}
    return rows


def changes(rows: Mapping[RowKey, Row], event: Happened) -> list[Change]:
    """Return what one event changes, given the rows before it; the rows themselves stay as they are.

    Raises:
        KeyError: The event is unknown.
    """
    return list(_HANDLERS[event.contract, event.name](lambda *key: dict(rows.get(key, {})), event.args, event))


_Handler = Callable[[Read, Mapping[str, Any], Happened], Iterator[Change]]
_HANDLERS: dict[tuple[str, str], _Handler] = {}


def _on(contract: str, *names: str) -> Callable[[_Handler], _Handler]:
    def register(handler: _Handler) -> _Handler:
        for name in names:
            _HANDLERS[contract, name] = handler
        return handler

    return register


@_on("ConsentRegistry", "ActedFor")
@_on("GuardianRegistry", "ActedFor")
def _nothing(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    """Says in what capacity the act beside it was done; no state of its own."""
    return iter(())


for _contract in ("ConsentRegistry", "GuardianRegistry", "ParticipantRegistry", "EmergencyRegistry", "RecordRegistry"):

    @_on(_contract, "Retired")
    def _retired(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
        yield ("retired", e.contract), {"retired": True}

    @_on(_contract, "AuthorityUpdated")
    @_on("SuiteDirectory", "AuthorityUpdated")
    def _governed(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
        yield ("authority", e.contract), {"authority": a["authority"]}


# CONSENTS


@_on("ConsentRegistry", "DirectiveGranted")
def _granted(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    word = a["word"]
    fields = _directive(word)
    limits = a["receipt"] if fields["flags"] & LIMITED else NOTHING
    yield ("directive", a["patient"], a["scope"]), {**fields, "limits": limits}


def _directive(word: int) -> dict[str, int]:
    return {
        "permits": word & (1 << 64) - 1, "denies": word >> 64 & (1 << 64) - 1, "notBefore": word >> 128 & (1 << 40) - 1,
        "expiresAt": word >> 168 & (1 << 40) - 1, "flags": word >> 208 & 0xFF, "version": word >> 216,
    }  # fmt: skip


@_on("ConsentRegistry", "DirectiveRevoked")
def _revoked(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    key = ("directive", a["patient"], a["scope"])
    old: dict[str, Any] = {**_directive(0), "limits": NOTHING} | read(*key)
    yield key, {**old, "flags": old["flags"] | REVOKED, "version": a["version"]}


@_on("ConsentRegistry", "StandingDenialSet")
def _denied(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("standing", a["patient"]), {
        "denied": a["newDenied"], "emergencyDenied": a["newEmergencyDenied"], "version": a["version"],
    }  # fmt: skip


@_on("ConsentRegistry", "BasePolicyStated")
def _policy(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("policy", a["custodian"], a["jurisdiction"], a["purpose"]), {
        "rule": a["newRule"], "classes": a["classes"], "roles": a["roles"], "since": e.time,
    }  # fmt: skip


# PARTICIPANTS


@_on("ParticipantRegistry", "AccreditorAdmitted")
def _admitted(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("accreditation", a["issuer"], a["role"], a["jurisdiction"]), {"from": a["from"], "until": a["until"]}


@_on("ParticipantRegistry", "AccreditorDismissed")
def _dismissed(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("accreditation", a["issuer"], a["role"], a["jurisdiction"]), {"until": a["newUntil"]}


@_on("ParticipantRegistry", "CredentialIssued")
def _issued(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("credential", a["credentialId"]), {
        "subject": a["subject"], "role": a["role"], "jurisdiction": a["jurisdiction"], "issuer": a["issuer"],
        "notBefore": a["notBefore"], "expiresAt": a["expiresAt"], "status": 1,
    }  # fmt: skip


@_on("ParticipantRegistry", "CredentialRenewed")
def _renewed(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("credential", a["credentialId"]), {"expiresAt": a["newExpiresAt"]}


@_on("ParticipantRegistry", "CredentialStatusChanged")
def _status(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    key = ("credential", a["credentialId"])
    fields: dict[str, Any] = {"status": a["newStatus"]}
    if a["newStatus"] == REVOKED_CREDENTIAL:
        fields["notBefore"] = max(read(*key)["notBefore"], e.time)
    yield key, fields


@_on("ParticipantRegistry", "PartnerNumbered")
def _numbered(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("partner", a["subject"]), {"number": a["partnerNo"]}
    yield ("numbered", a["partnerNo"]), {"subject": a["subject"]}


@_on("ParticipantRegistry", "AffiliationStarted")
def _affiliated(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("affiliation", a["affiliationId"]), {
        "organisation": a["organisation"], "practitioner": a["practitioner"], "since": a["since"], "until": a["until"],
    }  # fmt: skip


@_on("ParticipantRegistry", "AffiliationEnded")
def _left(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("affiliation", a["affiliationId"]), {"until": a["newUntil"]}


@_on("ParticipantRegistry", "EncryptionKeyPublished")
def _key(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    key = a["key"] if isinstance(a["key"], bytes) else from_hex(a["key"])
    yield ("key", a["subject"]), {"keyHash": to_hex(keccak(key)), "suite": a["suite"], "epoch": a["epoch"]}


@_on("ParticipantRegistry", "HeldAccountOpened")
def _held(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("held", a["subject"]), {
        "steward": a["steward"], "jurisdiction": a["jurisdiction"], "openedAt": e.time, "status": 1,
        "provisional": a["provisional"],
    }  # fmt: skip


@_on("ParticipantRegistry", "HeldAccountClaimed", "HeldAccountClosed")
def _released(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("held", a["subject"]), {"status": 2 if e.name == "HeldAccountClaimed" else 3}


@_on("ParticipantRegistry", "ControllerChanged")
def _controller(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    key = ("account", a["subject"])
    old = {"recoveries": 0, "recoveringUntil": 0} | read(*key)
    fields = {
        "controller": NOBODY if a["newController"] == a["subject"] else a["newController"], "epoch": a["epoch"],
        "recoveries": a["recoveries"], "recoveringUntil": old["recoveringUntil"],
    }  # fmt: skip
    if a["recoveries"] != old["recoveries"]:  # carried out, or claimed, when none was running
        fields["recoveringUntil"] = 0
    yield key, fields


@_on("ParticipantRegistry", "EpochRaised")
def _epoch(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    key = ("account", a["subject"])
    yield key, {"controller": NOBODY, "recoveries": 0, "recoveringUntil": 0} | read(*key) | {"epoch": a["epoch"]}


@_on("ParticipantRegistry", "GuardiansChanged")
def _circle(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    at_once = a["inForceAt"] <= e.time and a["oldGuardians"] != NO_GUARDIANS  # a recovery put its own set back
    in_force = a["newGuardians"] if at_once else a["oldGuardians"]
    yield ("circle", a["subject"]), {"inForce": in_force, "next": a["newGuardians"], "inForceAt": a["inForceAt"]}


@_on("ParticipantRegistry", "RecoveryApproved")
def _approved(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    key = ("recovery", a["recoveryId"])
    old = read(*key)
    if a["count"] == 1:  # begun, or begun anew
        old = {
            "subject": a["subject"], "newController": a["newController"], "guardians": a["guardians"], "approvals": 0,
            "objected": False, "endorsed": False, "quorumAt": 0, "readyAt": 0,
            "recoveries": read("account", a["subject"]).get("recoveries", 0), "begunAt": e.time,
        }  # fmt: skip
    yield key, {**old, "approvals": old["approvals"] | 1 << a["index"], "count": a["count"]}


@_on("ParticipantRegistry", "RecoveryReady")
def _ready(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    key = ("recovery", a["recoveryId"])
    yield key, {"quorumAt": a["quorumAt"], "readyAt": a["readyAt"]}
    yield ("circle", a["subject"]), {"inForce": read(*key)["guardians"]}
    yield _frozen(read, a["subject"], a["readyAt"])


@_on("ParticipantRegistry", "RecoveryObjected")
def _objected(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("recovery", a["recoveryId"]), {"objected": True, "readyAt": a["newReadyAt"]}
    if a["newReadyAt"] != 0:
        yield _frozen(read, a["subject"], a["newReadyAt"])


@_on("ParticipantRegistry", "RecoveryEndorsed")
def _endorsed(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("recovery", a["recoveryId"]), {"endorsed": True}


def _frozen(read: Read, subject: Any, until: int) -> Change:
    key = ("account", subject)
    account: dict[str, Any] = {"controller": NOBODY, "epoch": 0, "recoveries": 0, "recoveringUntil": 0} | read(*key)
    return key, {**account, "recoveringUntil": max(account["recoveringUntil"], until + RECOVERY_LAPSE + 1)}


# GUARDIANS


@_on("GuardianRegistry", "GuardianAppointed")
def _appointed(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    fields = {name: a[name] for name in ("patient", "guardian", "parent", "purposes", "until", "depth", "version")}
    yield ("guardianship", a["patient"], a["guardian"], _life(read, a["patient"])), fields


@_on("GuardianRegistry", "GuardianshipEnded")
def _ended(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    key = ("guardianship", a["patient"], a["guardian"], _life(read, a["patient"]))
    yield key, {"until": 0, "version": a["version"]}


def _life(read: Read, patient: Any) -> int:
    """A claim or recovery begins a new life, in which nobody has been appointed yet."""
    return int(read("account", patient).get("recoveries", 0))


# EMERGENCIES


@_on("EmergencyRegistry", "PrivacyOfficerNamed")
def _officer(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    key = ("desk", a["organisation"])
    yield key, {"overdue": 0} | read(*key) | {"privacyOfficer": a["newOfficer"]}


@_on("EmergencyRegistry", "EmergencyOpened")
def _opened(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("emergency", a["emergencyId"]), {
        "patient": a["patient"], "practitioner": a["practitioner"], "number": a["number"],
        "organisation": a["organisation"], "openedAt": a["until"] - EMERGENCY_WINDOW, "reason": a["reason"],
        "verdict": 0, "appealed": False, "jurisdiction": a["jurisdiction"], "suspension": 0,
    }  # fmt: skip
    pair = ("emergencies", a["patient"], a["practitioner"])
    pending = read(*pair).get("pending", 0) | 1 << a["reason"]
    yield pair, {"count": a["number"], "openUntil": a["until"], "pending": pending}


@_on("EmergencyRegistry", "EmergencyOverdue")
def _overdue(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("emergency", a["emergencyId"]), {"verdict": OVERDUE}
    yield ("desk", a["organisation"]), {"overdue": a["overdue"]}


@_on("EmergencyRegistry", "EmergencyReviewed", "EmergencyAppealed")
def _judged(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    key = ("emergency", a["emergencyId"])
    appealed = e.name == "EmergencyAppealed"
    yield key, {"verdict": a["newVerdict"], "appealed": appealed}
    case = read(*key)
    if a["oldVerdict"] <= OVERDUE:  # its first verdict: the reason may be given again
        pair = ("emergencies", case["patient"], case["practitioner"])
        yield pair, {"pending": read(*pair)["pending"] & ~(1 << case["reason"])}
    desk = ("desk", case["organisation"])
    if a["oldVerdict"] == OVERDUE:
        yield desk, {"overdue": read(*desk)["overdue"] - 1}
    conduct = ("conduct", a["practitioner"])
    ends: list[int] = list(read(*conduct).get("ends", []))
    if UNJUSTIFIED == a["newVerdict"] != a["oldVerdict"]:
        ends.append(a["suspendedUntil"])
        yield key, {"suspension": len(ends)}
    elif UNJUSTIFIED == a["oldVerdict"] != a["newVerdict"]:
        ends[case["suspension"] - 1] = 0
        while ends and not ends[-1]:
            ends.pop()
        yield key, {"suspension": 0}
    unjustified = sum(end != 0 for end in ends)
    yield conduct, {"unjustified": unjustified, "ends": ends, "suspendedUntil": a["suspendedUntil"]}


# RECORDS


@_on("RecordRegistry", "RecordAnchored")
def _anchored(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("record", a["recordId"]), {"anchoredAt": e.time, "status": 1, "basis": 0}


@_on("RecordRegistry", "BatchAnchored")
def _batch(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("batch", a["author"], a["root"]), {"anchoredAt": e.time, "size": a["size"]}


@_on("RecordRegistry", "RecordStatusChanged")
def _amended(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    key = ("record", a["recordId"])
    origin = read(*key) or read("batch", a["author"], a["root"])
    yield key, {"anchoredAt": origin["anchoredAt"], "status": a["newStatus"], "basis": a["basis"]}


_LOG = {"lastEntry": 0, "anchors": 0, "lastAnchorAt": 0, "intervalSeconds": 0, "openOmissions": 0, "head": NOTHING}


@_on("RecordRegistry", "LogIntervalStated")
def _interval(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    key = ("log", a["custodian"])
    yield key, _LOG | read(*key) | {"intervalSeconds": a["newSeconds"]}


@_on("RecordRegistry", "LogAnchored")
def _logged(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    key = ("log", a["custodian"])
    said = {"lastEntry": a["last"], "anchors": a["part"], "lastAnchorAt": e.time, "head": a["head"]}
    yield key, _LOG | read(*key) | said
    yield ("part", a["custodian"], a["part"]), {
        "root": a["root"], "first": a["first"], "last": a["last"], "anchoredAt": e.time,
    }  # fmt: skip


@_on("RecordRegistry", "OmissionReported")
def _omitted(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("omission", a["receiptHash"]), {"custodian": a["custodian"], "reportedAt": e.time, "status": 1}
    key = ("log", a["custodian"])
    yield key, _LOG | read(*key) | {"openOmissions": a["open"]}


@_on("RecordRegistry", "OmissionAnswered")
def _answered(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("omission", a["receiptHash"]), {"status": 2}
    yield ("log", a["custodian"]), {"openOmissions": a["open"]}


@_on("RecordRegistry", "ReceiptKeyNamed")
def _receipt_key(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("receipt key", a["custodian"], a["key"]), {"named": True}


# DIRECTORY


@_on("SuiteDirectory", "ContractListed")
def _listed(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("listing", a["at"]), {
        "name": a["name"], "codeHash": a["codeHash"], "createdAtBlock": a["createdAtBlock"], "listedAtBlock": e.block,
        "retiredAtBlock": 0, "successor": 0,
    }  # fmt: skip
    yield ("listed", a["number"]), {"at": a["at"]}
    yield ("current", a["name"]), {"at": a["at"]}


@_on("SuiteDirectory", "ContractSucceeded")
def _succeeded(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("listing", a["at"]), {"successor": a["successorNumber"] + 1}


@_on("SuiteDirectory", "ContractRetired")
def _withdrawn(read: Read, a: Mapping[str, Any], e: Happened) -> Iterator[Change]:
    yield ("listing", a["at"]), {"retiredAtBlock": a["atBlock"]}
