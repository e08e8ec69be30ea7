"""Pseudonyms: from one mnemonic, an account for each relation that must not be joined with another.

One account per custodian for consent, one per insurer and plan year for coverage, one per encounter, one for each
person somebody is guardian of. Accounts follow BIP-32 from ``m/44'/60'/s1'/.../s8'``, where the eight hardened indices
are the first 248 bits of keccak256 over the scope: nobody who sees two addresses can tell that they share a mnemonic,
and nobody who learns one private key learns another. Openers' seeds come from a branch of their own
(``m/1129071940'/...``), so that handing one to a device does not hand over the account.

Scopes name public things (a custodian's address, a plan year, a number), so all accounts come back from the mnemonic.
"""

from __future__ import annotations

import enum
import functools
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from eth_abi.abi import encode
from eth_account import Account
from eth_account.hdaccount.deterministic import HDPath
from eth_account.hdaccount.mnemonic import VALID_WORD_COUNTS, Mnemonic
from eth_account.types import Language
from eth_hash.auto import keccak
from eth_utils.address import is_address, to_canonical_address, to_checksum_address
from eth_utils.exceptions import ValidationError

from careledger.errors import FormatError, InputError, KeyMaterialError
from careledger.privacy.openers import DEFAULT_SUITE, SeedOpener, Suite, from_seed
from careledger.redact import Secret

if TYPE_CHECKING:
    from careledger.client import CareLedger
    from careledger.directory.pairing import PairingAnswer, PairingOffer
    from careledger.values import PartyRef

ACCOUNT_BRANCH: Final = "m/44'/60'"
"""BIP-44: Ethereum."""
OPENER_BRANCH: Final = "m/1129071940'"
"""0x434c4544, ``CLED`` in ASCII: a purpose of BIP-43 that is not an account's."""
SCOPE_INDICES: Final = 8
"""Hardened indices of 31 bits each: 248 bits of the scope's hash, so that scopes do not collide."""

_DOMAIN: Final = "careledger.scope.v1"


class ScopeKind(enum.StrEnum):
    """What an account is for. The word is hashed into the path: it never changes."""

    CUSTODIAN = "custodian"
    """Consent towards one custodian."""
    COVERAGE = "coverage"
    """One insurer and plan year."""
    ENCOUNTER = "encounter"
    """One encounter, used nowhere else."""
    GUARDIAN_OF = "guardian-of"
    """Acting for one other person."""
    PRACTICE = "practice"
    """One's own professional or organisational account, by number."""
    SUCCESSOR = "successor"
    """Controlling one subject whose first key is lost, or never was: after a recovery or a claim."""
    BOOK = "book"
    """Sealing one's own papers. No account on chain."""


@dataclass(frozen=True)
class Scope:
    """Which relation an account belongs to. Not shown in full by ``repr``: with whom someone deals is personal."""

    kind: ScopeKind
    """What the account is for."""
    party: bytes = field(repr=False)
    """Address of the other party, 20 bytes; zeros where there is none."""
    number: int = field(repr=False, default=0)
    """Plan year, count of encounters with this party, or which of several accounts; below 2^64."""

    def __post_init__(self) -> None:
        if len(self.party) != 20 or not 0 <= self.number < 1 << 64:
            raise InputError("a scope has an address and a number below 2^64", fix="Use Scope.custodian() and so on.")

    @classmethod
    def custodian(cls, address: str, *, number: int = 0) -> Scope:
        """Return the scope of consent towards a custodian; another number gives a fresh, unjoined account."""
        return cls(ScopeKind.CUSTODIAN, _address(address), number)

    @classmethod
    def coverage(cls, insurer: str, *, plan_year: int) -> Scope:
        """Return the scope of an insurer and a plan year, for instance 2026."""
        return cls(ScopeKind.COVERAGE, _address(insurer), plan_year)

    @classmethod
    def encounter(cls, provider: str, *, number: int) -> Scope:
        """Return the scope of one encounter: the how-manieth with this provider, counted by the wallet from 0."""
        return cls(ScopeKind.ENCOUNTER, _address(provider), number)

    @classmethod
    def guardian_of(cls, subject: str) -> Scope:
        """Return the scope of acting as guardian of a subject."""
        return cls(ScopeKind.GUARDIAN_OF, _address(subject))

    @classmethod
    def practice(cls, number: int = 0) -> Scope:
        """Return the scope of one's own professional account."""
        return cls(ScopeKind.PRACTICE, bytes(20), number)

    @classmethod
    def successor(cls, subject: str, *, number: int = 0) -> Scope:
        """Return the scope of controlling a subject after a recovery or a claim; the subject alone leads to it.

        Args:
            subject: The account that was lost or held.
            number: Counted up where one wallet takes the same subject over again.
        """
        return cls(ScopeKind.SUCCESSOR, _address(subject), number)

    @classmethod
    def book(cls) -> Scope:
        """Return the scope of one's own papers."""
        return cls(ScopeKind.BOOK, bytes(20))

    def to_json(self) -> dict[str, Any]:
        """Return kind, party and number. With whom somebody deals is personal: keep it sealed."""
        return {"kind": self.kind.value, "party": str(to_checksum_address(self.party)), "number": self.number}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Scope:
        """Read what ``to_json`` wrote.

        Raises:
            FormatError: It is something else.
        """
        try:
            number = data["number"]
            if type(number) is int:
                return cls(ScopeKind(data["kind"]), _address(data["party"]), number)
        except (KeyError, TypeError, ValueError, InputError):
            pass
        raise FormatError("this is not a scope", fix="Use what to_json() gave, unchanged.")

    @property
    def digest(self) -> bytes:
        """keccak256 over domain, kind, party and number; 32 bytes."""
        kinds = ["bytes32", "string", "address", "uint64"]
        return bytes(keccak(encode(kinds, [keccak(_DOMAIN.encode()), self.kind.value, self.party, self.number])))

    @property
    def indices(self) -> tuple[int, ...]:
        """The eight indices, 31 bits each, from the digest's first bit on."""
        bits = int.from_bytes(self.digest, "big")
        return tuple((bits >> (256 - 31 * (i + 1))) & 0x7FFFFFFF for i in range(SCOPE_INDICES))

    def path(self, branch: str = ACCOUNT_BRANCH) -> str:
        """Return the BIP-32 path under a branch, every index hardened."""
        return branch + "".join(f"/{index}'" for index in self.indices)


@dataclass(frozen=True)
class PseudonymAccount:
    """One account: an address and the key that signs for it. Serves wherever a ``Signer`` is asked for."""

    address: str
    """The checksummed address."""
    key: Secret = field(repr=False)
    """The private key, 32 bytes."""

    def sign_hash(self, digest: bytes) -> bytes:
        """Return the signature of a 32-byte digest: r, s, v, 65 bytes."""
        return bytes(Account.unsafe_sign_hash(digest, self.key.reveal()).signature)

    def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        """Return a signed transaction, ready to be sent; every field is given."""
        return bytes(Account.sign_transaction(dict(transaction), self.key.reveal()).raw_transaction)

    def sign_typed(self, data: Mapping[str, Any]) -> bytes:
        """Return the signature of EIP-712 data (types, domain, primaryType, message), 65 bytes."""
        return bytes(Account.sign_typed_data(self.key.reveal(), full_message=dict(data)).signature)


@dataclass(frozen=True)
class KnownAccount:
    """An account a wallet controls: what the ledger calls it, and which of the wallet's keys signs for it.

    Both are the same address until the account is recovered, claimed or handed over.
    """

    scope: Scope = field(repr=False)
    """Leads to the key."""
    subject: str = field(repr=False)
    """The account's first address, checksummed, under which the ledger keeps everything."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "subject", str(to_checksum_address(_address(self.subject))))

    def to_json(self) -> dict[str, Any]:
        """Return scope and subject: keep it sealed."""
        return {"scope": self.scope.to_json(), "subject": self.subject}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> KnownAccount:
        """Read what ``to_json`` wrote.

        Raises:
            FormatError: It is something else.
        """
        try:
            return cls(Scope.from_json(data["scope"]), data["subject"])
        except (KeyError, TypeError, InputError):
            raise FormatError("this is not an account of a wallet", fix="Use what to_json() gave, unchanged.") from None


class Wallet:
    """All of a person's pseudonyms, from one seed. Make it with :meth:`from_mnemonic` or :meth:`create`.

    Example:
        >>> wallet, phrase = Wallet.create()
        >>> clinic, insurer = "0x" + "11" * 20, "0x" + "22" * 20
        >>> here = wallet.account(Scope.custodian(clinic)).address
        >>> here == wallet.account(Scope.coverage(insurer, plan_year=2026)).address
        False
        >>> here == Wallet.from_mnemonic(phrase).account(Scope.custodian(clinic)).address
        True
    """

    def __init__(self, seed: Secret) -> None:
        if not 16 <= len(seed) <= 64:
            raise KeyMaterialError("a wallet seed has 16 to 64 bytes", fix="Make the wallet from its mnemonic.")
        self._seed = seed

    @classmethod
    def create(cls, *, words: int = 24, language: str = "english") -> tuple[Wallet, Secret]:
        """Make a new wallet, and return it with its mnemonic, to be written down and shown to nobody.

        Args:
            words: 12, 15, 18, 21 or 24.
            language: See :func:`languages`.
        """
        phrase = new_mnemonic(words=words, language=language)
        return cls.from_mnemonic(phrase), phrase

    @classmethod
    def from_mnemonic(cls, phrase: Secret, *, passphrase: Secret | None = None) -> Wallet:
        """Return the wallet of a mnemonic.

        Args:
            phrase: 12 to 24 words of one language, UTF-8; spaces and letters' case are forgiven.
            passphrase: BIP-39's extra word; another one gives another wallet, without complaint.

        Raises:
            KeyMaterialError: A word is unknown, or the checksum is wrong; the words are not in the message.
        """
        return cls(mnemonic_seed(phrase, passphrase=passphrase))

    @property
    def seed(self) -> Secret:
        """What everything follows from, 16 to 64 bytes: for a backup, and for nothing else."""
        return self._seed

    def account(self, scope: Scope) -> PseudonymAccount:
        """Return the account of a scope; the same scope always gives the same one."""
        key = self.key_at(scope.path())
        return PseudonymAccount(str(Account.from_key(key.reveal()).address), key)

    def known(self, scope: Scope) -> KnownAccount:
        """Return the account of a scope as it is while its first key controls it."""
        return KnownAccount(scope, self.account(scope).address)

    def opener(self, scope: Scope, *, suite: Suite = DEFAULT_SUITE, epoch: int = 0) -> SeedOpener:
        """Return the opener of a scope; another epoch gives another key, for rotation."""
        info = b"careledger/opener/v1" + suite.to_bytes(2, "big") + epoch.to_bytes(4, "big")
        kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=info)
        seed = Secret(kdf.derive(self.key_at(scope.path(OPENER_BRANCH)).reveal()), "opener seed")
        return from_seed(seed, suite=suite)

    def answer(
        self, offer: PairingOffer | str, *, care: CareLedger | None = None, chain_id: int | None = None,
        suite: str | None = None, accredited: bool = True, subject: PartyRef | KnownAccount | None = None,
        number: int = 0, epoch: int = 0, encryption: Suite = DEFAULT_SUITE,
    ) -> PairingAnswer:  # fmt: skip
        """Answer an organisation's pairing code with the account of that relation, once it is known who asks.

        Args:
            offer: The offer or its text, as scanned.
            care: A suite to ask who controls the organisation and who accredited it.
            chain_id: Without ``care``: the chain the wallet is for.
            suite: Without ``care``: the suite's directory the wallet is for.
            accredited: With ``care``, answer only an organisation with a credential in force.
            subject: An older account that another key of the wallet controls: after a recovery or a claim. As a
                ``WalletBook`` has it, it says which key; else the chain does (``care``), or the relation's own signs.
            number: Another number gives a fresh account that cannot be joined with the others.
            epoch: Of the opener: another one gives another key.
            encryption: HPKE suite of the opener; X25519 gives a code a fifth as large, without post-quantum safety.

        Raises:
            FormatError: The text is no offer.
            WrongChain: It is for another suite or chain.
            InputError: It is over, not signed by the organisation, or nobody vouches for the organisation; or no key of
                the wallet controls the subject.
        """
        from careledger.directory import wallet  # pairing needs the layers above this one

        return wallet.answer(
            self, offer, care=care, chain_id=chain_id, suite=suite, accredited=accredited, subject=subject,
            number=number, epoch=epoch, encryption=encryption,
        )  # fmt: skip

    def key_at(self, path: str) -> Secret:
        """Return the private key at a BIP-32 path, for accounts made elsewhere (``m/44'/60'/0'/0/0``).

        Raises:
            KeyMaterialError: It is not a path.
        """
        try:
            return Secret(HDPath(path).derive(self._seed.reveal()), "private key")
        except ValidationError:
            raise KeyMaterialError(
                f"{path!r} is not a derivation path", fix="Write it like m/44'/60'/0'/0/0."
            ) from None

    def __repr__(self) -> str:
        return "<wallet>"

    def __reduce__(self) -> str:
        raise TypeError("a wallet is not pickled")


def languages() -> list[str]:
    """Return the languages whose word lists are known."""
    return Mnemonic.list_languages()


def new_mnemonic(*, words: int = 24, language: str = "english") -> Secret:
    """Return a fresh BIP-39 mnemonic.

    Args:
        words: 12, 15, 18, 21 or 24; 24 words hold 256 bits.
        language: See :func:`languages`.
    """
    if words not in VALID_WORD_COUNTS or language not in languages():
        raise InputError(
            f"there is no mnemonic of {words} words in {language!r}",
            fix=f"Take {', '.join(map(str, VALID_WORD_COUNTS))} words in one of: {', '.join(languages())}.",
        )
    return Secret(_list_of(language).generate(words).encode(), "mnemonic")


def mnemonic_of(entropy: Secret, *, language: str = "english") -> Secret:
    """Return the mnemonic that stands for these random bytes (16 to 32, a multiple of 4)."""
    if len(entropy) not in (16, 20, 24, 28, 32) or language not in languages():
        raise InputError("entropy has 16, 20, 24, 28 or 32 bytes", fix="Take new_mnemonic().")
    return Secret(_list_of(language).to_mnemonic(entropy.reveal()).encode(), "mnemonic")


def mnemonic_seed(phrase: Secret, *, passphrase: Secret | None = None) -> Secret:
    """Return BIP-39's 64-byte seed of a mnemonic, after checking words and checksum.

    Raises:
        KeyMaterialError: Unknown words, wrong count or wrong checksum. The words are never in the message.
    """
    seed = _checked_seed(phrase, passphrase)
    if seed is None:
        raise KeyMaterialError(
            "this is not a mnemonic",
            why="Its words are not all of one list, or their checksum is wrong: a word is mistyped or out of order.",
            fix="Compare each word with what was written down.",
        )
    return seed


def _checked_seed(phrase: Secret, passphrase: Secret | None) -> Secret | None:
    """Return the seed or None; nothing is raised with the words in reach of a traceback."""
    try:
        text = " ".join(unicodedata.normalize("NFKD", phrase.reveal().decode()).lower().split())
        extra = passphrase.reveal().decode() if passphrase else ""
    except UnicodeDecodeError:
        return None
    # A phrase may lie in two lists (the Chinese ones share words); the seed does not depend on which.
    if not any(_list_of(name).is_mnemonic_valid(text) for name in languages()):
        return None
    return Secret(Mnemonic.to_seed(text, extra), "seed")


@functools.cache
def _list_of(language: str) -> Mnemonic:
    return Mnemonic(Language(language))


def _address(address: str) -> bytes:
    if not is_address(address):
        raise InputError("the other party of a scope is not an address", fix="Give 20 bytes in hex.")
    return bytes(to_canonical_address(address))
