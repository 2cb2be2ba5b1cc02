"""The called side (二次局): the far end opens, turns the direction and closes; we check who it is.

Owns `Called`. It must never start anything. The traps: a wrong centre code gets an answer without our password; passwords are
compared in constant time; and a close whose answer may be lost is the classic half-closed case, so that a setting says whether
"answer sent" or "answer acknowledged" counts as closed in order.
"""

from __future__ import annotations

import hmac
from datetime import datetime

from protocols.dialect import Identify, Tell
from protocols.vocabulary import Secret
from protocols.zengin.file import fields
from protocols.zengin.file.message import NO_SECRET, StationMessage
from protocols.zengin.file.profile import Station
from protocols.zengin.file.session import Moment
from protocols.zengin.file.talk import CLOSE, IDLE, OPEN, Talk


def same_secret(one: Secret, other: Secret) -> bool:
    return hmac.compare_digest(one.reveal().encode(), other.reveal().encode())


def date_of(at: str) -> str | None:
    """YYYYMMDD of a date and time; None where there is no such time."""
    if len(at) != 14 or not (at.isascii() and at.isdigit()):
        return None
    try:
        datetime.strptime(at, "%Y%m%d%H%M%S")
    except ValueError:
        return None
    return at[:8]


class Called:
    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self.is_draining = False
        self._is_close_known = True  # False: our answer to close is not acknowledged, and the setting wants that

    # ---- open -----------------------------------------------------------------------------------------------------------
    def opening(self, message: StationMessage) -> None:
        talk = self._talk
        profile = talk.rules.profile
        talk.move(Moment.OPEN_ASKED)
        talk.timer(OPEN, None)
        station = next((one for one in profile.stations if one.centre_code == message.own_code), None)
        result = self._judge(message, station)
        password = station.secret("open_answer") if result == "ok" and station is not None else NO_SECRET
        answer = StationMessage(
            kind="open-answer",
            result=result,
            peer_code=message.own_code,
            own_code=profile.centre_code,
            password=password,
            at=talk.rules.now(),
            mode=message.mode,
            send_count=profile.send_count,
            text_bytes_max=profile.text_bytes_max,
        )
        if result != "ok" or station is None:
            talk.move(Moment.STATION_REFUSED)
            talk.note("open-refused", f"{'' if station is None else station.name}: {result}")
            talk.say(answer)
            talk.hang_up("open-refused")
            return
        talk.move(Moment.OPENED)
        talk.station = station
        talk.peer_date = message.at[:8]
        talk.mode = message.mode
        talk.send_count = min(profile.send_count, message.send_count)
        talk.text_bytes_max = min(profile.text_bytes_max, message.text_bytes_max or profile.text_bytes_max)
        talk.actions.append(Identify(station.name))
        talk.say(answer)
        talk.timer(IDLE, talk.watch_ms)
        talk.note("session-opened", f"{station.name}, mode {message.mode}")
        talk.actions.append(Tell("session-up", {"terminal": station.name}))

    def _judge(self, message: StationMessage, station: Station | None) -> str:
        if station is None or message.peer_code != self._talk.rules.profile.centre_code:
            return "wrong-centre"
        if not same_secret(message.password, station.secret("open")):
            return "wrong-password"
        if self.is_draining:
            return "closed"
        if date_of(message.at) is None or message.mode not in (fields.SEND, fields.RECEIVE):
            return "other"
        if message.send_count > fields.SEND_COUNT_MAX:
            return "other"
        return "ok"

    # ---- mode, close ----------------------------------------------------------------------------------------------------
    def turning(self, message: StationMessage) -> None:
        talk = self._talk
        talk.move(Moment.MODE_ASKED)
        result = "ok" if message.mode in (fields.SEND, fields.RECEIVE) else "other"
        if result == "ok":
            talk.mode = message.mode
        talk.move(Moment.MODE_CHANGED)
        talk.say(self._answer("mode-answer", result, NO_SECRET))

    def closing(self, message: StationMessage) -> None:
        talk = self._talk
        station = talk.station
        talk.move(Moment.CLOSE_ASKED)
        if station is None:
            return
        result = "ok" if same_secret(message.password, station.secret("close")) else "wrong-password"
        password = station.secret("close_answer") if result == "ok" else NO_SECRET
        talk.timer(CLOSE, talk.timers.close_ms)
        if result != "ok":
            talk.note("session-close-refused", f"{station.name}: {result}")
            talk.say(self._answer("close-answer", result, password))
        elif talk.rules.profile.close_done == "answer-sent":
            talk.say(self._answer("close-answer", result, password))
            talk.note("session-closed", station.name)
        else:
            self._is_close_known = False
            talk.say(self._answer("close-answer", result, password), self._close_acknowledged)

    def _close_acknowledged(self) -> None:
        self._is_close_known = True
        self._talk.note("session-closed", self._talk.station.name if self._talk.station else "")

    def lost(self) -> None:
        """The link ends."""
        if not self._is_close_known:
            self._talk.note("session-half-closed", self._talk.station.name if self._talk.station else "")

    def _answer(self, kind: str, result: str, password: Secret) -> StationMessage:
        talk = self._talk
        return StationMessage(
            kind=kind,
            result=result,
            peer_code="" if talk.station is None else talk.station.centre_code,
            own_code=talk.rules.profile.centre_code,
            password=password,
            at=talk.rules.now(),
            mode=talk.mode,
            send_count=talk.rules.profile.send_count,
            text_bytes_max=talk.rules.profile.text_bytes_max,
        )
