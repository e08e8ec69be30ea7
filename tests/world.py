"""The suite deployed, the people around it, and what they do before a test begins."""

from __future__ import annotations

from typing import Any

from careledger.codes import DataClass, Purpose
from careledger.privacy.merkle import StandardTree
from tests.chainkit import CHAIN_ID, NOTHING, START, Contract, Engine, Person, Revm, deploy, text32
from tests.words import BY_LAW, KINDS, PAPER, SWISS, YEAR, Role, affiliation, credential, h32, held_terms

GRANT = (
    "address patient,string recipientKind,address recipient,string role,uint32 jurisdiction,string purpose,"
    "string[] permits,string[] denies,uint40 notBefore,uint40 expiresAt,bool limited,bytes32 receipt,uint40 replaces,"
    "uint32 epoch,uint40 deadline"
)
REVOCATION = (
    "address patient,string recipientKind,address recipient,string role,uint32 jurisdiction,string purpose,"
    "uint8 reason,uint40 version,uint32 epoch,uint40 deadline"
)
DENIAL = "address patient,string[] denied,string[] emergencyDenied,uint40 version,uint32 epoch,uint40 deadline"
CREDENTIAL = (
    "address issuer,address subject,string role,uint32 jurisdiction,uint40 notBefore,uint40 expiresAt,bytes32 evidence,"
    "uint40 deadline"
)
AFFILIATION = "address organisation,address practitioner,uint40 since,uint40 until,uint40 deadline"
KEY = "address subject,uint16 suite,bytes32 keyHash,uint32 epoch,uint40 deadline"
CLAIM = "address subject,address controller,uint40 deadline"
APPROVAL = "address subject,address newController,uint16 recoveries,uint40 deadline"
GUARDIANSHIP = (
    "address patient,address guardian,string[] purposes,uint40 until,uint8 depth,uint16 replaces,uint32 epoch,"
    "uint40 deadline"
)
RECORD = "address author,bytes32 commitment,uint8 meaning,uint40 deadline"
BATCH = "address author,bytes32 root,uint32 size,uint8 meaning,uint40 deadline"
AMENDMENT = "address author,bytes32 commitment,uint8 status,bytes32 replacement,uint8 basis,uint40 deadline"
ACCESS_RECEIPT = "address custodian,uint64 entry,bytes32 leaf,uint40 issuedAt"
LATER = START + 3600
NAMES = "governor patient clinic hospital practitioner accreditor steward insurer stranger relayer custodian officer"


def class_words(mask: int) -> list[str]:
    """The words of a set of classes, lowest bit first."""
    return [item.word for item in DataClass if mask & item.mask]


def purpose_words(mask: int) -> list[str]:
    """The codes of a set of purposes."""
    return [item.name for item in Purpose if mask & item.mask]


def role_word(role: int) -> str:
    """A role as it is signed: lower case with hyphens."""
    name = Role(role).name
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


def spoken(scope: str) -> dict[str, Any]:
    """A scope in the words that are signed."""
    value = int(scope, 16)
    kind, purpose = value >> 208 & 0xFF, value >> 216
    return {
        "recipientKind": KINDS[kind], "recipient": f"0x{value & (1 << 160) - 1:040x}",
        "role": role_word(value >> 192 & 0xFFFF) if kind == 3 else "none", "jurisdiction": value >> 160 & 0xFFFFFFFF,
        "purpose": Purpose(purpose).name,
    }  # fmt: skip


class World:
    """The whole suite on an engine, with people; `settle` gives them credentials."""

    governor: Person
    patient: Person
    clinic: Person
    hospital: Person
    practitioner: Person
    accreditor: Person
    steward: Person
    insurer: Person
    stranger: Person
    relayer: Person
    custodian: Person
    officer: Person

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        for name in NAMES.split():
            setattr(self, name, Person(name))
        self.people = [getattr(self, name) for name in NAMES.split()]
        by = self.governor
        self.manager = deploy(engine, "AccessManager", by, sender=by)
        self.forwarder = deploy(engine, "ERC2771Forwarder", "CareLedger Forwarder", sender=by)
        common = (self.manager, self.forwarder)
        self.participants = deploy(engine, "ParticipantRegistry", *common, sender=by)
        self.guardians = deploy(engine, "GuardianRegistry", *common, self.participants, sender=by)
        self.emergencies = deploy(engine, "EmergencyRegistry", *common, self.participants, sender=by)
        registries = (self.participants, self.guardians, self.emergencies)
        self.consents = deploy(engine, "ConsentRegistry", *common, *registries, sender=by)
        self.records = deploy(engine, "RecordRegistry", *common, self.participants, sender=by)
        name, release = text32("CareLedger test"), text32("1.0.0")
        self.directory = deploy(engine, "SuiteDirectory", self.manager, name, release, sender=by)
        self.modules = [self.participants, self.guardians, self.emergencies, self.consents, self.records]

    def settle(self) -> World:
        """Admit the accreditor for every role here and accredit the people."""
        for of in list(Role)[1:]:
            self.participants.admitAccreditor(
                self.accreditor, of, SWISS, START - YEAR, START + 5 * YEAR, sender=self.governor
            )
        self.accredit(self.clinic, Role.Provider)
        self.accredit(self.hospital, Role.Provider)
        self.accredit(self.practitioner, Role.Practitioner)
        self.accredit(self.steward, Role.Steward)
        self.accredit(self.insurer, Role.Insurer)
        self.accredit(self.custodian, Role.Custodian)
        self.affiliate(self.clinic, self.practitioner)
        self.emergencies.namePrivacyOfficer(self.clinic, self.officer, sender=self.clinic)
        return self

    def warp(self, time: int) -> None:
        """Set the time of what happens next."""
        self.engine.warp(time)

    # WHAT PEOPLE SIGN

    def sign_grant(self, by: Person, terms: Any, deadline: int = LATER, *, epoch: int = 0, **domain: Any) -> bytes:
        """A patient's signature under a grant."""
        said = terms["word"]
        message = {
            "patient": terms["patient"], **spoken(terms["scope"]), "permits": class_words(said & (1 << 64) - 1),
            "denies": class_words(said >> 64 & (1 << 64) - 1), "notBefore": said >> 128 & (1 << 40) - 1,
            "expiresAt": said >> 168 & (1 << 40) - 1, "limited": bool(said >> 209 & 1), "receipt": terms["receipt"],
            "replaces": (said >> 216) - 1, "epoch": epoch, "deadline": deadline,
        }  # fmt: skip
        return by.sign(self.consents.typed("ConsentGrant", GRANT, message, **domain))

    def sign_revocation(
        self, by: Person, patient: Any, scope: str, reason: int, version: int, deadline: int = LATER, *, epoch: int = 0,
        **domain: Any,
    ) -> bytes:  # fmt: skip
        """A patient's signature under a revocation."""
        message = {
            "patient": patient, **spoken(scope), "reason": int(reason), "version": version, "epoch": epoch,
            "deadline": deadline,
        }  # fmt: skip
        return by.sign(self.consents.typed("ConsentRevocation", REVOCATION, message, **domain))

    def sign_denial(
        self, by: Person, patient: Any, denied: int, emergency: int, version: int, deadline: int = LATER, *,
        epoch: int = 0,
    ) -> bytes:  # fmt: skip
        """A patient's signature under standing denials."""
        message = {
            "patient": patient, "denied": class_words(denied), "emergencyDenied": class_words(emergency),
            "version": version, "epoch": epoch, "deadline": deadline,
        }  # fmt: skip
        return by.sign(self.consents.typed("StandingDenial", DENIAL, message))

    def sign_credential(self, by: Person, terms: Any, **domain: Any) -> bytes:
        """A signature under credential terms."""
        message = {**terms, "role": role_word(terms["role"])}
        return by.sign(self.participants.typed("CredentialTerms", CREDENTIAL, message, **domain))

    def sign_affiliation(self, by: Person, terms: Any) -> bytes:
        """A signature under affiliation terms."""
        return by.sign(self.participants.typed("AffiliationTerms", AFFILIATION, terms))

    def sign_guardianship(self, by: Person, terms: Any, deadline: int = LATER, *, epoch: int = 0) -> bytes:
        """A patient's signature under a guardianship."""
        message = {**terms, "purposes": purpose_words(terms["purposes"]), "epoch": epoch, "deadline": deadline}
        return by.sign(self.guardians.typed("Guardianship", GUARDIANSHIP, message))

    def sign(self, by: Person, contract: Contract, kind: str, fields: str, message: Any, **domain: Any) -> bytes:
        """A signature under anything else."""
        return by.sign(contract.typed(kind, fields, message, **domain))

    # WHAT PEOPLE DO

    def accredit(self, subject: Any, of: int, **changed: Any) -> Any:
        """Issue a credential: the accreditor sends, the subject signed."""
        terms = credential(self.accreditor, subject, of, **changed)
        return self.participants.issueCredential(
            terms, b"", self.sign_credential(subject, terms), sender=self.accreditor
        )

    def affiliate(self, house: Any, practitioner: Any, **changed: Any) -> Any:
        """Affiliate: the organisation sends, the practitioner signed."""
        terms = affiliation(house, practitioner, **changed)
        return self.participants.affiliate(terms, b"", self.sign_affiliation(practitioner, terms), sender=house)

    def open_held(self, claim_key: Any, **changed: Any) -> str:
        """The steward opens an account for somebody without a key; returns its address."""
        act = BY_LAW if changed.get("provisional") else PAPER
        return str(
            self.participants.openHeld(held_terms(self.steward, claim_key, **changed), act, sender=self.steward).value
        )

    def id_of(self, contract: Contract, *parts: tuple[str, Any]) -> str:
        """keccak256(chain, contract, parts...): how every id of the suite is made."""
        from careledger.chain.abi import encode
        from careledger.values import keccak

        kinds = ["uint256", "address", *(kind for kind, _ in parts)]
        values = [CHAIN_ID, contract.address, *(getattr(value, "address", value) for _, value in parts)]
        ready = [
            bytes.fromhex(v[2:]) if k == "bytes32" and isinstance(v, str) else v
            for k, v in zip(kinds, values, strict=True)
        ]
        return "0x" + keccak(encode(kinds, ready)).hex()

    def directive_id(self, patient: Any, scope: str, version: int) -> str:
        """The id of a directive."""
        return self.id_of(self.consents, ("address", patient), ("bytes32", scope), ("uint40", version))

    def decide(self, request: Any) -> dict[str, Any]:
        """The answer of decide."""
        return dict(self.consents.decide(request))


class Circle:
    """Guardians of an account: their tree, terms and proofs."""

    def __init__(self, people: list[Person], *, quorum: int, larger: int, wait: int) -> None:
        self.people = people
        self.salts = [bytes([i + 1]) * 32 for i in range(len(people))]
        rows = [[i, p.address, s] for i, (p, s) in enumerate(zip(people, self.salts, strict=True))]
        self.tree = StandardTree(rows, types=["uint8", "address", "bytes32"])
        self.terms = {
            "root": "0x" + self.tree.root.hex(), "quorum": quorum, "largerQuorum": larger, "waitSeconds": wait,
        }  # fmt: skip

    def proof(self, index: int) -> dict[str, Any]:
        """One guardian's proof."""
        return {
            "guardian": self.people[index].address, "index": index, "salt": self.salts[index],
            "path": self.tree.proof(index),
        }  # fmt: skip

    @property
    def commitment(self) -> str:
        """What the chain keeps of it."""
        from careledger.chain.abi import encode
        from careledger.values import keccak

        t = self.terms
        kinds = ["bytes32", "uint8", "uint8", "uint32"]
        return "0x" + keccak(encode(kinds, [self.tree.root, t["quorum"], t["largerQuorum"], t["waitSeconds"]])).hex()


NO_TERMS = {"root": NOTHING, "quorum": 0, "largerQuorum": 0, "waitSeconds": 0}


def new_world() -> World:
    """A settled world in this process."""
    return World(Revm()).settle()


__all__ = ["LATER", "NO_TERMS", "Circle", "World", "h32", "new_world", "role_word", "spoken"]
