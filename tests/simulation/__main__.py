"""`python -m tests.simulation --seeds N [--first K] [--json]`: histories from seeds, and what they were."""

from __future__ import annotations

import argparse
import json
import logging
import sys

from tests.simulation.world import Figures, Violation, World


def run_seed(seed: int) -> Figures:
    """One history. Raises Violation with the seed in its text."""
    try:
        return World(seed).run()
    except Violation as violation:
        raise Violation(f"seed {seed}: {violation}") from violation


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="how many histories")
    parser.add_argument("--first", type=int, default=1, help="first seed")
    parser.add_argument("--json", action="store_true", help="one object at the end")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    figures: list[Figures] = []
    violations: list[str] = []
    for seed in range(args.first, args.first + args.seeds):
        try:
            figures.append(run_seed(seed))
        except Violation as violation:
            violations.append(str(violation))
            print(violation, file=sys.stderr)
    total = {
        "seeds": args.seeds,
        "violations": len(violations),
        "simulated_hours": round(sum(f.simulated_ms for f in figures) / 3_600_000, 2),
        "exchanges": sum(f.exchanges for f in figures),
        "faults": sum(f.faults for f in figures),
        "crashes": sum(f.crashes for f in figures),
        "listed": sum(f.listed for f in figures),
    }
    print(json.dumps(total) if args.json else "\n".join(f"{name}: {value}" for name, value in total.items()))
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
