"""`relay pair`: the other relay center, the ways to it, and what both centers see.

Owns the rows printed. It must never judge: control/pair.py has the sentences. The trap: what the other center sees is as old
as its last heartbeat, so that is printed beside it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import msgspec

from relay.cli import reach
from relay.cli.screen import count, duration, safe, table
from relay.control.acks import AckRow, AcksReport
from relay.control.pair import WORDS, PairPathRow, PairReport, PairSightRow, pair_words

NAME = "pair"
HELP = "the other relay center: paths to it, and what both centers see"
EXIT_WELL, EXIT_ILL = 0, 2


def configure(parser: argparse.ArgumentParser) -> None:
    reach.add_arguments(parser)
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    status = what.add_parser("status", help="paths, sights, and what they mean", description="Paths, sights, what they mean.")
    status.add_argument("--json", action="store_true", help="one object")
    parser.epilog = "Exit code: 0 nothing is wrong with the pair, 1 not reachable, 2 something is."


def run(args: argparse.Namespace) -> int:
    report = reach.client(args).status().pair
    print(msgspec.json.encode(report).decode() if args.json else "\n".join(show(report)))
    return EXIT_ILL if any(True for _ in pair_words(report)) else EXIT_WELL


def show(report: PairReport) -> Iterator[str]:
    """The page, line by line."""
    if not report.peer:
        yield "no other center is configured: see pair.peer"
        yield from _acks(report.acks)
        return
    yield safe(f"pair    {report.finding} for {duration(report.since_ms)}: {WORDS.get(report.finding, 'unknown here')}")
    for text, next_step in pair_words(report):
        yield safe(f"      ! {text}  → {next_step}")
    yield f"way     {_way(report)}"
    yield safe(f"copy    {_standby(report.acks)}")
    yield safe(f"peer    {report.peer}: {_peer(report)}")
    yield ""
    yield from table([["path", "state", "from", "to", ""], *map(_path, report.paths)])
    if report.sights:
        yield ""
        yield from table([["seen", "", "by us", f"by {safe(report.peer)}"], *map(_sight, report.sights)])
    yield from _acks(report.acks)


def _way(report: PairReport) -> str:
    if report.way == "through-peer":
        back = f"back when the direct way has been good for {duration(report.return_after_ms)}"
        text = f"core calls go THROUGH {safe(report.peer)}, {count(report.tunnels)} connections; {back}"
    elif report.uses_peer:
        text = "core calls go directly; through the peer while only we are cut off"
    else:
        text = "core calls go directly, whatever happens (use_peer is off)"
    if report.serves_peer:
        text += f"; {count(report.forwarded)} connections forwarded for the peer"
    return text


def _peer(report: PairReport) -> str:
    other = report.other
    if other.age_ms is None:
        return "never heard" + (f" in our version; it speaks version {other.version}" if other.version else "")
    parts = [
        f"heard {duration(other.age_ms)} ago",
        f"relay {other.software}, incarnation {other.incarnation}",
        *([f"role {other.role}"] if other.role else []),
        f"{other.region or 'no region'} under epoch {other.epoch}" + ("" if other.has_permit else ", may not ask it"),
        *([f"epoch {other.sealed_epoch} sealed"] if other.sealed_epoch else []),
        *(["its core calls go through us"] if other.is_through_peer else []),
        *(["forwards our calls"] if other.serves_peer else []),
        *([f"its journal's standby {other.standby}"] if other.standby != "unknown" else []),
        f"clock {other.skew_ms / 1_000:+.1f} s",
    ]
    return ", ".join(parts)


def _standby(acks: AcksReport) -> str:
    if not acks.standby:
        return "our journal has no standby at the other center (journal_standby)"
    text = f"our journal's standby {acks.standby}: {acks.peer} for {duration(acks.since_ms)}"
    return f"{text}: {acks.why}" if acks.why else f"{text}, {count(acks.lag_bytes)} bytes behind"


def _acks(acks: AcksReport) -> Iterator[str]:
    """What each class of acknowledgement needs now."""
    if acks.classes:
        yield ""
        yield from table([["acknowledged", "needs now", "for", "in order"], *map(_ack, acks.classes)])
    if acks.held:
        yield f"{count(acks.held)} advices are taken and not acknowledged"


def _ack(row: AckRow) -> list[str]:
    return [row.name, row.holds or "REFUSED", duration(row.since_ms), ", ".join(row.needs)]


def _path(path: PairPathRow) -> list[str]:
    return [safe(cell) for cell in (path.name, path.state, path.own, path.peer, path.trouble)]


def _sight(sight: PairSightRow) -> list[str]:
    kind = "active region" if sight.is_active else sight.kind.replace("server", "name server")
    return [safe(cell) for cell in (sight.name, kind, sight.ours, sight.peers)]
