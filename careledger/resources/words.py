"""What a patient reads before agreeing, in English, German and Chinese."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from careledger.codes import DataClass, Purpose
from careledger.errors import InputError
from careledger.values import PartyRef

if TYPE_CHECKING:
    from careledger.resources.consent_types import ConsentTerms

__all__ = ["LANGUAGES", "in_words"]

LANGUAGES = ("en", "de", "zh")

_PURPOSES: dict[Purpose, tuple[str, str, str]] = {
    Purpose.TREAT: ("treatment", "Behandlung", "治疗"),
    Purpose.ETREAT: ("emergency treatment", "Notfallbehandlung", "急救治疗"),
    Purpose.CAREMGT: ("care management", "Versorgungsmanagement", "护理管理"),
    Purpose.HPAYMT: ("payment", "Bezahlung", "付款"),
    Purpose.COVERAGE: ("insurance coverage", "Versicherungsschutz", "保险承保"),
    Purpose.HOPERAT: ("health care operations", "Betrieb der Einrichtung", "医疗运营"),
    Purpose.HRESCH: ("research", "Forschung", "研究"),
    Purpose.CLINTRCH: ("a clinical trial", "eine klinische Studie", "临床试验"),
    Purpose.PUBHLTH: ("public health", "öffentliche Gesundheit", "公共卫生"),
    Purpose.PATRQT: ("your own request", "Ihre eigene Anfrage", "您本人的请求"),
    Purpose.FAMRQT: ("your family's request", "eine Anfrage Ihrer Familie", "家属的请求"),
    Purpose.PWATRNY: ("a power of attorney", "eine Vollmacht", "授权委托"),
    Purpose.SUPNWK: ("your support network", "Ihr Unterstützungsnetz", "支持网络"),
    Purpose.HMARKT: ("marketing", "Werbung", "市场推广"),
    Purpose.HSYSADMIN: ("system administration", "Systemverwaltung", "系统管理"),
    Purpose.BIORCH: ("biomedical research", "biomedizinische Forschung", "生物医学研究"),
    Purpose.DISASTER: ("a disaster", "einen Katastrophenfall", "灾害应对"),
    Purpose.THREAT: ("averting a threat", "die Abwehr einer Gefahr", "防范威胁"),
    Purpose.HDM: ("care delivery management", "die Steuerung der Versorgung", "医疗服务管理"),
    Purpose.COVAUTH: ("coverage authorisation", "eine Kostengutsprache", "承保授权"),
    Purpose.HQUALIMP: ("quality improvement", "Qualitätsverbesserung", "质量改进"),
    Purpose.PATADMIN: ("patient administration", "Patientenverwaltung", "患者管理"),
    Purpose.RECORDMGT: ("records management", "Aktenverwaltung", "病历管理"),
    Purpose.HLEGAL: ("legal matters", "rechtliche Belange", "法律事务"),
}
_CLASSES: dict[DataClass, tuple[str, str, str]] = {
    DataClass.DEMOGRAPHICS: ("name and address", "Name und Anschrift", "个人基本信息"),
    DataClass.ENCOUNTERS: ("visits", "Besuche", "就诊记录"),
    DataClass.CONDITIONS: ("diagnoses", "Diagnosen", "诊断"),
    DataClass.MEDICATIONS: ("medicines", "Medikamente", "药物"),
    DataClass.ALLERGIES: ("allergies", "Allergien", "过敏"),
    DataClass.IMMUNIZATIONS: ("vaccinations", "Impfungen", "免疫接种"),
    DataClass.VITALS: ("vital signs", "Vitalwerte", "生命体征"),
    DataClass.LABS: ("laboratory results", "Laborwerte", "化验结果"),
    DataClass.IMAGING: ("images", "Bildgebung", "影像"),
    DataClass.PROCEDURES: ("procedures", "Eingriffe", "手术与操作"),
    DataClass.NOTES: ("notes", "Notizen", "病程记录"),
    DataClass.CARE_PLANS: ("care plans", "Behandlungspläne", "护理计划"),
    DataClass.DEVICES: ("devices", "Geräte", "医疗器械"),
    DataClass.COVERAGE: ("insurance", "Versicherung", "保险"),
    DataClass.CLAIMS: ("bills and claims", "Rechnungen", "账单与理赔"),
    DataClass.DOCUMENTS: ("other documents", "andere Dokumente", "其他文件"),
    DataClass.GENOMICS: ("genetic data", "genetische Daten", "基因数据"),
    DataClass.MENTAL_HEALTH: ("mental health", "psychische Gesundheit", "心理健康"),
    DataClass.SUBSTANCE_USE: ("substance use", "Suchtmittel", "物质使用"),
    DataClass.REPRODUCTIVE: ("reproductive health", "reproduktive Gesundheit", "生殖健康"),
    DataClass.HIV: ("HIV", "HIV", "艾滋病"),
    DataClass.SEXUAL_HEALTH: ("sexual health", "sexuelle Gesundheit", "性健康"),
    DataClass.VIOLENCE: ("violence", "Gewalterfahrung", "暴力伤害"),
    DataClass.GENDER: ("gender", "Geschlechtsidentität", "性别认同"),
}
_NOW = ("now", "jetzt", "即日起")
_SENTENCES = {
    "en": (
        "You let {who} read {permits} for {purpose}, from {start} until {end}.",
        "Not included: {denies}.",
        "You can end this at any time. What has been read until then is not undone.",
        "nothing",
    ),
    "de": (
        "Sie erlauben {who}, {permits} zu lesen, für {purpose}, von {start} bis {end}.",
        "Ausgenommen: {denies}.",
        "Sie können das jederzeit beenden. Was bis dahin gelesen wurde, bleibt gelesen.",
        "nichts",
    ),
    "zh": (
        "您允许{who}为{purpose}查阅：{permits}。有效期自{start}至{end}。",
        "不包括：{denies}。",
        "您可以随时终止。终止之前已被查阅的内容无法撤回。",
        "无",
    ),
}


def in_words(terms: ConsentTerms, language: str) -> str:
    """Return the terms as sentences a patient can read.

    Raises:
        InputError: There are no words for this language.
    """
    if language not in LANGUAGES:
        raise InputError(f"there are no words for {language!r}", fix=f"Use one of: {', '.join(LANGUAGES)}.")
    at = LANGUAGES.index(language)
    first, exceptions, ending, nothing = _SENTENCES[language]
    comma = "、" if language == "zh" else ", "
    lists = [
        comma.join(_CLASSES[item][at] for item in sorted(classes)) or nothing
        for classes in (terms.permits, terms.denies)
    ]
    sentences = [
        first.format(
            who=_who(terms, at), permits=lists[0], purpose=_PURPOSES[terms.purpose][at],
            start=_day(terms.not_before) if terms.not_before else _NOW[at], end=_day(terms.expires_at),
        )
    ]  # fmt: skip
    if terms.denies:
        sentences.append(exceptions.format(denies=lists[1]))
    return ("" if language == "zh" else " ").join([*sentences, ending])


def _who(terms: ConsentTerms, at: int) -> str:
    to = terms.to
    if not isinstance(to, PartyRef):
        everyone = ("everyone accredited as {0} in {1}", "allen als {0} in {1} Zugelassenen", "{1}所有获准的{0}")
        return everyone[at].format(to.role.word, to.jurisdiction)
    return f"{to.label!s} ({to.address})" if to.label else to.address


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
