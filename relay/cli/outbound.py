"""`relay outbound`: messages that the core started: list, show, cancel, settle; and one of the operator's own.

Owns the words typed and the rows printed. It must never show a body, which may hold anything. The trap: an unknown delivery
is settled on what a person has found out at the far end, and the core books on it, so name and reason have no default.
"""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Iterator

import msgspec

from relay.cli import reach
from relay.cli.screen import safe, size, table
from relay.cli.when import show_moment
from relay.clock import SystemClock
from relay.control.client import ControlClient
from relay.control.commands import (
    OutboundKeyArgs,
    OutboundListArgs,
    OutboundPostArgs,
    OutboundSettleArgs,
    OutboundSignedArgs,
)
from relay.control.report import OutboundRow
from relay.errors import RelayError
from relay.journal.outbound import OutboundState

NAME = "outbound"
HELP = "messages that the core started: list, show, cancel, settle, post"


def configure(parser: argparse.ArgumentParser) -> None:
    reach.add_arguments(parser)
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)

    listing = what.add_parser("list", help="messages, newest first", description="Messages, newest first.")
    listing.add_argument("--state", default="", choices=[state.value for state in OutboundState], help="in this state")
    listing.add_argument("--limit", type=int, default=50, metavar="N", help="at most N (default 50)")
    listing.add_argument("--json", action="store_true", help="a list of objects")

    show = what.add_parser("show", help="one message", description="One message.")
    show.add_argument("key", metavar="KEY", help="the key that it was posted with")
    show.add_argument("--json", action="store_true", help="one object")

    cancel = what.add_parser("cancel", help="take a queued message out of its line", description="Cancel while queued.")
    cancel.add_argument("key", metavar="KEY", help="as in `relay outbound list`")
    _add_signature(cancel, "why it must not be sent")

    settle = what.add_parser("settle", help="say what became of an unknown delivery", description="Settle an unknown one.")
    settle.add_argument("key", metavar="KEY", help="as in `relay outbound list --state unknown`")
    settle.add_argument("--as", dest="state", required=True, choices=("acknowledged", "failed"), help="what was found out")
    _add_signature(settle, "who said so at the far end, and when")

    post = what.add_parser("post", help="start a message yourself", description="Post a message, as the core does.")
    post.add_argument("listener", metavar="LISTENER", help="listener or dialer whose line it is for")
    post.add_argument("kind", metavar="KIND", help="what the dialect knows, for instance echo or cutover")
    post.add_argument("--line", default="", metavar="LINE", help="terminal or line, where the link has more than one")
    post.add_argument("--body", default="{}", metavar="JSON", help="the dialect's own members (default: none)")
    post.add_argument("--valid-for", type=int, metavar="SECONDS", help="not begun with later than that (default: no end)")
    post.add_argument("--key", default="", metavar="KEY", help="to repeat a post that was not answered (default: a new one)")


def _add_signature(parser: argparse.ArgumentParser, why: str) -> None:
    parser.add_argument("--who", required=True, help="the person who signs")
    parser.add_argument("--why", required=True, help=why)


def run(args: argparse.Namespace) -> int:
    client = reach.client(args)
    if args.what == "list":
        rows = client.outbound_list(OutboundListArgs(state=args.state, count_max=args.limit)).rows
        print(msgspec.json.encode(rows).decode() if args.json else "\n".join(_listing(rows)))
        return 0
    row = _one(client, args)
    as_json = args.what == "show" and args.json
    print(msgspec.json.encode(row).decode() if as_json else "\n".join(_detail(row)))
    return 0


def _one(client: ControlClient, args: argparse.Namespace) -> OutboundRow:
    if args.what == "show":
        return client.outbound_show(OutboundKeyArgs(key=args.key))
    if args.what == "cancel":
        return client.outbound_cancel(OutboundSignedArgs(key=args.key, who=args.who, why=args.why))
    if args.what == "settle":
        return client.outbound_settle(OutboundSettleArgs(key=args.key, state=args.state, who=args.who, why=args.why))
    try:
        msgspec.json.decode(args.body.encode(), type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise RelayError("--body is not a JSON object.", 'For instance: --body \'{"business_date": "2026-11-25"}\'') from error
    key = args.key or f"operator-{secrets.token_hex(8)}"
    body = msgspec.Raw(args.body.encode())
    expires_ms = None if args.valid_for is None else SystemClock().wall_ms() + args.valid_for * 1_000
    return client.outbound_post(
        OutboundPostArgs(key=key, listener=args.listener, line=args.line, kind=args.kind, body=body, expires_ms=expires_ms)
    )


def _listing(rows: tuple[OutboundRow, ...]) -> list[str]:
    if not rows:
        return ["nothing found"]
    cells = [["recorded", "listener", "line", "kind", "state", "core knows", "key"]]
    for row in rows:
        ended = row.state not in {"queued", "sent"}
        knows = ("yes" if row.is_reported else "not yet") if ended else "-"
        line = [show_moment(row.recorded_ms), row.listener, row.line or "-", row.kind, row.state, knows, row.key]
        cells.append([safe(cell) for cell in line])
    return table(cells)


def _detail(row: OutboundRow) -> Iterator[str]:
    lines = [
        ("key", row.key),
        ("for", f"{row.listener}, line {row.line}" if row.line else row.listener),
        ("kind", f"{row.kind}, body of {size(row.body_bytes)}"),
        ("state", row.state),
        ("because", row.detail or "-"),
        ("recorded", show_moment(row.recorded_ms)),
        ("sent", "-" if row.sent_ms is None else show_moment(row.sent_ms)),
        ("updated", show_moment(row.updated_ms)),
        ("expires", "-" if row.expires_ms is None else show_moment(row.expires_ms)),
        ("core knows", "yes" if row.is_reported else "no"),
    ]
    for name, value in lines:
        yield f"{name:<12}{safe(value)}"
