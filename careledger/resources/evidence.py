"""Evidence: what stands behind a statement made for somebody else, kept so that it can be shown later."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from careledger.errors import FormatError, NotFound
from careledger.privacy.commitments import commit, new_salt
from careledger.privacy.documents import open_document, seal_document
from careledger.privacy.encoding import from_base64url, to_base64url
from careledger.privacy.files import private_folder, write_private
from careledger.privacy.notes import Notes
from careledger.privacy.openers import Opener, Recipient
from careledger.redact import Secret
from careledger.text import read_json
from careledger.values import Bytes32, bytes32, to_hex

__all__ = ["Evidence", "EvidenceShelf"]

DOMAIN: Final = "careledger.evidence.v1"
KIND: Final = "evidence"


@dataclass(frozen=True)
class Evidence:
    """A form, recording or order with the salt of its commitment: opens one commitment on chain, and shows itself."""

    content: bytes = field(repr=False)
    salt: Secret = field(repr=False)
    """32 bytes, of this commitment only."""

    @classmethod
    def of(cls, content: bytes) -> Evidence:
        """Commit to a piece of evidence under a fresh salt."""
        return cls(content, new_salt())

    @property
    def commitment(self) -> Bytes32:
        """What goes on chain: keccak256(abi.encode(keccak256("careledger.evidence.v1"), salt, content))."""
        return bytes32(to_hex(commit(DOMAIN, self.salt, ("bytes", self.content))))

    def opens(self, commitment: str) -> bool:
        """Whether this is what was committed to."""
        return self.commitment == commitment.lower()

    def sealed_to(self, auditor: Recipient) -> str:
        """Return the evidence sealed for somebody who may see it, with the salt that proves it."""
        return seal_document(self._text(), KIND, recipients=[auditor])

    @classmethod
    def unsealed(cls, text: str, opener: Opener) -> Evidence:
        """Open what ``sealed_to`` gave; compare it with the chain by ``opens``.

        Raises:
            FormatError: It is no sealed evidence.
            NotARecipient: It was sealed for another key.
            SealedDamaged: It was changed.
        """
        return cls._of(open_document(text, KIND, opener=opener))

    def _text(self) -> bytes:
        fields = {"content": to_base64url(self.content), "salt": to_base64url(self.salt.reveal())}
        return json.dumps(fields, sort_keys=True).encode()

    @classmethod
    def _of(cls, text: bytes) -> Evidence:
        try:
            fields = read_json(text)
            return cls(from_base64url(fields["content"]), Secret(from_base64url(fields["salt"]), "salt"))
        except (ValueError, KeyError, TypeError):
            raise FormatError("this holds no evidence", fix="Use what was sealed as such.") from None


class EvidenceShelf:
    """The evidence that one party keeps: sealed with its key, or the salt alone where it has none.

    Args:
        folder: Where it lies.
        opener: The keeper's key.
    """

    def __init__(self, folder: Path, opener: Opener | None) -> None:
        self._folder, self._opener = folder, opener
        self._notes = Notes(folder, opener)

    def keep(self, evidence: Evidence) -> None:
        """Keep a piece of evidence, on disk before this returns.

        Without a key only the salt is kept, readable by its owner: the content is then for the caller to keep.
        """
        name = evidence.commitment
        if self._opener is not None:
            self._notes.put(name, evidence._text())
            return
        private_folder(self._folder)
        write_private(self._folder / name[2:], evidence.salt.reveal())

    def get(self, commitment: str) -> Evidence:
        """Return the evidence behind a commitment.

        Raises:
            NotFound: It is not kept here, or its salt alone is.
            NotARecipient: It was sealed with another key.
        """
        name = bytes32(commitment)
        if name not in self._notes and (self._folder / name[2:]).is_file():
            raise NotFound(
                f"of evidence {name[:10]}… only the salt is kept here",
                why="There was no key to seal the rest with when it was committed to.",
                fix="Take the content from where it was kept; the salt is in the evidence folder.",
            )
        return Evidence._of(self._notes.get(name))
