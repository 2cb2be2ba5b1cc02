"""`relay demo`: the real daemon among a fake core, a fake name server and fake ATMs, a line per second of what happens.

Owns the banner, the lines and the closing words. It must never know how anything is run. The trap: with --json the object is
the only thing on standard output, so that a script can read it; everything for people goes to standard error then.
"""

from __future__ import annotations

import argparse
import sys
from typing import TextIO

import msgspec

from relay.cli.screen import BOLD, DIM, GREEN, RED, YELLOW, Paint
from relay.loopback import demo
from relay.loopback.figures import LoadReport, as_text
from relay.loopback.load import Moment
from relay.loopback.runner import on_a_stage, run_loop
from relay.loopback.stage import CORE_NAME, HOST, Stage

NAME = "demo"
HELP = "the whole thing on this machine: relay, fake core, fake ATMs"

EXIT_GOOD, EXIT_BROKEN = 0, 1
TERMINALS_MAX = 5_000
HEADER_EVERY = 20
COLUMNS = "  time   asked  approved  declined  refused  doubt  no reply  waiting   p50 ms   p99 ms  reversals   ATMs  zones"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=_positive, metavar="N", help="end after N seconds (default: at Ctrl-C)")
    parser.add_argument("--terminals", type=_terminals, default=20, metavar="N", help="fake ATMs (default: 20)")
    parser.add_argument("--calm", action="store_true", help="no troubles: no faults of the core, no lost zone, no kill -9")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of customers and faults (default: 1)")
    parser.add_argument("--json", action="store_true", help="end with one object on standard output")
    parser.epilog = "Exit code: 0 when the ledger equals the terminals' books and nothing forbidden happened, else 1."


def run(args: argparse.Namespace) -> int:
    out = sys.stderr if args.json else sys.stdout
    screen = Screen(out)
    steps = [] if args.calm else demo.troubles(args.seconds)
    settings = demo.settings(args.terminals, args.seconds, args.seed)
    stage_settings = msgspec.structs.replace(demo.STAGE, seed=args.seed)
    print("Starting the relay, a fake core in three zones, a fake name server and fake ATMs ...", file=out, flush=True)
    report = run_loop(
        on_a_stage(
            settings,
            stage_settings,
            steps,
            screen,
            opened=lambda stage: screen.banner(stage, args.terminals),
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
    """Prints one line per second, and sentences between them."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._paint = Paint.for_stream(out)
        self._lines = 0

    def banner(self, stage: Stage, terminals: int) -> None:
        paint, core = self._paint, stage.core
        rows = [
            (
                "relay",
                f"{HOST}:{stage.listen_port}",
                f"ISO 8583:1987, ASCII, length in four digits; {terminals} fake ATMs",
            ),
            ("core", f"http://{CORE_NAME}:{core.port}", f"{len(core.zones)} zones: {', '.join(core.zones)}"),
            ("name server", f"{HOST}:{stage.names.port}", "where the relay learns the core's addresses"),
            ("metrics", f"http://{HOST}:{stage.metrics_port}/metrics", ""),
            ("control", stage.control_path, ""),
            ("journal, log", str(stage.directory), "deleted at the end"),
        ]
        lines = [f"  {name:<14}{paint(BOLD, value)}  {paint(DIM, note)}".rstrip() for name, value, note in rows]
        tries = [
            f"relay status --socket {stage.control_path}",
            f"relay top --socket {stage.control_path}",
            f"curl -s http://{HOST}:{stage.metrics_port}/metrics | grep ^relay_exchanges",
            f"tail -f {stage.log_path}",
        ]
        lines += ["", "  Try in another window:", *(f"    {line}" for line in tries)]
        lines += ["", "  Ctrl-C drains, and holds the core's ledger against the ATMs' own books.", ""]
        print("\n".join(lines), file=self._out, flush=True)

    def second(self, moment: Moment) -> None:
        if self._lines % HEADER_EVERY == 0:
            print(self._paint(DIM, COLUMNS), file=self._out)
        self._lines += 1
        print(line(moment, self._paint), file=self._out, flush=True)

    def say(self, sentence: str) -> None:
        print(self._paint(YELLOW, f"  >> {sentence}"), file=self._out, flush=True)


def line(moment: Moment, paint: Paint) -> str:
    """One second, aligned under COLUMNS; what should be rare is red when it happens."""
    bad = [
        paint(RED, f"{count:{width}d}") if count else f"{count:{width}d}"
        for count, width in ((moment.refused, 9), (moment.doubted, 7), (moment.timed_out, 10))
    ]
    return (
        f"{moment.elapsed_s:6.0f}{moment.requests:8d}{moment.approved:10d}{moment.declined:10d}{''.join(bad)}"
        f"{moment.in_flight:9d}{moment.p50_ms:9.1f}{moment.p99_ms:9.1f}{moment.reversals:11d}"
        f"{moment.signed_on:7d}{moment.zones_up:7d}"
    )


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
