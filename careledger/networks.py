"""Networks by name, and what is deployed on them. No node's address is built in: that comes from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from careledger.errors import FormatError, InputError, Misuse
from careledger.settings import Settings
from careledger.text import did_you_mean, read_json, shown
from careledger.values import Address, address

__all__ = ["NETWORKS", "Deployment", "Network", "Target", "deployments", "find", "known", "target"]

LOCAL_RPC: Final = "http://127.0.0.1:8545"
"""Where Anvil and its like answer on this machine."""
_MAX_BYTES: Final = 1 << 20


@dataclass(frozen=True)
class Network:
    """A chain by name."""

    name: str
    chain_id: int
    is_test: bool
    """False where what is sent costs real money and stays for ever."""
    finality: str
    """When a block is final there, for people."""
    rpc: str | None = None
    """From the settings; built in only for this machine."""

    def to_json(self) -> dict[str, Any]:
        """Return every field, the node's address without path and credentials."""
        from careledger.settings import KEYS

        return asdict(self) | {"rpc": KEYS["rpc"].show(self.rpc)}


_TWO_EPOCHS = "two epochs, about 13 minutes"
_ON_L1 = "when its batch is final on Ethereum, about 15 to 30 minutes"
NETWORKS: Final[Mapping[str, Network]] = {
    network.name: network
    for network in (
        Network("local", 31337, True, "at once", LOCAL_RPC),
        Network("sepolia", 11155111, True, _TWO_EPOCHS),
        Network("hoodi", 560048, True, _TWO_EPOCHS),
        Network("base-sepolia", 84532, True, _ON_L1),
        Network("optimism-sepolia", 11155420, True, _ON_L1),
        Network("arbitrum-sepolia", 421614, True, _ON_L1),
        Network("ethereum", 1, False, _TWO_EPOCHS),
        Network("base", 8453, False, _ON_L1),
        Network("optimism", 10, False, _ON_L1),
        Network("arbitrum", 42161, False, _ON_L1),
        Network("gnosis", 100, False, "two epochs, about 3 minutes"),
    )
}
"""The networks known by name; those of the settings come on top."""


@dataclass(frozen=True)
class Deployment:
    """What ``deployments/<chain>/<instance>.json`` says."""

    chain_id: int
    instance: str
    suite: Address
    release: str
    path: Path


@dataclass(frozen=True)
class Target:
    """Where a command goes: everything that settings, networks and deployments say about it."""

    network: Network
    chain_id: int
    rpc: str | None
    rpc_source: str
    suite: Address | None
    suite_source: str
    instance: str
    release: str | None

    def require_rpc(self) -> str:
        """Return the node's address.

        Raises:
            InputError: None is known.
        """
        if self.rpc is None:
            raise InputError(
                f"no node is known for network {self.network.name}",
                why="CareLedger brings no nodes of its own: whoever answers learns what is asked.",
                fix=f"Give --rpc URL, set CARELEDGER_RPC, or write it under [networks.{self.network.name}] "
                "in careledger.toml.",
            )
        return self.rpc

    def require_suite(self) -> Address:
        """Return the address of the SuiteDirectory.

        Raises:
            InputError: None is known.
        """
        if self.suite is None:
            raise InputError(
                f"no suite is known for instance {self.instance} on {self.network.name}",
                fix="Give --suite ADDRESS, or deploy one: careledger deploy.",
            )
        return self.suite


def known(settings: Settings) -> dict[str, Network]:
    """Return all networks by name: the built-in ones with what the settings add, and those only they name.

    Raises:
        Misuse: A new network has no chain id, or a known one another than its own.
    """
    found = dict(NETWORKS)
    for name, entry in settings.networks.items():
        base = NETWORKS.get(name)
        chain_id = entry.get("chain_id", base.chain_id if base else None)
        if chain_id is None:
            raise Misuse(f"network {shown(name)} has no chain_id", fix=f"Add chain_id under [networks.{shown(name)}].")
        if base and int(chain_id) != base.chain_id:
            raise Misuse(f"network {name} has chain id {base.chain_id}, not {chain_id}", fix="Use another name for it.")
        found[name] = Network(
            name,
            int(chain_id),
            base.is_test if base else entry.get("test") is True,
            str(entry.get("finality", base.finality if base else "as its node says")),
            entry.get("rpc", base.rpc if base else None),
        )
    return found


def find(name: str, settings: Settings) -> Network:
    """Return a network by its name.

    Raises:
        Misuse: There is none of that name.
    """
    networks = known(settings)
    if name not in networks:
        raise Misuse(
            f"there is no network {shown(name, 60)!r}",
            fix=did_you_mean(name, networks, otherwise="Run: careledger networks list."),
        )
    return networks[name]


def by_chain_id(chain_id: int, settings: Settings) -> Network | None:
    """Return the network with this chain id, if one is known."""
    return next((each for each in known(settings).values() if each.chain_id == chain_id), None)


def deployments(settings: Settings, *, folder: Path | None = None) -> list[Deployment]:
    """Return every deployment written down in the working directory, then in the data folder.

    Raises:
        FormatError: A file is not what it should be.
    """
    found: dict[tuple[int, str], Deployment] = {}
    for root in (folder or Path.cwd(), settings.home):
        for path in sorted((root / "deployments").glob("*/*.json")):
            if path.parent.name.isdecimal() and path.is_file():
                deployment = _read(path)
                found.setdefault((deployment.chain_id, deployment.instance), deployment)
    return list(found.values())


def _read(path: Path) -> Deployment:
    name = "/".join(path.parts[-3:])
    try:
        with path.open("rb") as file:
            data = read_json(file.read(_MAX_BYTES))
        chain_id = int(data.get("chainId", path.parent.name))
        suite = address(data["suite"], confirm_unchecked=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InputError):
        raise FormatError(
            f"{shown(name)} is not a deployment",
            why="It is a JSON object with suite, chainId and release.",
            fix="Restore it, or give --suite.",
        ) from None
    if str(chain_id) != path.parent.name:
        raise FormatError(f"{shown(name)} speaks of chain {chain_id}", fix="Move it to the folder of that chain.")
    return Deployment(chain_id, path.stem, suite, str(data.get("release", "")), path)


def target(settings: Settings, *, folder: Path | None = None) -> Target:
    """Say where a command goes.

    Raises:
        Misuse: The network is not known.
        FormatError: A deployment file is damaged.
    """
    network = find(settings["network"], settings)
    chain_id, instance = settings["chain_id"] or network.chain_id, settings["instance"]
    rpc, rpc_source = settings["rpc"], settings.value("rpc").source
    if rpc is None and network.name == "local" and (running := running_url(settings.home)):
        rpc, rpc_source = running, "careledger chain start"
    if rpc is None:
        rpc, rpc_source = network.rpc, f"network {network.name}"
    suite, suite_source, release = settings["suite"], settings.value("suite").source, None
    for each in deployments(settings, folder=folder):
        if suite is None and (each.chain_id, each.instance) == (chain_id, instance):
            suite, suite_source, release = each.suite, "/".join(each.path.parts[-3:]), each.release or None
    return Target(network, chain_id, rpc, rpc_source, suite, suite_source, instance, release)


def running_url(home: Path) -> str | None:
    """Return where the chain that ``careledger chain start`` keeps answers, if its file says so."""
    try:
        url = read_json((home / "chain.json").read_bytes())["url"]
        return url if isinstance(url, str) and url.startswith("http://127.0.0.1:") else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
