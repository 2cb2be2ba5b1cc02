"""BER-TLV byte for byte: unknown tags, long lengths, fillers, nesting, and whatever is no TLV at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import FieldError, LocalMisuse
from protocols.iso8583.tlv import Tlv, build_tlv, find, parse_tlv, walk

EMV = bytes.fromhex("820239009505800000800 09F02060000000050009F36020034DF812904AABBCCDD".replace(" ", ""))


def test_an_emv_field() -> None:
    items = parse_tlv(EMV)
    assert [(item.tag, item.value.hex()) for item in items] == [
        ("82", "3900"),
        ("95", "8000008000"),
        ("9F02", "000000005000"),
        ("9F36", "0034"),
        ("DF8129", "aabbccdd"),
    ]
    assert build_tlv(items) == EMV
    assert find(items, "9F36") == b"\x00\x34"
    assert find(items, "9F37") is None


def test_constructed_items_hold_items() -> None:
    data = bytes.fromhex("710A 9F180400000001 860100".replace(" ", ""))
    (script,) = parse_tlv(data)
    assert [child.tag for child in script.children] == ["9F18", "86"]
    assert [path for path, _ in walk((script,))] == ["71", "71.9F18", "71.86"]
    assert find((script,), "86") == b"\0"
    assert build_tlv((script,)) == data


def test_a_constructed_tag_over_anything_else_stays_raw() -> None:
    (item,) = parse_tlv(bytes.fromhex("7106112233445566"))
    assert (item.children, item.value.hex()) == ((), "112233445566")
    assert build_tlv((item,)) == bytes.fromhex("7106112233445566")


def test_fillers_and_long_lengths_are_kept() -> None:
    data = bytes.fromhex("00 00 82 81 02 39 00 00 95 83 00 00 01 AA".replace(" ", ""))
    items = parse_tlv(data)
    assert [item.tag for item in items] == ["00", "82", "00", "95"]
    assert build_tlv(items) == data
    assert [path for path, _ in walk(items)] == ["82", "95"]


@given(st.binary(max_size=60))
def test_any_bytes_give_the_same_bytes_or_a_field_error(data: bytes) -> None:
    try:
        items = parse_tlv(data)
    except FieldError:
        return
    assert build_tlv(items) == data


tags = st.sampled_from(["82", "9F02", "DF8129", "5A", "C1", "5F2A"])
leaves = st.builds(lambda tag, value: Tlv(tag=tag, value=value), tags, st.binary(max_size=300))
trees = st.recursive(
    leaves,
    lambda inner: st.builds(
        lambda tag, children: Tlv(tag=tag, value=build_tlv(children), children=tuple(children)),
        st.sampled_from(["71", "FF01", "E1"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=6,
)


@given(st.lists(trees, max_size=4))
def test_what_is_built_is_read(items: list[Tlv]) -> None:
    assert build_tlv(parse_tlv(build_tlv(items))) == build_tlv(items)


@pytest.mark.parametrize(
    ("data", "field", "offset"),
    [
        ("9F", "55", 100),
        ("9F02", "55.9F02", 102),
        ("9F0206", "55.9F02", 103),
        ("8280", "55.82", 101),
        ("8285000000000139", "55.82", 101),
        ("82820139", "55.82", 104),
        ("9F8181818101", "55", 100),
        ("8201", "55.82", 102),
    ],
)
def test_errors_name_tag_and_place(data: str, field: str, offset: int) -> None:
    with pytest.raises(FieldError) as caught:
        parse_tlv(bytes.fromhex(data), "55", 100)
    assert (caught.value.field, caught.value.offset) == (field, offset)


def test_depth_is_bounded() -> None:
    data = b""
    for _ in range(60):
        data = build_tlv([Tlv(tag="E1", value=data)])
    items = parse_tlv(data)
    depth = max(path.count(".") for path, _ in walk(items))
    assert depth == 8
    assert build_tlv(items) == data


@pytest.mark.parametrize("tag", ["", "8", "9F", "9f02", "9F8181818101", "8282", "0005", "zz"])
def test_tags_that_are_none(tag: str) -> None:
    with pytest.raises(LocalMisuse):
        build_tlv([Tlv(tag=tag, value=b"")])


def test_what_cannot_be_built() -> None:
    with pytest.raises(LocalMisuse):
        build_tlv([Tlv(tag="82", value=b"x" * 200, length_bytes=1)])
    with pytest.raises(LocalMisuse):
        build_tlv([Tlv(tag="00", value=b"x")])


def test_repr_shows_no_value() -> None:
    assert repr(Tlv(tag="5A", value=bytes.fromhex("4111111111111111"))) == "Tlv(5A, <8>)"
