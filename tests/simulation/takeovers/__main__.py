"""`python -m tests.simulation.takeovers`: histories of a lost relay center that the other takes over; or with one broken."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections import Counter

from tests.simulation.takeovers.mutations import TAKEOVERS, caught
from tests.simulation.takeovers.world import TakeoverWorld

SUMMED = (
    "exchanges",
    "lost",
    "behind",
    "moved",
    "lost_tail",
    "proven_by_serial",
    "proven_by_branch",
    "paid",
    "adopted",
    "listed",
    "answered",
    "refused_calls",
    "given_back",
    "told_again",
    "faults",
    "crashes",
    "crashes_amid",
)


def histories(first: int, count: int) -> dict[str, object]:
    total = dict.fromkeys(SUMMED, 0)
    ways: Counter[str] = Counter()
    copies: Counter[str] = Counter()
    simulated_ms = 0
    violations = []
    for seed in range(first, first + count):
        world = TakeoverWorld(seed)
        ways[world.way] += 1
        copies[world.lag.value] += 1
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
    return {
        "histories": count,
        "violations": len(violations),
        "ways_to_be_lost": dict(ways),
        "copies": dict(copies),
        "simulated_hours": round(simulated_ms / 3_600_000, 2),
        **total,
        "each": violations,
    }


def mutations() -> dict[str, object]:
    found = {}
    for mutation in TAKEOVERS:
        seed, said = caught(mutation)
        found[mutation.name] = {"law": mutation.law, "seed": seed, "caught_by": said[:160]}
        say(f"{mutation.name}: {f'seed {seed}: {said[:120]}' if seed else 'NOT CAUGHT'}")
    return {"mutations": len(found), "not_caught": sum(not each["seed"] for each in found.values()), "each": found}


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.takeovers", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="how many histories")
    parser.add_argument("--first", type=int, default=1, help="first seed")
    parser.add_argument("--mutations", action="store_true", help="break the take-over in each known way instead")
    parser.add_argument("--json", action="store_true", help="one object at the end")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    total = mutations() if args.mutations else histories(args.first, args.seeds)
    print(json.dumps(total) if args.json else "\n".join(f"{name}: {value}" for name, value in total.items()))
    return 1 if total.get("violations") or total.get("not_caught") else 0


if __name__ == "__main__":
    sys.exit(main())
