"""`relay top`: the live sessions, busiest first, refreshed each second.

Owns the page and the rates, which are differences between two answers of the daemon. It must never ask more than once a
second: looking must not cost the watched. The trap: the terminal has to be given back as it was, however the tool ends.
"""

from __future__ import annotations

import argparse
import select
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import msgspec

from relay.cli import reach
from relay.cli.screen import (
    ALTERNATE_OFF,
    ALTERNATE_ON,
    BOLD,
    CLEAR_BELOW,
    CLEAR_LINE,
    DIM,
    GREEN,
    HOME,
    RED,
    YELLOW,
    Paint,
    count,
    cut,
    duration,
    safe,
    table,
)
from relay.control.client import NotReachable
from relay.control.commands import LinksArgs
from relay.control.problems import problems
from relay.control.report import LinksReport, StatusReport
from relay.wire.roster import RosterEntry

NAME = "top"
HELP = "live sessions, refreshed each second"

REFRESH_S = 1.0
LINKS_ASKED_MAX = 2_000
ORDERS = ("rate", "age", "terminal")


class Row(msgspec.Struct, frozen=True):
    """One session with what it did since the last look, messages per second."""

    entry: RosterEntry
    in_per_s: float = 0.0
    out_per_s: float = 0.0


def configure(parser: argparse.ArgumentParser) -> None:
    reach.add_arguments(parser)
    parser.add_argument("--listener", default="", metavar="NAME", help="only this listener's sessions")
    parser.add_argument(
        "--order", choices=ORDERS, default="rate", help="busiest, youngest or by terminal first (default: rate)"
    )
    parser.add_argument("--rounds", type=int, default=0, metavar="N", help="stop after N looks (default: at Ctrl-C or q)")
    parser.add_argument("--json", action="store_true", help="one object per look, without a page")


def run(args: argparse.Namespace) -> int:
    client = reach.client(args)
    asked = LinksArgs(listener=args.listener, count_max=LINKS_ASKED_MAX)
    earlier: LinksReport | None = None
    looks = 0
    with _page(sys.stdout) as is_page:
        while True:
            try:
                status, links = client.status(), client.links(asked)
            except NotReachable as error:
                if earlier is None or not is_page:
                    raise
                _draw([f"NOT REACHABLE: {error.problem}", error.next_step], is_page)
            else:
                if args.json:
                    print(msgspec.json.encode(links).decode(), flush=True)
                else:
                    columns, lines = shutil.get_terminal_size() if is_page else (160, len(links.links) + 8)
                    rows = ordered(rates(earlier, links), args.order)
                    _draw(show(status, links, rows, columns, lines, Paint.for_stream(sys.stdout)), is_page)
                earlier = links
            looks += 1
            if looks == args.rounds or _is_quit(REFRESH_S):
                return 0


def rates(earlier: LinksReport | None, now: LinksReport) -> list[Row]:
    """What each session did since `earlier`. A session is known by its peer and the time it began."""
    before = {} if earlier is None else {(e.listener, e.peer, e.since_ms): e for e in earlier.links}
    seconds = 0.0 if earlier is None else (now.at_ms - earlier.at_ms) / 1_000
    rows = []
    for entry in now.links:
        last = before.get((entry.listener, entry.peer, entry.since_ms))
        if seconds <= 0 or last is None:
            rows.append(Row(entry))
        else:
            came, went = entry.messages_in - last.messages_in, entry.messages_out - last.messages_out
            rows.append(Row(entry, max(came, 0) / seconds, max(went, 0) / seconds))
    return rows


def ordered(rows: list[Row], order: str) -> list[Row]:
    """Rows in the asked order; equal ones by terminal, so that they do not jump about."""
    if order == "terminal":
        return sorted(rows, key=lambda row: (row.entry.terminal, row.entry.peer))
    if order == "age":
        return sorted(rows, key=lambda row: (-row.entry.since_ms, row.entry.terminal))
    return sorted(rows, key=lambda row: (-(row.in_per_s + row.out_per_s), row.entry.terminal, row.entry.peer))


def show(status: StatusReport, links: LinksReport, rows: list[Row], columns: int, lines_max: int, paint: Paint) -> list[str]:
    """The page in `columns` by `lines_max`."""
    came, went = sum(row.in_per_s for row in rows), sum(row.out_per_s for row in rows)
    found = list(problems(status))
    colour = GREEN if status.state == "serving" and not found else RED if status.state == "fenced" else YELLOW
    signed = sum(row.entry.signed_on for row in rows)
    head = [
        f"{paint(BOLD + colour, status.state.upper())}  {count(links.total)} links, {count(signed)} signed on, "
        f"{came:.0f} in/s, {went:.0f} out/s, core {count(status.core.inflight)}/{count(status.core.inflight_target)} "
        f"in flight, {count(status.core.queue)} queued, {count(status.owed)} owed, {count(status.listed)} listed",
        *(paint(RED, cut(f"! {safe(problem.text)}", columns)) for problem in found[:2]),
        "",
    ]
    cells = [["terminal", "listener", "peer", "", "age", "in/s", "out/s", "in", "out"]]
    room = max(lines_max - len(head) - 3, 1)
    for row in rows[:room]:
        entry = row.entry
        sign = "on" if entry.signed_on else "off"
        numbers = [f"{row.in_per_s:.1f}", f"{row.out_per_s:.1f}", count(entry.messages_in), count(entry.messages_out)]
        age = duration(links.at_ms - entry.since_ms)
        cells.append([safe(entry.terminal) or "-", entry.listener, safe(entry.peer), sign, age, *numbers])
    body = [cut(line, columns) for line in table(cells, right=(4, 5, 6, 7, 8))]
    hidden = links.total - min(len(rows), room)
    tail = [paint(DIM, f"and {count(hidden)} more")] if hidden > 0 else []
    return [*head, paint(DIM, body[0]), *body[1:], *tail]


# ---- the terminal -------------------------------------------------------------------------------------------------------
@contextmanager
def _page(stream: TextIO) -> Iterator[bool]:
    """A screen of our own while it lasts; where there is no terminal, nothing. Yields whether there is one."""
    if not stream.isatty():
        yield False
        return
    stream.write(ALTERNATE_ON)
    try:
        yield True
    finally:
        stream.write(ALTERNATE_OFF)
        stream.flush()


def _draw(lines: list[str], is_page: bool) -> None:
    if is_page:
        print(HOME + "\n".join(line + CLEAR_LINE for line in lines) + "\n" + CLEAR_BELOW, end="", flush=True)
    else:
        print("\n".join(lines), flush=True)


def _is_quit(wait_s: float) -> bool:
    """Wait, and say whether the person asked to stop: q and Enter (or end of input)."""
    if not sys.stdin.isatty():
        select.select([], [], [], wait_s)
        return False
    ready, _, _ = select.select([sys.stdin], [], [], wait_s)
    return bool(ready) and sys.stdin.readline().strip().lower() in {"q", "quit", ""}
