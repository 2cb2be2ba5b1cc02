"""`python -m tests.live.lab --scenario all --runs 10 --json FILE`: the scenarios, so often, with the check of every life of
the lab.

Owns the arguments, the loop and the file. It must never judge by a time: goals are printed beside what was measured, and the
exit code is about money only. The trap: a run that was ended in the middle has lost nothing that was written: the file is
written anew after each life.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from relay.loopback.lab.crowd import Verdict
from relay.loopback.lab.door import LabError, why_not
from tests.live.lab.figures import Life, page, read_json, to_json
from tests.live.lab.play import Result, played
from tests.live.lab.scenarios import SCENARIOS


def show(result: Result) -> None:
    detected = ", ".join(f"{what} after {ms} ms" for what, ms in result.detected.items())
    print(f"  {result.scenario}: {result.judged} {result.judged_ms} ms (goal {result.goal_ms}); {detected}")
    print(f"    pauses {result.pause_ms}; {result.sessions_lost} sessions lost, all back after {result.sessions_back_ms} ms")
    outcome = f"{result.refused} refused, {result.doubted} in doubt, {result.timed_out} without a word"
    print(f"    {outcome} ({result.in_flight} were in flight); CPU {result.cpu_total:.0%}, forwarder {result.cpu_forwarder:.1%}"
          f"{', VOID' if result.is_void else ''}")  # fmt: skip
    for name, figure in (*result.figures.items(), *result.ends.items()):
        print(f"    {name}: {figure}")
    for name, text in result.notes.items():
        print(f"    {name}: {text}")
    sys.stdout.flush()


def tell(verdict: Verdict) -> None:
    print(f"  check: {verdict.lost} lost, {verdict.doubled} doubled, {verdict.listed} listed, {verdict.unended} unended"
          f" after {verdict.quiet_ms} ms; {'good' if verdict.is_good else 'NOT GOOD'}", flush=True)  # fmt: skip
    for line in (*verdict.differences[:10], *verdict.violations[:10]):
        print(f"    {line}", flush=True)


def one_life(names: list[str], lab: str) -> Life:
    """A lab, the scenarios in it, the check."""
    results: list[Result] = []
    with played(lab, say=lambda text: print(f"  {text}", flush=True)) as play:
        for name in names:
            before = play.unknown_ends()
            results.append(SCENARIOS[name](play))
            if name != names[-1]:
                play.until_normal()
                results[-1] = with_ends(results[-1], before, play.unknown_ends())
            show(results[-1])
        verdicts = [play.evening()]
        ends = play.unknown_ends()
        results[-1] = with_ends(results[-1], before, ends)
        if play.lost:
            play.give_back()
            verdicts.append(play.books())
    for verdict in verdicts:
        tell(verdict)
    print(f"  unknown for a time, and in the end: {ends}", flush=True)
    return Life(results=tuple(results), verdict=verdicts[0], unknown_ends=ends, verdict_after=verdicts[-1])


def with_ends(result: Result, before: dict[str, int], after: dict[str, int]) -> Result:
    """What was unknown for a time in this scenario, by how it ended; where it says so itself, that stays."""
    ends = {state: count - before.get(state, 0) for state, count in after.items() if count > before.get(state, 0)}
    return result if result.ends else msgspec.structs.replace(result, ends=ends)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.live.lab", description=__doc__)
    parser.add_argument("--scenario", default="all", help=f"all, or some of {','.join(SCENARIOS)}")
    parser.add_argument("--runs", type=int, default=1, help="lives of the lab, each with every scenario once")
    parser.add_argument("--name", default="", help="of the lab, where several are up (default: one of this process's own)")
    parser.add_argument("--json", type=Path, help="where the figures go; what is there is gone on from")
    parser.add_argument("--page", type=Path, help="write the figures of --json as a page, and do nothing else")
    args = parser.parse_args()
    if args.page:
        args.page.write_text(page(read_json(args.json)), encoding="utf-8")
        return 0
    if why := why_not():
        print(f"this machine cannot have a lab: {why}", file=sys.stderr)
        return 1
    names = list(SCENARIOS) if args.scenario == "all" else args.scenario.split(",")
    lives = list(read_json(args.json)) if args.json and args.json.exists() else []
    is_good = True
    for number in range(args.runs):
        print(f"life {number + 1} of {args.runs}", flush=True)
        try:
            lives.append(one_life(names, args.name))
        except LabError as error:
            print(f"  broke off: {error}", flush=True)
            is_good = False
            continue
        is_good = is_good and lives[-1].is_good
        if args.json:
            args.json.write_text(to_json(lives), encoding="utf-8")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
