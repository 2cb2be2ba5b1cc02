"""`python -m tests.live.lab.drill --runs N --json FILE`: live failovers of the lab's regions, with people at three gates; and
`--kills N`: the same with the orchestrator killed at lines of its log, and runs that are called off. With `--browsers` people
are at consoles.

Owns the arguments, the lives of the lab, and the file. It must never judge by a time: the exit code is about money, about what
was done twice, and about what was done before its gate. The trap: a file that is there is gone on from, so that a long form
may be run in pieces.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import get_args

import msgspec

from relay.failover.timeline import timeline_svg
from relay.loopback.lab.crowd import Verdict
from relay.loopback.lab.door import LabError, why_not
from relay.loopback.lab.drill import Blow, Drill, Words
from relay.loopback.lab.drillconsoles import SPEAKERS
from relay.loopback.lab.drillplan import PEOPLE
from relay.loopback.lab.drillplay import Outcome, mend, play, play_false_alarm
from relay.loopback.lab.topology import peer_of
from tests.live.lab.drillbrowsers import Browsers
from tests.live.lab.drillfigures import DrillLife, page, read_json, to_json
from tests.live.lab.drillkills import Executioner, by_chance, read_notes
from tests.live.lab.play import Play, played

THINK_S = 4.0  # of each person at each gate, in the long form
KILLS_PER_DRILL = 12


def show(outcome: Outcome) -> None:
    print(f"  {outcome.run}: {outcome.state} after {outcome.elapsed_ms} ms: people {outcome.people_ms},"
          f" machine {outcome.machine_ms} (its own clock: {outcome.clock_machine_ms});"
          f" prepared in {outcome.prepare_ms} ms, {outcome.overlap_ms} of it beside people")  # fmt: skip
    told = ", ".join(f"{name} {ms} ms" for name, ms in outcome.parts.items())
    print(f"    noticed after {outcome.noticed_ms} ms; {told}")
    print(f"    without service: {outcome.without_service_ms}; refused {outcome.refused}, in doubt {outcome.doubted},"
          f" without a word {outcome.timed_out}")  # fmt: skip
    print(f"    lost by the promotion: {outcome.commits_lost} commits; {outcome.lives} lives, {outcome.lines} lines;"
          f" wrong: {outcome.wrong or 'nothing'}", flush=True)  # fmt: skip


def show_check(verdict: Verdict) -> None:
    print(f"  check: {verdict.lost} lost, {verdict.doubled} doubled, {verdict.listed} listed, {verdict.unended} unended;"
          f" {'good' if verdict.is_good else 'NOT GOOD'}", flush=True)  # fmt: skip
    for line in (*verdict.differences[:10], *verdict.violations[:10]):
        print(f"    {line}", flush=True)


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How the drills of a life are played. `kills_max`: of orchestrators in each drill. `blow` as in Drill. `in_browsers`:
    people are at consoles, and `pictures` of what they see go there. `timeline`: of the last drill, as a picture."""

    think_s: float = THINK_S
    kills_max: int = 0
    blow: Blow = "region"
    in_browsers: bool = False
    pictures: Path | None = None
    timeline: Path | None = None


def one_life(name: str, seed: int, manner: Manner, say: Callable[[str], None]) -> DrillLife:
    """A lab, drills in it, the check: there and back; with kills also one that is called off."""
    outcomes, loads = [], []
    with played(name, say) as lab_play:
        notes = lab_play.lab.folder / "kills.jsonl"
        for number, act in enumerate((drilled, drilled, called_off) if manner.kills_max else (drilled, drilled)):
            hangman = Executioner(by_chance(seed + number, manner.kills_max), notes)
            outcomes.append(act(lab_play, manner, say, hangman.words))
            loads.append(round(os.getloadavg()[0], 1))
            show(outcomes[-1])
            lab_play.until_normal()
        verdict = lab_play.evening()
        ends = lab_play.unknown_ends()
        kills = read_notes(notes)
    show_check(verdict)
    print(f"    unknown for a time, and in the end: {ends}", flush=True)
    return DrillLife(outcomes=tuple(outcomes), verdict=verdict, unknown_ends=ends, kills=tuple(kills), loads=tuple(loads))


def drilled(lab_play: Play, manner: Manner, say: Callable[[str], None], words: Words) -> Outcome:
    """Forward, to the end."""
    with drilling(lab_play, manner, say, words) as (drill, browsers):
        outcome = play(drill)
        if manner.timeline is not None:
            manner.timeline.write_text(timeline_svg(drill.view()) + "\n", encoding="utf-8")
        if browsers is not None:
            missing = [one.name for one in PEOPLE if one.name not in browsers.report()]
            outcome = wrong(outcome, [f"the report does not name {name}" for name in missing])
    mend(drill)
    return outcome if browsers is None else wrong(outcome, browsers.troubles)


def called_off(lab_play: Play, manner: Manner, say: Callable[[str], None], words: Words) -> Outcome:
    """To gate 2, and back."""
    with drilling(lab_play, manner, say, words) as (drill, browsers):
        outcome = play_false_alarm(drill)
    return outcome if browsers is None else wrong(outcome, browsers.troubles)


@contextmanager
def drilling(
    lab_play: Play, manner: Manner, say: Callable[[str], None], words: Words
) -> Iterator[tuple[Drill, Browsers | None]]:
    """A drill whose orchestrators end afterwards, and its people's browsers, where they have some."""
    lab = lab_play.lab
    acting = peer_of(lab.regions().primary)
    with ExitStack() as stack:
        browsers = stack.enter_context(Browsers(lab, acting, manner.pictures)) if manner.in_browsers else None
        speakers = SPEAKERS if browsers else ()
        drill = Drill(lab, "", manner.think_s, say, words, speakers=speakers, voice=browsers, blow=manner.blow)
        yield drill, browsers
        drill.close()


def wrong(outcome: Outcome, found: Sequence[str]) -> Outcome:
    return msgspec.structs.replace(outcome, wrong=(*outcome.wrong, *found))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.live.lab.drill", description=__doc__)
    parser.add_argument("--runs", type=int, default=0, help="drills, two in each life of the lab: there and back")
    parser.add_argument("--kills", type=int, default=0, help="go on until so many orchestrators were killed")
    parser.add_argument("--think", type=float, default=THINK_S, metavar="S", help="how long each person looks at a gate")
    parser.add_argument("--browsers", action="store_true", help="people are at consoles, each in a browser of their own")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="with --browsers: what is seen at each gate, in PNG files")
    parser.add_argument("--blow", choices=get_args(Blow), default="region", help="what is gone (default: the whole region)")
    parser.add_argument("--lives", type=int, default=20, help="of the lab, at most")
    parser.add_argument("--seed", type=int, default=1, help="of the kills")
    parser.add_argument("--name", default="", help="of the lab")
    parser.add_argument("--json", type=Path, help="where the figures go; what is there is gone on from")
    parser.add_argument("--svg", type=Path, help="the timeline of the last drill without kills")
    parser.add_argument("--page", type=Path, help="write the figures of --json as a page, and do nothing else")
    args = parser.parse_args()
    if args.page:
        args.page.write_text(page(read_json(args.json)), encoding="utf-8")
        return 0
    if why := why_not():
        print(f"this machine cannot have a lab: {why}", file=sys.stderr)
        return 1
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
    lives = list(read_json(args.json)) if args.json and args.json.exists() else []
    is_good, runs, kills = True, 0, 0
    for number in range(args.lives):
        if runs >= args.runs and kills >= args.kills:
            break
        manner = Manner(
            think_s=args.think,
            kills_max=0 if runs < args.runs else KILLS_PER_DRILL,
            blow=args.blow,
            in_browsers=args.browsers,
            pictures=args.pictures,
            timeline=args.svg if runs < args.runs else None,
        )
        print(f"life {number + 1}", flush=True)
        try:
            life = one_life(args.name, args.seed + 10 * number, manner, _say)
        except LabError as error:
            print(f"  broke off: {error}", flush=True)
            is_good = False
            continue
        runs, kills = runs + (0 if manner.kills_max else len(life.outcomes)), kills + len(life.kills)
        is_good = is_good and life.is_good
        lives.append(life)
        if args.json:
            args.json.write_text(to_json(lives), encoding="utf-8")
        print(f"  {runs} drills, {kills} kills so far", flush=True)
    return 0 if is_good else 1


def _say(text: str) -> None:
    print(f"    . {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
