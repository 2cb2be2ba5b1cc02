"""A moment holds what happened since the last look, in all and per line."""

from __future__ import annotations

from relay.loopback.moments import Watch
from tests.support.sometroupe import SomeTroupe


def test_counts_are_since_the_last_look() -> None:
    atms, line = SomeTroupe("iso8583"), SomeTroupe("zrc", customer_waits=False)
    watch = Watch([atms, line], {"iso8583": 3, "zrc": 0}.__getitem__)
    atms.tally.requests = line.tally.requests = 2
    atms.tally.ended("00", 0, 4)
    line.tally.taken(2, 0, 8_000)
    moment = watch.look(1.0, 3)
    assert (moment.requests, moment.approved, moment.answered_total, moment.zones_up) == (4, 3, 3, 3)
    assert moment.p99_ms < 5 < moment.lines[1].p99_ms, "only who waits at a terminal counts in the whole"
    assert [(own.name, own.requests, own.told) for own in moment.lines] == [("iso8583", 2, 3), ("zrc", 2, 0)]
    line.tally.requests += 1
    line.present = 0
    moment = watch.look(2.0, 2)
    assert (moment.requests, moment.approved, moment.p99_ms, moment.signed_on) == (1, 0, 0.0, 1)
    assert [own.requests for own in moment.lines] == [0, 1]


def test_troubles_that_are_on_are_named() -> None:
    atms = SomeTroupe("iso8583")
    atms.tally.open_window(5, "storm")
    assert Watch([atms], lambda name: 0).look(1.0, 3).troubles == ("storm",)
