"""Codes of people's own authenticators (TOTP, RFC 6238): which one is right now, and that each counts once. Pure.

Owns the reckoning, the memory of what was used, and the wait after wrong ones. It must never know what a code is given for.
The traps: six digits are guessed in a million tries, so wrong ones cost time that doubles; a code that was used must not count
again after a restart, so what was used is kept before the act; a clock that went back makes old codes young again, so
the step that was used only ever grows; and a lock would shut the person out of the run, so there is none, only the wait.

Source: RFC 6238 (TOTP: 30 s, HMAC-SHA-1, T0 = 0) over RFC 4226 section 5.3 (dynamic truncation).
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from protocols.vocabulary import Secret
from relay.errors import ConfigurationError
from relay.failover.approvals import person_key
from relay.failover.people import NotAllowed

STEP_S: Final = 30
DIGITS: Final = 6
SKEW_STEPS: Final = 1  # how far the phone's clock may be off, either way
SECRET_BYTES_MIN: Final = 16  # RFC 4226, R6
SECRET_BYTES: Final = 20  # of those that we make
FREE_TRIES: Final = 3  # wrong ones in a row that cost nothing
FIRST_WAIT_MS: Final = 2_000  # then; doubled with each wrong one
LONGEST_WAIT_MS: Final = 300_000
CALL_AFTER: Final = 5  # wrong ones in a row: people are called

Keep = Callable[[Mapping[str, int]], None]  # durable on return


class WrongCode(NotAllowed):
    """`tries` wrong ones in a row."""

    def __init__(self, problem: str, next_step: str, tries: int) -> None:
        super().__init__(problem, next_step)
        self.tries = tries


class _Wrong(msgspec.Struct):
    tries: int = 0
    until_ms: int = 0


class Codes:
    """Args: `secrets` by person's name; `used` is what `keep` was given in former lives: the last step of each person. Raises
    ConfigurationError where two people have one authenticator."""

    def __init__(self, secrets: Mapping[str, Secret], used: Mapping[str, int], keep: Keep) -> None:
        self._secrets = {person_key(name): secret_bytes(name, secret) for name, secret in secrets.items()}
        if len(set(self._secrets.values())) < len(self._secrets):
            raise ConfigurationError("two people have the same authenticator.", "relay failover authenticator makes one each.")
        self._used = dict(used)
        self._keep = keep
        self._wrong: dict[str, _Wrong] = {}

    def has(self, name: str) -> bool:
        return person_key(name) in self._secrets

    def spend(self, name: str, typed: str, wall_ms: int, now_ms: int) -> None:
        """That code of that person, now (`wall_ms` UTC epoch, `now_ms` monotonic), and never again. Raises NotAllowed, and what
        `keep` raises: then nothing may be done on it."""
        person = person_key(name)
        secret = self._secrets.get(person)
        if secret is None:
            raise NotAllowed(f"{name} has no authenticator here.", "Say it from your own account: relay failover --help")
        wrong = self._wrong.setdefault(person, _Wrong())
        if now_ms < wrong.until_ms:
            wait_s = (wrong.until_ms - now_ms + 999) // 1_000
            raise NotAllowed(f"too many wrong codes of {name}: the next one counts in {wait_s} s.", "Nobody is locked out.")
        now_step, used = wall_ms // (STEP_S * 1_000), self._used.get(person, -1)
        digits = "".join(typed.split())
        fits = [step for step in _steps(now_step) if hmac.compare_digest(code_at(secret, step).encode(), digits.encode())]
        if not fits:
            wrong.tries += 1
            if wrong.tries > FREE_TRIES:
                wrong.until_ms = now_ms + min(LONGEST_WAIT_MS, FIRST_WAIT_MS << min(wrong.tries - FREE_TRIES - 1, 20))
            raise WrongCode(
                f"that is not the code of {name} now.", "Six digits, and the clocks of phone and host agree?", wrong.tries
            )
        if fits[-1] <= used:
            hint = "Wait for the next one, at most 30 s."
            if used > now_step + SKEW_STEPS:
                hint = "The host's clock was ahead when one was used: when it is right, remove used-codes and restart."
            raise NotAllowed(f"that code of {name} was used, or a later one: each counts once.", hint)
        used_now = {**self._used, person: fits[-1]}
        self._keep(used_now)
        self._used = used_now
        del self._wrong[person]


def _steps(now_step: int) -> range:
    return range(max(0, now_step - SKEW_STEPS), now_step + SKEW_STEPS + 1)


def code_at(secret: bytes, step: int) -> str:
    """The digits of one step."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    place = digest[-1] & 0x0F
    number = int.from_bytes(digest[place : place + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def secret_bytes(name: str, secret: Secret) -> bytes:
    """From base32, as authenticators show it; blanks and case do not count. Raises ConfigurationError."""
    text = "".join(secret.reveal().split()).upper().rstrip("=")
    try:
        read = base64.b32decode(text + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        read = b""
    if len(read) < SECRET_BYTES_MIN:
        raise ConfigurationError(f"the authenticator of {name} is no secret of {SECRET_BYTES_MIN} bytes in base32.")
    return read


def secret_text(secret: bytes) -> str:
    """As it is typed into an authenticator and kept as a credential."""
    return base64.b32encode(secret).decode().rstrip("=")
