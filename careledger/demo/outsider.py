"""What a stranger saw on the chain, beside what it meant to those who took part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from careledger.client import CareLedger
from careledger.demo.cast import Cast

__all__ = ["MEANINGS", "outsider_view"]

MEANINGS: Mapping[str, str] = {
    "AccreditorAdmitted": "A medical board may accredit.",
    "ActedFor": "A steward acted for a pseudonym, on a will it states and evidence it committed to.",
    "AffiliationStarted": "A doctor works for a clinic.",
    "BatchAnchored": "A hospital wrote some records; whose and what, nobody can tell.",
    "CredentialIssued": "A firm or professional is accredited, in public.",
    "ControllerChanged": "Somebody else acts for a pseudonym from now on.",
    "DirectiveGranted": "A pseudonym used for one custodian lets a clinic read ordinary classes.",
    "DirectiveRevoked": "The same pseudonym ended that.",
    "EmergencyOpened": "A doctor broke the glass for a pseudonym, with a coded reason.",
    "EmergencyReviewed": "Somebody else judged it.",
    "EncryptionKeyPublished": "A key that records can be sealed to.",
    "GuardiansChanged": "A pseudonym has people who can give it back; who they are, nobody can tell.",
    "HeldAccountClaimed": "Whoever it is has a key now; the steward's power is over.",
    "HeldAccountClosed": "An unknown patient became known; as whom, nobody can tell.",
    "HeldAccountOpened": "A hospital holds an account for somebody without a key.",
    "LogAnchored": "A custodian's access log went on by so many entries.",
    "PartnerNumbered": "A short number for an accredited party.",
    "PrivacyOfficerNamed": "Who reviews a clinic's emergencies.",
    "ReceiptKeyNamed": "A custodian says which account signs its access receipts.",
    "RecoveryApproved": "An account nobody knows says that a pseudonym gets a new key.",
    "RecoveryObjected": "Whoever has the key of a pseudonym says no; the wait doubles.",
    "RecoveryReady": "Enough have said so; the wait begins.",
    "RecordStatusChanged": "A hospital says that keys of a record were destroyed, and on what legal basis.",
    "StandingDenialSet": "A pseudonym denies classes to everybody, or even in emergencies.",
}
"""Events of the journey and what each meant."""


def outsider_view(care: CareLedger, cast: Cast) -> list[dict[str, Any]]:
    """Return each kind of event, how often it was seen, one example as a stranger saw it, and what it meant."""
    found: dict[str, dict[str, Any]] = {}
    counts: Counter[str] = Counter()
    for event in care.events():
        if event.name not in MEANINGS:
            continue
        counts[event.name] += 1
        found.setdefault(event.name, {"event": event.name, "saw": _shown(event.args), "meant": MEANINGS[event.name]})
    return [{**row, "times": counts[name]} for name, row in found.items()]


def _shown(args: Mapping[str, Any]) -> str:
    """Return arguments as an explorer shows them: words cut short."""
    return ", ".join(f"{name}={_short(value)}" for name, value in args.items())


def _short(value: Any) -> str:
    text = str(value)
    return f"{text[:6]}…{text[-4:]}" if text.startswith("0x") and len(text) > 12 else text[:20]
