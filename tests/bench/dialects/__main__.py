"""A dialect's far ends as a process: `python -m tests.bench.dialects DIALECT PORT CORE_PORT SECONDS WARMUP`.

Prints "counting" when a round begins, "counted" when the core has been asked for the last message of it, then one JSON object.
Owns the order of a round: warm up, come to rest, ask in a closed loop for so many seconds, come to rest again.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop

from tests.bench.dialects import FAR_ENDS
from tests.bench.dialects.room import Room


async def main(dialect: str, port: int, core_port: int, seconds: float, warmup: float) -> None:
    room = Room(core_port)
    far_end = FAR_ENDS[dialect].make()
    await far_end.ready(room, port)

    async def asking(for_s: float) -> None:
        room.is_running = True
        far_end.start()
        await asyncio.sleep(for_s)
        room.is_running = False
        await room.until_idle()

    await asking(warmup)
    await room.until_core_has_all()
    room.latencies.clear()
    before = room.answered
    print("counting", flush=True)
    start = time.perf_counter()
    await asking(seconds)
    answered = time.perf_counter()
    await room.until_core_has_all()
    end = time.perf_counter()
    print("counted", flush=True)
    count = room.answered - before
    times = sorted(room.latencies)
    print(
        json.dumps(
            {
                "count": count,
                "per_s": count / (end - start),
                "answered_per_s": count / (answered - start),
                "p50_ms": times[len(times) // 2] * 1_000,
                "p99_ms": times[int(len(times) * 0.99)] * 1_000,
                "refused": room.refused,
            }
        ),
        flush=True,
    )


if __name__ == "__main__":
    words = sys.argv[1:]
    uvloop.run(main(words[0], int(words[1]), int(words[2]), float(words[3]), float(words[4])))
