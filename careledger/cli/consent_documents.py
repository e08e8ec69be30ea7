"""``careledger consents``, the verbs about documents: consent receipts and FHIR Consents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from careledger.cli import output
from careledger.cli.frame import Frame, verb
from careledger.errors import InputError, Misuse
from careledger.text import shown

if TYPE_CHECKING:
    from careledger.resources.consent_types import ConsentReceipt

__all__ = ["app", "require_words", "show_receipt"]

app = typer.Typer()
"""Its verbs are those of ``careledger consents``."""

# RECEIPTS


def show_receipt(frame: Frame, file: Path, language: str, html: Path | None) -> None:
    """Answer with what a receipt says: a page of text, HTML in a file, or the record as JSON."""
    require_words(language)
    found = _receipt(frame, file)
    if html is not None:
        page = found.in_html(language).encode()
        if html.exists():
            raise InputError(f"{shown(html.name)} is there already", fix="Give --html another file.")
        from careledger.privacy.files import write_private

        write_private(html, page)
        frame.note(f"The page is in {html}; it shows what was agreed.")
    elif frame.json:
        frame.answer(dict(found.document))
    else:
        output.lines(found.in_words(language).splitlines())


@verb(app, "verify", chain=True)
def verify(
    frame: Frame,
    receipt: Annotated[Path, typer.Argument(help="The receipt, sealed for the profile or open.", show_default=False)],
) -> None:
    """Compare a consent receipt with the chain; exit code 3 where it is not there, or says something else.

    Example: careledger consents verify receipt.json
    """
    found = _receipt(frame, receipt)
    with frame.client() as care:
        standing = found.verify(care)
    frame.answer(standing.to_json())
    if not standing.verified:
        frame.no()


def _receipt(frame: Frame, file: Path) -> ConsentReceipt:
    """Read a receipt; one that is sealed with the profile's key."""
    from careledger.errors import NotARecipient
    from careledger.resources.consent_types import ConsentReceipt

    try:
        return ConsentReceipt.load(file)
    except NotARecipient:
        return ConsentReceipt.load(file, opener=frame.profile.seed_opener())


def require_words(language: str) -> None:
    """Refuse a language that there are no words for."""
    from careledger.resources.glossary import LANGUAGES

    if language not in LANGUAGES:
        raise Misuse(f"there are no words for {shown(language, 20)!r}", fix=f"Use one of: {', '.join(LANGUAGES)}.")
