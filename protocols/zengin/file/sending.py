"""One file going out on one link: its data in telegrams of whole records, its end, and what became of it.

Owns `Sending`, for both roles. It must never know who made the file. The traps: until the end is asked for, the far end cannot
have taken anything, so that a cut line means "deferred" and the next session goes on from the last acknowledged record; once it
was asked for, a missing answer means "unknown", and the file is never offered again by itself; and the receiver's word on where
to begin beats our own.
"""

from __future__ import annotations

import hmac

from protocols.dialect import Delivery
from protocols.zengin.file.message import DataMessage, FileMessage, Offer
from protocols.zengin.file.session import Moment, State
from protocols.zengin.file.talk import FILE, OFFER, Talk


class Sending:
    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self.offer: Offer | None = None  # the file that may go, or goes
        self._position = 1  # first record not yet sent
        self._run = 0  # data telegrams since the last that wanted an ACK
        self._is_ended = False  # the end was asked for
        self._wanted: FileMessage | None = None  # asked for, and not answered: the core may have it in a moment

    @property
    def is_active(self) -> bool:
        return self.offer is not None and self._talk.state in (State.FILE_STARTING, State.TRANSFER, State.FILE_ENDING)

    def is_answered_by(self, message: FileMessage) -> bool:
        """Does this ファイル終了回答 speak of the file that went?"""
        return (
            self.is_active and self.offer is not None and (self.offer.file, self.offer.cycle) == (message.file, message.cycle)
        )

    # ---- asked for (照会モード, we are called) ---------------------------------------------------------------------------
    def wanted(self, message: FileMessage) -> None:
        """A file is asked for. Where none is here, the answer waits: what the core has queued for this line is offered only
        when the far end has named itself, and takes a moment to be durable."""
        talk = self._talk
        talk.move(Moment.FILE_ASKED)
        if self.offer is None and talk.timers.offer_ms:
            self._wanted = message
            talk.timer(OFFER, talk.timers.offer_ms)
        else:
            self._decide(message)

    def hold(self, offer: Offer) -> None:
        """The core's file: it goes when it is asked for, or now if it was."""
        self.offer = offer
        self.decide()

    def decide(self) -> None:
        """Answer what was asked, with what is here."""
        message, self._wanted = self._wanted, None
        if message is not None and not self._talk.is_over:
            self._talk.timer(OFFER, None)
            self._decide(message)

    def _decide(self, message: FileMessage) -> None:
        talk, offer = self._talk, self.offer
        rule = talk.rules.profile.rule(message.file)
        result = "ok"
        if (
            rule is None
            or rule.direction == "receive"
            or offer is None
            or offer.file != message.file
            or message.cycle not in ("00", offer.cycle)
        ):
            result = "no-file"
        elif not hmac.compare_digest(message.access_key.reveal().encode(), rule.secret_key().reveal().encode()):
            result = "wrong-access-key"
        elif not self._fits(offer):
            result = "wrong-record-length"
        start = self._start(message) if offer is not None else 0
        answer = FileMessage(
            kind="file-start-answer",
            result=result if start else "serial-fault",
            file=message.file,
            cycle=message.cycle if offer is None or result != "ok" else offer.cycle,
            record_bytes=0 if offer is None else offer.record_bytes,
            record_count=0 if offer is None else offer.record_count,
            resume=start,
            code=message.code if offer is None else offer.code,
        )
        if result != "ok" or not start:
            talk.move(Moment.FILE_REFUSED)
            talk.note("file-refused", f"{message.file}: {answer.result}")
            talk.say(answer if result == "ok" else _without_place(answer, result))
            return
        self._position = start
        talk.move(Moment.FILE_STARTED)
        if offer is not None:
            self._tell(offer)
        talk.say(answer, self.pump)

    def _tell(self, offer: Offer) -> None:
        place = f"sent from record {self._position} of {offer.record_count}"
        self._talk.note("file-started", f"{offer.file}, cycle {offer.cycle}: {place}")

    def _start(self, message: FileMessage) -> int:
        """The record that the receiver wants first; 0 where there is none such."""
        offer = self.offer
        if offer is None:
            return 0
        start = max(1, message.resume) if message.kind == "file-resend" else 1
        return start if start <= offer.record_count + 1 else 0

    def _fits(self, offer: Offer) -> bool:
        return offer.record_bytes <= self._talk.text_bytes_max

    # ---- announced by us (連絡モード, we call) ---------------------------------------------------------------------------
    def announce(self, offer: Offer) -> None:
        talk = self._talk
        rule = talk.rules.profile.rule(offer.file)
        self.offer = offer
        if rule is None or not self._fits(offer):
            self._conclude("failed", "no such file, or a record longer than a telegram may be")
            return
        place = talk.rules.positions.get(offer.id, 0)
        talk.move(Moment.FILE_ASKED)
        talk.timer(FILE, talk.timers.file_ms)
        talk.say(
            FileMessage(
                kind="file-resend" if place > 1 else "file-start",
                file=offer.file,
                access_key=rule.secret_key(),
                cycle=offer.cycle,
                record_bytes=offer.record_bytes,
                record_count=offer.record_count,
                resume=place if place > 1 else 0,
                code=offer.code,
            )
        )

    def answered(self, message: FileMessage) -> None:
        talk, offer = self._talk, self.offer
        talk.timer(FILE, None)
        if message.result != "ok" or offer is None:
            talk.move(Moment.FILE_REFUSED)
            talk.note("file-refused", f"{message.file}: {message.result}")
            self._conclude("failed", message.result)
            return
        if not 1 <= max(1, message.resume) <= offer.record_count + 1:
            talk.abort("serial-fault")
            return
        self._position = max(1, message.resume)
        talk.move(Moment.FILE_STARTED)
        self._tell(offer)
        self.pump()

    # ---- data and end ----------------------------------------------------------------------------------------------------
    def pump(self) -> None:
        """Send as many telegrams as may go before the next ACK; then the end."""
        talk, offer = self._talk, self.offer
        if offer is None or talk.is_over or talk.state is not State.TRANSFER:
            return
        count, size = offer.record_count, offer.record_bytes
        fit = max(1, talk.text_bytes_max // size)
        while self._position <= count and not talk.waits_for_ack:
            first = self._position
            last = min(count, first + fit - 1)
            text = offer.content[(first - 1) * size : last * size]
            self._position = last + 1
            is_asked = self._run >= talk.send_count or last == count
            self._run = 0 if is_asked else self._run + 1
            talk.stream(DataMessage(first, text), self._acknowledged if is_asked else None)
        if self._position > count and not talk.waits_for_ack:
            self._end(offer)

    def _acknowledged(self) -> None:
        if self.offer is not None:
            self._talk.rules.remember(self.offer.id, self._position)
        self.pump()

    def _end(self, offer: Offer) -> None:
        talk = self._talk
        talk.move(Moment.END_ASKED)
        self._is_ended = True
        talk.actions.append(Delivery(offer.id, "sent"))  # from here on the far end may have taken it
        talk.timer(FILE, talk.timers.file_ms)
        talk.say(
            FileMessage(
                kind="file-end",
                file=offer.file,
                cycle=offer.cycle,
                record_bytes=offer.record_bytes,
                record_count=offer.record_count,
                code=offer.code,
            )
        )

    def end_answered(self, message: FileMessage) -> None:
        talk = self._talk
        talk.timer(FILE, None)
        talk.move(Moment.FILE_ENDED)
        if message.result == "ok":
            self._conclude("acknowledged", "")
        else:
            talk.note("file-refused", f"{message.file}: {message.result}")
            self._conclude("failed", message.result)

    # ---- what became of it -----------------------------------------------------------------------------------------------
    def _conclude(self, state: str, detail: str) -> None:
        offer, self.offer = self.offer, None
        self._is_ended = False
        self._run = 0
        if offer is not None:
            if state != "deferred":
                self._talk.rules.positions.pop(offer.id, None)
            self._talk.actions.append(Delivery(offer.id, state, detail))

    def lost(self) -> None:
        """The link ends."""
        self._wanted = None
        if self.offer is not None:
            self._conclude("unknown" if self._is_ended else "deferred", "the link ended")


def _without_place(answer: FileMessage, result: str) -> FileMessage:
    return FileMessage(kind=answer.kind, result=result, file=answer.file, cycle=answer.cycle, code=answer.code)
