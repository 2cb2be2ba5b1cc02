"""What all links of one listener share: settings, codec, archive, and how far each outgoing file has come.

Owns `LinkRules`. It must never know a link. The trap: what stands here is shared, so nothing of one link's conversation may.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from protocols.errors import LocalMisuse
from protocols.zengin.file.archive import Archive
from protocols.zengin.file.codec import Codec
from protocols.zengin.file.kinds import FileKinds
from protocols.zengin.file.message import FileMessage, StationMessage, Telegram
from protocols.zengin.file.profile import FileProfile, FileRule
from protocols.zengin.format.layout import layout_of
from protocols.zengin.format.settings import ENDS

_JAPAN = timedelta(hours=9)
POSITIONS_MAX = 1_000  # outgoing files whose place is remembered
_JIS = frozenset({"jis-x-0201", "shift-jis"})


class LinkRules:
    """Raises LocalMisuse for what is only wrong when put together: a password that the control charset cannot write."""

    def __init__(self, profile: FileProfile, wall_ms: Callable[[], int]) -> None:
        self.profile = profile
        self.wall_ms = wall_ms
        self.codec = Codec(profile)
        self.archive = Archive(
            {rule.name: rule.format for rule in profile.files},
            profile.files_open_max,
            profile.stage_bytes,
            profile.duplicate_days,
            lambda: self.now()[:8],
        )
        self.kinds = FileKinds(profile)
        self.positions: dict[str, int] = {}  # outbound id -> first record not acknowledged
        for place, rule in enumerate(profile.files):
            start = FileMessage(kind="file-start", file=rule.name, access_key=rule.secret_key())
            self._try(start, f"files.{place}.access_key")
        for place, station in enumerate(profile.stations):
            for name in ("open", "open_answer", "close", "close_answer"):
                message = StationMessage(
                    kind="open",
                    peer_code=station.centre_code,
                    own_code=profile.centre_code,
                    password=station.secret(name),
                    at=self.now(),
                )
                self._try(message, f"stations.{place}.{name}_password")

    def _try(self, telegram: Telegram, path: str) -> None:
        try:
            self.codec.write(1, telegram, ack_wanted=True)
        except LocalMisuse as error:
            raise LocalMisuse(error.problem, path) from None

    def now(self) -> str:
        """YYYYMMDDhhmmss in Japan."""
        return (datetime.fromtimestamp(self.wall_ms() / 1000, UTC) + _JAPAN).strftime("%Y%m%d%H%M%S")

    def may_be_length(self, rule: FileRule, record_bytes: int) -> bool:
        """May レコード長 be this? Where records may be short, the file travels in blocks of whatever length was agreed."""
        if rule.format.short_records == "fill":
            return 0 < record_bytes <= self.profile.text_bytes_max
        return record_bytes in self.record_lengths(rule)

    def record_lengths(self, rule: FileRule) -> frozenset[int]:
        """Bytes that a whole record of this file may have on the wire, its record end included."""
        end = len(ENDS[rule.format.record_end])
        return frozenset(layout_of(code).length + end for code in rule.format.formats)

    def code_of(self, rule: FileRule) -> str:
        """コード区分: 0 JIS, 1 EBCDIC."""
        return "0" if rule.format.characters.charset in _JIS else "1"

    def remember(self, offer: str, position: int) -> None:
        if len(self.positions) >= POSITIONS_MAX and offer not in self.positions:
            self.positions.pop(next(iter(self.positions)))
        self.positions[offer] = position
