"""Reorganisations: find where our chain and the node's part, then take blocks back one at a time."""

from __future__ import annotations

from careledger import steps
from careledger.index.errors import ReorgTooDeep
from careledger.index.node import Header, Node
from careledger.index.store import Store


def settle(node: Node, store: Store, tip: Header, *, trust_shorter: bool) -> int:
    """Bring the index back onto the node's chain.

    Nothing is undone before the common ancestor is known, so a reorganisation too deep to follow changes nothing.

    Args:
        node: The node.
        store: The index.
        tip: The node's latest block.
        trust_shorter: A node whose chain ends below our head has rolled back (a local chain), rather than being behind.

    Returns:
        How many blocks were undone.

    Raises:
        ReorgTooDeep: The chains part below what is final.
        NodeError: The node failed before the ancestor was known; nothing was undone.
    """
    head = store.checkpoint().head_number
    if head < 0:
        return 0
    ancestor = _ancestor(node, store, head, tip, trust_shorter=trust_shorter)
    for number in range(head, ancestor, -1):
        below = store.header(number - 1)
        store.undo(number, below.hash if below else "")
        steps.step("index.block_undone")
    return head - ancestor


def _ancestor(node: Node, store: Store, head: int, tip: Header, *, trust_shorter: bool) -> int:
    """Return the highest of our blocks that is on the node's chain.

    Raises:
        ReorgTooDeep: It would lie below the final block, or below the first one kept.
    """
    number = head
    if tip.number < head:
        ours = store.header(tip.number)
        behind = ours is not None and ours.hash == tip.hash
        if (behind or tip.number <= store.checkpoint().final_number) and not trust_shorter:
            return head
        number = tip.number
    final = store.checkpoint().final_number
    while True:
        ours = store.header(number)
        if ours is None:
            if number < head and store.header(number + 1) is not None and number > final:
                return number  # the first block of the index is above: all of it goes
            raise _too_deep(number, final)
        # a node that has a later block has this one: "no such block" is its failure, not a deep reorganisation
        if node.need(number).hash == ours.hash:
            return number
        if number <= final:
            raise _too_deep(number, final)
        number -= 1


def _too_deep(number: int, final: int) -> ReorgTooDeep:
    """Make the error for a reorganisation that cannot be followed."""
    return ReorgTooDeep(
        f"the node's chain differs from the index at block {number}, and block {final} was final.",
        why="the node serves another chain, was restarted from another state, or the chain broke its finality.",
        fix="Compare the node with another one; if this is the right chain now, index into a new file.",
    )
