"""Recovery of lost keys: one ceremony gives all of a person's accounts back, and joins none of them on chain.

Before: ``invite``, ``answer``, ``accept``, ``guard``, ``keep_sheet``. After a loss: ``Ceremony``, ``sign``,
``carry_all``, ``openers``, ``settle``, ``remaining``. Against one that nobody wanted: ``unwanted``, ``objections``.
"""

from careledger.recovery.afterwards import Left, changed_since, objections, openers, remaining, settle, unwanted
from careledger.recovery.ceremony import Ceremony, Recovering
from careledger.recovery.finding import find_accounts
from careledger.recovery.guarding import Guarding, accept, answer, guard, invite, keep_sheet
from careledger.recovery.kits import Kit, Sheet, Ward
from careledger.recovery.papers import Answer, Invitation
from careledger.recovery.parcels import Parcel, carry, carry_all
from careledger.recovery.sitting import Approvals, Request, sign
from careledger.recovery.standing import Standing

__all__ = [
    "Answer",
    "Approvals",
    "Ceremony",
    "Guarding",
    "Invitation",
    "Kit",
    "Left",
    "Parcel",
    "Recovering",
    "Request",
    "Sheet",
    "Standing",
    "Ward",
    "accept",
    "answer",
    "carry",
    "carry_all",
    "changed_since",
    "find_accounts",
    "guard",
    "invite",
    "keep_sheet",
    "objections",
    "openers",
    "remaining",
    "settle",
    "sign",
    "unwanted",
]
