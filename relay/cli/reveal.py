"""`relay journal search|listed|show --reveal`, and `relay journal reveals`: card numbers in clear, and who saw them.

Owns the order of things: the key is proven, the exchanges are found, the act is recorded, the record is read back from the
journal that was searched, and only then something is shown. It must never take a key from anywhere but `--key`, nor a card
number from the command line. The trap: the relay that answers on the control socket may keep another journal than the one read
here; it says so, and then the record is written without it, which works only where no relay runs on that journal.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

import msgspec

from relay.cli.screen import safe, table
from relay.cli.when import show_moment
from relay.clock import SystemClock
from relay.control.client import ControlClient, NotReachable
from relay.control.commands import RevealArgs
from relay.credentials import Credentials
from relay.errors import JournalUnusable, RelayError
from relay.journal.audit import REVEAL_COUNT_MAX, Reveal, StoredReveal, reveal_of
from relay.journal.engines import open_source, place_of, record_alone
from relay.journal.reader import ExchangeView, JournalReader
from relay.journal.records import StoredExchange
from relay.journal.reveal import clear_views
from relay.settings import Settings

REVEALS_COUNT_MAX = 10_000  # listed at once

Found = Callable[[JournalReader], Sequence[StoredExchange]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("card numbers in clear", "Recorded in the journal before anything is shown.")
    group.add_argument("--reveal", action="store_true", help=f"show card numbers, of {REVEAL_COUNT_MAX} exchanges at most")
    group.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="FILE",
        help="file with the journal's key (a path with a slash), or a credential's name; again for each older key still needed",
    )
    group.add_argument("--who", default="", help="the person who looks")
    group.add_argument("--reason", default="", help="why: for the record in the journal, the log and the alert")


def show(args: argparse.Namespace, settings: Settings, asked: str, found: Found) -> list[ExchangeView]:
    """What `found` finds, with card numbers, recorded. Raises RelayError: then nothing may be shown."""
    if not args.key or not args.who.strip() or not args.reason.strip():
        raise RelayError(
            "card numbers are shown only with the journal's key, a name and a reason.",
            'Give all three: --reveal --key FILE --who NAME --reason "WHY".',
        )
    credentials = Credentials(settings.relay.credentials_directory)
    keys = [credentials.journal_key_at(each) for each in args.key]
    reader = JournalReader(open_source(settings.journal, credentials.secret), keys[0], keys[1:])
    try:
        exchanges = found(reader)
        if not exchanges:
            return []
        proof = _recorded(args, settings, asked, exchanges, reader, credentials)
        print(f"relay: recorded as reveal {proof.reveal_id}, by {safe(proof.reveal.who)}", file=sys.stderr)
        return clear_views(exchanges, proof)
    finally:
        reader.close()


def _recorded(
    args: argparse.Namespace,
    settings: Settings,
    asked: str,
    exchanges: Sequence[StoredExchange],
    reader: JournalReader,
    credentials: Credentials,
) -> StoredReveal:
    """The record, read back from the journal of `reader`."""
    try:
        record = reveal_of(
            token=os.urandom(16).hex(),
            at_ms=SystemClock().wall_ms(),
            who=args.who,
            reason=args.reason,
            uid=os.getuid(),
            asked=asked,
            exchange_ids=[each.taken.exchange_id for each in exchanges],
        )
    except ValueError as error:
        raise RelayError(f"{error}.", "Narrow the search.") from error
    why_not = _by_the_relay(settings, record)
    if why_not is not None:
        try:
            record_alone(settings.journal, credentials.secret, record)
        except JournalUnusable as error:
            raise JournalUnusable(
                f"The act cannot be recorded, so nothing is shown. {error.problem} And {why_not}", error.next_step
            ) from error
    proof = reader.reveal(record.token)
    if proof is None:
        raise JournalUnusable(
            "The record of the act is not in the journal that was read, so nothing is shown.",
            "Read the journal that is written, not a copy or a standby that is behind.",
        )
    return proof


def _by_the_relay(settings: Settings, record: Reveal) -> str | None:
    """Have the running relay record it. None when it did, else why it did not. Raises Refused where it keeps this journal and
    cannot."""
    path = os.environ.get("RELAY_SOCKET") or settings.control.path
    place = place_of(settings.journal)
    if settings.journal.engine == "sqlite":
        place = os.path.realpath(place)
    args = RevealArgs(
        token=record.token,
        who=record.who,
        reason=record.reason,
        asked=record.asked,
        exchange_ids=record.exchange_ids,
        place=place,
    )
    try:
        answer = ControlClient(path).reveal(args)
    except NotReachable as error:
        return error.problem
    return None if answer.is_recorded else f"the relay on {path} keeps another journal."


def reveals(reader: JournalReader, count_max: int, as_json: bool) -> int:
    """Who was shown card numbers, newest first."""
    found = reader.reveals(count_max)
    if as_json:
        rows = [{"reveal_id": each.reveal_id, **msgspec.to_builtins(each.reveal)} for each in found]
        print(msgspec.json.encode(rows).decode())
        return 0
    if not found:
        print("nobody was shown a card number", file=sys.stderr)
        return 0
    cells = [["number", "when", "who", "uid", "exchanges", "asked", "reason"]]
    for each in found:
        act = each.reveal
        row = [str(each.reveal_id), show_moment(act.at_ms), act.who, str(act.uid), str(len(act.exchange_ids))]
        cells.append([safe(cell) for cell in (*row, act.asked, act.reason)])
    print("\n".join(table(cells, right=(0, 3, 4))))
    return 0
