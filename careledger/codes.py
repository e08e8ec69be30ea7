"""Code words that the SDK and the contracts share. Order and bit positions equal ``contracts/types``."""

from __future__ import annotations

from enum import IntEnum


class _Word(IntEnum):
    """A bit position that is also a code word on the wire."""

    @property
    def word(self) -> str:
        """The code word as signed data spells it, lower-case with hyphens: ``mental-health``."""
        return self.name.lower().replace("_", "-")

    @property
    def mask(self) -> int:
        """The bit mask with this bit alone."""
        return 1 << self.value


class DataClass(_Word):
    """What kind of health data something is: a bit of the 64-bit set in directives. From 32 on: sensitive."""

    DEMOGRAPHICS = 0
    ENCOUNTERS = 1
    CONDITIONS = 2
    MEDICATIONS = 3
    ALLERGIES = 4
    IMMUNIZATIONS = 5
    VITALS = 6
    LABS = 7
    IMAGING = 8
    PROCEDURES = 9
    NOTES = 10
    CARE_PLANS = 11
    DEVICES = 12
    COVERAGE = 13
    CLAIMS = 14
    DOCUMENTS = 15
    GENOMICS = 32
    MENTAL_HEALTH = 33
    SUBSTANCE_USE = 34
    REPRODUCTIVE = 35
    HIV = 36
    SEXUAL_HEALTH = 37
    VIOLENCE = 38
    GENDER = 39

    @property
    def is_sensitive(self) -> bool:
        """Whether the class is one of those that profiles deny unless a patient says otherwise."""
        return self.value >= 32


class Purpose(_Word):
    """Why somebody wants to read: HL7 v3 PurposeOfUse codes, the value being the bit in a base policy."""

    TREAT = 0
    ETREAT = 1
    CAREMGT = 2
    HPAYMT = 3
    COVERAGE = 4
    HOPERAT = 5
    HRESCH = 6
    CLINTRCH = 7
    PUBHLTH = 8
    PATRQT = 9
    FAMRQT = 10
    PWATRNY = 11
    SUPNWK = 12
    HMARKT = 13
    HSYSADMIN = 14
    BIORCH = 15
    DISASTER = 16
    THREAT = 17
    HDM = 18
    COVAUTH = 19
    HQUALIMP = 20
    PATADMIN = 21
    RECORDMGT = 22
    HLEGAL = 23

    @property
    def word(self) -> str:
        """The code word as signed data spells it: the HL7 code itself."""
        return self.name
