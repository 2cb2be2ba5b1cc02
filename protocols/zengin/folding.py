"""Unicode to the half-width repertoire and back, by an explicit table and four settings.

Owns `fold` (ガ becomes ｶ and ﾞ, ー becomes -, ャ becomes ﾔ, full-width letters become ASCII) and `widen`, its way back to
full-width kana for people. It must never know a byte. The traps: Unicode's own normalisation folds ｶﾞ into one ガ, which no
Zengin wire has, so it is not used; and what the table does not name stays as it is, to be refused by the character table:
folding never drops and never invents a character.
"""

from __future__ import annotations

import msgspec

_FULL = (
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホ"
    + "マミムメモヤユヨラリルレロワヲンァィゥェォャュョッー。「」、・゛゜"
)
_HALF = "ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎ" + "ﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜｦﾝｧｨｩｪｫｬｭｮｯｰ｡｢｣､･ﾞﾟ"
_VOICED = dict(zip("ガギグゲゴザジズゼゾダヂヅデドバビブベボヴヷヺ", "ｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾊﾋﾌﾍﾎｳﾜｦ", strict=True))
_PLOSIVE = dict(zip("パピプペポ", "ﾊﾋﾌﾍﾎ", strict=True))
_SMALL = dict(zip("ｧｨｩｪｫｬｭｮｯ", "ｱｲｳｴｵﾔﾕﾖﾂ", strict=True))
_ONLY_LARGE = {"ヵ": "ｶ", "ヶ": "ｹ", "ヮ": "ﾜ"}  # small kana that have no half-width form of their own
_MARKS = {"\u3099": "ﾞ", "\u309a": "ﾟ"}  # the combining marks of decomposed kana
_WIDE_EXTRA = {"\u3000": " ", "￥": "¥", "￣": "‾", "\u2212": "-"}
_HIRAGANA = range(0x3041, 0x3097)  # each stands 0x60 before its katakana


class Folding(msgspec.Struct, frozen=True, kw_only=True):
    """What else a text may lose on its way to the wire. The defaults are the Zengin rules."""

    small_kana_to_large: bool = True
    long_vowel_to_hyphen: bool = True
    lower_case_to_upper: bool = True
    hiragana_to_katakana: bool = False


def folding_table(rules: Folding) -> dict[int, str]:
    """The table for `str.translate`: every character that changes, and what it becomes."""
    table: dict[str, str] = dict(zip(_FULL, _HALF, strict=True))
    table.update({full: half + "ﾞ" for full, half in _VOICED.items()})
    table.update({full: half + "ﾟ" for full, half in _PLOSIVE.items()})
    table.update(_MARKS)
    table.update(_WIDE_EXTRA)
    table.update({chr(0xFF01 + code): chr(0x21 + code) for code in range(0x5E)})
    if rules.small_kana_to_large:
        table.update({full: _SMALL[half] for full, half in table.items() if half in _SMALL})
        table.update(_SMALL)
        table.update(_ONLY_LARGE)
    if rules.long_vowel_to_hyphen:
        table.update({"ー": "-", "ｰ": "-"})
    if rules.lower_case_to_upper:
        table.update({full: half.upper() for full, half in table.items() if "a" <= half <= "z"})
        table.update({chr(code): chr(code - 0x20) for code in range(ord("a"), ord("z") + 1)})
    if rules.hiragana_to_katakana:
        table.update({chr(code): table[chr(code + 0x60)] for code in _HIRAGANA if chr(code + 0x60) in table})
    return {ord(character): changed for character, changed in table.items()}


_TO_FULL = {ord(half): full for full, half in zip(_FULL, _HALF, strict=True)}
_PAIRS = {half + "ﾞ": full for full, half in _VOICED.items()} | {half + "ﾟ": full for full, half in _PLOSIVE.items()}


def widen(text: str) -> str:
    """Half-width kana as full-width ones, a kana and its mark as one. Everything else stays as it is."""
    for pair, full in _PAIRS.items():
        text = text.replace(pair, full)
    return text.translate(_TO_FULL)
