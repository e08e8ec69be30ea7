"""Deploying a suite: every contract in the order of its dependencies, wired and listed, and resumable.

Each step is an act with its own key in the sender's journal. Killed anywhere and started again, it goes on where it
was: what has been deployed is found by its key, never deployed twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from careledger import __version__
from careledger.chain.abi import artifacts
from careledger.chain.calls import Call
from careledger.chain.sender import Sender
from careledger.chain.suite import DIRECTORY, word
from careledger.errors import InputError, InsufficientFunds, NodeMisbehaved, SuiteError
from careledger.steps import step
from careledger.values import Address, Receipt, address, checksum, from_hex, keccak

__all__ = ["Deployment", "deploy"]

FORWARDER_NAME = "CareLedger Forwarder"
CREATE2_PROXY = Address("0x4e59b44847b379578588920cA78FbF26c0B4956C")
"""The keyless deterministic deployment proxy that most chains and Anvil have; calldata is salt, then creation code."""
ADMIN_ROLE = 0
"""OpenZeppelin AccessManager's own administrator."""

ORDER: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("AccessManager", ("=admin",)),
    (DIRECTORY, ("AccessManager", "=suite", "=release")),
    ("ERC2771Forwarder", ("=forwarder",)),
    ("ParticipantRegistry", ("AccessManager", "ERC2771Forwarder")),
    ("GuardianRegistry", ("AccessManager", "ERC2771Forwarder", "ParticipantRegistry")),
    ("EmergencyRegistry", ("AccessManager", "ERC2771Forwarder", "ParticipantRegistry")),
    (
        "ConsentRegistry",
        ("AccessManager", "ERC2771Forwarder", "ParticipantRegistry", "GuardianRegistry", "EmergencyRegistry"),
    ),
    ("RecordRegistry", ("AccessManager", "ERC2771Forwarder", "ParticipantRegistry")),
)
"""Contracts in the order of their dependencies, with constructor arguments; ``=`` marks a value, not a contract."""


@dataclass(frozen=True)
class Deployment:
    """What a deployment made."""

    chain_id: int
    instance: str
    release: str
    contracts: dict[str, Address]
    gas: dict[str, int]
    """Gas of each creation."""

    @property
    def directory(self) -> Address:
        """The one address to pass on."""
        return self.contracts[DIRECTORY]

    def to_json(self) -> dict[str, Any]:
        """Return what ``deployments/<chain>/<instance>.json`` holds: no host, no secret."""
        return {
            "chainId": self.chain_id, "instance": self.instance, "release": self.release,
            "suite": self.directory, "contracts": dict(self.contracts),
        }  # fmt: skip


def deploy(
    sender: Sender,
    *,
    instance: str = "main",
    release: str = __version__,
    admin: str | None = None,
    admin_delay: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Deployment:
    """Deploy a suite and list it in its directory; started again, go on where it was.

    Args:
        sender: Pays, and is the first administrator of the access manager.
        instance: Tells deployments on one chain apart; ASCII, at most 20 characters.
        release: What the directory states as its release.
        admin: Who governs once everything stands; the sender keeps no role then. The sender itself when not given,
            which is for development only.
        admin_delay: Seconds that every act of that administrator waits, from the first block on.
        progress: Told the name of each contract once it stands.

    Raises:
        InputError: The name does not fit.
        InsufficientFunds: The sender cannot pay for all of it; nothing was sent.
        KeyReused: An earlier run of this instance deployed other code; nothing was sent.
        SuiteError: A contract of an earlier run is not where it should be.
    """
    if not instance.isascii() or not 0 < len(instance) <= 20:
        raise InputError(f"{instance!r} does not name an instance", fix="Use 1 to 20 ASCII characters.")
    values: dict[str, Any] = {
        "=admin": sender.address, "=forwarder": FORWARDER_NAME,
        "=suite": word(f"CareLedger {instance}"), "=release": word(release),
    }  # fmt: skip
    _require_funds(sender, instance)
    contracts: dict[str, Address] = {}
    blocks: dict[str, int] = {}
    gas: dict[str, int] = {}
    for name, arguments in ORDER:
        filled = [values[item] if item.startswith("=") else contracts[item] for item in arguments]
        data = artifacts().load(name).encode_deploy(*filled)
        call, at = _creation(sender, name, instance, data)
        receipt = sender.submit(call, key=f"deploy/{instance}/{name}")
        contracts[name] = _created(sender, name, receipt, at)
        blocks[name], gas[name] = receipt.block or 0, receipt.gas
        step(f"deploy.{name}")
        if progress:
            progress(name)
    _list(sender, instance, contracts, blocks)
    if admin is not None and admin.lower() != sender.address.lower():
        _hand_over(sender, instance, contracts["AccessManager"], address(admin, confirm_unchecked=True), admin_delay)
    return Deployment(sender.connection.chain_id, instance, release, contracts, gas)


def _require_funds(sender: Sender, instance: str) -> None:
    """Refuse to begin what cannot be paid to its end: code at 200 gas a byte, calldata at 16, calls around it."""
    open_ = [name for name, _ in ORDER if sender.entry(f"deploy/{instance}/{name}") is None]
    if not open_:
        return
    sizes = [artifacts().load(name) for name in open_]
    gas = sum(len(item.deployed_bytecode) * 200 + len(item.bytecode) * 18 + 200_000 for item in sizes)
    fees = sender.connection.fees()
    price = fees.base + fees.priority
    balance = sender.connection.balance(sender.address)
    if balance < gas * price:
        raise InsufficientFunds(
            f"{sender.address} has {balance} wei, and this needs about {gas * price}",
            why=f"{len(open_)} contracts are to be created, about {gas:,} gas at {price} wei.",
            fix="Send it ether, then start again; nothing was sent.",
        )


def _hand_over(sender: Sender, instance: str, manager: Address, admin: Address, delay: int) -> None:
    """Give the administrator's role away, and read on chain that it is gone."""
    artifact = artifacts().load("AccessManager")
    for name, args in (("grantRole", (ADMIN_ROLE, admin, delay)), ("renounceRole", (ADMIN_ROLE, sender.address))):
        data = artifact.encode_call(name, *args)
        sender.submit(Call(to=manager, data=data), key=f"deploy/{instance}/{name}")
        step(f"deploy.{name}")
    left = sender.connection.read(artifact, manager, "hasRole", ADMIN_ROLE, sender.address)
    given = sender.connection.read(artifact, manager, "hasRole", ADMIN_ROLE, admin)
    if left["isMember"] or not given["isMember"]:
        raise SuiteError("the administrator's role was not handed over", fix="Look at the access manager's events.")


def _creation(sender: Sender, name: str, instance: str, data: bytes) -> tuple[Call, Address | None]:
    """Return the call that creates a contract, and where it will be if that is known before.

    The directory, whose address everybody is told, is created through the deterministic deployment proxy where the
    chain has one (EIP-1014), so that its address follows from instance, manager and code; the rest by account nonce.
    """
    if name != DIRECTORY or not sender.connection.code(CREATE2_PROXY):
        return Call(to=None, data=data), None
    salt = keccak(f"careledger/{instance}".encode())
    digest = keccak(b"\xff" + from_hex(CREATE2_PROXY) + salt + keccak(data))
    return Call(to=CREATE2_PROXY, data=salt + data), checksum("0x" + digest[12:].hex())


def _created(sender: Sender, name: str, receipt: Receipt[None], at: Address | None) -> Address:
    """Return where a creation put its contract, having seen code there."""
    if at is None:
        found = sender.connection.rpc.request("eth_getTransactionReceipt", [receipt.tx])
        if not found or not found.get("contractAddress"):
            raise NodeMisbehaved(f"the receipt of {name}'s creation names no contract", fix="Ask another node.")
        at = checksum(found["contractAddress"])
    if not sender.connection.code(at):
        raise SuiteError(f"{name} is not at {at}, where its creation put it", fix="Deploy under another instance name.")
    return at


def _list(sender: Sender, instance: str, contracts: dict[str, Address], blocks: dict[str, int]) -> None:
    directory = artifacts().load(DIRECTORY)
    for name, at in contracts.items():
        if name == DIRECTORY:
            continue
        data = directory.encode_call("list", at, word(name), blocks[name])
        sender.submit(Call(to=contracts[DIRECTORY], data=data), key=f"deploy/{instance}/list/{name}")
        step(f"deploy.listed.{name}")
