"""CareLedger: consent, sealed records and the money of health care on Ethereum.

Everything named in ``__all__`` is public; anything else may change. Names are loaded when first used, so that
``import careledger`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Address": "values",
    "Basis": "codes",
    "CareLedger": "client",
    "ConsentReason": "codes",
    "ConsentReceipt": "resources.consent_types",
    "Custodian": "custodian",
    "DataClass": "codes",
    "Decision": "values",
    "EmergencyReason": "codes",
    "Event": "values",
    "GuardianSet": "resources.participants",
    "IdentityCheck": "directory.entries",
    "LegalBasis": "codes",
    "Limits": "resources.scope",
    "LocalChain": "chain.local",
    "Meaning": "codes",
    "Money": "money",
    "Opener": "privacy.openers",
    "PairingAnswer": "directory.pairing",
    "PairingOffer": "directory.pairing",
    "PartyRef": "values",
    "Prepared": "values",
    "Purpose": "codes",
    "Reason": "codes",
    "Receipt": "values",
    "Role": "codes",
    "RoleRef": "values",
    "Rule": "codes",
    "Scope": "privacy.pseudonyms",
    "Secret": "redact",
    "Signer": "chain.signers",
    "Store": "storage",
    "Verdict": "codes",
    "Wallet": "privacy.pseudonyms",
    "Will": "codes",
    "party": "resources.base",
}
"""Public names and the module each lives in."""

__all__ = [
    "Address",
    "Basis",
    "CareLedger",
    "ConsentReason",
    "ConsentReceipt",
    "Custodian",
    "DataClass",
    "Decision",
    "EmergencyReason",
    "Event",
    "GuardianSet",
    "IdentityCheck",
    "LegalBasis",
    "Limits",
    "LocalChain",
    "Meaning",
    "Money",
    "Opener",
    "PairingAnswer",
    "PairingOffer",
    "PartyRef",
    "Prepared",
    "Purpose",
    "Reason",
    "Receipt",
    "Role",
    "RoleRef",
    "Rule",
    "Scope",
    "Secret",
    "Signer",
    "Store",
    "Verdict",
    "Wallet",
    "Will",
    "__version__",
    "errors",
    "party",
]

if TYPE_CHECKING:
    from careledger import errors
    from careledger.chain.local import LocalChain
    from careledger.chain.signers import Signer
    from careledger.client import CareLedger
    from careledger.codes import (
        Basis,
        ConsentReason,
        DataClass,
        EmergencyReason,
        LegalBasis,
        Meaning,
        Purpose,
        Reason,
        Role,
        Rule,
        Verdict,
        Will,
    )
    from careledger.custodian import Custodian
    from careledger.directory import IdentityCheck, PairingAnswer, PairingOffer
    from careledger.money import Money
    from careledger.privacy.openers import Opener
    from careledger.privacy.pseudonyms import Scope, Wallet
    from careledger.redact import Secret
    from careledger.resources.base import party
    from careledger.resources.consent_types import ConsentReceipt
    from careledger.resources.participants import GuardianSet
    from careledger.resources.scope import Limits
    from careledger.storage import Store
    from careledger.values import Address, Decision, Event, PartyRef, Prepared, Receipt, RoleRef


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name == "errors":
        return import_module("careledger.errors")
    if name in _HOMES:
        return getattr(import_module(f"careledger.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'careledger' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
