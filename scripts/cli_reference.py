"""Write docs/cli.md: what every command says about itself.

scripts/cli_reference.py --write     write it anew
scripts/cli_reference.py --check     exit 1 where it is not what the commands say
"""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"
WIDTH = 100
HEAD = """# The command line

Written by `scripts/cli_reference.py --write` from the commands themselves.

Data goes to stdout, everything else to stderr. `--json` answers in JSON, errors too. Exit codes: 0 yes or done,
1 failed, 2 misuse, 3 the answer is no (denied, not genuine, findings), 4 try again (node away, pending), 130
interrupted.
Settings: flag, environment (`CARELEDGER_RPC`), `.env`, `careledger.toml` here and in the user's configuration, default;
`careledger config` shows each value and where it came from. Passwords come from a prompt, `CARELEDGER_PASSWORD` or
`CARELEDGER_PASSWORD_FILE`, never from arguments.
"""


def walk(command: Any, context: Any) -> Iterator[tuple[str, str]]:
    """Yield the path and help text of a command and of everything below it."""
    yield context.command_path, command.get_help(context)
    if not hasattr(command, "list_commands"):
        return
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        yield from walk(below, type(context)(below, info_name=name, parent=context, max_content_width=WIDTH))


def everything() -> list[tuple[str, str]]:
    """Return the path and help text of every command, the program itself first."""
    os.environ["COLUMNS"] = os.environ["TERMINAL_WIDTH"] = str(WIDTH)
    from careledger.cli.root import command

    root = command()
    return list(walk(root, root.context_class(root, info_name="careledger", max_content_width=WIDTH)))


def settings_table() -> str:
    """Return every setting as a Markdown table."""
    from careledger.settings import KEYS

    rows = ["## Settings", "", "| name | environment | default | what for |", "|---|---|---|---|"]
    for key in KEYS.values():
        default = "" if key.default is None else f"`{str(key.default).lower()}`"
        doc = key.doc + (f" ({', '.join(key.choices)})" if key.choices else "")
        rows.append(f"| `{key.name}` | `CARELEDGER_{key.name.upper()}` | {default} | {doc} |")
    return "\n".join([*rows, ""])


def reference() -> str:
    """Return the whole page."""
    parts = [HEAD, settings_table()]
    for path, text in everything():
        depth = "##" if path.count(" ") < 2 else "###"
        body = "\n".join(line.rstrip() for line in text.splitlines())
        parts.append(f"{depth} {path}\n\n```text\n{body}\n```\n")
    return "\n".join(parts)


def main() -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true")
    what.add_argument("--check", action="store_true")
    page = reference()
    if parser.parse_args().write:
        FILE.write_text(page, encoding="utf-8")
        return 0
    if FILE.exists() and FILE.read_text(encoding="utf-8") == page:
        return 0
    print("docs/cli.md is not what the commands say; run: scripts/cli_reference.py --write", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
