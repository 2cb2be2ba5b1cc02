"""通知: a text of the core for one branch terminal, and its 受領.

Owns the one notice that waits for its receipt, its number and its timer. It must never know the core or the book: a notice
moves no money and takes no 端末通番. The traps: a receipt is matched by its センター通番, for an old one may come late; and a
notice whose receipt does not come is unknown, because the terminal may have shown it.

Source: message types 50 and 51 are our own addition to the profile [P].
"""

from __future__ import annotations

import msgspec

from protocols.branch.message import BranchMessage
from protocols.branch.rules import LinkRules
from protocols.dialect import Action, Delivery, Note, OutboundOffered, Send, Timer

KIND = "branch-notice"
NOTICE, RECEIPT = "50", "51"
TIMER = "notice"
SERIAL_MAX = 10**10 - 1


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str


class Notices:
    __slots__ = ("_id", "_rules", "_serial")

    def __init__(self, rules: LinkRules) -> None:
        self._rules = rules
        self._id = ""  # of the notice that waits for its receipt
        self._serial = 0  # センター通番 of the last notice on this link

    @property
    def is_idle(self) -> bool:
        return not self._id

    def offer(self, event: OutboundOffered, heard: BranchMessage | None, actions: list[Action]) -> None:
        """`heard` is the 開局 of an open terminal, None where it cannot be told anything now."""
        if event.kind != KIND:
            actions.append(Delivery(event.id, "failed", f"a branch terminal is told {KIND} only"))
            return
        try:
            text = msgspec.json.decode(event.body, type=_Body).text
        except (msgspec.MsgspecError, UnicodeDecodeError):
            actions.append(Delivery(event.id, "failed", 'expected {"text": "..."}'))
            return
        if heard is None or self._id:
            why = "another notice waits for its receipt" if self._id else "the terminal is not open"
            actions.append(Delivery(event.id, "deferred", why))
            return
        serial = self._serial % SERIAL_MAX + 1
        data = self._rules.own(heard, NOTICE, {"text": text}, center_serial=f"{serial:010}")
        if data is None:
            actions.append(Delivery(event.id, "failed", "the text does not fit the line's characters or its length"))
            return
        self._serial, self._id = serial, event.id
        wait_ms = self._rules.session.notice_wait_ms
        actions += [Delivery(event.id, "sent"), Send(data), Timer(TIMER, wait_ms)]

    def received(self, message: BranchMessage, actions: list[Action]) -> None:
        """受領, or the terminal's word that it cannot show it."""
        if not self._id or message.center_serial != f"{self._serial:010}":
            actions.append(Note("unmatched-answer", f"通知受領 {message.center_serial}"))
            return
        ok = message.code == "0000"
        self._end("acknowledged" if ok else "failed", "" if ok else f"refused with 応答コード {message.code}", actions)

    def overdue(self, actions: list[Action]) -> None:
        if self._id:
            actions.append(Note("notice-unanswered"))
            self._end("unknown", f"no 受領 within {self._rules.session.notice_wait_ms} ms", actions)

    def _end(self, state: str, detail: str, actions: list[Action]) -> None:
        ended, self._id = self._id, ""
        actions += [Timer(TIMER, None), Delivery(ended, state, detail)]
