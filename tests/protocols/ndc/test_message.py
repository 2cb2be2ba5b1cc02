"""Messages print nothing of a customer."""

from __future__ import annotations

import msgspec

from protocols.ndc.codec import decode
from protocols.ndc.message import Buffer
from protocols.vocabulary import Secret
from tests.support.ndcplay import framed, request

CANARIES = ("4000001234567899", "30122010000012300", "0412:4;=<>?99999", "TYPED", "NEWPIN")


def test_no_track_pin_or_typed_text_is_printed() -> None:
    message = msgspec.structs.replace(request(buffer_b="TYPED"), buffers=(Buffer("U", Secret("NEWPIN")),))
    for text in (repr(message), str(message), repr(decode(framed(message)[2:]))):
        assert not [canary for canary in CANARIES if canary in text]


def test_a_tagged_field_is_found_by_its_first_character() -> None:
    message = msgspec.structs.replace(request(), buffers=(Buffer("5", Secret("CAM")), Buffer("w", Secret("01003"))))
    found = message.buffer("w")
    assert found is not None
    assert found.reveal() == "01003"
    assert message.buffer("U") is None
