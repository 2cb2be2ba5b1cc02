"""Branch telegrams in `relay decode`: profile branch-p1, in JIS and in EBCDIC-kana.

Owns the trial of the two code pages, which a running relay is told and never tries, and what is masked. It must never show a
PIN block, a whole card number or a whole account number. The trap: a bank with layouts of its own has other bodies; their
headers are still shown, with the item at which the body stops making sense.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from protocols.branch.codec import Codec
from protocols.branch.dialect import build_dialect, default_profile
from protocols.branch.fields import LENGTH_BYTES, MAC_BYTES
from protocols.branch.message import BranchMessage
from protocols.errors import FieldError, FrameError
from protocols.framing import Frame, FrameCutter
from protocols.vocabulary import Pan, Secret, mask_pan
from relay.cli.layout import mask_text
from relay.cli.plausible import Bytes
from relay.cli.reading import Item, Reading, Row

CHARSETS = ("jis-x-0201", "ebcdic-kana")
MEANINGS = {
    "10": "開局要求", "11": "開局回答", "12": "閉局要求", "13": "閉局回答", "14": "エコー", "15": "エコー回答",
    "16": "精査指示", "17": "精査応答", "20": "取引要求", "21": "取引応答", "22": "完了確認", "23": "不成立通知",
    "24": "取消要求", "25": "取消応答", "26": "訂正要求", "27": "訂正応答", "30": "照会", "31": "回答",
    "40": "後送", "50": "通知", "51": "通知受信確認", "90": "障害通知",
}  # fmt: skip
_ACCOUNTS = frozenset({"account", "payee_account"})
_CONSTANT = frozenset({"version", "message_type", "charset"})


class BranchTelegrams:
    """Frames of a branch line."""

    name = "branch-p1"
    names_itself = False

    def __init__(self) -> None:
        self._codecs = {
            charset: build_dialect(default_profile(characters={"charset": charset}), lambda: 0).codec for charset in CHARSETS
        }

    def read(self, streams: Sequence[Bytes], *, is_guess: bool) -> Reading | None:
        """In the code page in which more telegrams read; for a guess only where all of them do."""
        best: tuple[int, str, list[Item]] | None = None
        for charset, codec in self._codecs.items():
            items = [item for stream in streams for item in _items(codec, stream)]
            sound = sum(not item.mistakes for item in items)
            if items and (best is None or sound > best[0]):
                best = (sound, charset, items)
        if best is None:
            return None
        sound, charset, items = best
        is_whole = sound == len(items)
        if is_guess and not is_whole:
            return None
        reasons = (f"{sound} of {len(items)} telegrams read", charset)
        return Reading(self.name, reasons, tuple(sorted(items, key=lambda item: item.time_ns)), is_whole)


def _items(codec: Codec, stream: Bytes) -> Iterator[Item]:
    cutter = FrameCutter(codec.framing)
    for time_ns, data in stream.pieces:
        problem = ""
        try:
            frames = cutter.feed(data)
        except FrameError as error:
            frames, problem = cutter.frames_before_error, error.problem
        for frame in frames:
            yield _item(codec, frame, stream.label, time_ns)
        if problem:
            yield Item("stream", (), (problem,), stream.label, time_ns)
            return
    if cutter.has_partial:
        yield Item("stream", (), (f"{cutter.buffered_count} bytes of an unfinished telegram",), stream.label)


def _item(codec: Codec, frame: Frame, label: str, time_ns: int) -> Item:
    try:
        message = codec.read(frame)
    except FieldError as error:
        mistake = f"item {error.field} at offset {error.offset}: expected {error.expected}"
        partial = error.partial
        if not isinstance(partial, BranchMessage):
            return Item("telegram", (), (mistake,), label, time_ns)
        return Item(_title(partial), tuple(_rows(codec, partial)), (mistake,), label, time_ns)
    mac = Row(LENGTH_BYTES + len(frame.body) - MAC_BYTES, MAC_BYTES, "mac", frame.body[-MAC_BYTES:].hex().upper())
    return Item(_title(message), (*_rows(codec, message), mac), (), label, time_ns)


def _title(message: BranchMessage) -> str:
    meaning = MEANINGS.get(message.message_type, "unknown 電文種別")
    repeated = ", 再送" if message.is_repeat else ""
    return f"{message.message_type} {meaning}  {message.terminal_name} {message.serial:06}{repeated}"


def _rows(codec: Codec, message: BranchMessage) -> Iterator[Row]:
    """What is not blank, in the order of the wire."""
    header = {
        "serial": f"{message.serial:06}",
        "repeat": "1" if message.is_repeat else "0",
        "original_serial": f"{message.original_serial:06}",
        "offline": "1" if message.is_offline else "0",
        "training": "1" if message.is_training else "0",
        "confirmed_serial": f"{message.confirmed_serial:06}",
    }
    for offset, field in codec.places(message):
        if field.name in _CONSTANT:
            continue
        value = message.body.get(field.name, header.get(field.name, getattr(message, field.name, "")))
        if isinstance(value, Secret):
            text = "***"
        elif isinstance(value, Pan):
            text = mask_pan(value.reveal())
        else:
            text = _masked(field.name, str(value), is_text=field.type == "C")
        if text.strip():
            yield Row(offset, field.length, field.name, text)


def _masked(name: str, text: str, *, is_text: bool) -> str:
    """An account shows its last three digits; a card number in a free text what `mask_text` leaves of it."""
    if name in _ACCOUNTS and len(text) > 3:
        return "*" * (len(text) - 3) + text[-3:]
    return mask_text(text) if is_text else text
