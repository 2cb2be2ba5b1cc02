"""Frames to telegrams: every kind both ways, malformed ones with the place, codes replaced by settings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import FieldError, FrameError, LocalMisuse
from protocols.vocabulary import Secret
from protocols.zengin.file import fields
from protocols.zengin.file.codec import Codec
from protocols.zengin.file.message import DataMessage, FileMessage, Frame, Signal, StationMessage, Telegram
from protocols.zengin.file.profile import FileProfile

CODEC = Codec(FileProfile())
STATION = StationMessage(
    kind="open",
    peer_code="1" * 14,
    own_code="2" * 14,
    password=Secret("ABC123"),
    at="20261125120000",
    mode="1",
    send_count=3,
    text_bytes_max=2048,
)
FILE = FileMessage(
    kind="file-start", file="SOUFURI", access_key=Secret("KEY"), cycle="01", record_bytes=120, record_count=5, resume=2
)


def read(data: bytes, codec: Codec = CODEC) -> Frame | Signal:
    (raw,) = codec.cutter().feed(data)
    return codec.read(raw)


@pytest.mark.parametrize(
    "telegram",
    [
        *(
            StationMessage(**{**{n: getattr(STATION, n) for n in STATION.__struct_fields__}, "kind": k})
            for k in fields.STATION_KINDS
        ),
        *(FileMessage(**{**{n: getattr(FILE, n) for n in FILE.__struct_fields__}, "kind": k}) for k in fields.FILE_KINDS),
        *(FileMessage(kind="file-end-answer", result=result) for result in fields.RESULTS),
        DataMessage(7, b"\x80" * 240),
    ],
    ids=lambda telegram: str(getattr(telegram, "kind", "data")),
)
def test_every_telegram_both_ways(telegram: Telegram) -> None:
    assert read(CODEC.write(9, telegram, ack_wanted=True)) == Frame(9, True, telegram)
    assert read(CODEC.write(9, telegram, ack_wanted=False)) == Frame(9, False, telegram)


@pytest.mark.parametrize("name", ["ack", "nak", "watch"])
def test_signals_are_a_header_alone(name: str) -> None:
    data = CODEC.signal(Signal(name, 513))
    assert data.hex() == f"0004{fields.TTC[name]:02x}000201"
    assert read(data) == Signal(name, 513)


def test_places_of_the_open_request() -> None:
    data = CODEC.write(1, STATION, ack_wanted=True)
    assert data[:6].hex() == "004400000001"
    assert data[6:10].hex() == "f0f0f0f0"
    assert data[10:24].hex() == "1" * 14 + "2" * 14
    assert data[24:30].hex() == "c1c2c3f1f2f3"
    assert data[30:37].hex() == "20261125120000"
    assert len(data) == 6 + 64


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("00040000", "kind"),
        ("f9f9", "kind"),
        ("f0f0" + "00" * 61, "length"),
        ("f0f0" + "00" * 63, "length"),
        ("f5f000000001", "text"),
        ("f5f0000000", "length"),
        ("f1f0f0f0" + "c1" * 12 + "40" * 12 + "f0f1" + "00" * 10 + "f1f0" + "00" * 22, "compression"),
    ],
)
def test_malformed_telegrams_keep_their_serial(body: str, field: str) -> None:
    data = bytes.fromhex("00000005" + body)
    with pytest.raises(FieldError) as caught:
        read(len(data).to_bytes(2, "big") + data)
    assert caught.value.field == field
    assert caught.value.partial == 5


def test_an_unknown_ttc_and_a_signal_with_a_text() -> None:
    for frame in ("000477000001", "00061000000100 00"):
        with pytest.raises(FieldError):
            read(bytes.fromhex(frame))


def test_an_unknown_result_is_no_success() -> None:
    data = bytearray(CODEC.write(1, FILE, ack_wanted=True))
    data[8:10] = b"\xf4\xf2"
    frame = read(bytes(data))
    assert isinstance(frame, Frame)
    assert isinstance(frame.telegram, FileMessage)
    assert frame.telegram.result == "other"


def test_the_length_is_limited_before_anything_is_kept() -> None:
    cutter = CODEC.cutter()
    limit = CODEC.framing.max_bytes
    assert cutter.feed(limit.to_bytes(2, "big")) == []
    with pytest.raises(FrameError):
        CODEC.cutter().feed((limit + 1).to_bytes(2, "big"))
    with pytest.raises(LocalMisuse):
        CODEC.write(1, DataMessage(1, bytes(limit)), ack_wanted=True)


def test_codes_places_and_characters_are_settings() -> None:
    codec = Codec(
        FileProfile.model_validate(
            {
                "ttc": {"ack": 0x30},
                "kinds": {"open": "70"},
                "results": {"ok": "11"},
                "length_bytes": 4,
                "control_characters": {"charset": "jis-x-0201"},
                "station_rows": ["reserve R 1", *fields.STATION.splitlines()],
                "file_rows": ["reserve R 1", *fields.FILE.splitlines()],
                "data_rows": ["reserve R 1", *fields.DATA.splitlines()],
            }
        )
    )
    data = codec.write(1, STATION, ack_wanted=True)
    assert data[:13].hex() == "0000004500000001" + "00" + "37303131"
    assert read(data, codec) == Frame(1, True, STATION)
    assert codec.signal(Signal("ack", 1)).hex() == "0000000430000001"


@pytest.mark.parametrize(
    "settings",
    [
        {"ttc": {"ack": 0x11}},
        {"kinds": {"open": "10"}},
        {"results": {"ok": "99"}},
        {"station_rows": ["kind N 2"]},
        {"data_rows": ["serial B 4", "kind N 2"]},
    ],
)
def test_settings_that_cannot_work(settings: dict[str, object]) -> None:
    with pytest.raises(LocalMisuse):
        Codec(FileProfile.model_validate(settings))


@given(st.binary(max_size=200))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    data = b"\x00\x00\x00\x01" + body
    try:
        frame = read(len(data).to_bytes(2, "big") + data)
    except FieldError:
        return
    assert isinstance(frame, Frame)
