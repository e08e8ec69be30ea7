"""Acts that can wait.

moment
  any days and deadline → within both
at_ease
  a signed grant → prepared, laid in, not on the chain; carried once its moment has come (H7)
  the same grant again → keeps its moment; carried once
  a revocation → sent at once
  an hour before the deadline → refused, with what to do
carry_due
  killed between carrying and noting it → carried once
  overtaken meanwhile → an error, and out of the tray
  the node does not answer → stays in the tray
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careledger import Prepared, Purpose, errors
from careledger.chain import tray as trays
from careledger.chain.tray import DAY, MARGIN, moment
from careledger.errors import InputError, NodeUnavailable
from tests.sdk.resources.town import Town, Townsman


def signed_grant(town: Town, patient: Townsman) -> Any:
    draft = town.care.consents.draft(patient=patient.party, to=town.clinic.party, purpose=Purpose.TREAT)
    return draft.signed_by(patient.signer)


def granted(town: Town, patient: Townsman) -> int:
    """How many directives of a patient stand on the chain."""
    return len(town.care.consents.list(patient=patient.party))


@pytest.fixture(autouse=True)
def _emptied(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Acts are due a day ahead, and the tray is empty at first."""
    monkeypatch.setattr(trays, "moment", lambda now, **_: now + DAY)


def pass_a_day(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    now = town.relayer.care.consents.now() + DAY + 1
    monkeypatch.setattr(type(town.relayer.care.consents), "now", lambda _: now)


@given(st.integers(1, 60), st.integers(MARGIN + 1, 60 * DAY), st.integers())
def test_prop_moment__any_days_and_deadline__within_both(days: int, left: int, seed: int) -> None:
    now = 1_800_000_000
    found = moment(now, within_days=days, not_after=now + left, rng=Random(seed))
    assert now <= found < now + days * DAY
    assert found <= now + left - MARGIN


def test_H7_at_ease__signed_grant__waits_and_is_carried_in_time(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    ana, care = town.patient(), town.relayer.care
    prepared = care.at_ease(within_days=3).consents.grant(signed_grant(town, ana))
    assert isinstance(prepared, Prepared) and prepared.gas > 0
    assert care.carry_due() == [] and granted(town, ana) == 0
    assert [item.state for item in care.tray.waiting()] == ["waiting"]
    pass_a_day(town, monkeypatch)
    (receipt,) = care.carry_due()
    assert not isinstance(receipt, Exception) and receipt.event("DirectiveGranted").args["patient"] == ana.party.address
    assert care.carry_due() == [] == care.tray.waiting()


def test_at_ease__same_grant_again__keeps_its_moment(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    ana, care = town.patient(), town.relayer.care
    signed = signed_grant(town, ana)
    care.at_ease().consents.grant(signed)
    monkeypatch.setattr(trays, "moment", lambda now, **_: now)
    care.at_ease().consents.grant(signed)
    assert care.carry_due() == [] and len(care.tray.waiting()) == 1
    pass_a_day(town, monkeypatch)
    assert len(care.carry_due()) == 1 == granted(town, ana)


def test_at_ease__revocation__is_sent_at_once(town: Town) -> None:
    ana, care = town.patient(), town.relayer.care
    care.consents.grant(signed_grant(town, ana))
    ending = care.consents.draft_revocation(ana.party, to=town.clinic.party, purpose=Purpose.TREAT)
    receipt = care.at_ease().consents.revoke_signed(ending.signed_by(ana.signer))
    assert not isinstance(receipt, Prepared) and receipt.block is not None
    assert granted(town, ana) == 0 and care.tray.waiting() == []


def test_put__an_hour_before_the_deadline__refused(town: Town) -> None:
    ana, care = town.patient(), town.relayer.care
    signed = signed_grant(town, ana)
    late = signed.terms.typed.message["deadline"] - MARGIN
    calm = care.at_ease()
    calm.consents.now = lambda: late  # type: ignore[method-assign]
    with pytest.raises(InputError, match="cannot wait"):
        calm.consents.grant(signed)


def test_carry__killed_before_it_is_noted__carried_once(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    ana, care = town.patient(), town.relayer.care
    care.at_ease().consents.grant(signed_grant(town, ana))
    pass_a_day(town, monkeypatch)
    with monkeypatch.context() as killed:
        killed.setattr(trays.Tray, "_settle", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            care.carry_due()
    (receipt,) = care.carry_due()
    assert not isinstance(receipt, Exception) and receipt.repeated
    assert granted(town, ana) == 1 and care.tray.waiting() == []


def test_carry__overtaken_meanwhile__an_error_and_out_of_the_tray(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    ana, care = town.patient(), town.relayer.care
    care.at_ease().consents.grant(signed_grant(town, ana))
    care.consents.grant(signed_grant(town, ana))
    pass_a_day(town, monkeypatch)
    (error,) = care.carry_due()
    assert isinstance(error, errors.ConsentRegistry_StaleVersion)
    assert care.tray.waiting() == [] == care.carry_due()


def test_carry__node_away__stays_in_the_tray(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    ana, care = town.patient(), town.relayer.care
    care.at_ease().consents.grant(signed_grant(town, ana))
    pass_a_day(town, monkeypatch)

    def away(*_: object, **__: object) -> None:
        raise NodeUnavailable("the node does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(care.sender, "submit", away)
        (error,) = care.carry_due()
    assert isinstance(error, NodeUnavailable) and len(care.tray.waiting()) == 1
    assert len(care.carry_due()) == 1 == granted(town, ana)
