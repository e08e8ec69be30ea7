"""The linker on a small region: what a stranger can join, and that it would notice a client that gives its people away.

a region whose people use the SDK
  custodians                                    → none knows a person by the pseudonym another knows
  identifiers that pseudonyms share             → none but those docs/trust.md lists, and each of one person only
  people whose occasions are separate           → not told from others alike
  records                                       → share no identifier with a pseudonym
clients that give their people away (canaries)
  one account for all custodians                → one pseudonym for each person
  one receipt for several consents              → an identifier that is not listed
  one encryption key for all accounts           → join 8
  one sitting for everything, to the second     → above the limit
docs/trust.md
  its list of joins                             → the linker's
the demo's own chain
  identifiers that pseudonyms share             → none that is not listed
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from careledger import CareLedger

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "benchmarks"))

from linker.joins import JOINS, exact_joins  # noqa: E402
from linker.node import ledger_of  # noqa: E402
from linker.people import Manner  # noqa: E402
from linker.region import live  # noqa: E402
from linker.score import Linker, Result, Study  # noqa: E402
from linker.sight import look  # noqa: E402
from linker.verdict import problems, results  # noqa: E402

PEOPLE, SEED = 150, 1
pytestmark = pytest.mark.xdist_group("linker")


@cache
def study() -> Study:
    return Study(live(PEOPLE, seed=SEED))


def scored(found: Study) -> list[Result]:
    """Learn from every other person of a region, and measure on the rest."""
    pairs = Linker.learn(found.pairs(most=PEOPLE, seed=SEED, half=0))
    anchors = Linker.learn(found.records(most=PEOPLE, seed=SEED))
    return results([found], pairs, anchors, most=PEOPLE, half=1)


def few(**changed: bool | float) -> Study:
    """A few people with a client that does something else."""
    return Study(live(45, seed=SEED, manner=Manner(**changed), days=240))  # type: ignore[arg-type]


def test_H7_accounts__of_one_person__another_for_each_custodian() -> None:
    known = study().region.truth.relations
    assert len(known) > PEOPLE and len(set(known.values())) == len(known)
    assert study().region.lost < len(study().region.ledger) / 100


def test_H7_exact_pass__people_use_the_sdk__only_listed_joins_and_each_of_one_person() -> None:
    found, owner = exact_joins(study().sight), study().region.truth.owner
    assert {join.number for join in found} == {2, 5, 6, 7}
    assert not any(join.records for join in found)
    assert all(len({owner[name] for name in join.pseudonyms}) == 1 for join in found if join.number != 2)


def test_H7_linker__occasions_are_separate__not_told_from_others_alike() -> None:
    found = scored(study())
    assert list(problems(exact_joins(study().sight), found)) == []
    by_name = {item.name: item for item in found}
    assert by_name["recovered at once"].alike.value > 0.9 > by_name["separate"].alike.value


@pytest.mark.parametrize(
    ("changed", "number"), [({"one_salt": True}, None), ({"one_key": True}, 8)], ids=["one receipt", "one key"]
)
def test_H7_canary__client_reuses_an_identifier__found(changed: dict[str, bool], number: int | None) -> None:
    found = exact_joins(few(**changed).sight)
    assert number in {join.number for join in found}
    assert bool(list(problems(found, []))) == (number is None)


def test_H7_canary__one_account_for_all_custodians__one_pseudonym_each() -> None:
    known = few(one_account=True).region.truth.relations
    assert len(set(known.values())) < len(known)


def test_H7_canary__everything_in_one_sitting_to_the_second__above_the_limit() -> None:
    leaky = Study(live(70, seed=SEED, manner=Manner(exact_times=True, spread_days=0, all_at_once=True), days=240))
    wrong = list(problems(exact_joins(leaky.sight), scored(leaky)))
    assert len(wrong) == 1 and "the limit is 55%" in wrong[0]


def test_H7_trust__list_of_joins__is_the_linkers() -> None:
    text = (ROOT / "docs" / "trust.md").read_text()
    listed = re.search(r"### Joins that exist\n(.*?)\n###", text, re.DOTALL)
    assert listed is not None
    assert [int(number) for number in re.findall(r"^(\d+)\. \*\*", listed[1], re.MULTILINE)] == list(JOINS)


def test_H7_demo__every_event_and_calldata__no_unlisted_join(story: Callable[[CareLedger], None]) -> None:
    with CareLedger.local() as care:
        story(care)
        contracts = [care.suite.directory, *(item.address for item in care.suite.listings)]
        sight = look(ledger_of(care.connection.rpc, contracts))
    assert sight.pseudonyms and len(sight.seen) > 20
    assert [join for join in exact_joins(sight) if join.number is None or join.records] == []


@pytest.fixture
def story() -> Callable[[CareLedger], None]:
    """What plays the demo on a chain."""
    from careledger.demo import Story, play

    def played(care: CareLedger) -> None:
        assert care.chain is not None
        patient = next((ROOT / "careledger" / "seeds" / "patients").glob("*.json"))
        play(care, Story(), patient=patient, accounts=care.chain.signer)

    return played
