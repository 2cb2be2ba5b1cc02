"""Variables and outbound marks are told when the other center has them, or by what the class falls back to."""

from __future__ import annotations

from relay.journal.acks import Acks
from relay.journal.memory import MemoryJournal
from relay.journal.memory_disk import MemoryDisk
from relay.journal.needed import NOT_THERE, NeededOutbound, NeededVariables
from relay.journal.outbound import OutboundState, OutboundStep, OutboundTaken
from relay.journal.port import StepResult
from relay.journal.standby import Standby, StandbyRules
from relay.needs import ALONE, IN_PAIR, AckClass, Need
from relay.telemetry.metrics import Metrics
from tests.support.copieddisk import CopiedDisk
from tests.support.virtualtime import VirtualTime


class Bench:
    def __init__(self, needs: dict[AckClass, tuple[Need, ...]] | None = None) -> None:
        self.time = VirtualTime()
        self.disk = MemoryDisk()
        self.journal = MemoryJournal(self.disk, self.time, self.time)
        self.copy = CopiedDisk(self.disk, self.time)
        self.standby = Standby(self.copy.ask, self.time, self.time, StandbyRules())
        self.metrics = Metrics()
        self.acks = Acks({**IN_PAIR, **(needs or {})}, self.standby, lambda: True, self.time, self.metrics)
        self.variables = NeededVariables(self.journal, self.acks)
        self.outbound = NeededOutbound(self.journal, self.acks)
        self.standby.start()
        self.time.run(10)
        self.outbound_id = self.outbound.next_exchange_id()
        self.outbound.take_outbound(
            OutboundTaken(
                outbound_id=self.outbound_id,
                key="k1",
                listener="zengin",
                line="",
                kind="transfer",
                body=b"{}",
                fingerprint=b"f",
                recorded_ms=1,
            ),
            lambda _: None,
        )
        self.time.run(10)

    def store(self, value: bytes = b"7") -> list[StepResult]:
        said: list[StepResult] = []
        self.variables.store_variable("atm", "serial", value, said.append)
        return said

    def mark(self, state: OutboundState = OutboundState.SENT) -> list[StepResult]:
        said: list[StepResult] = []
        self.outbound.step_outbound(OutboundStep(outbound_id=self.outbound_id, at_ms=2, state=state), said.append)
        return said

    def state(self) -> OutboundState:
        return next(iter(self.outbound.newest_outbound((), 1))).state


def count(bench: Bench, ack_class: str, need: str) -> float:
    labels = {"class": ack_class, "need": need}
    return bench.metrics.registry.get_sample_value("relay_acknowledgements_total", labels) or 0.0


def test_while_the_standby_follows_a_serial_waits_for_it() -> None:
    bench = Bench()
    said = bench.store()
    bench.time.run(1)  # on this disk
    assert bench.variables.variables("atm")["serial"] == b"7"
    assert said == []
    bench.time.run(30)
    assert said == [None]
    assert count(bench, "serial", "local+peer") == 1


def test_a_serial_goes_on_by_this_disk_when_the_standby_is_away() -> None:
    bench = Bench()
    bench.copy.is_gone = True
    bench.time.run(600)
    said = bench.store()
    bench.time.run(5)
    assert said == [None]
    assert count(bench, "serial", "local") == 1


def test_a_serial_that_must_not_do_without_is_refused() -> None:
    bench = Bench({AckClass.SERIAL: (Need.PEER,)})
    bench.copy.is_gone = True
    bench.time.run(600)
    said = bench.store()
    bench.time.run(5)
    assert said == [NOT_THERE]


def test_serials_are_told_in_the_order_in_which_they_were_given_also_over_a_fall_back() -> None:
    bench = Bench()
    order: list[int] = []
    bench.copy.is_mute = True
    for number in range(20):
        bench.variables.store_variable("atm", f"v{number}", b"", lambda _, number=number: order.append(number))
        bench.time.run(100)
    bench.time.run(2_000)
    assert order == list(range(20))


def test_a_mark_waits_for_the_standby_and_only_the_mark() -> None:
    bench = Bench()
    said = bench.mark()
    bench.time.run(1)
    assert said == []
    bench.time.run(30)
    assert said == [None]
    bench.copy.is_gone = True
    bench.time.run(600)
    ended = bench.mark(OutboundState.ACKNOWLEDGED)
    bench.time.run(5)
    assert ended == [None], "the end of what was sent is not held up"


def test_no_mark_is_written_while_the_standby_is_away() -> None:
    bench = Bench()
    bench.copy.is_gone = True
    bench.time.run(600)
    assert bench.mark() == [NOT_THERE]
    bench.time.run(5)
    assert bench.state() is OutboundState.QUEUED
    assert count(bench, "outward", "refused") == 1


def test_the_core_hears_that_a_message_will_never_be_sent_when_the_copy_has_it() -> None:
    """Else whoever takes this center over finds it waiting, and sends it."""
    bench = Bench()
    said = bench.mark(OutboundState.CANCELLED)
    bench.time.run(1)
    assert said == []
    bench.time.run(30)
    assert said == [None]
    bench = Bench()
    bench.copy.is_gone = True
    bench.time.run(600)
    assert bench.mark(OutboundState.CANCELLED) == [NOT_THERE]
    assert bench.state() is OutboundState.QUEUED


def test_a_single_host_passes_everything_through() -> None:
    bench = Bench(dict(ALONE))
    bench.copy.is_gone = True
    stored, marked = bench.store(), bench.mark()
    bench.time.run(2)
    assert (stored, marked) == ([None], [None])
    assert bench.outbound.waiting_count() == 0
    assert bench.outbound.fingerprint("x") == bench.journal.fingerprint("x")
    assert [each.taken.key for each in bench.outbound.open_outbound()] == ["k1"]
