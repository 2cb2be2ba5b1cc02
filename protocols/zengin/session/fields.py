"""The two headers of a message on the RC line as tables to read: offsets, widths, code values.

Owns the constants of the sublayer header (16 bytes) and the business header (48 bytes). It must never cut or decide. The
traps: the length in the sublayer header counts from its own first byte; line numbers and LCN are characters, not numbers;
and the width of the sequence number is not confirmed by any public source: 4 bytes and 30 of NUL are our profile zrc-p1
[P].

Source: [S1] itpfdoc.hitachi.co.jp/manuals/3000/30003K0140/FSPG0466; checks on receipt [S2] FSPG0467.
"""

from __future__ import annotations

import msgspec

SUBLAYER_BYTES = 16
BUSINESS_BYTES = 48
LENGTH_OFFSET, LENGTH_BYTES = 4, 2
TYPE_OFFSET, PROTOCOL_OFFSET = 6, 7
SUBLAYER_RESERVE = slice(8, 16)
# Offsets of the business header, from its own first byte.
HEADER_LENGTH = slice(4, 6)
BUSINESS_PROTOCOL_OFFSET, RESPONSE_OFFSET = 6, 7
PHYSICAL, LOGICAL, LCN = slice(8, 10), slice(10, 12), slice(12, 14)
SEQUENCE_OFFSET = 14
SEQUENCE_BYTES = 4  # [P]
PROTOCOL_NUMBER = 0x01

# メッセージタイプ (high nibble) and メッセージ要求 (low nibble).
INFORMATION, DELIVERY = 0x00, 0x13
TYPE_CONTROL = 2
NO_RESPONSE, LOGICAL_ACK, LOGICAL_NAK = 0x00, 0x01, 0x02


class Side(msgspec.Struct, frozen=True):
    """What one side writes into its headers."""

    name: str
    sublayer_id: bytes
    business_id: bytes
    control: int  # type and request of its connection watch message


HOST = Side("host", b"SUBJ", b"ZENJ", 0x24)
RC = Side("rc", b"SUBZ", b"ZENZ", 0x25)


def other(side: Side) -> Side:
    return RC if side is HOST else HOST
