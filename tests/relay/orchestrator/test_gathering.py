"""The snapshot of a gate: what cannot be found out stands there as that, and nothing is not zero."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from relay import bridge
from relay.control.client import ControlClient
from relay.failover import events as e
from relay.failover.register import Over
from relay.orchestrator import gathering as gathering_module
from relay.orchestrator.gathering import Gathering, page_by
from relay.orchestrator.relays import BothRelays, OwnRelay
from tests.support.failoverbook import Book


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests left running in this process is not this test's to wait for."""
    monkeypatch.setattr(bridge, "_tasks", set())


def gathering(book: Book, tmp_path: Path, lag: tuple[str, ...] | None) -> Gathering:
    own = OwnRelay(ControlClient(str(tmp_path / "none.sock")), "tokyo")
    return Gathering(book.keeper, BothRelays("tokyo", own, None), ("tokyo", "osaka"), "tokyo", lag, {})


@pytest.mark.parametrize(
    ("code", "lag_ms"),
    [("print(1234)", 1234), ("print('soon')", None), ("print(-1)", None), ("print(5); raise SystemExit(1)", None), ("", None)],
)
async def test_only_a_number_is_a_lag(tmp_path: Path, code: str, lag_ms: int | None) -> None:
    evidence = await gathering(Book(), tmp_path, (sys.executable, "-I", "-c", code)).take()
    assert evidence.lag_ms == lag_ms
    assert bool(evidence.remarks) is (lag_ms is None)


async def test_what_people_said_and_what_cannot_be_asked_stand_in_it(tmp_path: Path) -> None:
    book = Book()
    book.to_gate(1)
    book.write(e.Said(topic="batch-checkpoint", text="step 14", who="Abe"))
    book.write(e.PeerAway(why="cut"))
    evidence = await gathering(book, tmp_path, None).take()
    assert [bool(one.trouble) for one in evidence.centers] == [True, True]
    assert (evidence.batch_checkpoint, evidence.is_peer_away) == ("step 14", True)
    assert ("scale-up", "done") in evidence.preparation
    assert "nobody measures" in evidence.remarks[0]


async def test_a_run_that_people_have_laid_aside_stands_before_who_approves_the_next(tmp_path: Path) -> None:
    book = Book()
    book.files["r0"] = bytearray(b"damage\n")
    book.keeper.load()
    records = book.keeper.records
    assert len((await gathering(book, tmp_path, None).take()).remarks) == 1
    seen = records.damaged["r0"].digest
    records.say_over(Over(run="r0", how="people", who="Baba", second="Chiba", why="the drill", seen=seen))
    remarks = (await gathering(book, tmp_path, None).take()).remarks
    assert remarks[1:] == ("the damaged run r0 was laid aside by Baba and Chiba: the drill",)


async def test_people_are_called_with_the_sentence_as_one_word(tmp_path: Path) -> None:
    out = tmp_path / "page"
    code = f"import sys; open({str(out)!r}, 'w').write(sys.argv[1])"
    page_by((sys.executable, "-I", "-c", code))("gate 1; $(waits)", "now")
    page_by(("/nowhere/page",))("x", "now")
    page_by(None)("x", "now")
    assert await bridge.drain(30_000) == []
    assert out.read_text() == "gate 1; $(waits)"


@pytest.mark.parametrize(("code", "why"), [("raise SystemExit(7)", "exit code 7"), ("while True: pass", "no end within")])
async def test_a_program_that_called_nobody_is_told(
    code: str, why: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gathering_module, "PAGE_S", 0.5 if "while" in code else 30.0)
    page_by((sys.executable, "-I", "-c", code))("gate 1 waits", "now")
    assert await bridge.drain(30_000) == []
    (record,) = [record for record in caplog.records if "could not be called" in record.getMessage()]
    assert why in record.__dict__["fields"]["why"]
