"""Run a program in the project's environment: `scripts/within.py COMMAND ARGUMENT...`."""

import os
import sys

import toolchain

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    toolchain.link_solc()
    os.execvpe(sys.argv[1], sys.argv[1:], toolchain.environment())
