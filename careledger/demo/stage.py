"""Where the journey is played: a chain that ends with it, or one that is kept for whoever wants to go on."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from careledger.chain import background
from careledger.chain.connection import Connection
from careledger.chain.deploy import deploy
from careledger.chain.journal import Journal
from careledger.chain.local import MNEMONIC
from careledger.chain.rpc import Rpc
from careledger.chain.sender import Sender
from careledger.chain.signers import Signer
from careledger.client import CareLedger
from careledger.demo.cast import Cast, Player
from careledger.privacy.files import private_folder, write_private
from careledger.privacy.openers import new_seed, save_keystore
from careledger.privacy.pseudonyms import Scope
from careledger.profiles import Profile, save
from careledger.redact import Secret

__all__ = ["Stage", "ephemeral", "keep_profiles", "kept"]

Accounts = Callable[[int], Signer]


@dataclass(frozen=True)
class Stage:
    """A fresh suite and the accounts to play with."""

    care: CareLedger
    accounts: Accounts
    statement: str
    """What kind of chain this is, in a sentence."""


@contextmanager
def ephemeral(engine: Literal["auto", "anvil", "in-process"]) -> Iterator[Stage]:
    """Play on a chain of one's own, which is gone afterwards with everything that was kept beside it."""
    with CareLedger.local(engine=engine) as care:
        chain = care.chain
        assert chain is not None  # noqa: S101 - local() starts one
        yield Stage(care, chain.signer, chain.statement)


@contextmanager
def kept(folder: Path) -> Iterator[Stage]:
    """Play on a chain that goes on running, with journals, store and profiles in a folder.

    Raises:
        InputError: Anvil is not found.
    """
    running, _ = background.start(folder, port=0)
    connection = Connection(Rpc(running.url), running.chain_id)
    journal = Journal.in_folder(folder / "journal", scope=connection.scope, sender=_account(0).address)
    made = deploy(Sender(connection, _account(0), journal, poll=0.05), instance="demo")
    care = CareLedger.connect(
        connection, suite=made.directory, signer=_account(0), home=folder, store=str(private_folder(folder / "store"))
    )
    _write(folder / "careledger.toml", _settings(running.url, made.directory, running.chain_id))
    try:
        yield Stage(care, _account, f"local chain: Anvil at {running.url}, which goes on running")
    finally:
        care.close()


def keep_profiles(folder: Path, cast: Cast) -> None:
    """Write a profile for everybody, with the keys it needs; the password of the openers is in ``password``."""
    password = Secret(secrets.token_urlsafe(24).encode(), "password")
    write_private(folder / "password", password.reveal())
    words = folder / "keys" / "development.words"
    words.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(words, MNEMONIC.encode())
    for player in (cast.governor, cast.board, cast.hospital, cast.clinic, cast.doctor, cast.officer, cast.relayer):
        save(_profile(folder, player, words, password), folder, replace=True)
    phrase = folder / "keys" / "ana.words"
    write_private(phrase, cast.phrase.reveal())
    path = Scope.custodian(cast.hospital.party.address).path()
    opener = folder / "keys" / "ana-opener.json"
    save_keystore(opener, new_seed(), password, work=1 << 14)
    save(Profile("ana", ("patient",), mnemonic=phrase, path=path, opener=opener, home=folder), folder, replace=True)


def _profile(folder: Path, player: Player, words: Path, password: Secret) -> Profile:
    name = player.name.lower().replace(" ", "-")
    opener = None
    if player.seed is not None:
        opener = folder / "keys" / f"{name}-opener.json"
        save_keystore(opener, player.seed, password, work=1 << 14)
    return Profile(name, mnemonic=words, path=f"m/44'/60'/0'/0/{player.account}", opener=opener, home=folder)


def _account(number: int) -> Signer:
    return Signer.from_mnemonic(MNEMONIC, path=f"m/44'/60'/0'/0/{number}")


def _settings(rpc: str, suite: str, chain_id: int) -> str:
    pairs = {"home": ".", "store": "store", "rpc": rpc, "suite": suite, "network": "local", "chain_id": chain_id}
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in pairs.items())


def _write(path: Path, text: str) -> None:
    write_private(path, text.encode())
