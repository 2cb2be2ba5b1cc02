"""The bank's code as the rest calls it: what it raises is never told, and a frame without its MAC never leaves."""

from __future__ import annotations

import pytest

from protocols.dialect import Evidence, HangUp, Note, Tell
from protocols.ndc.hooks import GuardedHooks, HookFailed, Hooks, KeyStep
from protocols.ndc.session import State
from tests.support.ndcplay import OPENED, arrived, asked, decided, in_service, make_dialect, play, power_up
from tests.support.playbook import containing, like

SECRET = "KEY=00112233"


class Mac:
    def __init__(self, *given: object) -> None:
        self._given = list(given)

    def check(self, terminal: str, covered: bytes, mac: str) -> bool:
        raise ValueError(SECRET)

    def compute(self, terminal: str, covered: bytes) -> str:
        given = self._given.pop(0)
        if isinstance(given, Exception):
            raise given
        return given  # type: ignore[return-value]  # what a bank's code may do


def test_what_cannot_be_checked_is_not_right() -> None:
    assert not GuardedHooks(Hooks(Mac())).is_right("T", b"x", "0" * 8)
    assert not GuardedHooks(Hooks()).is_right("T", b"x", "0" * 8)


@pytest.mark.parametrize("given", [ValueError(SECRET), None, b"00112233", "0011223", "0011223g", "001122334"])
def test_a_mac_that_cannot_be_had_is_a_failure_without_its_text(given: object) -> None:
    with pytest.raises(HookFailed) as caught:
        GuardedHooks(Hooks(Mac(given))).compute("T", b"x")
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_approval_whose_mac_cannot_be_had_never_leaves_and_a_person_hears_of_it() -> None:
    dialect = make_dialect(
        Hooks(Mac(KeyError(SECRET))),
        security={"replies": True},
        session={"set_clock": False, "read_counters": False, "idle_probe_ms": 0},
    )
    with in_service(dialect) as book:
        opened = asked(book, dialect=dialect)
        book >> decided(opened, dialect=dialect) << like(Note, name="reply-unwritable")
        book << like(Evidence, verdict="unproven") << like(Note) << like(HangUp)


def broken_loads(terminal: str) -> list[KeyStep]:
    raise RuntimeError(SECRET)


@pytest.mark.parametrize("loads", [broken_loads, lambda terminal: ["3"], lambda terminal: [KeyStep("1", "1", "")]])
def test_keys_that_cannot_be_had_are_an_alarm_and_no_service(loads: object) -> None:
    dialect = make_dialect(Hooks(key_loads=loads))  # type: ignore[arg-type]  # what a bank's code may do
    with play(dialect) as book:
        book >> OPENED
        book.rest()
        book >> arrived(power_up(), dialect=dialect)
        left = book.rest()
        assert like(Note, name="key-alarm", detail=containing("key hook")) in left
        assert any(isinstance(one, Tell) and one.event == "configuration-error" for one in left)
        assert book.dialogue.state is State.CONFIG_ERROR  # type: ignore[attr-defined]  # NdcDialogue's own
        assert SECRET not in repr(left)
