"""`relay journal`: what was made durable, for people: search, show, the person's list, export, verify.

Owns what is asked and how it looks. It must never write to the journal, and never show a PAN unmasked but through
relay/cli/reveal.py, which records that first. The traps: a PAN on a command line is seen by everybody who lists processes, so
it is read from standard input; and an export is a file full of customers' business, so it is made for its owner only, replaces
nothing, and has no card number in clear.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from functools import partial
from pathlib import Path

import msgspec

from protocols.vocabulary import Pan
from relay.cli import archive, reach, reveal
from relay.cli.journalpages import print_one, print_rows, print_verification, summary
from relay.cli.keys import rekey
from relay.cli.keys import show as show_keys
from relay.cli.screen import count, safe
from relay.cli.when import parse_moment
from relay.clock import SystemClock
from relay.control.client import ControlClient
from relay.credentials import Credentials, CredentialUnusable
from relay.errors import RelayError
from relay.journal.audit import REVEAL_COUNT_MAX
from relay.journal.engines import adopt_journal, open_source
from relay.journal.keyring import KeyRing
from relay.journal.keytable import Identity
from relay.journal.reader import SEARCH_COUNT_MAX, ExchangeDetail, JournalReader, Query
from relay.journal.records import HistoryLine, StoredExchange, StoredState
from relay.journal.source import Source, SqliteSource
from relay.journal.verify import verify
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
    show.add_argument("key_or_number", metavar="KEY", help="the key, or the exchange's number")
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
    rekey = what.add_parser(
        "rekey",
        help="change the key of a running relay, as the configuration says now",
        description="The running relay takes the keys up that its configuration names now, and seals older rows anew.",
    )
    rekey.add_argument("--wait", action="store_true", help="until no row needs an older key, with progress on standard error")
    rekey.add_argument("--json", action="store_true", help="one object")
    reveals = what.add_parser("reveals", help="who was shown card numbers", description="Who was shown card numbers, and why.")
    reveals.add_argument("--limit", type=int, default=100, metavar="N", help="at most N, the newest (default 100)")
    reveals.add_argument("--json", action="store_true", help="a list of objects")
    for each in (search, show, listed):
        reveal.add_arguments(each)

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
    for each in (search, show, listed, export, check, keys, rekey, reveals, archived, adopt):
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
    if args.what == "rekey":
        return rekey(ControlClient(os.environ.get("RELAY_SOCKET") or _settings(args).control.path), args)
    if getattr(args, "reveal", False):
        return _reveal(args, _settings(args))
    if args.what == "archive":
        return _archive(args)
    where, key, older = _place(args)
    if args.what == "verify":
        return print_verification(verify(where, key, older), key is not None, args.json)
    reader = JournalReader(where, key, older)
    try:
        if args.what == "search":
            return print_rows(reader.search(_query(args, args.limit)), args.json)
        if args.what == "listed":
            return print_rows(reader.search(Query(is_listed=True, limit=SEARCH_COUNT_MAX)), args.json)
        if args.what == "show":
            return _show(reader, args.key_or_number, args.json)
        if args.what == "export":
            return _export(reader, _query(args, 0), args.output)
        if args.what == "keys":
            return show_keys(reader.key_views(), _settings(args), args.json)
        if args.what == "reveals":
            return reveal.reveals(reader, max(1, min(args.limit, reveal.REVEALS_COUNT_MAX)), args.json)
        print("\n".join(summary(reader)))
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

    return archive.run(args, settings.journal.archive_directory, ring, source, print_rows, print_one)


def _settings(args: argparse.Namespace) -> Settings:
    """Of the file given or usual; with --file the journal of it."""
    if args.config is not None or (args.file is None and Path(DEFAULT_CONFIG).exists()):
        return reach.settings_of(args.config or DEFAULT_CONFIG)
    settings = Settings()
    if args.file is None:
        return settings
    return settings.model_copy(update={"journal": settings.journal.model_copy(update={"path": args.file})})


def _adopt(args: argparse.Namespace, settings: Settings) -> int:
    mine = Identity(settings.relay.center, settings.relay.realm)
    if not args.who.strip() or not args.why.strip():
        raise RelayError("a person signs with a name and a reason, both not empty.", "--who NAME --why REASON")
    secret = Credentials(settings.relay.credentials_directory).secret
    before = adopt_journal(settings.journal, secret, mine, args.who, args.why, SystemClock().wall_ms())
    print(f"adopted by {safe(args.who)}: was {before or 'nobody'}, is {mine}")
    return 0


def _reveal(args: argparse.Namespace, settings: Settings) -> int:
    """Card numbers in clear: of a search, the list, or one exchange."""
    if args.what == "show":
        return _reveal_one(args, settings, args.key_or_number)
    query = Query(is_listed=True, limit=REVEAL_COUNT_MAX)
    if args.what == "search":
        query = _query(args, args.limit)
        if not 0 < args.limit <= REVEAL_COUNT_MAX:
            raise RelayError(f"card numbers of 1 to {REVEAL_COUNT_MAX} exchanges are shown at a time.", "See --limit.")
    return print_rows(reveal.show(args, settings, _in_words(args.what, query), lambda reader: reader.find(query)), args.json)


def _reveal_one(args: argparse.Namespace, settings: Settings, key: str) -> int:
    history: list[HistoryLine] = []

    def find(reader: JournalReader) -> list[StoredExchange]:
        found, masked = reader.find_one(key), reader.show(key)
        history.extend(() if masked is None else masked.history)
        return [] if found is None else [found]

    views = reveal.show(args, settings, f"show {key}", find)
    if not views:
        raise _not_found(key)
    return print_one(ExchangeDetail(views[0], tuple(history)), args.json)


def _in_words(what: str, query: Query) -> str:
    """What was asked, for the record: never the card number that was searched for."""
    conditions = msgspec.to_builtins(msgspec.structs.replace(query, pan=None))
    said = [f"{name}={value}" for name, value in conditions.items() if value is not None]
    return " ".join([what, *said, *(["one card"] if query.pan is not None else [])])


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


# ---- one, many, all ----------------------------------------------------------------------------------------------------
def _show(reader: JournalReader, key: str, as_json: bool) -> int:
    detail = reader.show(key)
    if detail is None:
        raise _not_found(key)
    return print_one(detail, as_json)


def _not_found(key: str) -> NotFound:
    return NotFound(f"the journal has no exchange {safe(key)}.", "Try: relay journal search --since 1d")


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
