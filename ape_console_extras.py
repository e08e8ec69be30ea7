"""What `ape console` knows besides ape's own names: `care`, a client on the suite that is deployed where ape looks."""

from typing import Any


def ape_init_extras(**_: Any) -> dict[str, Any]:
    """Return the names to add; ape calls this when the console starts.

    A suite is found through CARELEDGER_SUITE, or in deployments/ for the chain that ape is connected to. Without one
    the console starts all the same, and says in a sentence what is missing.
    """
    try:
        return {"care": _connect()}
    except Exception as error:
        print(f"No `care` in this console: {error}")
        return {}


def _connect() -> Any:
    import os

    import ape

    from careledger import CareLedger

    suite = os.environ.get("CARELEDGER_SUITE") or _deployed(ape.chain.chain_id)
    if suite:
        return CareLedger.connect(ape.chain.provider.uri, suite=suite)
    if ape.networks.active_provider.network.is_local:
        return _fresh(ape.chain.provider.uri)
    raise LookupError("no suite is deployed on this chain; set CARELEDGER_SUITE to the address of its directory.")


def _fresh(uri: str) -> Any:
    """Deploy a suite on a local chain, for its first development account to govern."""
    import tempfile

    from careledger import CareLedger, Signer
    from careledger.chain.connection import Connection
    from careledger.chain.deploy import deploy
    from careledger.chain.journal import Journal
    from careledger.chain.local import MNEMONIC
    from careledger.chain.rpc import Rpc
    from careledger.chain.sender import Sender

    home, connection = tempfile.mkdtemp(prefix="careledger-console-"), Connection(Rpc(uri))
    signer = Signer.from_mnemonic(MNEMONIC)
    journal = Journal.in_folder(home, scope=connection.scope, sender=signer.address)
    made = deploy(Sender(connection, signer, journal, poll=0.05), instance="console")
    return CareLedger.connect(connection, suite=made.directory, signer=signer, home=home)


def _deployed(chain_id: int) -> str | None:
    """Return the directory's address out of the newest manifest in deployments/<chain>/."""
    import json
    from pathlib import Path

    folder = Path(__file__).parent / "deployments" / str(chain_id)
    manifests = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
    return json.loads(manifests[-1].read_text()).get("suite") if manifests else None
