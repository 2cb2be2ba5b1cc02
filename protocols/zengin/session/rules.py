"""What every link of one logical line shares: codecs, calendar, tables, limits, and the telegrams that the line itself writes.

Owns `Rules`, compiled once. It must never hold the state of a link. The trap: the line's own telegrams have heads like
everybody else's; whatever number they carry comes from the durable state at the moment of sending, never from here.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from protocols.errors import LocalMisuse
from protocols.zengin.session.calendar import Calendar
from protocols.zengin.session.codec import Codec
from protocols.zengin.session.fields import HOST, RC
from protocols.zengin.session.gate import ReadBack, TableGate
from protocols.zengin.session.message import Path
from protocols.zengin.session.profile import ZrcProfile
from protocols.zengin.telegram.codec import Letters, TelegramCodec
from protocols.zengin.telegram.fields import build_layouts
from protocols.zengin.telegram.kinds import ANSWER_SUBJECT, ENQUIRY_BY_RECEIPT, ENQUIRY_BY_SEQUENCE, ENQUIRY_SUBJECT
from protocols.zengin.telegram.message import (
    REQUEST,
    RESPONSE,
    RESULT_OK,
    Control,
    Details,
    Enquiry,
    EnquiryAnswer,
    Figures,
    Head,
)
from protocols.zengin.telegram.outbound import Sender
from protocols.zengin.telegram.shared import Shared

HEADER_BYTES = 64


class Rules:
    """See the module. Raises LocalMisuse where the profile cannot work."""

    def __init__(
        self,
        profile: ZrcProfile,
        read_text: Callable[[str], str],
        wall_ms: Callable[[], int],
        tables: Shared[ReadBack] | None = None,
    ) -> None:
        line, telegram = profile.line, profile.telegram
        self.profile = profile
        self.name = f"{line.physical:02}-{line.logical:02}"
        self.line_name = f"zrc-{self.name}"  # what its links call themselves to the relay
        self.wall_ms = wall_ms
        self.codec = Codec(HOST if line.side == "host" else RC, line.sequence_bytes, line.frame_bytes_max)
        self.telegrams = TelegramCodec(build_layouts(telegram.widths), Letters(telegram.characters))
        if HEADER_BYTES + self.telegrams.length > line.frame_bytes_max:
            raise LocalMisuse("a telegram does not fit into a frame", "line.frame_bytes_max")
        self.calendar = Calendar(profile.calendar)
        self.gate = TableGate(profile.tables, read_text, Shared() if tables is None else tables)
        self.subjects = telegram.all_subjects()
        self.control_subject = telegram.all_control_subjects()
        self.control_name = {code: name for name, code in self.control_subject.items()}
        self.sender = Sender(telegram.own_bank, self.subjects, telegram.fee_by, self.telegrams.letters)
        self.control_lcn = line.lcns[0]
        # Which direction of the day-end figures is ours: 1 host to RC, 2 RC to host.
        self.out_direction, self.in_direction = ("1", "2") if line.side == "host" else ("2", "1")

    def path(self, lcn: int) -> Path:
        return Path(self.profile.line.physical, self.profile.line.logical, lcn)

    def lcn_for(self, telegram: str, subject: str) -> int:
        """The LCN on which a telegram is sent: by 種目コード, by 電文区分, else the first."""
        table = self.profile.line.lcn_of
        return table.get(subject, table.get(telegram, self.control_lcn))

    def sent_at(self) -> str:
        """発信日時, local."""
        return self.calendar.stamp(self.wall_ms())

    # ---- telegrams of the line's own -------------------------------------------------------------------------------------
    def _head(self, subject: str, process: str, date: str) -> Head:
        telegram = self.profile.telegram
        return Head(
            subject=subject,
            process=process,
            from_bank=telegram.own_bank,
            from_branch=telegram.own_branch,
            to_bank=telegram.center_bank,
            to_branch="000",
            date=date,
        )

    def control(self, name: str, process: str, date: str, figures: Figures, result: str = RESULT_OK) -> Control:
        """A control telegram: "open", "pre-close", "close", "forced-close" or "match"."""
        head = self._head(self.control_subject[name], process, date)
        return Control(_with(head, result=result), figures)

    def enquiry(self, date: str, serial: int, about: str) -> Enquiry:
        """照会: what became of our telegram of `about` (取組日) with this 発信通番?"""
        head = self._head(ENQUIRY_SUBJECT, REQUEST, date)
        return Enquiry(_with(head, original_date=about, original_serial=serial), Details())

    def enquiry_by_receipt(self, date: str, receipt: int) -> Enquiry:
        """照会: the telegram with this 受信通番 never came."""
        return Enquiry(_with(self._head(ENQUIRY_BY_RECEIPT, REQUEST, date), receipt_serial=receipt), Details())

    def enquiry_by_sequence(self, date: str, lcn: int, first: int, last: int) -> Enquiry:
        """照会: messages with these sequence numbers never came."""
        head = self._head(ENQUIRY_BY_SEQUENCE, REQUEST, date)
        return Enquiry(head, Details(remarks=f"LCN{lcn:02} SEQ{first}-{last}"))

    def answer_to(self, original: Head, date: str, result: str) -> EnquiryAnswer:
        """回答 to a telegram that this relay could not process, with the result code a person chose."""
        head = _with(
            self._head(ANSWER_SUBJECT, RESPONSE, date),
            to_bank=original.from_bank,
            to_branch=original.from_branch,
            original_date=original.date,
            original_serial=original.serial,
            result=result,
        )
        return EnquiryAnswer(head, Details())


def _with(head: Head, **changes: object) -> Head:
    return msgspec.structs.replace(head, **changes)
