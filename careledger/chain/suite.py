"""The suite behind one address: which contracts a deployment consists of, and whether their code is ours.

A ``SuiteDirectory`` names every contract with its code hash and creation block. The package knows the code of its own
release, so it can say "release 0.1.0, unmodified", or name what differs, before the first call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from careledger.chain.abi import Artifact, artifacts
from careledger.chain.connection import Connection
from careledger.errors import NotFound, SuiteError, SuiteModified
from careledger.values import Address, Bytes32, address, bytes32, checksum, from_hex, keccak, to_hex

__all__ = ["Listing", "Suite"]

DIRECTORY = "SuiteDirectory"
REQUIRED = ("ParticipantRegistry", "GuardianRegistry", "EmergencyRegistry", "ConsentRegistry", "RecordRegistry")
"""What a suite of this release has at least."""


@dataclass(frozen=True)
class Listing:
    """One contract of the suite, as the directory lists it."""

    name: str
    address: Address
    code_hash: Bytes32
    """keccak256 of the code when it was listed, read by the directory itself."""
    created_at: int
    """Block at or before which it was created."""
    retired_at: int
    """Block from which it takes no new entries; 0 = none."""
    successor: int
    """Listing number of its successor + 1; 0 = none."""
    unmodified: bool
    """Whether the code on chain now is the one this package was built with."""

    def to_json(self) -> dict[str, Any]:
        """Return every field."""
        return dict(vars(self))


@dataclass(frozen=True)
class Suite:
    """A deployment: name, release, and its contracts."""

    directory: Address
    chain_id: int
    name: str
    release: str
    listings: tuple[Listing, ...]

    @classmethod
    def read(cls, connection: Connection, directory: str) -> Suite:
        """Read a suite from the chain, code included.

        Args:
            connection: The chain.
            directory: Address of the ``SuiteDirectory``.

        Raises:
            SuiteError: There is no suite at this address on this chain.
        """
        at = address(directory, confirm_unchecked=True)
        if not connection.code(at):
            raise SuiteError(
                f"there is no contract at {at} on chain {connection.chain_id}",
                why="A suite is found through the address of its directory, which is another on each chain.",
                fix="Check the suite's address and the network.",
            )
        artifact = artifacts().load(DIRECTORY)
        name = _word(connection.read(artifact, at, "suiteName"))
        release = _word(connection.read(artifact, at, "release"))
        count = int(connection.read(artifact, at, "count"))
        entries = [connection.read(artifact, at, "listingAt", number) for number in range(count)]
        known = frozenset({at, *(checksum(entry["at"]) for entry in entries)})
        found = [_listing(connection, entry, known) for entry in entries]
        return cls(at, connection.chain_id, name, release, tuple(found))

    def __getitem__(self, name: str) -> Listing:
        """Return the newest contract of a name.

        Raises:
            NotFound: The suite lists none.
        """
        for listing in reversed(self.listings):
            if listing.name == name:
                return listing
        raise NotFound(
            f"suite {self.directory} lists no {name}",
            why=f"It has {', '.join(sorted({item.name for item in self.listings})) or 'no contracts'}.",
            fix="Use a suite of this release, or a newer package.",
        )

    def __contains__(self, name: object) -> bool:
        return any(listing.name == name for listing in self.listings)

    @property
    def modified(self) -> tuple[str, ...]:
        """Names of the contracts whose code is not this package's."""
        return tuple(listing.name for listing in self.listings if not listing.unmodified)

    @property
    def unmodified(self) -> bool:
        """Whether every contract has the code this package was built with."""
        return not self.modified

    @property
    def first_block(self) -> int:
        """The earliest block that can hold an event of the suite."""
        return min((listing.created_at for listing in self.listings), default=0)

    def require(self, *, accept_modified: bool = False) -> None:
        """Refuse a suite that lacks a contract or has other code.

        Raises:
            SuiteModified: Code differs, and that was not accepted.
            NotFound: A contract is missing.
        """
        for name in REQUIRED:
            self[name]
        if self.modified and not accept_modified:
            raise SuiteModified(
                f"{', '.join(self.modified)} of suite {self.directory} differ from release {self.release}",
                why="The code on chain is not the code this package was built with, so it may do something else.",
                fix="Use the package of that release, or accept modified code on purpose (accept_modified=True).",
            )

    def to_json(self) -> dict[str, Any]:
        """Return every field."""
        return {
            "directory": self.directory, "chainId": self.chain_id, "name": self.name, "release": self.release,
            "unmodified": self.unmodified, "contracts": [item.to_json() for item in self.listings],
        }  # fmt: skip


def _listing(connection: Connection, entry: Mapping[str, Any], known: frozenset[str]) -> Listing:
    at, data = Address(checksum(entry["at"])), entry["listing"]
    name = _word(data["name"])
    code = connection.code(at)
    same = keccak(code) == from_hex(data["codeHash"]) and _is_ours(connection, name, at, code, known)
    return Listing(
        name, at, bytes32(data["codeHash"]), int(data["createdAtBlock"]), int(data["retiredAtBlock"]),
        int(data["successor"]), same,
    )  # fmt: skip


def _is_ours(connection: Connection, name: str, at: Address, code: bytes, known: frozenset[str]) -> bool:
    """Whether code is this package's, and relies on contracts of this suite only.

    Genuine code with another forwarder, registry or manager behind it would do as those say.
    """
    try:
        artifact = artifacts().load(name)
    except NotFound:
        return False
    if masked(artifact, code) != masked(artifact, artifact.deployed_bytecode):
        return False
    if not _addresses_in(artifact, code) <= known:
        return False
    if "authority" not in artifact.functions:
        return True
    return checksum(connection.read(artifact, at, "authority")) in known


def _addresses_in(artifact: Artifact, code: bytes) -> frozenset[str]:
    """Return the addresses among the immutables of deployed code: words of 20 bytes whose upper half is not zero."""
    found = set()
    for start, length in _places(artifact):
        word = code[start : start + length]
        if not any(word[:12]) and any(word[12:20]):
            found.add(checksum("0x" + word[12:].hex()))
    return frozenset(found)


def _places(artifact: Artifact) -> list[tuple[int, int]]:
    places: Sequence[Mapping[str, Any]] = artifact.immutable_references  # type: ignore[assignment]
    return [(int(place["start"]), int(place["length"])) for place in places]


def masked(artifact: Artifact, code: bytes) -> bytes:
    """Return runtime code with the places of its immutables zeroed: what two deployments of one contract share."""
    if len(code) != len(artifact.deployed_bytecode):
        return code
    out = bytearray(code)
    for start, length in _places(artifact):
        out[start : start + length] = bytes(length)
    return bytes(out)


def _word(value: str) -> str:
    """Read left-aligned ASCII of 32 bytes."""
    return from_hex(value).rstrip(b"\0").decode("ascii", "replace")


def word(text: str) -> str:
    """Write text as left-aligned ASCII of 32 bytes, as ``0x…``."""
    return to_hex(text.encode("ascii").ljust(32, b"\0"))
