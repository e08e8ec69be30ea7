"""Compile the contracts once and write what is tested, shipped, deployed and verified: careledger/artifacts/*.json.

    scripts/build.py            compile if a source or a setting changed
    scripts/build.py --force    compile in any case
    scripts/build.py --check    compile and compare with the committed artifacts; fail on any difference
    scripts/build.py --sizes    print the size of each deployable and fail above the limit

Mocks are compiled apart from the product, into .build/artifacts, so that they never influence what ships. Creation code
also goes to .build/code, in the shape that Forge and Halmos read (`Kit.deploy`): they test the very same bytes.
careledger/artifacts/sources.sha256 says which sources and settings the artifacts come from, so that a fresh clone does
not compile what it already has; `--check` does not believe it.
"""

import argparse
import hashlib
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import toolchain
from toolchain import BUILD, ROOT

ARTIFACTS = ROOT / "careledger" / "artifacts"
MOCK_ARTIFACTS = BUILD / "artifacts"
CODE = BUILD / "code"
PRODUCT_STAMP = ARTIFACTS / "sources.sha256"
MOCK_STAMP = BUILD / "mocks.sha256"
FORMAT = "1"  # raise when the shape of an artifact changes
OPENZEPPELIN = "node_modules/@openzeppelin/contracts"
# OpenZeppelin's own contracts that a suite deploys beside ours.
BORROWED = (f"{OPENZEPPELIN}/access/manager/AccessManager.sol", f"{OPENZEPPELIN}/metatx/ERC2771Forwarder.sol")
OUTPUT = ["abi", "userdoc", "devdoc", "metadata", "storageLayout", "evm.bytecode.object", "evm.methodIdentifiers"]
OUTPUT += ["evm.deployedBytecode.object", "evm.deployedBytecode.immutableReferences"]

Json = dict[str, Any]


class BuildFailed(RuntimeError):
    """The sources do not compile, or the result is not what it has to be."""


def settings() -> Json:
    """Return the compiler settings of the standard JSON input, from pyproject.toml."""
    table = toolchain.solc_settings()
    quick = os.environ.get("CARELEDGER_SCRATCH") == str(ROOT)  # a mutant: compiled ten times sooner
    return {
        "optimizer": {"enabled": True, "runs": 1 if quick else table["optimizer_runs"]},  # small enough to deploy
        "viaIR": table["via_ir"] and not quick,
        "evmVersion": table["evm_version"],
        # No hash of the sources in the bytecode: a comment changes nothing on chain.
        "metadata": {"bytecodeHash": "none", "appendCBOR": False},
        "remappings": [f"@openzeppelin/contracts/={OPENZEPPELIN}/"],
    }


def product_sources() -> list[str]:
    """Return the files whose contracts ship: everything of ours but the mocks, and the borrowed contracts."""
    ours = [p.relative_to(ROOT).as_posix() for p in sorted((ROOT / "contracts").rglob("*.sol"))]
    return [path for path in ours if not path.startswith("contracts/mocks/")] + list(BORROWED)


def mock_sources() -> list[str]:
    """Return the files of test money and hostile counterparts."""
    return [p.relative_to(ROOT).as_posix() for p in sorted((ROOT / "contracts" / "mocks").rglob("*.sol"))]


def standard_input(sources: list[str], selection: Json) -> Json:
    """Return the compiler's input for `sources`; what they import is read from the project folder."""
    return {
        "language": "Solidity",
        "sources": {path: {"content": (ROOT / path).read_text()} for path in sources},
        "settings": {**settings(), "outputSelection": {"*": selection}},
    }


def compile_sources(sources: list[str], *, warnings_fail: bool) -> Json:
    """Compile and return the compiler's `contracts`.

    Raises:
        BuildFailed: An error, or a warning about our own files when those count as errors.
    """
    answer = ask_compiler(standard_input(sources, {"*": OUTPUT}))
    ours = [item for item in answer.get("errors", []) if not is_borrowed(item) and item["severity"] == "warning"]
    for item in ours:
        print(item["formattedMessage"].strip(), file=sys.stderr)
    if ours and warnings_fail:
        raise BuildFailed(f"{len(ours)} compiler warnings")
    contracts: Json = answer["contracts"]
    return contracts


def compile_trees(sources: list[str]) -> Json:
    """Return the compiler's `sources`: by file, the syntax tree as `ast`."""
    trees: Json = ask_compiler(standard_input(sources, {"": ["ast"]}))["sources"]
    return trees


def ask_compiler(question: Json) -> Json:
    """Give the compiler's standard JSON input to py-solc-x and return the answer.

    Raises:
        BuildFailed: The sources do not compile.
    """
    os.environ["SOLCX_BINARY_PATH"] = str(toolchain.SOLC_FOLDER)
    import solcx
    from solcx.exceptions import SolcError

    toolchain.link_solc()
    try:
        answer: Json = solcx.compile_standard(
            question,
            solc_version=toolchain.solc_settings()["version"],
            base_path=ROOT,
            allow_paths=ROOT,
        )
    except SolcError as error:
        raise BuildFailed(error_text(error)) from None
    return answer


def error_text(error: Any) -> str:
    """Return the compiler's own messages out of a py-solc-x error."""
    if getattr(error, "error_dict", None):
        return "\n".join(item["formattedMessage"] for item in error.error_dict if item["severity"] == "error")
    return str(getattr(error, "stdout_data", "") or getattr(error, "stderr_data", "") or error)[:4000]


def is_borrowed(item: Json) -> bool:
    """Say whether a compiler message is about somebody else's file."""
    return str((item.get("sourceLocation") or {}).get("file", "")).startswith("node_modules/")


def artifact(name: str, source: str, contract: Json) -> Json:
    """Return one artifact in the project's shape."""
    metadata = json.loads(contract["metadata"]) if contract.get("metadata") else {"sources": {}, "compiler": {}}
    closure = {path: entry["keccak256"] for path, entry in sorted(metadata["sources"].items())}
    deployed = contract["evm"]["deployedBytecode"]
    references = deployed.get("immutableReferences", {})
    return {
        "contractName": name,
        "sourceName": source.replace(f"{OPENZEPPELIN}/", "@openzeppelin/contracts/"),
        "abi": contract["abi"],
        "bytecode": "0x" + contract["evm"]["bytecode"]["object"],
        "deployedBytecode": "0x" + deployed["object"],
        # Byte ranges that the constructor fills in. The compiler names them by node number, which says nothing.
        "immutableReferences": sorted((ref for refs in references.values() for ref in refs), key=lambda r: r["start"]),
        "userdoc": contract["userdoc"],
        "devdoc": contract["devdoc"],
        "storageLayout": layout(contract.get("storageLayout") or {}),
        "methodIdentifiers": contract["evm"]["methodIdentifiers"],
        "sourceHash": "0x" + hashlib.sha256(json.dumps(closure, separators=(",", ":")).encode()).hexdigest(),
        "compiler": {"version": metadata["compiler"].get("version", ""), "settings": settings()},
    }


def layout(raw: Json) -> Json:
    """Return the storage layout without the compiler's node numbers, which change when any other file does."""
    text = json.dumps(raw)
    slots = json.loads(text)
    for slot in slots.get("storage", []):
        slot.pop("astId", None)
    for kind in (slots.get("types") or {}).values():
        for member in kind.get("members", []):
            member.pop("astId", None)
    cleaned: Json = json.loads(strip_ids(json.dumps(slots, sort_keys=True)))
    return cleaned


def strip_ids(text: str) -> str:
    """Remove node numbers from type names: `t_struct(Slot)123_storage` becomes `t_struct(Slot)_storage`."""
    return re.sub(r"\)(\d+)(?=[_,)\"])", ")", text)


def wanted(source: str, contract: Json) -> bool:
    """Say whether a contract ships: deployables, interfaces, and libraries that declare errors or events."""
    if contract["evm"]["bytecode"]["object"] and (source.count("/") == 1 or source in BORROWED):
        return True
    if source.startswith("contracts/interfaces/"):
        return True
    kinds = {entry["type"] for entry in contract["abi"]}
    return source.startswith("contracts/libraries/") and bool(kinds & {"error", "event"})


def is_deployable(entry: Json) -> bool:
    """Say whether an artifact can be deployed and is ours."""
    return bool(entry["bytecode"] != "0x" and entry["sourceName"].count("/") == 1)


def collect(contracts: Json, *, keep_all: bool) -> dict[str, Json]:
    """Return artifacts by contract name.

    Raises:
        BuildFailed: Two files declare the same name, which would let one hide the other.
    """
    found: dict[str, Json] = {}
    for source in sorted(contracts):
        for name, contract in sorted(contracts[source].items()):
            mock = source.startswith("contracts/mocks/")
            if not (mock if keep_all else wanted(source, contract)):
                continue
            if name in found:
                raise BuildFailed(f"{name} is declared in {found[name]['sourceName']} and in {source}")
            found[name] = artifact(name, source, contract)
    return found


def text_of(entry: Json) -> str:
    """Return an artifact as it is written: the same bytes for the same sources."""
    return json.dumps(entry, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write(entries: dict[str, Json], folder: Path) -> list[str]:
    """Make `folder` hold exactly `entries`; return the names that changed."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, entry in entries.items():
        path, text = folder / f"{name}.json", text_of(entry)
        if not path.is_file() or path.read_text() != text:
            fresh = path.with_suffix(f".{os.getpid()}.new")
            fresh.write_text(text)
            fresh.replace(path)
            changed.append(name)
    for path in folder.glob("*.json"):
        if path.stem not in entries:
            path.unlink()
            changed.append(f"-{path.stem}")
    return changed


def differences(entries: dict[str, Json], folder: Path) -> list[str]:
    """Return the names whose committed artifact is not what the sources give."""
    there = {path.stem: path.read_text() for path in folder.glob("*.json")}
    here = {name: text_of(entry) for name, entry in entries.items()}
    return sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))


def sizes(folder: Path, *, limit: int) -> list[str]:
    """Print the runtime size of each deployable and return those above `limit` bytes."""
    above = []
    for path in sorted(folder.glob("*.json")):
        entry = json.loads(path.read_text())
        if is_deployable(entry):
            size = len(entry["deployedBytecode"]) // 2 - 1
            print(f"  {entry['contractName']:<28} {size:>6} bytes  {100 * size / limit:5.1f} % of {limit}")
            if size > limit:
                above.append(entry["contractName"])
    return above


def fingerprint(sources: list[str]) -> str:
    """Return one hash over everything that decides the artifacts of `sources`."""
    openzeppelin = json.loads((ROOT / "package-lock.json").read_text())["packages"][OPENZEPPELIN]
    sha = hashlib.sha256(json.dumps([FORMAT, settings(), openzeppelin["version"]], sort_keys=True).encode())
    for path in sources:
        if path not in BORROWED:
            sha.update(path.encode() + b"\0" + (ROOT / path).read_bytes())
    return sha.hexdigest()


def is_current(stamp: Path, wanted: str) -> bool:
    """Say whether the artifacts beside `stamp` come from the present sources."""
    return stamp.is_file() and stamp.read_text().strip() == wanted


def build(*, force: bool) -> None:
    """Write the artifacts of the product and of the mocks, each unless its sources are the ones they come from."""
    product, mocks = product_sources(), mock_sources()
    wanted = fingerprint(product)
    if force or not is_current(PRODUCT_STAMP, wanted):
        entries = collect(compile_sources(product, warnings_fail=False), keep_all=False)
        changed = write(entries, ARTIFACTS)
        PRODUCT_STAMP.write_text(wanted + "\n")
        print(f"Compiled {len(entries)} contracts; changed: {', '.join(changed) or 'none'}.", file=sys.stderr)
    wanted = fingerprint(product + mocks)
    if mocks and (force or not is_current(MOCK_STAMP, wanted)):
        write(collect(compile_sources(mocks, warnings_fail=False), keep_all=True), MOCK_ARTIFACTS)
        MOCK_STAMP.write_text(wanted + "\n")
    write_code()


def write_code() -> None:
    """Write the creation code of every artifact in the shape that Forge's and Halmos' `getCode` read."""
    CODE.mkdir(parents=True, exist_ok=True)
    for folder in (ARTIFACTS, MOCK_ARTIFACTS):
        for path in folder.glob("*.json"):
            target = CODE / path.name
            if target.is_file() and target.stat().st_mtime > path.stat().st_mtime:
                continue
            target.write_text(code_of(json.loads(path.read_text())))


def code_of(entry: Json) -> str:
    """Return an artifact as Forge writes it, as far as `getCode` reads it."""
    return json.dumps(
        {"abi": entry["abi"], **{key: {"object": entry[key]} for key in ("bytecode", "deployedBytecode")}}
    )


def build_mutant(sources: list[str]) -> None:
    """Compile `sources` by the quick pipeline, for size alone, over the artifacts of a scratch copy.

    Raises:
        BuildFailed: This is not a scratch copy; such bytes must never be committed.
    """
    if os.environ.get("CARELEDGER_SCRATCH") != str(ROOT):
        raise BuildFailed("--mutant is for the scratch copies of scripts/mutate.py and scripts/coverage.py.")
    contracts = compile_sources(sources or product_sources(), warnings_fail=False)
    mocks = any(source.startswith("contracts/mocks/") for source in sources)
    target = MOCK_ARTIFACTS if mocks else ARTIFACTS
    for folder in (target, CODE):
        folder.mkdir(parents=True, exist_ok=True)
    for name, entry in collect(contracts, keep_all=mocks).items():
        (target / f"{name}.json").write_text(text_of(entry))
        (CODE / f"{name}.json").write_text(code_of(entry))


def check() -> int:
    """Compile from scratch and compare with what is committed."""
    product = collect(compile_sources(product_sources(), warnings_fail=True), keep_all=False)
    if different := differences(product, ARTIFACTS):
        print(f"Error: committed artifacts differ from the sources: {', '.join(different)}.", file=sys.stderr)
        print("Try:   make build, then commit careledger/artifacts.", file=sys.stderr)
        return 1
    print(f"{len(product)} artifacts are what the sources give.")
    return size_gate(product)


def size_gate(product: dict[str, Json]) -> int:
    """Fail when a deployable is above the limit of pyproject.toml."""
    with tempfile.TemporaryDirectory() as folder:
        write(product, Path(folder))
        return report_sizes(Path(folder))


def report_sizes(folder: Path) -> int:
    """Print the sizes and return the exit code."""
    if above := sizes(folder, limit=toolchain.solc_settings()["runtime_limit"]):
        print(f"Error: too large to deploy everywhere: {', '.join(above)}.", file=sys.stderr)
        print("Try:   split by user story before reaching for the optimiser.", file=sys.stderr)
        return 1
    return 0


def main() -> int:
    """Parse the arguments and do the one thing asked for."""
    parser = argparse.ArgumentParser(description="Compile the contracts into artifacts.")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--check", action="store_true", help="compare with the committed artifacts")
    choice.add_argument("--sizes", action="store_true", help="print and judge the sizes of the artifacts")
    choice.add_argument("--force", action="store_true", help="compile even when nothing changed")
    choice.add_argument("--mutant", nargs="*", metavar="SOURCE", help="only in scratch copies")
    parser.add_argument("--artifacts", type=Path, default=ARTIFACTS, help="the folder that --sizes judges")
    arguments = parser.parse_args()
    try:
        if arguments.check:
            return check()
        if arguments.sizes:
            return report_sizes(arguments.artifacts)
        if arguments.mutant is not None:
            build_mutant(arguments.mutant)
        else:
            build(force=arguments.force)
    except BuildFailed as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
