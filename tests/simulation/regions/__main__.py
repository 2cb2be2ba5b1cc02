"""`python -m tests.simulation.regions`: histories of two regions and two centers; of lost centers; or with a broken relay."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections import Counter
from collections.abc import Callable

from tests.simulation.mutations import Mutation
from tests.simulation.regions.copies import COPIES, CopiesWorld
from tests.simulation.regions.mutations import CENTERS, MOVES, REGIONS, caught, crossing, moving
from tests.simulation.regions.world import RegionsWorld

SUMMED = (
    "exchanges",
    "failovers",
    "lost",
    "asked",
    "missing",
    "mended",
    "listed",
    "refused_releases",
    "faults",
    "crashes",
)


def histories(first: int, count: int, centers: int) -> dict[str, object]:
    total = dict.fromkeys(SUMMED, 0)
    simulated_ms = answered = 0
    violations = []
    for seed in range(first, first + count):
        world = RegionsWorld(seed, centers=centers)
        try:
            figures = world.run()
        except AssertionError as violation:
            violations.append({"seed": seed, "what": str(violation)[:400]})
            say(f"seed {seed}: {violation}")
            for line in world.transcript if count == 1 else ():
                say(f"  {line}")
            continue
        for name in SUMMED:
            total[name] += getattr(figures, name)
        simulated_ms += figures.simulated_ms
        answered += figures.answered_by_core
    return {
        "histories": count,
        "violations": len(violations),
        "centers": centers,
        "simulated_hours": round(simulated_ms / 3_600_000, 2),
        "answered_by_core": answered,
        **total,
        "each": violations,
    }


def copies(first: int, count: int) -> dict[str, object]:
    total = dict.fromkeys(("heard", "lost_centers"), 0)
    by: Counter[str] = Counter()
    violations = []
    for seed in range(first, first + count):
        try:
            figures = CopiesWorld(seed).history()
        except AssertionError as violation:
            violations.append({"seed": seed, "what": str(violation)[:400]})
            say(f"seed {seed}: {violation}")
            continue
        for name in total:
            total[name] += getattr(figures, name)
        by.update(figures.acknowledged)
    return {"histories": count, "violations": len(violations), **total, **by, "each": violations}


def mutations() -> dict[str, object]:
    found = {}
    tables: tuple[tuple[tuple[Mutation, ...], Callable[[int], object]], ...] = (
        (REGIONS, lambda seed: RegionsWorld(seed).run()),
        (CENTERS, crossing),
        (MOVES, moving),
        (COPIES, lambda seed: CopiesWorld(seed).history()),
    )
    for mutation, run in ((mutation, run) for table, run in tables for mutation in table):
        seed, said = caught(mutation, run)
        found[mutation.name] = {"law": mutation.law, "seed": seed, "caught_by": said[:160]}
        say(f"{mutation.name}: {f'seed {seed}: {said[:120]}' if seed else 'NOT CAUGHT'}")
    return {"mutations": len(found), "not_caught": sum(not each["seed"] for each in found.values()), "each": found}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.regions", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="how many histories")
    parser.add_argument("--first", type=int, default=1, help="first seed")
    parser.add_argument("--centers", type=int, default=2, choices=(1, 2), help="relay centers")
    parser.add_argument("--copies", action="store_true", help="journals with standbys, and centers that are lost")
    parser.add_argument("--mutations", action="store_true", help="break the relay in each known way instead")
    parser.add_argument("--json", action="store_true", help="one object at the end")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if args.mutations:
        total = mutations()
    elif args.copies:
        total = copies(args.first, args.seeds)
    else:
        total = histories(args.first, args.seeds, args.centers)
    print(json.dumps(total) if args.json else "\n".join(f"{name}: {value}" for name, value in total.items()))
    return 1 if total.get("violations") or total.get("not_caught") else 0


if __name__ == "__main__":
    sys.exit(main())
