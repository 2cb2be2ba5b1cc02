"""The other dialects of `relay decode`: a name per decoder, and how one is found and shown.

Owns the table. A new dialect is one line here. The trap: they are asked before ISO 8583, whose bitmaps fit almost anything,
so each of them must be sure; only when nothing at all is sure, the one whose first bytes say what they are may be shown broken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from relay.cli.branchdecode import BranchTelegrams
from relay.cli.plausible import Bytes
from relay.cli.reading import Decoder, Item, Reading
from relay.cli.screen import BOLD, DIM, RED, Paint, safe
from relay.cli.when import show_moment
from relay.cli.zengin_lines import RcLines
from relay.cli.zengindecode import ZenginFrames, ZenginRecords

DECODERS: Mapping[str, Decoder] = {one.name: one for one in (RcLines(), BranchTelegrams(), ZenginRecords(), ZenginFrames())}


def find(name: str, readings: Sequence[Sequence[Bytes]]) -> Reading | None:
    """The reading of the decoder of that name, or of the first that is sure where the name is "auto"."""
    for decoder in DECODERS.values():
        if name not in (decoder.name, "auto"):
            continue
        for streams in readings:
            reading = decoder.read(streams, is_guess=name == "auto")
            if reading is not None:
                return reading
    return None


def nearest(readings: Sequence[Sequence[Bytes]]) -> Reading | None:
    """What nothing reads whole, as the dialect that its first bytes name; None where they name none."""
    for decoder in DECODERS.values():
        for streams in readings if decoder.names_itself else ():
            reading = decoder.read(streams, is_guess=False)
            if reading is not None:
                return reading
    return None


def shown(reading: Reading, paint: Paint) -> Iterator[str]:
    """Lines for people."""
    yield f"{paint(BOLD, reading.dialect)}: {'; '.join(reading.reasons)}"
    for item in reading.items:
        yield ""
        when = show_moment(item.time_ns // 1_000_000) if item.time_ns else ""
        about = "  ".join(part for part in (when, item.stream) if part)
        yield paint(BOLD, item.title) + (f"  {paint(DIM, about)}" if about else "")
        width = max((len(row.name) for row in item.rows), default=0)
        for row in item.rows:
            yield f"  {paint(DIM, f'{row.offset:5} {row.length:4}')}  {row.name:{width}}  {safe(row.value)}".rstrip()
        for mistake in item.mistakes:
            yield paint(RED, f"  {mistake}")


def as_json(reading: Reading) -> Iterator[str]:
    """One object a line."""
    for item in reading.items:
        yield msgspec.json.encode({"dialect": reading.dialect, **_object(item)}).decode()


def _object(item: Item) -> dict[str, object]:
    return {
        "title": item.title,
        "fields": {row.name: row.value for row in item.rows},
        "offsets": {row.name: [row.offset, row.length] for row in item.rows},
        "mistakes": list(item.mistakes),
        "stream": item.stream,
    }
