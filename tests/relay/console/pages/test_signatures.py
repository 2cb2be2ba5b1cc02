"""What one of two has signed: who, what, when, until when; and the second is led to the same words, nobody else to anything."""

from __future__ import annotations

import pytest

from relay.console.identity import Role
from relay.console.pages.signatures import signatures
from relay.console.words import Language
from relay.failover.cosign import LoneRow
from tests.support.consoleroom import frame, words_of
from tests.support.virtualtime import WALL_START_MS


def lone(*what: str, place: str = "", text: str = "x") -> LoneRow:
    moments = {"at_ms": WALL_START_MS - 60_000, "until_ms": WALL_START_MS + 240_000, "left_ms": 240_000}
    return LoneRow(what=what, who="Doi", second="Chiba", text=text, place=place, **moments)


@pytest.mark.parametrize(
    ("what", "place", "expected"),
    [
        (("step", "r1", "seal-tokyo", "waived", "True"), "", "failover-waive?run=r1&amp;step=seal-tokyo&amp;undo=yes"),
        (("step", "r1", "promote", "by-hand", "False"), "", "failover-by-hand?run=r1&amp;step=promote"),
        (("say", "r1", "accept-loss"), "", "failover-say?run=r1&amp;topic=accept-loss"),
        (("adopt", "r1"), "", "failover-adopt?run=r1"),
        (("pin", "osaka", "9", "60"), "console", "region-pin?region=osaka&amp;epoch=9&amp;minutes=60"),
        (("take", "zengin", "True"), "console", "lease-take?line=zengin&amp;by_hand=yes"),
        (("takeover", "osaka"), "console", "takeover-begin?center=osaka"),
        (("give-back", "osaka"), "console", "takeover-finish?"),
    ],
)
def test_the_second_is_led_to_the_same_words_and_nobody_else(what: tuple[str, ...], place: str, expected: str) -> None:
    made = signatures(frame(), [lone(*what, place=place)], "chiba", "waits")
    assert made is not None
    assert f"/deed/{expected}" in made
    assert "second=Doi" in made
    for other in ("Doi", "Baba", ""):
        shown = signatures(frame(), [lone(*what, place=place)], other, "waits")
        assert shown is not None
        assert "/deed/" not in shown
    assert "/deed/" not in (signatures(frame(role=Role.VIEWER), [lone(*what, place=place)], "Chiba", "waits") or "")


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (("take", "zengin", "True"), "take zengin by hand: x"),
        (("take", "zengin", "False"), "take zengin: x"),
        (("pin", "osaka", "8", "60"), "pin osaka, epoch 8, 60 min: x"),
        (("step", "r1", "seal-tokyo", "waived", "True"), "waived seal-tokyo (undo): x"),
        (("say", "r1", "accept-loss"), "say accept-loss: x"),
        (("adopt", "r1"), "adopt: x"),
        (("takeover", "osaka"), "takeover osaka: x"),
    ],
)
def test_what_is_signed_is_said_whole(what: tuple[str, ...], expected: str) -> None:
    """By hand is another thing than by the lease."""
    assert f" {expected} " in words_of(signatures(frame(), [lone(*what)], "", "waits") or "")


def test_what_was_signed_on_the_host_is_signed_second_there() -> None:
    made = signatures(frame(), [lone("takeover", "osaka", place="host")], "Chiba", "waits")
    assert made is not None
    assert "/deed/" not in made
    assert "(on the host)" in words_of(made)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_when_and_until_when_and_a_reason_is_text(language: Language) -> None:
    words = frame(language=language).words
    made = signatures(frame(language=language), [lone("adopt", "r1", text="<b> 4000001234567899")], "", "waits")
    assert made is not None
    said = words_of(made)
    for expected in (words.clock(WALL_START_MS - 60_000), words.clock(WALL_START_MS + 240_000), "Doi", "Chiba"):
        assert expected in said, expected
    assert "<b> " not in made
    assert "4000001234567899" not in made


def test_where_none_waits_there_is_nothing() -> None:
    assert signatures(frame(), [], "Chiba", "waits") is None
