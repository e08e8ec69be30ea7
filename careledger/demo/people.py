"""Scenes at the desk: a patient paired by a code, one whose account is held, one whom nobody knows."""

from __future__ import annotations

from careledger import errors
from careledger.chain.signers import Signer
from careledger.codes import Capacity, EmergencyReason, Purpose, Will
from careledger.demo.cast import SWITZERLAND
from careledger.demo.scenes import Scenes, sent
from careledger.errors import InputError, SealedDamaged
from careledger.privacy.commitments import new_salt
from careledger.privacy.pseudonyms import Scope, Wallet
from careledger.resources.joining import LinkOpening
from careledger.values import PartyRef

__all__ = ["AtTheDesk"]

SYSTEM, VALUE = "urn:oid:2.16.840.1.113883.19.5", "MRN-4711"
"""By what the hospital knows Ana; it is in its sealed directory and nowhere else."""


class AtTheDesk(Scenes):
    """Patients with a wallet, and patients who hold no key and are served honestly all the same."""

    def pair(self) -> None:
        """The hospital learns which account is Ana's, by a code that says nothing about her."""
        cast, story = self.cast, self.story
        story.scene("Pairing: a code at the desk")
        desk = cast.hospital.care.directory
        offer = desk.pair(system=SYSTEM, value=VALUE, name="Lindenhof Hospital")
        story.step(
            f"The hospital shows a code: who asks, until when, a random number; {len(offer.uri)} letters, no name."
        )
        story.attack(
            "A thief shows a code in the hospital's name.",
            lambda: cast.wallet.answer(offer.signed_by(cast.thief.signer), care=cast.relayer.care),
            InputError,
        )
        answer = cast.wallet.answer(offer.uri, care=cast.relayer.care)
        story.step(f"Ana's wallet checks who asks, and answers with an account for it alone; both show {answer.check}.")
        desk.complete(answer.uri, checked="document-seen")
        if desk.find(system=SYSTEM, value=VALUE) != cast.ana.party:
            raise SealedDamaged("the directory leads to another account")
        story.step("The desk has seen her passport; its sealed directory knows her now. Nothing of it is on chain.")

    def held(self) -> None:
        """A patient without a phone: held, acted for on a stated will, and claimed."""
        cast, story = self.cast, self.story
        desk, consents = cast.hospital.care.held, cast.hospital.care.consents
        story.scene("Held: a patient without a phone")
        card = desk.new_card()
        opened = sent(desk.open(card, will=Will.PAPER, evidence=b"form signed at the desk", jurisdiction=SWITZERLAND))
        ben = opened.value.subject
        story.step(
            "Ben has no phone. The hospital prints his claim card, keeps no copy, and opens his account.", opened
        )
        terms = consents.draft(patient=ben, to=cast.clinic.party, purpose=Purpose.TREAT)
        granted = sent(consents.grant_for(terms, will=Will.SPOKEN, evidence=b"said before Nurse Meier"))
        acted = granted.event("ActedFor").args
        how = f"{Capacity(int(acted['capacity'])).word}, {Will(int(acted['will'])).word}"
        story.step(f"On his word it lets the clinic treat him; the chain says how: {how}, evidence committed.", granted)
        research = consents.draft(patient=ben, to=cast.hospital.party, purpose=Purpose.HRESCH)
        story.attack(
            "The hospital lets itself use his data for research, in his name.",
            lambda: consents.grant_for(research, will=Will.SPOKEN, evidence=b"so it says"),
            errors.ConsentRegistry_StewardLimit,
        )
        wallet, _ = Wallet.create()
        own = Signer.from_key(wallet.account(Scope.custodian(cast.hospital.party.address)).key)
        held = cast.relayer.care.held
        claimed = sent(
            held.claim(held.find(card), held.sign_claim(held.find(card), controller=own.address, signer=card))
        )
        story.step("A year later he has a phone: twelve words of the card, and the account is his.", claimed)
        if not consents.get(ben, to=cast.clinic.party, purpose=Purpose.TREAT).expires_at:
            raise SealedDamaged("a claim took away what was granted")
        more = consents.draft(patient=ben, to=cast.clinic.party, purpose=Purpose.HPAYMT)
        story.attack(
            "The hospital goes on acting for him.",
            lambda: consents.grant_for(more, will=Will.SPOKEN, evidence=b"as always"),
            errors.ConsentRegistry_NotAuthorised,
        )

    def unknown(self) -> None:
        """Nobody knows who she is: a provisional account, emergency access, and later a link that joins nothing."""
        cast, story = self.cast, self.story
        desk = cast.hospital.care.held
        story.scene("Unknown: nobody in the emergency room knows her")
        opened = sent(
            desk.open(
                desk.new_card(), will=Will.LEGAL_AUTHORITY, evidence=b"admitted unconscious, no papers",
                jurisdiction=SWITZERLAND, provisional=True,
            )
        )  # fmt: skip
        nobody = opened.value.subject
        story.step("The hospital opens a provisional account for an unknown patient, on legal authority.", opened)
        emergency = sent(
            cast.doctor.care.emergencies.open(
                nobody, practitioner=cast.doctor.party, organisation=cast.clinic.party, jurisdiction=SWITZERLAND,
                reason=EmergencyReason.UNCONSCIOUS,
            )
        )  # fmt: skip
        story.step("Dr Roe breaks the glass for her, and treats her.", emergency)
        wallet, _ = Wallet.create()
        cleo = PartyRef(
            "person", Signer.from_key(wallet.account(Scope.custodian(cast.hospital.party.address)).key).address
        )
        closed = sent(desk.close(nobody, joins=cleo, will=Will.LEGAL_AUTHORITY, evidence=b"identified by her sister"))
        story.step(
            "She is Cleo, who has an account here. The provisional one is closed; on chain is a salted link.", closed
        )
        found = self.care.held.open_link(closed.value)
        if found != cleo:
            raise SealedDamaged("the link opens to another account")
        left = len(desk.worklist(closed.value))
        story.step(f"An auditor is shown the link's opening, and it fits. What is left to carry over: {left} task.")
        story.attack(
            "Somebody who guesses right that she is Cleo proves it from the chain.",
            lambda: self._guess(nobody, cleo),
            InputError,
        )

    def _guess(self, nobody: PartyRef, cleo: PartyRef) -> None:
        """Try the right accounts with a thousand salts; there are 2**256."""
        closed = self.care.sync().get("ParticipantRegistry.HeldAccountClosed", subject=nobody.address)
        guesses = [LinkOpening(nobody.address, cleo.address, new_salt()) for _ in range(1_000)]
        best = next((one for one in guesses if one.commitment == closed.args["link"]), guesses[-1])
        self.care.held.open_link(best)
