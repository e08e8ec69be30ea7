"""Three questions about an index: is it alive, is it ready, how far is it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["empty", "loading", "ready", "waiting", "stopped"]
"""``waiting``: the node failed or is behind, the next round tries again. ``stopped``: a person has to look."""


@dataclass(frozen=True)
class Status:
    """How an index stands."""

    state: State
    head: int
    """Last block indexed; -1 before the first."""
    head_hash: str
    final: int
    """Last block that nothing can take away; -1 while there is none."""
    node_head: int | None
    """The node's latest block when last asked; ``None`` before that."""
    events: int
    quarantined: int
    """Logs of our contracts that no ABI explains."""
    undone: int
    """Blocks taken back by reorganisations so far."""
    chain_id: int | None
    reason: str = ""
    """Why it waits or has stopped."""

    @property
    def alive(self) -> bool:
        """Whether it goes on by itself."""
        return self.state != "stopped"

    @property
    def ready(self) -> bool:
        """Whether it has caught up with the node."""
        return self.state == "ready"

    @property
    def behind(self) -> int | None:
        """How many blocks are still to be read; ``None`` before the node was asked."""
        return None if self.node_head is None else max(0, self.node_head - self.head)

    def to_json(self) -> dict[str, Any]:
        """Return every field and every answer."""
        return {**asdict(self), "alive": self.alive, "ready": self.ready, "behind": self.behind}
