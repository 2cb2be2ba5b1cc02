"""The named variants: every row of the table of known framings has a name, or a reason why not."""

from __future__ import annotations

from protocols.framing import FRAMINGS, REFUSED

# Each row of the table of framings seen in the field (jPOS channels, moov headers, jreactive, IFSF and SmartVista).
ROWS = {
    "jPOS ASCII": "ascii4",
    "jPOS NAC": "nac",
    "jPOS NAC inclusive": "nac-inclusive",
    "jPOS NCC": "ncc",
    "jPOS BCD": "bcd",
    "jPOS HEX": "hex4",
    "jPOS CS": "cs",
    "jPOS GICC": "gicc",
    "jPOS Raw": "raw",
    "jPOS Post": "post",
    "jPOS Amex": "amex",
    "jPOS VAP": "vap",
    "jPOS CMF": "cmf",
    "jPOS GZIP": "gzip",
    "jPOS RBP": "rbp",
    "jPOS BASE24": "base24",
    "jPOS BASE24 TCP": "base24-tcp",
    "jPOS PAD": "pad",
    "jPOS X25": "x25",
    "moov ASCII4": "ascii4",
    "moov BCD2": "bcd2",
    "moov Binary2": "binary2",
    "moov VMLH": "vmlh",
    "jreactive size 0": "none",
    "jreactive size 2": "binary2",
    "jreactive size 4": "binary4",
    "IFSF, SmartVista": "ascii4",
}


def test_every_known_variant_has_a_name_or_a_reason() -> None:
    assert set(ROWS.values()) <= FRAMINGS.keys() | REFUSED.keys()
    assert not FRAMINGS.keys() & REFUSED.keys()
    assert set(REFUSED) <= set(ROWS.values())
