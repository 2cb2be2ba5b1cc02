"""What a damaged log still tells: its end only where its own whole lines reach it, or where somebody else knows it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from relay.errors import RelayError
from relay.failover.chain import ChainBroken, read_log, seal_line
from relay.failover.damage import Damaged, damaged, judged, why_cut_off
from relay.failover.events import Entry, Undone
from relay.failover.logkeys import NO_KEYS, LogKeys
from relay.failover.register import Over, Register
from relay.failover.run import fold

LOGS = Path(__file__).parent / "logs"
DONE = (LOGS / "DONE-plain.run").read_bytes()
RUN = fold(read_log(DONE).entries).run_id
ERROR = ChainBroken("line 9 is another one.", "Compare it.")


def looked(data: bytes | None, run: str = RUN, register: Register | None = None, keys: LogKeys = NO_KEYS) -> Damaged:
    return damaged(run, ERROR, data, keys, register or Register())


def last_line_at(data: bytes) -> int:
    return data[:-1].rfind(b"\n") + 1


def test_a_log_that_is_damaged_behind_its_end_is_over() -> None:
    one = looked(DONE + b"\0" * 512 + b"\n")
    assert (one.standing, one.state, one.why) == ("over", "DONE", "line 9 is another one.")
    assert one.lines == DONE.count(b"\n")


@pytest.mark.parametrize("at", [0, 70, len(DONE) // 2, last_line_at(DONE) + 3])
def test_a_log_that_is_damaged_before_its_end_is_over_for_nobody(at: int) -> None:
    data = bytearray(DONE)
    data[at] ^= 4
    one = looked(bytes(data))
    assert (one.standing, one.proof) == ("unknown", "")
    assert one.lines == bytes(data[:at]).count(b"\n")
    assert one.state != "DONE"


@pytest.mark.parametrize("data", [None, b"", b"\0" * 4096, DONE[:40], b"\n" * 9, b"\xff " * 99 + b"\n"])
def test_what_cannot_be_read_at_all_tells_nothing(data: bytes | None) -> None:
    one = looked(data)
    assert (one.standing, one.lines, one.state, one.term, one.last_ms) == ("unknown", 0, "", 0, 0)
    assert len(one.digest) == 64


def test_lines_behind_one_that_must_not_be_say_nothing() -> None:
    """Each is what was written, and the fold refuses one: what was told before it stands."""
    entries = read_log(DONE).entries
    last = entries[-1]
    extra = Entry(
        number=last.number + 1,
        at_ms=last.at_ms,
        term=last.term,
        before=DONE[:-1].rsplit(b"\n", 1)[1][:64].decode(),
        event=Undone(),
    )
    one = looked(DONE + seal_line(extra))
    assert (one.standing, one.state) == ("over", "DONE")


def test_the_end_of_another_run_is_not_this_ones() -> None:
    """Blocks of one file in the place of another's: whole lines, and of a run that is over."""
    one = looked(DONE, "another-run")
    assert (one.standing, one.lines, one.state) == ("unknown", 0, "")


def test_lines_without_their_signatures_tell_nothing() -> None:
    assert looked(DONE, keys=LogKeys("log-1", {"log-1": b"1" * 32})).state == ""


@pytest.mark.parametrize("how", ["log", "peer"])
def test_what_others_know_of_its_end_counts(how: str) -> None:
    register = Register()
    register.add(Over(run=RUN, how=how, state="DONE", lines=90))  # type: ignore[arg-type]  # one of the two
    assert looked(b"", register=register).standing == "over"
    assert looked(b"", "another-run", register).standing == "unknown"


def test_what_people_have_signed_counts_for_what_they_have_seen() -> None:
    register = Register()
    one = looked(DONE[:5_000])
    register.add(Over(run=RUN, how="people", who="Baba", second="Chiba", why="drill of 2024", seen=one.digest))
    assert judged(one, register).standing == "laid-aside"
    assert judged(one, register).proof == "Baba and Chiba: drill of 2024"
    assert looked(DONE[:6_000], register=register).standing == "unknown"  # another file since
    gone = looked(None)
    register.add(Over(run=RUN, how="people", who="Baba", second="Chiba", seen=gone.digest))
    assert looked(None, register=register).standing == "laid-aside"
    assert looked(b"", register=register).standing == "unknown"


def test_a_whole_log_without_the_end_that_is_known_was_cut_off() -> None:
    register = Register()
    assert why_cut_off("r1", 12, register) is None
    register.add(Over(run="r1", how="people", who="Baba", second="Chiba", seen="ab"))
    told = why_cut_off("r1", 12, register)
    assert isinstance(told, RelayError)
    assert "Baba and Chiba have laid it aside" in told.problem
    register.add(Over(run="r1", how="log", state="DONE", lines=90))
    told = why_cut_off("r1", 12, register)
    assert told is not None
    assert told.problem == "the run log was cut off: it ends with line 12, and the run was over (DONE)."


def test_it_is_shown_as_it_is() -> None:
    one = looked(DONE[:5_000])
    assert msgspec.json.decode(msgspec.json.encode(one), type=Damaged) == one
