# Everything starts here. `make demo` and `make test` need Python 3.11 or newer and nothing else: the first run
# installs from the lock files into ./.venv and ./node_modules, a second run does nothing.
PYTHON ?= python3
RUN    := .venv/bin/python
CORES  ?= 2

.DEFAULT_GOAL := help
.PHONY: help install build demo test coverage deep bench mutate lint gates prove lock clean

help:      ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1|/p' $(MAKEFILE_LIST) | column -t -s '|'

install:   ## install from the lock files, if anything is missing
	@$(PYTHON) scripts/bootstrap.py

build: install ## compile the contracts into careledger/artifacts, if they changed
	@$(RUN) scripts/build.py

demo: install ## play the journeys on a local chain
	@.venv/bin/careledger demo $(DEMO)

test: build ## the quick tier: every test that a push runs
	@$(RUN) -m pytest -n $(CORES) --dist loadgroup -q $(TESTS)
	@$(RUN) scripts/gas.py --check

coverage: build ## lines and branches that the tests reach, of the contracts and of the package
	@$(RUN) scripts/coverage.py --cores $(CORES) $(COVERAGE)

deep: build ## the long tier: big fuzz runs, long invariants, campaigns
	@$(RUN) scripts/prove.py --halmos --table tests/proofs/deep.toml
	@CARELEDGER_DEEP=1 CARELEDGER_TIER=deep FOUNDRY_PROFILE=deep $(RUN) -m pytest -n $(CORES) --dist loadgroup -q -m "deep or not deep" $(TESTS)

bench: build ## tables of gas, throughput, index and sealing
	@for file in benchmarks/*.py; do $(RUN) $$file || exit 1; done

mutate: build ## change the contracts on purpose and count the tests that notice
	@$(RUN) scripts/mutate.py $(MUTATE)

lint: install ## ruff, mypy, solhint, slither
	@$(RUN) scripts/lint.py

prove: build ## the model checker on the cores, symbolic proofs on the bytecode
	@$(RUN) scripts/prove.py

gates: install ## reproducible artifacts, size, threats traced
	@$(RUN) scripts/build.py --check
	@$(RUN) scripts/trace.py

lock: install ## write both lock files anew
	@.venv/bin/uv pip compile pyproject.toml --extra local --extra postgres --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-header --upgrade -q -o requirements.lock
	@rm -rf .build/lock && mkdir -p .build/lock && cp package.json .npmrc .build/lock/
	@cd .build/lock && $(CURDIR)/.venv/bin/python $(CURDIR)/scripts/within.py npm install --package-lock-only
	@cp .build/lock/package-lock.json package-lock.json

clean:     ## remove what was built; the installed tools stay
	@rm -rf .build out cache dist .pytest_cache .mypy_cache .ruff_cache .hypothesis careledger-out
