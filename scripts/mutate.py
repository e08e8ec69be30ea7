"""Change the contracts on purpose and count how many changes the tests notice.

    scripts/mutate.py                             every target of tests/mutation.toml
    scripts/mutate.py --only ConsentRegistry      one target
    scripts/mutate.py --limit 60                  a sample per target, always the same one

Works in a scratch copy, so the project's files are never touched. A mutant that does not compile is not counted; one
with the same bytecode is dropped as equivalent. score = killed / (killed + survived). The survivors go to
docs/mutation.md, by hand to be killed or explained there.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import toolchain
from toolchain import ROOT

TARGETS = ROOT / "tests" / "mutation.toml"
REPORT = ROOT / "docs" / "mutation.md"
COPIED = ("contracts", "tests", "scripts", "careledger", "pyproject.toml", "package-lock.json", "foundry.toml")
LINKED = ("node_modules", ".venv")
BUILT = (".build/artifacts", ".build/code")

# What to change, and into what. Spaces around operators are the formatter's, and keep generics and comments out.
SWAPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r" == ", (" != ",)),
    (r" != ", (" == ",)),
    (r" < ", (" <= ", " >= ")),
    (r" <= ", (" < ", " > ")),
    (r" > ", (" >= ", " <= ")),
    (r" >= ", (" > ", " < ")),
    (r" \+ ", (" - ",)),
    (r" - ", (" + ",)),
    (r" \* ", (" / ",)),
    (r" / ", (" * ",)),
    (r" & ", (" | ",)),
    (r" \| ", (" & ",)),
    (r" & ~", (" & ",)),
    (r" << ", (" >> ",)),
    (r" >> ", (" << ",)),
    (r" \+= ", (" -= ", " = ")),
    (r" -= ", (" += ", " = ")),
    (r" \|= ", (" = ", " &= ")),
    (r" && ", (" || ",)),
    (r" \|\| ", (" && ",)),
    (r"\btrue\b", ("false",)),
    (r"\bfalse\b", ("true",)),
    (r"if \((?!!)", ("if (true || ", "if (false && ")),
    (r"if \(!", ("if (",)),
    (r"(?<=\)) (?:restricted|nonReentrant|only\w+)\b", ("",)),
    (r"(?<![\w.])0(?![\w.x])", ("1",)),
    (r"(?<![\w.])1(?![\w.x])", ("2",)),
    (r"\b1 (days|hours|weeks)\b", (r"2 days",)),
)
# How Forge and scripts/build.py say that a mutant does not compile.
UNCOMPILED = (
    "Compiler run failed",
    "Error: DeclarationError",
    "Error: TypeError",
    "Error: ParserError",
    "SyntaxError:",
)
STATEMENT = re.compile(r"^[ \t]+([A-Za-z_][^;{}\n]*;)[ \t]*$", re.MULTILINE)
DECLARATION = re.compile(r"(return|if|for|while|using|event|error|import|else|assembly|revert\b.*\bnever)\b")
TYPED = re.compile(
    r"([A-Za-z_][\w.\[\]]*)\s+(memory\s|storage\s|calldata\s|public\s|private\s|internal\s|[a-z_]\w*\s*[=;])"
)


@dataclass(frozen=True)
class Mutant:
    """One change: the characters from `start` to `end` become `text`."""

    start: int
    end: int
    text: str

    def apply(self, source: str) -> str:
        """Return the changed source."""
        return source[: self.start] + self.text + source[self.end :]

    def describe(self, source: str) -> str:
        """Return the change as one line for the report."""
        line = source.count("\n", 0, self.start) + 1
        return f"line {line}: `{source[self.start : self.end].strip()}` → `{self.text.strip() or 'nothing'}`"


@dataclass
class Score:
    """What became of a target's mutants."""

    killed: int = 0
    survived: list[str] = field(default_factory=list)
    invalid: int = 0
    equivalent: int = 0

    @property
    def share(self) -> float:
        """Killed among those that could be."""
        return self.killed / max(1, self.killed + len(self.survived))


def blank_comments(source: str) -> str:
    """Replace comments by spaces, so that offsets stay."""
    return re.sub(r"/\*.*?\*/|//[^\n]*", lambda m: re.sub(r"[^\n]", " ", m[0]), source, flags=re.DOTALL)


def mutants(source: str) -> list[Mutant]:
    """Return every change of `source`, in an order that is always the same."""
    code = blank_comments(source)
    body = re.search(r"^(abstract contract|contract|library|function) ", code, re.MULTILINE)
    start = body.start() if body else 0
    found = list(swaps(code, start)) + list(deletions(code, start))
    random.Random(1).shuffle(found)
    return found


def swaps(code: str, start: int) -> Iterator[Mutant]:
    """Yield the exchanges of operators, literals, conditions and modifiers."""
    for pattern, replacements in SWAPS:
        for match in re.compile(pattern).finditer(code, start):
            line = code[code.rfind("\n", 0, match.start()) + 1 : match.start()]
            if line.lstrip().startswith(("import", "pragma", "using", "error", "event")):
                continue
            for text in replacements:
                yield Mutant(match.start(), match.end(), text)


def deletions(code: str, start: int) -> Iterator[Mutant]:
    """Yield the deletions of one statement each."""
    for match in STATEMENT.finditer(code, start):
        statement = match[1]
        if DECLARATION.match(statement) or TYPED.match(statement) or "constant" in statement:
            continue
        yield Mutant(match.start(1), match.end(1), "")


def scratch(folder: Path) -> None:
    """Copy what the tests need, link the installed tools."""
    for name in (*COPIED, *BUILT):
        source = ROOT / name
        if not source.exists():
            continue
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)


def run(command: list[str], folder: Path, seconds: int) -> tuple[int, str]:
    """Run the target's tests; a run beyond the time limit counts as noticed."""
    environment = {
        **toolchain.environment(),
        "FOUNDRY_PROFILE": "mutate",
        "CARELEDGER_SCRATCH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        answer = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, env=environment, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return 124, "timed out"
    return answer.returncode, answer.stdout + answer.stderr


def bytecode(folder: Path) -> str:
    """Return a digest of the runtime code of every contract that the last run built, by Forge or by build.py."""
    sha = hashlib.sha256()
    built = [*(folder / ".build/forge/out").glob("*.sol/*.json"), *(folder / ".build/code").glob("*.json")]
    for path in sorted(built):
        code = json.loads(path.read_text()).get("deployedBytecode", {}).get("object", "")
        sha.update(f"{path.name}:{code}".encode())
    return sha.hexdigest()


def judge(folder: Path, file: str, commands: list[list[str]], limit: int) -> Score:
    """Try the mutants of one file.

    Raises:
        SystemExit: The tests fail without any change, so they could not tell.
    """
    path = folder / file
    source = path.read_text()
    for command in commands:
        code, said = run(command, folder, 600)
        if code:
            sys.exit(f"Error: the tests of {file} fail without any change:\n{said[-2000:]}")
    baseline, score, began = bytecode(folder), Score(), time.monotonic()
    chosen = mutants(source)[:limit]
    try:
        for number, mutant in enumerate(chosen, start=1):
            path.write_text(mutant.apply(source))
            code, said = next(
                (answer for answer in (run(each, folder, 300) for each in commands) if answer[0]), (0, "")
            )
            if code and any(sign in said for sign in UNCOMPILED):
                score.invalid += 1
            elif code:
                score.killed += 1
            elif bytecode(folder) == baseline:
                score.equivalent += 1
            else:
                score.survived.append(mutant.describe(source))
            if sys.stderr.isatty():
                print(f"\r  {file} {number}/{len(chosen)} {score.share:.0%}", end="", file=sys.stderr)
    finally:
        path.write_text(source)
    took = time.monotonic() - began
    print(
        f"  {file:<40} {score.killed} killed, {len(score.survived)} survived, {score.equivalent} equivalent, "
        f"{score.invalid} invalid: {score.share:.1%}  {took:.0f} s",
        flush=True,
    )
    for line in sorted(score.survived):
        print(f"    survived {line}", flush=True)
    return score


def write_report(scores: dict[str, Score], path: Path) -> None:
    """Write the table and the survivors."""
    lines = ["# Mutation score", "", "Written by `make mutate`. A survivor is a change that no test notices.", ""]
    lines += ["| file | killed | survived | equivalent | score |", "| --- | --- | --- | --- | --- |"]
    for file, score in sorted(scores.items()):
        row = f"| `{file}` | {score.killed} | {len(score.survived)} | {score.equivalent} | {score.share:.1%} |"
        lines.append(row)
    for file, score in sorted(scores.items()):
        if score.survived:
            lines += ["", f"## {file}", "", *(f"- {line}" for line in sorted(score.survived))]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def main() -> int:
    """Parse the arguments, try each target, judge the scores."""
    parser = argparse.ArgumentParser(description="Mutation tests of the contracts.")
    parser.add_argument("--only", action="append", default=[], help="name of a target (may be repeated)")
    parser.add_argument("--limit", type=int, default=200, help="mutants per target")
    parser.add_argument("--targets", type=Path, default=TARGETS)
    parser.add_argument("--report", type=Path, default=REPORT)
    arguments = parser.parse_args()
    targets = tomllib.loads(arguments.targets.read_text())["target"]
    chosen = [target for target in targets if not arguments.only or Path(target["file"]).stem in arguments.only]
    if not chosen:
        sys.exit("Error: no target has that name.")
    scores, below = {}, []
    with tempfile.TemporaryDirectory(prefix="careledger-mutate-") as name:
        folder = Path(name).resolve()
        scratch(folder)
        for target in chosen:
            commands = [[word.replace("{python}", sys.executable) for word in command] for command in target["tests"]]
            score = scores[target["file"]] = judge(folder, target["file"], commands, arguments.limit)
            if score.share < target["score"] or score.killed == 0:
                below.append(f"{target['file']}: {score.share:.1%}, wanted {target['score']:.0%}")
    if not arguments.only:
        write_report(scores, arguments.report)
    for line in below:
        print(f"Error: {line}", file=sys.stderr)
    return 1 if below else 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
