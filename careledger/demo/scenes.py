"""What every scene of the demo uses: who plays, who is told, and acts that recur."""

from __future__ import annotations

from typing import Any, TypeVar

from careledger.client import CareLedger
from careledger.codes import Reason, Role
from careledger.demo.cast import SWITZERLAND, Cast, Player
from careledger.demo.story import Story
from careledger.values import Prepared, Receipt

__all__ = ["Scenes", "article", "sent", "words"]

T = TypeVar("T")


class Scenes:
    """Some scenes of a journey, in order; each uses what the one before left."""

    def __init__(self, care: CareLedger, story: Story, cast: Cast) -> None:
        self.care, self.story, self.cast = care, story, cast

    def _admit(self, role: Role) -> Receipt[Any]:
        cast = self.cast
        return sent(
            cast.governor.care.participants.admit_accreditor(cast.board.party, role=role, jurisdiction=SWITZERLAND)
        )

    def _accredit(self, who: Player, role: Role) -> Receipt[Any]:
        cast = self.cast
        offer = cast.board.care.participants.offer_credential(
            who.party, issuer=cast.board.party, role=role, jurisdiction=SWITZERLAND, evidence=b"register extract"
        )
        return sent(
            cast.relayer.care.participants.issue_credential(
                offer, issuer=offer.signed_by(cast.board.signer), subject=offer.signed_by(who.signer)
            )
        )

    def _publish(self, who: Player) -> Receipt[Any]:
        assert who.opener is not None  # noqa: S101 - the cast gives these players one
        return sent(who.care.participants.publish_key(who.opener, subject=who.party))


def sent(receipt: Receipt[T] | Prepared) -> Receipt[T]:
    """Return a receipt as one; the demo never asks for a dry run."""
    if not isinstance(receipt, Receipt):
        raise TypeError("a dry run is no receipt")
    return receipt


def words(code: object) -> str:
    """Return a reason as words."""
    return code.name.lower().replace("_", " ") if isinstance(code, Reason) else str(code)


def article(noun: str) -> str:
    """Return a noun with its article."""
    return f"an {noun}" if noun[:1] in "AEIOU" else f"a {noun}"
