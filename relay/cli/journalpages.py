"""How exchanges of the journal look on a terminal: rows, one with its history, sums, and what a verification found.

Owns the words and columns. It must never read the journal itself. The trap: every text in a row came from outside once, so
nothing is printed that `safe` has not seen.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import msgspec

from protocols.errors import LocalMisuse
from protocols.primitives import by_alpha
from relay.cli.screen import DIM, GREEN, RED, Paint, count, duration, safe, size, table
from relay.cli.when import show_moment
from relay.errors import JournalUnusable
from relay.journal.reader import ExchangeDetail, ExchangeView, JournalReader
from relay.journal.verify import KeyUse, Verification


def print_rows(found: list[ExchangeView], as_json: bool) -> int:
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


def print_one(detail: ExchangeDetail, as_json: bool) -> int:
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


def summary(reader: JournalReader) -> Iterator[str]:
    sizes = reader.sizes()
    yield f"{sizes.path}: {size(sizes.file_bytes)}, write-ahead log {size(sizes.log_bytes)}"
    yield f"incarnation {sizes.incarnation}, region epoch {sizes.epoch}"
    yield f"{count(sizes.exchange_count)} exchanges, {count(sizes.history_count)} history lines"
    if sizes.oldest_ms is not None and sizes.newest_ms is not None:
        yield f"from {show_moment(sizes.oldest_ms)} to {show_moment(sizes.newest_ms)}"
    yield from table([["  " + state, count(number)] for state, number in reader.counts().items()], right=(1,))


def print_verification(result: Verification, has_key: bool, as_json: bool) -> int:
    if as_json:
        print(msgspec.json.encode(result).decode())
    else:
        paint = Paint.for_stream(sys.stdout)
        pans = f", {count(result.pan_count)} PANs decrypted" if has_key else ", PANs not checked without the key"
        print(
            (paint(GREEN, "sound") if result.is_sound else paint(RED, "NOT SOUND"))
            + f": {count(result.exchange_count)} exchanges{pans}"
        )
        for each in result.keys:
            print(f"  {in_words_of(each)}")
        for problem in result.problems:
            print(f"  {paint(RED, '!')} {safe(problem)}")
        for note in result.notes:
            print(f"  {paint(DIM, 'note:')} {safe(note)}")
    return 0 if result.is_sound else JournalUnusable.exit_code


def in_words_of(use: KeyUse) -> str:
    """A key and what names it."""
    secrets = f"{count(use.count)} stored secrets"
    if not use.key_id:
        return f"{secrets} from before keys had names"
    what = (
        "writes"
        if use.is_current
        else "needed"
        if use.is_needed
        else "needed by no row (an archive may want it: relay journal keys)"
    )
    return f"key {use.key_id} {what}, {secrets}"


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
