"""``careledger consents policy``: what holds at a custodian where a patient has said nothing."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from careledger.cli.frame import Frame, verb
from careledger.cli.parameters import address_of, code_of
from careledger.cli.views import minute
from careledger.codes import DataClass, Purpose, Role, Rule
from careledger.values import Address, PartyRef

app = typer.Typer(no_args_is_help=True)

_Custodian = Annotated[
    Address, typer.Option(parser=address_of, metavar="ADDRESS", help="Who keeps the records.", show_default=False)
]
_Jurisdiction = Annotated[
    int, typer.Option(help="For actors accredited where: 756000 is Switzerland.", min=1, show_default=False)
]
_Purpose = Annotated[
    Any, typer.Option("--purpose", parser=code_of(Purpose), metavar="CODE", help="For what.", show_default=False)
]


@verb(app, "state", write=True)
def state(
    frame: Frame,
    jurisdiction: _Jurisdiction,
    purpose: _Purpose,
    rule: Annotated[
        Any, typer.Option("--rule", parser=code_of(Rule), metavar="RULE", help="What holds.", show_default=False)
    ],
    law: Annotated[str, typer.Option(help="The citation of the law; public, its hash goes on chain.", metavar="TEXT")],
    classes: Annotated[
        list[Any] | None,
        typer.Option("--class", parser=code_of(DataClass), metavar="CLASS", help="All ordinary ones without."),
    ] = None,
    roles: Annotated[
        list[Any] | None,
        typer.Option("--role", parser=code_of(Role), metavar="ROLE", help="Asking as what; provider without."),
    ] = None,
    as_role: Annotated[
        Any,
        typer.Option("--as-role", parser=code_of(Role), metavar="ROLE", help="As what it is accredited."),
    ] = "provider",
) -> None:
    """State what holds at the profile's house where a patient has said nothing; a patient's word beats it either way.

    Example: careledger consents policy state --jurisdiction 756000 --purpose TREAT --rule permit-unless-denied
    --law "EPDG Art. 9" --as hospital
    """
    options = frame.write_options()
    more: dict[str, Any] = {"classes": classes} if classes else {}
    more |= {"roles": roles} if roles else {}
    with frame.client(signs=True) as care:
        frame.receipt(
            care.consents.state_policy(
                PartyRef("organisation", care.me), as_role=code_of(Role)(as_role), jurisdiction=jurisdiction,
                purpose=purpose, rule=rule, legal_reference=law, **more, **options,
            )
        )  # fmt: skip


@verb(app, "show", chain=True)
def show(frame: Frame, custodian: _Custodian, jurisdiction: _Jurisdiction, purpose: _Purpose) -> None:
    """Show what a custodian states; exit code 3 where it says nothing, which is as deny-unless-granted.

    Example: careledger consents policy show --custodian 0xC… --jurisdiction 756000 --purpose TREAT
    """
    with frame.client() as care:
        found = care.consents.policy(PartyRef("organisation", custodian), jurisdiction=jurisdiction, purpose=purpose)
    frame.answer(
        {
            "rule": found.rule.word,
            "means": found.rule.doc,
            "classes": [item.word for item in sorted(found.classes)],
            "roles": [item.word for item in sorted(found.roles)],
            "since": found.since if frame.json else minute(found.since),
        }
    )
    if found.rule is Rule.UNSTATED:
        frame.no()
