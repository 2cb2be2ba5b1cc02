"""The first page: both centers and regions, who announces, how fast, what waits, the run; all of it in 80 by 24."""

from __future__ import annotations

import msgspec
import pytest

from relay.cli.screen import Paint, width
from relay.cli.spans import fit
from relay.cli.topoverview import overview
from relay.cli.topsnap import Snapshot
from relay.cli.topwords import Language, words_of
from relay.control.pair import PairPeer
from relay.failover.cosign import LoneRow
from tests.support.failoverbook import Book
from tests.support.toproom import STATUS, run_view, snapshot


def page(shown: Snapshot, language: Language = "en") -> str:
    return "\n".join(fit(line, 200, Paint(False)) for line in overview(shown, words_of(language)))


def test_everything_that_the_console_shows_first_is_there() -> None:
    said = page(snapshot())
    for expected in (
        "tokyo-center  holding  yes",
        "osaka-center  standby",
        "ACTIVE",
        "good carries ==",
        "2 of 2 paths up",
        "iso8583 1,204/1,210",
        "ndc 300/420",
        "123.8/s",
        "p50 12 ms  p99 80 ms  core p99 61 ms",
        "in flight 12/64",
        "owed to the core: 3, oldest 12 s",
        "outcome unknown: 1",
        "for a person: 2",
        "delivery unknown 1",
        "2026-11-24, 3 differences",
        "plans 2, 1 NOT GOOD, 1 not exercised",
    ):
        assert expected in said, expected


@pytest.mark.parametrize("language", ["en", "ja"])
def test_it_fits_into_eighty_by_twenty_four_with_a_run_and_problems(language: Language) -> None:
    book = Book()
    book.to_gate(2)
    waits = LoneRow(what=("takeover", "osaka"), who="Sato", second="Suzuki", text="x", left_ms=1, place="host")
    status = msgspec.structs.replace(STATUS, signatures=(waits, waits))
    lines = list(overview(snapshot(run=run_view(book), status=status), words_of(language)))
    assert "takeover begin osaka +1" in fit(lines[-1], 80, Paint(False))
    assert len(lines) <= 24 - 2  # tabs and keys
    assert all(width(fit(line, 80, Paint(False))) <= 80 for line in lines)


def test_a_silent_peer_is_unknown_and_never_down() -> None:
    pair = msgspec.structs.replace(STATUS.pair, other=PairPeer())
    said = page(snapshot(status=msgspec.structs.replace(STATUS, pair=pair)))
    row = next(line for line in said.splitlines() if "osaka-center" in line and "never" in line)
    assert row.split()[:4] == ["?", "osaka-center", "-", "unknown"]


def test_an_open_run_is_one_line_with_its_gate_and_clock() -> None:
    book = Book()
    book.to_gate(2)
    book.wait(90_000)
    said = page(snapshot(run=run_view(book)))
    assert "G2_WAIT  gate 2 OPEN 90 s, waits for operations, business  90 s of 60 min" in said
    assert "no orchestrator here" in page(snapshot(run=None))


def test_before_the_second_look_there_is_no_rate_and_before_the_first_nothing() -> None:
    said = page(snapshot(point=None))
    assert "messages: -/s" in said
    assert "p99 -" in said
    assert page(Snapshot(trouble="x")) == ""
