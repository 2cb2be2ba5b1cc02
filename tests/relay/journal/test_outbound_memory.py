"""The memory engine keeps the suite of outbound messages."""

from __future__ import annotations

import pytest

from tests.relay.journal.test_memory import MemoryRig
from tests.support.journal_suite import Rig
from tests.support.outbound_suite import OutboundSuite, outbound


class TestMemory(OutboundSuite):
    @pytest.fixture
    def rig(self) -> Rig:
        return MemoryRig()


def test_what_is_on_the_disk_can_be_looked_at() -> None:
    rig = MemoryRig()
    record = outbound(rig.journal, "k1")
    rig.journal.take_outbound(record, lambda _: None)
    with pytest.raises(KeyError):
        rig.disk.outbound.of("k1")
    rig.settle()
    assert rig.disk.outbound.of("k1").taken == record
