"""Who is whose: a linker reads a simulated year of a region, everything a stranger sees, and tries to join accounts.

    python benchmarks/linking.py [--people 2000] [--regions 2] [--compare] [--quick]
                                 [--ceremony-hours 6] [--json]
    python benchmarks/linking.py --rpc URL --suite ADDRESS [--first-block N]

The region's people act through the SDK on the real contracts; benchmarks/linker/people.py says who they are. The linker
learns from one region whose truth it is told, and is measured on others. Chance is 50 %: it is shown a true pair and a
false one. The decoy is anybody, or somebody alike in what each pseudonym shows by itself. `first` is how often the
first of everybody is right; `joins` are the numbers in docs/trust.md that give most away against either decoy. With
`--rpc` only the exact pass runs, on a chain of one's own. Exit 1 when an identifier joins what docs/trust.md does not
list, or the limit is passed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # the regions share the cores already
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from linker.joins import Join, exact_joins  # noqa: E402
from linker.people import KINDS, Manner  # noqa: E402
from linker.region import Region, live  # noqa: E402
from linker.score import Figure, Linker, Result, Study  # noqa: E402
from linker.sight import look  # noqa: E402
from linker.verdict import LIMIT, problems, results  # noqa: E402

from careledger.errors import CareLedgerError  # noqa: E402
from careledger.recovery.parcels import SPREAD_HOURS  # noqa: E402

TRAINING: Final = 1000
"""Seed of the region that is learnt from; those that are measured have 1, 2 and so on."""
MOST: Final = 800
"""Pseudonyms of plain people that are compared with everybody, in each region."""
MANNERS: Final = {
    "to the second, at once": Manner(exact_times=True, spread_days=0),
    "shared times, at once": Manner(spread_days=0),
    "shared times, spread over 7 days (the SDK)": Manner(),
    "... and each keeps to one relayer of three": Manner(one_relayer=True),
}


def _live(asked: tuple[int, int, Manner]) -> Region:
    people, seed, manner = asked
    return live(people, seed=seed, manner=manner)


def studied(people: int, regions: int, manner: Manner) -> tuple[list[Study], Linker, Linker]:
    """Let regions live, learn from one, and return the others with what was learnt."""
    asked = [(people, seed, manner) for seed in (TRAINING, *range(1, regions + 1))]
    with ProcessPoolExecutor(min(len(asked), os.cpu_count() or 1), mp_context=get_context("spawn")) as pool:
        training, *others = [Study(region) for region in pool.map(_live, asked)]
    pairs = Linker.learn(training.pairs(most=MOST, seed=TRAINING))
    anchors = Linker.learn(training.records(most=MOST, seed=TRAINING))
    return others, pairs, anchors


def measured(people: int, regions: int, manner: Manner) -> tuple[dict[str, Any], list[Join], list[Result]]:
    """Measure one manner."""
    began = time.perf_counter()
    studies, pairs, anchors = studied(people, regions, manner)
    joins = [join for study in studies for join in exact_joins(study.sight)]
    found = results(studies, pairs, anchors, most=MOST)
    facts = {
        "people": people * regions, "pseudonyms": sum(study.traits.count for study in studies),
        "transactions": sum(len(study.region.ledger) for study in studies),
        "seconds": time.perf_counter() - began,
    }  # fmt: skip
    return facts, joins, found


def compare(people: int) -> list[dict[str, Any]]:
    """Measure what each measure of the SDK does for those who use its defaults."""
    rows = []
    for name, manner in MANNERS.items():
        _, _, found = measured(people, 1, manner)
        plain = {item.name for item in KINDS if item.plain}
        rows += [{"manner": name, **asdict(item)} for item in found if item.name in plain]
    return rows


def on_node(url: str, suite: str, first: int) -> list[Join]:
    """Run the exact pass on a chain of one's own."""
    from linker.node import ledger_of

    from careledger import CareLedger

    with CareLedger.connect(url, suite=suite) as care:
        contracts = [care.suite.directory, *(item.address for item in care.suite.listings)]
        return exact_joins(look(ledger_of(care.connection.rpc, contracts, first=first)))


def show(facts: dict[str, Any], joins: list[Join], found: list[Result]) -> None:
    """Print the tables for people."""
    print(f"{facts['people']:,} people, {facts['pseudonyms']:,} pseudonyms, {facts['transactions']:,} transactions")
    show_joins(joins)
    print(f"\n{'whose pair':20}{'people':>8}{'anybody':>15}{'alike':>15}{'first':>9}{'guess':>9}{'joins':>9}")
    for item in found:
        explained = [
            str(number) if figure.value > LIMIT else "-"
            for number, figure in zip(item.joins, (item.anybody, item.alike), strict=True)
        ]
        print(
            f"{item.name:20}{item.people:>8,}{_figure(item.anybody):>15}{_figure(item.alike):>15}"
            f"{item.first.value:>9.2%}{item.guess:>9.3%}{', '.join(explained):>9}"
        )
    print(f"chance is 50 %, the limit {LIMIT:.0%}; ± is 95 %; {facts['seconds']:.0f} s")


def show_joins(joins: list[Join]) -> None:
    """Print how often each kind of identifier is shared."""
    print("identifiers shared by pseudonyms:" + ("" if joins else " none"))
    for (number, where), count in sorted(Counter((join.number or 0, join.where) for join in joins).items()):
        print(f"  {count:>6,}  {where:36} {f'join {number}' if number else 'NOT LISTED in docs/trust.md'}")


def _figure(figure: Figure) -> str:
    return f"{figure.value * 100:.1f} ± {figure.error * 196:.1f} %"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=2000, help="in each region")
    parser.add_argument("--regions", type=int, default=2, help="measured; one more is learnt from")
    parser.add_argument("--quick", action="store_true", help="300 people in one region")
    parser.add_argument("--compare", action="store_true", help="also what each measure does, in regions of 1,000")
    parser.add_argument("--ceremony-hours", type=float, default=SPREAD_HOURS, help="spread of a recovery ceremony")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--rpc", help="the node of a chain to run the exact pass on")
    parser.add_argument("--suite", help="its SuiteDirectory")
    parser.add_argument("--first-block", type=int, default=0)
    options = parser.parse_args()
    if bool(options.rpc) != bool(options.suite):
        parser.error("--rpc and --suite go together")
    found: list[Result] = []
    if options.rpc:
        joins = on_node(options.rpc, options.suite, options.first_block)
        print(json.dumps([asdict(join) for join in joins], indent=2)) if options.json else show_joins(joins)
    else:
        people, regions = (300, 1) if options.quick else (options.people, options.regions)
        facts, joins, found = measured(people, regions, Manner(ceremony_hours=options.ceremony_hours))
        rows = compare(1000) if options.compare else []
        if options.json:
            print(json.dumps({**facts, "results": [asdict(item) for item in found], "compared": rows}, indent=2))
        else:
            show(facts, joins, found)
            for row in rows:
                alike, first = row["alike"], row["first"]
                print(
                    f"{row['manner']:46}{row['name']:10}{alike['value']:>8.1%} ± {alike['error'] * 196:.1f}"
                    f"{first['value']:>9.2%}"
                )
    wrong = list(problems(joins, found))
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    try:
        main()
    except CareLedgerError as error:
        sys.exit(f"{error.message} {error.fix}".strip())
