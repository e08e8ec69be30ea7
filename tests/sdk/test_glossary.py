"""Codes in words: every one in three languages, and no two of a kind alike.

say
  given every purpose, class, role, basis, end, reason and will → test_say__every_code__has_words_in_every_language
  given a language without words                                → test_say__unknown_language__says_which
place and day
  given a country, a part of one, a number of none              → test_place__country_part_or_neither__named
  given the year 9999 and later                                 → test_day__after_the_last_year__no_end
"""

import pytest

from careledger import Basis, ConsentReason, DataClass, Purpose, Reason, Role, Will
from careledger.errors import InputError
from careledger.resources.glossary import LANGUAGES, day, listing, minute, place, say

CODES = (Purpose, DataClass, Role, ConsentReason, Reason, Basis, Will)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("codes", CODES)
def test_say__every_code__has_words_in_every_language(codes, language):
    words = {code: say(code, language) for code in codes}
    assert len(set(words.values())) == len(codes)
    for code, text in words.items():
        assert text and text == text.strip() and not text.endswith("."), code
        assert text not in (code.name, code.word) or code is DataClass.HIV or language == "en", code
    if language == "zh":
        assert all(any("\u4e00" <= letter <= "\u9fff" for letter in text) for text in words.values())


def test_say__unknown_language__says_which():
    for ask in (lambda: say(Purpose.TREAT, "fr"), lambda: place(756_000, "fr"), lambda: day(0, "fr")):
        with pytest.raises(InputError, match="there are no words for 'fr'") as caught:
            ask()
        assert caught.value.fix == "Use one of: en, de, zh."
    assert listing([DataClass.HIV, DataClass.LABS], "zh") == "化验结果、艾滋病"


def test_place__country_part_or_neither__named():
    assert [place(756_000, language) for language in LANGUAGES] == ["Switzerland", "Schweiz", "瑞士"]
    assert [place(840_006, language) for language in LANGUAGES] == [
        "United States (region no. 6)", "Vereinigte Staaten (Gebiet Nr. 6)", "美国（编号6的地区）"
    ]  # fmt: skip
    assert place(8_000, "en") == "Albania"
    assert place(5_000, "de") == "Land Nr. 5"


def test_day__after_the_last_year__no_end():
    assert [day(253_402_300_799, language) for language in LANGUAGES] == [
        "31 December 9999", "31. Dezember 9999", "9999年12月31日"
    ]  # fmt: skip
    assert [minute(253_402_300_800, language) for language in LANGUAGES] == ["no end", "unbefristet", "无期限"]
    assert day((1 << 40) - 1, "en") == "no end"
