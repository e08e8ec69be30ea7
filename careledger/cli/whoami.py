"""``careledger whoami``: as whom and where commands act."""

from __future__ import annotations

import typer

from careledger.cli.frame import Frame, verb
from careledger.settings import KEYS
from careledger.text import read_json

app = typer.Typer()


@verb(app, "whoami", chain=True)
def whoami(frame: Frame) -> None:
    """Say as whom and where commands act, without asking a node or a password.

    Example: careledger whoami --as clinic
    """
    profile, target = frame.profile, frame.target
    account = None
    if profile.keystore is not None:
        from careledger.chain.keyfiles import read_private_file
        from careledger.values import checksum

        try:
            account = checksum("0x" + str(read_json(read_private_file(profile.keystore))["address"])[-40:])
        except (ValueError, KeyError, TypeError):
            account = None
    elif profile.mnemonic is not None:
        account = profile.signer().address
    frame.answer(
        {
            "profile": profile.name,
            "from": frame.settings.value("profile").source,
            "roles": list(profile.roles),
            "account": account,
            "opens": profile.opener is not None,
            "network": target.network.name,
            "chain_id": target.chain_id,
            "instance": target.instance,
            "suite": target.suite,
            "release": target.release,
            "rpc": KEYS["rpc"].show(target.rpc),
        }
    )
