"""Code words that the SDK and the contracts share. Order and bit positions equal ``contracts/types``.

A member's value is its number on chain, its ``word`` what signed data and people read, its ``doc`` what it means.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Self

from careledger.errors import InputError
from careledger.text import did_you_mean

__all__ = [
    "Basis",
    "Capacity",
    "ConsentReason",
    "CredentialStatus",
    "DataClass",
    "EmergencyReason",
    "HeldStatus",
    "LegalBasis",
    "Meaning",
    "OmissionStatus",
    "Purpose",
    "Reason",
    "RecipientKind",
    "RecordStatus",
    "Role",
    "Rule",
    "StatusReason",
    "Verdict",
    "Will",
]  # fmt: skip


class _Code(IntEnum):
    """A number on chain with a word and a meaning."""

    _value_: int
    doc: str
    """What the code means, in a few words."""

    def __new__(cls, value: int, doc: str = "") -> Self:
        member = int.__new__(cls, value)
        member._value_ = value
        member.doc = doc
        return member

    @property
    def word(self) -> str:
        """The code word as signed data spells it, lower-case with hyphens: ``mental-health``."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the member for a word or name, whatever its case, hyphens or underscores.

        Raises:
            InputError: No such word; the message names what is near.
        """
        wanted = _plain(text)
        for member in cls:
            if _plain(member.name) == wanted:
                return member
        words = [member.word for member in cls if member.name != "NONE"]
        raise InputError(
            f"{text[:60]!r} is no {cls.__name__}",
            fix=did_you_mean(text, words, otherwise=f"Use one of: {', '.join(words)}."),
        )


def _plain(text: str) -> str:
    return text.lower().replace("_", "").replace("-", "").strip()


class _Bit(_Code):
    """A code that is also a bit position in a set."""

    @property
    def mask(self) -> int:
        """The bit mask with this bit alone."""
        return 1 << self.value


class DataClass(_Bit):
    """What kind of health data something is: a bit of the 64-bit set in directives. From 32 on: sensitive."""

    DEMOGRAPHICS = 0, "name, birth date, address, contacts"
    ENCOUNTERS = 1, "visits and stays"
    CONDITIONS = 2, "diagnoses and problems"
    MEDICATIONS = 3, "what is prescribed, dispensed and taken"
    ALLERGIES = 4, "allergies and intolerances"
    IMMUNIZATIONS = 5, "vaccinations"
    VITALS = 6, "vital signs"
    LABS = 7, "laboratory results"
    IMAGING = 8, "images and what was read from them"
    PROCEDURES = 9, "operations and other procedures"
    NOTES = 10, "clinical notes and letters"
    CARE_PLANS = 11, "care plans and goals"
    DEVICES = 12, "implants and devices"
    COVERAGE = 13, "insurance coverage"
    CLAIMS = 14, "claims and explanations of benefit"
    DOCUMENTS = 15, "documents of no other class"
    GENOMICS = 32, "genetic tests and sequences (sensitive)"
    MENTAL_HEALTH = 33, "mental health (sensitive)"
    SUBSTANCE_USE = 34, "alcohol and drugs (sensitive)"
    REPRODUCTIVE = 35, "reproductive health (sensitive)"
    HIV = 36, "HIV and AIDS (sensitive)"
    SEXUAL_HEALTH = 37, "sexual health (sensitive)"
    VIOLENCE = 38, "violence suffered or done (sensitive)"
    GENDER = 39, "gender identity (sensitive)"

    @property
    def is_sensitive(self) -> bool:
        """Whether the class is one of those that profiles deny unless a patient says otherwise."""
        return self.value >= 32


class Purpose(_Bit):
    """Why somebody wants to read: HL7 v3 PurposeOfUse codes, the value being the bit in a base policy."""

    TREAT = 0, "treatment"
    ETREAT = 1, "emergency treatment"
    CAREMGT = 2, "care management"
    HPAYMT = 3, "healthcare payment"
    COVERAGE = 4, "coverage under a policy or programme"
    HOPERAT = 5, "healthcare operations"
    HRESCH = 6, "healthcare research"
    CLINTRCH = 7, "clinical trial research"
    PUBHLTH = 8, "public health"
    PATRQT = 9, "at the patient's request"
    FAMRQT = 10, "at the family's request"
    PWATRNY = 11, "power of attorney"
    SUPNWK = 12, "support network"
    HMARKT = 13, "healthcare marketing"
    HSYSADMIN = 14, "health system administration"
    BIORCH = 15, "biomedical research"
    DISASTER = 16, "disaster"
    THREAT = 17, "a threat to somebody"
    HDM = 18, "healthcare delivery management"
    COVAUTH = 19, "coverage authorisation"
    HQUALIMP = 20, "healthcare quality improvement"
    PATADMIN = 21, "patient administration"
    RECORDMGT = 22, "records management"
    HLEGAL = 23, "legal"

    @property
    def word(self) -> str:
        """The code word as signed data spells it: the HL7 code itself."""
        return self.name


class RecipientKind(_Code):
    """What a recipient of a directive is."""

    NONE = 0, "no recipient"
    PERSON = 1, "one account"
    ORGANISATION = 2, "an account; its affiliated practitioners act for it"
    ROLE = 3, "a role in a jurisdiction"


class Role(_Code):
    """What a party is accredited as. Patients hold no credential."""

    NONE = 0, "no role"
    PRACTITIONER = 1, "a person who treats"
    PROVIDER = 2, "an organisation that treats"
    INSURER = 3, "pays claims under a plan"
    PHARMACY = 4, "dispenses"
    MANUFACTURER = 5, "makes medicines"
    DISTRIBUTOR = 6, "moves medicines"
    SPONSOR = 7, "answers for a trial"
    ETHICS_COMMITTEE = 8, "approves a trial"
    INVESTIGATOR = 9, "a person or site that runs a trial"
    RESEARCH_INSTITUTION = 10, "studies records"
    RANDOMISER = 11, "holds a trial's allocation seed, independent of the sponsor"
    LENDER = 12, "lends against what is owed"
    CUSTODIAN = 13, "keeps sealed records for others"
    STEWARD = 14, "holds accounts of people without keys"
    PRICER = 15, "states prices"
    ASSESSOR = 16, "assesses what others claim"
    AUDITOR = 17, "examines and reports"
    REGULATOR = 18, "oversees by law"


class CredentialStatus(_Code):
    """Where a credential stands."""

    NONE = 0, "there is none"
    ACTIVE = 1, "in force within its dates"
    SUSPENDED = 2, "without effect until reinstated"
    REVOKED = 3, "ended; active only by a new one"


class StatusReason(_Code):
    """Why a credential, affiliation or accreditation changed."""

    NONE = 0, "not said"
    REQUESTED = 1, "by the subject"
    EXPIRED = 2, "its time ran out"
    UNDER_INVESTIGATION = 3, "an investigation is open"
    SANCTIONED = 4, "a sanction was imposed"
    CRITERIA_NOT_MET = 5, "the criteria are no longer met"
    KEY_COMPROMISED = 6, "the key is in other hands"
    ISSUED_IN_ERROR = 7, "it should never have been issued"
    DECEASED = 8, "the subject died"
    REINSTATED = 9, "a suspension ended"


class Capacity(_Code):
    """In what capacity somebody acted for a subject."""

    NONE = 0, "not said"
    SELF = 1, "the subject's own controller"
    STEWARD = 2, "the holder of a held account"
    PROXY = 3, "somebody the subject appointed"
    GUARDIAN = 4, "somebody the law or a steward appointed"


class Will(_Code):
    """How the subject's will was expressed."""

    NONE = 0, "not expressed"
    SIGNATURE = 1, "the subject's own key"
    PAPER = 2, "a signature on paper"
    SPOKEN = 3, "spoken before a witness"
    LEGAL_AUTHORITY = 4, "by law, for somebody who cannot decide"


class HeldStatus(_Code):
    """Where a held account stands."""

    NONE = 0, "there is none"
    OPEN = 1, "a steward acts for the patient"
    CLAIMED = 2, "the patient took it over; no steward power is left"
    CLOSED = 3, "a provisional account, joined to the real one off chain"


class ConsentReason(_Code):
    """Why a directive ended."""

    NONE = 0, "not said"
    PATIENT_REQUEST = 1, "the patient asked"
    SUPERSEDED = 2, "another directive took its place"
    GRANTED_IN_ERROR = 3, "it should never have been granted"
    RECIPIENT_LEFT = 4, "the recipient no longer takes part"
    GUARDIAN_REQUEST = 5, "a guardian asked"
    DECEASED = 6, "the patient died"


class Reason(_Code):
    """Why a decision came out as it did. 1 to 19 allow, 20 and above deny; 7 to 19 are kept for later."""

    NONE = 0, "no decision"
    DIRECTIVE = 1, "a live directive permits every class"
    BASE_POLICY = 2, "the custodian's base policy permits what no directive speaks of"
    BREAK_GLASS = 3, "an emergency is open"
    OWN = 4, "the patient's own request"
    GUARDIAN = 5, "a guardian for this purpose"
    LAW = 6, "the base policy states a legal duty"
    NOTHING_ASKED = 20, "the request names no class"
    UNKNOWN_CLASS = 21, "the request names a class that no version of this contract knows"
    STANDING_DENIAL = 22, "the patient denies these classes to everybody"
    EMERGENCY_DENIAL = 23, "the patient denies these classes even in an emergency"
    DENIED_TO_PERSON = 24, "the directive for the actor as a person denies"
    DENIED_TO_CAPACITY = 25, "the directive for the capacity denies"
    CAPACITY_NOT_HELD = 26, "the actor does not hold the capacity named"
    NOT_YET_VALID = 27, "the directive is not valid yet"
    EXPIRED = 28, "the directive has expired"
    REVOKED = 29, "the directive was revoked"
    LIMITS_NOT_OPENED = 30, "the directive has limits and the request does not open them"
    OUTSIDE_LIMITS = 31, "another author, or data outside the period"
    NOT_GRANTED = 32, "nothing speaks for these classes"
    EMERGENCY_NOT_OPEN = 33, "emergency access only, and none is open"

    @property
    def allows(self) -> bool:
        """Whether a decision with this reason allows."""
        return 1 <= self.value <= 19


class Basis(_Code):
    """What a decision rests on."""

    NONE = 0, "nothing"
    DIRECTIVE = 1, "a patient's directive"
    BASE_POLICY = 2, "the custodian's base policy"
    BREAK_GLASS = 3, "an open emergency"
    GUARDIAN = 4, "a guardian's authority"
    LAW = 5, "a legal duty"
    OWN = 6, "the patient's own right"


class Rule(_Code):
    """What holds at a custodian for a purpose where the patient has said nothing."""

    UNSTATED = 0, "as deny-unless-granted"
    DENY_UNLESS_GRANTED = 1, "only a directive permits"
    PERMIT_UNLESS_DENIED = 2, "permitted unless the patient denies"
    BREAK_GLASS_ONLY = 3, "only an emergency opens"
    REQUIRED_BY_LAW = 4, "permits unless denied, and says so as law"


class EmergencyReason(_Code):
    """Why emergency access was opened."""

    NONE = 0, "not said"
    UNCONSCIOUS = 1, "the patient is unconscious"
    THREAT_TO_LIFE = 2, "the patient's life is threatened"
    THREAT_TO_OTHERS = 3, "others are threatened"
    UNIDENTIFIED = 4, "nobody knows who the patient is"
    UNABLE_TO_COMMUNICATE = 5, "the patient cannot make a wish known"


class Verdict(_Code):
    """What came of an emergency access."""

    UNREVIEWED = 0, "the review is still to come"
    OVERDUE = 1, "the review was not done in time"
    JUSTIFIED = 2, "the access was right"
    UNJUSTIFIED = 3, "the access was wrong"


class RecordStatus(_Code):
    """Where a record stands."""

    NONE = 0, "not anchored by itself"
    CURRENT = 1, "the newest version"
    SUPERSEDED = 2, "a newer version exists"
    ENTERED_IN_ERROR = 3, "it should not have been entered"
    SHREDDED = 4, "all keys and salts destroyed"


class LegalBasis(_Code):
    """On what legal basis a record was shredded."""

    NONE = 0, "not shredded"
    PATIENT_REQUEST = 1, "GDPR Article 17(1)(b)"
    RETENTION_EXPIRED = 2, "GDPR Article 5(1)(e)"
    UNLAWFUL_PROCESSING = 3, "GDPR Article 17(1)(d)"
    LEGAL_OBLIGATION = 4, "GDPR Article 17(1)(e)"
    ANCHORED_IN_ERROR = 5, "it should never have been anchored"


class Meaning(_Code):
    """What a signature under a record means (21 CFR 11.50(a)(3))."""

    NONE = 0, "not said"
    AUTHORED = 1, "the signer wrote it"
    REVIEWED = 2, "the signer reviewed it"
    APPROVED = 3, "the signer approved it"
    VERIFIED = 4, "the signer checked it against its source"
    RESPONSIBLE = 5, "the signer answers for it"


class OmissionStatus(_Code):
    """What became of a receipt that found no entry in a custodian's access log."""

    NONE = 0, "none was reported"
    OPEN = 1, "reported and not answered"
    ANSWERED = 2, "the custodian answered"
