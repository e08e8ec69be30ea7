"""Whose directory it is, where its file lies, who can open it, and who acts: what the directory stands on."""

from __future__ import annotations

import builtins
import contextlib
import threading
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Self

from careledger.chain.signers import Signer
from careledger.directory import pairing
from careledger.directory.book import Book
from careledger.directory.sealed import Rows, SealedFile, opener_data, openers_of
from careledger.errors import InputError, NotFound
from careledger.privacy.openers import Opener, Recipient
from careledger.resources.base import address_of
from careledger.values import Address, PartyRef, from_hex, to_hex

if TYPE_CHECKING:
    from careledger.client import CareLedger

__all__ = ["Opened"]


class Opened:
    """A directory's file and keys.

    Args:
        care: The suite, as the organisation sees it.
        organisation: Whose directory; the signer's account when not given.
    """

    def __init__(self, care: CareLedger, organisation: PartyRef | None = None) -> None:
        self._care, self._given = care, organisation
        self._lock = threading.Lock()

    def of(self, organisation: PartyRef) -> Self:
        """Return the directory of an organisation that the signer acts for: its controller, or somebody at its desk."""
        return type(self)(self._care, organisation)

    @cached_property
    def organisation(self) -> PartyRef:
        """Whose directory it is.

        Raises:
            InputError: There is neither a signer nor an organisation.
        """
        if self._given is not None:
            return PartyRef("organisation", address_of(self._given))
        if self._care.signer is None:
            raise InputError(
                "it is not said whose directory is meant",
                why="Each organisation has its own, and this client has no signer.",
                fix="Connect with signer=..., or use care.directory.of(organisation).",
            )
        return PartyRef("organisation", Address(self._care.signer.address))

    # KEYS OF THE DIRECTORY

    def openers(self) -> builtins.list[Recipient]:
        """Return the keys that can open it."""
        with self._reading() as found:
            return [] if found is None else openers_of(found[0].head)

    def share(self, with_: PartyRef | Recipient) -> Recipient:
        """Let one more opener open it: another desk's, or the organisation's next one. Repeatable.

        Args:
            with_: A party with a published key, or a key.
        """
        key = with_ if isinstance(with_, Recipient) else self._care.participants.encryption_key(with_)
        with self._acting() as (rows, book):
            if key in openers_of(rows.head):
                return key
            others = [each for each in openers_of(rows.head) if each.key_hash != key.key_hash]
            rows.change_head(openers=[opener_data(each) for each in [*others, key]])
            book.note_key("shared", to_hex(key.key_hash))
        return key

    def unshare(self, key_hash: bytes | str) -> None:
        """Take an opener away, and seal everything anew. What it read or copied before is out of reach.

        Raises:
            NotFound: There is none of this hash.
            InputError: It is the last one.
        """
        wanted = from_hex(key_hash) if isinstance(key_hash, str) else key_hash
        with self._acting() as (rows, book):
            known = openers_of(rows.head)
            left = [each for each in known if each.key_hash != wanted]
            if len(left) == len(known):
                raise NotFound("the directory is not sealed for this key", fix="See care.directory.openers().")
            if not left:
                raise InputError("nobody could open the directory any more", fix="Share it with another key first.")
            rows.change_head(openers=[opener_data(each) for each in left])
            rows.renew()
            book.note_key("unshared", to_hex(wanted))

    def rotate(self) -> None:
        """Seal everything anew under a fresh data key, for the same openers."""
        with self._acting() as (rows, book):
            rows.renew()
            book.note_key("rotated")

    # INTERNAL

    @cached_property
    def _file(self) -> SealedFile:
        care, own = self._care, self.organisation.address
        scope = f"{care.connection.scope.replace(':', '-')}-{care.suite.directory[2:12].lower()}"
        path = care.home / "directory" / f"{scope}-{own[2:].lower()}.sqlite"
        belongs = {"chain": care.connection.scope, "suite": care.suite.directory, "organisation": own}
        return SealedFile(path, belongs)

    @property
    def _signer(self) -> Signer:
        if self._care.signer is None:
            raise InputError(
                "there is nobody to act", why="Every change is noted with who made it.", fix="Connect with signer=..."
            )
        return self._care.signer

    @property
    def _opener(self) -> Opener:
        if self._care.opener is None:
            raise InputError(
                "the directory is sealed, and there is nothing to open it with",
                why="This client has no opener.",
                fix="Connect with the organisation's opener (opener=...; a profile with --opener).",
            )
        return self._care.opener

    @contextlib.contextmanager
    def _reading(self) -> Iterator[tuple[Rows, Book] | None]:
        """Yield the rows and the map, or None where nothing was ever written."""
        opener = self._opener
        if not self._file.exists:
            yield None
            return
        with self._file.reading(opener) as rows:
            yield rows, Book(rows)

    @contextlib.contextmanager
    def _acting(self) -> Iterator[tuple[Rows, Book]]:
        """Yield rows and map to change; made with the first change."""
        opener, by = self._opener, Address(self._signer.address)
        with self._lock:
            if not self._file.exists:
                self._file.create(Recipient(opener.public_key, opener.suite))
            with self._file.acting(opener) as rows:
                yield rows, Book(rows, by=by, now=int(pairing.clock()))
