"""What holds for each class, since when, and how fall-backs and acknowledgements are counted."""

from __future__ import annotations

from relay.journal.acks import REFUSED, Acks, alone
from relay.journal.memory_disk import MemoryDisk
from relay.journal.standby import Standby, StandbyRules
from relay.needs import IN_PAIR, AckClass, Need, Peer
from relay.telemetry.metrics import Metrics
from tests.support.copieddisk import CopiedDisk
from tests.support.virtualtime import VirtualTime


class Bench:
    def __init__(self) -> None:
        self.time = VirtualTime()
        self.metrics = Metrics()
        self.copy = CopiedDisk(MemoryDisk(), self.time)
        self.standby = Standby(self.copy.ask, self.time, self.time, StandbyRules(return_after_ms=2_000))
        self.may_ask = True
        self.acks = Acks(IN_PAIR, self.standby, lambda: self.may_ask, self.time, self.metrics)
        self.standby.start()
        self.time.run(10)

    def value(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


def test_the_standby_goes_and_comes() -> None:
    bench = Bench()
    returns: list[int] = []
    bench.acks.when_back(lambda: returns.append(bench.time.monotonic_ms()))
    assert bench.acks.now(AckClass.ADVICE) is Need.PEER
    bench.copy.is_gone = True
    bench.time.run(600)
    assert bench.acks.peer is Peer.AWAY
    assert bench.acks.now(AckClass.ADVICE) is Need.CORE
    bench.may_ask = False
    assert bench.acks.now(AckClass.ADVICE) is None
    assert bench.acks.now(AckClass.REQUEST) is Need.LOCAL
    assert returns == []
    bench.copy.heal()
    bench.time.run(3_000)
    assert bench.acks.now(AckClass.ADVICE) is Need.PEER
    assert len(returns) == 1


def test_seconds_of_fall_back_are_counted_for_the_classes_that_fell_back() -> None:
    bench = Bench()
    bench.copy.is_gone = True
    bench.time.run(600)
    began = bench.value("relay_ack_fallback_seconds_total", **{"class": "advice"})
    bench.time.run(7_000)
    bench.acks.refresh()
    assert bench.value("relay_ack_fallback_seconds_total", **{"class": "advice"}) - began >= 7.0
    assert bench.value("relay_ack_fallback_seconds_total", **{"class": "request"}) == 0.0
    standing = bench.acks.standings[AckClass.ADVICE]
    assert standing.holds is Need.CORE
    assert bench.time.monotonic_ms() - standing.since_ms >= 7_000


def test_acknowledgements_are_counted_by_what_met_them() -> None:
    bench = Bench()
    bench.acks.told(AckClass.EJ, Need.CORE)
    bench.acks.told(AckClass.EJ, Need.CORE)
    bench.acks.told(AckClass.EJ, REFUSED)
    assert bench.value("relay_acknowledgements_total", **{"class": "ej", "need": "core"}) == 2
    assert bench.value("relay_acknowledgements_total", **{"class": "ej", "need": "refused"}) == 1
    assert bench.value("relay_journal_standby_follows") == 1


def test_a_single_host_needs_its_disk_and_nothing_else() -> None:
    time = VirtualTime()
    acks = alone(time, Metrics())
    said: list[bool] = []
    acks.reached(said.append)
    assert said == [False]
    assert all(acks.is_local(each) and acks.now(each) is Need.LOCAL for each in AckClass)
