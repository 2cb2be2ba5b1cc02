"""Cutting the stream: at every byte boundary, and where it can no longer be cut."""

from __future__ import annotations

import pytest

from protocols.errors import FrameError
from protocols.framing import FrameCutter
from protocols.zengin.session.codec import Codec
from protocols.zengin.session.fields import HOST, RC
from protocols.zengin.session.frame import framing_of
from protocols.zengin.session.message import Information, Path, Watch

STREAM = Codec(RC).encode(Watch()) + Codec(RC).encode(Information(Path(1, 1, 0), 7, b"A" * 320)) + Codec(RC).encode(Watch())


def test_split_at_every_byte_boundary() -> None:
    for at in range(len(STREAM)):
        cutter = FrameCutter(framing_of(RC, 4_160))
        frames = cutter.feed(STREAM[:at]) + cutter.feed(STREAM[at:])
        assert [len(frame.body) + 6 for frame in frames] == [16, 384, 16]
        assert not cutter.has_partial


def test_a_message_longer_than_the_limit_is_refused_by_its_length_alone() -> None:
    cutter = FrameCutter(framing_of(RC, 384))
    assert len(cutter.feed(STREAM)) == 3, "at the limit"
    shorter = FrameCutter(framing_of(RC, 383))
    with pytest.raises(FrameError):
        shorter.feed(STREAM[:22])
    assert shorter.buffered_count == 0


@pytest.mark.parametrize("start", [b"SUBJ\x00\x10", b"XXXX\x00\x10", b"SUBZ\x00\x00", b"SUBZ\x00\x05"])
def test_wrong_identifier_or_impossible_length(start: bytes) -> None:
    with pytest.raises(FrameError):
        FrameCutter(framing_of(RC, 4_160)).feed(start + bytes(10))


def test_each_side_reads_the_other() -> None:
    assert framing_of(HOST, 100).prefix == b"SUBJ"
    assert framing_of(RC, 100).prefix == b"SUBZ"
