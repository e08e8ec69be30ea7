"""``careledger participants``: who is who. Patients hold no credential."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from careledger.cli.carrying import carry, carry_recovery
from careledger.cli.credentials import accreditor_app, affiliation_app, credential_app
from careledger.cli.frame import Frame, verb
from careledger.cli.guarding import guarding_app
from careledger.cli.held import held_app
from careledger.cli.papers import Parcels, forward_out
from careledger.cli.parameters import address_of, code_of
from careledger.cli.recover import recover_app
from careledger.cli.views import credential_row
from careledger.codes import Role
from careledger.errors import Misuse, NotFound
from careledger.values import Address, PartyRef, plain

app = typer.Typer(no_args_is_help=True)
key_app = typer.Typer(no_args_is_help=True)
app.add_typer(accreditor_app, name="accreditor", help="Who may accredit, admitted by governance.")
app.add_typer(credential_app, name="credential", help="Offer, sign, issue, renew, suspend, resume, revoke.")
app.add_typer(affiliation_app, name="affiliation", help="Who works for whom: offer, sign, start, end.")
app.add_typer(key_app, name="key", help="The key that records are sealed to.")
app.add_typer(held_app, name="held", help="Accounts for patients without keys.")
app.add_typer(guarding_app, name="guardians", help="Who gives a wallet's accounts back when its phone is lost.")
app.add_typer(recover_app, name="recover", help="The ceremony after a phone was lost.")
verb(app, "carry", write=True)(carry)
verb(recover_app, "carry", write=True)(carry_recovery)


@app.callback()
def main() -> None:
    """Who is accredited as what, where and by whom; and who can be sealed to."""


_Role = Annotated[Any, typer.Option("--role", parser=code_of(Role), metavar="ROLE", help="Only in this role.")]
_Jurisdiction = Annotated[
    int | None, typer.Option(help="Only there: 756000 is Switzerland.", min=1, show_default=False)
]
_Subject = Annotated[
    Address | None,
    typer.Option("--subject", parser=address_of, metavar="ADDRESS", help="For whom; the profile's account without."),
]


@verb(app, "show", chain=True)
def show(
    frame: Frame,
    account: Annotated[Address, typer.Argument(parser=address_of, metavar="ADDRESS", help="Who.", show_default=False)],
    role: _Role = None,
    jurisdiction: _Jurisdiction = None,
) -> None:
    """Show an account: who controls it, its credentials, the key to seal to; exit code 3 where none is in force.

    Example: careledger participants show 0xC… --role provider --jurisdiction 756000
    """
    who = PartyRef("person", account)
    with frame.client() as care:
        if role is not None and jurisdiction is not None:
            found = [care.participants.credential(who, role=role, jurisdiction=jurisdiction)]
        else:
            found = _credentials(care, who, role, jurisdiction)
        controller = care.participants.controller_of(who)
        try:
            key: dict[str, Any] | None = _key(care.participants.encryption_key(who))
        except NotFound:
            key = None
    if frame.json:
        frame.answer({"account": account, "controller": controller, "key": key, "credentials": found})
    else:
        frame.answer({"account": account, "controller": controller, "key": key})
        frame.table([credential_row(each) for each in found], columns=_COLUMNS)
    if not any(each.active for each in found):
        frame.no()


@verb(app, "list", chain=True)
def list_(frame: Frame, role: _Role = None, jurisdiction: _Jurisdiction = None) -> None:
    """List credentials, each as it stands now.

    Example: careledger participants list --role provider
    """
    with frame.client() as care:
        found = _credentials(care, None, role, jurisdiction)
    if frame.json:
        frame.answer(found)
    else:
        frame.table([credential_row(each) for each in found], columns=_COLUMNS)


@verb(key_app, "publish", write=True)
def publish(
    frame: Frame,
    subject: _Subject = None,
) -> None:
    """Publish the public key of the profile's opener, so that records can be sealed to it.

    Example: careledger participants key publish --as clinic
    """
    options = frame.write_options()
    with frame.client(signs=True, opens=True) as care:
        if care.opener is None:
            raise Misuse("this profile opens nothing", fix="Give it an opener: careledger profile create --opener.")
        who = PartyRef("person", subject or care.me)
        frame.receipt(care.participants.publish_key(care.opener, subject=who, **options))


@verb(app, "change-controller", write=True)
def change_controller(
    frame: Frame,
    to: Annotated[Address, typer.Argument(parser=address_of, metavar="ADDRESS", help="The new key's account.")],
    subject: _Subject = None,
    out: Parcels = None,
) -> None:
    """Hand an account to a new key; from then on this one does nothing for it. Asks first.

    What it signed and nobody carried yet is void then. Without ether, sign a parcel with --out.

    Example: careledger participants change-controller 0xN… --as clinic
    """
    options = frame.write_options()
    frame.confirm(f"Hand the account to {to}? This key then does nothing for it.")
    with frame.client(signs=True) as care:
        who = PartyRef("person", subject or care.me)
        if out is None:
            frame.receipt(care.participants.change_controller(who, to=to, **options))
        else:
            forward_out(frame, care, care.participants.change_controller(who, to=to, dry_run=True), out)


@verb(app, "raise-epoch", write=True)
def raise_epoch(frame: Frame, subject: _Subject = None, out: Parcels = None) -> None:
    """End every consent, revocation, denial and guardianship signed and not yet carried; prints the new epoch.

    For signed papers that were lost. What is on the chain already stands. Without ether, sign a parcel with --out.

    Example: careledger participants raise-epoch --as ana --out void
    """
    options = frame.write_options()
    with frame.client(signs=True) as care:
        who = PartyRef("person", subject or care.me)
        if out is None:
            frame.receipt(care.participants.raise_epoch(who, **options))
        else:
            forward_out(frame, care, care.participants.raise_epoch(who, dry_run=True), out)


# INTERNAL

_COLUMNS = ("subject", "role", "jurisdiction", "status", "in force", "until", "issuer")


def _credentials(care: Any, who: PartyRef | None, role: Role | None, jurisdiction: int | None) -> list[Any]:
    """Return the credentials that the index knows of, each as it stands."""
    where = {} if who is None else {"subject": who.address}
    seen: dict[tuple[Address, int, int], None] = {}
    for event in care.sync().list("ParticipantRegistry.CredentialIssued", where=where):
        a = event.args
        seen.setdefault((Address(a["subject"]), int(a["role"]), int(a["jurisdiction"])))
    return [
        care.participants.credential(PartyRef("person", subject), role=Role(number), jurisdiction=place)
        for subject, number, place in seen
        if (role is None or role.value == number) and jurisdiction in (None, place)
    ]


def _key(found: Any) -> dict[str, Any]:
    """Return a published key by its hash, which is what one compares."""
    return {"suite": plain(found.suite), "epoch": found.epoch, "hash": plain(found.key_hash)}
