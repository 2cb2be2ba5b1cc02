"""What travels on a file transfer link, typed: four telegrams and the two notes around them; and what is asked of the desk.

Owns frozen values. It must never know bytes. The trap: a password prints as stars, because a message is printed by somebody
some day; `file` and `cycle` are the peer's words and are checked before they become part of a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from protocols.vocabulary import Secret
from protocols.zengin.format.record import Record

NO_SECRET = Secret("")


class StationMessage(msgspec.Struct, frozen=True, kw_only=True):
    """通信制御電文: open, close, mode, and their answers. `kind` and `result` are words of fields.py."""

    kind: str
    result: str = "ok"
    peer_code: str = ""  # 相手センター確認コード, 14 digits: whom the sender speaks to
    own_code: str = ""  # 当方センター確認コード: who speaks
    password: Secret = NO_SECRET
    at: str = ""  # YYYYMMDDhhmmss
    mode: str = "1"
    send_count: int = 0
    text_bytes_max: int = 0


class FileMessage(msgspec.Struct, frozen=True, kw_only=True):
    """ファイル制御電文: start, end, re-send, and the answers. `resume` is the first record wanted, from 1; 0 from the start."""

    kind: str
    result: str = "ok"
    file: str = ""
    access_key: Secret = NO_SECRET
    cycle: str = "00"
    record_bytes: int = 0
    record_count: int = 0
    resume: int = 0
    code: str = "0"


class DataMessage(msgspec.Struct, frozen=True):
    """データ電文: whole records; `serial` is the number of the first, from 1."""

    serial: int
    text: bytes

    def __repr__(self) -> str:
        return f"DataMessage({self.serial}, <{len(self.text)}>)"


Telegram: TypeAlias = StationMessage | FileMessage | DataMessage


class Signal(msgspec.Struct, frozen=True):
    """A frame without a telegram: "ack" or "nak" of `serial`, or "watch" (無通信監視)."""

    name: str
    serial: int = 0


class Frame(msgspec.Struct, frozen=True):
    """A telegram with its serial; `ack_wanted` as its TTC区分 says."""

    serial: int
    ack_wanted: bool
    telegram: Telegram


class FileIdentity(msgspec.Struct, frozen=True, order=True):
    """What a file is known by: the duplicate guard, and the beginning of the key of each of its records."""

    station: str
    file: str
    date: str  # YYYYMMDD, the sender's own, of the session in which it was completed
    cycle: str

    def text(self) -> str:
        return f"{self.station}:{self.file}:{self.date}:{self.cycle}"


class RecordMessage(msgspec.Struct, frozen=True):
    """One data record of a taken file, for the desk. `number` counts the file's data records from 1."""

    identity: FileIdentity
    type_code: str
    number: int
    header: Record
    record: Record

    def __repr__(self) -> str:
        return f"RecordMessage({self.identity.text()}, {self.number})"


class BatchMessage(msgspec.Struct, frozen=True):
    """A taken file in one call: or, where it holds several batches (header to trailer), one of them, for each has its own
    account and day. `number` counts those with data records, from 1."""

    identity: FileIdentity
    type_code: str
    count: int
    total: int  # yen
    header: Record
    lines: tuple[str, ...]  # every record, as text
    digest: str  # SHA-256 of the file, hex
    number: int = 1

    def __repr__(self) -> str:
        return f"BatchMessage({self.identity.text()}, {self.number}, {self.count} records)"


class Offer(msgspec.Struct, frozen=True):
    """A file that the core wants sent: `id` is its outbound key."""

    id: str
    file: str
    cycle: str
    record_bytes: int
    content: bytes
    code: str = "0"

    @property
    def record_count(self) -> int:
        return -(-len(self.content) // self.record_bytes)  # the last may be short

    def __repr__(self) -> str:
        return f"Offer({self.id}, {self.file}, <{len(self.content)}>)"


Codes: TypeAlias = Mapping[str, str]
