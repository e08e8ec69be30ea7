"""A consent receipt as a page that its patient reads: plain text, or HTML that loads nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any, Final

from careledger.codes import DataClass, Role
from careledger.redact import PersonalText
from careledger.resources.consent_record import SCHEMA, party_id
from careledger.resources.glossary import day, language_index, listing, minute, place, say
from careledger.resources.recipients import RoleRef
from careledger.resources.words import sentences, who
from careledger.values import ZERO_ADDRESS, PartyRef

if TYPE_CHECKING:
    from careledger.resources.consent_receipt import ConsentReceipt

__all__ = ["as_html", "as_text"]

_Words = tuple[str, str, str]

_TITLE: Final[_Words] = ("Consent receipt", "Einwilligungsbeleg", "知情同意凭据")
_NOT_STATED: Final[_Words] = ("not stated", "nicht angegeben", "未说明")
_KEEP: Final[_Words] = (
    "Keep this page to yourself: it shows what you agreed to.",
    "Behalten Sie diese Seite für sich: Sie zeigt, worin Sie eingewilligt haben.",
    "请妥善保管本页：它显示您同意的内容。",
)
_LABELS: Final[Mapping[str, _Words]] = {
    "to": ("Who may read", "Wer lesen darf", "可查阅者"),
    "purpose": ("For what", "Wofür", "用途"),
    "permits": ("What may be read", "Was gelesen werden darf", "可查阅的内容"),
    "denies": ("What may not be read", "Was nicht gelesen werden darf", "不可查阅的内容"),
    "sensitive": ("Sensitive data among it", "Darunter besonders schützenswert", "其中的敏感数据"),
    "start": ("From", "Von", "开始"),
    "end": ("Until", "Bis", "结束"),
    "author": ("Only what this author wrote", "Nur, was diese Stelle verfasst hat", "仅限此作者所写"),
    "data_from": ("Only data from this day on", "Nur Daten ab diesem Tag", "仅限此日起的数据"),
    "data_until": ("Only data before", "Nur Daten vor", "仅限此前的数据"),
    "entity_id": ("Given by", "Erteilt durch", "授予者"),
    "event_time": ("Given on", "Erteilt am", "授予时间"),
    "event_type": ("How it was given", "Wie es erteilt wurde", "授予方式"),
    "event_state": ("State then", "Stand zu dieser Zeit", "当时状态"),
    "lawful_basis": ("Lawful basis", "Rechtsgrundlage", "法律依据"),
    "withdrawal_method": ("How you end it", "Wie Sie es beenden", "如何终止"),
    "privacy_notice": ("Privacy notice", "Datenschutzhinweis", "隐私声明"),
    "pii_controllers": ("Who answers for the data", "Wer die Daten verantwortet", "数据负责方"),
    "recipient_third_parties": ("Who receives the data", "Wer die Daten erhält", "数据接收方"),
    "collection_method": ("Where the data come from", "Woher die Daten kommen", "数据来源"),
    "processing_method": ("What is done with them", "Was damit geschieht", "处理方式"),
    "storage_locations": ("Where the data are kept", "Wo die Daten liegen", "存储地点"),
    "retention_period": ("How long they are kept", "Wie lange sie aufbewahrt werden", "保存期限"),
    "processing_locations": ("Where they are used", "Wo sie verwendet werden", "处理地点"),
    "geographic_restrictions": ("Where they may not go", "Wohin sie nicht gelangen dürfen", "地域限制"),
    "service": ("Service", "Dienst", "服务"),
    "jurisdiction": ("Law of", "Recht von", "适用法域"),
    "privacy_rights": ("Your rights", "Ihre Rechte", "您的权利"),
    "codes_of_conduct": ("Codes of conduct", "Verhaltensregeln", "行为准则"),
    "impact_assessment": ("Impact assessment", "Folgenabschätzung", "影响评估"),
    "authority_party": ("Where you may complain", "Wo Sie sich beschweren können", "投诉机构"),
    "pii_principal_id": ("Your pseudonym", "Ihr Pseudonym", "您的化名"),
    "receipt_id": ("Number of this receipt", "Nummer dieses Belegs", "凭据编号"),
    "record_id": ("Number on the ledger", "Nummer im Register", "账本编号"),
    "schema_version": ("Form of this receipt", "Form dieses Belegs", "凭据格式"),
}
"""What each line is called; the names are those of the standard where it has one."""
_VALUES: Final[Mapping[str, _Words]] = {
    "explicit-consent": ("your explicit consent", "Ihre ausdrückliche Einwilligung", "您的明确同意"),
    "consent-given": ("consent given", "Einwilligung erteilt", "已给予同意"),
    "existing-records": ("from records about you", "aus Ihren Akten", "来自您的病历"),
    "read": ("they are read", "sie werden gelesen", "查阅"),
    "signature-at-any-time": (
        "at any time, by your signature",
        "jederzeit, durch Ihre Unterschrift",
        "随时凭您的签名终止",
    ),
    "explicit": ("your explicit consent", "Ihre ausdrückliche Einwilligung", "您的明确同意"),
    "at any time, by signature": (
        "at any time, by your signature",
        "jederzeit, durch Ihre Unterschrift",
        "随时凭您的签名终止",
    ),
}
"""Code words of the record; what a notice stated in its own words is shown as it is."""
_FIRST: Final = {"event_type": "consent_type", "withdrawal_method": "withdrawal"}
"""Names of fields in the first documents."""
_EVENT: Final = ("entity_id", "event_time", "event_type", "event_state")
_PURPOSE: Final = (
    "lawful_basis", "withdrawal_method", "pii_controllers", "recipient_third_parties", "collection_method",
    "processing_method", "storage_locations", "retention_period", "processing_locations",
    "geographic_restrictions", "service", "jurisdiction", "privacy_rights", "codes_of_conduct", "impact_assessment",
    "authority_party",
)  # fmt: skip
_STYLE: Final = (
    "body{font:1rem/1.5 sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}"
    "th{text-align:left;vertical-align:top;padding:.3rem 1rem .3rem 0;font-weight:600}"
    "td{padding:.3rem 0;overflow-wrap:anywhere}"
)
_ROLES: Final = {role.word: role for role in Role}
_HTML_LANGUAGE: Final = {"en": "en-GB", "de": "de", "zh": "zh-Hans"}


def as_text(receipt: ConsentReceipt, language: str) -> str:
    """Return the page as plain text, a line for each thing agreed."""
    at = language_index(language)
    colon = "：" if language == "zh" else ": "
    lines = [f"{label}{colon}{value}" for label, value in _rows(receipt, language)]
    return "\n".join([_TITLE[at], "", _summary(receipt, language), "", *lines, "", _KEEP[at]]) + "\n"


def as_html(receipt: ConsentReceipt, language: str) -> str:
    """Return the page as HTML; its policy forbids scripts and anything from elsewhere."""
    at = language_index(language)
    rows = "".join(
        f"<tr><th>{escape(label)}</th><td>{escape(value)}</td></tr>\n" for label, value in _rows(receipt, language)
    )
    return (
        f'<!DOCTYPE html>\n<html lang="{_HTML_LANGUAGE[language]}">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(_TITLE[at])}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{escape(_TITLE[at])}</h1>\n"
        f"<p>{escape(_summary(receipt, language))}</p>\n<table>\n{rows}</table>\n<p>{escape(_KEEP[at])}</p>\n"
        "</body>\n</html>\n"
    )


# INTERNAL


def _summary(receipt: ConsentReceipt, language: str) -> str:
    agreed, to = receipt.agreement, receipt.agreement.to
    if isinstance(to, PartyRef) and (name := _names(receipt.document).get(to.address)):
        to = PartyRef(to.kind, to.address, PersonalText(name))
    return sentences(
        to=to, purpose=agreed.purpose, permits=agreed.permits, denies=agreed.denies,
        not_before=agreed.not_before or _start(receipt.document), expires_at=agreed.expires_at, language=language,
    )  # fmt: skip


def _rows(receipt: ConsentReceipt, language: str) -> Iterator[tuple[str, str]]:
    """Yield label and value of each line; what nobody stated says so where the standard demands it."""
    at = language_index(language)
    for name, value in _lines(receipt, language):
        yield _LABELS[name][at], value or _NOT_STATED[at]


def _lines(receipt: ConsentReceipt, language: str) -> Iterator[tuple[str, str]]:
    document, agreed, limits = receipt.document, receipt.agreement, receipt.limits
    names = _names(document)
    yield "to", _party(party_id(agreed.to), names, language)
    yield "purpose", say(agreed.purpose, language)
    if agreed.permits:
        yield "permits", listing(agreed.permits, language)
    if sensitive := [item for item in agreed.permits if DataClass(item).is_sensitive]:
        yield "sensitive", listing(sensitive, language)
    if agreed.denies:
        yield "denies", listing(agreed.denies, language)
    yield "start", minute(agreed.not_before or _start(document), language)
    yield "end", minute(agreed.expires_at, language)
    if limits.author != ZERO_ADDRESS:
        yield "author", _party(limits.author, names, language)
    if limits.data_from:
        yield "data_from", day(limits.data_from, language)
    if limits.data_until:
        yield "data_until", day(limits.data_until, language)
    yield from _stated(document, names, language)
    for name in ("pii_principal_id", "receipt_id", "record_id", "schema_version"):
        if name in document:
            yield name, str(document[name] or "")


def _stated(document: Mapping[str, Any], names: Mapping[str, str], language: str) -> Iterator[tuple[str, str]]:
    """Yield what the record says beside the directive; the first documents say little."""
    if document["schema_version"] != SCHEMA:
        for name, old in _FIRST.items():
            yield name, _value(name, document.get(old), names, language)
        return
    event, processing = document["event"][0], document["pii_processing"]
    for name in _EVENT:
        yield name, _value(name, event.get(name), names, language)
    yield "privacy_notice", _value("privacy_notice", processing.get("privacy_notice"), names, language)
    for name in _PURPOSE:
        if name in processing["purposes"][0]:
            yield name, _value(name, processing["purposes"][0][name], names, language)


def _value(name: str, value: Any, names: Mapping[str, str], language: str) -> str:
    """Return one value as the reader reads it."""
    if isinstance(value, (list, tuple)):
        parts = [_value(name, item, names, language) for item in value]
        return ("、" if language == "zh" else ", ").join(part for part in parts if part)
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return _value(name, list(value.values()), names, language)
    if isinstance(value, int) and not isinstance(value, bool):
        return place(value, language)
    text = str(value)
    if name == "event_time":
        return _time(text, language)
    if text in _VALUES:
        return _VALUES[text][language_index(language)]
    return _party(text, names, language)


def _time(text: str, language: str) -> str:
    try:
        then = datetime.fromisoformat(text)
        if then.tzinfo is None:
            return day(int(then.replace(tzinfo=UTC).timestamp()), language)
        return minute(int(then.timestamp()), language)
    except (ValueError, OverflowError):  # no time, or one before the year 1
        return text


def _start(document: Mapping[str, Any]) -> int:
    """Return when a directive begins that holds as soon as it is on the chain: when it was put to the patient."""
    try:
        start = str(document["event"][0]["validity_duration"]).partition("/")[0]
        return max(0, int(datetime.fromisoformat(start).timestamp()))
    except (KeyError, IndexError, TypeError, ValueError, OverflowError):
        return 0


def _names(document: Mapping[str, Any]) -> dict[str, str]:
    """Return what the record calls its parties."""
    return {
        str(party["party_id"]): str(party["party_name"])
        for party in document.get("party_identification", ())
        if party.get("party_name")
    }


def _party(number: str, names: Mapping[str, str], language: str) -> str:
    """Return a party by name and number; everybody in a role somewhere in words."""
    word, _, jurisdiction = number.partition("@")
    if jurisdiction.isascii() and jurisdiction.isdigit() and len(jurisdiction) <= 10 and word in _ROLES:
        return who(RoleRef(_ROLES[word], int(jurisdiction)), language, subject=True)
    return f"{names[number]} ({number})" if number in names else number
