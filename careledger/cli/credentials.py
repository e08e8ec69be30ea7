"""``careledger participants accreditor``, ``credential`` and ``affiliation``: firms and professionals."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from careledger.cli.agreements import add_signature, read_agreement, signature_of, write_agreement
from careledger.cli.frame import Frame, verb
from careledger.cli.parameters import address_of, code_of, jurisdiction_option
from careledger.cli.views import minute
from careledger.codes import CredentialStatus, Role, StatusReason
from careledger.errors import InputError, Misuse, NotFound
from careledger.text import shown
from careledger.values import Address, PartyRef

accreditor_app = typer.Typer(no_args_is_help=True)
credential_app = typer.Typer(no_args_is_help=True)
affiliation_app = typer.Typer(no_args_is_help=True)

_MOST_EVIDENCE: Final = 64 << 20


def _address(name: str, help: str) -> Any:
    return typer.Option(name, parser=address_of, metavar="ADDRESS", help=help, show_default=False)


_Account = Annotated[Address, typer.Argument(parser=address_of, metavar="ADDRESS", help="Who.", show_default=False)]
_Role = Annotated[
    Any, typer.Option("--role", parser=code_of(Role), metavar="ROLE", help="As what.", show_default=False)
]
_Jurisdiction = Annotated[int, jurisdiction_option("Where: 756000 is Switzerland.", least=1, show_default=False)]
_Subject = Annotated[Address, _address("--subject", "Whose credential.")]
_Organisation = Annotated[Address, _address("--organisation", "The organisation.")]
_Practitioner = Annotated[Address, _address("--practitioner", "The practitioner.")]
_Reason = Annotated[
    Any, typer.Option("--reason", parser=code_of(StatusReason), metavar="REASON", help="Why.", show_default=False)
]
_Days = Annotated[int, typer.Option(help="For how many days.", min=1, max=36_500)]
_Evidence = Annotated[
    Path | None,
    typer.Option(help="What was examined; only a salted commitment goes on chain.", metavar="FILE", show_default=False),
]
_File = Annotated[Path, typer.Argument(help="What offer wrote.", show_default=False)]
_Out = Annotated[Path | None, typer.Argument(help="Where the terms go; stdout without.", show_default=False)]


# ACCREDITORS


@verb(accreditor_app, "admit", write=True)
def admit(frame: Frame, account: _Account, role: _Role, jurisdiction: _Jurisdiction, days: _Days = 3650) -> None:
    """Admit an accreditor for a role in a jurisdiction; as governance. Prints its address.

    Example: careledger participants accreditor admit 0xB… --role practitioner --jurisdiction 756000 --as governor
    """
    options = frame.write_options()
    with frame.client(signs=True) as care:
        done = care.participants.admit_accreditor(
            PartyRef("organisation", account), role=role, jurisdiction=jurisdiction, for_days=days, **options
        )
        frame.receipt(_about(done, account))


@verb(accreditor_app, "dismiss", write=True)
def dismiss(
    frame: Frame,
    account: _Account,
    role: _Role,
    jurisdiction: _Jurisdiction,
    reason: _Reason,
    on: Annotated[str, typer.Option(help="First day, in UTC, on which its credentials do not count: 2027-01-31.")],
) -> None:
    """Set the day from which an accreditor's credentials no longer count, seven days ahead at least; as governance.

    Example: careledger participants accreditor dismiss 0xB… --role provider --jurisdiction 756000 --on 2027-01-31
    --reason sanctioned --as governor
    """
    options, until = frame.write_options(), _day(on)
    with frame.client(signs=True) as care:
        done = care.participants.dismiss_accreditor(
            PartyRef("organisation", account), role=role, jurisdiction=jurisdiction, until=until, reason=reason,
            **options,
        )  # fmt: skip
        frame.receipt(_about(done, account))


@verb(accreditor_app, "show", chain=True)
def show_accreditor(frame: Frame, account: _Account, role: _Role, jurisdiction: _Jurisdiction) -> None:
    """Show from when until when an accreditor is admitted; exit code 3 where it is not now.

    Example: careledger participants accreditor show 0xB… --role provider --jurisdiction 756000
    """
    who = PartyRef("organisation", account)
    with frame.client() as care:
        now = care.participants.now()
        try:
            found = care.participants.accreditation(who, role=role, jurisdiction=jurisdiction)
        except NotFound:
            found = None
    if found is None:
        frame.answer({"accreditor": account, "admitted": False})
        frame.no()
    admitted = found.since <= now < found.until
    times: dict[str, Any] = {"since": found.since, "until": found.until}
    if not frame.json:
        times = {name: minute(value) for name, value in times.items()}
    frame.answer({"accreditor": account, "admitted": admitted, **times})
    if not admitted:
        frame.no()


# CREDENTIALS


@verb(credential_app, "offer", chain=True)
def offer_credential(
    frame: Frame,
    subject: _Subject,
    issuer: Annotated[Address, _address("--issuer", "The accreditor.")],
    role: _Role,
    jurisdiction: _Jurisdiction,
    file: _Out = None,
    days: _Days = 365,
    evidence: _Evidence = None,
) -> None:
    """Draft the terms of a credential, for issuer and subject to sign; nothing is sent.

    Example: careledger participants credential offer terms.json --subject 0xC… --issuer 0xB… --role provider
    --jurisdiction 756000 --evidence register.pdf
    """
    _free(file)
    with frame.client() as care:
        terms = care.participants.offer_credential(
            PartyRef("person", subject), issuer=PartyRef("organisation", issuer), role=role, jurisdiction=jurisdiction,
            evidence=_read(evidence), for_days=days,
        )  # fmt: skip
    write_agreement(terms, file)


@verb(credential_app, "sign", chain=True)
def sign_credential(frame: Frame, file: _File) -> None:
    """Add the profile's signature to the terms' file; nothing is sent. Prints who signed.

    Example: careledger participants credential sign terms.json --as clinic
    """
    _sign(frame, file, "credential")


@verb(credential_app, "issue", write=True)
def issue(frame: Frame, file: _File) -> None:
    """Issue a credential that both sides signed; whoever sends needs no signature. Prints its id.

    Example: careledger participants credential issue terms.json --as relayer
    """
    options = frame.write_options()
    with frame.client(signs=True) as care:
        terms, signatures = read_agreement(care, file, kind="credential")
        both = {name: signature_of(care, terms, signatures, party=name) for name in ("issuer", "subject")}
        frame.receipt(care.participants.issue_credential(terms, **both, **options))


@verb(credential_app, "renew", write=True)
def renew(
    frame: Frame, subject: _Subject, role: _Role, jurisdiction: _Jurisdiction, days: _Days = 365,
    evidence: _Evidence = None,
) -> None:  # fmt: skip
    """Let a credential run longer, from its present end; as its issuer. Prints its id.

    Example: careledger participants credential renew --subject 0xC… --role provider --jurisdiction 756000 --as board
    """
    options, proof = frame.write_options(), _read(evidence)
    with frame.client(signs=True) as care:
        done = care.participants.renew_credential(
            PartyRef("person", subject), role=role, jurisdiction=jurisdiction, for_days=days, evidence=proof, **options
        )
        frame.receipt(done)


@verb(credential_app, "suspend", write=True)
def suspend(
    frame: Frame, subject: _Subject, role: _Role, jurisdiction: _Jurisdiction, reason: _Reason
) -> None:  # fmt: skip
    """Take a credential's effect away until it is resumed; as its issuer.

    Example: careledger participants credential suspend --subject 0xC… --role practitioner --jurisdiction 756000
    --reason under-investigation --as board
    """
    _status(frame, CredentialStatus.SUSPENDED, subject, role, jurisdiction, reason)


@verb(credential_app, "resume", write=True)
def resume(frame: Frame, subject: _Subject, role: _Role, jurisdiction: _Jurisdiction) -> None:
    """Give a suspended credential its effect back; as its issuer.

    Example: careledger participants credential resume --subject 0xC… --role practitioner --jurisdiction 756000
    """
    _status(frame, CredentialStatus.ACTIVE, subject, role, jurisdiction, StatusReason.REINSTATED)


@verb(credential_app, "revoke", write=True)
def revoke(frame: Frame, subject: _Subject, role: _Role, jurisdiction: _Jurisdiction, reason: _Reason) -> None:
    """End a credential for good; as its issuer.

    Example: careledger participants credential revoke --subject 0xC… --role practitioner --jurisdiction 756000
    --reason sanctioned --as board
    """
    frame.confirm("A revoked credential never comes back; only a new one does. Revoke it?")
    _status(frame, CredentialStatus.REVOKED, subject, role, jurisdiction, reason)


# AFFILIATIONS


@verb(affiliation_app, "offer", chain=True)
def offer_affiliation(
    frame: Frame, organisation: _Organisation, practitioner: _Practitioner, file: _Out = None, days: _Days = 365
) -> None:
    """Draft the terms of an affiliation, for both sides to sign; nothing is sent.

    Example: careledger participants affiliation offer terms.json --organisation 0xC… --practitioner 0xD…
    """
    _free(file)
    with frame.client() as care:
        terms = care.participants.offer_affiliation(
            organisation=PartyRef("organisation", organisation), practitioner=PartyRef("person", practitioner),
            for_days=days,
        )  # fmt: skip
    write_agreement(terms, file)


@verb(affiliation_app, "sign", chain=True)
def sign_affiliation(frame: Frame, file: _File) -> None:
    """Add the profile's signature to the terms' file; nothing is sent. Prints who signed.

    Example: careledger participants affiliation sign terms.json --as dr-roe
    """
    _sign(frame, file, "affiliation")


@verb(affiliation_app, "start", write=True)
def start(frame: Frame, file: _File) -> None:
    """Start an affiliation that both sides signed; whoever sends needs no signature. Prints its id.

    Example: careledger participants affiliation start terms.json --as relayer
    """
    options = frame.write_options()
    with frame.client(signs=True) as care:
        terms, signatures = read_agreement(care, file, kind="affiliation")
        both = {
            name: signature_of(care, terms, signatures, party=name) for name in ("organisation", "practitioner")
        }  # fmt: skip
        frame.receipt(care.participants.affiliate(terms, **both, **options))


@verb(affiliation_app, "end", write=True)
def end(
    frame: Frame,
    organisation: _Organisation,
    practitioner: _Practitioner,
    reason: Annotated[
        Any, typer.Option("--reason", parser=code_of(StatusReason), metavar="REASON", help="Why.")
    ] = "requested",
) -> None:
    """End an affiliation at once; as either side.

    Example: careledger participants affiliation end --organisation 0xC… --practitioner 0xD… --as clinic
    """
    options, why = frame.write_options(), code_of(StatusReason)(reason)
    with frame.client(signs=True) as care:
        done = care.participants.end_affiliation(
            organisation=PartyRef("organisation", organisation), practitioner=PartyRef("person", practitioner),
            reason=why, **options,
        )  # fmt: skip
        frame.receipt(_about(done, practitioner))


@verb(affiliation_app, "show", chain=True)
def show_affiliation(frame: Frame, organisation: _Organisation, practitioner: _Practitioner) -> None:
    """Show whether a practitioner works for an organisation; exit code 3 where it does not now.

    Example: careledger participants affiliation show --organisation 0xC… --practitioner 0xD…
    """
    pair = {
        "organisation": PartyRef("organisation", organisation), "practitioner": PartyRef("person", practitioner)
    }  # fmt: skip
    with frame.client() as care:
        active = care.participants.is_affiliated(**pair)
        try:
            found = care.participants.affiliation(**pair)
        except NotFound:
            found = None
    times: dict[str, Any] = {} if found is None else {"since": found.since, "until": found.until}
    if not frame.json:
        times = {name: minute(value) for name, value in times.items()}
    frame.answer({"organisation": organisation, "practitioner": practitioner, "affiliated": active, **times})
    if not active:
        frame.no()


# INTERNAL


def _sign(frame: Frame, file: Path, kind: str) -> None:
    with frame.client(signs=True) as care:
        signer = add_signature(care, file, kind=kind)
    frame.answer({"signer": signer}, lines=[signer])


def _status(
    frame: Frame, status: CredentialStatus, subject: Address, role: Role, jurisdiction: int, reason: StatusReason
) -> None:
    options = frame.write_options()
    with frame.client(signs=True) as care:
        done = care.participants.set_credential_status(
            PartyRef("person", subject), role=role, jurisdiction=jurisdiction, status=status, reason=reason, **options
        )
        frame.receipt(_about(done, subject))


def _about(receipt: Any, account: Address) -> Any:
    """Answer a write that makes nothing with an id of its own by whom it is about."""
    from careledger.values import Receipt

    return receipt.with_value(account) if isinstance(receipt, Receipt) else receipt


def _read(evidence: Path | None) -> bytes | None:
    if evidence is None:
        return None
    try:
        with evidence.open("rb") as file:
            found = file.read(_MOST_EVIDENCE + 1)
    except FileNotFoundError:
        raise NotFound(f"there is no file {shown(evidence.name)}", fix="Check the path.") from None
    except OSError as error:
        raise InputError(f"{shown(evidence.name)} cannot be read: {(error.strerror or '').lower()}") from None
    if len(found) > _MOST_EVIDENCE:
        raise InputError(f"{shown(evidence.name)} is larger than 64 MiB", fix="Give a smaller file.")
    return found


def _free(file: Path | None) -> None:
    if file is not None and file.exists():
        raise InputError(f"{shown(file.name)} is there already", fix="Give another file.")


def _day(text: str) -> int:
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise Misuse(f"{shown(text, 40)!r} is not a day", fix="Write it like 2027-01-31.") from None
