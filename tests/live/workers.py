"""`python -m tests.live.workers --rounds 50 --workers 3 --seed N`: workers of one relay on a PostgreSQL of the run's own, under
load; in each round a drawn one is killed, or stands still until another one has what it had. Then the ledger against the books.

Owns the order of a run and its figures; what a round does is in test_workers.py. It must never look into a worker but through
its socket. The trap: a run that fails keeps its folder (log, configuration), which is named at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

from tests.live.test_postgresql import Books, paid, verified
from tests.live.test_workers import PATIENCE_S, WorkersWorld, finish, kill_one, stop_one
from tests.support import daemonworld
from tests.support.pgserver import PostgresServer


async def run(folder: Path, server: PostgresServer, args: argparse.Namespace) -> dict[str, object]:
    """Raises AssertionError for what was lost or doubled."""
    daemonworld.PATIENCE_S = PATIENCE_S
    chance, deeds = Random(args.seed), Counter[str]()
    world = WorkersWorld(folder, args.workers)
    started = time.monotonic()
    try:
        await world.start_core()
        world.configure_workers(server.dsn, args.lease_ms)
        await world.start()
        atms = [Books(world, number) for number in range(1, args.atms + 1)]
        for atm in atms:
            atm.start()
        await paid(atms, 3)
        for number in range(1, args.rounds + 1):
            worker = chance.choice(world.numbers)
            trouble = stop_one if worker > 1 and chance.random() < args.stops else kill_one
            await trouble(world, worker)
            deeds[f"{trouble.__name__}, worker {worker}"] += 1
            await paid(atms, 1)
            print(f"  round {number}: {trouble.__name__} {worker}", file=sys.stderr, flush=True)
        await finish(world, atms)
        assert await world.stop() == 0
        assert (await asyncio.to_thread(verified, world))["problems"] == []
    finally:
        await world.close()
    log = world.log()
    return {
        "workers": args.workers,
        "seed": args.seed,
        "deeds": dict(sorted(deeds.items())),
        "takeovers": log.count('"a worker was taken over"'),
        "handed": log.count('"an exchange is another worker\'s"'),
        "came": log.count('"exchanges came from another worker"'),
        "paid": sum(len(atm.paid) for atm in atms),
        "refused": sum(len(atm.refused) for atm in atms),
        "lost": 0,
        "doubled": 0,
        "seconds": round(time.monotonic() - started),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.live.workers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--atms", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stops", type=float, default=0.4, help="share of the rounds in which one stands still")
    parser.add_argument("--lease-ms", type=int, default=4_000)
    args = parser.parse_args()
    folder, server = Path(tempfile.mkdtemp(prefix="relay-workers-")), PostgresServer()
    try:
        print(json.dumps(asyncio.run(run(folder, server, args))))
    except BaseException:
        print(f"kept: {folder}", file=sys.stderr)
        raise
    finally:
        server.remove()
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
