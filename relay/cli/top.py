"""`relay top`: the console's first page, its lists and the failover room in a terminal; refreshed as often as is asked for.

Owns the loop of looking, drawing and pressing. It must never judge or format. The traps: looking must not cost the watched, so
it is never asked more than once a second, whatever is pressed; where there is no terminal one look is printed and nothing is
left behind; and at three in the morning there is only ssh, so what the console can show is here.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from typing import Final

import msgspec

from relay.cli import reach
from relay.cli.screen import Paint
from relay.cli.toppage import View, plain, press, screen, settle
from relay.cli.topsessions import ORDERS
from relay.cli.topsnap import PANES, Looker, Snapshot
from relay.cli.topterminal import Ended, is_terminal, page
from relay.cli.topwords import language_of
from relay.clock import Clock, SystemClock
from relay.control.client import CALL_MS, ControlClient, NotReachable
from relay.control.failoverclient import FailoverClient
from relay.places import FAILOVER_SOCKET

NAME = "top"
HELP = "the console in a terminal: overview, sessions, what waits, reconciliation, failover"

EVERY_S: Final = 1.0
EVERY_S_MAX: Final = 60.0
LOOK_MS: Final = 3_000  # of a page: what is not answered by then is told, in red; no key is read meanwhile
PLAIN_COLUMNS: Final = 160


def configure(parser: argparse.ArgumentParser) -> None:
    reach.add_arguments(parser)
    parser.add_argument("--pane", choices=PANES, default="overview", help="which page first (default: overview)")
    parser.add_argument("--listener", default="", metavar="NAME", help="only this listener's sessions")
    parser.add_argument("--find", default="", metavar="TEXT", help="only sessions with this in their name, address or line")
    parser.add_argument(
        "--order", choices=ORDERS, default="rate", help="busiest, youngest or by terminal first (default: rate)"
    )
    parser.add_argument("--language", choices=("en", "ja"), default=None, help="default: as the shell's locale")
    parser.add_argument(
        "--every", type=_seconds, default=EVERY_S, metavar="S", help="seconds between two looks (default: 1, at most 60)"
    )
    parser.add_argument("--once", action="store_true", help="one look, printed; as where there is no terminal")
    parser.add_argument("--rounds", type=int, default=0, metavar="N", help="stop after N looks")
    parser.add_argument("--json", action="store_true", help="one object per look, without a page")
    parser.add_argument(
        "--failover-socket", metavar="PATH", help="the orchestrator's (default: $RELAY_FAILOVER_SOCKET, else as installed)"
    )


def _seconds(typed: str) -> float:
    value = float(typed)
    if not EVERY_S <= value <= EVERY_S_MAX:
        raise argparse.ArgumentTypeError(f"between {EVERY_S:.0f} and {EVERY_S_MAX:.0f} seconds")
    return value


def run(args: argparse.Namespace) -> int:
    clock = SystemClock()
    view = View(
        pane=args.pane,
        language=args.language or language_of(os.environ),
        order=args.order,
        find=args.find,
    )
    if args.json or args.once or not is_terminal(sys.stdin, sys.stdout, os.environ):
        return _print(args, looker(args, clock, CALL_MS), view)
    try:
        return _show(args, looker(args, clock, LOOK_MS), view, clock)
    except Ended:
        return 0


def looker(args: argparse.Namespace, clock: Clock, call_ms: int) -> Looker:
    """Of the relay and the orchestrator that the arguments mean, each of which has so long for an answer."""
    orchestrator = args.failover_socket or os.environ.get("RELAY_FAILOVER_SOCKET") or FAILOVER_SOCKET
    relay = ControlClient(reach.socket_path(args), call_ms)
    return Looker(relay, FailoverClient(orchestrator, call_ms), clock, args.listener)


def _print(args: argparse.Namespace, looker: Looker, view: View) -> int:
    """Looks without a page: one, or as many as were asked for. Raises NotReachable."""
    rounds = args.rounds or (0 if args.json and not args.once else 1)
    _must(looker.look(view.pane))
    done = 0
    while True:
        pause(args.every)  # rates are differences of two looks
        snapshot = _must(looker.look(view.pane))
        if args.json:
            print(msgspec.json.encode(snapshot).decode(), flush=True)
        else:
            print("\n".join(plain(snapshot, (view.pane,), view, PLAIN_COLUMNS)), flush=True)
        done += 1
        if done == rounds:
            return 0


def _must(snapshot: Snapshot) -> Snapshot:
    if snapshot.trouble:
        raise NotReachable(snapshot.trouble, snapshot.next_step)
    return snapshot


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def _show(args: argparse.Namespace, looker: Looker, view: View, clock: SystemClock) -> int:
    """The page, until q, Ctrl-C or the end of the terminal."""
    paint = Paint.for_stream(sys.stdout)
    every_ms = int(args.every * 1_000)
    done, next_ms = 0, clock.monotonic_ms()
    with page() as terminal:
        while True:
            now_ms = clock.monotonic_ms()
            if now_ms >= next_ms:
                looker.look(view.pane)
                done += 1
                now_ms = clock.monotonic_ms()
                next_ms = now_ms + every_ms  # after the answer: a slow relay is asked less often
            columns, rows = terminal.size()
            view = settle(looker.newest, view, rows)
            terminal.draw(screen(looker.newest, view, now_ms, columns, rows, paint))
            if done == args.rounds:
                return 0
            for key in terminal.keys((next_ms - now_ms) / 1_000):
                after = press(view, key, max(1, rows - 3))
                if after is None:
                    return 0
                if after.pane != view.pane:
                    next_ms = min(next_ms, _ready_ms(looker.newest.at_ms, now_ms))
                view = after


def _ready_ms(looked_ms: int, now_ms: int) -> int:
    """When a pane that was just opened may be asked for: at once, but never twice within a second."""
    return max(now_ms, looked_ms + int(EVERY_S * 1_000))
