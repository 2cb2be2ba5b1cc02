"""`relay load`: many fake terminals at a rate, troubles if asked for, and the conservation check at the end.

Owns the options and the progress bar. It must never know how a load is run. Without --target everything runs on this machine,
the daemon as a child process; with it, a relay elsewhere is loaded, and the core's ledger must be named, because a load
without the check at its end would only be noise.
"""

from __future__ import annotations

import argparse
import sys
from typing import TextIO

from relay.cli.demo import finish, mix_of_dialects
from relay.cli.screen import CLEAR_LINE, DIM, Paint
from relay.errors import ConfigurationError
from relay.loopback.customers import DEFAULT_MIX, parse_mix
from relay.loopback.deeds import AtmPolicy
from relay.loopback.load import LoadSettings
from relay.loopback.moments import Moment
from relay.loopback.runner import against, on_a_stage, run_loop
from relay.loopback.scenario import plan
from relay.loopback.stage import StageSettings
from relay.loopback.troupes import DEFAULT_SHARES, ISO8583, shares_text

NAME = "load"
HELP = "many fake terminals at a rate, and the conservation check"

BAR_WIDTH = 28
STORMS, ZONE_LOSSES, DAEMON_KILLS = 2, 1, 2  # what --faults means


def configure(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--terminals", type=_count, default=500, metavar="N", help="fake terminals (default: 500)")
    shares = f"shares of terminals and rate (default: {shares_text(DEFAULT_SHARES)}); iso8583 alone: ATMs only"
    add("--dialects", type=mix_of_dialects, metavar="NAME=N,...", help=shares)
    add("--rate", type=_number, default=1_000.0, metavar="N", help="requests per second of the whole room (default: 1000)")
    add("--closed-loop", action="store_true", help="no rate: each ATM asks again as soon as it is answered")
    add("--think", type=_number, default=0.0, metavar="MS", help="pause between customers in a closed loop (default: 0)")
    add("--duration", type=_number, default=60.0, metavar="S", help="seconds of customers (default: 60)")
    mix = dict(DEFAULT_MIX)
    add("--mix", type=_mix, default=mix, metavar="KIND=N,...", help=f"what ISO 8583 ATMs ask (default: {_mix_text()})")
    add("--outbound", type=_number, default=2.0, metavar="N", help="messages that the core starts, per second (default: 2)")
    add("--reply-timeout", type=_number, default=10_000.0, metavar="MS", help="an ATM waits so long (default: 10000)")
    add("--seed", type=int, default=1, metavar="N", help="of customers and faults (default: 1)")
    add("--quiet-max", type=_number, default=60.0, metavar="S", help="longest wait until nothing is in doubt (default: 60)")
    add("--json", action="store_true", help="end with one object on standard output")
    here = parser.add_argument_group("everything on this machine (without --target)")
    here.add_argument("--faults", action="store_true", help=f"{STORMS} storms, {ZONE_LOSSES} lost zone, {DAEMON_KILLS} kill -9")
    here.add_argument("--storms", type=_many, metavar="N", help="spells in which the core misbehaves in every way")
    here.add_argument("--kill-zone", type=_many, metavar="N", help="how often one of the core's three addresses is lost")
    here.add_argument("--kill-daemon", type=_many, metavar="N", help="how often the relay is killed (-9) and started again")
    here.add_argument("--core-latency", type=_number, default=2.0, metavar="MS", help="of the fake core (default: 2)")
    there = parser.add_argument_group("a relay elsewhere")
    there.add_argument("--target", metavar="HOST:PORT", help="its listener (ISO 8583:1987)")
    there.add_argument("--ledger", metavar="URL", help="the core's base address, for GET /v1/ledger at the end")
    there.add_argument("--control-socket", metavar="PATH", default="", help="its control socket, for the list and for quiet")
    there.add_argument("--framing", default="ascii4", metavar="NAME", help="framing preset (default: ascii4)")
    there.add_argument("--encoding", choices=("ascii", "bcd", "ebcdic"), default="ascii", help="(default: ascii)")
    parser.epilog = "Exit code: 0 when the ledger equals the terminals' books and nothing forbidden happened, else 1."


def run(args: argparse.Namespace) -> int:
    bar = Bar(sys.stderr, args.duration)
    settings = LoadSettings(
        terminals=args.terminals,
        rate_per_s=None if args.closed_loop else args.rate,
        duration_s=args.duration,
        think_ms=args.think,
        dialects=args.dialects or {},
        outbound_per_s=args.outbound,
        mix=args.mix,
        policy=AtmPolicy(reply_timeout_ms=args.reply_timeout, repeat_after_ms=args.reply_timeout * 0.4),
        quiet_s_max=args.quiet_max,
        framing=args.framing,
        encoding=args.encoding,
        seed=args.seed,
    )
    if args.target is not None:
        if args.dialects and set(args.dialects) != {ISO8583}:
            raise ConfigurationError(
                "--target takes --dialects iso8583 only.", "The others need a core and peers of their own."
            )
        if not args.ledger:
            raise ConfigurationError("--target needs --ledger URL.", "The load ends with the core's ledger against the books.")
        coro = against(
            _address(args.target),
            settings,
            bar,
            ledger_url=args.ledger,
            control_path=args.control_socket,
            stopping=bar.stopping,
        )
    else:
        storms, zone_losses, daemon_kills = (STORMS, ZONE_LOSSES, DAEMON_KILLS) if args.faults else (0, 0, 0)
        steps = plan(
            args.duration,
            storms=storms if args.storms is None else args.storms,
            zone_losses=zone_losses if args.kill_zone is None else args.kill_zone,
            daemon_kills=daemon_kills if args.kill_daemon is None else args.kill_daemon,
        )
        stage = StageSettings(
            reply_deadline_ms=max(1_000, int(args.reply_timeout * 0.6)),
            call_timeout_ms=max(500, int(args.reply_timeout * 0.15)),
            latency_ms=args.core_latency,
            seed=args.seed,
        )
        coro = on_a_stage(settings, stage, steps, bar, stopping=bar.stopping)
    report = run_loop(coro)
    bar.clear()
    return finish(report, args.json, sys.stderr if args.json else sys.stdout)


class Bar:
    """A progress bar on a terminal; on anything else only the sentences."""

    def __init__(self, out: TextIO, duration_s: float) -> None:
        self._out = out
        self._duration_s = duration_s
        self._is_screen = out.isatty()
        self._paint = Paint.for_stream(out)

    def second(self, moment: Moment) -> None:
        if not self._is_screen:
            return
        done = min(1.0, moment.elapsed_s / self._duration_s)
        full = round(done * BAR_WIDTH)
        bar = "#" * full + "." * (BAR_WIDTH - full)
        figures = (
            f"{moment.elapsed_s:4.0f}/{self._duration_s:.0f} s {moment.requests:6d}/s asked  p50 {moment.p50_ms:.1f} ms"
            f"  p99 {moment.p99_ms:.1f} ms  {moment.in_flight} waiting  {moment.signed_on} signed on"
        )
        print(f"\r[{bar}] {figures}{CLEAR_LINE}", end="", file=self._out, flush=True)

    def say(self, sentence: str) -> None:
        self.clear()
        print(self._paint(DIM, f">> {sentence}"), file=self._out, flush=True)

    def stopping(self) -> None:
        self.say("stopping: waiting until nothing is in flight or owed")

    def clear(self) -> None:
        if self._is_screen:
            print(f"\r{CLEAR_LINE}", end="", file=self._out, flush=True)


def _mix_text() -> str:
    return ",".join(f"{kind}={weight:g}" for kind, weight in DEFAULT_MIX.items())


def _mix(text: str) -> dict[str, float]:
    try:
        return parse_mix(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _number(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1e9:
        raise argparse.ArgumentTypeError(f"{text}: expected a number from 0 to a milliard")
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 99_999:
        raise argparse.ArgumentTypeError(f"{text}: expected 1 to 99999")
    return value


def _many(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 20:
        raise argparse.ArgumentTypeError(f"{text}: expected 0 to 20")
    return value


def _address(text: str) -> tuple[str, int]:
    host, found, port = text.rpartition(":")
    if not found or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ConfigurationError(f"--target {text}: expected HOST:PORT.")
    return host.strip("[]"), int(port)
