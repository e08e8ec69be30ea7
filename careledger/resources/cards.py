"""Claim cards: what a patient without a key is given on paper, and takes the account over with, years later perhaps.

Twelve words, and nothing else is needed: the claim key and the account's salt follow from them, and whose account it is
follows from the chain. Whoever opens an account keeps no copy of its card.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from careledger.chain.signers import Signer
from careledger.errors import FormatError, InputError, KeyMaterialError
from careledger.privacy.documents import seal_document
from careledger.privacy.openers import Recipient
from careledger.privacy.pseudonyms import Wallet, new_mnemonic
from careledger.redact import Secret
from careledger.values import Address, address, checksum, keccak

__all__ = ["ClaimCard"]

CLAIM_PATH: Final = "m/44'/60'/0'/0/0"
"""Where any wallet that takes the words finds the claim key."""
KIND: Final = "claim-card"
_FORMAT: Final = "careledger-claim-card-v1"
_SALT: Final = b"careledger.claim-card.v1"


@dataclass(frozen=True)
class ClaimCard:
    """Twelve words that take one held account over: as good as the account itself, so printed and kept nowhere else.

    Example:
        >>> card = ClaimCard.new(chain_id=31337, suite="0x" + "11" * 20)
        >>> ClaimCard.read(card.text).claim_key == card.claim_key
        True
    """

    words: Secret = field(repr=False)
    """The mnemonic (BIP-39), UTF-8."""
    chain_id: int
    suite: Address
    """The ``SuiteDirectory``."""

    @classmethod
    def new(cls, *, chain_id: int, suite: str) -> ClaimCard:
        """Make a card with fresh words."""
        return cls(new_mnemonic(words=12), chain_id, checksum(suite))

    @property
    def signer(self) -> Signer:
        """The claim key: it can sign one claim, and has no other power."""
        return Signer.from_key(Wallet.from_mnemonic(self.words).key_at(CLAIM_PATH))

    @property
    def claim_key(self) -> Address:
        """The claim key's address, which the account is opened for."""
        return self.signer.address

    @property
    def salt(self) -> bytes:
        """The salt of the account's terms, so that the words alone lead to the account; 32 bytes."""
        return keccak(_SALT + Wallet.from_mnemonic(self.words).seed.reveal())

    @property
    def text(self) -> Secret:
        """One line for a QR code: format, chain, suite, words."""
        line = f"{_FORMAT} {self.chain_id} {self.suite} {self.words.reveal().decode()}"
        return Secret(line.encode(), "claim card")

    @property
    def letter(self) -> Secret:
        """The card as it is printed for a person: what it is for, and the words by number."""
        words = self.words.reveal().decode().split()
        rows = [
            "   ".join(f"{at + row + 1:>2} {words[at + row]:<9}" for at in range(0, 12, 4)).rstrip() for row in range(4)
        ]
        lines = (
            "CLAIM CARD", "", "These twelve words take over the account that is held for you. Whoever has them can.",
            "Keep them like a key, unopened if you like: nobody else has a copy.", "", *rows, "",
            f"Chain {self.chain_id}, suite {self.suite}", "careledger participants held claim", "",
        )  # fmt: skip
        return Secret("\n".join(lines).encode(), "claim card")

    def sealed_to(self, printer: Recipient) -> str:
        """Return the card sealed for whoever prints it, so that nobody between reads it."""
        return seal_document(self.text.reveal(), KIND, recipients=[printer])

    @classmethod
    def read(cls, text: Secret) -> ClaimCard:
        """Read what ``text`` gave, as a QR code or file holds it.

        Raises:
            FormatError: It is not a card; nothing of it is in the message.
            KeyMaterialError: A word is mistyped.
        """
        card = cls._parse(text)
        if card is None:
            raise FormatError(
                "this is not a claim card", why=f"A card is one line that begins with {_FORMAT}.",
                fix="Scan it again, or type its twelve words.",
            )  # fmt: skip
        return cls.of(card.words, chain_id=card.chain_id, suite=card.suite)

    @classmethod
    def of(cls, words: Secret, *, chain_id: int, suite: str) -> ClaimCard:
        """Make a card of words that were typed.

        Raises:
            KeyMaterialError: They are not the twelve words of a card; they are not in the message.
        """
        if len(words.reveal().split()) != 12:
            raise KeyMaterialError("a claim card has twelve words", fix="Type all of them, in order.")
        Wallet.from_mnemonic(words)
        return cls(Secret(b" ".join(words.reveal().lower().split()), "mnemonic"), chain_id, checksum(suite))

    @classmethod
    def _parse(cls, text: Secret) -> ClaimCard | None:
        """Return the parts or None; nothing is raised with the words in reach of a traceback."""
        parts = text.reveal().split()
        try:
            if len(parts) == 15 and parts[0].decode() == _FORMAT:
                suite = address(parts[2].decode(), confirm_unchecked=True)
                return cls(Secret(b" ".join(parts[3:]), "mnemonic"), int(parts[1]), suite)
        except (ValueError, UnicodeDecodeError, InputError):
            pass
        return None
