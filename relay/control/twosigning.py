"""What two people sign at a relay: each says it from their own account and names the other, and only the second word counts.

Owns the signatures that wait for the second one, and whose account a question came from. It must never know what is signed. The
traps: a name that somebody types is a claim, so the second signature has to come from another account, which the kernel or
the console's sign-in says; one person may have an account on the host and one at the console, so two that sign are of one
kind; two who share an account (sudo makes everybody root) can not sign here at all; and a lone signature ends with the
process and after five minutes.
"""

from __future__ import annotations

from typing import Final

import msgspec

from relay.clock import Clock
from relay.control.report import Done
from relay.control.server import CALLER_LOGIN, CALLER_UID
from relay.errors import RelayError
from relay.failover.approvals import person_key, same_person
from relay.failover.cosign import Lone, LoneRow, row_of

WAITING_COUNT_MAX: Final = 100
WHY_CHARS_MAX: Final = 1_000


class Signed(msgspec.Struct, frozen=True):
    """Who signed first, who second, and why, in both their words."""

    who: str
    second: str
    why: str


class _Kept(msgspec.Struct, frozen=True):
    lone: Lone
    account: str
    is_login: bool


class TwoSigning:
    """`by_names`: a second name that the first one types will do."""

    def __init__(self, clock: Clock, *, by_names: bool) -> None:
        self._clock, self._by_names = clock, by_names
        self._kept: dict[tuple[str, ...], _Kept] = {}

    def sign(self, what: tuple[str, ...], who: str, second: str, why: str) -> Signed | None:
        """Both; None where the second has yet to sign. Raises RelayError."""
        who, second = " ".join(who.split()), " ".join(second.split())
        if not who or not second or same_person(who, second):
            raise RelayError("it is signed by two different people.", "Give --who and --second.")
        if self._by_names:
            return Signed(who, second, why)
        login = CALLER_LOGIN.get()
        if login and not same_person(login, who):
            raise RelayError(f"{login} signs for nobody else.")
        account, now_ms = login or f"user id {CALLER_UID.get()}", self._clock.monotonic_ms()
        key = (*what, *sorted((person_key(who), person_key(second))))
        kept = self._kept.get(key)
        if kept is not None and kept.lone.left_ms(now_ms) >= 0 and same_person(kept.lone.who, second):
            lone = kept.lone
            if kept.account == account:
                raise RelayError(
                    f"both signatures come from one account ({account}).",
                    "The second signs from their own, without sudo. Where people share one: control.two_signatures.",
                )
            if kept.is_login is not bool(login):
                raise RelayError(
                    "one signed at the console and the other on the host.", "Both at the same, each as themselves."
                )
            del self._kept[key]
            return Signed(lone.who, who, (lone.text if lone.text == why else f"{lone.text} / {why}")[:WHY_CHARS_MAX])
        self._kept.pop(key, None)
        while len(self._kept) >= WAITING_COUNT_MAX:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = _Kept(Lone(who, second, why, now_ms, what), account, bool(login))
        return None

    def waiting(self) -> tuple[LoneRow, ...]:
        """First signatures that a second may still follow, oldest first."""
        now_ms, wall_ms = self._clock.monotonic_ms(), self._clock.wall_ms()
        return tuple(
            row_of(kept.lone, now_ms, wall_ms, "console" if kept.is_login else "host")
            for kept in self._kept.values()
            if kept.lone.left_ms(now_ms) >= 0
        )


def half(who: str, second: str) -> Done:
    """What the first one is told."""
    text = f"NOT YET: signed by {who}; {second} says the same from their own account within 5 min, and names {who}"
    return Done(text, is_half=True)
