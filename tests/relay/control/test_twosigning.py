"""Two people sign, each from their own account: what a second name that is typed does not do any more."""

from __future__ import annotations

import contextvars

import pytest

from relay.control.report import Done
from relay.control.server import CALLER_LOGIN, CALLER_UID
from relay.control.twosigning import WAITING_COUNT_MAX, Signed, TwoSigning, half
from relay.errors import RelayError
from relay.failover.cosign import LONE_MS_MAX, LoneRow
from tests.support.virtualtime import VirtualTime

PIN = ("pin", "osaka", "9", "60")


class Desk:
    def __init__(self, *, by_names: bool = False) -> None:
        self.time = VirtualTime()
        self.signing = TwoSigning(self.time, by_names=by_names)

    def says(
        self, who: str, second: str, *, uid: int = -1, login: str = "", what: tuple[str, ...] = PIN, why: str = "drill"
    ) -> Signed | None:
        def ask() -> Signed | None:
            CALLER_UID.set(uid)
            CALLER_LOGIN.set(login)
            return self.signing.sign(what, who, second, why)

        return contextvars.copy_context().run(ask)


def test_the_second_says_the_same_from_another_account() -> None:
    desk = Desk()
    assert desk.says("Sato", "Suzuki", uid=2001, why="power is gone") is None
    assert desk.says("Suzuki ", "SATO", uid=2002, why="seen") == Signed("Sato", "Suzuki", "power is gone / seen")
    assert desk.says("Suzuki", "Sato", uid=2002) is None, "and it is spent"


def test_one_account_with_two_names_is_one() -> None:
    desk = Desk()
    desk.says("Sato", "Suzuki", uid=0)
    with pytest.raises(RelayError, match=r"one account \(user id 0\)"):
        desk.says("Suzuki", "Sato", uid=0)
    assert desk.says("Suzuki", "Sato", uid=2002) is not None, "the first signature still stands"


def test_the_same_name_again_or_another_matter_is_no_second() -> None:
    desk = Desk()
    for _ in range(3):
        assert desk.says("Sato", "Suzuki", uid=2001) is None
    assert desk.says("Sato", "Suzuki", uid=2002) is None
    assert desk.says("Suzuki", "Sato", uid=2002, what=("pin", "tokyo", "9", "60")) is None
    assert desk.says("Suzuki", "Tanaka", uid=2002) is None
    for second in ("sato", " ＳＡＴＯ ", "", " "):
        with pytest.raises(RelayError, match="two different people"):
            desk.says("Sato", second, uid=2001)


def test_at_the_console_by_two_logins_and_never_half_there() -> None:
    desk = Desk()
    assert desk.says("sato", "Suzuki", login="sato") is None
    with pytest.raises(RelayError, match="other on the host"):
        desk.says("Suzuki", "sato", uid=2002)
    with pytest.raises(RelayError, match="signs for nobody else"):
        desk.says("suzuki", "sato", login="tanaka")
    assert desk.says("suzuki", "SATO", login="suzuki") is not None


def test_a_lone_signature_ends_and_there_are_not_too_many() -> None:
    desk = Desk()
    desk.says("Sato", "Suzuki", uid=2001)
    desk.time.run(LONE_MS_MAX)
    assert desk.says("Suzuki", "Sato", uid=2002) is not None
    desk.says("Sato", "Suzuki", uid=2001)
    desk.time.run(LONE_MS_MAX + 1)
    assert desk.says("Suzuki", "Sato", uid=2002) is None
    for number in range(WAITING_COUNT_MAX):
        desk.says("Sato", "Suzuki", uid=2001, what=("pin", str(number)))
    assert desk.says("Sato", "Suzuki", uid=2001) is None, "the oldest was forgotten"


def test_where_people_share_an_account_a_name_will_do_and_never_ones_own() -> None:
    desk = Desk(by_names=True)
    assert desk.says("Sato", "Suzuki", uid=0) == Signed("Sato", "Suzuki", "drill")
    with pytest.raises(RelayError, match="two different people"):
        desk.says("Sato", "sato", uid=0)


def test_the_first_is_told_that_nothing_was_done() -> None:
    told = half("Sato", "Suzuki")
    assert told.text.startswith("NOT YET")
    assert told.is_half
    assert not Done("pinned").is_half


def test_who_has_signed_what_is_shown_until_it_ends() -> None:
    desk = Desk()
    began_ms = desk.time.wall_ms()
    desk.says("Sato", "Suzuki", uid=2001, why="power is gone")
    desk.time.run(60_000)
    desk.says("tanaka", "kato", login="tanaka", what=("takeover", "osaka"))
    first, second = desk.signing.waiting()
    assert first == LoneRow(
        what=PIN,
        who="Sato",
        second="Suzuki",
        text="power is gone",
        left_ms=LONE_MS_MAX - 60_000,
        at_ms=began_ms,
        until_ms=began_ms + LONE_MS_MAX,
        place="host",
    )
    assert (second.who, second.place, second.left_ms) == ("tanaka", "console", LONE_MS_MAX)
    desk.says("Suzuki", "Sato", uid=2002)
    assert [one.who for one in desk.signing.waiting()] == ["tanaka"], "both have signed the first"
    desk.time.run(LONE_MS_MAX)
    assert [one.left_ms for one in desk.signing.waiting()] == [0]
    desk.time.run(1)
    assert desk.signing.waiting() == ()
