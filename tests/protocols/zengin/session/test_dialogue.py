"""The whole link: bad frames, wrong lines, drains; and any bytes at all, cut anywhere."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.dialect import BytesArrived, DrainStarted, HangUp, Identify, LinkClosed, Tell, TimerFired
from protocols.zengin.session.codec import Codec
from protocols.zengin.session.fields import RC
from protocols.zengin.session.message import DeliveryMessage, Information, Path, Watch
from protocols.zengin.session.session import State
from tests.support.zrcline import LineRig, acked, deliveries, hang_ups, notes, transfer

RC_CODEC = Codec(RC)
TELEGRAMS = LineRig().dialect.rules.telegrams


def test_a_line_says_who_it_is() -> None:
    rig = LineRig(line={"physical": 2, "logical": 3})
    assert Identify("zrc-02-03") in rig.connect()
    rig.acks(0)
    assert rig.dialogue.state is State.OPENING


def test_wrong_line_numbers_or_lcn_release_with_an_alarm() -> None:
    for path in (Path(2, 1, 0), Path(1, 2, 0), Path(1, 1, 5)):
        rig = LineRig()
        rig.opens()
        done = rig.says(Information(path, 1, b""))
        assert "wrong-line" in notes(done)
        assert hang_ups(done) == ["wrong-line"]
        assert rig.sent(done) == []


def test_a_header_error_releases_and_nothing_after_it_is_read() -> None:
    rig = LineRig()
    rig.opens()
    bad = bytearray(RC_CODEC.encode(Watch()))
    bad[7] = 9
    good = RC_CODEC.encode(Information(Path(1, 1, 0), 1, rig.dialect.rules.telegrams.encode(transfer(1))))
    done = rig.step(BytesArrived(bytes(bad) + good))
    assert hang_ups(done) == ["header-error"]
    assert rig.asked == []
    assert rig.step(BytesArrived(good)) == []


def test_a_stream_that_cannot_be_cut_is_read_as_far_as_it_can() -> None:
    rig = LineRig()
    rig.opens()
    good = RC_CODEC.encode(Information(Path(1, 1, 0), 1, rig.dialect.rules.telegrams.encode(transfer(1))))
    done = rig.step(BytesArrived(good + b"GET / HTTP/1.1\r\n"))
    assert acked(rig, done) == [1]
    assert hang_ups(done) == ["frame-error"]


def test_half_a_frame_is_timed_from_its_first_byte() -> None:
    rig = LineRig()
    rig.opens()
    data = RC_CODEC.encode(Watch())
    for byte in data[:9]:
        rig.step(BytesArrived(bytes([byte])))
        assert hang_ups(rig.pass_ms(1_000)) == []
    assert not rig.dialogue.is_idle
    rig.step(BytesArrived(data[9:10]))
    done = rig.pass_ms(1_000)
    assert notes(done) == ["partial-frame"]
    assert hang_ups(done) == ["partial-frame"]


def test_a_whole_frame_in_time_ends_the_wait() -> None:
    rig = LineRig()
    rig.opens()
    data = RC_CODEC.encode(Watch())
    rig.step(BytesArrived(data[:5]))
    rig.pass_ms(9_000)
    rig.step(BytesArrived(data[5:] + data[:3]))
    assert hang_ups(rig.pass_ms(9_000)) == [], "the second half frame has its own time"
    assert hang_ups(rig.pass_ms(1_000)) == ["partial-frame"]


def test_a_drain_sends_nothing_new_and_takes_what_comes() -> None:
    rig = LineRig()
    rig.opens()
    rig.offer("A")
    rig.offer("B")
    done = rig.step(DrainStarted())
    assert deliveries(done + rig.acks(1)) == [("B", "deferred"), ("A", "acknowledged")]
    assert deliveries(rig.offer("B")) == [("B", "deferred")]
    assert acked(rig, rig.info(1, transfer(1))) == [1]
    assert rig.dialogue.is_idle


def test_a_telegram_without_its_ack_is_not_idle() -> None:
    rig = LineRig()
    rig.opens()
    assert rig.dialogue.is_idle
    rig.offer("A")
    assert not rig.dialogue.is_idle
    rig.acks(1)
    assert rig.dialogue.is_idle


def test_a_lost_link_is_told_and_says_nothing_more() -> None:
    rig = LineRig()
    rig.opens()
    done = rig.step(LinkClosed("peer-lost"))
    assert [action.event for action in done if isinstance(action, Tell)] == ["session-down"]
    assert rig.dialogue.state is State.DOWN
    assert rig.step(TimerFired("watch-send")) == []
    assert rig.offer("A") == []


def messages(draw: st.DrawFn) -> bytes:
    """A mix of what a center could say, and of what it could not."""
    body = TELEGRAMS.encode(transfer(draw(st.integers(1, 4))))
    acks = st.builds(lambda n, a: RC_CODEC.encode(DeliveryMessage(Path(1, 1, 0), n, a)), st.integers(0, 4), st.booleans())
    parts = st.one_of(
        acks,
        st.just(RC_CODEC.encode(Watch())),
        st.builds(lambda n: RC_CODEC.encode(Information(Path(1, 1, 0), n, body)), st.integers(0, 5)),
        st.builds(lambda n, b: RC_CODEC.encode(Information(Path(1, 1, 0), n, b)), st.integers(0, 5), st.binary(max_size=330)),
        st.binary(max_size=40),
    )
    return b"".join(draw(st.lists(parts, max_size=8)))


STREAMS = st.composite(messages)()


@settings(max_examples=60, deadline=None)
@given(st.data(), STREAMS)
def test_any_stream_cut_anywhere_never_raises_and_never_buffers_over_the_limit(data: st.DataObject, stream: bytes) -> None:
    limit = 400
    rig = LineRig(line={"frame_bytes_max": limit})
    rig.opens()
    rig.offer("A")
    at = 0
    while at < len(stream):
        size = data.draw(st.integers(1, 64))
        rig.step(BytesArrived(stream[at : at + size]))
        assert rig.dialogue._cutter.buffered_count <= limit
        at += size
    rig.pass_ms(200_000)
    rig.disconnect()


@settings(max_examples=40, deadline=None)
@given(st.data(), st.lists(st.booleans(), max_size=6))
def test_how_a_good_stream_is_cut_changes_nothing(data: st.DataObject, is_watch: list[bool]) -> None:
    rigs = LineRig(), LineRig()
    stream, number = b"", 0
    for watch in is_watch:
        number += not watch
        body = rigs[0].dialect.rules.telegrams.encode(transfer(max(number, 1)))
        stream += RC_CODEC.encode(Watch() if watch else Information(Path(1, 1, 0), number, body))
    for rig in rigs:
        rig.opens()
    rigs[0].step(BytesArrived(stream))
    at = 0
    while at < len(stream):
        size = data.draw(st.integers(1, 300))
        rigs[1].step(BytesArrived(stream[at : at + size]))
        at += size
    assert rigs[0].disk == rigs[1].disk
    assert acked(rigs[0], rigs[0].actions)[1:] == acked(rigs[1], rigs[1].actions)[1:] == list(range(1, number + 1))


def test_hanging_up_is_said_once() -> None:
    rig = LineRig()
    rig.opens()
    rig.acks(9)
    rig.acks(9)
    rig.pass_ms(500_000)
    assert sum(isinstance(action, HangUp) for action in rig.actions) == 1
