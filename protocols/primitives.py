"""What several dialects share: packed digits, EBCDIC tables, hex, the LRC, and the currencies of ISO 4217.

Owns the smallest conversions between bytes and text. It must never know a field or a message. The traps: an odd number of
digits has a pad nibble, whose side and value are the field's property, never a guess; `bytes.fromhex` skips blanks, so that a
length check must follow it; Python has no code page 1047, and its 037 is not what a mainframe with C programs uses.
"""

from __future__ import annotations

import codecs

from protocols.currencies import CURRENCIES, Currency, by_alpha, currency_by_numeric
from protocols.errors import LocalMisuse

__all__ = [
    "CP037",
    "CP1047",
    "CURRENCIES",
    "Currency",
    "by_alpha",
    "currency_by_numeric",
    "decode_text",
    "encode_text",
    "hex_to_bytes",
    "lrc",
    "pack_bcd",
    "unpack_bcd",
]

# Unicode code points (all below 256) of the bytes 00 to FF, thirty-two to a row, as IBM prints the table of code page 037.
_CP037_POINTS = (
    "000102039C09867F978D8E0B0C0D0E0F101112139D8508871819928F1C1D1E1F"
    "80818283840A171B88898A8B8C050607909116939495960498999A9B14159E1A"
    "20A0E2E4E0E1E3E5E7F1A22E3C282B7C26E9EAEBE8EDEEEFECDF21242A293BAC"
    "2D2FC2C4C0C1C3C5C7D1A62C255F3E3FF8C9CACBC8CDCECFCC603A2340273D22"
    "D8616263646566676869ABBBF0FDFEB1B06A6B6C6D6E6F707172AABAE6B8C6A4"
    "B57E737475767778797AA1BFD0DDDEAE5EA3A5B7A9A7B6BCBDBE5B5DAFA8B4D7"
    "7B414243444546474849ADF4F6F2F3F57D4A4B4C4D4E4F505152B9FBFCF9FAFF"
    "5CF7535455565758595AB2D4D6D2D3D530313233343536373839B3DBDCD9DA9F"
)
CP037 = bytes.fromhex(_CP037_POINTS).decode("latin-1")

# Code page 1047 (Open Systems) is 037 with six places exchanged: byte, character.
_CP1047_DIFFERENCES = {0x5F: "^", 0xAD: "[", 0xB0: "\xac", 0xBA: "\xdd", 0xBB: "\xa8", 0xBD: "]"}
CP1047 = "".join(_CP1047_DIFFERENCES.get(byte, character) for byte, character in enumerate(CP037))

TABLES = {"cp037": CP037, "cp1047": CP1047}
_ENCODING_MAPS = {name: codecs.charmap_build(table) for name, table in TABLES.items()}


def decode_text(data: bytes, charset: str) -> str:
    """Bytes as text. `charset` is ascii, latin-1, utf-8, cp037 or cp1047. Raises UnicodeDecodeError."""
    table = TABLES.get(charset)
    if table is not None:
        return codecs.charmap_decode(data, "strict", table)[0]
    return data.decode(charset)


def encode_text(text: str, charset: str) -> bytes:
    """Text as bytes, the inverse of `decode_text`. Raises UnicodeEncodeError."""
    mapping = _ENCODING_MAPS.get(charset)
    if mapping is not None:
        return codecs.charmap_encode(text, "strict", mapping)[0]
    return text.encode(charset)


def pack_bcd(digits: str, *, pad_side: str = "left", pad_nibble: str = "0") -> bytes:
    """Two digits to a byte; an odd count takes `pad_nibble` on `pad_side`. Also packs the nibbles A to F.

    Raises LocalMisuse where a character is no nibble.
    """
    if len(digits) & 1:
        digits = pad_nibble + digits if pad_side == "left" else digits + pad_nibble
    try:
        packed = bytes.fromhex(digits)
    except ValueError:
        packed = b""
    if len(packed) * 2 != len(digits):
        raise LocalMisuse("only digits can be packed")
    return packed


def unpack_bcd(data: bytes, count: int | None = None, *, pad_side: str = "left") -> str:
    """The first (pad_side right) or last (left) `count` nibbles of `data` in upper case; all of them without a count."""
    nibbles = data.hex().upper()
    if count is None or count == len(nibbles):
        return nibbles
    if not len(nibbles) - 1 <= count <= len(nibbles):
        raise LocalMisuse(f"{count} digits do not fill {len(data)} bytes")
    return nibbles[1:] if pad_side == "left" else nibbles[:-1]


def hex_to_bytes(text: str) -> bytes:
    """Hex characters of either case as bytes. Raises ValueError for anything else, blanks included."""
    data = bytes.fromhex(text)
    if len(data) * 2 != len(text):
        raise ValueError("blanks between hex characters")
    return data


def lrc(data: bytes) -> int:
    """The longitudinal redundancy check: all bytes exclusive-ored (ISO 1155 without the parity bit)."""
    check = 0
    for byte in data:
        check ^= byte
    return check
