"""`relay control`: what an operator tells the running relay to do: drain, reload, resolve, say something on a link.

Owns the words typed and the sentences printed. It must never decide whether something is allowed: the daemon does. The trap:
what is signed here is an audit trail, so a resolution needs a person's name and reason, and neither has a default.
"""

from __future__ import annotations

import argparse
import getpass
import typing

import msgspec

from relay.cli import reach
from relay.cli.screen import count, safe, table
from relay.cli.when import show_moment
from relay.control.client import ControlClient
from relay.control.commands import ROWS_MAX, CommandArgs, DrainArgs, LinksArgs, LogLevelArgs, ParkedArgs, ResolveArgs, Spoken
from relay.control.report import Done, ReloadReport

NAME = "control"
HELP = "tell the running relay: drain, reload, resolve, log level, echo"

EXIT_DONE, EXIT_REFUSED = 0, 2


def configure(parser: argparse.ArgumentParser) -> None:
    reach.add_arguments(parser)
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)

    links = what.add_parser("links", help="the links, oldest first", description="The links, oldest first.")
    links.add_argument("--listener", default="", metavar="NAME", help="only this listener's")
    links.add_argument("--terminal", default="", metavar="ID", help="only this terminal's")
    links.add_argument("--json", action="store_true", help="one object")

    parked = what.add_parser(
        "parked", help="messages that could not be processed", description="Parked messages, oldest first."
    )
    parked.add_argument("--listener", default="", metavar="NAME", help="only this listener's or dialer's")
    parked.add_argument("--all", action="store_true", help="those too that a person has decided about")
    parked.add_argument("--json", action="store_true", help="one object")

    drain = what.add_parser("drain", help="stop taking messages, finish those in flight, stop", description="Drain and stop.")
    drain.add_argument("--why", default="", help="for the log and the status page")

    what.add_parser("reload", help="read the configuration again, all or nothing", description="Reload, all or nothing.")

    resolve = what.add_parser("resolve", help="a listed exchange was settled by a person", description="Take off the list.")
    resolve.add_argument("key", metavar="KEY", help="as in `relay journal listed`")
    resolve.add_argument(
        "--although-owed", action="store_true", help="what is owed of its chain goes to the list, not to the core"
    )
    resolve.add_argument("--who", required=True, help="the person who signs")
    resolve.add_argument("--why", required=True, help="what was posted, refunded or found")

    level = what.add_parser("log-level", help="lowest level written to the log", description="Change the log level.")
    level.add_argument("level", choices=("debug", "info", "warning", "error"))

    say = what.add_parser("say", help="say something to a terminal or a switch", description="Send a network message.")
    say.add_argument("name", choices=typing.get_args(Spoken), metavar="WORD", help=", ".join(typing.get_args(Spoken)))
    say.add_argument("data", nargs="?", default="", metavar="DATA", help="what the word needs, for instance DAY WHO for sign")
    say.add_argument("--listener", default="", metavar="NAME", help="on all links of this listener or dialer")
    say.add_argument("--terminal", default="", metavar="ID", help="on this terminal's link")


def run(args: argparse.Namespace) -> int:
    client = reach.client(args)
    if args.what == "links":
        return _links(client, args)
    if args.what == "parked":
        return _parked(client, args)
    if args.what == "reload":
        return _reload(client.reload())
    if args.what == "drain":
        done = client.drain(DrainArgs(who=getpass.getuser(), why=args.why))
    elif args.what == "resolve":
        signed = ResolveArgs(key=args.key, who=args.who, why=args.why, although_owed=args.although_owed)
        done = client.resolve(signed)
    elif args.what == "log-level":
        done = client.log_level(LogLevelArgs(level=args.level))
    else:
        done = client.command(CommandArgs(name=args.name, listener=args.listener, terminal=args.terminal, data=args.data))
    return _tell(done, args.what)


def _tell(done: Done, what: str) -> int:
    print(safe(done.text) or f"{what}: done")
    return EXIT_DONE


def _reload(report: ReloadReport) -> int:
    if not report.is_applied:
        print("nothing was changed:")
        for reason in report.reasons:
            print(f"  {safe(reason)}")
        return EXIT_REFUSED
    print("reloaded:" if report.changes else "reloaded: nothing differs")
    for change in report.changes:
        print(f"  {safe(change)}")
    return EXIT_DONE


def _parked(client: ControlClient, args: argparse.Namespace) -> int:
    report = client.parked(ParkedArgs(listener=args.listener, all=args.all, count_max=ROWS_MAX))
    if args.json:
        print(msgspec.json.encode(report).decode())
        return EXIT_DONE
    if not report.rows:
        print("nothing is parked")
        return EXIT_DONE
    rows = [["parked", "listener", "name", "where", "because", "decision"]]
    for row in report.rows:
        decision = f"{row.decision} {row.who}".strip() or "-"
        cells = [show_moment(row.parked_ms), row.listener, row.name, row.place, row.reason, decision]
        rows.append([safe(cell) for cell in cells])
    print("\n".join(table(rows)))
    print("decide: relay control say resubmit NAME --listener LISTENER (or answer-parked, drop-parked)")
    return EXIT_DONE


def _links(client: ControlClient, args: argparse.Namespace) -> int:
    report = client.links(LinksArgs(listener=args.listener, terminal=args.terminal, count_max=ROWS_MAX))
    if args.json:
        print(msgspec.json.encode(report).decode())
        return EXIT_DONE
    rows = [["terminal", "listener", "peer", "signed on", "in", "out"]]
    for entry in report.links:
        numbers = [count(entry.messages_in), count(entry.messages_out)]
        sign = "yes" if entry.signed_on else "no"
        rows.append([safe(entry.terminal) or "-", entry.listener, safe(entry.peer), sign, *numbers])
    print("\n".join(table(rows, right=(4, 5))))
    if report.total > len(report.links):
        print(f"and {count(report.total - len(report.links))} more")
    return EXIT_DONE
