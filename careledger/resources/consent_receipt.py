"""The consent receipt: the record a patient keeps, the salt that opens its commitment, and where it stands on chain."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from careledger.errors import FormatError, InputError, NotFound
from careledger.privacy.backup import FORMAT, Backup, open_backup, seal_backup
from careledger.privacy.commitments import SALT_BYTES, commit
from careledger.privacy.files import write_private
from careledger.privacy.openers import Opener, Recipient
from careledger.redact import Secret
from careledger.resources.consent_record import Agreement, agreement_of
from careledger.resources.receipt_pages import as_html, as_text
from careledger.resources.recipients import parse_scope
from careledger.resources.scope import Limits, classes_of, unpack_directive
from careledger.text import read_json, shown
from careledger.values import from_hex, to_hex

if TYPE_CHECKING:
    from careledger.client import CareLedger

__all__ = ["ConsentReceipt", "ReceiptStanding"]

State = Literal["not on chain", "not yet", "live", "over", "revoked", "superseded"]
_MAX_BYTES = 4 << 20


@dataclass(frozen=True)
class ReceiptStanding:
    """What the chain says of a receipt."""

    state: State
    """``not on chain`` where no event carries its commitment; else how the directive stands now."""
    differs: tuple[str, ...] = ()
    """Fields in which the record and the directive of its event are not the same; empty as it should be."""
    block: int | None = None
    """Block of the event."""

    @property
    def verified(self) -> bool:
        """Whether an event carries this very receipt and its directive says what the record says."""
        return self.state != "not on chain" and not self.differs

    def to_json(self) -> dict[str, Any]:
        """Return every field, and the verdict."""
        return {"state": self.state, "verified": self.verified, "differs": list(self.differs), "block": self.block}


@dataclass(frozen=True)
class ConsentReceipt:
    """What the patient keeps: the whole agreement and the salt that opens its commitment (ISO/IEC TS 27560:2023).

    On chain is ``commitment`` alone. Keep it sealed: whoever holds it can show what was agreed.
    """

    document: Mapping[str, Any]
    """The consent record; :mod:`careledger.resources.consent_record` says field by field what it holds."""
    salt: Secret
    limits: Limits

    def __repr__(self) -> str:
        return "<consent receipt>"

    # COMMITMENT

    @property
    def document_commitment(self) -> bytes:
        """The salted commitment to the whole document."""
        text = json.dumps(self.document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        return commit("careledger.receipt.v1", self.salt, ("bytes", text))

    @property
    def commitment(self) -> bytes:
        """What the event carries: the limits' hash over the document's commitment."""
        return self.limits.opening(self.document_commitment)

    # READING

    @property
    def agreement(self) -> Agreement:
        """What the record says was agreed.

        Raises:
            FormatError: It is no record that can be read here.
        """
        return agreement_of(self.document)

    def in_words(self, language: str = "en") -> str:
        """Return the receipt as a page of plain text, in English, German or Chinese (``en``, ``de``, ``zh``).

        Raises:
            FormatError: The record cannot be read here.
            InputError: Another language.
        """
        return as_text(self, language)

    def in_html(self, language: str = "en") -> str:
        """Return the receipt as one HTML page that loads nothing and runs nothing; errors as ``in_words``."""
        return as_html(self, language)

    def verify(self, care: CareLedger) -> ReceiptStanding:
        """Compare the receipt with the chain's event, and say how its directive stands now.

        Raises:
            FormatError: The record cannot be read here.
            NodeError: The node does not answer.
        """
        agreed = self.agreement
        events = care.sync().list(
            "ConsentRegistry.DirectiveGranted",
            where={"patient": agreed.patient.address, "receipt": to_hex(self.commitment)},
        )
        if not events:
            return ReceiptStanding("not on chain")
        event = events[-1]
        to, purpose = parse_scope(event.args["scope"])
        word = unpack_directive(int(event.args["word"]))
        on_chain = {
            "to": to, "purpose": purpose, "permits": classes_of(word["permits"]), "denies": classes_of(word["denies"]),
            "expires_at": word["expiresAt"],
        }  # fmt: skip
        if agreed.directive_id is not None or word["notBefore"]:
            on_chain |= {"not_before": word["notBefore"]}  # first records name the day, where the word says "at once"
        if agreed.directive_id is not None:
            on_chain |= {"version": word["version"], "directive_id": event.args["directiveId"]}
        differs = [name for name, value in on_chain.items() if getattr(agreed, name) != value]
        if bool(word["flags"] & 2) != self.limits.any:
            differs.append("limits")
        now = care.consents.get(agreed.patient, to=to, purpose=purpose)
        state: State = "live"
        if now.version != word["version"]:
            state = "revoked" if now.revoked and now.version == word["version"] + 1 else "superseded"
        elif now.not_before > care.consents.now():
            state = "not yet"
        elif now.expires_at <= care.consents.now():
            state = "over"
        return ReceiptStanding(state, tuple(differs), event.block)

    # KEEPING

    def save(self, path: Path, *, recipients: Sequence[Recipient] = (), password: Secret | None = None) -> None:
        """Write the receipt sealed, for keys or under a password, to a file that is its owner's alone.

        Raises:
            InputError: Nobody could ever open it, or there is such a file already.
        """
        if path.exists():
            raise InputError(f"{shown(path.name)} is there already", fix="Give another file.")
        kept = Backup(receipts=(json.dumps(self.to_json()),))
        write_private(path, seal_backup(kept, password=password, recipients=recipients).encode())

    @classmethod
    def load(cls, path: Path, *, opener: Opener | None = None, password: Secret | None = None) -> ConsentReceipt:
        """Read a receipt that ``save`` sealed, or one that lies open.

        Raises:
            NotFound: There is no such file.
            FormatError: It holds no receipt, or one whose record cannot be read here.
            NotARecipient: It is sealed, and neither key nor password is given, or it was sealed for others.
            SealedDamaged: It was changed.
            KeyMaterialError: The password is wrong.
        """
        try:
            with path.open("rb") as file:
                raw = file.read(_MAX_BYTES)
            text = raw.decode()
            found = read_json(text)
            if isinstance(found, dict) and found.get("format") == FORMAT:
                (kept,) = open_backup(text, opener=opener, password=password).receipts
                found = read_json(kept)
            return cls.from_json(found)
        except FileNotFoundError:
            raise NotFound(f"there is no file {shown(path.name)}", fix="Check the path.") from None
        except FormatError:
            raise
        except ValueError:
            raise _none_in(path.name) from None

    def to_json(self) -> dict[str, Any]:
        """Return every part, salt included: for sealed storage only."""
        return {"document": dict(self.document), "salt": to_hex(self.salt.reveal()), "limits": self.limits.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ConsentReceipt:
        """Read what ``to_json`` wrote.

        Raises:
            FormatError: It is something else, or holds a record that cannot be read here.
        """
        try:
            salt, limits = Secret(from_hex(data["salt"]), "salt"), Limits.from_json(data["limits"])
            if len(salt) == SALT_BYTES and isinstance(data["document"], dict):
                found = cls(data["document"], salt, limits)
                agreement_of(found.document)
                return found
        except FormatError:
            raise
        except (KeyError, TypeError, ValueError, InputError):
            pass
        raise _none_in("this")


def _none_in(name: str) -> FormatError:
    return FormatError(f"{shown(name)} holds no consent receipt", fix="Use the file that consents draft kept.")
