"""Breaking the glass: emergency access, its review, and who judges last."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from careledger.codes import Basis, EmergencyReason, Verdict
from careledger.errors import NotFound, Pending
from careledger.resources.access_entries import AccessEntry
from careledger.resources.base import Resource, address_of
from careledger.values import ZERO_ADDRESS, Address, Bytes32, PartyRef, Prepared, Receipt, Wait, bytes32, plain

__all__ = ["Conduct", "Emergencies", "Emergency", "EmergencyDesk", "WorkItem"]


@dataclass(frozen=True)
class Emergency:
    """One opening of the glass, as it stands."""

    id: Bytes32
    patient: PartyRef
    practitioner: PartyRef
    number: int
    """The how-manieth for this patient and practitioner, from 1."""
    organisation: Address
    jurisdiction: int
    """Where practitioner and organisation were accredited: ISO 3166-1 numeric times 1000, plus a subdivision."""
    opened_at: int
    until: int
    review_due: int
    reason: EmergencyReason
    verdict: Verdict
    appealed: bool


@dataclass(frozen=True)
class EmergencyDesk:
    """Who reviews the emergencies of an organisation."""

    officer: Address | None
    overdue: int
    """Reviews missed; above zero no emergency is opened there."""


@dataclass(frozen=True)
class Conduct:
    """What the verdicts on a practitioner's emergencies come to."""

    unjustified: int
    """Emergencies found unjustified and not overturned on appeal."""
    suspended_until: int
    """First second at which the practitioner may open one again, which may be past; 0 where no verdict stands."""
    suspensions: tuple[int, ...]
    """When each suspension that stands ends, served ones too, oldest verdict first."""
    suspended: bool
    """Whether that time is still to come."""


@dataclass(frozen=True)
class WorkItem:
    """An emergency that somebody has to review, with what was read under it as far as it is known here."""

    emergency: Emergency
    standing: Literal["open", "due", "overdue"]
    """``open``: access is open still; ``due``: it is over, and its review is to come; ``overdue``: that was missed."""
    seconds: int
    """Until the review is due; negative once its time is over."""
    accesses: tuple[AccessEntry, ...] = field(default=(), repr=False)
    """Releases on the basis of this emergency, oldest first."""

    def to_json(self) -> dict[str, Any]:
        """Return every field; of each access its entry, record and time."""
        told = [{"entry": e.entry, "record": e.record, "at": e.at} for e in self.accesses]
        return {
            "emergency": plain(self.emergency), "standing": self.standing, "seconds": self.seconds, "accesses": told
        }  # fmt: skip


class Emergencies(Resource):
    """Breaking the glass. Nobody can close one early, take it back, or judge its own."""

    contract = "EmergencyRegistry"

    def name_privacy_officer(
        self, organisation: PartyRef, *, officer: PartyRef, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[None] | Prepared:  # fmt: skip
        """Name who reviews an organisation's emergencies; as the organisation."""
        return self._write(
            "namePrivacyOfficer", address_of(organisation), address_of(officer), value=lambda _: None, key=key,
            wait=wait, dry_run=dry_run, stands=lambda: self.desk(organisation).officer == officer.address,
        )  # fmt: skip

    def open(
        self, patient: PartyRef, *, practitioner: PartyRef, organisation: PartyRef, jurisdiction: int,
        reason: EmergencyReason, key: str | None = None, wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[Emergency] | Prepared:  # fmt: skip
        """Open emergency access to a patient's records; as the practitioner.

        Raises:
            EmergencyRegistry_NotAccredited: Practitioner or organisation is not active, or they are not affiliated.
            EmergencyRegistry_Suspended: A review is overdue, or the practitioner misused an emergency.
            EmergencyRegistry_Open: One is open.
        """
        who, by = address_of(patient), address_of(practitioner)
        count = int(self._read("emergenciesOf", who, by)["count"])

        def value(receipt: Receipt[None]) -> Emergency:
            if receipt.status == "sent":
                raise Pending(
                    f"transaction {receipt.tx} is sent; the emergency has its number once it is included",
                    fix="Call again with the same key.",
                )
            number = int(receipt.event("EmergencyOpened").args["number"])
            return self.get(patient, practitioner=practitioner, number=number)

        return self._write(
            "openEmergency", who, by, address_of(organisation), jurisdiction, reason.value,
            value=value, key=key or f"emergency/{who}/{by}/{count + 1}", wait=wait, dry_run=dry_run,
        )  # fmt: skip

    def review(
        self, emergency: Emergency, *, verdict: Verdict, evidence: bytes, key: str | None = None,
        wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[Verdict] | Prepared:  # fmt: skip
        """Judge an emergency; as the organisation's privacy officer."""
        return self._write(
            "reviewEmergency", *_named(emergency), verdict.value, self._evidence(evidence), value=lambda _: verdict,
            key=key or f"review/{emergency.id}/{verdict.name}", wait=wait, dry_run=dry_run, entry=False,
            content=[emergency.id, verdict.name],
        )  # fmt: skip

    def mark_overdue(
        self, emergency: Emergency, *, key: str | None = None, wait: Wait = "included", dry_run: bool = False
    ) -> Receipt[int] | Prepared:
        """State that a review was missed. Anyone. Returns how many the organisation has open."""
        return self._write(
            "markOverdue", *_named(emergency), value=lambda r: int(r.event("EmergencyOverdue").args["overdue"]),
            key=key, wait=wait, dry_run=dry_run, entry=False,
        )  # fmt: skip

    def settle_appeal(
        self, emergency: Emergency, *, verdict: Verdict, evidence: bytes, key: str | None = None,
        wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[Verdict] | Prepared:  # fmt: skip
        """Have the last word on an emergency judged or overdue; as the accreditor of the organisation."""
        return self._write(
            "settleAppeal", *_named(emergency), verdict.value, self._evidence(evidence),
            value=lambda _: verdict, key=key or f"appeal/{emergency.id}/{verdict.name}", wait=wait,
            dry_run=dry_run, entry=False, content=[emergency.id, verdict.name],
        )  # fmt: skip

    def get(self, patient: PartyRef, *, practitioner: PartyRef, number: int) -> Emergency:
        """Return an emergency as it stands.

        Raises:
            NotFound: There is none of this number.
        """
        found = self._read("emergencyOf", address_of(patient), address_of(practitioner), number)
        data: dict[str, Any] = found["emergency"]
        if not int(data["openedAt"]):
            raise NotFound(f"{practitioner.address} opened no emergency number {number} for this patient")
        return Emergency(
            bytes32(found["emergencyId"]), patient, practitioner, number, Address(data["organisation"]),
            int(data["jurisdiction"]), int(data["openedAt"]), int(found["until"]), int(found["reviewDue"]),
            EmergencyReason(int(data["reason"])), Verdict(int(data["verdict"])), bool(data["appealed"]),
        )  # fmt: skip

    def desk(self, organisation: PartyRef) -> EmergencyDesk:
        """Return who reviews an organisation's emergencies, and how many reviews were missed and not made up for."""
        found = self._read("deskOf", address_of(organisation), about_patient=False)
        officer = Address(found["privacyOfficer"])
        return EmergencyDesk(None if officer == ZERO_ADDRESS else officer, int(found["overdue"]))

    def conduct(self, practitioner: PartyRef) -> Conduct:
        """Return what the verdicts on a practitioner's emergencies come to: how many, and whether it is suspended."""
        who = address_of(practitioner)
        found = self._read("conductOf", who, about_patient=False)
        ends = self._read("suspensionsOf", who, about_patient=False)
        until = int(found["suspendedUntil"])
        return Conduct(int(found["unjustified"]), until, tuple(int(end) for end in ends if end), until > self.now())

    def find(self, emergency_id: Bytes32 | str) -> Emergency:
        """Return an emergency by its id, from the index.

        Raises:
            NotFound: There is none.
        """
        event = self._care.sync().get("EmergencyRegistry.EmergencyOpened", emergencyId=bytes32(emergency_id))
        return self._of(event.args)

    def worklist(
        self, organisation: PartyRef, *, accesses: Iterable[AccessEntry] | None = None
    ) -> builtins.list[WorkItem]:
        """Return the emergencies of an organisation that are still to be reviewed, the most urgent first.

        Args:
            organisation: Whose privacy officer asks.
            accesses: Entries to look for readings in, such as a custodian's ``book.all()``; the receipts kept here when
                not given, if there is an opener.
        """
        index, who = self._care.sync(), address_of(organisation)
        done = {
            event.args["emergencyId"]
            for name in ("EmergencyReviewed", "EmergencyAppealed")
            for event in index.list(f"EmergencyRegistry.{name}")
        }
        opened = [
            event.args for event in index.list("EmergencyRegistry.EmergencyOpened")
            if event.args["organisation"] == who and event.args["emergencyId"] not in done
        ]  # fmt: skip
        if accesses is None:
            care = self._care
            accesses = [kept.entry for kept in care.records.receipts()] if opened and care.opener else []
        glass = [entry for entry in accesses if entry.allowed and entry.basis is Basis.BREAK_GLASS]
        now = self.now()
        found = [_work(self._of(args), glass, now) for args in opened]
        return sorted(found, key=lambda item: item.emergency.review_due)

    def _of(self, args: Mapping[str, Any]) -> Emergency:
        """Return the emergency of an event, as it stands."""
        people = PartyRef("person", args["patient"]), PartyRef("person", args["practitioner"])
        return self.get(people[0], practitioner=people[1], number=int(args["number"]))

    def list(self, *, organisation: PartyRef | None = None, patient: PartyRef | None = None) -> list[Emergency]:
        """Return emergencies from the index, each as it stands: of an organisation, or a patient's notices."""
        where = {"patient": address_of(patient)} if patient else {}
        found = []
        for event in self._care.sync().list("EmergencyRegistry.EmergencyOpened", where=where):
            args = event.args
            if organisation and args["organisation"].lower() != organisation.address.lower():
                continue
            found.append(self._of(args))
        return found


def _work(emergency: Emergency, entries: Iterable[AccessEntry], now: int) -> WorkItem:
    """Return what is to be done about an emergency, with the entries that rest on it."""
    e = emergency
    mine = [
        entry for entry in entries
        if entry.actor == e.practitioner.address and e.opened_at <= entry.at <= e.until
        and (entry.subject is None or entry.subject.patient == e.patient.address)
    ]  # fmt: skip
    standing: Literal["open", "due", "overdue"] = "due" if e.until <= now else "open"
    if e.verdict is Verdict.OVERDUE or e.review_due <= now:
        standing = "overdue"
    return WorkItem(e, standing, e.review_due - now, tuple(sorted(mine, key=lambda entry: entry.at)))


def _named(emergency: Emergency) -> tuple[Address, Address, int]:
    return emergency.patient.address, emergency.practitioner.address, emergency.number
