"""An organisation's own sealed map from outside identifiers to accounts, and how a wallet pairs with it."""

from careledger.directory.directory import Directory
from careledger.directory.entries import Change, Entry, EntryKind, IdentityCheck, OutsideId
from careledger.directory.pairing import PairingAnswer, PairingOffer

__all__ = [
    "Change", "Directory", "Entry", "EntryKind", "IdentityCheck", "OutsideId", "PairingAnswer", "PairingOffer",
]  # fmt: skip
