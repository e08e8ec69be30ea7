"""Provisional accounts whose patient has become known: closed with a committed link, and carried over by a worklist.

The link is a salted commitment to both accounts. Whoever holds its opening can show an auditor that they are one
person's; nobody else can test a guess, and nothing on chain joins them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from careledger.codes import DataClass, Purpose, RecordStatus, Verdict, Will
from careledger.errors import FormatError, InputError, NotARecipient, NotFound
from careledger.privacy.commitments import commit, new_salt
from careledger.privacy.documents import open_document, seal_document
from careledger.privacy.encoding import from_base64url, to_base64url
from careledger.privacy.notes import Notes
from careledger.privacy.openers import Opener, Recipient
from careledger.redact import Secret
from careledger.resources.base import Resource, address_of
from careledger.resources.evidence import Evidence
from careledger.resources.record_types import SealedRecord
from careledger.text import read_json
from careledger.values import Address, Bytes32, PartyRef, Prepared, Receipt, RecordId, Wait, bytes32, to_hex

__all__ = ["JoinTask", "Joining", "LinkOpening"]

DOMAIN = "careledger.link.v1"
KIND = "link"


@dataclass(frozen=True)
class LinkOpening:
    """Which provisional account was whose, with the salt that proves it. Kept sealed by the steward and the patient."""

    provisional: Address = field(repr=False)
    real: Address = field(repr=False)
    salt: Secret = field(repr=False)

    @property
    def commitment(self) -> Bytes32:
        """The link on chain: keccak256(abi.encode(keccak256("careledger.link.v1"), salt, provisional, real))."""
        return bytes32(to_hex(commit(DOMAIN, self.salt, ("address", self.provisional), ("address", self.real))))

    def sealed_to(self, reader: Recipient) -> str:
        """Return the opening sealed for the patient, or for an auditor who may know."""
        return seal_document(self.text(), KIND, recipients=[reader])

    @classmethod
    def unsealed(cls, text: str, opener: Opener) -> LinkOpening:
        """Open what ``sealed_to`` gave.

        Raises:
            FormatError: It is no sealed link.
            NotARecipient: It was sealed for another key.
            SealedDamaged: It was changed.
        """
        return cls.read(open_document(text, KIND, opener=opener))

    def text(self) -> bytes:
        """Return the opening, salt included: to be sealed at once."""
        fields = {"provisional": self.provisional, "real": self.real, "salt": to_base64url(self.salt.reveal())}
        return json.dumps(fields, sort_keys=True).encode()

    @classmethod
    def read(cls, text: bytes) -> LinkOpening:
        """Read what ``text`` gave.

        Raises:
            FormatError: It is something else.
        """
        try:
            fields = read_json(text)
            salt = Secret(from_base64url(fields["salt"]), "salt")
            accounts = [PartyRef("person", fields[name]).address for name in ("provisional", "real")]
            return cls(accounts[0], accounts[1], salt)
        except (ValueError, KeyError, TypeError, InputError):
            raise FormatError("this is no opening of a link", fix="Use what was sealed as such.") from None


@dataclass(frozen=True)
class JoinTask:
    """One thing to be done on the real account, because the provisional one had it."""

    what: Literal["directive", "denial", "guardian", "record", "emergency"]
    about: str
    """The directive's recipient and purpose, the guardian, the record, the emergency."""
    do: str
    """What to do, in a sentence."""
    done: bool
    """Whether it has been done: asked of the chain each time."""

    def to_json(self) -> dict[str, Any]:
        """Return every field."""
        return dict(vars(self))


class Joining(Resource):
    """What a steward does for a patient without a key besides granting, and how a provisional account ends."""

    contract = "ParticipantRegistry"

    # SHARING AND EVIDENCE

    def share(
        self, record_id: RecordId | str, *, patient: PartyRef, with_: PartyRef, will: Will, evidence: bytes,
        purpose: Purpose = Purpose.TREAT, classes: Iterable[DataClass] | None = None, for_days: int = 90,
        key: str | None = None, wait: Wait = "included",
    ) -> Receipt[SealedRecord]:  # fmt: skip
        """Share a record of a patient one acts for: the directive first, in the patient's name, then the wrap.

        Args:
            record_id: A record kept here.
            patient: The held account, or a ward.
            with_: Who is to read it; it has a published key.
            will: How the patient's will was expressed.
            evidence: What stands behind it.
            purpose: For what.
            classes: Classes permitted; all ordinary ones when not given.
            for_days: For how long.
            key: The act's business key.
            wait: Until when to wait.

        Raises:
            ConsentRegistry_StewardLimit: A steward granting to itself or an affiliate beyond treatment and payment.
            NotFound: The reader has published no key, or the record is not kept here. Nothing is granted then.
        """
        self._care.records.get(record_id)
        self._care.participants.encryption_key(with_)
        terms = self._care.consents.draft(
            patient=patient, to=with_, purpose=purpose, classes=classes, for_days=for_days
        )
        granted = self._care.consents.grant_for(terms, will=will, evidence=evidence, key=key, wait=wait)
        assert isinstance(granted, Receipt)  # noqa: S101 - not a dry run
        return granted.with_value(self._care.records.share(record_id, with_=with_))

    def evidence(self, commitment: str) -> Evidence:
        """Return what stands behind an act done here for a patient, to be shown: ``.sealed_to(auditor)``.

        Args:
            commitment: As the act's event has it (``evidence`` of ``ActedFor`` or ``HeldAccountOpened``).

        Raises:
            NotFound: It is not kept here.
            NotARecipient: It was sealed with another key.
        """
        return self._shelf.get(commitment)

    # CLOSING A PROVISIONAL ACCOUNT

    def close(
        self, provisional: PartyRef, *, joins: PartyRef, will: Will, evidence: bytes, key: str | None = None,
        wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[LinkOpening] | Prepared:  # fmt: skip
        """Close a provisional account whose patient has become known; only a salted link goes on chain.

        The link's opening is kept sealed here; give the patient a copy: ``value.sealed_to(key)``. What the account had
        is carried over by ``worklist``.

        Args:
            provisional: The account.
            joins: The patient's real account.
            will: How the patient's will was expressed, or on what authority.
            evidence: What identified the patient.
            key: The act's business key.
            wait: Until when to wait.
            dry_run: Only say what it would cost.

        Raises:
            ParticipantRegistry_NotHeld: It is not open, or not provisional.
        """
        self._require_key()
        who = address_of(provisional)
        if who == address_of(joins):
            raise InputError("an account is not joined to itself", fix="Give the patient's real account.")
        name = key or f"close-held/{who}"
        entry = self._care.sender.entry(name)
        known = entry.note["link"] if entry is not None and entry.state != "failed" and entry.note else None
        kept = self.link(known) if known else None
        again = kept is not None and kept.real == address_of(joins)
        link = kept if kept is not None and again else LinkOpening(who, address_of(joins), new_salt())
        if not dry_run and not known:
            self._links.put(link.commitment, link.text())
        return self._write(
            "closeProvisional", who, link.commitment, self._act(will, evidence, key=name, dry_run=dry_run),
            value=lambda _: link, key=name, wait=wait, dry_run=dry_run, entry=False,
            # salted, since the journal keeps a digest of this: guesses at the real account could be tested with it
            content=[who, link.commitment, will.name], note={"link": link.commitment},
        )  # fmt: skip

    def link(self, commitment: str) -> LinkOpening:
        """Return the opening of a link that was made here.

        Raises:
            NotFound: It is not kept here.
        """
        return LinkOpening.read(self._links.get(commitment))

    def link_of(self, provisional: PartyRef) -> LinkOpening:
        """Return the opening of a closed account's link.

        Raises:
            NotFound: It was not closed, or not here.
        """
        return self.link(self._link_on_chain(provisional))

    def open_link(self, opening: LinkOpening) -> PartyRef:
        """Show which account a provisional one was: compare an opening with the chain and return the real account.

        Raises:
            NotFound: The provisional account was not closed in this suite.
            InputError: The opening is not of the link on chain.
        """
        if self._link_on_chain(PartyRef("person", opening.provisional)) != opening.commitment:
            raise InputError(
                "this opening is not of the link on chain",
                why="It names other accounts, or has another salt.",
                fix="Ask the steward or the patient for theirs.",
            )
        return PartyRef("person", opening.real)

    def _link_on_chain(self, provisional: PartyRef) -> Bytes32:
        found = self._care.sync().list(
            "ParticipantRegistry.HeldAccountClosed", where={"subject": address_of(provisional)}
        )
        if not found:
            raise NotFound(f"{provisional.address} was not closed here", fix="Check the account and the suite.")
        return bytes32(found[0].args["link"])

    # WHAT IS LEFT TO DO

    def worklist(self, opening: LinkOpening) -> list[JoinTask]:
        """Return what the provisional account had and what is to become of it on the real one; done is done on chain.

        Spread it over days, as others do the same: two accounts that change alike within minutes look like one.

        Args:
            opening: Of the link, which names both accounts.
        """
        old, new = PartyRef("person", opening.provisional), PartyRef("person", opening.real)
        tasks = (self._directives(old, new), self._denials(old, new), self._guardians(old, new))
        return [task for part in (*tasks, self._records(old), self._emergencies(old)) for task in part]

    def _directives(self, old: PartyRef, new: PartyRef) -> Iterator[JoinTask]:
        there = {(item.to, item.purpose) for item in self._care.consents.list(patient=new)}
        for item in self._care.consents.list(patient=old):
            to = item.to
            who = f"{to.kind} {to.address}" if isinstance(to, PartyRef) else f"{to.role.word}s in {to.jurisdiction}"
            do = "Ask the patient whether this is still wanted, and grant it on the real account."
            yield JoinTask("directive", f"{who} for {item.purpose.name}", do, (item.to, item.purpose) in there)

    def _denials(self, old: PartyRef, new: PartyRef) -> Iterator[JoinTask]:
        standing, mine = (self._care.consents._read("standingOf", address_of(who)) for who in (old, new))
        masks = [(int(standing[name]), int(mine[name])) for name in ("denied", "emergencyDenied")]
        if any(before for before, _ in masks):
            done = all(before & ~after == 0 for before, after in masks)
            yield JoinTask("denial", "standing denial", "Ask the patient, and deny on the real account.", done)

    def _guardians(self, old: PartyRef, new: PartyRef) -> Iterator[JoinTask]:
        there = {item.guardian for item in self._care.guardians.list(new)}
        for item in self._care.guardians.list(old):
            do = "Appoint on the real account, under an account of the guardian's own for it; end it here."
            yield JoinTask("guardian", item.guardian.address, do, bool(there))

    def _records(self, old: PartyRef) -> Iterator[JoinTask]:
        """Records kept here about the provisional account: found by opening what this key opens."""
        records = self._care.records
        for record in records.kept():
            item = records._item(record.id)
            try:
                opening = records.desk.opening(item, records.desk.key(item, records._opener(None)))
            except (NotARecipient, NotFound):
                continue
            if opening.patient == old.address:
                done = records.status(record).status is not RecordStatus.CURRENT
                do = "Seal it again about the real account (records.supersede), with the readers it has."
                yield JoinTask("record", record.id, do, done)

    def _emergencies(self, old: PartyRef) -> Iterator[JoinTask]:
        for item in self._care.emergencies.list(patient=old):
            done = item.verdict is not Verdict.UNREVIEWED
            yield JoinTask("emergency", item.id, "Have it reviewed, and tell the patient of it.", done)

    # INTERNAL

    @property
    def _links(self) -> Notes:
        return Notes(self._care.home / "links", self._care.opener)

    def _require_key(self) -> None:
        if self._care.opener is None:
            raise InputError(
                "there is no key to seal the evidence with",
                why="What stands behind an act for somebody else is kept sealed, so that an auditor can be shown it.",
                fix="Connect with opener=…, or give the profile an opener.",
            )
