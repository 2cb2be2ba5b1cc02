"""A stranger's codec as the oracle: what pyiso8583 writes we read as it meant it, and the other way round.

Its specification is made out of ours, element by element, so that a difference is one of behaviour. ASCII, packed and EBCDIC.
"""

from __future__ import annotations

from typing import Any

import iso8583
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import FieldError
from protocols.iso8583.message import IsoMessage
from protocols.iso8583.spec import FieldSpec, Spec
from tests.support.isomessages import CODECS, QUICK, messages

# Its text codecs are Python's, which has no page 1047 and counts UTF-8 in bytes.
NAMES = sorted(set(CODECS) - {"1987-ebcdic-1047", "1987-utf8", "base1-always128"})
CHARSETS = {"ascii": "ascii", "cp037": "cp037", "latin-1": "latin-1"}


def foreign_field(field: FieldSpec) -> dict[str, Any] | None:
    """The same element in pyiso8583's words; None for what it cannot say."""
    charset = CHARSETS[field.charset]
    length = {"text": charset, "bcd": "bcd", "binary": "b"}[field.length_written]
    said: dict[str, Any] = {"len_enc": length, "len_type": field.length_bytes, "max_len": field.max, "desc": field.name}
    if field.written == "text":
        return said | {"data_enc": charset}
    if field.written == "raw":
        return said | {"data_enc": "b"}
    if field.written == "hex":  # hex characters are text to it, and its length counts them
        return said | {"data_enc": charset, "max_len": 2 * field.max} if field.length_digits == 0 else None
    if field.kind != "n":  # a letter before packed digits, or a separator among them
        return None
    pad = "left_pad" if field.pad_side == "left" else "right_pad"
    return said | {"data_enc": "b", "len_count": "nibbles", pad: field.pad_nibble}


def foreign_spec(spec: Spec) -> dict[str, dict[str, Any]]:
    said: dict[str, dict[str, Any]] = {"h": {"data_enc": "ascii", "len_enc": "ascii", "len_type": 0, "max_len": 0, "desc": ""}}
    mti = "b" if spec.mti_written == "bcd" else CHARSETS[spec.mti_charset]
    said["t"] = {"data_enc": mti, "len_enc": "ascii", "len_type": 0, "max_len": spec.mti_bytes, "desc": "MTI"}
    bitmap = {"raw": "b", "hex-ascii": "ascii", "hex-ebcdic": "cp037"}[spec.bitmap_written]
    said["p"] = {"data_enc": bitmap, "len_enc": "ascii", "len_type": 0, "max_len": spec.map_bytes, "desc": "bitmap"}
    said["1"] = dict(said["p"])
    for number in range(2, 129):
        field = spec.fields.get(number)
        foreign = foreign_field(field) if field else None
        said[str(number)] = foreign or {"data_enc": "ascii", "len_enc": "ascii", "len_type": 0, "max_len": 0, "desc": "unused"}
    return said


FOREIGN = {name: foreign_spec(CODECS[name].spec) for name in NAMES}
# Element 65 alone does not make pyiso8583 4.0.1 write the second bitmap that holds its bit.
SHARED = {
    name: tuple(n for n, field in CODECS[name].spec.fields.items() if n != 65 and foreign_field(field) is not None)
    for name in NAMES
}


def foreign_message(message: IsoMessage) -> dict[str, str]:
    values = {
        str(number): value.hex().upper() if isinstance(value, bytes) else value for number, value in message.fields.items()
    }
    return {"t": message.mti} | values


@given(st.sampled_from(NAMES), st.data())
@settings(max_examples=400)
def test_both_write_the_same_and_read_each_other(name: str, data: st.DataObject) -> None:
    message = data.draw(messages(CODECS[name].spec, SHARED[name]))
    message = IsoMessage(message.mti, message.fields)
    theirs, _ = iso8583.encode(foreign_message(message), FOREIGN[name])
    ours = CODECS[name].encode(message)
    assert bytes(theirs) == ours
    assert CODECS[name].decode(bytes(theirs)) == message
    for _ in range(2):
        assert QUICK[name].decode(bytes(theirs)) == message
    decoded, _ = iso8583.decode(ours, FOREIGN[name])
    expected = foreign_message(message)
    assert {key: value for key, value in decoded.items() if key in expected} == expected


@given(st.sampled_from(NAMES), st.data())
@settings(max_examples=100)
def test_what_it_refuses_we_refuse(name: str, data: st.DataObject) -> None:
    message = data.draw(messages(CODECS[name].spec, SHARED[name]))
    body = CODECS[name].encode(message)
    cut = body[: data.draw(st.integers(0, len(body) - 1))]
    with pytest.raises(iso8583.DecodeError):
        iso8583.decode(cut, FOREIGN[name])
    with pytest.raises(FieldError):
        CODECS[name].decode(cut)


@pytest.mark.parametrize("name", ["1987-ascii", "1987-bcd", "1987-ebcdic"])
def test_nearly_every_element_is_compared(name: str) -> None:
    left_out = set(CODECS[name].spec.fields) - set(SHARED[name])
    assert len(left_out) <= 8, left_out  # 65, and x+n and track data where they are packed
