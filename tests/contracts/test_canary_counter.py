"""CanaryCounter on Anvil through ape: the smallest contract test, which shows the form.

given a fresh counter
  when the owner counts     → it adds one and emits Counted
  when a stranger counts    → it reverts, naming both
given a counter at its limit
  when the owner counts     → it reverts, naming the limit
"""

import ape
import pytest


@pytest.fixture
def counter(contracts, accounts):
    return contracts.CanaryCounter.deploy(1, sender=accounts[0])


def test_count__given_fresh__when_owner__counts(counter, accounts, gas):
    receipt = counter.count(sender=accounts[0])

    assert counter.totalOf() == 1
    assert list(receipt.decode_logs(counter.Counted)) == [counter.Counted(by=accounts[0], total=1)]
    gas("owner counts one step (canary)", receipt.gas_used)


def test_count__given_fresh__when_stranger__reverts_not_owner(counter, accounts):
    with ape.reverts(counter.CanaryCounter_NotOwner, caller=accounts[1].address, owner=accounts[0].address):
        counter.count(sender=accounts[1])


def test_count__given_limit_reached__when_owner__reverts_limit_reached(counter, accounts):
    counter.count(sender=accounts[0])

    with ape.reverts(counter.CanaryCounter_LimitReached, limit=1):
        counter.count(sender=accounts[0])
