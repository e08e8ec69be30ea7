"""The suite directory.

constructor
  when asked
    it says name release and block
list
  when governance calls
    it lists with the code hash it reads itself
  given one listed
    when another of its name is listed
      it is the newest
    when listed again
      it reverts
  when there is no code
    it reverts
  when created in a block yet to come
    it reverts
  when anybody else calls
    it reverts (G1)
succeed
  given two listed
    when governance says so
      it is stated once
  given one listed
    when the other is not or is itself
      it reverts
retired
  given one listed
    when governance says so
      it is stated once
  when it is not listed
    it reverts
listingOf
  when there is none
    it reverts
"""

import pytest

from tests.chainkit import ZERO, reverts, text32

NAME = text32("ConsentRegistry")


def as_hex(data):
    return "0x" + data.hex()


def put(world, at, name=NAME, block=None, sender=None):
    created = world.engine.block if block is None else block
    return world.directory.list(at, name, created, sender=sender or world.governor)


def code_hash(world, at):
    from careledger.values import keccak

    code = world.engine.code(at.address)[: len(at.artifact.deployed_bytecode)]  # this engine pads what it runs
    return as_hex(keccak(code))


@pytest.fixture
def given_listed(world):
    put(world, world.consents)


@pytest.fixture
def given_two(world, given_listed):
    put(world, world.records)


def test_constructor__when_asked__says_name_release_and_block(world):
    assert world.directory.suiteName() == as_hex(text32("CareLedger test"))
    assert world.directory.release() == as_hex(text32("1.0.0"))
    assert world.directory.createdAtBlock() == 1
    assert world.directory.count() == 0
    assert world.directory.current(NAME) == ZERO


def test_list__when_governance_calls__lists_with_the_code_hash_it_reads_itself(world):
    world.warp(world.engine.time + 9)
    now = world.engine.block
    tx = put(world, world.consents, block=1)
    values = {"at": world.consents.address, "name": as_hex(NAME), "number": 0}
    assert tx.events == [
        ("ContractListed", {**values, "codeHash": code_hash(world, world.consents), "createdAtBlock": 1})
    ]
    assert tx.value == 0
    listing = {
        "name": as_hex(NAME), "codeHash": code_hash(world, world.consents), "createdAtBlock": 1, "listedAtBlock": now,
        "retiredAtBlock": 0, "successor": 0,
    }  # fmt: skip
    assert world.directory.listingOf(world.consents) == listing
    assert world.directory.listingAt(0) == {"at": world.consents.address, "listing": listing}
    assert (world.directory.count(), world.directory.current(NAME)) == (1, world.consents.address)


def test_list__given_one_listed__when_another_of_its_name_is_listed__is_the_newest(world, given_listed):
    assert put(world, world.records).value == 1
    assert world.directory.current(NAME) == world.records.address
    assert world.directory.listingAt(0)["at"] == world.consents.address


def test_list__when_there_is_no_code__reverts(world, stranger):
    with reverts("SuiteDirectory_NoCode", at=stranger):
        put(world, stranger)


def test_list__given_one_listed__when_listed_again__reverts(world, given_listed):
    with reverts("SuiteDirectory_AlreadyListed", at=world.consents):
        put(world, world.consents, text32("Other"))


def test_list__when_created_in_a_block_yet_to_come__reverts(world):
    now = world.engine.block
    with reverts("SuiteDirectory_ImpossibleBlock", createdAtBlock=now + 1, notAfter=now):
        put(world, world.consents, block=now + 1)
    assert put(world, world.consents, block=now).events


def test_succeed__given_two_listed__when_governance_says_so__is_stated_once(world, given_two):
    tx = world.directory.succeed(world.consents, world.records, sender=world.governor)
    values = {"at": world.consents.address, "successor": world.records.address, "successorNumber": 1}
    assert tx.events == [("ContractSucceeded", values)]
    assert world.directory.listingOf(world.consents)["successor"] == 2
    with reverts("SuiteDirectory_AlreadyEnded", at=world.consents):
        world.directory.succeed(world.consents, world.records, sender=world.governor)


def test_succeed__given_one_listed__when_the_other_is_not_or_is_itself__reverts(world, given_listed):
    with reverts("SuiteDirectory_NotListed", at=world.records):
        world.directory.succeed(world.consents, world.records, sender=world.governor)
    with reverts("SuiteDirectory_NotListed", at=world.records):
        world.directory.succeed(world.records, world.consents, sender=world.governor)
    with reverts("SuiteDirectory_AlreadyEnded", at=world.consents):
        world.directory.succeed(world.consents, world.consents, sender=world.governor)


def test_retired__given_one_listed__when_governance_says_so__is_stated_once(world, given_listed):
    tx = world.directory.retired(world.consents, sender=world.governor)
    assert tx.events == [("ContractRetired", {"at": world.consents.address, "atBlock": world.engine.block})]
    assert world.directory.listingOf(world.consents)["retiredAtBlock"] == world.engine.block
    with reverts("SuiteDirectory_AlreadyEnded", at=world.consents):
        world.directory.retired(world.consents, sender=world.governor)


def test_retired__when_it_is_not_listed__reverts(world):
    with reverts("SuiteDirectory_NotListed", at=world.consents):
        world.directory.retired(world.consents, sender=world.governor)


def test_listingOf__when_there_is_none__reverts(world, given_listed):
    with reverts("SuiteDirectory_NotListed", at=world.records):
        world.directory.listingOf(world.records)
    with reverts("SuiteDirectory_NotListed", at=ZERO):
        world.directory.listingAt(1)


def test_G1_list__when_anybody_else_calls__reverts(world, stranger):
    with reverts("AccessManagedUnauthorized", caller=stranger):
        put(world, world.consents, sender=stranger)
