"""The calling side (一次局): opens when there is something to do, does it file by file, closes, and hangs up.

Owns `Caller` and its list of work: files to ask for and files to give. It must never judge a file. The traps: the direction
is the session's, so that a file of the other direction costs a モード変更; and an answer with the wrong centre code or password
comes from somebody else, with whom nothing is exchanged.
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

from protocols.dialect import Delivery, Identify, Tell
from protocols.vocabulary import Secret
from protocols.zengin.file import fields
from protocols.zengin.file.called import date_of, same_secret
from protocols.zengin.file.message import FileMessage, Offer, StationMessage
from protocols.zengin.file.profile import FileRule
from protocols.zengin.file.receiving import Receiving
from protocols.zengin.file.sending import Sending
from protocols.zengin.file.session import Moment, State
from protocols.zengin.file.talk import CLOSE, FILE, IDLE, LINGER, OPEN, Talk

Job: TypeAlias = FileRule | Offer
JOBS_MAX = 256


class Caller:
    def __init__(self, talk: Talk, receiving: Receiving, sending: Sending) -> None:
        self._talk = talk
        self._receiving = receiving
        self._sending = sending
        self._jobs: deque[Job] = deque()
        self.is_draining = False
        self._is_lingering = False

    def add(self, job: Job) -> bool:
        """One more thing to do. False: too many wait, or we are stopping."""
        if self.is_draining or len(self._jobs) >= JOBS_MAX:
            return False
        self._jobs.append(job)
        if self._is_lingering:
            self._is_lingering = False
            self._talk.timer(LINGER, None)
            self.next()
        return True

    def start(self) -> None:
        """Open, if the line is up and something is to be done."""
        talk = self._talk
        if talk.state is State.TCP_UP and self._jobs and talk.station is not None:
            talk.mode = _mode(self._jobs[0])
            talk.move(Moment.OPEN_ASKED)
            talk.timer(OPEN, talk.timers.open_ms)
            talk.say(self._message("open", talk.station.secret("open")))

    def opened(self, message: StationMessage) -> None:
        talk = self._talk
        station = talk.station
        talk.timer(OPEN, None)
        if station is None:
            return
        profile = talk.rules.profile
        if message.result != "ok":
            talk.move(Moment.STATION_REFUSED)
            talk.note("open-refused", f"{station.name}: {message.result}")
            talk.hang_up("open-refused")
            return
        is_known = message.own_code == station.centre_code and message.peer_code == profile.centre_code
        if not is_known or not same_secret(message.password, station.secret("open_answer")) or date_of(message.at) is None:
            talk.note("open-answer-wrong", station.name)
            talk.abort("wrong-station")
            return
        talk.move(Moment.OPENED)
        talk.peer_date = message.at[:8]
        talk.send_count = min(profile.send_count, message.send_count)
        talk.text_bytes_max = min(profile.text_bytes_max, message.text_bytes_max or profile.text_bytes_max)
        talk.actions.append(Identify(station.name))
        talk.timer(IDLE, talk.watch_ms)
        talk.note("session-opened", f"{station.name}, mode {talk.mode}")
        talk.actions.append(Tell("session-up", {"terminal": station.name}))
        self.next()

    def next(self) -> None:
        """The next job, or the end of the session."""
        talk = self._talk
        if talk.state is not State.OPEN or talk.is_over or talk.station is None:
            return
        if not self._jobs:
            if talk.timers.linger_ms and not self.is_draining:
                self._is_lingering = True
                talk.timer(LINGER, talk.timers.linger_ms)
            else:
                self.close()
            return
        first = self._jobs[0]
        if not isinstance(first, Offer) and not self._receiving.may_request(first):
            self._jobs.popleft()
            talk.note("fetch-put-off", first.name)
            self.next()
            return
        mode = _mode(first)
        if mode != talk.mode:
            talk.mode = mode
            talk.move(Moment.MODE_ASKED)
            talk.timer(FILE, talk.timers.file_ms)
            talk.say(self._message("mode", Secret("")))
            return
        job = self._jobs.popleft()
        if isinstance(job, Offer):
            self._sending.announce(job)
            self.next()  # only where it failed at once
        else:
            self._receiving.request(job)

    def close(self) -> None:
        """Nothing more to do, and nothing came while we lingered."""
        talk = self._talk
        self._is_lingering = False
        if talk.state is State.OPEN and talk.station is not None:
            talk.move(Moment.CLOSE_ASKED)
            talk.timer(CLOSE, talk.timers.close_ms)
            talk.say(self._message("close", talk.station.secret("close")))

    def turned(self, message: StationMessage) -> None:
        talk = self._talk
        talk.timer(FILE, None)
        if message.result != "ok":
            talk.abort("mode-refused")
            return
        talk.move(Moment.MODE_CHANGED)
        self.next()

    def started(self, message: FileMessage) -> None:
        """The answer to a file request of ours."""
        if self._sending.offer is not None:
            self._sending.answered(message)
        else:
            self._receiving.answered(message)
        self.next()

    def closed(self, message: StationMessage) -> None:
        talk = self._talk
        talk.timer(CLOSE, None)
        station = talk.station
        is_right = station is not None and same_secret(message.password, station.secret("close_answer"))
        if message.result == "ok" and is_right:
            talk.note("session-closed", "" if station is None else station.name)
        else:
            talk.note("session-close-refused", f"{'' if station is None else station.name}: {message.result}")
        talk.hang_up("session-ended")

    def lost(self) -> None:
        """The link ends: what was not begun is offered again."""
        for job in self._jobs:
            if isinstance(job, Offer):
                self._talk.actions.append(Delivery(job.id, "deferred", "the link ended"))
        self._jobs.clear()

    def _message(self, kind: str, password: Secret) -> StationMessage:
        talk = self._talk
        profile = talk.rules.profile
        return StationMessage(
            kind=kind,
            peer_code="" if talk.station is None else talk.station.centre_code,
            own_code=profile.centre_code,
            password=password,
            at=talk.rules.now(),
            mode=talk.mode,
            send_count=profile.send_count,
            text_bytes_max=profile.text_bytes_max,
        )


def _mode(job: Job) -> str:
    return fields.SEND if isinstance(job, Offer) else fields.RECEIVE
