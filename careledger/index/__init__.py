"""The index: events of the suite's contracts in a database, exact after reorganisations and crashes.

``sources`` says which contracts · ``schema`` the tables · ``node`` what is believed · ``ranges`` and ``sync`` fetch ·
``decode`` and ``rows`` turn logs into rows · ``reorg`` takes blocks back · ``store`` alone speaks SQL · ``query`` and
``status`` answer · ``core`` joins them in ``Index``.
"""

from careledger.index.core import Index
from careledger.index.errors import (
    BlockTooLarge,
    ChainChanged,
    IndexLocked,
    IndexMisused,
    IndexStopped,
    IndexStoreFailed,
    ReorgTooDeep,
    SourcesChanged,
)
from careledger.index.query import BlockRef, IndexedEvent, Listing
from careledger.index.sources import Source
from careledger.index.status import Status
from careledger.index.sync import Options

__all__ = [
    "BlockRef",
    "BlockTooLarge",
    "ChainChanged",
    "Index",
    "IndexLocked",
    "IndexMisused",
    "IndexStopped",
    "IndexStoreFailed",
    "IndexedEvent",
    "Listing",
    "Options",
    "ReorgTooDeep",
    "Source",
    "SourcesChanged",
    "Status",
]
