"""The bench of the hot path still runs: its world is made of the relay's own parts, which change."""

from __future__ import annotations

from tests.bench.hotpath import WAVE, World


async def test_a_wave_of_messages_is_approved() -> None:
    world = World()
    try:
        world.round(2)  # raises where a message was not approved
        assert world.disk.count == 2 * WAVE
    finally:
        await world.close()
