"""What is owed and what waits for a person, and the deeds for whoever may do them."""

from __future__ import annotations

from relay.console.identity import Role
from relay.console.pages.owed import owed, owed_one
from relay.control.report import SafDetail, SafReport, SafRow, SafStep
from tests.support.consoleroom import assert_page, frame, words_of

ROW = SafRow(
    key="bank/A1/<k>",
    state="delivering",
    message_class="advice",
    listener="atm",
    terminal="<i>A1",
    kind="withdrawal",
    amount_minor=5_000,
    currency="JPY",
    recorded_ms=1_000,
    tries=3,
    why="refused <b>",
    is_waiting=True,
)
LISTED = SafRow(key="k2", state="listed", is_listed=True, original_key="k1", standing_minor=1_000, currency="JPY")


def test_the_list() -> None:
    made = owed(frame("/owed"), SafReport(owed=1, listed=9, rows=(ROW, LISTED)), "", 5_000)
    assert_page(made)
    said = words_of(made)
    assert "1 owed to the core, 9 for a person" in said
    assert "The oldest 2 are shown." in said
    for which, is_cut in (("owed", False), ("listed", True)):  # the same where one of the two is asked for
        of_one = owed(frame("/owed"), SafReport(owed=1, listed=9, rows=(LISTED,)), which, 5_000)
        assert ("The oldest 1 are shown." in words_of(of_one)) is is_cut
    assert "5,000 JPY" in said
    assert "owed, waits for another" in said
    assert "<i>" not in made
    assert "refused &lt;b&gt;" in made
    assert "bank%2FA1%2F%3Ck%3E" in made


def test_one_with_its_history_and_its_deeds() -> None:
    detail = SafDetail(row=LISTED, history=(SafStep(at_ms=1, event="listed", state="listed", detail="no <answer>"),))
    made = owed_one(frame("/owed/one"), detail)
    assert_page(made)
    assert "/deed/resolve?key=k2" in made
    assert "/deed/saf-retry?key=k2" in made
    assert "no &lt;answer&gt;" in made
    assert "1,000 JPY" in made
    assert "/deed/" not in owed_one(frame("/owed/one", Role.VIEWER), detail)
    assert "/deed/resolve" not in owed_one(frame("/owed/one"), SafDetail(row=ROW)), "it is not on the list"


def test_nothing() -> None:
    assert "未達・要確認はありません" in owed(frame("/owed", language="ja"), SafReport(), "owed", 5_000)
