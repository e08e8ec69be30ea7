"""Who may read what, for what: directives, standing denials, base policies, decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from careledger.chain.typed import TypedData
from careledger.codes import Basis, ConsentReason, DataClass, Purpose, Reason, Role, Rule
from careledger.errors import InputError, NotFound
from careledger.privacy.commitments import new_salt
from careledger.resources.base import SignedTerms, Terms, address_of
from careledger.resources.calendar import AT_ONCE, DAY, whole
from careledger.resources.consent_documents import ConsentDocuments
from careledger.resources.consent_record import Agreement, document_of
from careledger.resources.consent_types import (
    BasePolicy,
    ConsentReceipt,
    ConsentTerms,
    Directive,
    RoleRef,
    directive_of,
    named,
    parse_scope,
    party_of,
    words_of,
)
from careledger.resources.consents_for import ended_by
from careledger.resources.scope import (
    ORDINARY,
    SENSITIVE,
    ZERO_WORD,
    Limits,
    LimitsOpening,
    classes_of,
    mask_of,
    pack_directive,
    scope_word,
)  # fmt: skip
from careledger.values import (
    ZERO_ADDRESS,
    Address,
    Decision,
    DirectiveId,
    PartyRef,
    Prepared,
    Receipt,
    Wait,
    keccak,
    to_hex,
)  # fmt: skip

__all__ = ["BasePolicy", "ConsentReceipt", "ConsentTerms", "Consents", "Directive", "RoleRef"]

GRANT_DAYS = 7
"""How long a signed act may be carried to the chain at least."""

_GRANT = (
    ("patient", "address"), ("recipientKind", "string"), ("recipient", "address"), ("role", "string"),
    ("jurisdiction", "uint32"), ("purpose", "string"), ("permits", "string[]"), ("denies", "string[]"),
    ("notBefore", "uint40"), ("expiresAt", "uint40"), ("limited", "bool"), ("receipt", "bytes32"),
    ("replaces", "uint40"), ("epoch", "uint32"), ("deadline", "uint40"),
)  # fmt: skip
_REVOCATION = (
    ("patient", "address"), ("recipientKind", "string"), ("recipient", "address"), ("role", "string"),
    ("jurisdiction", "uint32"), ("purpose", "string"), ("reason", "uint8"), ("version", "uint40"), ("epoch", "uint32"),
    ("deadline", "uint40"),
)  # fmt: skip
_DENIAL = (
    ("patient", "address"), ("denied", "string[]"), ("emergencyDenied", "string[]"), ("version", "uint40"),
    ("epoch", "uint32"), ("deadline", "uint40"),
)  # fmt: skip


class Consents(ConsentDocuments):
    """A patient's directives. Denial beats permission."""

    # AGREEING

    def draft(
        self, *, patient: PartyRef, to: PartyRef | RoleRef, purpose: Purpose,
        classes: Iterable[DataClass] | None = None, denies: Iterable[DataClass] | None = None, for_days: int = 90,
        not_before: int | None = None, expires_at: int | None = None, limits: Limits | None = None,
        notice: Mapping[str, Any] | None = None,
    ) -> ConsentTerms:  # fmt: skip
        """Draft what a patient is asked to agree to, for the version in force now.

        Args:
            patient: The pseudonym.
            to: A person, an organisation, or a role in a jurisdiction.
            purpose: One purpose; another purpose is another consent.
            classes: Classes permitted; all ordinary ones when not given, which is the profile that does not stand out.
            denies: Exceptions; all sensitive classes that are not permitted when not given.
            for_days: How long it lasts at most: it ends with a week, a day or an hour (UTC), as many others do.
            not_before: First second; as soon as it is carried when not given.
            expires_at: First second after it, exactly so; ``for_days`` then says nothing.
            limits: An author or a data period, opened in questions only.
            notice: More fields of the consent record, such as ``privacy_notice``, ``language``, ``parties``; never on
                chain. See :func:`careledger.resources.consent_record.document_of`.

        Raises:
            InputError: No class, an unknown one, or no days.
        """
        permits = frozenset(classes if classes is not None else ORDINARY)
        denied = frozenset(denies) if denies is not None else SENSITIVE - permits
        if not permits | denied or for_days <= 0:
            raise InputError(
                "a directive permits or denies something, for at least a day", fix="Name classes and days."
            )
        now, start = self.now(), AT_ONCE if not_before is None else not_before
        end = whole((start or now) + for_days * DAY, start=start or now) if expires_at is None else expires_at
        scope = scope_word(to, purpose)
        _, current = self._standing(patient, scope)
        version, found = current["version"] + 1, limits or Limits()
        number = self.directive_id(patient, to=to, purpose=purpose, version=version)
        agreed = Agreement(
            patient, to, purpose, permits, denied, start, end, version, number, self._care.connection.chain_id,
            self.address,
        )  # fmt: skip
        receipt = ConsentReceipt(document_of(agreed, event_time=now, notice=notice), new_salt(), found)
        commitment = receipt.commitment
        flags = 2 if found.any else 0
        word = pack_directive(mask_of(permits), mask_of(denied), start, end, flags, version)
        epoch = self._care.participants.epoch(patient)
        message = {
            "patient": address_of(patient), **named(to), "purpose": purpose.name, "permits": words_of(permits),
            "denies": words_of(denied), "notBefore": start, "expiresAt": end, "limited": found.any,
            "receipt": commitment, "replaces": version - 1, "epoch": epoch,
            "deadline": self.deadline(GRANT_DAYS),
        }  # fmt: skip
        call = {"patient": address_of(patient), "scope": scope, "word": word, "receipt": to_hex(commitment)}
        typed = TypedData(self.domain, {"ConsentGrant": _GRANT}, "ConsentGrant", message)
        return ConsentTerms(typed, call, receipt, patient, to, purpose, permits, denied, start, end, version)

    def grant(
        self, agreed: SignedTerms[ConsentTerms] | ConsentTerms, *, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[Directive] | Prepared:  # fmt: skip
        """Put what a patient agreed to on the chain.

        Args:
            agreed: Signed terms, which anyone may carry; or bare terms, when the patient itself sends.
            key: The act's business key; the terms' own receipt when not given.
            wait: Until when to wait.
            dry_run: Only say what it would cost.

        Raises:
            ConsentRegistry_StaleVersion: The terms were used, revoked, or overtaken.
            Module_NotSignedBy: The signature is not by the patient's controller of now.
        """
        terms = agreed.terms if isinstance(agreed, SignedTerms) else agreed
        name = key or f"grant/{terms.call['receipt']}"
        how: dict[str, Any] = {
            "value": lambda r: self._granted(r, terms), "key": name, "wait": wait, "dry_run": dry_run,
        }  # fmt: skip
        if isinstance(agreed, SignedTerms):
            deadline = terms.typed.message["deadline"]
            return self._write("grantSigned", agreed.signature, dict(terms.call), deadline, not_after=deadline, **how)
        return self._write("grant", dict(terms.call), **how)

    # ENDING

    def revoke(
        self, patient: PartyRef, *, to: PartyRef | RoleRef, purpose: Purpose,
        reason: ConsentReason = ConsentReason.PATIENT_REQUEST, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[DirectiveId] | Prepared:  # fmt: skip
        """End a directive, so that nobody may read under it again; as the patient itself."""
        scope = scope_word(to, purpose)
        _, current = self._standing(patient, scope)
        found = self.directive_id(patient, to=to, purpose=purpose, version=current["version"])
        return self._write(
            "revoke", address_of(patient), scope, reason.value, value=lambda r: ended_by(r, found),
            key=key or f"revoke/{address_of(patient)}/{scope}/{current['version']}", wait=wait, dry_run=dry_run,
            entry=False,
        )  # fmt: skip

    def draft_revocation(
        self, patient: PartyRef, *, to: PartyRef | RoleRef, purpose: Purpose,
        reason: ConsentReason = ConsentReason.PATIENT_REQUEST,
    ) -> Terms:  # fmt: skip
        """Draft a revocation for a signature, naming the version it ends."""
        scope = scope_word(to, purpose)
        _, current = self._standing(patient, scope)
        epoch = self._care.participants.epoch(patient)
        message = {
            "patient": address_of(patient), **named(to), "purpose": purpose.name, "reason": reason.value,
            "version": current["version"], "epoch": epoch, "deadline": self.deadline(GRANT_DAYS),
        }  # fmt: skip
        return Terms(TypedData(self.domain, {"ConsentRevocation": _REVOCATION}, "ConsentRevocation", message))

    def revoke_signed(
        self, signed: SignedTerms[Terms], *, key: str | None = None, wait: Wait = "included", dry_run: bool = False
    ) -> Receipt[DirectiveId] | Prepared:
        """Carry a signed revocation to the chain."""
        m = signed.terms.typed.message
        to, purpose = party_of(m), Purpose[m["purpose"]]
        found = self.directive_id(PartyRef("person", m["patient"]), to=to, purpose=purpose, version=m["version"])
        return self._write(
            "revokeSigned", m["patient"], scope_word(to, purpose), m["reason"], m["version"], m["deadline"],
            signed.signature, value=lambda _: found, key=key, wait=wait, dry_run=dry_run, entry=False,
        )  # fmt: skip

    # STANDING DENIALS

    def deny(
        self, patient: PartyRef, *, classes: Iterable[DataClass], even_in_emergency: Iterable[DataClass] = (),
        key: str | None = None, wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[None] | Prepared:  # fmt: skip
        """Deny classes to everybody, and some of them even in an emergency; as the patient itself. No expiry."""
        version = int(self._read("standingOf", address_of(patient))["version"])
        return self._write(
            "deny", address_of(patient), mask_of(classes), mask_of(even_in_emergency), value=lambda _: None,
            key=key or f"deny/{address_of(patient)}/{version}", wait=wait, dry_run=dry_run, entry=False,
        )  # fmt: skip

    def draft_denial(
        self, patient: PartyRef, *, classes: Iterable[DataClass], even_in_emergency: Iterable[DataClass] = ()
    ) -> Terms:
        """Draft a standing denial for a signature, naming the version it replaces."""
        version = int(self._read("standingOf", address_of(patient))["version"])
        epoch = self._care.participants.epoch(patient)
        message = {
            "patient": address_of(patient), "denied": words_of(frozenset(classes)),
            "emergencyDenied": words_of(frozenset(even_in_emergency)), "version": version, "epoch": epoch,
            "deadline": self.deadline(GRANT_DAYS),
        }  # fmt: skip
        return Terms(TypedData(self.domain, {"StandingDenial": _DENIAL}, "StandingDenial", message))

    def deny_signed(
        self, signed: SignedTerms[Terms], *, key: str | None = None, wait: Wait = "included", dry_run: bool = False
    ) -> Receipt[None] | Prepared:
        """Carry a signed standing denial to the chain."""
        m = signed.terms.typed.message
        masks = [mask_of(classes_of(m[name])) for name in ("denied", "emergencyDenied")]
        return self._write(
            "denySigned", m["patient"], *masks, m["version"], m["deadline"], signed.signature, value=lambda _: None,
            key=key, wait=wait, dry_run=dry_run, entry=False,
        )  # fmt: skip

    # BASE POLICY

    def state_policy(
        self, custodian: PartyRef, *, as_role: Role, jurisdiction: int, purpose: Purpose, rule: Rule,
        classes: Iterable[DataClass] = ORDINARY, roles: Iterable[Role] = (Role.PROVIDER,), legal_reference: str,
        key: str | None = None,
        wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[Rule] | Prepared:  # fmt: skip
        """State what holds at a custodian, for accredited actors of a jurisdiction, where the patient said nothing.

        Args:
            custodian: Who keeps the records.
            as_role: ``CUSTODIAN`` or ``PROVIDER``, as it is accredited.
            jurisdiction: For actors accredited where.
            purpose: For what.
            rule: What holds.
            classes: Of which classes it speaks.
            roles: In which roles an actor has to ask for it to speak; providers only when not given.
            legal_reference: The citation of the law, which is public; its hash goes on chain.
            key: The act's business key.
            wait: Until when to wait.
            dry_run: Only say what it would cost.
        """
        meant = (rule, frozenset(classes), frozenset(roles))

        def stands() -> bool:
            found = self.policy(custodian, jurisdiction=jurisdiction, purpose=purpose)
            return (found.rule, found.classes, found.roles) == meant

        return self._write(
            "statePolicy", address_of(custodian), as_role.value, jurisdiction, purpose.value, rule.value,
            mask_of(meant[1]), sum(1 << role.value for role in meant[2]), keccak(legal_reference.encode()),
            value=lambda _: rule, key=key, wait=wait, dry_run=dry_run, stands=stands,
        )  # fmt: skip

    def policy(self, custodian: PartyRef, *, jurisdiction: int, purpose: Purpose) -> BasePolicy:
        """Return what a custodian states for a jurisdiction and purpose; ``Rule.UNSTATED`` where it says nothing."""
        found = self._read("policyOf", address_of(custodian), jurisdiction, purpose.value, about_patient=False)
        roles = frozenset(role for role in Role if role and int(found["roles"]) >> role.value & 1)
        return BasePolicy(Rule(int(found["rule"])), classes_of(int(found["classes"])), roles, int(found["since"]))

    # ASKING

    def decide(
        self, *, patient: PartyRef, actor: PartyRef, purpose: Purpose, classes: Iterable[DataClass],
        capacity: PartyRef | RoleRef | None = None, organisation_role: Role = Role.PROVIDER, jurisdiction: int = 0,
        custodian: PartyRef | None = None, author: PartyRef | None = None, data_from: int = 0, data_until: int = 0,
        receipts: Iterable[ConsentReceipt | LimitsOpening] = (), block: int | str = "latest",
    ) -> Decision:  # fmt: skip
        """Ask whether an actor may read classes of a patient's data for a purpose; all of them or nothing.

        Args:
            patient: The pseudonym.
            actor: Who asks.
            purpose: For what.
            classes: What is asked for.
            capacity: As whom: the person itself (when not given), an organisation, or a role in a jurisdiction.
            organisation_role: For an organisation: what it is accredited as.
            jurisdiction: Where organisation or role is accredited.
            custodian: Whose base policy holds.
            author: Who wrote what is asked for.
            data_from: First second of the period it is about.
            data_until: First second after it.
            receipts: Receipts that open limited directives: for the person first, then for the capacity.
            block: The block the answer is to be true at.

        Returns:
            The decision: allowed or not, because of what, on what basis, and how much of it is.
        """
        asked = frozenset(classes)
        opened = [receipt.limits.call(receipt.document_commitment) for receipt in receipts]
        opened += [Limits().call(bytes(32))] * (2 - len(opened))
        acting = capacity or PartyRef("person", address_of(actor))
        where = acting.jurisdiction if isinstance(acting, RoleRef) else jurisdiction
        request = {
            "patient": address_of(patient), "actor": address_of(actor), "capacity": scope_word(acting, None),
            "organisationRole": organisation_role.value, "jurisdiction": where,
            "custodian": address_of(custodian) if custodian else ZERO_ADDRESS, "purpose": purpose.value,
            "classes": mask_of(asked), "author": address_of(author) if author else ZERO_ADDRESS,
            "dataFrom": data_from, "dataUntil": data_until, "personLimits": opened[0], "capacityLimits": opened[1],
        }  # fmt: skip
        at = self._care.connection.head().number if block == "latest" else block
        answer = self._read("decide", request, block=at)
        granted = classes_of(int(answer["grantedClasses"]))
        found = answer["directiveId"]
        return Decision(
            allowed=bool(answer["allowed"]), because=Reason(int(answer["reason"])), basis=Basis(int(answer["basis"])),
            granted=granted, denied=asked - granted,
            directive_id=DirectiveId(found) if found != ZERO_WORD else None, block=at if isinstance(at, int) else None,
        )  # fmt: skip

    def get(self, patient: PartyRef, *, to: PartyRef | RoleRef, purpose: Purpose) -> Directive:
        """Return the directive of a patient for a recipient and purpose.

        Raises:
            NotFound: There never was one.
        """
        found, current = self._standing(patient, scope_word(to, purpose))
        if not current["version"]:
            raise NotFound(f"{patient.address} never said anything to this recipient for {purpose.name}")
        return directive_of(DirectiveId(found), patient, to, purpose, current)

    def list(
        self, *, patient: PartyRef | None = None, to: PartyRef | RoleRef | None = None, live: bool = True
    ) -> list[Directive]:
        """Return directives from the local index, each as it stands at the index's head.

        Args:
            patient: Only of this pseudonym.
            to: Only for this recipient.
            live: Only those neither revoked nor over.
        """
        where = {"patient": address_of(patient)} if patient else {}
        index = self._care.sync()
        seen: dict[tuple[str, str], None] = {}
        for event in index.list("ConsentRegistry.DirectiveGranted", where=where):
            seen.setdefault((event.args["patient"], event.args["scope"]))
        now, found = self.now(), []
        for who, scope in seen:
            recipient, purpose = parse_scope(scope)
            if to is not None and recipient != to:
                continue
            party = PartyRef("person", Address(who))
            number, current = self._standing(party, scope)
            item = directive_of(DirectiveId(number), party, recipient, purpose, current)
            if not live or (not item.revoked and item.expires_at > now):
                found.append(item)
        return found
