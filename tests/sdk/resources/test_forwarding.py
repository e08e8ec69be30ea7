"""Acts of accounts without ether.

carry
  recovery guardians, the epoch → set, by an account that never held ether; the relayer pays (H7)
  the same request again → the first result
  the contract refuses → refused by the contract's own name
  altered, or signed by another → refused
draft
  a call outside the suite, or with ether → refused
  gas → a whole step
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from careledger import GuardianSet, errors
from careledger.chain.calls import Call
from careledger.chain.typed import TypedData
from careledger.errors import ContractError, InputError
from careledger.resources.base import SignedTerms
from careledger.resources.forwarding import GAS_STEP, ForwardRequest
from tests.sdk.resources.town import Town, Townsman


def asked(town: Town, who: Townsman, circle: GuardianSet | None) -> SignedTerms[ForwardRequest]:
    """A signed request to set guardians."""
    call = who.care.participants.set_guardians(who.party, circle, dry_run=True)
    return who.care.forwarding.draft(call, by=who.party).signed_by(who.signer)


def circle(town: Town) -> GuardianSet:
    return GuardianSet.of([town.clinic.party, town.doctor.party], quorum=2)


def test_H7_carry__account_without_ether_sets_guardians__relayer_pays(town: Town) -> None:
    ana = town.patient()
    receipt = town.relayer.care.forwarding.carry(asked(town, ana, circle(town)))
    changed = next(event for event in receipt.events if event.name == "GuardiansChanged")
    assert changed.args["subject"] == ana.party.address
    sent = town.care.connection.rpc.request("eth_getTransactionByHash", [receipt.tx])
    assert sent["from"].lower() == town.relayer.party.address.lower()
    assert town.care.connection.balance(ana.party.address) == town.care.connection.nonce(ana.party.address) == 0


def test_carry__same_request_again__first_result(town: Town) -> None:
    signed = asked(town, town.patient(), circle(town))
    first, second = (town.relayer.care.forwarding.carry(signed) for _ in range(2))
    assert (first.tx, second.repeated) == (second.tx, True)


def test_carry__two_requests_in_turn__both(town: Town) -> None:
    ana, relayer = town.patient(), town.relayer.care.forwarding
    relayer.carry(asked(town, ana, circle(town)))
    raised = ana.care.participants._write(
        "raiseEpoch", ana.party.address, value=lambda _: None, key=None, wait="included", dry_run=True
    )
    request = ana.care.forwarding.draft(raised, by=ana.party)
    assert (request.message["nonce"], request.message["gas"] % GAS_STEP) == (1, 0)
    events = relayer.carry(request.signed_by(ana.signer)).events
    assert "EpochRaised" in [event.name for event in events]


def test_carry__contract_refuses__by_its_name(town: Town) -> None:
    ana, bea = town.patient(), town.patient()
    call = ana.care.participants.set_guardians(ana.party, circle(town), dry_run=True)
    request = bea.care.forwarding.draft(call, by=bea.party).signed_by(bea.signer)
    with pytest.raises(errors.ParticipantRegistry_NotController):
        town.relayer.care.forwarding.carry(request)


def test_carry__altered_or_signed_by_another__refused(town: Town) -> None:
    ana, bea = town.patient(), town.patient()
    signed = asked(town, ana, circle(town))
    typed = signed.terms.typed
    other = asked(town, ana, None).terms.message["data"]
    altered = TypedData(typed.domain, typed.types, typed.primary, {**typed.message, "data": other})
    for wrong in (replace(signed, terms=ForwardRequest(altered)), signed.terms.signed_by(bea.signer)):
        with pytest.raises(ContractError, match="InvalidSigner"):
            town.relayer.care.forwarding.carry(wrong)


def test_draft__ether_or_a_call_outside_the_suite__refused(town: Town) -> None:
    ana = town.patient()
    abroad = town.relayer.care.sender.prepare(Call(town.stranger.party.address))
    call = ana.care.participants.set_guardians(ana.party, circle(town), dry_run=True)
    paying = replace(call, transaction={**call.transaction, "value": 1})
    for wrong in (abroad, paying):
        with pytest.raises(InputError, match="without ether"):
            ana.care.forwarding.draft(wrong, by=ana.party)
