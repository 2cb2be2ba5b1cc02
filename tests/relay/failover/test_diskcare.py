"""When a disk that refused a copy is tried again: soon, then seldom, for as long as it takes."""

from __future__ import annotations

from relay.errors import RelayError
from relay.failover.diskcare import AGAIN_MS, AGAIN_MS_MAX, DiskCare
from tests.support.virtualtime import VirtualTime


def test_tries_are_a_minute_apart_at_most_and_do_not_end() -> None:
    time = VirtualTime()
    disk = DiskCare(time)
    assert (disk.is_sick, disk.is_to_be_tried(), disk.trouble()) == (False, False, "")
    began_ms = time.wall_ms()
    disk.failed(RelayError("no space."), is_log_lost=True)
    waits, tries = [], 0
    for _ in range(12):
        before_ms = time.monotonic_ms()
        while not disk.is_to_be_tried():
            time.run(500)
        waits.append(time.monotonic_ms() - before_ms)
        tries += 1
        disk.failed(RelayError("no space."), is_log_lost=False)
    assert waits[:3] == [AGAIN_MS, 2 * AGAIN_MS, 4 * AGAIN_MS]
    assert set(waits[6:]) == {AGAIN_MS_MAX}
    assert disk.is_log_lost  # once lost, that file is
    assert disk.since_ms == began_ms
    assert disk.trouble() == f"no space. {tries + 1} tries, the next in 60 s"
    disk.mended()
    assert (disk.is_sick, disk.is_log_lost, disk.trouble()) == (False, False, "")


def test_a_disk_that_is_well_for_a_moment_only_is_not_tried_from_the_beginning() -> None:
    time = VirtualTime()
    disk = DiskCare(time)
    for _ in range(5):
        disk.failed(RelayError("no space."), is_log_lost=False)
    disk.mended()
    disk.failed(RelayError("no space."), is_log_lost=False)
    time.run(31_000)
    assert not disk.is_to_be_tried()
    time.run(1_000)
    assert disk.is_to_be_tried()
    disk.mended()
    time.run(AGAIN_MS_MAX)
    disk.failed(RelayError("no space."), is_log_lost=False)
    time.run(AGAIN_MS)
    assert disk.is_to_be_tried()
