"""How the index stops: each class is one thing the caller may do next.

CareLedgerError
├── InputError
│   └── IndexMisused       sources that contradict each other, an unknown event or argument
├── StorageError
│   ├── IndexStoreFailed   the database refused: full, read-only, damaged
│   └── IndexLocked        another process writes to it
└── SuiteError
    └── IndexStopped       going on would make the index wrong
        ├── ReorgTooDeep   the chain changed below what was final
        ├── ChainChanged   other chain id or genesis than the index was built from
        └── SourcesChanged the ABI of an indexed contract differs from the stored one
"""

from __future__ import annotations

from careledger.errors import InputError, NodeError, StorageError, SuiteError, WrongChain, ask


class IndexMisused(InputError):
    """Sources that contradict each other, or an event or argument that does not exist."""


class IndexStoreFailed(StorageError):
    """The database refused: full, read-only or damaged. Nothing half-written is kept."""


class IndexLocked(StorageError):
    """Another process is writing to this index."""


class IndexStopped(SuiteError):
    """Going on would make the index wrong; it stays as it was."""

    default_retry = ask("whoever runs the node")


class ReorgTooDeep(IndexStopped):
    """The chain changed below the block that was taken as final."""


class ChainChanged(IndexStopped, WrongChain):
    """The node serves another chain than the index was built from."""


class SourcesChanged(IndexStopped):
    """The ABI of an indexed contract differs from the one the index was built with."""


class BlockTooLarge(NodeError):
    """The node refuses the logs of a single block, so no smaller range is left to ask for."""
