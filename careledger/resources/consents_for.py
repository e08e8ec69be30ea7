"""Consents given for a patient: by its steward or a guardian, who says on what expression of will."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from careledger.chain.abi import encode
from careledger.codes import ConsentReason, DataClass, Purpose, Will
from careledger.resources.base import Resource, address_of
from careledger.resources.consent_types import ConsentTerms, Directive, RoleRef, directive_of
from careledger.resources.scope import mask_of, scope_word, unpack_directive
from careledger.values import (
    Bytes32,
    DirectiveId,
    PartyRef,
    Prepared,
    Receipt,
    Wait,
    bytes32,
    from_hex,
    keccak,
    to_hex,
)  # fmt: skip

__all__ = ["ConsentsFor", "ended_by"]


class ConsentsFor(Resource):
    """Acts for a patient. Each is reported with the capacity it was done in, the will, and committed evidence."""

    contract = "ConsentRegistry"

    def grant_for(
        self, terms: ConsentTerms, *, will: Will, evidence: bytes, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[Directive] | Prepared:  # fmt: skip
        """Grant as the patient's steward or guardian, saying on what expression of will.

        Args:
            terms: What the patient wants, as drafted.
            will: How it was expressed; never ``Will.SIGNATURE``, which the patient's own door is for.
            evidence: The form, recording or order; only a salted commitment goes on chain.
            key: The act's business key.
            wait: Until when to wait.
            dry_run: Only say what it would cost.

        Raises:
            ConsentRegistry_NotAuthorised: The sender is neither, or no longer.
            ConsentRegistry_StewardLimit: A steward granting to itself, an affiliate or a role beyond treatment and
                payment.
        """
        name = key or f"grant/{terms.call['receipt']}"
        return self._write(
            "grantFor", dict(terms.call), self._act(will, evidence, key=name, dry_run=dry_run),
            value=lambda r: self._granted(r, terms), key=name, wait=wait, dry_run=dry_run, content=dict(terms.call),
        )  # fmt: skip

    def revoke_for(
        self, patient: PartyRef, *, to: PartyRef | RoleRef, purpose: Purpose, will: Will, evidence: bytes,
        reason: ConsentReason = ConsentReason.PATIENT_REQUEST, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[DirectiveId] | Prepared:  # fmt: skip
        """End a directive as the patient's steward or guardian.

        Args:
            patient: The pseudonym.
            to: The directive's recipient.
            purpose: Its purpose.
            will: How the patient's will was expressed.
            evidence: The form, recording or order; only a salted commitment goes on chain.
            reason: Why, as a code.
            key: The act's business key.
            wait: Until when to wait.
            dry_run: Only say what it would cost.

        Raises:
            ConsentRegistry_NotAuthorised: The sender is neither, or no longer.
        """
        who, scope = address_of(patient), scope_word(to, purpose)
        _, current = self._standing(patient, scope)
        found = self.directive_id(patient, to=to, purpose=purpose, version=current["version"])
        name = key or f"revoke/{who}/{scope}/{current['version']}"
        return self._write(
            "revokeFor", who, scope, reason.value, self._act(will, evidence, key=name, dry_run=dry_run),
            value=lambda r: ended_by(r, found), key=name, wait=wait, dry_run=dry_run, entry=False,
            content=[who, scope, reason.name],
        )  # fmt: skip

    def deny_for(
        self, patient: PartyRef, *, classes: Iterable[DataClass] = (), even_in_emergency: Iterable[DataClass] = (),
        will: Will, evidence: bytes, key: str | None = None, wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[None] | Prepared:  # fmt: skip
        """Add to a patient's standing denial as its steward, or as a guardian who holds ``PATRQT``; nothing is lifted.

        Args:
            patient: The pseudonym.
            classes: Classes to be denied to everybody, besides those that are.
            even_in_emergency: Classes to be denied even in an emergency, besides those that are.
            will: How the patient's will was expressed.
            evidence: The form, recording or order; only a salted commitment goes on chain.
            key: The act's business key.
            wait: Until when to wait.
            dry_run: Only say what it would cost.

        Raises:
            ConsentRegistry_NotAuthorised: The sender is neither, or no longer.
        """
        who = address_of(patient)
        standing = self._read("standingOf", who)
        denied = int(standing["denied"]) | mask_of(classes)
        emergency = int(standing["emergencyDenied"]) | mask_of(even_in_emergency)
        name = key or f"deny/{who}/{int(standing['version'])}"
        return self._write(
            "denyFor", who, denied, emergency, self._act(will, evidence, key=name, dry_run=dry_run),
            value=lambda _: None, key=name, wait=wait, dry_run=dry_run, entry=False,
            content=[who, str(mask_of(classes)), str(mask_of(even_in_emergency))],
        )  # fmt: skip

    # INTERNAL

    def _standing(self, patient: PartyRef, scope: str) -> tuple[Bytes32, dict[str, int]]:
        answer = self._read("directiveOf", address_of(patient), scope)
        current = {name: int(value) for name, value in answer["directive"].items()}
        return bytes32(answer["directiveId"]), current

    def _granted(self, receipt: Receipt[None], terms: ConsentTerms) -> Directive:
        """Return what the terms make; its id follows from them, so it is known before a block has it."""
        number = self.directive_id(terms.patient, to=terms.to, purpose=terms.purpose, version=terms.version)
        current = unpack_directive(int(terms.call["word"]))
        return directive_of(number, terms.patient, terms.to, terms.purpose, current)

    def directive_id(self, patient: PartyRef, *, to: PartyRef | RoleRef, purpose: Purpose, version: int) -> DirectiveId:
        """Return keccak256(chain, contract, patient, scope, version)."""
        kinds = ("uint256", "address", "address", "bytes32", "uint40")
        scope = from_hex(scope_word(to, purpose))
        chain = self._care.connection.chain_id
        packed = encode(kinds, (chain, self.address, address_of(patient), scope, version))
        return DirectiveId(to_hex(keccak(packed)))


def ended_by(receipt: Receipt[Any], found: DirectiveId) -> DirectiveId:
    """Return which directive a revocation ended: by its event, as the version has gone on when it is repeated."""
    ended = [event for event in receipt.events if event.name == "DirectiveRevoked"]
    return DirectiveId(ended[0].args["directiveId"]) if len(ended) == 1 else found
