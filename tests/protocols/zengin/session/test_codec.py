"""Headers to messages and back: the vectors, every wrong byte, and the numbers round the end."""

from __future__ import annotations

import json
from pathlib import Path as FilePath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import FieldError, FrameError, LocalMisuse
from protocols.framing import FrameCutter
from protocols.zengin.session.codec import Codec
from protocols.zengin.session.fields import HOST, RC
from protocols.zengin.session.message import DeliveryMessage, Information, Message, Path, Watch

VECTORS_FILE = FilePath(__file__).parents[1] / "vectors" / "zengin.json"
VECTORS: list[dict[str, Any]] = [
    vector for vector in json.loads(VECTORS_FILE.read_text("utf-8"))["vectors"] if vector["kind"] == "zrc frame"
]
INFO = Information(Path(1, 1, 0), 1, b"TEXT")


def read(codec: Codec, data: bytes) -> Message:
    (frame,) = FrameCutter(codec.reading).feed(data)
    return codec.decode(frame.body)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_vectors_read_as_their_source_says_and_come_out_again(vector: dict[str, Any]) -> None:
    data, wanted = bytes.fromhex(vector["hex"]), vector["expected"]
    writer, reader = (Codec(HOST), Codec(RC)) if data.startswith(b"SUBJ") else (Codec(RC), Codec(HOST))
    message = read(reader, data)
    if "body_hex" in wanted:
        path = Path(int(wanted["phys"]), int(wanted["logical"]), int(wanted["lcn"]))
        assert message == Information(path, wanted["seq"], bytes.fromhex(wanted["body_hex"]))
    elif "response" in wanted:
        assert message == DeliveryMessage(Path(1, 1, 0), wanted["seq"], wanted["response"] == "logical ACK")
    else:
        assert message == Watch()
        assert len(data) == wanted["length"]
    assert writer.encode(message) == data


def test_all_five_vectors_are_here() -> None:
    assert len(VECTORS) == 5


MESSAGES = st.one_of(
    st.just(Watch()),
    st.builds(
        Information,
        st.builds(Path, st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)),
        st.integers(0, 2**32 - 1),
        st.binary(max_size=400),
    ),
    st.builds(
        DeliveryMessage,
        st.builds(Path, st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)),
        st.integers(0, 2**32 - 1),
        st.booleans(),
    ),
)


@given(MESSAGES)
def test_any_message_comes_back(message: Message) -> None:
    assert read(Codec(HOST), Codec(RC).encode(message)) == message


@given(st.binary(max_size=80))
def test_any_frame_is_a_message_or_a_field_error(body: bytes) -> None:
    try:
        message = Codec(HOST).decode(body)
    except FieldError:
        return
    assert Codec(RC).encode(message)[6:] == body


@pytest.mark.parametrize(
    ("offset", "value", "field"),
    [
        (6, 0x01, "sublayer.type"),
        (6, 0x24, "sublayer.request"),
        (6, 0x25, "sublayer.length"),
        (7, 0x02, "sublayer.protocol"),
        (8, 0x01, "sublayer.reserve"),
        (16, 0x58, "business.identifier"),
        (19, 0x4A, "business.identifier"),
        (21, 0x31, "business.header_length"),
        (22, 0x02, "business.protocol"),
        (23, 0x01, "business.response"),
        (24, 0x41, "business.physical"),
        (26, 0x20, "business.logical"),
        (29, 0x3A, "business.lcn"),
        (34, 0x01, "business.reserve"),
    ],
)
def test_each_wrong_byte_is_named_with_its_offset(offset: int, value: int, field: str) -> None:
    data = bytearray(Codec(RC).encode(INFO))
    data[offset] = value
    with pytest.raises(FieldError) as caught:
        read(Codec(HOST), bytes(data))
    assert caught.value.field == field


def test_delivery_messages_have_no_text_and_a_known_response() -> None:
    data = bytearray(Codec(RC).encode(DeliveryMessage(Path(1, 1, 0), 1, True)))
    data[23] = 3
    with pytest.raises(FieldError, match="logical ACK"):
        read(Codec(HOST), bytes(data))
    body = Codec(RC).encode(DeliveryMessage(Path(1, 1, 0), 1, True))[6:] + b"x"
    with pytest.raises(FieldError, match="0040"):
        Codec(HOST).decode(body)
    with pytest.raises(FieldError, match="at least 64"):
        Codec(HOST).decode(body[:-2])
    with pytest.raises(FrameError):
        read(Codec(RC), Codec(RC).encode(INFO))


def test_what_the_headers_cannot_hold() -> None:
    with pytest.raises(LocalMisuse, match="0 to 255"):
        Codec(HOST, sequence_bytes=1).encode(Information(Path(1, 1, 0), 256, b""))
    with pytest.raises(LocalMisuse, match="two digits"):
        Codec(HOST).encode(Information(Path(1, 1, 100), 1, b""))


def test_numbers_go_round_the_end() -> None:
    codec = Codec(HOST, sequence_bytes=1)
    assert [codec.after(number) for number in (0, 1, 254, 255)] == [1, 2, 255, 1]
    assert Codec(HOST).after(0xFFFFFFFF) == 1
    assert [codec.ahead(one, other) for one, other in ((5, 3), (3, 5), (1, 255), (255, 1), (7, 7))] == [2, -2, 1, -1, 0]
