"""A hospital that keeps records and a clinic that asks for them, each with a home, a store and an index of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from careledger import CareLedger, Custodian, DataClass, PartyRef, Purpose, Signer
from careledger.privacy.openers import SeedOpener, from_seed, new_seed
from careledger.resources.access_requests import SignedRequest
from careledger.resources.answers import Answer
from careledger.resources.record_requests import Received
from careledger.resources.record_types import SealedRecord
from careledger.storage import Store
from tests.sdk.resources.town import SWITZERLAND, Town, Townsman

NOTE = b"the note of a visit"


@dataclass
class House:
    """Somebody's own machine."""

    care: CareLedger
    party: PartyRef
    signer: Signer
    opener: SeedOpener

    @classmethod
    def of(cls, town: Town, who: Townsman, folder: Path, *, opener: SeedOpener | None = None) -> House:
        key = opener or who.opener
        care = CareLedger(
            town.care.connection, town.care.suite, signer=who.signer, opener=key, home=folder,
            store=Store(folder / "store"), poll=0.05,
        )  # fmt: skip
        return cls(care, who.party, who.signer, key)


@dataclass
class Houses:
    """The two houses, and what they do with each other by files alone."""

    town: Town
    folder: Path
    hospital: House
    clinic: House
    """The doctor's machine: the doctor signs, the clinic's key opens."""
    desk: Signer
    """Signs receipts, and nothing else."""
    made: list[CareLedger] = field(default_factory=list)

    @classmethod
    def build(cls, town: Town, folder: Path) -> Houses:
        hospital = House.of(town, town.hospital, folder / "hospital")
        clinic = House.of(town, town.doctor, folder / "clinic", opener=town.clinic.opener)
        town.clinic.care.participants.publish_key(town.clinic.opener, subject=town.clinic.party)
        desk = Signer.from_key(b"\x07" * 31 + bytes([town.care.connection.head().number % 200 + 1]))
        hospital.care.records.name_receipt_key(hospital.party, signer=desk.address)
        return cls(town, folder, hospital, clinic, desk, [hospital.care, clinic.care])

    def house(self, who: Townsman, name: str) -> House:
        found = House.of(self.town, who, self.folder / name)
        self.made.append(found.care)
        return found

    def custodian(self, **how: object) -> Custodian:
        how = {"receipts": self.desk, **how}
        return Custodian(self.hospital.care, self.hospital.party, **how)  # type: ignore[arg-type]

    def seal(
        self, about: Townsman, content: bytes = NOTE, classes: Iterable[DataClass] = (DataClass.NOTES,)
    ) -> SealedRecord:
        receipt = self.hospital.care.records.seal(
            content, author=self.hospital.party, about=about.party, classes=classes, key=None
        )
        return receipt.value  # type: ignore[union-attr]

    def agree(self, patient: Townsman, **how: object) -> None:
        how = {"to": self.town.clinic.party, "purpose": Purpose.TREAT, **how}
        terms = self.town.care.consents.draft(patient=patient.party, **how)  # type: ignore[arg-type]
        self.town.relayer.care.consents.grant(terms.signed_by(patient.signer))

    def revoke(self, patient: Townsman) -> None:
        terms = self.town.care.consents.draft_revocation(
            patient.party, to=self.town.clinic.party, purpose=Purpose.TREAT
        )
        self.town.relayer.care.consents.revoke_signed(terms.signed_by(patient.signer))

    def request(self, record: SealedRecord, purpose: Purpose = Purpose.TREAT, **how: object) -> SignedRequest:
        how = {"capacity": self.town.clinic.party, "jurisdiction": SWITZERLAND, **how}
        return self.clinic.care.records.request(
            record.id, custodian=self.hospital.party, purpose=purpose, **how,  # type: ignore[arg-type]
        )  # fmt: skip

    def answer(self, request: SignedRequest, custodian: Custodian | None = None) -> Answer:
        """Carry a request to the hospital and the answer back, as documents."""
        sent = json.loads(json.dumps(request.to_json()))
        found = (custodian or self.custodian()).answer(self.hospital.care.records.read_request(sent))
        return self.clinic.care.records.read_answer(json.loads(json.dumps(found.to_json())))

    def carried(self, record: SealedRecord) -> Path:
        """The sealed bytes, as a file."""
        path = self.folder / f"{record.cid}.sealed"
        self.hospital.care.records.fetch_sealed(record.id, path)
        return path

    def ask(self, record: SealedRecord, purpose: Purpose = Purpose.TREAT, **how: object) -> Received:
        request = self.request(record, purpose, **how)
        return self.clinic.care.records.receive(self.answer(request), request)

    def close(self) -> None:
        for care in self.made:
            care.close()


def another_opener() -> SeedOpener:
    return from_seed(new_seed())
