"""A custodian of sealed records: answers signed requests, logs and anchors each answer, proves it, and accounts for it.

>>> from careledger import CareLedger, Custodian
>>> custodian = Custodian(care, hospital, receipts=desk)  # doctest: +SKIP
>>> answer = custodian.answer(request)  # doctest: +SKIP
>>> custodian.anchor()  # doctest: +SKIP
"""

from __future__ import annotations

from careledger.custodian.accounts import Accounts
from careledger.custodian.anchoring import Omission

__all__ = ["Custodian", "Omission"]


class Custodian(Accounts):
    """Whoever holds sealed records, as its own program: one object for one log.

    Safe to use from several threads and processes on one folder. Entries are answered with ``answer``, anchored with
    ``anchor`` before ``due`` runs out; doubts are met with ``prove``, reported omissions with ``answer_omissions``, a
    patient's request with ``accounting``.

    Args:
        care: The suite as the program sees it: its signer anchors, its opener reads what is answered, its home keeps
            the book.
        custodian: Whose log it is; whom ``care`` signs for.
        receipts: Who signs access receipts; the client's signer when not given. An account of its own keeps the
            custodian's key out of the daily work; ``records.name_receipt_key`` names it on the chain.
        begin_anew: The former book is lost for good: begin one behind the last entry that was anchored.

    Example:
        >>> custodian = Custodian(care, hospital, receipts=desk)  # doctest: +SKIP
        >>> answer = custodian.answer(request)  # doctest: +SKIP
    """
