"""One LCN of the fake center: numbers that go on, one telegram under way, and what a refusal takes back."""

from __future__ import annotations

from protocols.framing import FrameCutter
from protocols.zengin.session.codec import Codec
from protocols.zengin.session.fields import HOST, RC
from protocols.zengin.session.message import DeliveryMessage, Information, Message, Path
from relay.loopback.centerlane import Lane
from tests.support.zrcline import LineRig, transfer

READER = Codec(HOST)


def lane() -> Lane:
    return Lane(Path(2, 3, 5), Codec(RC), LineRig().dialect.rules.telegrams)


def read(data: bytes) -> Message:
    (frame,) = FrameCutter(READER.reading).feed(data)
    return READER.decode(frame.body)


def test_numbers_run_from_one_and_wait_for_their_ack() -> None:
    made = lane()
    message = read(made.put(transfer(1)))
    assert isinstance(message, Information)
    assert (message.path, message.sequence, made.waits) == (Path(2, 3, 5), 1, True)
    assert read(made.answer(7, False)) == DeliveryMessage(Path(2, 3, 5), 7, False)


def test_a_skipped_number_comes_back_after_a_refusal_and_a_false_line_is_only_in_the_header() -> None:
    made = lane()
    message = read(made.put(transfer(1), skipped=1, line=4))
    assert isinstance(message, Information)
    assert (message.path, message.sequence) == (Path(2, 4, 5), 2)
    made.go_back(first=2, refused=2)
    again = read(made.put(transfer(1)))
    assert isinstance(again, Information)
    assert again.sequence == 1


def test_what_the_relay_skipped_at_the_opening_is_never_taken() -> None:
    made = lane()
    first, fourth = Information(Path(2, 3, 5), 1, b"a"), Information(Path(2, 3, 5), 4, b"b")
    assert made.is_next(first)
    made.took(first)
    assert made.is_repeat(first)
    made.agreed(relay_sent=3)
    assert made.is_next(fourth)
    assert made.received == 1, "2 and 3 are not said to be taken"
    made.new_day()
    assert made.is_next(first)
