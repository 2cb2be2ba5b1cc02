"""`relay takeover`: the other center is lost; take its journal over, see how it stands, give it back.

Owns the words typed and the rows printed. It must never decide. The trap: `begin` shuts a center out for good, also one
that is only cut off and serves its terminals; so it has two names and a reason, none of them with a default.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import msgspec

from relay.cli import reach
from relay.cli.screen import duration, safe
from relay.cli.signatures import EXIT_WORDS, tell
from relay.cli.when import show_moment
from relay.control import takeover as c
from relay.control.report import Done

NAME = "takeover"
HELP = "the other center is lost: take its journal over; status, begin, finish"

_MEANS = {
    "none": "nobody is taken over",
    "fencing": "the core is being asked to refuse that center",
    "promoting": "that center is fenced; the copy of its journal is to write",
    "opening": "the copy writes; its journal is being opened",
    "adopted": "its journal is at work here",
    "returning": "its journal is being closed, to go back",
    "returned": "its journal is closed here; that center may open it",
}


def configure(parser: argparse.ArgumentParser) -> None:
    reach.add_arguments(parser)
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)

    status = what.add_parser("status", help="how it stands, and what is still open", description="How a take-over stands.")
    status.add_argument("--json", action="store_true", help="one object")

    begin = what.add_parser(
        "begin",
        help="a center is lost: fence it, promote the copy of its journal, go on with its business; two people sign",
        description="Take the journal of a lost center over. Safe to repeat. There is no way back but `finish`.",
    )
    begin.add_argument("center", metavar="CENTER", help="the one that is lost, as in pair.peer")
    _sign(begin)

    finish = what.add_parser(
        "finish",
        help="give its journal back to that center; nothing of it may be open; two people sign",
        description="Close the adopted journal, so that its own center can open it. Safe to repeat.",
    )
    _sign(finish)


def _sign(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXIT_WORDS
    parser.add_argument("--who", required=True, help="the person who signs")
    parser.add_argument("--second", required=True, help="the second person who signs")
    parser.add_argument("--why", required=True, help="the reason, for the record")


def run(args: argparse.Namespace) -> int:
    client = reach.client(args)
    if args.what == "status":
        report = client.takeover_status()
        print(msgspec.json.encode(report).decode() if args.json else "\n".join(_lines(report)))
        return 0
    done: Done
    if args.what == "begin":
        done = client.takeover_begin(c.TakeoverBeginArgs(center=args.center, who=args.who, second=args.second, why=args.why))
    else:
        done = client.takeover_finish(c.TakeoverFinishArgs(who=args.who, second=args.second, why=args.why))
    return tell(done)


def _copied(report: c.TakeoverReport) -> str:
    moment = show_moment(report.copied_until_ms)
    if report.state in ("none", "returned"):
        return f"{moment}; old is all right where that center writes nothing"
    return f"{moment}, {duration(report.began.at_ms - report.copied_until_ms)} before it was begun"


def _lines(report: c.TakeoverReport) -> Iterator[str]:
    by = f" by {safe(report.own_superseded_by)}" if report.own_superseded_by else ""
    yield f"this center at the core: {report.own or 'not asked'}{by}"
    if not report.is_configured:
        yield "no copy of another center's journal is configured ([takeover])"
        return
    of = f" of {safe(report.center)}" if report.center else ""
    yield f"take-over{of}: {report.state} - {_MEANS.get(report.state, '')}"
    if report.copied_until_ms:
        yield f"  the copy {'has' if report.state in ('none', 'returned') else 'had'} what was written until {_copied(report)}"
    if report.state == "none":
        if report.trouble:
            yield f"  the copy: {safe(report.trouble)}"
        return
    yield f"  since {show_moment(report.changed_ms)}, run {safe(report.run)}"
    if report.fence:
        seen = "seen in this epoch of the region" if report.is_fence_seen else "not seen in this epoch of the region yet"
        yield f"  the core takes no Relay-Epoch of it below {report.fence}; {seen}"
    if report.state == "adopted":
        at_work = "at work" if report.is_at_work else "NOT OPEN"
        yield f"  its journal is {at_work}: {report.open_count} open, {report.listed_count} on the person's list"
    if report.tail.epoch and not report.tail.is_finished:
        trouble = f"; {safe(report.tail.trouble)}" if report.tail.trouble else ""
        yield f"  its lost tail of epoch {report.tail.epoch}: NOT REPLAYED YET, {report.tail.left:,} rows left{trouble}"
    elif report.tail.listed:
        yield f"  its lost tail: {report.tail.listed:,} for a person, in the report that goes back with its journal"
    if report.trouble:
        yield f"  waits: {safe(report.trouble)}"
    for what, signed in (("begun", report.began), ("given back", report.returned)):
        if signed.who:
            yield (f"  {what} {show_moment(signed.at_ms)} by {safe(signed.who)} and {safe(signed.second)}: {safe(signed.why)}")
