"""`relay demo`: the real daemon among a fake core, a fake name server and fake peers of every dialect, a line for each of them.

Owns the banner, the lines and the closing words. It must never know how anything is run, nor a dialect. The traps: with --json
the object is the only thing on standard output, so that a script can read it; everything for people goes to standard error
then. And a screen is redrawn in place, while a pipe or a file gets lines that stay, so fewer of them.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from typing import TextIO

import msgspec

from protocols.vocabulary import Secret
from relay.cli.screen import BOLD, CLEAR_BELOW, DIM, GREEN, RED, YELLOW, Paint
from relay.clock import SystemClock
from relay.console.accounts import account, accounts_text
from relay.console.identity import Role
from relay.loopback import demo
from relay.loopback.figures import LoadReport, as_text
from relay.loopback.moments import Moment
from relay.loopback.runner import on_a_stage, run_loop
from relay.loopback.stage import CORE_NAME, Stage
from relay.loopback.troupe import HOST
from relay.loopback.troupes import parse_shares, shares_text

NAME = "demo"
HELP = "the whole thing on this machine: relay, fake core, fake ATMs, branches and Zengin"

CONSOLE_NAME = "demo"  # its one account, with a password of this run
EXIT_GOOD, EXIT_BROKEN = 0, 1
TERMINALS_MAX = 5_000
HEADER_EVERY = 4  # blocks, where lines stay
SCREEN_S, PIPE_S = 1.0, 5.0  # how often the lines are told
# A row that were broken in two could not be drawn over: on a narrow screen it is cut at the edge.
NO_WRAP, WRAP = "\x1b[?7l", "\x1b[?7h"
COLUMNS = (
    "  time  line         there                asked approved declined refused doubt no reply waiting  p50 ms  p99 ms"
    "  told zones"
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=_positive, metavar="N", help="end after N seconds (default: at Ctrl-C)")
    parser.add_argument("--terminals", type=_terminals, default=20, metavar="N", help="fake terminals (default: 20)")
    shares = shares_text(demo.SHARES)
    parser.add_argument("--dialects", type=mix_of_dialects, metavar="NAME=N,...", help=f"shares of terminals ({shares})")
    parser.add_argument("--calm", action="store_true", help="no troubles: no faults of the core, no lost zone, no kill -9")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of customers and faults (default: 1)")
    parser.add_argument("--json", action="store_true", help="end with one object on standard output")
    parser.epilog = "Exit code: 0 when the ledger equals the terminals' books and nothing forbidden happened, else 1."


def run(args: argparse.Namespace) -> int:
    out = sys.stderr if args.json else sys.stdout
    screen = Screen(out)
    steps = [] if args.calm else demo.troubles(args.seconds)
    settings = demo.settings(args.terminals, args.seconds, args.seed, args.dialects, SCREEN_S if screen.is_live else PIPE_S)
    password = secrets.token_urlsafe(12)
    accounts = accounts_text([account(CONSOLE_NAME, Role.ADMINISTRATOR, Secret(password), SystemClock().wall_ms())]).decode()
    stage_settings = msgspec.structs.replace(demo.STAGE, seed=args.seed, console_accounts=accounts)
    screen.console = f"sign in as {CONSOLE_NAME} with {password}"
    print("Starting the relay, a fake core in three zones, a fake name server and their peers ...", file=out, flush=True)
    report = run_loop(
        on_a_stage(
            settings,
            stage_settings,
            steps,
            screen,
            opened=screen.banner,
            stopping=lambda: screen.say("draining: no new customers; what is in flight is finished, what is owed delivered"),
        )
    )
    return finish(report, args.json, out)


def finish(report: LoadReport, as_json: bool, out: TextIO) -> int:
    """The closing words, the object when asked for, and the exit code."""
    paint = Paint.for_stream(out)
    text = as_text(report)
    head, _, verdict = text.rpartition("\n")
    print(head, paint(GREEN if report.is_good else RED, verdict), sep="\n", file=out, flush=True)
    if as_json:
        print(msgspec.json.encode(report).decode(), flush=True)
    return EXIT_GOOD if report.is_good else EXIT_BROKEN


class Screen:
    """Shows a line per dialect, and sentences above or between them."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._paint = Paint.for_stream(out)
        self.is_live = out.isatty() and os.environ.get("TERM") != "dumb"  # lines are drawn over
        self._shown: list[str] = []
        self._blocks = 0
        self.console = ""  # how to sign in there

    def banner(self, stage: Stage) -> None:
        paint, core = self._paint, stage.core
        rows = [("" if place else "lines", site.address, site.note) for place, site in enumerate(stage.sites)]
        rows += [
            ("core", f"http://{CORE_NAME}:{core.port}", f"{len(core.zones)} zones: {', '.join(core.zones)}"),
            ("its messages", f"http://{HOST}:{stage.outbound_port}/v1/outbound", "where the core posts what it starts"),
            ("name server", f"{HOST}:{stage.names.port}", "where the relay learns the core's addresses"),
            ("console", f"http://{HOST}:{stage.console_port}/" if stage.console_port else "none", self.console),
            ("metrics", f"http://{HOST}:{stage.metrics_port}/metrics", ""),
            ("control", stage.control_path, ""),
            ("journal, log", str(stage.directory), "deleted at the end"),
        ]
        lines = [f"  {name:<14}{paint(BOLD, value)}  {paint(DIM, note)}".rstrip() for name, value, note in rows]
        tries = [
            f"relay status --socket {stage.control_path}",
            f"relay top --socket {stage.control_path}",
            f"relay outbound list --socket {stage.control_path}",
            f"curl -s http://{HOST}:{stage.metrics_port}/metrics | grep ^relay_exchanges",
            f"tail -f {stage.log_path}",
        ]
        lines += ["", "  Try in another window:", *(f"    {line}" for line in tries)]
        lines += ["", "  Ctrl-C drains, and holds the core's ledger against the books of everybody at the far end.", ""]
        print("\n".join(lines), file=self._out, flush=True)
        self._show([self._paint(DIM, COLUMNS)])

    def second(self, moment: Moment) -> None:
        rows = block(moment, self._paint)
        self._blocks += 1
        if self.is_live or self._blocks % HEADER_EVERY == 0:
            rows.insert(0, self._paint(DIM, COLUMNS))
        self._show(rows)

    def say(self, sentence: str) -> None:
        shown = self._shown
        self._wipe()
        print(self._paint(YELLOW, f"  >> {sentence}"), file=self._out, flush=True)
        if self.is_live:
            self._show(shown)

    def _show(self, rows: list[str]) -> None:
        self._wipe()
        self._shown = rows
        if rows:
            text = "\n".join(rows)
            print(f"{NO_WRAP}{text}{WRAP}" if self.is_live else text, file=self._out, flush=True)

    def _wipe(self) -> None:
        """Where lines are drawn over: back to above the last ones."""
        if self.is_live and self._shown:
            print(f"\x1b[{len(self._shown)}A\r{CLEAR_BELOW}", end="", file=self._out)
        self._shown = []


def block(moment: Moment, paint: Paint) -> list[str]:
    """A line per dialect, aligned under COLUMNS; what should be rare is red when it happens."""
    rows = []
    for place, line in enumerate(moment.lines):
        there = f"{line.present} of {line.expected} {line.peers}"
        bad = [
            paint(RED, f"{count:{width}d}") if count else f"{count:{width}d}"
            for count, width in ((line.refused, 8), (line.doubted, 6), (line.timed_out, 9))
        ]
        zones = f"{moment.zones_up:6d}" if not place else ""
        rows.append(
            f"{f'{moment.elapsed_s:6.0f}' if not place else '':6}  {line.name:<13}"
            + (there.ljust(19) if line.present >= line.expected else paint(YELLOW, there.ljust(19)))
            + f"{line.requests:7d}{line.approved:9d}{line.declined:9d}{''.join(bad)}"
            f"{line.in_flight:8d}{line.p50_ms:8.1f}{line.p99_ms:8.1f}{line.told:6d}{zones}"
        )
    return rows


def mix_of_dialects(text: str) -> dict[str, float]:
    """An argument of --dialects."""
    try:
        return parse_shares(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= demo.LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text}: expected seconds, more than 0 and no more than a day")
    return value


def _terminals(text: str) -> int:
    value = int(text)
    if not 1 <= value <= TERMINALS_MAX:
        raise argparse.ArgumentTypeError(f"{text}: expected 1 to {TERMINALS_MAX} terminals")
    return value
