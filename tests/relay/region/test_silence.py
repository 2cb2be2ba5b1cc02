"""How long nobody answers, and which lines are written about it."""

from __future__ import annotations

import logging

import pytest

from relay.region.silence import FIRST_WORD_MS, NEXT_WORD_MS, Silence
from tests.support.virtualtime import VirtualTime


def told(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "relay.region"]


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in told(caplog)]


@pytest.fixture
def time(caplog: pytest.LogCaptureFixture) -> VirtualTime:
    caplog.set_level(logging.INFO, "relay.region")
    return VirtualTime()


def test_the_time_counts_from_the_first_question_that_nobody_answered(time: VirtualTime) -> None:
    silence = Silence(time, lambda: "")
    asked_ms = time.monotonic_ms()
    time.run(2_000)  # a probe that hangs
    assert silence.ms == 0
    silence.unanswered(asked_ms)
    assert silence.ms == 2_000
    time.run(1_500)
    silence.unanswered(time.monotonic_ms())
    assert silence.ms == 3_500
    silence.answered()
    assert silence.ms == 0


def test_one_line_after_a_while_one_a_minute_and_one_at_the_end(time: VirtualTime, caplog: pytest.LogCaptureFixture) -> None:
    silence = Silence(time, lambda: "10.0.0.1 failing (4 in a row)")
    begun_ms = time.monotonic_ms()
    while time.monotonic_ms() < begun_ms + FIRST_WORD_MS + NEXT_WORD_MS:
        silence.unanswered(time.monotonic_ms())
        assert bool(lines(caplog)) == (time.monotonic_ms() >= begun_ms + FIRST_WORD_MS)
        time.run(1_000)
    silence.unanswered(time.monotonic_ms())
    silence.answered()
    silence.answered()
    assert lines(caplog) == ["the core does not answer", "the core does not answer", "the core answers again"]
    assert told(caplog)[0].fields == {"silent_s": 5, "addresses": "10.0.0.1 failing (4 in a row)"}  # type: ignore[attr-defined]  # by our own log
    assert [record.levelname for record in told(caplog)] == ["ERROR", "ERROR", "INFO"]


def test_a_lost_probe_or_two_are_no_line(time: VirtualTime, caplog: pytest.LogCaptureFixture) -> None:
    silence = Silence(time, lambda: "")
    for _ in range(10):
        silence.unanswered(time.monotonic_ms())
        time.run(FIRST_WORD_MS - 1)
        silence.answered()
    assert lines(caplog) == []
