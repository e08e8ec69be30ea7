"""Envelopes: a document sealed to one key and bound to what it answers, so that any transport may carry it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from careledger.errors import FormatError, NotARecipient, SealedDamaged
from careledger.privacy.encoding import from_base64url, to_base64url
from careledger.privacy.openers import Opener, Recipient, Suite
from careledger.privacy.sealing import KEY_BYTES, new_key, open_, seal
from careledger.privacy.wraps import Wrap

__all__ = ["Envelope"]

_LABEL: Final = b"careledger/envelope/v1"


@dataclass(frozen=True)
class Envelope:
    """A document for one reader: a fresh key wrapped with HPKE, and the document under it in the format of records.

    Its size is padded as a record's is, and its ``repr`` shows for whom it is only.
    """

    wrap: Wrap
    sealed: bytes = field(repr=False)

    @classmethod
    def seal(cls, data: bytes, recipient: Recipient, *, about: bytes) -> Envelope:
        """Seal a document.

        Args:
            data: The document.
            recipient: Who can open it.
            about: What it is bound to, such as the digest of the request it answers; needed again for opening.

        Raises:
            KeyMaterialError: The public key is not usable.
        """
        key, out = new_key(), io.BytesIO()
        seal(io.BytesIO(data), out, key, _LABEL + about)
        info = _info(recipient.suite, recipient.epoch, recipient.key_hash, about)
        wrap = Wrap(recipient.suite, recipient.key_hash, recipient.epoch, recipient.wrap(key, info))
        return cls(wrap, out.getvalue())

    def open(self, opener: Opener, *, about: bytes) -> bytes:
        """Return the document.

        Raises:
            NotARecipient: It is sealed to another key.
            SealedDamaged: It was changed, or is bound to something else.
        """
        if self.wrap.key_hash != opener.key_hash or self.wrap.suite != opener.suite:
            raise NotARecipient(
                "this document is sealed to another key",
                why=f"It is for key 0x{self.wrap.key_hash.hex()[:8]}…, and this one is 0x{opener.key_hash.hex()[:8]}….",
                fix="Open it with the key that the request named.",
            )
        info = _info(self.wrap.suite, self.wrap.epoch, self.wrap.key_hash, about)
        key = opener.unwrap(self.wrap.sealed, info)
        if len(key) != KEY_BYTES:
            raise SealedDamaged("the envelope opens to something that is not a key", fix="Ask for it again.")
        plain = io.BytesIO()
        open_(io.BytesIO(self.sealed), plain, key, _LABEL + about)
        return plain.getvalue()

    def to_json(self) -> dict[str, Any]:
        """Return the envelope as JSON data."""
        return {"wrap": self.wrap.to_data(), "sealed": to_base64url(self.sealed)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Envelope:
        """Read what ``to_json`` wrote.

        Raises:
            FormatError: It is something else.
        """
        try:
            return cls(Wrap.from_data(data["wrap"]), from_base64url(data["sealed"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise FormatError("this is no sealed envelope, or it was cut", fix="Fetch it again, unchanged.") from None


def _info(suite: Suite, epoch: int, key_hash: bytes, about: bytes) -> bytes:
    return _LABEL + int(suite).to_bytes(2, "big") + epoch.to_bytes(4, "big") + key_hash + about
