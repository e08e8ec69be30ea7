"""Gas of what people do, exact, into the snapshot; and the limits that the design promises."""

import pytest

from careledger.chain.abi import artifacts
from tests.gas.stories import STORIES, measure

LIMITS = {
    "patient grants consent to one clinic": 56_600,
    "relayer carries a patient's signed grant": 61_000,
    "author anchors one record": 53_000,
    "author anchors 1,000 records in one batch": 60_000,
    "patient publishes a post-quantum key (1,216 bytes)": 106_000,
}
RUNTIME_LIMIT = 24_576
CONTRACTS = [
    "ParticipantRegistry", "GuardianRegistry", "EmergencyRegistry", "ConsentRegistry", "RecordRegistry",
    "SuiteDirectory",
]  # fmt: skip


@pytest.mark.parametrize("sentence", list(STORIES))
def test_gas__when_a_story_is_told__is_in_the_snapshot_and_within_its_limit(world, gas, sentence):
    used = measure(world, sentence)
    gas(sentence, used)
    assert used <= LIMITS.get(sentence, 1_000_000)


@pytest.mark.parametrize(
    "grant, revoke",
    [
        ("patient grants consent to one clinic", "patient revokes consent"),
        ("patient grants again, superseding the directive before", "patient revokes consent"),
        ("relayer carries a patient's signed grant", "relayer carries a patient's signed revocation"),
        (
            "relayer carries a patient's signed grant that supersedes another",
            "relayer carries a patient's signed revocation",
        ),
    ],
)
def test_H5_revoke__when_compared_with_granting__is_never_dearer(world, grant, revoke):
    assert measure(world, revoke) <= measure(world, grant)


@pytest.mark.parametrize("name", CONTRACTS)
def test_size__when_an_artifact_is_measured__is_in_the_snapshot_and_deployable(gas, name):
    size = len(artifacts().load(name).deployed_bytecode)
    gas(f"{name} is so many bytes of code", size)
    assert size <= RUNTIME_LIMIT
