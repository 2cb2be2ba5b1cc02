"""`python -m tests.live.kills --kills 200 --engine sqlite|postgresql --seed N --json`: the daemon under load of all five
dialects, killed at every named point and at random, each time until it serves again; then the ledger against the books.

Owns the cast, the order of a run and its figures. It must never look into the daemon but through its sockets, its exit code
and `relay journal verify`. The points are in tests/support/deathpoints.py, the plan in tests/support/executioner.py. The
trap: a run that fails keeps its folder (journal, log, configuration), because what a journal says of a key is the only
witness left.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from relay.bridge import drain
from relay.loopback.customers import Customers
from relay.loopback.deeds import AtmPolicy
from relay.loopback.figures import LoadReport, as_text
from relay.loopback.load import Load, LoadSettings
from relay.loopback.moments import Moment
from relay.loopback.runner import run_loop
from relay.loopback.stage import StageSettings
from relay.loopback.troublemaker import Troublemaker
from relay.loopback.troupe import Troupe
from relay.loopback.troupes import Plan, assemble
from tests.support.deathpoints import points_of
from tests.support.executioner import Death, Executioner, Seen, plan
from tests.support.mortalstage import ROOT, MortalStage
from tests.support.pgserver import PostgresServer

ENGINES = ("sqlite", "postgresql")
SHARES = {"iso8583": 50.0, "ndc": 30.0, "branch-p1": 20.0, "zrc": 0.1, "zengin-file": 0.1}  # a line and a station are one each
STAGE = StageSettings(reply_deadline_ms=2_000, call_timeout_ms=600, latency_ms=3.0, late_commit_ms_max=3_000)
POLICY = AtmPolicy(reply_timeout_ms=3_000, repeat_after_ms=700, repeat_share=0.7, not_taken_share=0.02, reconnect_max_ms=400)
VERIFY_S = 120
MakeTrouble = Callable[[MortalStage, Sequence[Troupe], Load], Troublemaker]


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. `only`: these points and nothing at random."""

    kills: int
    engine: str = "sqlite"
    seed: int = 1
    terminals: int = 60
    think_ms: float = 150.0
    outbound_per_s: float = 5.0
    quiet_s_max: float = 400.0  # a line that is killed every few seconds has a queue in the end
    only: tuple[str, ...] = ()
    module: str = "tests.support.mortalrelay"  # what `python -m` runs


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints. Milliseconds from the start of the daemon's process: until READY=1, and until the first approval
    that a far end has heard. `points` counts deaths by point, `points_missed` lives that ended otherwise than planned."""

    engine: str
    seed: int
    kills: int
    kills_at_random: int
    points: dict[str, int]
    points_missed: dict[str, int]
    ready_ms: dict[str, float]
    first_approval_ms: dict[str, float]
    requests: dict[str, int]
    approved: dict[str, int]
    core_faults: int
    outbound: dict[str, int]
    lost: int
    doubled: int
    outbound_lost: int
    outbound_doubled: int
    listed: int
    listed_reasons: dict[str, int]
    in_doubt_after_quiet: int
    violations: list[str]
    differences: list[str]
    conservation_holds: bool
    journal_problems: list[str]
    duration_s: float

    @property
    def is_good(self) -> bool:
        """Nothing lost, nothing doubled, nothing left open, and each point that was planned was passed."""
        return (
            self.conservation_holds
            and not self.in_doubt_after_quiet
            and not self.violations
            and not self.journal_problems
            and set(self.points_missed) <= set(self.points)
        )


class Watcher:
    """Sentences to standard error."""

    def second(self, moment: Moment) -> None:
        pass

    def say(self, sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)


@contextlib.contextmanager
def journal_lines(engine: str) -> Iterator[tuple[str, PostgresServer | None]]:
    """The lines of [journal] for an engine, with a server where it needs one."""
    if engine == "sqlite":
        yield 'path = "{directory}/journal.sqlite"', None
        return
    server = PostgresServer()
    try:
        yield f'engine = "postgresql"\ndsn = "{server.dsn}"\nschema_name = "kills"', server
    finally:
        server.remove()


async def on_stage(run: Run, directory: Path, journal: str, trouble: MakeTrouble) -> LoadReport:
    """A load of all dialects on a stage in `directory`, with this trouble; it ends when the trouble says so."""
    settings = LoadSettings(
        terminals=run.terminals,
        rate_per_s=None,
        duration_s=None,
        think_ms=run.think_ms,
        dialects=SHARES,
        policy=POLICY,
        outbound_per_s=run.outbound_per_s,
        quiet_s_max=run.quiet_s_max,
        seed=run.seed,
    )
    customers = Customers(settings.seed, max(100, settings.terminals), settings.mix)
    cast = Plan(
        shares=SHARES,
        terminals=settings.terminals,
        rate_per_s=None,
        think_ms=settings.think_ms,
        policy=POLICY,
        seed=run.seed,
        with_faults=True,
    )
    troupes = assemble(cast, customers)
    try:
        for troupe in troupes:
            await troupe.prepare()
        stage = MortalStage(directory, STAGE, customers, [troupe.site() for troupe in troupes], journal, run.module)
        try:
            await stage.start()
            load = Load(settings, troupes, Watcher(), stage=stage)
            load._troublemaker = trouble(stage, troupes, load)
            return await load.run()
        finally:
            await stage.stop()
    finally:
        for troupe in troupes:
            await troupe.stop()
        await drain(1_000)


async def carry_out(run: Run, directory: Path, journal: str, deaths: Sequence[Death]) -> tuple[LoadReport, Seen]:
    """The load with its deaths."""
    made: list[Executioner] = []

    def trouble(stage: MortalStage, troupes: Sequence[Troupe], load: Load) -> Troublemaker:
        made.append(Executioner(stage, troupes, Watcher().say, deaths, load.stopping.set))
        return made[0]

    report = await on_stage(run, directory, journal, trouble)
    return report, made[0].seen


def verify(directory: Path) -> list[str]:
    """What `relay journal verify` finds wrong."""
    done = subprocess.run(
        [sys.executable, "-m", "relay", "journal", "verify", "--json", "--config", str(directory / "relay.toml")],
        cwd=ROOT,
        env={"CREDENTIALS_DIRECTORY": str(directory / "credentials")},
        capture_output=True,
        text=True,
        check=False,
        timeout=VERIFY_S,
    )
    try:
        return [str(problem) for problem in json.loads(done.stdout)["problems"]]
    except (ValueError, KeyError):
        return [f"exit code {done.returncode}: {done.stderr.strip()}"]


def measure(run: Run, folder: Path) -> Figures:
    """One run. Its folder is deleted where it was good, and kept and named where it was not."""
    names = run.only or tuple(points_of(run.engine))
    deaths = plan(run.kills, names, run.seed)
    directory = Path(tempfile.mkdtemp(prefix="relay-kills-", dir=folder))
    with journal_lines(run.engine) as (journal, server):
        report, seen = run_loop(carry_out(run, directory, journal, deaths))
        figures = summed(run, report, seen, verify(directory))
        if server is not None and not figures.is_good:
            server.quit()
            shutil.copytree(server.data, directory / "server")
    if figures.is_good:
        shutil.rmtree(directory)
    else:
        print(f"{as_text(report)}\nkept: {directory}", file=sys.stderr)
    return figures


def summed(run: Run, report: LoadReport, seen: Seen, problems: list[str]) -> Figures:
    return Figures(
        engine=run.engine,
        seed=run.seed,
        kills=seen.deaths.total() + seen.missed.total(),
        kills_at_random=sum(count for name, count in seen.deaths.items() if name.startswith("at random")),
        points={name: count for name, count in sorted(seen.deaths.items()) if not name.startswith("at random")},
        points_missed=dict(sorted(seen.missed.items())),
        ready_ms=percentiles(seen.ready_ms),
        first_approval_ms=percentiles(seen.served_ms),
        requests={name: own.requests for name, own in report.dialects.items()},
        approved={name: own.approved for name, own in report.dialects.items()},
        core_faults=sum(report.faults.values()),
        outbound=report.outbound,
        lost=report.lost,
        doubled=report.doubled,
        outbound_lost=report.outbound_lost,
        outbound_doubled=report.outbound_doubled,
        listed=report.listed,
        listed_reasons=report.listed_reasons,
        in_doubt_after_quiet=report.in_doubt_after_quiet,
        violations=[*report.violation_examples, *report.outbound_examples],
        differences=[str(each) for each in report.difference_examples if not each.is_listed],
        conservation_holds=report.conservation_holds,
        journal_problems=problems,
        duration_s=report.duration_s,
    )


def percentiles(values: list[float]) -> dict[str, float]:
    """p50, p99 and the greatest, by rank; and how many there are."""
    ranked = sorted(values)
    if not ranked:
        return {"count": 0}
    return {
        "count": len(ranked),
        "p50": round(ranked[(len(ranked) - 1) // 2], 1),
        "p99": round(ranked[min(len(ranked) - 1, len(ranked) * 99 // 100)], 1),
        "max": round(ranked[-1], 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.live.kills", description="Kill the relay under load, and count.")
    parser.add_argument("--kills", type=int, default=200, metavar="N")
    parser.add_argument("--engine", choices=ENGINES, default="sqlite")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--terminals", type=int, default=60, metavar="N")
    parser.add_argument("--think", type=float, default=150.0, metavar="MS", help="pause between two acts of a terminal")
    parser.add_argument("--point", action="append", default=[], metavar="NAME", help="this point only; may be repeated")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the run has its folder")
    parser.add_argument("--json", action="store_true", help="one object on standard output")
    args = parser.parse_args()
    run = Run(
        kills=args.kills,
        engine=args.engine,
        seed=args.seed,
        terminals=args.terminals,
        think_ms=args.think,
        only=tuple(args.point),
    )
    figures = measure(run, args.folder)
    said = msgspec.to_builtins(figures)
    print(json.dumps(said, ensure_ascii=False, indent=None if args.json else 2))
    return 0 if figures.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
