"""A wallet that has nothing but its words finds its accounts: those that events name.

given accounts towards accredited parties, one recovered and one claimed  → all of them, with their scopes
given another wallet, or one whose accounts were recovered since           → none
given a list of parties                                                   → those towards them only
"""

from careledger import PartyRef, Purpose, Scope, Signer, Wallet, Will
from careledger.recovery.finding import find_accounts
from tests.sdk.recovery.people import WAIT, Family


def test_H7_find__words_alone__finds_what_events_name(guarded: Family) -> None:
    town, care = guarded.town, guarded.care
    ceremony = guarded.ceremony()
    guarded.carry(guarded.signed(ceremony, 0, 1))
    guarded.pass_time(WAIT)
    guarded.carry(ceremony.executions(care))
    wallet = ceremony.wallet
    encounter = wallet.known(Scope.encounter(town.hospital.party.address, number=2))
    terms = town.care.consents.draft(
        patient=PartyRef("person", encounter.subject), to=town.clinic.party, purpose=Purpose.TREAT
    )
    care.consents.grant(terms.signed_by(Signer.from_key(wallet.account(encounter.scope).key)))
    card = town.steward.care.held.new_card()
    held = town.steward.care.held.open(card, will=Will.PAPER, evidence=b"form").value
    claimed = Scope.successor(held.subject.address)
    care.held.claim(held, care.held.sign_claim(held, controller=wallet.account(claimed).address, signer=card))

    found = find_accounts(town.care, wallet)
    assert {known.subject for known in found} == {
        encounter.subject, held.subject.address, *(account.subject for account in guarded.accounts)
    }  # fmt: skip
    for known in found:
        assert care.participants.controller_of(PartyRef("person", known.subject)) == (
            wallet.account(known.scope).address
        )
    only = find_accounts(town.care, wallet, parties=[town.clinic.party.address])
    assert {known.scope.kind.value for known in only} == {"successor"}
    assert find_accounts(town.care, Wallet.create()[0]) == []
    assert find_accounts(town.care, guarded.wallet) == []


def test_find__before_a_loss__the_scopes_they_were_made_by(guarded: Family) -> None:
    found = find_accounts(guarded.town.care, guarded.wallet, years=range(2026, 2027))
    assert {known.scope for known in found} == {account.scope for account in guarded.accounts}
