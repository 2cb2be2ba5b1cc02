"""One data record of a 総合振込 file: read with every check, and written, in microseconds; and the telegram that carries it."""

from __future__ import annotations

from collections.abc import Callable

from protocols.characters.text import Characters, CharacterSettings
from protocols.zengin.file.codec import Codec
from protocols.zengin.file.message import DataMessage
from protocols.zengin.file.profile import FileProfile
from protocols.zengin.format.layout import layout_of
from protocols.zengin.format.reader import FileReader
from protocols.zengin.format.record import read_record, write_record
from protocols.zengin.format.settings import FormatSettings
from tests.bench.codec import per_call_us
from tests.support.zenginfiles import payment, sound_file

FILE_RECORDS = 1_000


def measure(rounds: int, count: int = 2_000) -> list[dict[str, float]]:
    """Per round: microseconds per record parsed and built, per record of a file streamed, per telegram read and written."""
    layout = layout_of("21").records["2"]
    host = Characters(CharacterSettings(charset="ebcdic-kana"))
    plain = Characters()
    fields = payment("21", 1)
    plain_record, host_record = (write_record(layout, fields, characters) for characters in (plain, host))
    if read_record(layout, plain_record, plain)[1] or read_record(layout, host_record, host)[1]:
        raise RuntimeError("the record that is measured is not sound")
    content = sound_file("21", FILE_RECORDS)
    settings = FormatSettings()
    codec = Codec(FileProfile())
    telegram = DataMessage(1, content[: 17 * 120])
    frame = codec.write(1, telegram, ack_wanted=True)

    def stream() -> None:
        reader = FileReader(settings)
        for at in range(0, len(content), 16_384):
            reader.feed(content[at : at + 16_384])
        reader.finish()
        if reader.mistakes:
            raise RuntimeError("the file that is measured is not sound")

    calls: dict[str, Callable[[], object]] = {
        "parse_us": lambda: read_record(layout, plain_record, plain),
        "parse_ebcdic_us": lambda: read_record(layout, host_record, host),
        "build_us": lambda: write_record(layout, fields, plain),
        "telegram_read_us": lambda: codec.read(codec.cutter().feed(frame)[0]),
        "telegram_write_us": lambda: codec.write(1, telegram, ack_wanted=True),
    }
    for call in calls.values():
        per_call_us(call, count // 10)
    results = []
    for _ in range(rounds):
        measured = {name: per_call_us(call, count) for name, call in calls.items()}
        measured["stream_us"] = per_call_us(stream, 1) / (FILE_RECORDS + 3)
        results.append(measured)
    return results
