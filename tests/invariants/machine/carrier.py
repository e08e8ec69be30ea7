"""An engine that has the acts of people carried by the forwarder (ERC-2771), as when a relayer pays for them."""

from __future__ import annotations

from typing import Any

from careledger.chain.typed import Domain, TypedData
from tests.chainkit import CHAIN_ID, Log, Person, Tx, at
from tests.world import World

FIELDS = (
    ("from", "address"), ("to", "address"), ("value", "uint256"), ("gas", "uint256"), ("nonce", "uint256"),
    ("deadline", "uint48"), ("data", "bytes"),
)  # fmt: skip
GAS = 2_000_000
NO_ANSWER = bytes(32)
"""The forwarder drops what a call returns; the machine asks views instead."""


class Carrier:
    """Stands before the engine of a world's modules; while `on`, whoever has a key signs and the relayer sends.

    Every rule of the machine then says of the forwarded act what it says of the direct one, event by event.
    """

    def __init__(self, world: World, *, on: bool) -> None:
        self.world, self.engine, self.on = world, world.engine, on
        self.people: dict[str, Person] = {person.address: person for person in world.people}
        self.nonces = dict.fromkeys(self.people, 0)
        self.last: dict[str, Any] | None = None
        """The last request that was carried; it never serves again."""
        for module in world.modules:
            module.engine = self  # type: ignore[assignment]

    def remove(self) -> None:
        """Give the modules their engine back."""
        for module in self.world.modules:
            module.engine = self.engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)

    def request(self, signer: Person, to: Any, data: bytes, changed: dict[str, Any] | None = None) -> dict[str, Any]:
        """A request to the forwarder, signed; `changed` is signed instead of what is usual."""
        said = {
            "from": signer.address, "to": at(to), "value": 0, "gas": GAS, "nonce": self.nonces[signer.address],
            "deadline": self.engine.time, "data": data, **(changed or {}),
        }  # fmt: skip
        domain = Domain("CareLedger Forwarder", "1", CHAIN_ID, self.world.forwarder.address)  # type: ignore[arg-type]
        signature = signer.sign(TypedData(domain, {"ForwardRequest": list(FIELDS)}, "ForwardRequest", said))
        return {name: value for name, value in said.items() if name != "nonce"} | {"signature": signature}

    def execute(self, request: dict[str, Any]) -> Tx:
        """Have a request carried; its events without the forwarder's own, which comes last."""
        tx: Tx = self.world.forwarder.execute(request, sender=self.world.relayer)
        signer = request["from"]
        told = {"signer": signer, "nonce": self.nonces[signer], "success": True}
        assert tx.events[-1] == ("ExecutedForwardRequest", told), "A-inv4: carried, and said otherwise"
        self.nonces[signer] += 1
        self.last = request
        return Tx(None, tx.events[:-1], tx.gas, tx.logs[:-1])

    def send(self, sender: str, to: str, data: bytes, gas: int = 100_000_000) -> tuple[bytes, list[Log], int]:
        """Send as the person itself, or through the forwarder."""
        if not self.on or sender not in self.people:
            return self.engine.send(sender, to, data, gas)
        tx = self.execute(self.request(self.people[sender], to, data))
        return NO_ANSWER, tx.logs, tx.gas
