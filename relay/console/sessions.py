"""Who is signed in: server-side sessions, known by the digest of their cookie, that end by idleness, by age and by people.

Owns the store. Pure: time and tokens are given, and what has to outlive a restart of the relay is handed out to be kept. It
must never keep a cookie itself: whoever reads the journal could use it. The traps: a page that refreshes itself is no sign
that somebody is there, so such a look does not count as a deed; yesterday's cookie is refused although its store is kept; and
a form carries two proofs, one that it came from our page (`csrf`), one that it is not the same form again (`spend`).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final

import msgspec

from relay.console.identity import Person

FORMS_COUNT_MAX: Final = 64  # open forms of one session
KEEP_EVERY_MS: Final = 60_000  # how often a session's last deed is made durable
SKEW_MS: Final = 60_000  # a session from the future is from a clock that was wrong
SESSIONS_PER_PERSON_MAX: Final = 8
TOKEN_CHARS_MAX: Final = 128

Keep = Callable[[str, bytes | None], None]  # a name and what is to be durable under it; None forgets


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    idle_ms: int = 900_000
    whole_ms: int = 43_200_000
    count_max: int = 64


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is durable of a session. Wall clock, UTC epoch milliseconds."""

    name: str
    stamp: str
    made_ms: int
    seen_ms: int
    address: str


class Session:
    """One sign-in. `csrf` is what its forms carry."""

    def __init__(self, digest: str, record: Record, csrf: str) -> None:
        self.digest = digest
        self.record = record
        self.csrf = csrf
        self.kept_ms = record.seen_ms
        self.forms: dict[str, None] = {}

    @property
    def name(self) -> str:
        return self.record.name


class Sessions:
    """`token` makes a secret that nobody guesses; `stored` is what `keep` was given in former lives."""

    def __init__(self, limits: Limits, token: Callable[[], str], keep: Keep, stored: Mapping[str, bytes]) -> None:
        self._limits = limits
        self._token = token
        self._keep = keep
        self._sessions: dict[str, Session] = {}
        for digest, value in stored.items():
            try:
                self._sessions[digest] = Session(digest, msgspec.msgpack.decode(value, type=Record), "")
            except msgspec.DecodeError:
                keep(digest, None)

    @property
    def count(self) -> int:
        return len(self._sessions)

    def open(self, person: Person, address: str, now_ms: int) -> tuple[str, Session]:
        """A new session, and the cookie that leads to it. Where there are too many, the one idle for longest ends."""
        self.expire(now_ms)
        own = [each for each in self._sessions.values() if each.name == person.name]
        self._trim(own, SESSIONS_PER_PERSON_MAX)
        self._trim(list(self._sessions.values()), self._limits.count_max)
        token = self._token()
        digest = _digest(token)
        record = Record(name=person.name, stamp=person.stamp, made_ms=now_ms, seen_ms=now_ms, address=address)
        session = self._sessions[digest] = Session(digest, record, csrf_of(token))
        self._keep(digest, msgspec.msgpack.encode(record))
        return token, session

    def find(self, token: str, now_ms: int, *, is_deed: bool) -> Session | None:
        """The live session of a cookie. `is_deed`: a person did something, which a refresh is not."""
        if not 0 < len(token) <= TOKEN_CHARS_MAX:
            return None
        digest = _digest(token)
        session = self._sessions.get(digest)
        if session is None:
            return None
        if not self._is_live(session.record, now_ms):
            self.close(session)
            return None
        session.csrf = session.csrf or csrf_of(token)
        if is_deed:
            session.record = msgspec.structs.replace(session.record, seen_ms=max(now_ms, session.record.seen_ms))
            if now_ms - session.kept_ms >= KEEP_EVERY_MS:
                session.kept_ms = now_ms
                self._keep(digest, msgspec.msgpack.encode(session.record))
        return session

    def close(self, session: Session) -> None:
        if self._sessions.pop(session.digest, None) is not None:
            self._keep(session.digest, None)

    def expire(self, now_ms: int) -> None:
        for session in list(self._sessions.values()):
            if not self._is_live(session.record, now_ms):
                self.close(session)

    # ---- forms -------------------------------------------------------------------------------------------------------
    def form(self, session: Session) -> str:
        """A number for one form, good for one time."""
        made = self._token()
        session.forms[made] = None
        if len(session.forms) > FORMS_COUNT_MAX:
            del session.forms[next(iter(session.forms))]
        return made

    def spend(self, session: Session, form: str) -> bool:
        """Whether this form was not used before; it is now."""
        if form not in session.forms:
            return False
        del session.forms[form]
        return True

    def _is_live(self, record: Record, now_ms: int) -> bool:
        is_young = -SKEW_MS <= now_ms - record.made_ms < self._limits.whole_ms
        return is_young and now_ms - record.seen_ms < self._limits.idle_ms

    def _trim(self, sessions: list[Session], count_max: int) -> None:
        """So that one more is not too many."""
        sessions.sort(key=lambda each: each.record.seen_ms)
        for session in sessions[: max(0, len(sessions) + 1 - count_max)]:
            self.close(session)


def is_csrf(session: Session, given: str) -> bool:
    return bool(session.csrf) and hmac.compare_digest(session.csrf.encode(), given.encode())


def csrf_of(token: str) -> str:
    """Follows from the cookie, so that it survives with it; it says nothing about the cookie."""
    return hmac.new(token.encode(), b"form", sha256).hexdigest()


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
