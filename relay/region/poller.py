"""Asks every authoritative name server about the region, all the time, and tells what was heard in each round.

Owns the rounds: all servers at once, each by itself, the next round an interval (jittered by a fifth) after this one began. It
must never judge what was said. The traps: a dead server must not delay what the others say, so each answer is passed on as it
comes; a hint (NOTIFY) may come from anybody, so it can bring the next round nearer and nothing else, and a flood of them no
nearer than `HINT_APART_MS`; and a server that never answers must not stop the rounds, which is the door's timeout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from relay.clock import Cancellable, Clock, Timers
from relay.region.agreement import OK, Names, ZoneWord, read_word
from relay.region.record import Malformed, RegionRecord
from relay.telemetry.log import get_log
from relay.telemetry.metrics import Metrics

_log = get_log("region.poller")
HINT_APART_MS = 100
NOT_ASKED = "not asked yet"  # stands where a server's last answer stands
LOWER_EPOCH = "lower-epoch"  # the metric label of a server that lags, or replays

Ask = Callable[[int, Callable[[ZoneWord], None]], None]
Heard = Callable[[Sequence[RegionRecord], bool], None]


class Poller:
    """Args: `servers` are their names, for people; `ask(number, done)` asks one of them, `done` is called once, within its
    timeout; `epoch` reads the ratchet, only to count who lags; `heard(records, is_over)` is told what counts of this round's
    answers so far."""

    def __init__(
        self,
        servers: Sequence[str],
        ask: Ask,
        names: Names,
        epoch: Callable[[], int],
        heard: Heard,
        *,
        clock: Clock,
        timers: Timers,
        random: Random,
        metrics: Metrics,
        interval_ms: int = 1_000,
    ) -> None:
        self._servers = tuple(servers)
        self._ask = ask
        self._names = names
        self._epoch = epoch
        self._heard = heard
        self._clock = clock
        self._timers = timers
        self._random = random
        self._answers = metrics.region_dns_answers
        for server in self._servers:  # alerts ask for an increase, which a series that begins at 1 does not have
            for result in (OK, LOWER_EPOCH, Malformed.BAD_MAC.value):
                self._answers.labels(server, result)
        self._interval_ms = interval_ms
        self._begun_ms = 0
        self._waiting = 0
        self._records: list[RegionRecord] = []
        self._timer: Cancellable | None = None
        self._due_ms = 0  # monotonic, when the timer fires
        self._is_running = False
        self._is_hinted = False
        self.results: dict[str, str] = dict.fromkeys(self._servers, NOT_ASKED)  # the last answer of each, in a word

    def start(self) -> None:
        self._is_running = True
        self._begin()

    def stop(self) -> None:
        self._is_running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def hint(self) -> None:
        """Somebody says that there is news: look soon."""
        if not self._is_running:
            return
        soon_ms = max(self._begun_ms + HINT_APART_MS, self._clock.monotonic_ms() + 1)
        if self._timer is None:
            self._is_hinted = True  # this round may have asked before the news
        elif self._due_ms > soon_ms:  # else it is near already: a flood of hints must not push it before itself
            self._timer.cancel()
            self._again(0)

    def _begin(self) -> None:
        self._timer = None
        self._is_hinted = False
        self._begun_ms = self._clock.monotonic_ms()
        self._records = []
        self._waiting = len(self._servers)
        for number in range(len(self._servers)):
            self._ask(number, partial(self._answered, number))

    def _answered(self, number: int, word: ZoneWord) -> None:
        if not self._is_running:
            return
        record, result = read_word(word, self._names)
        if record is not None and record.epoch < self._epoch():
            result = LOWER_EPOCH
        server = self._servers[number]
        self._answers.labels(server, result).inc()
        if self.results[server] != result:
            tell = _log.info if result == OK else _log.warning
            tell("name server's answer changed", server=server, result=result, before=self.results[server])
            self.results[server] = result
        if record is not None:
            self._records.append(record)
        self._waiting -= 1
        try:
            self._heard(self._records, self._waiting == 0)
        finally:  # no error of whoever hears makes this round the last
            if self._waiting == 0 and self._is_running:
                fifth = self._interval_ms // 5
                self._again(0 if self._is_hinted else self._interval_ms + self._random.randint(-fifth, fifth))

    def _again(self, pause_ms: int) -> None:
        now_ms = self._clock.monotonic_ms()
        self._due_ms = max(self._begun_ms + max(pause_ms, HINT_APART_MS), now_ms + 1)
        self._timer = self._timers.after(self._due_ms - now_ms, self._begin)
