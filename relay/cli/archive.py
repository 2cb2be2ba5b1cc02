"""`relay journal archive`: which archives there are, whether each is what was made, what is in one. Masked, as the journal is.

Owns what is asked and how archives look; how exchanges look is relay/cli/journal.py's, handed in. It must never write. The
trap: an archive that was carried elsewhere is shown by its path, with the keys of the configuration given, without its journal.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import msgspec

from relay.cli.screen import DIM, RED, Paint, count, safe, size, table
from relay.cli.when import show_moment
from relay.errors import JournalUnusable, RelayError
from relay.journal.archive.record import ArchiveTrouble
from relay.journal.archive.shelf import ArchiveView, MessageView, Shelf, exchanges_in, is_of_messages, messages_in
from relay.journal.keyring import KeyRing
from relay.journal.reader import ExchangeDetail, ExchangeView
from relay.journal.source import Source, SourceDamaged, damaged

ShowRows = Callable[[list[ExchangeView], bool], int]
ShowDetail = Callable[[ExchangeDetail, bool], int]


def configure(archive: argparse.ArgumentParser) -> None:
    archive.add_argument("how", choices=("list", "verify", "show"), metavar="list|verify|show", help="what to do")
    archive.add_argument("which", nargs="?", metavar="DATE|PATH", help="show: a business date, or an archive's path")
    archive.add_argument("key", nargs="?", metavar="KEY", help="show: one, by its key or number")
    archive.add_argument("--outbound", action="store_true", help="show DATE: messages of the core, not exchanges")
    archive.add_argument("--limit", type=int, default=50, metavar="N", help="show: at most N of them (default 50)")
    archive.add_argument("--json", action="store_true", help="a list of objects, or one")


def run(
    args: argparse.Namespace,
    directory: str | None,
    keys: KeyRing | None,
    open_source: Callable[[], Source],
    show_rows: ShowRows,
    show_detail: ShowDetail,
) -> int:
    """`directory` is journal.archive_directory. Raises RelayError for what cannot be shown."""
    if args.how != "show":
        return _archives(_shelf_views(args, directory, keys, open_source), args.json)
    if args.which is None:
        raise RelayError("show needs a business date or an archive's path.", "Try: relay journal archive list")
    if keys is None:
        raise JournalUnusable("An archive cannot be read without the journal's key.", "Run this as the relay's user.")
    paths = _paths(args.which, directory, open_source, args.outbound)
    if is_of_messages(paths[0]):
        return _messages(paths, keys, args)
    found = _exchanges(paths, keys)
    if args.key is None:
        return show_rows([each.exchange for each in islice(found, max(0, args.limit))], args.json)
    for detail in found:
        if args.key in (detail.exchange.key, str(detail.exchange.exchange_id)):
            return show_detail(detail, args.json)
    raise RelayError(f"no exchange {safe(args.key)} in {safe(args.which)}.", "Try a neighbouring date: it is that of receipt.")


def _shelf_views(
    args: argparse.Namespace, directory: str | None, keys: KeyRing | None, open_source: Callable[[], Source]
) -> list[ArchiveView]:
    source = open_source()
    try:
        shelf = _shelf(directory, source)
        if args.how == "list":
            return shelf.archives()
        if keys is None:
            raise JournalUnusable("Archives cannot be verified without the journal's key.", "Run this as the relay's user.")
        return shelf.verify(keys)
    except SourceDamaged as error:
        raise damaged(source.place, error) from error
    finally:
        source.close()


def _paths(which: str, directory: str | None, open_source: Callable[[], Source], messages: bool) -> list[Path]:
    path = Path(which)
    if path.is_file():
        return [path]
    source = open_source()
    try:
        found = _shelf(directory, source).of_date(which, messages=messages)
    except SourceDamaged as error:
        raise damaged(source.place, error) from error
    finally:
        source.close()
    if not found:
        raise ArchiveTrouble(f"no archive of {safe(which)} is known.", "Try: relay journal archive list")
    return found


def _shelf(directory: str | None, source: Source) -> Shelf:
    if directory is None:
        raise RelayError(
            "journal.archive_directory is not set: nothing is archived.", "Set it, or give the configuration that does."
        )
    return Shelf(Path(directory), source)


def _exchanges(paths: list[Path], keys: KeyRing) -> Iterator[ExchangeDetail]:
    for path in paths:
        yield from exchanges_in(path, keys)


def _messages(paths: list[Path], keys: KeyRing, args: argparse.Namespace) -> int:
    found = (each for path in paths for each in messages_in(path, keys))
    if args.key is not None:
        one = next((each for each in found if args.key in (each.key, str(each.outbound_id))), None)
        if one is None:
            where = f"no message {safe(args.key)} in {safe(args.which)}."
            raise RelayError(where, "Try a neighbouring date: it is that of taking.")
        print(msgspec.json.encode(one).decode() if args.json else "\n".join(_message_lines(one)))
        return 0
    rows = list(islice(found, max(0, args.limit)))
    if args.json:
        print(msgspec.json.encode(rows).decode())
        return 0
    cells = [["taken", "listener", "line", "kind", "state", "core knows", "key"]]
    for each in rows:
        place = [show_moment(each.recorded_ms), each.listener, each.line or "-"]
        cells.append([safe(cell) for cell in [*place, each.kind, each.state, each.reported or "-", each.key]])
    print("\n".join(table(cells)))
    return 0


def _message_lines(each: MessageView) -> Iterator[str]:
    for name, value in (
        ("key", each.key),
        ("number", str(each.outbound_id)),
        ("line", f"{each.line} on {each.listener}" if each.line else each.listener),
        ("kind", each.kind),
        ("state", f"{each.state} since {show_moment(each.updated_ms)}"),
        ("core knows", each.reported or "-"),
        ("because", each.detail or "-"),
        ("taken", show_moment(each.recorded_ms)),
        ("sent", "-" if each.sent_ms is None else show_moment(each.sent_ms)),
        ("body", "sealed in the archive" if each.has_body else "had left the journal before"),
    ):
        yield f"{name:<12}{safe(value)}"


def _archives(found: list[ArchiveView], as_json: bool) -> int:
    """3 where something is wrong with one of them."""
    if as_json:
        print(msgspec.json.encode(found).decode())
    elif not found:
        print("no archives yet", file=sys.stderr)
    else:
        paint = Paint.for_stream(sys.stdout)
        cells = [["date", "kind", "exchanges", "size", "bodies in", "key", "made", "file"]]
        for each in found:
            number, bytes_, made = count(each.exchange_count), size(each.file_bytes), show_moment(each.archived_ms)
            row = [each.business_date, each.kind, number, bytes_, each.bodies, each.key_id, made, safe(each.file_name)]
            cells.append(row if each.kind else ["-"] * 7 + [safe(each.file_name)])
        lines = table(cells, right=(2, 3))
        print("\n".join([paint(DIM, lines[0]), *lines[1:]]))
        for each in found:
            if each.problem:
                print(f"  {paint(RED, '!')} {safe(each.file_name)}: {safe(each.problem)}")
    return JournalUnusable.exit_code if any(each.problem for each in found) else 0
