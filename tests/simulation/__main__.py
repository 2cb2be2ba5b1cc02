"""`python -m tests.simulation`: histories from seeds, and what they were; or with a relay that is broken on purpose."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections import Counter

from relay.exchange.exchange import TRANSITIONS, Event, State
from tests.simulation.mutations import MUTATIONS, caught
from tests.simulation.reconciling import ReconcilingWorld
from tests.simulation.reconciling_mutations import RECONCILING
from tests.simulation.rooms import Violation
from tests.simulation.shrink import shrink
from tests.simulation.world import ROOMS, Figures, World


def histories(first: int, count: int, rooms: tuple[str, ...]) -> dict[str, object]:
    """Run them, print each violation with its shortest transcript, and sum them up."""
    figures: list[Figures] = []
    violations: list[str] = []
    rows: Counter[tuple[State, Event]] = Counter()
    for seed in range(first, first + count):
        world = World(seed, rooms=rooms)
        try:
            figures.append(world.run())
        except Violation as violation:
            violations.append(f"seed {seed}: {violation}")
            shortest = shrink(seed)
            print(violations[-1] if shortest is None else f"seed {seed}: {shortest.in_words()}", file=sys.stderr)
        rows += world.rows
    listeners: Counter[str] = Counter()
    outbound: Counter[str] = Counter()
    for each in figures:
        listeners.update(each.by_listener)
        outbound.update(each.outbound)
    taken = {f"{state.name} {event.name}": rows[state, event] for state, event in TRANSITIONS}
    return {
        "seeds": count,
        "violations": len(violations),
        "simulated_hours": round(sum(f.simulated_ms for f in figures) / 3_600_000, 2),
        "exchanges": sum(f.exchanges for f in figures),
        "faults": sum(f.faults for f in figures),
        "crash_points": sum(f.crashes for f in figures),
        "listed": sum(f.listed for f in figures),
        "by_listener": dict(sorted(listeners.items())),
        "outbound": dict(sorted(outbound.items())),
        "rows_of_the_exchange_table": len(taken),
        "rows_taken_100_times": sum(count >= 100 for count in taken.values()),
        "rows_taken_less": {row: count for row, count in sorted(taken.items(), key=lambda each: each[1]) if count < 100},
    }


def mutations() -> dict[str, object]:
    """Put each mutation in and say which seed catches it, and by what word."""
    found = {}
    tables = (*((mutation, World) for mutation in MUTATIONS), *((mutation, ReconcilingWorld) for mutation in RECONCILING))
    for mutation, world in tables:
        seed, said = caught(mutation, world)
        found[mutation.name] = {"law": mutation.law, "seed": seed, "caught_by": said[:160]}
        print(f"{mutation.name}: {f'seed {seed}: {said[:120]}' if seed else 'NOT CAUGHT'}", file=sys.stderr)
    return {"mutations": len(found), "not_caught": sum(not each["seed"] for each in found.values()), "each": found}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="how many histories")
    parser.add_argument("--first", type=int, default=1, help="first seed")
    parser.add_argument("--rooms", default=",".join(ROOMS), help="dialects that take part, by comma")
    parser.add_argument("--mutations", action="store_true", help="break the relay in each known way instead")
    parser.add_argument("--json", action="store_true", help="one object at the end")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    total = mutations() if args.mutations else histories(args.first, args.seeds, tuple(args.rooms.split(",")))
    print(
        json.dumps(total, ensure_ascii=False) if args.json else "\n".join(f"{name}: {value}" for name, value in total.items())
    )
    return 1 if total.get("violations") or total.get("not_caught") else 0


if __name__ == "__main__":
    sys.exit(main())
