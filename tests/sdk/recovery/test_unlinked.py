"""Events and calldata of a whole ceremony over three accounts: nothing in them joins two of the accounts.

given guardians set, one guardian's change of mind, approvals, an objection, executions and new keys, for three accounts
  when every transaction is cut into all strings of 20 bytes
    it names one account each                                        → test_H7_ceremony__each_transaction__…
    no string is found with two accounts, but what everybody has     → test_H7_ceremony__no_string__…
    nobody but the relayers pays, and no account ever held ether     → test_H7_ceremony__gas__…
    times that were signed are everybody's                           → test_H7_ceremony__signed_times__…
given one guardian account used for two accounts, on purpose
  it is found                                                        → test_H7_walk__a_planted_join__is_found
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from careledger import GuardianSet, PartyRef, Scope, Signer, recovery
from careledger.chain.abi import artifacts
from careledger.resources.calendar import WEEK
from careledger.values import from_hex
from tests.sdk.recovery.people import WAIT, Family
from tests.sdk.resources.town import Town

WIDTH = 20


@dataclass
class Walk:
    """Every transaction since a block, by the account it is about."""

    family: Family
    start: int
    transactions: list[tuple[str, dict, bytes]] = field(default_factory=list)

    def read(self) -> Walk:
        """Read blocks to the head: sender, and the bytes of calldata, topics and data without the events' own names."""
        rpc, head = self.family.care.connection.rpc, self.family.care.connection.head().number
        for number in range(self.start + 1, head + 1):
            for tx in rpc.request("eth_getBlockByNumber", [hex(number), True])["transactions"]:
                logs = rpc.request("eth_getTransactionReceipt", [tx["hash"]])["logs"]
                parts = [from_hex(tx["input"])]
                for log in logs:
                    parts += [from_hex(topic) for topic in log["topics"][1:]] + [from_hex(log["data"])]
                text = b"\0\0\0\0\0\0\0\0".join(parts)
                self.transactions.append((self.owner(text), tx, text))
        return self

    def owner(self, text: bytes) -> str:
        """Which account a transaction names."""
        named = [a.subject for a in self.family.accounts if from_hex(a.subject.lower()) in text]
        assert len(named) == 1, f"a transaction names {len(named)} accounts"
        return named[0]

    def strings(self, subject: str) -> set[bytes]:
        """All strings of 20 bytes with an account, without addresses of the suite and what is mostly zeros."""
        public = [from_hex(listing.address.lower()) for listing in self.family.care.suite.listings]
        found: set[bytes] = set()
        for whose, _, text in self.transactions:
            if whose == subject:
                for address in public:
                    text = text.replace(address, bytes(WIDTH))
                found.update(_windows(text))
        return found

    def joins(self) -> set[bytes]:
        """Strings found with more than one account."""
        parts = [self.strings(account.subject) for account in self.family.accounts]
        return {item for n, part in enumerate(parts) for other in parts[n + 1 :] for item in part & other}


def _windows(text: bytes) -> Iterator[bytes]:
    for at in range(len(text) - WIDTH + 1):
        window = text[at : at + WIDTH]
        if b"\0\0\0\0" not in window:
            yield window


@pytest.fixture(scope="module")
def walk(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Walk:
    family = Family(town, tmp_path_factory.mktemp("walk"))
    found = Walk(family, town.care.connection.head().number)
    family.guard()
    family.guard(quorum=1)
    family.pass_time(WAIT)
    ceremony = family.ceremony()
    family.carry(family.signed(ceremony, 2))
    family.carry(recovery.objections(family.care, family.wallet, family.accounts))
    family.carry(family.signed(ceremony, 0, 1))
    family.pass_time(2 * WAIT)
    family.carry(ceremony.executions(family.care))
    assert family.states(ceremony) == ["done"] * 3
    family.carry(recovery.openers(family.care, ceremony.wallet, ceremony.known_accounts(family.care), hours=0))
    return found.read()


def test_H7_ceremony__each_transaction__names_one_account(walk: Walk) -> None:
    counts = [sum(whose == account.subject for whose, _, _ in walk.transactions) for account in walk.family.accounts]
    assert counts == [2 + 3 + 1 + 1 + 1] * 3


def test_H7_ceremony__no_string__occurs_with_two_accounts(walk: Walk) -> None:
    assert [len(walk.strings(account.subject)) > 1_500 for account in walk.family.accounts] == [True] * 3
    assert walk.joins() == set()


def test_H7_ceremony__gas__is_paid_by_relayers_alone(walk: Walk) -> None:
    care = walk.family.care
    assert {tx["from"].lower() for _, tx, _ in walk.transactions} == {care.me.lower()}
    controllers = walk.family.controllers()
    for account in (*(a.subject for a in walk.family.accounts), *controllers):
        assert (care.connection.balance(account), care.connection.nonce(account)) == (0, 0)
    assert len(set(controllers)) == 3


def test_H7_ceremony__signed_times__are_everybodys(walk: Walk) -> None:
    registry = artifacts().load("ParticipantRegistry")
    seen = 0
    for _, tx, _ in walk.transactions:
        data = from_hex(tx["input"])
        for name, at in (("approveRecovery", 7), ("publishKeySigned", 3)):
            if data[:4] == registry.selector_of(name):
                deadline = int.from_bytes(data[4 + 32 * at : 36 + 32 * at], "big")
                assert deadline % WEEK == 4 * 86_400
                seen += 1
    assert seen == 3 * 3 + 3


def test_H7_walk__a_planted_join__is_found(town: Town, tmp_path) -> None:
    family = Family(town, tmp_path)
    planted = Walk(family, town.care.connection.head().number)
    helper = Signer.from_key(family.guardians[0].wallet.account(Scope.practice()).key)
    shared = PartyRef("person", helper.address)
    for number in (0, 1):
        signer, subject = family.signer(number), family.parties[number]
        guardians = GuardianSet.of([shared], quorum=1)
        prepared = family.care.as_(signer).participants.set_guardians(subject, guardians, dry_run=True)
        request = family.care.forwarding.draft(prepared, by=PartyRef("person", signer.address))
        family.care.forwarding.carry(request.signed_by(signer))
        to = town.patient().party.address
        signed = family.care.participants.sign_recovery(subject, to=to, signer=helper)
        family.care.participants.approve_recovery(signed, guardians=guardians, index=0)
    assert from_hex(shared.address.lower()) in planted.read().joins()
