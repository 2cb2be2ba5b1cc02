"""`relay lease`: which relay center has an exclusive line; take it, release it, stand by; and the schema that says so.

Owns the words typed and the rows printed. It must never decide. The trap: `take` puts this center on a line that only one may
have, so it has two names and a reason, none of them with a default, and `--by-hand` is typed by people who have looked.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import msgspec

from relay.cli import reach
from relay.cli.screen import duration, safe, table
from relay.cli.signatures import EXIT_WORDS, tell
from relay.cli.when import show_moment
from relay.control import lease as c
from relay.control.report import Done
from relay.credentials import Credentials
from relay.errors import ConfigurationError
from relay.lease.access import access_of

NAME = "lease"
HELP = "exclusive lines: which relay center has them; status, take, release, standby, init"
DEEDS_SHOWN = 10
TENURES_SHOWN = 5


def configure(parser: argparse.ArgumentParser) -> None:
    reach.add_arguments(parser)
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)

    status = what.add_parser("status", help="every exclusive line, and who had it", description="Every exclusive line.")
    status.add_argument("--json", action="store_true", help="one object")

    take = what.add_parser(
        "take", help="take a line for this center; two people sign", description="Take a line for this center."
    )
    take.epilog = EXIT_WORDS
    take.add_argument("line", metavar="LINE", help="as in `relay lease status`")
    take.add_argument("--second", required=True, help="the second person who signs")
    take.add_argument(
        "--by-hand",
        action="store_true",
        help="also where no lease database answers: you know that the other center has stopped",
    )
    _sign(take)

    for name, text in (
        ("release", "shut the line here and leave it to the other center"),
        ("standby", "let this center take the line when its holder is gone"),
    ):
        doing = what.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        doing.add_argument("line", metavar="LINE", help="as in `relay lease status`")
        _sign(doing)

    init = what.add_parser("init", help="make the schema of the leases, once", description="Make the schema of the leases.")
    init.add_argument("file", metavar="CONFIG", help="configuration whose [lease] names the database")


def _sign(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--who", required=True, help="the person who signs")
    parser.add_argument("--why", required=True, help="the reason, for the record")


def run(args: argparse.Namespace) -> int:
    if args.what == "init":
        return _init(args.file)
    client = reach.client(args)
    if args.what == "status":
        report = client.lease_status()
        print(msgspec.json.encode(report).decode() if args.json else "\n".join(_lines(report)))
        return 0
    done: Done
    if args.what == "take":
        done = client.lease_take(
            c.LeaseTakeArgs(line=args.line, by_hand=args.by_hand, who=args.who, second=args.second, why=args.why)
        )
    elif args.what == "release":
        done = client.lease_release(c.LeaseSignedArgs(line=args.line, who=args.who, why=args.why))
    else:
        done = client.lease_standby(c.LeaseSignedArgs(line=args.line, who=args.who, why=args.why))
    return tell(done)


def _init(file: str) -> int:
    import asyncio  # for this alone

    settings = reach.settings_of(file)
    access = access_of(settings.lease, Credentials(settings.relay.credentials_directory).secret)
    try:
        from relay.lease.store import init
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "leases need the package asyncpg, which is not installed.", "pip install 'relay-center[postgresql]'"
        ) from error
    server, before, now = asyncio.run(init(access))
    was = "was there already" if before == now else ("made" if before == 0 else f"taken from version {before}")
    print(f"schema {access.schema} on {server}: {was}, version {now}")
    return 0


def _lines(report: c.LeaseReport) -> Iterator[str]:
    if not report.lines:
        yield "no line is exclusive here"
        return
    copied = "with its standby" if report.is_copied else "WITHOUT a standby that it waits for"
    yield f"lease database {report.database}, {copied}" if report.database else "lease database: not reached yet"
    yield ""
    rows = [["line", "here", "token", "stops itself in", "otherwise held by", "needed by"]]
    for line in report.lines:
        left = duration(line.left_ms) if line.left_ms else "-"
        token = str(line.token) if line.token else "-"
        rows.append([line.line, line.state, token, left, safe(line.holder) or "-", ", ".join(line.links)])
    yield from table(rows, right=(2,))
    for line in report.lines:
        yield ""
        yield f"{line.line}: {safe(line.why) or 'nothing has happened yet'}"
        if line.silence:
            yield f"  the database does not answer: {safe(line.silence)}"
        for tenure in line.tenures[:TENURES_SHOWN]:
            signed = f", taken by {safe(tenure.who)} and {safe(tenure.second)}: {safe(tenure.why)}" if tenure.who else ""
            holder = f"{safe(tenure.center)} (incarnation {tenure.incarnation})"
            yield f"  token {tenure.token} {show_moment(tenure.began_ms)} {holder}{signed}"
    if report.deeds:
        yield ""
        yield "what people did here, newest first:"
        for deed in tuple(reversed(report.deeds))[:DEEDS_SHOWN]:
            who = safe(deed.who) + (f" and {safe(deed.second)}" if deed.second else "")
            yield f"  {show_moment(deed.at_ms)} {safe(deed.what)} by {who}: {safe(deed.why)}"
