"""An organisation's own sealed map from outside identifiers to accounts, and how a wallet pairs with it.

Names are loaded when first used: the words of the command line need the chain no more than its help does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "Change": "entries",
    "Directory": "directory",
    "Entry": "entries",
    "EntryKind": "entries",
    "IdentityCheck": "entries",
    "OutsideId": "entries",
    "PairingAnswer": "pairing",
    "PairingOffer": "pairing",
}

__all__ = [
    "Change", "Directory", "Entry", "EntryKind", "IdentityCheck", "OutsideId", "PairingAnswer", "PairingOffer",
]  # fmt: skip

if TYPE_CHECKING:
    from careledger.directory.directory import Directory
    from careledger.directory.entries import Change, Entry, EntryKind, IdentityCheck, OutsideId
    from careledger.directory.pairing import PairingAnswer, PairingOffer


def __getattr__(name: str) -> Any:
    """Load a name from its module."""
    if name in _HOMES:
        return getattr(import_module(f"careledger.directory.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'careledger.directory' has no attribute {name!r}")
