"""The journal as it may be shown: masked by its reader, escaped here."""

from __future__ import annotations

from relay.console.pages.journal import Asked, journal, journal_one
from relay.journal.reader import ExchangeDetail, ExchangeView
from relay.journal.records import HistoryLine, StoredState
from tests.support.consoleroom import assert_page, fields_of, frame, words_of

VIEW = ExchangeView(
    exchange_id=7,
    key="bank/<A1>",
    state="listed",
    listener="atm",
    realm="bank",
    terminal="<script>",
    message_class="financial",
    kind="withdrawal",
    policy="undo",
    amount_minor=5_000,
    currency="JPY",
    business_date="2026-11-24",
    pan="411111******1111",
    original_key="k0",
    verdict="approve",
    code="00",
    evidence='{"x":"<b>"}',
    standing_minor=None,
    tries=1,
    epoch=7,
    incarnation=2,
    recorded_ms=1_000,
    updated_ms=2_000,
)


def test_what_was_found() -> None:
    made = journal(frame("/journal"), [VIEW] * 3, Asked(terminal='"<x>', state="listed", hours=24), 3)
    assert_page(made)
    assert "<script>" not in made.replace("<script src", "")
    assert "411111******1111" in made
    assert "3 found · There may be more" in words_of(made)
    assert fields_of(made, "/journal")["terminal"] == '"<x>'
    assert '<option value="24" selected>' in made


def test_one_with_its_history() -> None:
    line = HistoryLine(exchange_id=7, at_ms=1, event="taken", state=StoredState.RECORDED, detail="<i>")
    made = journal_one(frame("/journal/one"), ExchangeDetail(VIEW, (line,)))
    assert_page(made)
    assert "&lt;i&gt;" in made
    assert "{&quot;x&quot;" in made or '{"x":"&lt;b&gt;"}' in made
    assert "/journal/one?key=k0" in made


def test_nothing_and_a_problem() -> None:
    made = journal(frame("/journal", language="ja"), [], Asked(), 200, problem="away <b>")
    assert_page(made)
    assert "away &lt;b&gt;" in made
