"""`relay decode`: hex, a file or a capture as messages, with offsets and names, and nothing that identifies a card.

Owns where bytes come from, and the order of what is printed; `plausible.py` finds ISO 8583 and its framing, `decoders.py` holds
the other dialects, `ndcview.py` NDC, `pcap.py` reads captures, `layout.py` prints a message. It must never print a secret:
there is no switch for it. The trap: a file may hold bytes, hex text or a capture, and only its content tells, never its name.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from protocols.errors import LocalMisuse
from protocols.framing import FRAMINGS, REFUSED
from protocols.iso8583.codec import Codec, compile_codec
from protocols.iso8583.overlay import load_overlay
from relay.cli import decoders, ndcview
from relay.cli.layout import MessageShown, lines, show
from relay.cli.pcap import is_capture, read_stretches
from relay.cli.plausible import NO_FRAMING, Bytes, Fit, fits
from relay.cli.reading import Reading
from relay.cli.screen import BOLD, Paint
from relay.cli.when import show_moment
from relay.errors import RelayError
from relay.overlays import overlay_names, read_overlay

NAME = "decode"
HELP = "hex, file or pcap as fields, masked, with offsets"

EXIT_DECODED = 0
EXIT_NOTHING = 1
AUTO = "auto"
INPUT_BYTES_MAX = 256 * 1024 * 1024
ALSO_SHOWN_MAX = 5

# Of dialects or framings that fit equally well, the plain ones come first.
_DIALECTS_FIRST = ("1987-ascii", "1987-bcd", "1987-ebcdic", "1993-ascii", "1993-bcd", "1993-ebcdic", "2003-ascii", "2003-bcd")
_FRAMINGS_FIRST = (NO_FRAMING, "binary2", "ascii4", "nac", "bcd2", "ncc", "hex4", "binary4", "vap")

_SEPARATORS = re.compile(rb"[\s:,_-]+|0[xX](?=[0-9A-Fa-f])")
_OFFSET_COLUMN = re.compile(rb"^(?:0x)?[0-9A-Fa-f]{4,8}[: ] +", re.MULTILINE)
_TEXT_COLUMN = re.compile(rb"  +\|?.{0,18}\|?$", re.MULTILINE)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "input", metavar="HEX|FILE", nargs="?", default="-", help="hex text, or a file of bytes, hex or packets (pcap, pcapng)"
    )
    parser.add_argument("--framing", metavar="NAME", default=AUTO, help="of the byte stream: a name, none, or auto (default)")
    parser.add_argument(
        "--dialect", metavar="NAME", default=AUTO, help="an overlay's name, a .toml file, ndc, or auto (default)"
    )
    parser.add_argument("--json", action="store_true", help="one object per message and line: mti, fields by number, offsets")
    parser.epilog = (
        f"Framings: {', '.join((NO_FRAMING, *FRAMINGS))}. "
        f"Dialects: {', '.join((*overlay_names(), ndcview.DIALECT, *decoders.DECODERS))}. "
        "Card numbers, tracks, PIN blocks and the like are always masked. Exit code: 0 decoded, 1 nothing decodes."
    )


def run(args: argparse.Namespace) -> int:
    readings = read_input(args.input, sys.stdin.buffer)
    if args.dialect in decoders.DECODERS or (args.dialect, args.framing) == (AUTO, AUTO):
        reading = decoders.find(args.dialect, readings)
        if reading is not None or args.dialect in decoders.DECODERS:
            return _show_other(reading, args)
    framings = _framings(args.framing)
    if args.dialect in (AUTO, ndcview.DIALECT):
        ndc = ndcview.find(readings, framings)
        if ndc is not None and (ndc.is_whole or args.dialect == ndcview.DIALECT):
            return _print_ndc(ndc, args.json)
        if args.dialect == ndcview.DIALECT:
            raise RelayError("No NDC message could be cut.", "Is it complete? --framing none takes it as one message.")
    codecs = _codecs(args.dialect)
    # Of equals the first: hex text that decodes as hex is hex.
    found = max((fits(streams, codecs, framings) for streams in readings), key=_goodness)
    if not found:
        names = ", ".join(framings) if args.framing != AUTO else "any known framing"
        raise RelayError(f"No frame could be cut with {names}.", "Is it complete? --framing none takes it as one message.")
    best = found[0]
    if not best.is_whole and (args.dialect, args.framing) == (AUTO, AUTO):
        reading = decoders.nearest(readings)
        if reading is not None:
            return _show_other(reading, args)
    others = _others(found)
    paint = Paint.for_stream(sys.stdout)
    if not args.json:
        _print_choice(best, others, paint, AUTO in (args.dialect, args.framing))
    is_trusted = best.read_count > 0 or args.dialect != AUTO
    for index, (shown, text) in enumerate(_messages(best, codecs[best.dialect], paint, is_trusted)):
        if args.json:
            first = msgspec.structs.replace(shown, why=best.reasons, also_fits=others) if index == 0 else shown
            print(msgspec.json.encode(first).decode())
        else:
            print()
            print("\n".join(text))
    return EXIT_DECODED if best.read_count else EXIT_NOTHING


def _show_other(reading: Reading | None, args: argparse.Namespace) -> int:
    """Another dialect than ISO 8583."""
    if reading is None:
        raise RelayError(f"This does not begin like {args.dialect}.", "--dialect auto tries all that are known.")
    for line in decoders.as_json(reading) if args.json else decoders.shown(reading, Paint.for_stream(sys.stdout)):
        print(line)
    return EXIT_DECODED if reading.is_whole else EXIT_NOTHING


def _print_ndc(found: ndcview.Found, as_json: bool) -> int:
    """Every message of an NDC stream, in the order of time where it is known."""
    paint = Paint.for_stream(sys.stdout)
    cuts = [(cut, stream.stream.label) for stream in found.streams for cut in stream.cuts]
    if not as_json:
        print(f"{paint(BOLD, f'ndc, framing {found.framing}')}: {found.read_count} of {found.frame_count} messages read")
    for cut, label in sorted(cuts, key=lambda entry: entry[0].time_ns):
        time = show_moment(cut.time_ns // 1_000_000) if cut.time_ns else ""
        shown = ndcview.show(cut.body, framing=found.framing, stream=label, time=time)
        print(msgspec.json.encode(shown).decode() if as_json else "\n" + "\n".join(ndcview.lines(shown, paint)))
    return EXIT_DECODED


def _goodness(found: list[Fit]) -> tuple[bool, bool, float]:
    """How well the best of these pairs fits, to choose between two readings of the same input."""
    return (found[0].is_whole, found[0].read_count > 0, found[0].progress) if found else (False, False, -1.0)


def _print_choice(best: Fit, others: tuple[str, ...], paint: Paint, was_asked: bool) -> None:
    """Which pair was taken and why, where it was looked for or does not fit."""
    if best.is_whole and not was_asked:
        return
    name = paint(BOLD, f"{best.dialect}, framing {best.framing}")
    fitting = f"{name} fits in part" if best.read_count else f"nothing fits; nearest is {name}"
    print(f"{f'{name} fits' if best.is_whole else fitting}: {'; '.join(best.reasons)}")
    if others:
        print(f"also fits: {', '.join(others)}")


def _others(found: list[Fit]) -> tuple[str, ...]:
    """The next best pairs that read everything, one for each dialect."""
    best = found[0]
    others: dict[str, str] = {}
    for fit in found[1:]:
        if fit.is_whole and fit.dialect != best.dialect:
            others.setdefault(fit.dialect, f"{fit.dialect} in {fit.framing}")
    return tuple(others.values())[:ALSO_SHOWN_MAX]


def _messages(fit: Fit, codec: Codec, paint: Paint, is_trusted: bool) -> Iterator[tuple[MessageShown, list[str]]]:
    """Every message of the best pair, in the order of time where it is known."""
    cuts = [(cut, stream.stream.label) for stream in fit.streams for cut in stream.cuts]
    for cut, label in sorted(cuts, key=lambda entry: entry[0].time_ns):
        scan = codec.scan(cut.body, cut.header)
        time = show_moment(cut.time_ns // 1_000_000) if cut.time_ns else ""
        shown = show(
            codec.spec,
            scan,
            dialect=fit.dialect,
            framing=fit.framing,
            header=cut.header,
            stream=label,
            time=time,
            is_trusted=is_trusted,
        )
        yield shown, lines(codec.spec, scan, shown, paint)


def _framings(name: str) -> list[str]:
    if name == AUTO:
        return [*_FRAMINGS_FIRST, *(other for other in FRAMINGS if other not in _FRAMINGS_FIRST)]
    if name != NO_FRAMING and name not in FRAMINGS:
        why = REFUSED.get(name, f"known are {', '.join((NO_FRAMING, *FRAMINGS))}")
        raise RelayError(f'There is no framing "{name}".', f"{why[0].upper()}{why[1:]}.")
    return [name]


def _codecs(name: str) -> dict[str, Codec]:
    if name.endswith(".toml"):
        path = Path(name)
        return {path.stem: _compile(name, _read_text(path))}
    known = overlay_names()
    if name == AUTO:
        ordered = [*(one for one in _DIALECTS_FIRST if one in known), *(one for one in known if one not in _DIALECTS_FIRST)]
        return {one: _compile(one, read_overlay(one)) for one in ordered}
    try:
        return {name: _compile(name, read_overlay(name))}
    except LocalMisuse as error:
        raise RelayError(f'There is no dialect "{name}".', f"Known are {', '.join(known)}.") from error


def _compile(name: str, text: str) -> Codec:
    try:
        return compile_codec(load_overlay(text))
    except LocalMisuse as error:
        raise RelayError(f"The dialect {name} cannot be used: {error}.") from error


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RelayError(f"{path} cannot be read: {error}.") from error


def read_input(given: str, standard_input: BinaryIO) -> list[list[Bytes]]:
    """The byte streams in what was given: hex text, the name of a file, or - for standard input.

    More than one reading where the content may be either: a message of digits and A to F is also hex text. Raises RelayError.
    """
    if given == "-":
        return readings_of(standard_input.read(INPUT_BYTES_MAX + 1))
    path = Path(given)
    try:
        is_file = path.is_file()
    except (OSError, ValueError):  # hex text may be longer than a name can be
        is_file = False
    if is_file:
        try:
            with path.open("rb") as file:
                return readings_of(file.read(INPUT_BYTES_MAX + 1))
        except OSError as error:
            raise RelayError(f"{given} cannot be read: {error.strerror or error}.") from error
    data = hex_of(given.encode())
    if data is None:
        # Not the text itself: hex with one wrong character is still somebody's card.
        is_name = len(given) <= 80 and ("/" in given or "." in given)
        short = f'"{given}"' if is_name else f"What was given ({len(given)} characters)"
        raise RelayError(f"{short} is neither hex nor the name of a file.", "Hex may hold blanks, colons and line breaks.")
    # What hex was typed for is not looked at for hex again.
    return [_captured(data) if is_capture(data) else _plain(data)]


def readings_of(data: bytes) -> list[list[Bytes]]:
    """What a file or a pipe held, by its content: a capture, or hex text, or the bytes themselves. Raises RelayError."""
    if len(data) > INPUT_BYTES_MAX:
        raise RelayError(f"The input has more than {INPUT_BYTES_MAX} bytes.", "Cut it, for instance with editcap or split.")
    if is_capture(data):
        return [_captured(data)]
    meant = hex_of(data)
    return [_plain(data)] if meant is None else [_plain(meant), _plain(data)]


def _plain(data: bytes) -> list[Bytes]:
    if not data:
        raise RelayError("The input is empty.", "Give hex, a file, or pipe either into standard input.")
    return [Bytes("", ((0, data),))]


def _captured(data: bytes) -> list[Bytes]:
    streams = [
        Bytes(
            f"{stretch.source} > {stretch.target}",
            tuple((piece.time_ns, piece.data) for piece in stretch.pieces),
            stretch.is_start,
        )
        for stretch in read_stretches(data)
    ]
    if not streams:
        raise RelayError("The capture holds no TCP payload.", "Was it taken on the right interface and port?")
    return streams


def hex_of(text: bytes) -> bytes | None:
    """The bytes that hex text means, blanks left out, or a hex dump with its offset and text columns. None: it is no hex."""
    for candidate in (text, _TEXT_COLUMN.sub(b"", _OFFSET_COLUMN.sub(b"", text))):
        digits = _SEPARATORS.sub(b"", candidate)
        try:
            return bytes.fromhex(digits.decode("ascii")) if digits else b""
        except ValueError:
            continue
    return None
