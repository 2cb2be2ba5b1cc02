"""What all links of one listener share: profile, codec, codes, and how a refusal or a telegram of our own is made.

Owns `LinkRules`. It must never hold the state of a link. The trap: the reason of a refusal is a metric's label and one of the
shared words, the 応答コード on the wire is finer; `REASON_OF` says which belongs to which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from protocols.branch import codes
from protocols.branch.codec import Codec
from protocols.branch.message import BranchMessage, Value
from protocols.branch.profile import BranchProfile, OperationRule
from protocols.dialect import Refuse
from protocols.errors import ProtocolError
from protocols.vocabulary import Refusal

TOKYO = timedelta(hours=9)

REASON_OF: dict[str, Refusal] = {
    codes.SERIAL_WRONG: Refusal.KEY_CONFLICT,
    codes.DATE_WRONG: Refusal.NOT_SIGNED_ON,
    codes.DAY_CLOSED: Refusal.NOT_SIGNED_ON,
    codes.APPROVER_WANTED: Refusal.SUSPENDED,
    codes.PENDING_FULL: Refusal.SUSPENDED,
    codes.TRAINING: Refusal.UNSUPPORTED,
    codes.COUNT_MISSING: Refusal.SUSPENDED,
    codes.COUNT_WRONG: Refusal.SUSPENDED,
    codes.BUSY: Refusal.IN_PROGRESS,
    codes.MAC_WRONG: Refusal.FORMAT_ERROR,
    codes.KEY_UNKNOWN: Refusal.FORMAT_ERROR,
    **{str(refusal): refusal for refusal in Refusal},
}


class LinkRules:
    """`wall_ms` is UTC epoch milliseconds; the line's clock (送信日時 of our own telegrams) is UTC + 9 h."""

    def __init__(self, profile: BranchProfile, codec: Codec, wall_ms: Callable[[], int]) -> None:
        self.session = profile.session
        self.codec = codec
        self.codes: Mapping[str, str] = profile.all_codes()
        self.operations: Mapping[str, OperationRule] = profile.all_operations()
        self.wall_ms = wall_ms

    def refusal(self, message: BranchMessage, word: str, detail: str, last: int = 0) -> Refuse:
        """The refusal of a telegram, with its answer on the wire where it wants one."""
        data = b""
        if message.is_answerable:
            answer = message.answered(self.codes[word], confirmed_serial=last)
            # Under an unknown key nothing can be authenticated: a bare "key unknown" tells the branch what is wrong.
            data = (self.bare(answer) if word == codes.KEY_UNKNOWN else self.written(answer)) or b""
        return Refuse(REASON_OF[word], data, f"{message.message_type}: {detail}")

    def written(self, message: BranchMessage) -> bytes | None:
        """The frame, None where something in it cannot be written."""
        try:
            return self.codec.write(message)
        except ProtocolError:
            return None

    def bare(self, message: BranchMessage) -> bytes | None:
        """As `written`, with zeros for the authentication and 鍵版 0000: a hint, which no terminal may act on."""
        try:
            return self.codec.write(msgspec.structs.replace(message, key_version="0000"), is_bare=True)
        except ProtocolError:
            return None

    def own(
        self, heard: BranchMessage, message_type: str, body: dict[str, Value] | None = None, **items: object
    ) -> bytes | None:
        """A telegram that we begin, to the terminal that sent `heard`, with these header `items`. It has no 端末通番."""
        message = BranchMessage(
            message_type=message_type,
            bank=heard.bank,
            branch=heard.branch,
            terminal_kind=heard.terminal_kind,
            terminal=heard.terminal,
            business_date=heard.business_date,
            value_date=heard.business_date,
            sent_at=self.now(),
            key_version=heard.key_version,
            body=body or {},
        )
        return self.written(msgspec.structs.replace(message, **items))

    def awaits_completion(self, message: BranchMessage) -> bool:
        """Whether an approval of this telegram waits for 完了確認."""
        rule = self.operations.get(message.operation)
        return rule is not None and message.message_type == "20" and message.terminal_kind in rule.completion

    def latest_date(self) -> str:
        """The last 営業日 that may be opened now, YYYYMMDD."""
        now = datetime.fromtimestamp(self.wall_ms() / 1_000, UTC) + TOKYO
        return f"{now + timedelta(days=self.session.days_ahead_max):%Y%m%d}"

    def now(self) -> str:
        """送信日時: local time as YYYYMMDDhhmmss."""
        return f"{datetime.fromtimestamp(self.wall_ms() / 1_000, UTC) + TOKYO:%Y%m%d%H%M%S}"

    def effect(self, message: BranchMessage) -> int:
        """Yen that the till gains (negative: loses) when this telegram's transaction happens.

        A 取消 or 訂正 has the original's 取引コード, and moves the difference the other way.
        """
        rule = self.operations.get(message.operation)
        sign = {"in": 1, "out": -1, "none": 0}["none" if rule is None else rule.cash]
        if message.message_type in ("24", "26"):
            return -sign * (message.number("amount") - message.number("standing"))
        return sign * message.number("amount")
