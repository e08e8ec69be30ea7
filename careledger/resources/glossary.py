"""Codes in the words that patients read, in English, German and Chinese; places by name, times in the reader's form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import IntEnum
from typing import Final

from careledger.codes import Basis, ConsentReason, DataClass, Purpose, Reason, Role, Will
from careledger.errors import InputError

__all__ = ["LANGUAGES", "LAST_SECOND", "day", "language_index", "listing", "minute", "place", "say"]

LANGUAGES: Final = ("en", "de", "zh")
_LOCALES: Final = ("en_GB", "de", "zh_Hans")
LAST_SECOND: Final = 253_402_300_799
"""9999-12-31T23:59:59Z, the last second that ISO 8601 writes with four digits; what ends later has no end."""

_Words = tuple[str, str, str]

_PURPOSES: Final[Mapping[int, _Words]] = {
    Purpose.TREAT: ("treatment", "Behandlung", "治疗"),
    Purpose.ETREAT: ("emergency treatment", "Notfallbehandlung", "急救治疗"),
    Purpose.CAREMGT: ("care management", "Versorgungsmanagement", "护理管理"),
    Purpose.HPAYMT: ("payment", "Bezahlung", "付款"),
    Purpose.COVERAGE: ("insurance coverage", "Versicherungsschutz", "保险承保"),
    Purpose.HOPERAT: ("health care operations", "den Betrieb der Einrichtung", "医疗运营"),
    Purpose.HRESCH: ("research", "Forschung", "研究"),
    Purpose.CLINTRCH: ("a clinical trial", "eine klinische Studie", "临床试验"),
    Purpose.PUBHLTH: ("public health", "die öffentliche Gesundheit", "公共卫生"),
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
_CLASSES: Final[Mapping[int, _Words]] = {
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
_ROLES: Final[Mapping[int, _Words]] = {
    Role.NONE: ("no role", "keine Rolle", "无角色"),
    Role.PRACTITIONER: ("practitioner", "Gesundheitsfachperson", "医务人员"),
    Role.PROVIDER: ("health care provider", "Gesundheitseinrichtung", "医疗机构"),
    Role.INSURER: ("health insurer", "Krankenversicherung", "医疗保险机构"),
    Role.PHARMACY: ("pharmacy", "Apotheke", "药房"),
    Role.MANUFACTURER: ("manufacturer of medicines", "Arzneimittelhersteller", "药品生产企业"),
    Role.DISTRIBUTOR: ("distributor of medicines", "Arzneimittelgroßhändler", "药品经销企业"),
    Role.SPONSOR: ("trial sponsor", "Sponsor einer Studie", "试验申办者"),
    Role.ETHICS_COMMITTEE: ("ethics committee", "Ethikkommission", "伦理委员会"),
    Role.INVESTIGATOR: ("trial investigator", "Prüfer einer Studie", "试验研究者"),
    Role.RESEARCH_INSTITUTION: ("research institution", "Forschungseinrichtung", "研究机构"),
    Role.RANDOMISER: ("randomisation office of trials", "Randomisierungsstelle", "随机化机构"),
    Role.LENDER: ("lender", "Kreditgeber", "贷款机构"),
    Role.CUSTODIAN: ("keeper of records", "Aktenverwahrer", "病历保管机构"),
    Role.STEWARD: ("steward of accounts", "Kontotreuhänder", "账户代管机构"),
    Role.PRICER: ("price office", "Preisstelle", "定价机构"),
    Role.ASSESSOR: ("assessor", "Gutachter", "评估人"),
    Role.AUDITOR: ("auditor", "Prüfstelle", "审计机构"),
    Role.REGULATOR: ("regulator", "Aufsichtsbehörde", "监管机构"),
}
_ENDS: Final[Mapping[int, _Words]] = {
    ConsentReason.NONE: ("not said", "nicht genannt", "未说明"),
    ConsentReason.PATIENT_REQUEST: ("you asked for it", "auf Ihren Wunsch", "应您本人要求"),
    ConsentReason.SUPERSEDED: (
        "another consent took its place",
        "durch eine andere Einwilligung ersetzt",
        "已被另一份同意取代",
    ),
    ConsentReason.GRANTED_IN_ERROR: ("it was given by mistake", "irrtümlich erteilt", "系错误授予"),
    ConsentReason.RECIPIENT_LEFT: (
        "the recipient no longer takes part",
        "der Empfänger nimmt nicht mehr teil",
        "接收方已退出",
    ),
    ConsentReason.GUARDIAN_REQUEST: ("a guardian asked for it", "auf Wunsch einer Vertretung", "应监护人要求"),
    ConsentReason.DECEASED: ("the patient died", "die Patientin oder der Patient ist verstorben", "患者已去世"),
}
_REASONS: Final[Mapping[int, _Words]] = {
    Reason.NONE: ("no decision", "keine Entscheidung", "没有决定"),
    Reason.DIRECTIVE: ("your consent permits it", "Ihre Einwilligung erlaubt es", "您的同意允许"),
    Reason.BASE_POLICY: (
        "the house rules of the record keeper permit it, and you have not denied it",
        "die Hausregel der verwahrenden Stelle erlaubt es, und Sie haben es nicht verwehrt",
        "病历保管机构的一般规则允许，且您未拒绝",
    ),
    Reason.BREAK_GLASS: ("an emergency is open", "ein Notfall ist eröffnet", "已开启紧急情况"),
    Reason.OWN: ("it is your own request", "es ist Ihre eigene Anfrage", "这是您本人的请求"),
    Reason.GUARDIAN: (
        "a guardian asks for this purpose",
        "eine Vertretung fragt zu diesem Zweck",
        "监护人为此目的提出请求",
    ),
    Reason.LAW: ("the law requires it", "das Gesetz verlangt es", "法律要求"),
    Reason.NOTHING_ASKED: ("nothing was asked for", "es wurde nach nichts gefragt", "未请求任何内容"),
    Reason.UNKNOWN_CLASS: (
        "a kind of data was asked for that is not known here",
        "es wurde nach einer unbekannten Datenart gefragt",
        "请求了未知的数据类别",
    ),
    Reason.STANDING_DENIAL: ("you deny this to everybody", "Sie verwehren dies allen", "您对所有人均拒绝"),
    Reason.EMERGENCY_DENIAL: (
        "you deny this even in an emergency",
        "Sie verwehren dies auch im Notfall",
        "即使在紧急情况下您也拒绝",
    ),
    Reason.DENIED_TO_PERSON: ("you deny this to this person", "Sie verwehren dies dieser Person", "您拒绝此人"),
    Reason.DENIED_TO_CAPACITY: (
        "you deny this to the organisation or role that asks",
        "Sie verwehren dies der anfragenden Einrichtung oder Rolle",
        "您拒绝提出请求的机构或角色",
    ),
    Reason.CAPACITY_NOT_HELD: (
        "who asks is not what it says it is",
        "wer fragt, ist nicht, was er zu sein angibt",
        "请求者不具备其所称的身份",
    ),
    Reason.NOT_YET_VALID: ("your consent does not hold yet", "Ihre Einwilligung gilt noch nicht", "您的同意尚未生效"),
    Reason.EXPIRED: ("your consent has expired", "Ihre Einwilligung ist abgelaufen", "您的同意已到期"),
    Reason.REVOKED: ("you withdrew your consent", "Sie haben Ihre Einwilligung widerrufen", "您已撤回同意"),
    Reason.LIMITS_NOT_OPENED: (
        "your consent has limits that were not shown",
        "Ihre Einwilligung hat Grenzen, die nicht vorgezeigt wurden",
        "您的同意附有限制，请求未出示",
    ),
    Reason.OUTSIDE_LIMITS: (
        "another author, or another time, than you consented to",
        "ein anderer Verfasser oder eine andere Zeit, als Sie erlaubt haben",
        "作者或时间超出您同意的范围",
    ),
    Reason.NOT_GRANTED: ("nobody has permitted it", "niemand hat es erlaubt", "无人允许"),
    Reason.EMERGENCY_NOT_OPEN: (
        "only in an emergency, and none is open",
        "nur im Notfall, und keiner ist eröffnet",
        "仅限紧急情况，而当前没有",
    ),
}
_BASES: Final[Mapping[int, _Words]] = {
    Basis.NONE: ("nothing", "nichts", "无"),
    Basis.DIRECTIVE: ("your consent", "Ihre Einwilligung", "您的同意"),
    Basis.BASE_POLICY: (
        "the record keeper's house rules",
        "die Hausregel der verwahrenden Stelle",
        "保管机构的一般规则",
    ),
    Basis.BREAK_GLASS: ("an open emergency", "ein eröffneter Notfall", "已开启的紧急情况"),
    Basis.GUARDIAN: ("a guardian's authority", "die Befugnis einer Vertretung", "监护人的权限"),
    Basis.LAW: ("a legal duty", "eine gesetzliche Pflicht", "法律义务"),
    Basis.OWN: ("your own right", "Ihr eigenes Recht", "您本人的权利"),
}
_WILLS: Final[Mapping[int, _Words]] = {
    Will.NONE: ("not expressed", "nicht geäußert", "未表达"),
    Will.SIGNATURE: ("by your own key", "mit Ihrem eigenen Schlüssel", "由您本人的密钥签署"),
    Will.PAPER: ("by a signature on paper", "mit einer Unterschrift auf Papier", "纸面签字"),
    Will.SPOKEN: ("spoken before a witness", "mündlich vor einer Zeugin oder einem Zeugen", "在证人面前口头表示"),
    Will.LEGAL_AUTHORITY: (
        "by law, for somebody who cannot decide",
        "kraft Gesetzes, für jemanden, der nicht entscheiden kann",
        "依法代无法决定者表示",
    ),
}
_ALL: Final[Mapping[type[IntEnum], Mapping[int, _Words]]] = {
    Purpose: _PURPOSES, DataClass: _CLASSES, Role: _ROLES, ConsentReason: _ENDS,
    Reason: _REASONS, Basis: _BASES, Will: _WILLS,
}  # fmt: skip


def language_index(language: str) -> int:
    """Return where a language stands in {LANGUAGES}.

    Raises:
        InputError: There are no words for it.
    """
    if language not in LANGUAGES:
        raise InputError(f"there are no words for {language[:20]!r}", fix=f"Use one of: {', '.join(LANGUAGES)}.")
    return LANGUAGES.index(language)


def say(code: IntEnum, language: str) -> str:
    """Return a code in words.

    Args:
        code: A purpose, class, role, basis, reason of a decision or of an end, or an expression of will.
        language: ``en``, ``de`` or ``zh``.

    Raises:
        InputError: There are no words for the language.
    """
    return _ALL[type(code)][code][language_index(language)]


def listing(codes: Iterable[IntEnum], language: str) -> str:
    """Return codes in words, lowest first, parted as the language parts lists; empty for none."""
    return ("、" if language == "zh" else ", ").join(say(code, language) for code in sorted(codes))


def place(jurisdiction: int, language: str) -> str:
    """Return a jurisdiction by name; a part of a country by the country's name and its number.

    Args:
        jurisdiction: ISO 3166-1 numeric × 1000 + subdivision.
        language: ``en``, ``de`` or ``zh``.
    """
    from babel import Locale  # here, so that nobody loads it who reads no words
    from babel.core import get_global

    at = language_index(language)
    number, part = divmod(jurisdiction, 1000)
    aliases = get_global("territory_aliases").get(f"{number:03}", [])
    name = Locale.parse(_LOCALES[at]).territories.get(aliases[0]) if aliases else None
    if name is None:
        name = ("country no. {}", "Land Nr. {}", "编号{}的国家")[at].format(number)
    if not part:
        return name
    return ("{0} (region no. {1})", "{0} (Gebiet Nr. {1})", "{0}（编号{1}的地区）")[at].format(name, part)


def day(seconds: int, language: str) -> str:
    """Return the day of a second since 1970, in UTC; words for "no end" beyond the year 9999."""
    at = language_index(language)
    if seconds > LAST_SECOND:
        return ("no end", "unbefristet", "无期限")[at]
    from babel.dates import format_date

    return format_date(datetime.fromtimestamp(seconds, UTC), "long", locale=_LOCALES[at])


def minute(seconds: int, language: str) -> str:
    """Return a second since 1970 to the minute, in UTC; words for "no end" beyond the year 9999."""
    at = language_index(language)
    if seconds > LAST_SECOND:
        return day(seconds, language)
    from babel.dates import format_time

    then = datetime.fromtimestamp(seconds, UTC)
    comma = "" if language == "zh" else ","
    return f"{day(seconds, language)}{comma} {format_time(then, 'HH:mm', locale=_LOCALES[at])} UTC"
