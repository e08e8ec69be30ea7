"""Notes: an organisation's small papers, each sealed with its own key under a name of 32 bytes.

What has to be shown one day, and to nobody before: the form behind a statement of will, which provisional account was
whose, a ward's day of majority.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from careledger.errors import InputError, NotFound
from careledger.privacy.documents import open_document, seal_document
from careledger.privacy.files import read_private, shred_file, write_private
from careledger.privacy.openers import Opener, Recipient
from careledger.values import bytes32

__all__ = ["Notes"]

KIND: Final = "note"


class Notes:
    """A folder of sealed notes. Names are hashes that say nothing; the content opens with the keeper's key only.

    Args:
        folder: Where they lie.
        opener: The keeper's key; None can neither write nor read.
    """

    def __init__(self, folder: Path, opener: Opener | None) -> None:
        self._folder, self._opener = folder, opener

    def put(self, name: str, data: bytes) -> None:
        """Keep a note, on disk before this returns; one of this name is replaced.

        Raises:
            InputError: There is no key to seal it with.
        """
        opener = self._key()
        sealed = seal_document(data, KIND, recipients=[Recipient(opener.public_key, opener.suite)])
        write_private(self._path(name), sealed.encode())

    def get(self, name: str) -> bytes:
        """Return a note.

        Raises:
            NotFound: There is none of this name.
            NotARecipient: It was sealed with another key.
            SealedDamaged: It was changed.
        """
        opener = self._key()
        try:
            text = read_private(self._path(name)).decode("utf-8", "replace")
        except NotFound:
            raise NotFound(
                f"there is no note {name[:10]}… here",
                why="It was kept by another party, in another data folder, or before there was a key to seal it with.",
                fix="Ask whoever acted then, or name the folder with home=….",
            ) from None
        return open_document(text, KIND, opener=opener)

    def remove(self, name: str) -> bool:
        """Overwrite and remove a note; returns whether it was there."""
        return shred_file(self._path(name))

    def __iter__(self) -> Iterator[str]:
        """Yield the names of all notes."""
        return iter(sorted(f"0x{path.stem}" for path in self._folder.glob("*.note")))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._path(name).is_file()

    def _key(self) -> Opener:
        if self._opener is None:
            raise InputError(
                "there is no key to seal and open papers with",
                why="What stands behind an act for somebody else is kept sealed, so that it can be shown later.",
                fix="Connect with opener=…, or give the profile an opener.",
            )
        return self._opener

    def _path(self, name: str) -> Path:
        return self._folder / f"{bytes32(name)[2:]}.note"
