"""Whether what the contracts told is all there is to know of them (H11): their events, folded, beside their views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from careledger.audit.compare import Difference, differences
from careledger.audit.rebuild import Happened, Row, RowKey, rebuild
from tests.chainkit import events
from tests.world import World


def happened(world: World, since: int = 0) -> list[Happened]:
    """Everything that the world's contracts told, but for the first logs of the chain."""
    names = {contract.address: contract.name for contract in [*world.modules, world.directory]}
    found = []
    for log, time, block in world.engine.told[since:]:
        if log.address in names:
            [(name, args)] = events([log])
            found.append(Happened(names[log.address], name, args, time, block))
    return found


def unsaid(world: World, rows: Mapping[RowKey, Row]) -> list[Difference]:
    """Where the contracts answer otherwise than their events lead to, now."""
    contracts = {contract.name: contract for contract in [*world.modules, world.directory]}

    def ask(contract: str, function: str, *args: Any) -> Any:
        return getattr(contracts[contract], function)(*args)

    return differences(rows, ask, time=world.engine.time)


def check(world: World, before: Mapping[RowKey, Row], since: int) -> None:
    """Demand that all that changed since then is said by the events whole."""
    rows = rebuild(happened(world, since), rows=before)
    kept = {key: row for key, row in rows.items() if row != before.get(key) or key[0] == "account"}
    assert unsaid(world, kept) == []


__all__ = ["check", "happened", "unsaid"]
