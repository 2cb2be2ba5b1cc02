"""Sessions end: by idleness, by age, by people; they outlive the relay, and no cookie is kept."""

from __future__ import annotations

import itertools

import msgspec

from relay.console.identity import Person, Role
from relay.console.sessions import (
    FORMS_COUNT_MAX,
    KEEP_EVERY_MS,
    SESSIONS_PER_PERSON_MAX,
    SKEW_MS,
    Limits,
    Session,
    Sessions,
    csrf_of,
    is_csrf,
)

LIMITS = Limits(idle_ms=100_000, whole_ms=1_000_000, count_max=20)
DAY_MS = 86_400_000
NOW_MS = 1_800_000_000_000
SATO = Person("sato", Role.OPERATOR, "stamp")


class Kept:
    """What outlives the relay."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}
        self.writes = 0
        self._number = itertools.count()

    def keep(self, digest: str, value: bytes | None) -> None:
        self.writes += 1
        if value is None:
            self.stored.pop(digest, None)
        else:
            self.stored[digest] = value

    def life(self) -> Sessions:
        return Sessions(LIMITS, lambda: f"token-{next(self._number)}", self.keep, dict(self.stored))


def found(sessions: Sessions, token: str, now_ms: int, *, is_deed: bool = True) -> Session | None:
    return sessions.find(token, now_ms, is_deed=is_deed)


def test_idle_and_age_at_their_limits() -> None:
    sessions = Kept().life()
    token, _ = sessions.open(SATO, "a", NOW_MS)
    assert found(sessions, token, NOW_MS + LIMITS.idle_ms - 1)
    assert found(sessions, token, NOW_MS + 2 * LIMITS.idle_ms - 1) is None, "a moment of idleness too long"
    token, _ = sessions.open(SATO, "a", NOW_MS)
    for at_ms in range(NOW_MS, NOW_MS + LIMITS.whole_ms, LIMITS.idle_ms // 2):
        assert found(sessions, token, at_ms)
    assert found(sessions, token, NOW_MS + LIMITS.whole_ms) is None
    assert sessions.count == 0


def test_a_refresh_keeps_nobody_signed_in() -> None:
    sessions = Kept().life()
    token, _ = sessions.open(SATO, "a", NOW_MS)
    for at_ms in range(NOW_MS, NOW_MS + LIMITS.idle_ms, 2_000):
        assert found(sessions, token, at_ms, is_deed=False)
    assert found(sessions, token, NOW_MS + LIMITS.idle_ms, is_deed=False) is None


def test_yesterdays_cookie_is_refused_in_every_life() -> None:
    kept = Kept()
    token, _ = kept.life().open(SATO, "a", NOW_MS)
    assert found(kept.life(), token, NOW_MS + 1_000), "it outlives a restart"
    assert found(kept.life(), token, NOW_MS + DAY_MS) is None
    assert kept.stored == {}
    assert found(kept.life(), token, NOW_MS + 1_000) is None, "and stays refused"


def test_the_cookie_is_not_kept_and_its_digest_opens_nothing() -> None:
    kept = Kept()
    token, session = kept.life().open(SATO, "a", NOW_MS)
    assert token.encode() not in b"".join(kept.stored.values())
    assert token not in kept.stored
    assert found(kept.life(), session.digest, NOW_MS) is None
    for wrong in ("", "x", token + "x", "x" * 1_000):
        assert found(kept.life(), wrong, NOW_MS) is None


def test_a_session_from_the_future_or_unreadable_is_none() -> None:
    kept = Kept()
    token, _ = kept.life().open(SATO, "a", NOW_MS)
    assert found(kept.life(), token, NOW_MS - SKEW_MS)
    assert found(kept.life(), token, NOW_MS - SKEW_MS - 1) is None
    kept.stored["bad"] = msgspec.msgpack.encode({"x": 1})
    assert kept.life().count == 0
    assert kept.stored == {}


def test_too_many_make_room() -> None:
    sessions = Kept().life()
    tokens = [sessions.open(SATO, "a", NOW_MS + number)[0] for number in range(SESSIONS_PER_PERSON_MAX + 1)]
    assert found(sessions, tokens[0], NOW_MS + 50) is None
    assert all(found(sessions, token, NOW_MS + 50) for token in tokens[1:])
    for number in range(30):
        sessions.open(Person(f"p{number}", Role.VIEWER, ""), "a", NOW_MS + 60)
    assert sessions.count == LIMITS.count_max


def test_a_session_is_made_durable_now_and_then_only() -> None:
    kept = Kept()
    sessions = kept.life()
    token, _ = sessions.open(SATO, "a", NOW_MS)
    for at_ms in range(NOW_MS, NOW_MS + KEEP_EVERY_MS, 1_000):
        found(sessions, token, at_ms)
    assert kept.writes == 1
    found(sessions, token, NOW_MS + KEEP_EVERY_MS)
    assert kept.writes == 2


def test_a_form_is_good_once_and_of_its_own_session() -> None:
    sessions = Kept().life()
    _, one = sessions.open(SATO, "a", NOW_MS)
    _, two = sessions.open(SATO, "a", NOW_MS)
    form = sessions.form(one)
    assert not sessions.spend(two, form)
    assert sessions.spend(one, form)
    assert not sessions.spend(one, form)
    first = sessions.form(one)
    for _ in range(FORMS_COUNT_MAX):
        sessions.form(one)
    assert not sessions.spend(one, first)


def test_the_proof_of_a_page_follows_from_its_cookie() -> None:
    kept = Kept()
    token, session = kept.life().open(SATO, "a", NOW_MS)
    assert is_csrf(session, csrf_of(token))
    assert not is_csrf(session, csrf_of("other"))
    assert not is_csrf(session, "")
    again = found(kept.life(), token, NOW_MS)
    assert again is not None
    assert again.csrf == session.csrf, "a page that was open over a restart still works"
