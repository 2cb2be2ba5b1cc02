"""What is declared must fit what the relays know: no epoch that is over, and no relay left out."""

from __future__ import annotations

import pytest

from relay.errors import RelayError
from tests.simulation.failover import History, Script
from tests.support.failoverworld import UIDS, Relay, sample_plan


def test_an_epoch_that_is_over_ends_nothing_and_no_relay_is_left_out() -> None:
    """Its seal, made by an earlier run, would be found, and the relays would speak on in their own."""
    history = History(Script(nobody=True, long_ms=1_000))
    history.play()

    def declaring(epoch: int) -> str:
        with history.loop.running():
            asked = history.tokyo.desk.declare(sample_plan(), "Abe", "operations", "x", UIDS["Abe"], epoch)
            task = history.loop.create_task(asked)
            history.time.run(1_000)
        return task.result()

    with pytest.raises(RelayError, match="epoch 6 is over: a relay is in epoch 7"):
        declaring(6)
    history.world.relays["nagoya"] = Relay()
    with pytest.raises(RelayError, match="leaves out the relay of nagoya"):
        declaring(7)
    del history.world.relays["nagoya"]
    declaring(8)  # the record is newer than what the relays have heard
    assert history.tokyo.keeper.run.epoch == 8
