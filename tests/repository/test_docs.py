"""What the documents say is so: catalogue, snippets, commands, links, reasons and gas figures are compared.

README.md and docs/
  the catalogue equals each contract's @notice
  the Python snippets run
  every make target, careledger command and script exists
  every link and path leads somewhere
  no path of a machine is in them
docs/consents.md: its reasons are those of ``codes.Reason``
docs/gas.md: its figures are measured anew
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from careledger import CareLedger, PartyRef, Purpose, Reason
from careledger.chain.abi import artifacts
from careledger.chain.calls import Call
from careledger.cli import NOUNS

ROOT = Path(__file__).resolve().parent.parent.parent
README = ROOT / "README.md"
PAGES = [
    README,
    *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "seeds/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
CONTRACTS = sorted(path.stem for path in (ROOT / "contracts").glob("*.sol"))
GAS_TOLERANCE = 120
"""Zero bytes in a random address, salt or signature make calldata cheaper by 12 gas each."""


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def code(page: Path) -> list[str]:
    """Return the lines in fences without a language, and what stands in backticks."""
    fences = re.findall(r"^```(?:sh|bash|console)?\n(.*?)^```", text(page), re.M | re.S)
    prose = re.sub(r"^```.*?^```", "", text(page), flags=re.M | re.S)
    return [line.strip() for fence in fences for line in fence.splitlines()] + re.findall(r"`([^`\n]+)`", prose)


def snippets(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text(page), re.M | re.S)


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def rows(page: Path, heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading."""
    after = text(page).split(f"\n{heading}\n", 1)[1]
    table = re.search(r"^\|.*?(?=\n\n|\Z)", after, re.M | re.S)
    assert table is not None
    lines = table.group().splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_readme__first_ten_lines__say_demo_and_test() -> None:
    first = "\n".join(text(README).splitlines()[:10])
    assert "make demo" in first and "make test" in first
    assert "no audit yet" in "\n".join(text(README).splitlines()[:20]).lower()
    assert len(text(README).splitlines()) <= 130


def test_readme__catalogue__equals_notice() -> None:
    told = {cells[0].strip("`"): cells[1] for cells in rows(README, "## Contracts")}
    notices = {
        name: json.loads((ROOT / "careledger" / "artifacts" / f"{name}.json").read_text())["userdoc"]["notice"]
        for name in CONTRACTS
    }
    assert told == notices


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_docs__python_snippets__run(
    page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    local = CareLedger.local
    monkeypatch.setattr(CareLedger, "local", lambda **options: local(**{"engine": "in-process", **options}))
    for snippet in snippets(page):
        exec(compile(snippet, str(page), "exec"), {})
    if page == README:
        printed = capsys.readouterr().out
        assert "You let Dr Roe" in printed
        assert printed.splitlines()[-2:] == ["True DIRECTIVE []", "False DENIED_TO_PERSON ['hiv']"]
        assert all(f"`{line}`" in text(README) for line in printed.splitlines()[-2:])


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_docs__every_command__exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", text(ROOT / "Makefile"), re.M))
    nouns = {noun.name for noun in NOUNS}
    known = {"make": targets, "careledger": nouns}
    unknown = []
    for line in code(page):
        for command in re.split(r"[,;&|#]", line):
            words = command.split()
            if len(words) > 1 and words[0] in known and re.fullmatch(r"[a-z]+", words[1]):
                unknown += [command] if words[1] not in known[words[0]] else []
    assert unknown == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_docs__every_link__leads_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text(page)):
        if re.match(r"https://", target):
            continue
        name, _, anchor = target.partition("#")
        file = page if not name else (page.parent / name).resolve()
        headings = re.findall(r"^#+ (.*)$", text(file), re.M) if file.suffix == ".md" and file.is_file() else []
        if not file.exists() or (anchor and anchor not in map(slug, headings)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_docs__every_path_in_backticks__exists(page: Path) -> None:
    tops = r"(?:contracts|careledger|scripts|seeds|tests|benchmarks|docs|\.ci|\.github)"
    missing = []
    for span in code(page):
        for path in re.findall(rf"(?<![\w/.-]){tops}/[\w./*-]+", span):
            found = path.rstrip(".")
            if "…" in span or "Name" in found or found.startswith("careledger/artifacts"):
                continue
            if re.fullmatch(r"careledger/\w+/v1", found):  # a domain in a hash
                continue
            if not (any(ROOT.glob(found)) if "*" in found else (ROOT / found).exists()):
                missing.append(found)
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_docs__no_page__shows_a_machine(page: Path) -> None:
    assert re.findall(r"(?<![\w.])/(?:home|root|work|tmp|Users|opt|var)/\S*|[A-Z]:\\\S*|file://\S*", text(page)) == []


def test_consents__reasons_table__equals_codes() -> None:
    told = [tuple(cells) for cells in rows(ROOT / "docs" / "consents.md", "## Reasons")]
    assert told == [(str(item.value), f"`{item.name}`", item.doc) for item in Reason if item is not Reason.NONE]


def test_readme__quoted_versions__match_the_project() -> None:
    project = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]
    assert f"## {project['version']}" in text(ROOT / "CHANGELOG.md")
    assert "Python 3.11" in text(README) and project["requires-python"] == ">=3.11"


def figures() -> list[int]:
    """Do each act of the table once, in its order, on a fresh suite."""
    with CareLedger.local(engine="in-process") as care:
        assert care.chain is not None
        patient, signing, courier, *others = (care.chain.signer(at) for at in range(1, 7))
        mine, records = care.as_(patient), care.suite["RecordRegistry"].address
        abi, used = artifacts().load("RecordRegistry"), []

        def draft(who: Any, to: Any) -> Any:
            to_party = PartyRef("organisation", to.address)
            return care.consents.draft(patient=PartyRef("person", who.address), to=to_party, purpose=Purpose.TREAT)

        used.append(mine.consents.grant(draft(patient, others[0])))
        used.append(care.as_(courier).consents.grant(draft(signing, others[1]).signed_by(signing)))
        used.append(
            mine.consents.revoke(
                PartyRef("person", patient.address),
                to=PartyRef("organisation", others[0].address),
                purpose=Purpose.TREAT,
            )
        )
        used.append(mine.consents.grant(draft(patient, others[0])))
        word = "0x" + "5a" * 32
        for name, arguments in (("anchor", (1, word)), ("anchorBatch", (word, 1000, 1))):
            data = abi.encode_call(name, patient.address, *arguments)
            used.append(mine.sender.submit(Call(to=records, data=data), key=name))
        return [receipt.gas for receipt in used]


def test_gas__figures_of_the_page__are_measured_and_within_their_goals() -> None:
    table = rows(ROOT / "docs" / "gas.md", "## Goals and figures")
    measured = figures()
    assert len(measured) == len(table)
    for cells, gas in zip(table, measured, strict=True):
        told, goal = (int(cell.replace(",", "")) if cell else None for cell in cells[1:3])
        assert told is not None and abs(gas - told) <= GAS_TOLERANCE, f"{cells[0]}: {gas}"
        assert goal is None or gas <= goal, f"{cells[0]}: {gas} is above {goal}"


def test_gas__parts__add_up() -> None:
    page = ROOT / "docs" / "gas.md"
    for heading in ("## What a grant is made of", "## What is above the floor, by name"):
        *parts, total = rows(page, heading)
        for column in (1, 2, 3):
            numbers = [int(row[column].strip("*").replace(",", "") or 0) for row in parts]
            assert sum(numbers) == int(total[column].strip("*").replace(",", ""))
