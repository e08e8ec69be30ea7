"""A random machine over the whole suite, beside a second telling of its rules in Python.

Every rule draws an act, valid or not, says from the model alone whether it must be refused and what the state is after
it, and compares both with the contracts. At the end of each run the state is rebuilt from the emitted events and
compared with what every view answers. The rules stand by story in `machine/`. Quick: some ten thousand acts in half a
minute; CARELEDGER_TIER=deep or CARELEDGER_DEEP=1: twenty-five times as many.
"""

import os

from hypothesis import HealthCheck, Phase, settings

from tests.invariants.machine.decisions import Decisions
from tests.invariants.machine.forwarder import Forwarder
from tests.invariants.machine.logs import Logs
from tests.invariants.machine.records import Records
from tests.invariants.machine.recoveries import Recoveries

DEEP = os.environ.get("CARELEDGER_DEEP") or os.environ.get("CARELEDGER_TIER") == "deep"
MUTANT = "CARELEDGER_SCRATCH" in os.environ
"""A mutant has only to be noticed, not explained: no shrinking."""


class SuiteMachine(Recoveries, Decisions, Records, Logs, Forwarder):
    """All stories at once."""


SuiteMachine.TestCase.settings = settings(
    phases=[Phase.generate] if MUTANT else list(Phase),
    max_examples=2000 if DEEP else 100,
    stateful_step_count=120 if DEEP else 80,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=not DEEP,
    database=None,
)
test_prop_H11_suite_machine = SuiteMachine.TestCase
