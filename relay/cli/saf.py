"""`relay saf`: what is owed to the core and what waits for a person: list, show, retry, resolve.

Owns the words typed and the rows printed. It must never show card data; the daemon's answers hold none. The trap: `resolve`
says that somebody settled it by other means and moves no money, `retry` asks the core again; both are decisions about money, so
who and why have no default, and are recorded in the journal.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Literal

import msgspec

from relay.cli import reach
from relay.cli.journalpages import money
from relay.cli.screen import count, safe, table
from relay.cli.when import show_moment
from relay.control.commands import ResolveArgs, SafKeyArgs, SafListArgs, SafRetryArgs
from relay.control.report import SafDetail, SafReport, SafRow

NAME = "saf"
HELP = "what is owed to the core and what waits for a person: list, show, retry, resolve"


def configure(parser: argparse.ArgumentParser) -> None:
    reach.add_arguments(parser)
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)

    listing = what.add_parser("list", help="owed, then listed, oldest first", description="Owed, then listed, oldest first.")
    which = listing.add_mutually_exclusive_group()
    which.add_argument("--owed", action="store_true", help="only what the relay still tries")
    which.add_argument("--listed", action="store_true", help="only what waits for a person")
    listing.add_argument("--limit", type=int, default=200, metavar="N", help="at most N (default 200)")
    listing.add_argument("--json", action="store_true", help="one object")

    show = what.add_parser("show", help="one, with its history", description="One exchange with its history.")
    show.add_argument("key", metavar="KEY", help="as in `relay saf list`")
    show.add_argument("--json", action="store_true", help="one object")

    retry = what.add_parser("retry", help="ask the core again, now", description="Ask the core again, now.")
    retry.add_argument("key", metavar="KEY", help="owed, or on the list because it was refused or expired")
    retry.add_argument(
        "--although-resolved", action="store_true", help="a person resolved another message of its chain, and moved no money"
    )
    _add_signature(retry, "why it should work now")

    resolve = what.add_parser(
        "resolve", help="it was settled by a person", description="Take it off the list. No money moves by that."
    )
    resolve.add_argument("key", metavar="KEY", help="as in `relay saf list --listed`")
    resolve.add_argument(
        "--although-owed", action="store_true", help="what is owed of its chain goes to the list, not to the core"
    )
    _add_signature(resolve, "what was posted, refunded or found")


def _add_signature(parser: argparse.ArgumentParser, why: str) -> None:
    parser.add_argument("--who", required=True, help="the person who signs")
    parser.add_argument("--why", required=True, help=why)
    parser.add_argument("--json", action="store_true", help="one object")


def run(args: argparse.Namespace) -> int:
    client = reach.client(args)
    answer: msgspec.Struct
    if args.what == "list":
        which: Literal["", "owed", "listed"] = "owed" if args.owed else "listed" if args.listed else ""
        report = client.saf_list(SafListArgs(what=which, count_max=args.limit))
        answer, lines = report, _listing(report)
    elif args.what == "show":
        detail = client.saf_show(SafKeyArgs(key=args.key))
        answer, lines = detail, _detail(detail)
    elif args.what == "retry":
        wanted = SafRetryArgs(key=args.key, who=args.who, why=args.why, although_resolved=args.although_resolved)
        done = client.saf_retry(wanted)
        answer, lines = done, iter([safe(done.text)])
    else:
        signed = ResolveArgs(key=args.key, who=args.who, why=args.why, although_owed=args.although_owed)
        done = client.resolve(signed)
        answer, lines = done, iter([safe(done.text)])
    print(msgspec.json.encode(answer).decode() if args.json else "\n".join(lines))
    return 0


def _state(row: SafRow) -> str:
    return f"{row.state}, waits" if row.is_waiting else row.state


def _listing(report: SafReport) -> Iterator[str]:
    if report.rows:
        cells = [["recorded", "terminal", "kind", "amount", "state", "tries", "because", "key"]]
        for row in report.rows:
            amount = money(row.amount_minor, row.currency)
            line = [show_moment(row.recorded_ms), row.terminal, row.kind, amount, _state(row), count(row.tries), row.why or "-"]
            cells.append([safe(cell) for cell in [*line, row.key]])
        yield from table(cells, right=(3, 5))
    yield f"{count(report.owed)} owed to the core, {count(report.listed)} on the person's list"


def _detail(detail: SafDetail) -> Iterator[str]:
    row = detail.row
    lines = [
        ("key", row.key),
        ("from", f"{row.terminal} on {row.listener}" if row.listener else row.terminal),
        ("what", f"{row.message_class} {row.kind}, {money(row.amount_minor, row.currency)}"),
        ("original", row.original_key or "-"),
        ("stands", "-" if row.standing_minor is None else money(row.standing_minor, row.currency)),
        ("state", _state(row) + (", on the person's list" if row.is_listed else "")),
        ("tries", count(row.tries)),
        ("because", row.why or "-"),
        ("recorded", show_moment(row.recorded_ms)),
    ]
    for name, value in lines:
        yield f"{name:<12}{safe(value)}"
    if detail.history:
        yield ""
        yield from table([[show_moment(h.at_ms), h.event, h.state, safe(h.detail)] for h in detail.history])
