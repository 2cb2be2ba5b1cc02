"""`python -m tests.simulation`: histories from seeds, and what they were; or with a relay that is broken on purpose."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections import Counter
from pathlib import Path

from tests.simulation.banks import bank_of
from tests.simulation.longrun import history, long_run, shortest, summed
from tests.simulation.mutations import MUTATIONS, caught
from tests.simulation.reconciling import ReconcilingWorld
from tests.simulation.reconciling_mutations import RECONCILING
from tests.simulation.rooms import Violation
from tests.simulation.workers_mutations import WORKERS
from tests.simulation.workersworld import WorkersWorld
from tests.simulation.world import ROOMS, World


def histories(first: int, count: int, rooms: tuple[str, ...]) -> dict[str, object]:
    """Run them, print each violation with its shortest transcript, and sum them up."""
    found = []
    for seed in range(first, first + count):
        found.append(history(seed, rooms))
        if found[-1].violation:
            say(shortest(seed))
    return summed(found)


def several(first: int, count: int, workers: int) -> dict[str, object]:
    """Histories of one relay with several workers."""
    totals: Counter[str] = Counter()
    violations = []
    for seed in range(first, first + count):
        world = WorkersWorld(seed, workers, bank=bank_of(seed))
        try:
            figures = world.run()
            totals.update({"exchanges": figures.exchanges, "faults": figures.faults, "listed": figures.listed})
        except Violation as violation:
            violations.append(f"seed {seed}: {violation}")
            say(violations[-1] + "\n  " + "\n  ".join(world.transcript))
        totals.update(world.count_all())
    return {"histories": count, "workers": workers, **totals, "violations": violations}


def mutations() -> dict[str, object]:
    """Put each mutation in and say which seed catches it, and by what word."""
    found = {}
    tables = (*((mutation, World) for mutation in MUTATIONS), *((mutation, ReconcilingWorld) for mutation in RECONCILING))
    tables = (*tables, *((mutation, WorkersWorld) for mutation in WORKERS))
    for mutation, world in tables:
        seed, said = caught(mutation, world)
        found[mutation.name] = {"law": mutation.law, "seed": seed, "caught_by": said[:160]}
        say(f"{mutation.name}: {f'seed {seed}: {said[:120]}' if seed else 'NOT CAUGHT'}")
    return {"mutations": len(found), "not_caught": sum(not each["seed"] for each in found.values()), "each": found}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="how many histories")
    parser.add_argument("--first", type=int, default=1, help="first seed")
    parser.add_argument(
        "--step", type=int, default=1, help="the long run: from seed to seed; 10 from a round one on: a sick core each"
    )
    parser.add_argument("--rooms", default=",".join(ROOMS), help="dialects that take part, by comma")
    parser.add_argument("--exchanges", type=int, help="the long run: histories until there were so many; needs --out")
    parser.add_argument("--out", type=Path, help="file of the long run, a line per history; one that is there is gone on with")
    parser.add_argument("--workers", type=int, default=1, help="processes of the long run")
    parser.add_argument("--relay-workers", type=int, default=1, help="workers of the simulated relay; more than one: ATMs only")
    parser.add_argument("--mutations", action="store_true", help="break the relay in each known way instead")
    parser.add_argument("--json", action="store_true", help="one object at the end")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if args.exchanges is not None and args.out is None:
        parser.error("--exchanges needs --out")
    if args.mutations:
        total = mutations()
    elif args.relay_workers > 1:
        total = several(args.first, args.seeds, args.relay_workers)
    elif args.out is not None:
        total = long_run(args.out, args.first, args.exchanges or 0, args.workers, say, args.step)
    else:
        total = histories(args.first, args.seeds, tuple(args.rooms.split(",")))
    print(
        json.dumps(total, ensure_ascii=False) if args.json else "\n".join(f"{name}: {value}" for name, value in total.items())
    )
    if total.get("faults_are_enough") is False:
        say("fewer faults than one in twenty exchanges: this run proves little")
        return 1
    return 1 if total.get("violations") or total.get("not_caught") else 0


if __name__ == "__main__":
    sys.exit(main())
