"""Consents as FHIR documents: read into drafts to be signed, and written from what stands on the chain."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from careledger.codes import Purpose
from careledger.errors import InputError, NotFound, NotPaired
from careledger.resources.base import Terms, address_of
from careledger.resources.calendar import DAY, whole
from careledger.resources.consent_receipt import ConsentReceipt
from careledger.resources.consent_types import ConsentTerms, Directive
from careledger.resources.consents_for import ConsentsFor
from careledger.resources.glossary import LAST_SECOND
from careledger.resources.scope import Limits, classes_of
from careledger.values import Address, Event, PartyRef

if TYPE_CHECKING:  # FHIR is loaded by whoever reads or writes it
    from careledger.client import CareLedger
    from careledger.formats.fhir.consent import ConsentReading
    from careledger.formats.fhir.consent_model import DirectiveDraft, StandingDraft, StatedDenial, StatedDirective
    from careledger.formats.fhir.consent_parties import Recipient, Resolve
    from careledger.formats.fhir.consent_write import Version

__all__ = ["ConsentDocuments", "FhirDrafts", "read_document"]

Source = str | Path | bytes | Mapping[str, Any]


@dataclass(frozen=True)
class FhirDrafts:
    """What a patient is asked to sign for its FHIR Consents to hold here."""

    readings: tuple[ConsentReading, ...]
    terms: tuple[ConsentTerms, ...]
    """A grant for each directive."""
    denials: tuple[Terms, ...]
    """The standing denial of each patient who has one; it keeps what was denied before."""

    @property
    def without_effect(self) -> tuple[ConsentReading, ...]:
        """The Consents of the document that nothing came of: not in force, over, or with statements only."""
        return tuple(each for each in self.readings if not each.drafts and each.standing is None)


class ConsentDocuments(ConsentsFor):
    """FHIR Consents in and out."""

    def read_fhir(
        self, source: Source, *, resolve: Resolve | None = None, everybody: Iterable[Recipient] = (),
        purposes: Iterable[Purpose] = (), patient: PartyRef | None = None, zone: tzinfo = UTC,
    ) -> list[ConsentReading]:  # fmt: skip
        """Say what becomes of the Consents in a document, without asking the chain for anything but its time.

        Args:
            source: A file, its bytes, or a parsed Consent or Bundle; identifiers of other resources in it are used.
            resolve: Finds accounts, besides ``care.directory`` where that can be opened.
            everybody: Whom a permission stands for that names nobody.
            purposes: What a permission is for that names no purpose.
            patient: Whose consents they are; found like other parties when not given.
            zone: Where days begin that are written without time.

        Raises:
            NotFound: There is no such file, or no Consent in it.
            FormatError: It is not FHIR, or a Consent mixes versions.
        """
        return read_document(
            source, resolve=_first_of(resolve, _directory(self._care)), everybody=everybody, purposes=purposes,
            patient=patient, zone=zone, chain_id=self._care.connection.chain_id, now=self.now(),
        )  # fmt: skip

    def from_fhir(
        self, source: Source, *, accept: Iterable[str] = (), for_days: int = 90, patient: PartyRef | None = None,
        resolve: Resolve | None = None, everybody: Iterable[Recipient] = (), purposes: Iterable[Purpose] = (),
        zone: tzinfo = UTC,
    ) -> FhirDrafts:  # fmt: skip
        """Draft what makes FHIR Consents hold: directives and a standing denial, for the patient to sign.

        All of a document or nothing: what one Consent says and nobody accepted to leave out refuses the whole.

        Args:
            source: As for ``read_fhir``.
            accept: Locations of what narrows access and cannot be said, and may be left out all the same.
            for_days: How long from now on a permission lasts that names no end; a denial that names none has none.
            patient: Whose consents they are.
            resolve: Finds accounts.
            everybody: Whom a permission stands for that names nobody.
            purposes: What a permission is for that names no purpose.
            zone: Where days begin that are written without time.

        Raises:
            InputError: Something that narrows access cannot be said and was not accepted, a denial no less than what
                narrows a permission; nothing at all came of the document; or nobody knows the patient.
            NotFound: There is no such file, or no Consent in it.
            FormatError: It is not FHIR, or a Consent mixes versions.
        """
        readings = self.read_fhir(
            source, resolve=resolve, everybody=everybody, purposes=purposes, patient=patient, zone=zone
        )
        names = frozenset(accept)
        if unknown := sorted(names.difference(*(reading.names for reading in readings))):
            raise InputError(
                f"nothing that widens access stands at {unknown[0][:80]}", fix="Name the locations as they are listed."
            )
        for reading in readings:
            reading.require_accepted(names)
        whose = [_known(reading) for reading in readings]
        if all(not reading.drafts and reading.standing is None for reading in readings):
            raise _nothing(readings)
        terms: list[ConsentTerms] = []
        standing: dict[Address, tuple[PartyRef, StandingDraft]] = {}
        for who, reading in zip(whose, readings, strict=True):
            terms += [self._terms(who, draft, reading.notice, for_days) for draft in reading.drafts]
            if reading.standing is not None:  # several Consents of one patient come to one denial, signed once
                before = standing.get(who.address)
                standing[who.address] = (who, _together(before[1], reading.standing) if before else reading.standing)
        denials = [self._denial(who, draft) for who, draft in standing.values()]
        return FhirDrafts(tuple(readings), tuple(terms), tuple(denials))

    def to_fhir(
        self, what: PartyRef | Directive | ConsentReceipt, *, version: Version = "5.0.0",
        receipts: Iterable[ConsentReceipt] = (),
    ) -> dict[str, Any]:  # fmt: skip
        """Write what stands on the chain as FHIR: a Consent, or for a patient a Bundle of all that is live.

        Args:
            what: A directive; a receipt, for the directive it belongs to; or a patient.
            version: ``4.0.1`` or ``5.0.0``.
            receipts: Receipts of the directives: a limited one cannot be written without.

        Returns:
            The resource, its elements in FHIR's order. Read again, it gives the very same directive.

        Raises:
            NotFound: There is no such directive, or nothing of the patient's.
            InputError: A directive is limited and its receipt is not there, or a time is after the year 9999.
        """
        from careledger.formats.fhir.consent_write import to_consent

        kept = {receipt.commitment.hex(): receipt for receipt in receipts}
        if isinstance(what, ConsentReceipt):
            kept[what.commitment.hex()] = what
            agreed = what.agreement
            what = self._care.consents.get(agreed.patient, to=agreed.to, purpose=agreed.purpose)
        if isinstance(what, Directive):
            return to_consent(self._stated(what, kept), version=version)
        entries = [
            to_consent(self._stated(each, kept), version=version) for each in self._care.consents.list(patient=what)
        ]
        denial = self._stated_denial(what)
        if denial is not None:
            entries.append(to_consent(denial, version=version))
        if not entries:
            raise NotFound(f"{what.address} has no live directive and no standing denial")
        return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in entries]}

    # INTERNAL

    def _terms(
        self, patient: PartyRef, draft: DirectiveDraft, notice: Mapping[str, Any], for_days: int
    ) -> ConsentTerms:
        end = draft.expires_at
        if end is None:
            start = max(draft.not_before, self.now())
            end = whole(start + for_days * DAY, start=start) if draft.permits else LAST_SECOND + 1
        return self._care.consents.draft(
            patient=patient, to=draft.to, purpose=draft.purpose, classes=draft.permits, denies=draft.denies,
            not_before=draft.not_before or None, expires_at=end,
            limits=Limits(draft.author, draft.data_from, draft.data_until), notice=notice,
        )  # fmt: skip

    def _denial(self, patient: PartyRef, draft: StandingDraft) -> Terms:
        """Draft a standing denial that adds to the one there is: what was denied before stays denied."""
        before = self._read("standingOf", address_of(patient))
        return self._care.consents.draft_denial(
            patient, classes=draft.denied | classes_of(int(before["denied"])),
            even_in_emergency=draft.even_in_emergency | classes_of(int(before["emergencyDenied"])),
        )  # fmt: skip

    def _stated(self, item: Directive, kept: Mapping[str, ConsentReceipt]) -> StatedDirective:
        from careledger.formats.fhir.consent_model import DirectiveDraft, Provenance, StatedDirective

        event = self._grant_event(item)
        receipt = kept.get(event.args["receipt"][2:])
        if item.limited and receipt is None:
            raise InputError(
                f"directive {item.id[:10]}… has limits, which only its receipt knows",
                why="Written without them it would permit more than the patient did.",
                fix="Give the receipt: receipts=[...].",
            )
        limits = receipt.limits if receipt is not None else Limits()
        now = self.now()
        return StatedDirective(
            item.patient,
            DirectiveDraft(
                item.to, item.purpose, item.permits, item.denies, item.not_before, item.expires_at, limits.author,
                limits.data_from, limits.data_until,
            ),
            Provenance(
                self._care.connection.chain_id, self.address, event.args["directiveId"], item.version,
                event.args["receipt"],
            ),
            is_active=not item.revoked and item.expires_at > now,
            given=getattr(event, "timestamp", None),
            privacy_notice=_notice_of(receipt),
        )  # fmt: skip

    def _grant_event(self, item: Directive) -> Event:
        """Return the event of the grant that stands, or stood before it was revoked."""
        found = self._care.sync().list("ConsentRegistry.DirectiveGranted", where={"patient": address_of(item.patient)})
        for event in reversed(found):
            number = self.directive_id(
                item.patient, to=item.to, purpose=item.purpose, version=item.version - int(item.revoked)
            )
            if event.args["directiveId"] == number:
                return event
        raise NotFound(f"there is no grant of directive {item.id[:10]}…", fix="Name one that was granted.")

    def _stated_denial(self, patient: PartyRef) -> StatedDenial | None:
        from careledger.formats.fhir.consent_model import Provenance, StandingDraft, StatedDenial

        answer = self._read("standingOf", address_of(patient))
        denied, closed = classes_of(int(answer["denied"])), classes_of(int(answer["emergencyDenied"]))
        if not denied | closed:
            return None
        where = Provenance(self._care.connection.chain_id, self.address, "", int(answer["version"]))
        return StatedDenial(patient, StandingDraft(denied, closed), where)


def read_document(source: Source, *, resolve: Resolve | None = None, **how: Any) -> list[ConsentReading]:
    """Say what becomes of every Consent in a document; arguments and errors as for ``consents.read_fhir``."""
    from careledger.formats import fhir
    from careledger.formats.fhir.consent import read_consent
    from careledger.formats.fhir.strict import parse

    trees: list[Any] = []
    references: dict[str, Sequence[tuple[str | None, str]]] = {}
    for resource in fhir.read(_opened(source), name="document.json", validate=False):
        identifiers = [(item.system, str(item.value)) for item in resource.identifiers]
        references |= dict.fromkeys(resource.references, identifiers)
        if resource.resource_type == "Consent":
            trees.append(parse(resource.raw, resource.source))
    if not trees:
        raise NotFound("there is no Consent in this document", fix="Name a FHIR Consent, or a Bundle that holds one.")
    return [read_consent(tree, resolve=resolve, references=references, **how) for tree in trees]


def _together(one: StandingDraft, other: StandingDraft) -> StandingDraft:
    """Return a denial of all that either denies."""
    return replace(
        one, denied=one.denied | other.denied, even_in_emergency=one.even_in_emergency | other.even_in_emergency,
        rules=(*one.rules, *other.rules),
    )  # fmt: skip


def _known(reading: ConsentReading) -> PartyRef:
    """Return whose consent it is."""
    if reading.patient is None:
        raise InputError(
            "it is not known whose consent this is", fix="Give patient=..., or a resolver that knows the patient."
        )
    return reading.patient


def _nothing(readings: Sequence[ConsentReading]) -> InputError:
    """Say that there is nothing to sign, and the reasons that are known."""
    reports = [item for each in readings for item in each.unexpressed if item.location != "Consent.text"]
    whys = list(dict.fromkeys(f"at {item.location} {item.why}" for item in reports))
    which = "this Consent" if len(readings) == 1 else f"any of these {len(readings)} Consents"
    more = f", and {len(whys) - 3} more" if len(whys) > 3 else ""
    return InputError(
        f"nothing to sign comes of {which}",
        why=f"{'; '.join(whys[:3])}{more}." if whys else "It permits nobody anything and denies nothing.",
        fix="Look with read_fhir; resolve, everybody and purposes say whom and what it means.",
    )


def _opened(source: Source) -> Any:
    if isinstance(source, (str, Path)):
        return source
    if isinstance(source, bytes):
        return io.BytesIO(source)
    from careledger.formats.fhir.strict import check_depth

    check_depth(source, "this document")
    return io.BytesIO(orjson.dumps(source))


def _first_of(*resolvers: Resolve | None) -> Resolve:
    def find(system: str | None, value: str) -> Recipient | None:
        found = (each(system, value) for each in resolvers if each is not None)
        return next((party for party in found if party is not None), None)

    return find


def _directory(care: CareLedger) -> Resolve | None:
    """Return what the organisation's own directory knows, where it can be opened."""
    if care.signer is None or care.opener is None:
        return None

    def find(system: str | None, value: str) -> Recipient | None:
        for kind in ("partner", "patient"):
            if not system:
                break
            try:
                return care.directory.find(system=system, value=value, kind=kind)
            except (NotPaired, InputError):
                continue
        return None

    return find


def _notice_of(receipt: ConsentReceipt | None) -> str | None:
    processing = receipt.document.get("pii_processing") if receipt is not None else None
    notice = processing.get("privacy_notice") if isinstance(processing, dict) else None
    return notice if isinstance(notice, str) else None
