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
from relay.journal.archive.shelf import ArchiveView, Shelf, exchanges_in
from relay.journal.keyring import KeyRing
from relay.journal.reader import ExchangeDetail, ExchangeView
from relay.journal.source import Source, SourceDamaged, damaged

ShowRows = Callable[[list[ExchangeView], bool], int]
ShowDetail = Callable[[ExchangeDetail, bool], int]


def configure(archive: argparse.ArgumentParser) -> None:
    archive.add_argument("how", choices=("list", "verify", "show"), metavar="list|verify|show", help="what to do")
    archive.add_argument("which", nargs="?", metavar="DATE|PATH", help="show: a business date, or an archive's path")
    archive.add_argument("key", nargs="?", metavar="KEY", help="show: one exchange, by its key or number")
    archive.add_argument("--limit", type=int, default=50, metavar="N", help="show: at most N exchanges (default 50)")
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
    found = _exchanges(_paths(args.which, directory, open_source), keys)
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


def _paths(which: str, directory: str | None, open_source: Callable[[], Source]) -> list[Path]:
    path = Path(which)
    if path.is_file():
        return [path]
    source = open_source()
    try:
        found = _shelf(directory, source).of_date(which)
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
