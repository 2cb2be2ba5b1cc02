"""The register of runs that are over: each statement is believed by itself, and only with its signature."""

from __future__ import annotations

from relay.failover.logkeys import LogKeys
from relay.failover.register import STATEMENT_COUNT_MAX, Over, Register

ONE, TWO = b"1" * 32, b"2" * 32
KEYS = LogKeys("log-1", {"log-1": ONE})
DONE = Over(run="r1", how="log", state="DONE", lines=90, term=4, seals=("envelope-1",), at_ms=5)
SAID = Over(run="r2", how="people", who="Baba", second="Chiba", why="looked", seen="ab", at_ms=6)


def read(data: bytes, keys: LogKeys = KEYS) -> Register:
    register = Register(keys)
    register.read(data)
    return register


def text(*said: Over, keys: LogKeys = KEYS) -> bytes:
    register = Register(keys)
    for one in said:
        register.add(one)
    return register.text()


def test_what_was_said_is_read_again_with_who_said_it() -> None:
    again = read(text(DONE, SAID))
    assert (again.of("r1", "log"), again.of("r2", "people")) == (DONE, SAID)
    assert (again.of("r1", "people"), again.of("r3", "log"), again.unread) == (None, None, 0)


def test_damage_takes_away_one_statement_and_no_other() -> None:
    data = bytearray(text(DONE, SAID))
    for at in range(data.index(b"\n")):
        one = bytearray(data)
        one[at] ^= 1
        again = read(bytes(one))
        assert again.of("r1", "log") is None, at
        assert again.of("r2", "people") == SAID
        assert again.unread >= 1
    assert read(bytes(data[:-9])).all() == (DONE,)  # cut off
    assert read(b"\0" * 4096).all() == ()


def test_a_statement_of_nobody_is_none() -> None:
    assert read(text(DONE, keys=LogKeys())).unread == 1  # taken off, or from before there was a key
    assert read(text(DONE, keys=LogKeys("log-1", {"log-1": TWO}))).all() == ()
    assert read(text(DONE, keys=LogKeys("log-2", {"log-2": TWO}))).all() == ()
    both = LogKeys("log-2", {"log-2": TWO, "log-1": ONE})
    again = read(text(DONE), both)  # signed by the key before this one, and from now on by this one
    assert again.all() == (DONE,)
    assert b" log-2." in again.text()
    assert read(text(DONE, keys=LogKeys()), LogKeys()).all() == (DONE,)


def test_what_a_missing_key_has_signed_is_not_thrown_away() -> None:
    """A start with a mistake in log_keys must not cost what people have signed."""
    other = LogKeys("log-2", {"log-2": TWO})
    without = read(text(DONE), other)
    without.add(SAID)
    again = read(without.text() + b"damage\n", LogKeys("log-2", {"log-2": TWO, "log-1": ONE}))
    assert set(again.all()) == {DONE, SAID}
    assert again.unread == 1
    assert b"damage" not in again.text()


def test_the_newest_word_counts_and_there_are_not_more_than_so_many() -> None:
    later = Over(run="r2", how="people", who="Doi", second="Abe", seen="cd")
    assert read(text(SAID, later)).all() == (later,)
    register = read(b"")
    for number in range(STATEMENT_COUNT_MAX + 5):
        register.add(Over(run=f"r{number}", how="log"))
    assert len(register.all()) == STATEMENT_COUNT_MAX
    assert register.of("r4", "log") is None
    register.add(SAID)
    register.take_back(SAID, None)
    assert register.of("r2", "people") is None
    register.add(SAID)
    register.add(later)
    register.take_back(later, SAID)
    assert register.of("r2", "people") == SAID
