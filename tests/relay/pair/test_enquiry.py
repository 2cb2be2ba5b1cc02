"""Two centers that ask each other: the answer, silence, the limits, and two paths that carry everything twice."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from relay.pair.enquiry import Enquiry, EnquiryLimits
from relay.pair.question import Answer, write
from relay.telemetry.metrics import Metrics
from tests.support.virtualtime import VirtualTime

KEY = bytes(range(32))
LIMITS = EnquiryLimits(waiting_count_max=4, per_s_max=8)


class Side:
    def __init__(self, time: VirtualTime, name: str, peer: str) -> None:
        self.sent: list[bytes] = []
        self.is_heard = True
        self.reversed: set[str] = set()
        self.looks: list[tuple[str, Callable[[bool | None], None]]] = []
        self.holds_looks = False
        self.metrics = Metrics()
        self.enquiry = Enquiry(
            name,
            peer,
            [KEY],
            lambda: self.is_heard,
            self.sent.append,
            self.look,
            clock=time,
            timers=time,
            random=Random(name),
            metrics=self.metrics,
            limits=LIMITS,
        )

    def look(self, key: str, done: Callable[[bool | None], None]) -> None:
        if self.holds_looks:
            self.looks.append((key, done))
        else:
            done(None if key == "unreadable" else key in self.reversed)

    def count(self, result: str) -> float:
        return self.metrics.registry.get_sample_value("relay_pair_questions_total", {"result": result}) or 0


class Two:
    def __init__(self) -> None:
        self.time = VirtualTime()
        self.tokyo, self.osaka = Side(self.time, "tokyo", "osaka"), Side(self.time, "osaka", "tokyo")
        self.said: list[tuple[str, bool]] = []

    def ask(self, key: str) -> None:
        self.osaka.enquiry.ask(key, lambda is_reversed: self.said.append((key, is_reversed)))

    def carry(self, times: int = 1) -> None:
        """Everything that was sent arrives, so many times."""
        for here, there in ((self.osaka, self.tokyo), (self.tokyo, self.osaka)):
            sent, here.sent = here.sent[:], here.sent
            here.sent.clear()
            for datagram in sent:
                for _ in range(times):
                    there.enquiry.heard(datagram)


@pytest.fixture
def two() -> Two:
    return Two()


@pytest.mark.parametrize("paths", [1, 2])
def test_the_other_center_says_what_its_journal_knows(two: Two, paths: int) -> None:
    two.tokyo.reversed.add("k1")
    two.ask("k1")
    two.ask("k2")
    assert two.said == []
    two.carry(paths)
    assert two.said == [("k1", True), ("k2", False)], "once each, however many paths"
    assert (two.osaka.count("reversed"), two.osaka.count("not-reversed"), two.osaka.enquiry.waiting_count) == (1, 1, 0)


def test_a_question_by_two_paths_is_looked_up_once(two: Two) -> None:
    two.tokyo.holds_looks = True
    two.ask("k1")
    two.carry(2)
    assert len(two.tokyo.looks) == 1


def test_silence_is_no_word_and_ends_soon(two: Two) -> None:
    two.ask("k1")
    two.time.run(LIMITS.wait_ms - 1)
    assert two.said == []
    two.time.run(1)
    assert two.said == [("k1", False)]
    two.tokyo.reversed.add("k1")
    two.carry()  # too late
    assert (two.said, two.osaka.count("silent")) == ([("k1", False)], 1)


def test_a_journal_that_cannot_be_read_is_silence(two: Two) -> None:
    two.ask("unreadable")
    two.carry()
    assert two.said == []
    two.time.run(LIMITS.wait_ms)
    assert two.said == [("unreadable", False)]


def test_who_is_not_heard_is_not_asked(two: Two) -> None:
    two.osaka.is_heard = False
    two.ask("k1")
    assert (two.said, two.osaka.sent) == ([("k1", False)], [])


def test_no_more_wait_at_once_than_allowed(two: Two) -> None:
    for number in range(LIMITS.waiting_count_max + 1):
        two.ask(f"k{number}")
    assert (two.said, two.osaka.count("too-many")) == ([("k4", False)], 1)


def test_no_more_are_asked_and_answered_in_a_second_than_allowed(two: Two) -> None:
    for number in range(LIMITS.per_s_max + 1):
        two.ask(f"k{number}")
        two.carry()
    assert (two.osaka.count("too-many"), two.tokyo.count("answered")) == (1, LIMITS.per_s_max)
    other = Two()
    other.tokyo = two.tokyo  # another asker, in the same second of the one who answers
    other.ask("k1")
    other.carry()
    assert two.tokyo.count("dropped") == 1
    two.time.run(1_000)
    two.ask("k1")
    two.carry()
    assert two.said[-1] == ("k1", False)
    assert two.osaka.count("too-many") == 1


def test_nobody_elses_word_counts(two: Two) -> None:
    two.ask("k1")
    for center, peer in (("kobe", "osaka"), ("tokyo", "kobe"), ("osaka", "tokyo")):
        datagram = write(Answer(center=center, peer=peer, nonce=1, is_reversed=True), KEY)
        assert datagram is not None
        two.osaka.enquiry.heard(datagram)
    two.osaka.enquiry.heard(two.osaka.sent[0])  # thrown back
    two.osaka.enquiry.heard(b"RLPQ garbage")
    assert (two.said, two.osaka.count("unreadable")) == ([], 5)


def test_at_the_end_who_waits_goes_on(two: Two) -> None:
    two.ask("k1")
    two.osaka.enquiry.stop()
    assert two.said == [("k1", False)]
