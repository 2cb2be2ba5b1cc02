"""What this center sees by itself: every region asked all the time, never through the other center; and the name servers.

Owns the pace of the looks and what they add up to. It must never decide anything, nor ask on a connection that carries money.
The trap: a look that takes long must not be joined by the next one; it is the door's timeout that ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from random import Random

from relay.clock import Cancellable, Clock, Timers
from relay.pair.beat import ROWS_MAX, Seen, Sight
from relay.pair.sighting import Sighting
from relay.telemetry.log import get_log

_log = get_log("pair.lookout")

Look = Callable[[Callable[[bool], None]], object]


class Lookout:
    """Args: `looks` asks each region, by name, and is told whether it answered, once; `servers` says of each name server
    whether it answered lately, None for not asked yet; `changed` hears when a sight changes."""

    def __init__(
        self,
        looks: Mapping[str, Look],
        servers: Callable[[], Mapping[str, bool | None]],
        changed: Callable[[], None],
        *,
        clock: Clock,
        timers: Timers,
        random: Random,
        interval_ms: int,
        rise_count: int,
        fall_count: int,
    ) -> None:
        now_ms = clock.monotonic_ms()
        self._looks = dict(looks)
        self._servers = servers
        self._changed = changed
        self._clock = clock
        self._timers = timers
        self._random = random
        self._interval_ms = interval_ms
        self._old_ms = interval_ms * (fall_count + 2)
        self._new = partial(Sighting, rise_count, fall_count)
        self._regions = {name: self._new(now_ms) for name in self._looks}
        self._seen_servers: dict[str, Sighting] = {}
        self._asking: set[str] = set()
        self._timer: Cancellable | None = None
        self._is_running = False

    @property
    def old_ms(self) -> int:
        """A look that is older says nothing any more."""
        return self._old_ms

    def start(self) -> None:
        self._is_running = True
        self._tick()

    def stop(self) -> None:
        self._is_running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ---- what is seen ------------------------------------------------------------------------------------------------
    def sight(self, region: str) -> Sight:
        sighting = self._regions.get(region)
        return Sight.UNKNOWN if sighting is None else sighting.now(self._clock.monotonic_ms(), self._old_ms)

    def others(self, region: str) -> tuple[Sight, ...]:
        """How everybody but `region` is seen."""
        now_ms = self._clock.monotonic_ms()
        sightings = [sighting for name, sighting in self._regions.items() if name != region]
        return tuple(sighting.now(now_ms, self._old_ms) for sighting in (*sightings, *self._seen_servers.values()))

    def regions(self) -> tuple[Seen, ...]:
        return self._rows(self._regions.items())

    def servers(self) -> tuple[Seen, ...]:
        return self._rows(self._seen_servers.items())

    def _rows(self, items: Iterable[tuple[str, Sighting]]) -> tuple[Seen, ...]:
        now_ms = self._clock.monotonic_ms()
        return tuple(sighting.seen(name, now_ms) for name, sighting in items)[:ROWS_MAX]

    # ---- looking -----------------------------------------------------------------------------------------------------
    def _tick(self) -> None:
        tenth = self._interval_ms // 10  # the next one first: no error of this one makes it the last
        self._timer = self._timers.after(self._interval_ms + self._random.randint(-tenth, tenth), self._tick)
        for name, look in self._looks.items():
            if name not in self._asking:
                self._asking.add(name)
                look(partial(self._looked, name))
        now_ms, is_changed = self._clock.monotonic_ms(), False
        for name, has_answered in self._servers().items():
            if has_answered is not None:
                sighting = self._seen_servers.setdefault(name, self._new(now_ms))
                is_changed |= sighting.looked(has_answered, now_ms)
        if is_changed:
            self._changed()

    def _looked(self, name: str, is_good: bool) -> None:
        self._asking.discard(name)
        if not self._is_running:
            return
        sighting = self._regions[name]
        before = sighting.sight
        if sighting.looked(is_good, self._clock.monotonic_ms()):
            _log.info("region seen otherwise", region=name, sight=sighting.sight.value, before=before.value)
            self._changed()
