"""FHIR R4 and R5 in: what a resource is, who it is about, and what CareLedger makes of it.

>>> from careledger.formats import fhir
>>> resources = fhir.read("discharge.json")  # doctest: +SKIP
"""

from careledger.formats.fhir.match import PatientDirectory
from careledger.formats.fhir.model import UNDECIDED, Becomes, Identifier, Match, Reading, Resource
from careledger.formats.fhir.read import patient_of, read

__all__ = [
    "UNDECIDED", "Becomes", "Identifier", "Match", "PatientDirectory", "Reading", "Resource", "patient_of", "read",
]  # fmt: skip
