"""Times that drafts choose by themselves.

whole
  four weeks or more → a Monday, 00:00 UTC; a week or more → a day; less → an hour
  any length → never later than asked, shorter by less than the unit, after the start
last_day_to_carry
  any second → a Monday, 00:00 UTC, at least so many days away, less than a week more
drafts
  two sittings in one week → the same deadline and the same end; no second of either on chain (H7)
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from careledger import Purpose, Scope, Signer, Wallet
from careledger.resources.calendar import DAY, HOUR, WEEK, last_day_to_carry, whole
from careledger.values import PartyRef
from tests.sdk.resources.town import Town

seconds = st.integers(1_600_000_000, 2_500_000_000)


@given(seconds, st.integers(1, 3650))
def test_prop_whole__any_length__never_later_than_asked_and_hardly_shorter(start: int, days: int) -> None:
    end = start + days * DAY
    unit = WEEK if days >= 28 else DAY if days >= 7 else HOUR
    found = whole(end, start=start)
    assert start < found <= end < found + unit
    moment = datetime.fromtimestamp(found, UTC)
    assert (moment.minute, moment.second) == (0, 0)
    assert unit == HOUR or moment.hour == 0
    assert unit != WEEK or moment.weekday() == 0


@given(seconds, st.integers(0, 60))
def test_prop_last_day_to_carry__any_second__the_first_monday_far_enough(now: int, days: int) -> None:
    found = last_day_to_carry(days, now=now)
    assert now + days * DAY <= found < now + (days + 7) * DAY
    assert datetime.fromtimestamp(found, UTC).weekday() == 0 and found % DAY == 0


def test_H7_draft__two_pseudonyms_in_one_sitting__no_second_of_it_in_what_is_signed(town: Town) -> None:
    wallet, _ = Wallet.create()
    now = town.care.consents.now()
    drafts = []
    for custodian in (town.hospital, town.clinic):
        signer = Signer.from_key(wallet.account(Scope.custodian(custodian.party.address)).key)
        patient = PartyRef("person", signer.address)
        grant = town.care.consents.draft(patient=patient, to=town.clinic.party, purpose=Purpose.TREAT)
        revocation = town.care.consents.draft_revocation(patient, to=town.clinic.party, purpose=Purpose.TREAT)
        guardian = town.care.guardians.draft(patient=patient, guardian=town.stranger.party, purposes=[Purpose.PATRQT])
        drafts += [grant.typed.message, revocation.typed.message, guardian.typed.message]
    times = [m[name] for m in drafts for name in ("notBefore", "expiresAt", "until", "deadline") if name in m]
    assert all(time == 0 or (time % HOUR == 0 and abs(time - now) > DAY) for time in times)
    assert {time for m in drafts for name, time in m.items() if name == "deadline"} == {last_day_to_carry(7, now=now)}


def test_draft__no_start_given__holds_at_once_and_says_so(town: Town) -> None:
    patient = town.patient()
    terms = town.care.consents.draft(patient=patient.party, to=town.clinic.party, purpose=Purpose.TREAT)
    assert terms.not_before == 0
    assert [text in terms.in_words(code) for code, text in (("en", "from now"), ("de", "von jetzt"), ("zh", "即日起"))]
    assert "event_time" in (kept := json.dumps(terms.receipt.document)) and "1970" not in kept
    town.relayer.care.consents.grant(terms.signed_by(patient.signer))
    found = town.care.consents.get(patient.party, to=town.clinic.party, purpose=Purpose.TREAT)
    assert (found.not_before, found.expires_at) == (0, terms.expires_at)
