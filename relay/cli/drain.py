"""`relay drain`: sessions out of service by stages and class, and back.

Owns the words typed and the rows printed. It must never decide. The trap: a drained relay stays drained over a restart, so the
one who begins signs, and the page always says who that was.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import cast

import msgspec

from relay.cli import reach
from relay.cli.screen import count, duration, safe, table
from relay.cli.when import show_moment
from relay.control import drain as c
from relay.drain.plan import CLASSES
from relay.errors import RelayError

NAME = "drain"
HELP = "sessions out of service by stages and class: start, status, abort"


def configure(parser: argparse.ArgumentParser) -> None:
    reach.add_arguments(parser)
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)

    start = what.add_parser(
        "start", help="accept nothing new, let sessions finish and sign off", description="Drain; the relay lives on, drained."
    )
    start.add_argument("--class", dest="classes", default="", metavar="LIST", help="atm,branch,zengin (default: all)")
    start.add_argument(
        "--deadline-s", type=int, default=0, metavar="N", help="what is left then is reset (default: configured)"
    )
    _sign(start)

    status = what.add_parser("status", help="the stage, and what is still in flight", description="How far the drain is.")
    status.add_argument("--json", action="store_true", help="one object")

    _sign(what.add_parser("abort", help="back into service, also when drained", description="Back into service."))


def _sign(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--who", required=True, help="the person who signs")
    parser.add_argument("--why", required=True, help="the reason, for the record")


def run(args: argparse.Namespace) -> int:
    client = reach.client(args)
    if args.what == "status":
        report = client.drain_status()
        print(msgspec.json.encode(report).decode() if args.json else "\n".join(_lines(report)))
        return 0
    if args.what == "abort":
        print(safe(client.drain_abort(c.DrainAbortArgs(who=args.who, why=args.why)).text))
        return 0
    if not 0 <= args.deadline_s <= c.DEADLINE_S_MAX:
        raise RelayError(f"a deadline has 1 to {c.DEADLINE_S_MAX} seconds.", "Give --deadline-s.")
    started = c.DrainStartArgs(classes=_classes(args.classes), deadline_s=args.deadline_s, who=args.who, why=args.why)
    print(safe(client.drain_start(started).text))
    return 0


def _classes(text: str) -> tuple[c.DrainClass, ...]:
    names = tuple(name for name in text.replace(" ", "").split(",") if name)
    unknown = sorted(set(names) - set(CLASSES))
    if unknown:
        raise RelayError(f"there is no class {', '.join(unknown)}.", f"There are: {', '.join(CLASSES)}.")
    return cast(tuple[c.DrainClass, ...], tuple(dict.fromkeys(names)))


def _lines(report: c.DrainReport) -> Iterator[str]:
    if report.stage == "serving":
        yield "nothing is drained"
    else:
        left = f", what is left is reset in {duration(report.left_ms)}" if report.left_ms else ""
        yield f"{report.stage.upper()}{left}"
        yield f"since {show_moment(report.since_ms)}, by {safe(report.who)}: {safe(report.why)}"
    yield ""
    rows = [["class", "is", "open", "with something in flight"]]
    rows += [[row.name, "drained" if row.is_drained else "served", count(row.open), count(row.busy)] for row in report.rows]
    yield from table(rows, right=(2, 3))
