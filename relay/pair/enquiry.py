"""Questions to the other center and answers to its own: who waits for one, how long, and how many.

Owns what is under way in both directions. It must never know a socket (`send` does) nor a journal (`look` does). The traps: who
asks waits with a terminal behind it, so that silence ends soon and is no word; a question is asked only while the other center
is heard, or every repeat would wait for nothing when it is dead; and both ends have a limit per second, which leaves the
heartbeats their room on the same sockets (heart.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

import msgspec

from relay.clock import Cancellable, Clock, Timers
from relay.pair.question import Answer, Question, read, write
from relay.telemetry.metrics import Metrics

RESULTS: Final = ("reversed", "not-reversed", "silent", "not-heard", "too-many", "answered", "unreadable", "dropped")
_SECOND_MS = 1_000


class EnquiryLimits(msgspec.Struct, frozen=True, kw_only=True):
    """`wait_ms`: for an answer. `waiting_count_max` wait at once, `per_s_max` are asked, and as many answered, in a second."""

    wait_ms: int = 300
    waiting_count_max: int = 256
    per_s_max: int = 200


class _Rate:
    def __init__(self, per_s_max: int) -> None:
        self._max = per_s_max
        self._second = 0
        self._count = 0

    def allows(self, now_ms: int) -> bool:
        second = now_ms // _SECOND_MS
        if second != self._second:
            self._second, self._count = second, 0
        self._count += 1
        return self._count <= self._max


class Enquiry:
    """Args: `keys` sign, the first our own words; `is_heard` says whether the other center is; `send` puts a datagram on every
    path; `look(key, done)` reads our own journal, None where it cannot."""

    def __init__(
        self,
        center: str,
        peer: str,
        keys: Sequence[bytes],
        is_heard: Callable[[], bool],
        send: Callable[[bytes], None],
        look: Callable[[str, Callable[[bool | None], None]], None],
        *,
        clock: Clock,
        timers: Timers,
        random: Random,
        metrics: Metrics,
        limits: EnquiryLimits | None = None,
    ) -> None:
        self._center, self._peer = center, peer
        self._keys = tuple(keys)
        self._is_heard, self._send, self._look = is_heard, send, look
        self._clock, self._timers, self._random = clock, timers, random
        self._limits = limits = EnquiryLimits() if limits is None else limits
        self._asking, self._answering = _Rate(limits.per_s_max), _Rate(limits.per_s_max)
        self._waiting: dict[int, tuple[Callable[[bool], None], Cancellable]] = {}
        self._looking: set[int] = set()  # nonces of the other center: a question comes by each path
        self._counters = {word: metrics.pair_questions.labels(word) for word in RESULTS}

    @property
    def waiting_count(self) -> int:
        return len(self._waiting)

    def ask(self, key: str, done: Callable[[bool], None]) -> None:
        """Whether a reversal of `key` is acknowledged at the other center; False where it says no, or nothing in time. `done`
        is called once, perhaps before this returns."""
        limits = self._limits
        if not self._is_heard():
            self._ended("not-heard", done)
        elif len(self._waiting) >= limits.waiting_count_max or not self._asking.allows(self._clock.monotonic_ms()):
            self._ended("too-many", done)
        else:
            nonce = self._random.getrandbits(63)
            datagram = write(Question(center=self._center, peer=self._peer, nonce=nonce, key=key), self._keys[0])
            if datagram is None:
                self._ended("silent", done)
                return
            self._waiting[nonce] = done, self._timers.after(limits.wait_ms, lambda: self._silent(nonce))
            self._send(datagram)

    def heard(self, datagram: bytes) -> None:
        """A datagram with the magic of question.py, by whatever path."""
        said = read(datagram, self._keys)
        if said is None or (said.center, said.peer) != (self._peer, self._center):
            self._counters["unreadable"].inc()
        elif isinstance(said, Answer):
            waiting = self._waiting.pop(said.nonce, None)
            if waiting is not None:  # else it came late, or by the other path before
                waiting[1].cancel()
                self._ended("reversed" if said.is_reversed else "not-reversed", waiting[0], said.is_reversed)
        elif said.nonce not in self._looking:
            self._answer(said)

    def stop(self) -> None:
        """Who waits goes on without a word."""
        for nonce in list(self._waiting):
            self._silent(nonce)

    def _answer(self, question: Question) -> None:
        if len(self._looking) >= self._limits.waiting_count_max or not self._answering.allows(self._clock.monotonic_ms()):
            self._counters["dropped"].inc()
            return
        self._looking.add(question.nonce)

        def looked(is_reversed: bool | None) -> None:
            self._looking.discard(question.nonce)
            if is_reversed is None:
                return  # our journal cannot be read: silence is honest
            answer = Answer(center=self._center, peer=self._peer, nonce=question.nonce, is_reversed=is_reversed)
            datagram = write(answer, self._keys[0])
            if datagram is not None:
                self._counters["answered"].inc()
                self._send(datagram)

        self._look(question.key, looked)

    def _silent(self, nonce: int) -> None:
        waiting = self._waiting.pop(nonce, None)
        if waiting is not None:
            waiting[1].cancel()
            self._ended("silent", waiting[0])

    def _ended(self, word: str, done: Callable[[bool], None], is_reversed: bool = False) -> None:
        self._counters[word].inc()
        done(is_reversed)
