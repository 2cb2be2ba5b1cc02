"""The named framings: one row for each variant met in the field, with what it is known from.

Owns the table that configuration and `relay decode` choose from; a row says only what differs from the defaults of
`Framing`. It must never hold a bank's own settings: a profile takes a name or writes its own description. The trap: four
variants of other products are left out on purpose, because they cannot be cut reliably out of TCP; `REFUSED` says why.
"""

from __future__ import annotations

from protocols.framing_spec import Framing

FRAMINGS: dict[str, Framing] = {
    # Four ASCII digits: jPOS ASCII channel (0000 is skipped there), moov ASCII4, IFSF, SmartVista.
    "ascii4": Framing(length="ascii", size=4, zero="ignore"),
    "ascii4-echo": Framing(length="ascii", size=4, zero="echo"),
    "ascii4-inclusive": Framing(length="ascii", size=4, inclusive=True),
    "ascii2": Framing(length="ascii", size=2),
    "ascii3": Framing(length="ascii", size=3),
    "ascii5": Framing(length="ascii", size=5),
    "ascii6": Framing(length="ascii", size=6),
    # Two bytes and a TPDU whose addresses an answer swaps: jPOS NAC channel.
    "nac": Framing(length="binary", size=2, header="tpdu", tpdu_swap=True),
    "nac-inclusive": Framing(length="binary", size=2, inclusive=True, header="tpdu", tpdu_swap=True),
    # Four BCD digits: jPOS NCC (addresses kept), jPOS BCD (addresses swapped), moov BCD2 (no TPDU).
    "ncc": Framing(length="bcd", size=4, header="tpdu"),
    "bcd": Framing(length="bcd", size=4, header="tpdu", tpdu_swap=True),
    "bcd2": Framing(length="bcd", size=4),
    # Four hex characters: jPOS HEX channel.
    "hex4": Framing(length="hexascii", size=4),
    # Two bytes, then two zero bytes; a frame of nothing is a ping: jPOS CS channel.
    "cs": Framing(length="binary", size=2, after_length=b"\0\0", zero="echo"),
    # Two zero bytes, then two bytes: jPOS GICC channel.
    "gicc": Framing(length="binary", size=2, prefix=b"\0\0", zero="echo"),
    # Four bytes: jPOS Raw channel, whose own maximum is 100,000.
    "raw": Framing(length="binary", size=4, max_bytes=100_000),
    "binary4": Framing(length="binary", size=4),
    # Two bytes: jPOS Post (Postilion), moov Binary2.
    "binary2": Framing(length="binary", size=2),
    "post": Framing(length="binary", size=2),
    "binary2-inclusive": Framing(length="binary", size=2, inclusive=True),
    "binary2-little": Framing(length="binary", size=2, order="little"),
    # Two bytes that count themselves, nothing is a poll: jPOS Amex channel.
    "amex": Framing(length="binary", size=2, inclusive=True, zero="echo"),
    # Visa access point: two bytes, two zero bytes, BASE I header counted: jPOS VAP channel.
    "vap": Framing(length="binary", size=2, after_length=b"\0\0", header="base1", zero="echo"),
    # Visa, as moov VMLH writes it: the last byte is format (2: session control) and platform, 2048 at most.
    "vmlh": Framing(
        length="binary",
        size=2,
        after_length=b"\0\0",
        after_mask=b"\xff\0",
        control_mask=b"\0\xf0",
        control_bits=b"\0\x20",
        zero="echo",
        max_bytes=2048,
    ),
    # Three bytes: jPOS CMF channel.
    "cmf": Framing(length="binary", size=3, zero="echo"),
    # D0 4A, two bytes, continuation 00 00: jPOS RBP channel. 01 00 (more follows) is refused rather than ignored.
    "rbp": Framing(length="binary", size=2, prefix=b"\xd0\x4a", after_length=b"\0\0"),
    # No length, ETX at the end, 4096 at most: jPOS BASE24 channel (X.25). No 03 inside, so only text dialects.
    "base24": Framing(length="none", trailer=b"\x03", max_bytes=4096),
    # Two bytes that count the ETX at the end: jPOS BASE24 TCP channel.
    "base24-tcp": Framing(length="binary", size=2, trailer=b"\x03", trailer_counted=True, zero="echo"),
    # One byte, as some small concentrators use.
    "binary1": Framing(length="binary", size=1, max_bytes=255),
}

REFUSED: dict[str, str] = {
    "gzip": "its length counts the uncompressed bytes, so that the compressed end is unknown; use a link without compression",
    "pad": "it has no frames at all, and one bad message would shift every later one; ask for any length field",
    "x25": "its frames end with a pause of 50 ms, which TCP does not keep; ask for any length field",
    "none": "one read as one message does not survive TCP, which splits and joins reads; ask for any length field",
}
