"""``careledger networks``: networks by name, and what is deployed on them."""

from __future__ import annotations

import typer

from careledger import networks
from careledger.cli.frame import Frame, verb

app = typer.Typer(no_args_is_help=True)


@app.callback()
def main() -> None:
    """Networks by name, and what is deployed on them."""


@verb(app, "list")
def list_(frame: Frame) -> None:
    """List networks: chain id, whether it is a test network, node, finality, and the instances deployed.

    Example: careledger networks list --json
    """
    settings = frame.settings
    deployed = networks.deployments(settings)
    rows = []
    for network in networks.known(settings).values():
        here = [each for each in deployed if each.chain_id == network.chain_id]
        instances = [{"instance": each.instance, "suite": each.suite, "release": each.release} for each in here]
        rows.append(network.to_json() | {"test": network.is_test, "instances": instances})
    frame.table(rows, columns=("name", "chain_id", "test", "rpc", "finality", "instances"))
