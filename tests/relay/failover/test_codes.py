"""Codes of authenticators: the standard's own vectors, each once, and a thousand wrong ones."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from protocols.vocabulary import Secret
from relay.errors import ConfigurationError, RelayError
from relay.failover.codes import (
    CALL_AFTER,
    FREE_TRIES,
    LONGEST_WAIT_MS,
    SECRET_BYTES_MIN,
    STEP_S,
    Codes,
    WrongCode,
    code_at,
    secret_bytes,
    secret_text,
)
from relay.failover.people import NotAllowed
from tests.support.virtualtime import VirtualTime

KEY = b"12345678901234567890"  # RFC 6238, appendix B
STEP_MS = STEP_S * 1_000


class Phone:
    """Sato's, and the desk's memory of what was used."""

    def __init__(self, used: Mapping[str, int] | None = None) -> None:
        self.time = VirtualTime()
        self.kept: list[Mapping[str, int]] = []
        self.codes = Codes({"Sato": Secret(secret_text(KEY))}, used or {}, self.kept.append)

    def shows(self, steps: int = 0) -> str:
        return code_at(KEY, self.time.wall_ms() // STEP_MS + steps)

    def spend(self, typed: str, name: str = "sato") -> None:
        self.codes.spend(name, typed, self.time.wall_ms(), self.time.monotonic_ms())


@pytest.mark.parametrize(
    ("at_s", "said"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_the_standards_own_codes(at_s: int, said: str) -> None:
    assert code_at(KEY, at_s // STEP_S) == said[2:]  # it prints eight digits, of which ours are the last six


def test_a_code_counts_once_however_it_is_typed() -> None:
    phone = Phone()
    phone.spend(f" {phone.shows()[:3]} {phone.shows()[3:]} ")
    assert phone.kept == [{"sato": phone.time.wall_ms() // STEP_MS}]
    for again in (phone.shows(), phone.shows(-1)):
        with pytest.raises(NotAllowed, match="each counts once"):
            phone.spend(again)
    restarted = Phone(phone.kept[-1])
    with pytest.raises(NotAllowed, match="each counts once"):
        restarted.spend(restarted.shows())
    phone.time.run(STEP_MS)
    phone.spend(phone.shows())


def test_a_clock_may_be_off_by_one_step_and_no_more() -> None:
    for steps, is_right in ((-2, False), (-1, True), (1, True), (2, False)):
        phone = Phone()
        if is_right:
            phone.spend(phone.shows(steps))
        else:
            with pytest.raises(WrongCode):
                phone.spend(phone.shows(steps))


def test_a_clock_that_went_back_makes_no_code_young_again() -> None:
    phone = Phone()
    phone.spend(phone.shows())
    phone.time.jump_wall(-10 * STEP_MS)
    with pytest.raises(NotAllowed) as refused:
        phone.spend(phone.shows())
    assert "clock was ahead" in refused.value.next_step


def test_a_code_that_cannot_be_kept_counts_for_nothing() -> None:
    phone = Phone()

    def broken(used: Mapping[str, int]) -> None:
        raise RelayError("disk")

    phone.codes = Codes({"Sato": Secret(secret_text(KEY))}, {}, broken)
    with pytest.raises(RelayError, match="disk"):
        phone.spend(phone.shows())


def test_a_thousand_wrong_ones_and_then_the_right_one() -> None:
    phone, wrong, waits = Phone(), 0, 0
    right = {phone.shows(steps) for steps in (-1, 0, 1)}
    for guess in range(1_000):
        if (typed := f"{guess:06}") in right:
            continue
        with pytest.raises(NotAllowed) as refused:
            phone.spend(typed)
        wrong += isinstance(refused.value, WrongCode)
        waits += "counts in" in refused.value.problem
    assert wrong == FREE_TRIES + 1
    assert wrong + waits == 1_000
    with pytest.raises(NotAllowed, match="counts in"):
        phone.spend(phone.shows())
    phone.time.run(LONGEST_WAIT_MS)
    phone.spend(phone.shows())
    with pytest.raises(WrongCode) as again:
        phone.spend("000000")
    assert again.value.tries == 1, "the right one begins the count anew"


def test_the_wait_grows_and_ends() -> None:
    phone, tries = Phone(), 0
    for _ in range(20):
        with pytest.raises(WrongCode) as refused:
            phone.spend("12345")
        tries = refused.value.tries
        phone.time.run(LONGEST_WAIT_MS)
    assert tries == 20 > CALL_AFTER


def test_secrets_that_are_none_and_one_that_two_have() -> None:
    assert secret_bytes("Sato", Secret(" gezd gnbv GY3T QOJQ gezdgnbvgy3tqojq\n")) == KEY
    short = secret_text(bytes(SECRET_BYTES_MIN - 1))
    for text in ("", "not base32!", short):
        with pytest.raises(ConfigurationError, match="Sato"):
            secret_bytes("Sato", Secret(text))
    assert len(secret_bytes("Sato", Secret(secret_text(bytes(SECRET_BYTES_MIN))))) == SECRET_BYTES_MIN
    one = Secret(secret_text(KEY))
    with pytest.raises(ConfigurationError, match="same authenticator"):
        Codes({"Sato": one, "Kato": one}, {}, lambda used: None)
    with pytest.raises(NotAllowed, match="no authenticator"):
        Phone().spend("123456", "Kato")
