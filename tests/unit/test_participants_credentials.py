"""Accreditors and credentials.

admitAccreditor
  when governance calls
    it admits for one role and place
  when anybody else calls
    it reverts (G1)
  when issuer or role is missing
    it reverts
  when the window is empty or over
    it reverts
  given one admitted
    when admitted again
      it only extends
  given the registry retired
    when called
      it reverts
  given one running
    when its start would move later
      it reverts
dismissAccreditor
  when governance gives notice
    it ends it on that day
  when the notice is too short or no change
    it reverts (G4)
  when no reason is given
    it reverts
  given the registry retired
    when called
      it dismisses
issueCredential
  when the issuer sends and the subject signed
    it accredits and numbers
  when the subject or a relayer sends
    it accredits
  given a numbered party
    when another is issued
      it keeps its number
  when one side has not agreed
    it reverts
  when terms are incomplete
    it reverts
  when the window is empty over or too long
    it reverts
  when the issuer is not admitted there
    it reverts
  given an accreditor admitted from a later day
    when it issues
      it waits for that day
  given one in place
    when anybody issues another
      it reverts
  given a revoked one
    when the same terms are carried again
      it reverts
  given one revoked before it began
    when carried again
      it reverts
  given an expired one
    when another issuer issues
      it names the previous
  given the registry retired
    when called
      it reverts
  when an accreditor accredits itself
    it reverts
  given the issuer of a live one was dismissed
    when another issues
      it replaces it
renewCredential
  given an active one
    when its issuer calls
      it runs longer
  when anybody else calls
    it reverts
  when not longer or too long
    it reverts
  given one not active
    when its issuer calls
      it reverts
  given the issuer dismissed or the registry retired
    when called
      it reverts
  given an expired one
    when its issuer calls
      it reverts
setCredentialStatus
  when every status is asked from every other
    it only the legal ones pass (H16)
  when anybody else calls or no reason is given
    it reverts
  given the registry retired
    when the issuer calls
      it changes it (C11)
isActive
  given a credential
    when asked at its borders
      it holds from the first second to the last
"""

import pytest

from tests.chainkit import NOTHING, START, ZERO, Person, reverts
from tests.words import (
    CALIFORNIA,
    DAY,
    EVIDENCE,
    SWISS,
    YEAR,
    CredentialStatus,
    Role,
    StatusReason,
    credential,
)  # fmt: skip

MAX_TERM = 3650 * DAY
ACTIVE, SUSPENDED, REVOKED = CredentialStatus.Active, CredentialStatus.Suspended, CredentialStatus.Revoked
PRACTITIONER = Role.Practitioner


@pytest.fixture
def doctor():
    return Person("doctor")


@pytest.fixture
def board(world):
    """A second accreditor for practitioners here."""
    somebody = Person("board")
    admit(world, somebody)
    return somebody


def admit(world, issuer, of=PRACTITIONER, *, start=START, until=START + YEAR, sender=None):
    return world.participants.admitAccreditor(issuer, of, SWISS, start, until, sender=sender or world.governor)


def dismiss(world, issuer, until, reason=StatusReason.CriteriaNotMet, of=PRACTITIONER):
    return world.participants.dismissAccreditor(issuer, of, SWISS, until, reason, sender=world.governor)


def credential_id(world, subject, of=PRACTITIONER):
    return world.id_of(world.participants, ("address", subject), ("uint8", of), ("uint32", SWISS))


def issue(world, terms, sender, issuer_signature=b"", subject_signature=b""):
    return world.participants.issueCredential(terms, issuer_signature, subject_signature, sender=sender)


def status(world, who, to, reason=StatusReason.UnderInvestigation, sender=None, of=PRACTITIONER):
    by = sender or world.accreditor
    return world.participants.setCredentialStatus(who, of, SWISS, to, reason, sender=by)


def active(world, who, of=PRACTITIONER, where=SWISS):
    return world.participants.isActive(who, of, where)


# ACCREDITORS


def test_admitAccreditor__when_governance_calls__admits_for_one_role_and_place(world, stranger):
    tx = admit(world, stranger)
    said = {"issuer": stranger.address, "role": PRACTITIONER, "jurisdiction": SWISS}
    assert tx.events == [("AccreditorAdmitted", {**said, "from": START, "until": START + YEAR})]
    assert world.participants.accreditationOf(stranger, PRACTITIONER, SWISS) == {"from": START, "until": START + YEAR}
    assert world.participants.accreditationOf(stranger, Role.Provider, SWISS) == {"from": 0, "until": 0}


def test_G1_admitAccreditor__when_anybody_else_calls__reverts(world, stranger):
    with reverts("AccessManagedUnauthorized", caller=stranger):
        admit(world, stranger, sender=stranger)


def test_admitAccreditor__when_issuer_or_role_is_missing__reverts(world, stranger):
    for issuer, of in ((ZERO, PRACTITIONER), (stranger, 0)):
        with reverts("ParticipantRegistry_Missing"):
            admit(world, issuer, of)


@pytest.mark.parametrize("start, until", [(START, START), (START + 2, START + 1), (START - 9, START), (0, START - 1)])
def test_admitAccreditor__when_the_window_is_empty_or_over__reverts(world, stranger, start, until):
    with reverts("ParticipantRegistry_BadWindow", **{"from": start, "until": until, "latest": (1 << 40) - 1}):
        admit(world, stranger, start=start, until=until)


def test_admitAccreditor__given_one_admitted__when_admitted_again__only_extends(world, board):
    later = {"from": START, "until": START + YEAR - 1, "latest": (1 << 40) - 1}
    with reverts("ParticipantRegistry_BadWindow", **later):
        admit(world, board, until=START + YEAR - 1)
    admit(world, board, until=START + 2 * YEAR)


def test_admitAccreditor__given_the_registry_retired__when_called__reverts(world, stranger):
    world.participants.retire(sender=world.governor)
    with reverts("Module_Retired", module=world.participants):
        admit(world, stranger)


def test_dismissAccreditor__when_governance_gives_notice__ends_it_on_that_day(world, board, doctor):
    terms = credential(board, doctor, PRACTITIONER)
    issue(world, terms, board, b"", world.sign_credential(doctor, terms))
    day = START + 7 * DAY
    tx = dismiss(world, board, day)
    said = {"issuer": board.address, "role": PRACTITIONER, "jurisdiction": SWISS, "oldUntil": START + YEAR}
    assert tx.events == [("AccreditorDismissed", {**said, "newUntil": day, "reason": StatusReason.CriteriaNotMet})]
    world.warp(day - 1)
    assert active(world, doctor)
    world.warp(day)
    assert not active(world, doctor)


@pytest.mark.parametrize("until", [0, START, START + 7 * DAY - 1, START + YEAR, START + YEAR + 1])
def test_G4_dismissAccreditor__when_the_notice_is_too_short_or_no_change__reverts(world, board, until):
    with reverts("ParticipantRegistry_BadWindow", **{"from": START + 7 * DAY, "until": until, "latest": START + YEAR}):
        dismiss(world, board, until)


def test_dismissAccreditor__when_no_reason_is_given__reverts(world, board):
    with reverts("ParticipantRegistry_Missing"):
        dismiss(world, board, START + 8 * DAY, reason=0)


def test_dismissAccreditor__given_the_registry_retired__when_called__dismisses(world, board):
    world.participants.retire(sender=world.governor)
    assert dismiss(world, board, START + 8 * DAY).events


# ISSUING


def test_issueCredential__when_the_issuer_sends_and_the_subject_signed__accredits_and_numbers(
    world, accreditor, doctor
):
    before = world.participants.partnerNoOf(world.custodian)
    terms = credential(accreditor, doctor, PRACTITIONER)
    tx = issue(world, terms, accreditor, b"", world.sign_credential(doctor, terms))
    cid = credential_id(world, doctor)
    said = {
        "credentialId": cid, "subject": doctor.address, "issuer": accreditor.address, "role": PRACTITIONER,
        "jurisdiction": SWISS, "notBefore": START, "expiresAt": START + 2 * YEAR, "evidence": EVIDENCE,
    }  # fmt: skip
    numbered = {"partnerNo": before + 1, "subject": doctor.address}
    assert tx.events == [("CredentialIssued", {**said, "previousIssuer": ZERO}), ("PartnerNumbered", numbered)]
    assert tx.value == cid
    stored = {"issuer": accreditor.address, "notBefore": START, "expiresAt": START + 2 * YEAR, "status": ACTIVE}
    assert world.participants.credentialOf(doctor, PRACTITIONER, SWISS) == {"credentialId": cid, "credential": stored}
    assert world.participants.partnerNoOf(doctor) == before + 1
    assert world.participants.partnerOf(before + 1) == doctor.address
    assert active(world, doctor)
    assert not active(world, doctor, Role.Provider)
    assert not active(world, doctor, where=CALIFORNIA)


def test_issueCredential__when_the_subject_or_a_relayer_sends__accredits(world, accreditor, doctor, relayer):
    terms = credential(accreditor, doctor, PRACTITIONER)
    by_issuer, by_subject = world.sign_credential(accreditor, terms), world.sign_credential(doctor, terms)
    before = world.engine.snapshot()
    assert issue(world, terms, doctor, by_issuer).events
    world.engine.revert(before)
    assert issue(world, terms, relayer, by_issuer, by_subject).events


def test_issueCredential__given_a_numbered_party__when_another_is_issued__keeps_its_number(world, practitioner):
    number = world.participants.partnerNoOf(practitioner)
    tx = world.accredit(practitioner, Role.Investigator)
    assert [name for name, _ in tx.events] == ["CredentialIssued"]
    assert world.participants.partnerNoOf(practitioner) == number != 0


def test_issueCredential__when_one_side_has_not_agreed__reverts(world, accreditor, doctor, relayer):
    terms = credential(accreditor, doctor, PRACTITIONER)
    by_issuer, by_subject = world.sign_credential(accreditor, terms), world.sign_credential(doctor, terms)
    with reverts("ParticipantRegistry_NotController", subject=doctor, caller=accreditor, controller=doctor):
        issue(world, terms, accreditor)
    with reverts("ParticipantRegistry_NotController", subject=accreditor, caller=relayer, controller=accreditor):
        issue(world, terms, relayer, b"", by_subject)
    with reverts("Module_NotSignedBy", signer=doctor):
        issue(world, terms, accreditor, b"", by_issuer)
    with reverts("Module_NotSignedBy", signer=accreditor):
        issue(world, terms, doctor, by_subject)
    changed = credential(accreditor, doctor, PRACTITIONER, expiresAt=START + 3 * YEAR)
    with reverts("Module_NotSignedBy", signer=doctor):
        issue(world, changed, accreditor, b"", by_subject)


@pytest.mark.parametrize("change", [{"role": 0}, {"subject": ZERO}, {"evidence": NOTHING}])
def test_issueCredential__when_terms_are_incomplete__reverts(world, accreditor, doctor, change):
    terms = {**credential(accreditor, doctor, PRACTITIONER), **change}
    with reverts("ParticipantRegistry_Missing"):
        issue(world, terms, accreditor)


@pytest.mark.parametrize(
    "start, until", [(START, START), (START + 9, START + 8), (0, START), (START, START + MAX_TERM + 1)]
)
def test_issueCredential__when_the_window_is_empty_over_or_too_long__reverts(world, accreditor, doctor, start, until):
    terms = credential(accreditor, doctor, PRACTITIONER, notBefore=start, expiresAt=until)
    with reverts("ParticipantRegistry_BadWindow", **{"from": start, "until": until, "latest": START + MAX_TERM}):
        issue(world, terms, accreditor)


def test_issueCredential__when_the_issuer_is_not_admitted_there__reverts(world, accreditor, stranger, doctor):
    for issuer, change in ((stranger, {}), (accreditor, {"jurisdiction": CALIFORNIA})):
        terms = credential(issuer, doctor, PRACTITIONER, **change)
        where = change.get("jurisdiction", SWISS)
        with reverts("ParticipantRegistry_NotAccreditor", issuer=issuer, role=PRACTITIONER, jurisdiction=where):
            issue(world, terms, issuer, b"", world.sign_credential(doctor, terms))


def test_issueCredential__given_an_accreditor_admitted_from_a_later_day__when_it_issues__waits_for_that_day(
    world, stranger, doctor
):
    admit(world, stranger, start=START + DAY)
    terms = credential(stranger, doctor, PRACTITIONER, deadline=START + 2 * DAY)
    signature = world.sign_credential(doctor, terms)
    world.warp(START + DAY - 1)
    with reverts("ParticipantRegistry_NotAccreditor", issuer=stranger, role=PRACTITIONER, jurisdiction=SWISS):
        issue(world, terms, stranger, b"", signature)
    world.warp(START + DAY)
    assert issue(world, terms, stranger, b"", signature).events
    assert active(world, doctor)


def test_issueCredential__given_one_in_place__when_anybody_issues_another__reverts(world, board, doctor, accreditor):
    world.accredit(doctor, PRACTITIONER)
    for to in (None, SUSPENDED):
        if to:
            status(world, doctor, to)
        for issuer in (board, accreditor):
            terms = credential(issuer, doctor, PRACTITIONER, notBefore=START + 1)
            with reverts("ParticipantRegistry_CredentialLive", issuer=accreditor, expiresAt=START + 2 * YEAR):
                issue(world, terms, issuer, b"", world.sign_credential(doctor, terms))


def test_issueCredential__given_a_revoked_one__when_the_same_terms_are_carried_again__reverts(
    world, accreditor, doctor
):
    terms = credential(accreditor, doctor, PRACTITIONER)
    signatures = world.sign_credential(accreditor, terms), world.sign_credential(doctor, terms)
    issue(world, terms, world.relayer, *signatures)
    world.warp(START + 10)
    status(world, doctor, REVOKED)
    with reverts("ParticipantRegistry_TermsUsed", start=START, mustBeAfter=START + 10):
        issue(world, terms, world.relayer, *signatures)
    fresh = credential(accreditor, doctor, PRACTITIONER, notBefore=START + 11)
    assert issue(world, fresh, accreditor, b"", world.sign_credential(doctor, fresh)).events


def test_issueCredential__given_one_revoked_before_it_began__when_carried_again__reverts(world, accreditor, doctor):
    begins = START + 1000
    terms = credential(accreditor, doctor, PRACTITIONER, notBefore=begins)
    signatures = world.sign_credential(accreditor, terms), world.sign_credential(doctor, terms)
    issue(world, terms, world.relayer, *signatures)
    status(world, doctor, REVOKED)
    with reverts("ParticipantRegistry_TermsUsed", start=begins, mustBeAfter=begins):
        issue(world, terms, world.relayer, *signatures)


def test_issueCredential__given_an_expired_one__when_another_issuer_issues__names_the_previous(
    world, board, doctor, accreditor
):
    world.accredit(doctor, PRACTITIONER, expiresAt=START + 100)
    world.warp(START + 100)
    terms = credential(board, doctor, PRACTITIONER, notBefore=START + 1)
    tx = issue(world, terms, board, b"", world.sign_credential(doctor, terms))
    assert tx.event("CredentialIssued")["previousIssuer"] == accreditor.address
    assert [name for name, _ in tx.events] == ["CredentialIssued"]


def test_issueCredential__given_the_registry_retired__when_called__reverts(world, accreditor, doctor):
    world.participants.retire(sender=world.governor)
    with reverts("Module_Retired", module=world.participants):
        issue(world, credential(accreditor, doctor, PRACTITIONER), accreditor)


# RENEWING


def renew(world, who, until, sender=None):
    by = sender or world.accreditor
    return world.participants.renewCredential(who, PRACTITIONER, SWISS, until, EVIDENCE, sender=by)


def test_renewCredential__given_an_active_one__when_its_issuer_calls__runs_longer(world, practitioner, accreditor):
    tx = renew(world, practitioner, START + 3 * YEAR)
    said = {"credentialId": credential_id(world, practitioner), "issuer": accreditor.address, "evidence": EVIDENCE}
    ends = {"oldExpiresAt": START + 2 * YEAR, "newExpiresAt": START + 3 * YEAR}
    assert tx.events == [("CredentialRenewed", {**said, **ends})]
    world.warp(START + 3 * YEAR - 1)
    assert active(world, practitioner)


def test_renewCredential__when_anybody_else_calls__reverts(world, practitioner, accreditor, board):
    for somebody in (board, practitioner, world.governor):
        with reverts("ParticipantRegistry_NotController", subject=accreditor, caller=somebody, controller=accreditor):
            renew(world, practitioner, START + 3 * YEAR, somebody)


@pytest.mark.parametrize("until", [0, START + 2 * YEAR, START + MAX_TERM + 1])
def test_renewCredential__when_not_longer_or_too_long__reverts(world, practitioner, until):
    window = {"from": START + 2 * YEAR, "until": until, "latest": START + MAX_TERM}
    with reverts("ParticipantRegistry_BadWindow", **window):
        renew(world, practitioner, until)


@pytest.mark.parametrize("to", [SUSPENDED, REVOKED])
def test_renewCredential__given_one_not_active__when_its_issuer_calls__reverts(world, practitioner, to):
    status(world, practitioner, to)
    with reverts("ParticipantRegistry_BadTransition", **{"from": to, "to": ACTIVE}):
        renew(world, practitioner, START + 3 * YEAR)


def test_renewCredential__given_the_issuer_dismissed_or_the_registry_retired__when_called__reverts(
    world, practitioner, accreditor
):
    dismiss(world, accreditor, START + 8 * DAY)
    world.warp(START + 8 * DAY)
    with reverts("ParticipantRegistry_NotAccreditor", issuer=accreditor, role=PRACTITIONER, jurisdiction=SWISS):
        renew(world, practitioner, START + 3 * YEAR)
    world.participants.retire(sender=world.governor)
    with reverts("Module_Retired", module=world.participants):
        renew(world, practitioner, START + 3 * YEAR)


# STATUS


PATHS = {0: [], 1: [ACTIVE], 2: [ACTIVE, SUSPENDED], 3: [ACTIVE, REVOKED]}
LEGAL = {(1, 2), (1, 3), (2, 1), (2, 3)}


@pytest.mark.parametrize("old", range(4))
@pytest.mark.parametrize("new", range(4))
def test_H16_setCredentialStatus__when_every_status_is_asked_from_every_other__only_the_legal_ones_pass(
    world, doctor, accreditor, old, new
):
    if old == 0:
        with reverts("ParticipantRegistry_NotController", subject=ZERO, caller=accreditor, controller=ZERO):
            status(world, doctor, new)
        return
    world.accredit(doctor, PRACTITIONER)
    for step in PATHS[old][1:]:
        status(world, doctor, step)
    if (old, new) not in LEGAL:
        with reverts("ParticipantRegistry_BadTransition", **{"from": old, "to": new}):
            status(world, doctor, new)
        return
    tx = status(world, doctor, new, StatusReason.Sanctioned)
    said = {"credentialId": credential_id(world, doctor), "issuer": accreditor.address}
    change = {"oldStatus": old, "newStatus": new, "reason": StatusReason.Sanctioned}
    assert tx.events == [("CredentialStatusChanged", {**said, **change})]
    assert active(world, doctor) == (new == ACTIVE)


def test_setCredentialStatus__when_anybody_else_calls_or_no_reason_is_given__reverts(
    world, practitioner, accreditor, board
):
    for somebody in (practitioner, board, world.governor):
        with reverts("ParticipantRegistry_NotController", subject=accreditor, caller=somebody, controller=accreditor):
            status(world, practitioner, SUSPENDED, sender=somebody)
    with reverts("ParticipantRegistry_Missing"):
        status(world, practitioner, SUSPENDED, 0)


def test_C11_setCredentialStatus__given_the_registry_retired__when_the_issuer_calls__changes_it(world, practitioner):
    world.participants.retire(sender=world.governor)
    assert status(world, practitioner, SUSPENDED).events
    assert status(world, practitioner, REVOKED).events


def test_isActive__given_a_credential__when_asked_at_its_borders__holds_from_the_first_second_to_the_last(
    world, doctor
):
    world.accredit(doctor, PRACTITIONER, notBefore=START + 10, expiresAt=START + 20)
    for time, expected in ((9, False), (10, True), (19, True), (20, False)):
        world.warp(START + time)
        assert active(world, doctor) == expected


# WHAT AN ACCREDITOR'S TIME COMES TO


def test_admitAccreditor__given_one_running__when_its_start_would_move_later__reverts(world, board):
    window = {"from": START + 1, "until": START + 2 * YEAR, "latest": (1 << 40) - 1}
    with reverts("ParticipantRegistry_BadWindow", **window):
        admit(world, board, start=START + 1, until=START + 2 * YEAR)
    world.warp(START + YEAR)
    assert admit(world, board, start=START + YEAR, until=START + 2 * YEAR).events


def test_issueCredential__when_an_accreditor_accredits_itself__reverts(world, accreditor):
    with reverts("ParticipantRegistry_Missing"):
        issue(world, credential(accreditor, accreditor, PRACTITIONER), accreditor)


def test_issueCredential__given_the_issuer_of_a_live_one_was_dismissed__when_another_issues__replaces_it(
    world, board, doctor, accreditor
):
    world.accredit(doctor, PRACTITIONER)
    dismiss(world, accreditor, START + 8 * DAY)
    terms = credential(board, doctor, PRACTITIONER, notBefore=START + DAY, deadline=START + 9 * DAY)
    for day, replaced in ((8 * DAY - 1, False), (8 * DAY, True)):
        world.warp(START + day)
        signature = world.sign_credential(doctor, terms)
        if replaced:
            tx = issue(world, terms, board, b"", signature)
            assert tx.event("CredentialIssued")["previousIssuer"] == accreditor.address
        else:
            with reverts("ParticipantRegistry_CredentialLive", issuer=accreditor, expiresAt=START + 2 * YEAR):
                issue(world, terms, board, b"", signature)


def test_renewCredential__given_an_expired_one__when_its_issuer_calls__reverts(world, doctor):
    world.accredit(doctor, PRACTITIONER, expiresAt=START + 100)
    world.warp(START + 100)
    window = {"from": START + 100, "until": START + YEAR, "latest": START + 100 + MAX_TERM}
    with reverts("ParticipantRegistry_BadWindow", **window):
        renew(world, doctor, START + YEAR)
