"""The list of sessions: what a peer says stays text, and pages lead on with what was asked."""

from __future__ import annotations

from relay.console.pages.sessions import sessions
from relay.console.roll import Page, Row, Wanted
from relay.wire.roster import RosterEntry
from tests.support.consoleroom import assert_page, fields_of, frame, tags_of, words_of

EVIL = "<script>alert('x')</script>\" onmouseover=\"x"


def row(terminal: str, *, signed_on: bool = True) -> Row:
    entry = RosterEntry(
        terminal=terminal, listener="atm", peer="192.0.2.1:9", since_ms=0, signed_on=signed_on, messages_in=3, messages_out=4
    )
    return Row(mark=f"{terminal} 192.0.2.1:9", entry=entry, dialect="iso8583", branch=terminal[:3])


def test_script_in_a_terminals_id_stays_text() -> None:
    found = Page(at_ms=61_000, total=2, matching=2, rows=(row(EVIL), row("")), has_after=True, branches=((EVIL, 1),))
    made = sessions(frame("/sessions"), found, Wanted(text=EVIL, branch=EVIL), ("atm",), 5_000)
    assert_page(made)
    assert "<script>alert" not in made
    assert "&lt;script&gt;alert('x')&lt;/script&gt;" in made
    assert not [given for _, given in tags_of(made) if "onmouseover" in given]
    assert fields_of(made, "/sessions")["q"] == EVIL


def test_turning_keeps_what_was_asked() -> None:
    found = Page(at_ms=1, total=9, matching=8, rows=(row("A"), row("B", signed_on=False)), has_before=True, has_after=True)
    made = sessions(frame("/sessions"), found, Wanted(text="a", dialect="ndc", is_signed_on=False, after="0"), ("atm",), 5_000)
    ways = [given["href"] for tag, given in tags_of(made) if tag == "a" and given.get("rel")]
    assert ways == [
        "/sessions?q=a&dialect=ndc&signed=no&before=A+192.0.2.1%3A9",
        "/sessions?q=a&dialect=ndc&signed=no&after=B+192.0.2.1%3A9",
    ]
    assert "8 of 9 sessions" in words_of(made)
    assert "not signed on" in words_of(made)


def test_nobody_is_there() -> None:
    made = sessions(frame("/sessions", language="ja"), Page(), Wanted(branch="gone"), (), 5_000)
    assert_page(made)
    assert "該当するセッションはありません" in made
    assert '<option value="gone" selected>' in made
