"""`relay announce`: whether this center serves and why; withdraw, resume, hand back.

Owns the words typed and the rows printed. It must never decide. The trap: each of the three moves every terminal of the center,
so that who and why have no default.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import msgspec

from relay.cli import reach
from relay.cli.screen import duration, safe
from relay.cli.when import show_moment
from relay.control import announce as c

NAME = "announce"
HELP = "which center serves: status, withdraw, resume, hand-back"

EXIT_ANNOUNCED, EXIT_NOT_ANNOUNCED = 0, 2


def configure(parser: argparse.ArgumentParser) -> None:
    reach.add_arguments(parser)
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    status = what.add_parser(
        "status",
        help="role, reason and what the speaker shows",
        description="Role, reason and what the speaker shows. Exit code: 0 announced without a problem, 2 not.",
    )
    status.add_argument("--json", action="store_true", help="one object")
    for name, text in (
        ("withdraw", "take this center out: no route, sessions reset; until resume, over restarts"),
        ("resume", "let this center be announced again, as standby"),
        ("hand-back", "give the role to the other center: announced as standby, sessions reset when the route has moved"),
    ):
        deciding = what.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        deciding.add_argument("--who", required=True, help="the person who signs")
        deciding.add_argument("--why", required=True, help="the reason, for the record")


def run(args: argparse.Namespace) -> int:
    client = reach.client(args)
    if args.what == "status":
        report = client.announce_status()
        print(msgspec.json.encode(report).decode() if args.json else "\n".join(lines(report)))
        is_well = report.role in c.ANNOUNCED and not any(True for _ in c.announce_problems(report))
        return EXIT_ANNOUNCED if is_well else EXIT_NOT_ANNOUNCED
    signed = c.AnnounceArgs(who=args.who, why=args.why)
    asked = {"withdraw": client.announce_withdraw, "resume": client.announce_resume, "hand-back": client.announce_hand_back}
    print(safe(asked[args.what](signed).text))
    return 0


def lines(report: c.AnnounceReport) -> Iterator[str]:
    """The page."""
    held = f" (not better before {duration(report.waits_ms)} have passed)" if report.waits_ms else ""
    yield f"role      {safe(report.role)}: {safe(report.why)}{held}"
    yield f"address   {', '.join(report.addresses) or 'none'}, announced by {_adapter(report.adapter)}"
    if report.adapter != "none":
        sessions = "" if report.sessions_up is None else f", {report.sessions_up} BGP sessions up"
        yield f"seen      {safe(report.seen or 'unknown')}{sessions}"
    if report.problem:
        yield f"PROBLEM   {safe(report.problem)}" + (f"  → {safe(report.next_step)}" if report.next_step else "")
    yield "health    " + ", ".join(f"{row.cause} {'well' if row.is_good else 'ILL'}" for row in report.causes)
    yield f"listeners {', '.join(report.listeners) or 'none on the service address'}"
    if report.text_port is not None:
        yield f"text port {report.text_port}"
    if report.deeds:
        yield ""
    for deed in report.deeds:
        yield safe(f"{show_moment(deed.at_ms)}  {deed.what}, by {deed.who}: {deed.why}")


def _adapter(name: str) -> str:
    return {"none": "nobody here: the bank's routing decides", "bird": "BIRD", "exabgp": "ExaBGP"}.get(name, name)
