"""`relay journal`: what was made durable, for people: search, show, the person's list, export, verify.

Owns what is asked and how it looks. It must never write to the journal, and never show a PAN unmasked: relay/journal/reader.py
sees to both. The traps: a PAN on a command line is seen by everybody who lists processes, so it is read from standard input;
and an export is a file full of customers' business, so it is made for its owner only and replaces nothing.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec

from protocols.errors import LocalMisuse
from protocols.primitives import by_alpha
from protocols.vocabulary import Pan
from relay.cli import archive, reach
from relay.cli.screen import DIM, GREEN, RED, Paint, count, duration, safe, size, table
from relay.cli.when import parse_moment, show_moment
from relay.clock import SystemClock
from relay.credentials import Credentials, CredentialUnusable
from relay.errors import JournalUnusable, RelayError
from relay.journal.adopt import adopt
from relay.journal.engines import open_source
from relay.journal.keyring import KeyRing
from relay.journal.keytable import Identity
from relay.journal.reader import SEARCH_COUNT_MAX, ExchangeDetail, ExchangeView, JournalReader, KeyView, Query
from relay.journal.records import StoredState
from relay.journal.source import Source, SqliteSource
from relay.journal.verify import Verification, verify
from relay.settings import Settings

NAME = "journal"
HELP = "search, show, export and verify what was made durable"

DEFAULT_CONFIG = "/etc/relay/relay.toml"


class NotFound(RelayError):
    """The journal has no such exchange."""


def configure(parser: argparse.ArgumentParser) -> None:
    _where(parser, default=None)
    what = parser.add_subparsers(dest="what", metavar="WHAT")

    search = what.add_parser("search", help="exchanges, newest first", description="Exchanges, newest first.")
    _conditions(search)
    search.add_argument(
        "--limit", type=int, default=50, metavar="N", help=f"at most N (default 50, never over {SEARCH_COUNT_MAX})"
    )
    search.add_argument("--json", action="store_true", help="a list of objects")

    show = what.add_parser("show", help="one exchange with its history", description="One exchange with its history.")
    show.add_argument("key", metavar="KEY", help="the key, or the exchange's number")
    show.add_argument("--json", action="store_true", help="one object")

    listed = what.add_parser("listed", help="what waits for a person", description="What waits for a person.")
    listed.add_argument("--json", action="store_true", help="a list of objects")

    export = what.add_parser("export", help="JSON lines, without a limit", description="JSON lines, without a limit.")
    _conditions(export)
    export.add_argument("--output", metavar="FILE", help="a new file, readable by its owner only (default: standard output)")

    check = what.add_parser("verify", help="is the file whole and consistent", description="Read everything and check it.")
    check.add_argument("--json", action="store_true", help="one object")
    keys = what.add_parser("keys", help="the keys that rows name", description="Keys by id, and whether a row may need them.")
    keys.add_argument("--json", action="store_true", help="a list of objects")

    archive.configure(
        archived := what.add_parser(
            "archive", help="closed business dates in files of their own", description="Archives: list, verify, show."
        )
    )
    adopt = what.add_parser(
        "adopt",
        help="go on with another relay's journal, with the relay stopped",
        description="Make another relay's journal this one's. The other may never run on it again.",
    )
    adopt.add_argument("--who", required=True, help="the person who signs")
    adopt.add_argument("--why", required=True, help="for the record in the journal")
    for each in (search, show, listed, export, check, keys, archived, adopt):
        _where(each, default=argparse.SUPPRESS)  # given in front of WHAT, it stands
    parser.epilog = "Without WHAT: sizes and counts. Exit code of verify: 0 sound, 3 not."


def _where(parser: argparse.ArgumentParser, default: str | None) -> None:
    where = parser.add_mutually_exclusive_group()
    told = f"configuration that names the journal (default: {DEFAULT_CONFIG})"
    where.add_argument("--config", metavar="FILE", default=default, help=told)
    told = "the journal itself; PANs are then shown only with $RELAY_CREDENTIALS"
    where.add_argument("--file", metavar="PATH", default=default, help=told)


def _conditions(parser: argparse.ArgumentParser) -> None:
    moment = partial(parse_moment, now_ms=SystemClock().wall_ms())
    parser.add_argument("--terminal", metavar="ID", help="this terminal's")
    parser.add_argument("--state", choices=[state.value for state in StoredState], help="in this state")
    parser.add_argument("--kind", metavar="KIND", help="withdrawal, deposit, ...")
    parser.add_argument("--business-date", metavar="DATE", help="YYYY-MM-DD")
    parser.add_argument("--since", type=moment, metavar="TIME", help="2026-11-24, 2026-11-24T15:30, or 2h (ago)")
    parser.add_argument("--until", type=moment, metavar="TIME", help="not included")
    parser.add_argument("--pan", action="store_true", help="of one card: its number is read from standard input")


def run(args: argparse.Namespace) -> int:
    if args.what == "adopt":
        return _adopt(args, _settings(args))
    if args.what == "archive":
        return _archive(args)
    where, key, older = _place(args)
    if args.what == "verify":
        return _verify(verify(where, key, older), key is not None, args.json)
    reader = JournalReader(where, key, older)
    try:
        if args.what == "search":
            return _rows(reader.search(_query(args, args.limit)), args.json)
        if args.what == "listed":
            return _rows(reader.search(Query(is_listed=True, limit=SEARCH_COUNT_MAX)), args.json)
        if args.what == "show":
            return _show(reader, args.key, args.json)
        if args.what == "export":
            return _export(reader, _query(args, 0), args.output)
        if args.what == "keys":
            return _keys(reader.key_views(), args.json)
        print("\n".join(_summary(reader)))
        return 0
    finally:
        reader.close()


def _place(args: argparse.Namespace) -> tuple[str | Source, bytes | None, list[bytes]]:
    """Where the journal is, its key where this user may read it, and the older ones."""
    settings = _settings(args)
    key, older = _keys_of(settings)
    return args.file or _open_source(settings), key, older


def _keys_of(settings: Settings) -> tuple[bytes | None, list[bytes]]:
    credentials = Credentials(settings.relay.credentials_directory)
    key: bytes | None = None
    older: list[bytes] = []
    try:
        older = [credentials.journal_key(name) for name in settings.journal.older_key_credentials]
        key = credentials.journal_key(settings.journal.key_credential)
    except CredentialUnusable as error:
        print(f"relay: PANs are not shown: {error.problem}", file=sys.stderr)
    return key, older


def _open_source(settings: Settings) -> Source:
    return open_source(settings.journal, Credentials(settings.relay.credentials_directory).secret)


def _archive(args: argparse.Namespace) -> int:
    settings = _settings(args)
    key, older = _keys_of(settings)
    ring = None if key is None else KeyRing(key, older)

    def source() -> Source:
        return SqliteSource(args.file) if args.file else _open_source(settings)

    return archive.run(args, settings.journal.archive_directory, ring, source, _rows, _print_detail)


def _settings(args: argparse.Namespace) -> Settings:
    if args.config is not None or (args.file is None and Path(DEFAULT_CONFIG).exists()):
        return reach.settings_of(args.config or DEFAULT_CONFIG)
    return Settings()


def _adopt(args: argparse.Namespace, settings: Settings) -> int:
    mine = Identity(settings.relay.center, settings.relay.realm)
    if args.file is None and settings.journal.engine != "sqlite":
        raise JournalUnusable(
            "adopt changes a journal in an SQLite file only; this one is kept by PostgreSQL.",
            'With the relay stopped, as the owner of its schema: see "A journal of another relay" in the runbook.',
        )
    before = adopt(args.file or settings.journal.path, mine, args.who, args.why, SystemClock().wall_ms())
    print(f"adopted by {safe(args.who)}: was {before or 'nobody'}, is {mine}")
    return 0


def _keys(found: list[KeyView], as_json: bool) -> int:
    if as_json:
        print(msgspec.json.encode(found).decode())
        return 0
    for each in found:
        use = "writes" if each.is_current else "needed by older rows" if each.is_needed else "no row needs it"
        archives = f"; archives that want it: {count(each.archive_count)}" if each.archive_count else ""
        print(f"{each.key_id}  {use}{archives}")
    return 0


def _query(args: argparse.Namespace, limit: int) -> Query:
    return Query(
        terminal=args.terminal,
        state=None if args.state is None else StoredState(args.state),
        business_date=args.business_date,
        kind=args.kind,
        pan=_read_pan() if args.pan else None,
        since_ms=args.since,
        until_ms=args.until,
        limit=limit,
    )


def _read_pan() -> Pan:
    text = getpass.getpass("card number: ") if sys.stdin.isatty() else sys.stdin.readline()
    digits = "".join(text.split())
    if not (digits.isascii() and digits.isdecimal() and 8 <= len(digits) <= 19):
        raise RelayError("this is no card number.", "8 to 19 digits on standard input.")
    return Pan(digits)


# ---- how it looks -------------------------------------------------------------------------------------------------------
def _rows(found: list[ExchangeView], as_json: bool) -> int:
    if as_json:
        print(msgspec.json.encode(found).decode())
        return 0
    if not found:
        print("nothing found", file=sys.stderr)
        return 0
    cells = [["recorded", "terminal", "kind", "amount", "card", "state", "code", "key"]]
    for each in found:
        amount, card = money(each.amount_minor, each.currency), each.pan or "-"
        row = [show_moment(each.recorded_ms), each.terminal, each.kind, amount, card, each.state, each.code or "-", each.key]
        cells.append([safe(cell) for cell in row])
    lines = table(cells, right=(3,))
    paint = Paint.for_stream(sys.stdout)
    print("\n".join([paint(DIM, lines[0]), *lines[1:]]))
    return 0


def _show(reader: JournalReader, key: str, as_json: bool) -> int:
    detail = reader.show(key)
    if detail is None:
        raise NotFound(f"the journal has no exchange {safe(key)}.", "Try: relay journal search --since 1d")
    return _print_detail(detail, as_json)


def _print_detail(detail: ExchangeDetail, as_json: bool) -> int:
    if as_json:
        print(msgspec.json.encode(detail).decode())
    else:
        print("\n".join(_detail(detail, Paint.for_stream(sys.stdout))))
    return 0


def _detail(detail: ExchangeDetail, paint: Paint) -> Iterator[str]:
    each = detail.exchange
    rows = [
        ("key", each.key),
        ("exchange", f"{each.exchange_id}, taken by incarnation {each.incarnation}, epoch {each.epoch}"),
        ("from", f"{each.terminal} on {each.listener}, realm {each.realm}"),
        (
            "what",
            f"{each.kind} ({each.message_class}), {money(each.amount_minor, each.currency)}, card {each.pan or 'not shown'}",
        ),
        ("business date", each.business_date or "-"),
        ("doubt policy", each.policy),
        ("original", each.original_key or "-"),
        ("state", each.state + (f", {count(each.tries)} tries" if each.tries else "")),
        ("told", f"{each.verdict} with code {each.code}" if each.verdict else "nothing"),
        ("stands", "-" if each.standing_minor is None else money(each.standing_minor, each.currency)),
        ("evidence", each.evidence or "-"),
        ("recorded", show_moment(each.recorded_ms)),
        ("updated", f"{show_moment(each.updated_ms)}, {duration(each.updated_ms - each.recorded_ms)} later"),
    ]
    for name, value in rows:
        yield f"{paint(DIM, f'{name:<14}')}{safe(value)}"
    if detail.history:
        yield ""
        yield from table([[show_moment(h.at_ms), h.event, h.state.value, safe(h.detail)] for h in detail.history])


def _summary(reader: JournalReader) -> Iterator[str]:
    sizes = reader.sizes()
    yield f"{sizes.path}: {size(sizes.file_bytes)}, write-ahead log {size(sizes.log_bytes)}"
    yield f"incarnation {sizes.incarnation}, region epoch {sizes.epoch}"
    yield f"{count(sizes.exchange_count)} exchanges, {count(sizes.history_count)} history lines"
    if sizes.oldest_ms is not None and sizes.newest_ms is not None:
        yield f"from {show_moment(sizes.oldest_ms)} to {show_moment(sizes.newest_ms)}"
    yield from table([["  " + state, count(number)] for state, number in reader.counts().items()], right=(1,))


def _export(reader: JournalReader, query: Query, output: str | None) -> int:
    if output is None:
        for line in reader.export(query):
            sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
        return 0
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise RelayError(f"{output} cannot be made: {error.strerror}.", "An export replaces no file.") from error
    written = 0
    with open(descriptor, "wb") as file:
        for line in reader.export(query):
            file.write(line)
            written += 1
    print(f"{count(written)} exchanges written to {output}")
    return 0


def _verify(result: Verification, has_key: bool, as_json: bool) -> int:
    if as_json:
        print(msgspec.json.encode(result).decode())
    else:
        paint = Paint.for_stream(sys.stdout)
        pans = f", {count(result.pan_count)} PANs decrypted" if has_key else ", PANs not checked without the key"
        print(
            (paint(GREEN, "sound") if result.is_sound else paint(RED, "NOT SOUND"))
            + f": {count(result.exchange_count)} exchanges{pans}"
        )
        for problem in result.problems:
            print(f"  {paint(RED, '!')} {safe(problem)}")
        for note in result.notes:
            print(f"  {paint(DIM, 'note:')} {safe(note)}")
    return 0 if result.is_sound else JournalUnusable.exit_code


def money(minor: int | None, currency: str) -> str:
    """`JPY 10,000`, `USD -12.50`; a currency that nobody knows is shown in minor units."""
    if minor is None:
        return "-"
    try:
        places = by_alpha(currency)[1]
    except LocalMisuse:
        places = None
    if places is None:
        return f"{currency} {minor:,} (minor units)".strip()
    if places == 0:
        return f"{currency} {minor:,}"
    whole, part = divmod(abs(minor), 10**places)
    return f"{currency} {'-' if minor < 0 else ''}{whole:,}.{part:0{places}d}"
