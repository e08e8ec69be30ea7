"""What a patient reads before agreeing, in English, German and Chinese."""

from __future__ import annotations

from typing import TYPE_CHECKING

from careledger.codes import DataClass, Purpose
from careledger.resources.calendar import AT_ONCE
from careledger.resources.glossary import LANGUAGES, LAST_SECOND, day, language_index, listing, place, say
from careledger.values import PartyRef

if TYPE_CHECKING:
    from careledger.resources.consent_types import ConsentTerms, RoleRef

__all__ = ["LANGUAGES", "in_words", "sentences", "span", "who"]

_SENTENCES = {
    "en": (
        "You let {who} read {permits} for {purpose}, {span}.",
        "For {purpose}, {who} may not read {denies}, {span}.",
        "Not included: {denies}.",
        "You can end this at any time. What has been read until then is not undone.",
    ),
    "de": (
        "Sie erlauben {who}, {permits} zu lesen, für {purpose}, {span}.",
        "Sie verwehren {who}, {denies} zu lesen, für {purpose}, {span}.",
        "Ausgenommen: {denies}.",
        "Sie können das jederzeit beenden. Was bis dahin gelesen wurde, bleibt gelesen.",
    ),
    "zh": (
        "您允许{who}为{purpose}查阅：{permits}。有效期{span}。",
        "您不允许{who}为{purpose}查阅：{denies}。有效期{span}。",
        "不包括：{denies}。",
        "您可以随时终止。终止之前已被查阅的内容无法撤回。",
    ),
}


def in_words(terms: ConsentTerms, language: str) -> str:
    """Return the terms as sentences a patient can read.

    Raises:
        InputError: There are no words for this language.
    """
    return sentences(
        to=terms.to, purpose=terms.purpose, permits=terms.permits, denies=terms.denies, not_before=terms.not_before,
        expires_at=terms.expires_at, language=language,
    )  # fmt: skip


def sentences(
    *, to: PartyRef | RoleRef, purpose: Purpose, permits: frozenset[DataClass], denies: frozenset[DataClass],
    not_before: int, expires_at: int, language: str,
) -> str:  # fmt: skip
    """Return what a directive says, as sentences a patient can read."""
    language_index(language)
    permitting, denying, exceptions, ending = _SENTENCES[language]
    said = {
        "who": who(to, language), "purpose": say(purpose, language), "permits": listing(permits, language),
        "denies": listing(denies, language), "span": span(not_before, expires_at, language),
    }  # fmt: skip
    found = [(permitting if permits else denying).format(**said)]
    if permits and denies:
        found.append(exceptions.format(**said))
    return ("" if language == "zh" else " ").join([*found, ending])


def who(to: PartyRef | RoleRef, language: str, *, subject: bool = False) -> str:
    """Return a recipient as a patient reads it: by label and address, or as a role somewhere.

    Args:
        to: The recipient.
        language: ``en``, ``de`` or ``zh``.
        subject: Whether it stands alone or as the subject of a sentence, which German words otherwise.
    """
    if isinstance(to, PartyRef):
        return f"{to.label!s} ({to.address})" if to.label else to.address
    everyone = (
        "every accredited {0} in {1}",
        f"alle{'' if subject else 'n'}, die als {{0}} zugelassen sind ({{1}})",
        "{1}所有获准的{0}",
    )[language_index(language)]
    return everyone.format(say(to.role, language), place(to.jurisdiction, language))


def span(not_before: int, expires_at: int, language: str) -> str:
    """Return a window of validity in words, by its days; 0 for its start is now."""
    at = language_index(language)
    start = ("from {}", "vom {}", "自{}")[at].format(day(not_before, language))
    if not_before == AT_ONCE:
        start = ("from now", "ab jetzt", "即日起")[at]
    if expires_at > LAST_SECOND:
        return start + (" on, without end", ", unbefristet", "，无期限")[at]
    return start + (" until {}", " bis {}", "至{}")[at].format(day(expires_at, language))
