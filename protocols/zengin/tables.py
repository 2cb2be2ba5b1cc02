"""The character tables of Japanese bank wires, sixteen bytes to a row, as tables to read.

Owns which byte is which character, and nothing else; `protocols/zengin/characters.py` compiles them. It must never guess: a
byte that a table does not name is an error, so a dot (U+00B7) means "no character here", and rows that are missing hold none.
The traps: the yen sign and the backslash are one place (5C in JIS X 0201), so that of the host tables only that place is kept
and B2 (IBM 930) or E0 (IBM 939) is not read; host kana have gaps, so that no arithmetic finds them; and two host tables that
agree on digits may disagree on every kana.

Sources: JIS X 0201; IBM code pages 290 (single bytes of CCSID 930) and 1027 (of 939) as in glibc's and ICU's tables; Fujitsu,
Hitachi and NEC EBCDIK as compared in tests/protocols/zengin/vectors (ebcdic-kana-table).
"""

from __future__ import annotations

from collections.abc import Mapping

GAP = "·"

_JIS_LEFT = {
    0x20: " !\"#$%&'()*+,-./",
    0x30: "0123456789:;<=>?",
    0x40: "@ABCDEFGHIJKLMNO",
    0x50: "PQRSTUVWXYZ[¥]^_",
    0x60: "`abcdefghijklmno",
    0x70: "pqrstuvwxyz{|}‾·",
}
_JIS_RIGHT = {
    0xA0: "·｡｢｣､･ｦｧｨｩｪｫｬｭｮｯ",
    0xB0: "ｰｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿ",
    0xC0: "ﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏ",
    0xD0: "ﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝﾞﾟ",
}
_SJIS_LEFT = {**_JIS_LEFT, 0x50: "PQRSTUVWXYZ[\\]^_", 0x70: "pqrstuvwxyz{|}~·"}

# Only what IBM 290, IBM 930 and the EBCDIK of Fujitsu, Hitachi and NEC agree on: all that Zengin text may hold.
_EBCDIC_KANA = {
    0x40: " ·｢｣··ｦ····.·(··",
    0x50: "········ｰ··¥·)··",
    0x60: "-/·········,····",
    0x80: "·ｱｲｳｴｵｶｷｸｹｺ·ｻｼｽｾ",
    0x90: "ｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉ··ﾊﾋﾌ",
    0xA0: "··ﾍﾎﾏﾐﾑﾒﾓﾔﾕ·ﾖﾗﾘﾙ",
    0xB0: "··········ﾚﾛﾜﾝﾞﾟ",
    0xC0: "·ABCDEFGHI······",
    0xD0: "·JKLMNOPQR······",
    0xE0: "··STUVWXYZ······",
    0xF0: "0123456789······",
}

# Katakana where other pages have lower case; lower case in the gaps.
_IBM_930 = {
    0x40: " ｡｢｣､･ｦｧｨｩ£.<(+|",
    0x50: "&ｪｫｬｭｮｯ·ｰ·!¥*);¬",
    0x60: "-/abcdefgh·,%_>?",
    0x70: "[ijklmnop`:#@'=\"",
    0x80: "]ｱｲｳｴｵｶｷｸｹｺqｻｼｽｾ",
    0x90: "ｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉr·ﾊﾋﾌ",
    0xA0: "~‾ﾍﾎﾏﾐﾑﾒﾓﾔﾕsﾖﾗﾘﾙ",
    0xB0: "^¢·tuvwxyzﾚﾛﾜﾝﾞﾟ",
    0xC0: "{ABCDEFGHI······",
    0xD0: "}JKLMNOPQR······",
    0xE0: "$·STUVWXYZ······",
    0xF0: "0123456789······",
}

# Lower case where the world has it; kana in the gaps (code page 1027).
_IBM_939 = {
    0x40: " ·｡｢｣､･ｦｧｨ¢.<(+|",
    0x50: "&ｩｪｫｬｭｮｯｰｱ!$*);¬",
    0x60: "-/ｲｳｴｵｶｷｸｹ·,%_>?",
    0x70: "ｺｻｼｽｾｿﾀﾁﾂ`:#@'=\"",
    0x80: "·abcdefghiﾃﾄﾅﾆﾇﾈ",
    0x90: "·jklmnopqrﾉﾊﾋﾌﾍﾎ",
    0xA0: "‾~stuvwxyzﾏﾐﾑ[ﾒﾓ",
    0xB0: "^£¥ﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝ]ﾞﾟ",
    0xC0: "{ABCDEFGHI······",
    0xD0: "}JKLMNOPQR······",
    0xE0: "··STUVWXYZ······",
    0xF0: "0123456789······",
}

# Hitachi "EBCDIC" (not EBCDIK): kana pushed aside by lower case. Only the rows of the comparison table are certain.
_HITACHI_EBCDIC = {
    0x40: " ··｢｣··ｦ···.·(··",
    0x50: "········ｰｱ·¥·)··",
    0x60: "-/ｲｳｴｵｶｷｸｹ·,····",
    0x70: "ｺｻｼｽｾｿﾀﾁﾂ·······",
    0x80: "ﾃ·········ﾄﾅﾆﾇﾈﾉ",
    0x90: "ﾊ·········ﾋﾌﾍﾎﾏﾐ",
    0xA0: "ﾑ·········ﾒﾓﾔﾕﾖﾗ",
    0xB0: "ﾘﾙﾚﾛﾜﾝﾞﾟ········",
    0xC0: "·ABCDEFGHI······",
    0xD0: "·JKLMNOPQR······",
    0xE0: "··STUVWXYZ······",
    0xF0: "0123456789······",
}

TABLES: Mapping[str, Mapping[int, str]] = {
    "jis-x-0201": {**_JIS_LEFT, **_JIS_RIGHT},
    "shift-jis": {**_SJIS_LEFT, **_JIS_RIGHT},
    "ebcdic-kana": _EBCDIC_KANA,
    "ibm-930": _IBM_930,
    "ibm-939": _IBM_939,
    "hitachi-ebcdic": _HITACHI_EBCDIC,
}

# A second name for the same place, on the way to the wire only. Unicode has two for what JIS X 0201 has once.
SAME_PLACE = {"\\": "¥", "¥": "\\", "~": "‾", "‾": "~"}


def row_errors(rows: Mapping[int, str]) -> list[str]:
    """What is wrong with a table: a row of another length, a character named twice. Empty when sound."""
    seen: dict[str, int] = {}
    problems = []
    for start, row in rows.items():
        if len(row) != 16 or start % 16 or not 0 <= start <= 0xF0:
            problems.append(f"row {start:02X}: 16 characters")
        for column, character in enumerate(row):
            if character != GAP and seen.setdefault(character, start + column) != start + column:
                problems.append(f"{character} stands at {seen[character]:02X} and {start + column:02X}")
    return problems
