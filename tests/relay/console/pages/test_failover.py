"""The failover room: everything that somebody at a gate has to read, masked and escaped, and the links to what they may do."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from relay.cli.failoverpage import lines_of
from relay.console.identity import Role
from relay.console.pages.failover import failover
from relay.console.words import Language, Words
from relay.errors import RelayError
from relay.failover import events as e
from relay.failover.bankday import BankClock
from relay.failover.cosign import LoneRow
from relay.failover.evidence import Evidence
from relay.failover.people import Person
from relay.failover.room import PersonRow, RoomView
from relay.failover.view import view_of
from tests.support.consoleroom import ConsoleRoom, assert_page, frame, words_of
from tests.support.failoverbook import Book


def shown(book: Book) -> RoomView:
    """To somebody who has no part in it."""
    view = view_of(book.run, book.keeper.entries, book.time.wall_ms(), BankClock(), center="tokyo", may_act=True)
    return RoomView(view=view)


def at_gate_2() -> Book:
    book = Book()
    book.to_gate(2)
    book.write(book.approved(2, "Baba", "operations"))
    book.write(e.Said(topic="remark", text="<script>alert(1)</script> 4000001234567899", who="Baba"))
    return book


@pytest.mark.parametrize("language", ["en", "ja"])
def test_what_is_read_at_a_gate_is_there(language: Language) -> None:
    room = shown(at_gate_2())
    view = room.view
    assert view.gate is not None
    made = failover(frame("/failover", language=language), room, 5_000)
    assert_page(made)
    said = words_of(made)
    for word in ("r1", "tokyo (7) → osaka (8)", "Abe", "Baba", "business", "2026-11-24", "move-the-record", "snapshot"):
        assert word in said, word
    assert f"relay failover approve 2 --seen {view.gate.binding[:16]} --role ROLE" in said
    assert "<script>alert" not in made
    assert "4000001234567899" not in made
    assert "<form" not in made.partition('id="main"')[2], "nothing on it does anything"
    assert "/deed/" not in made, "and who has no part in it is led nowhere"
    assert ("Gate 2" in said) == (language == "en")


def test_what_is_wrong_is_said_aloud() -> None:
    book = at_gate_2()
    book.write(e.Held(why="the copy stands still", who="Doi"))
    book.write(e.PeerAway(why="cut"))
    book.wait(3_600_000)
    said = words_of(failover(frame("/failover"), shown(book), 5_000))
    for word in ("Doi: the copy stands still", "HAS NO COPY", "THE TARGET WILL BE MISSED", "stale", "it can be called off"):
        assert word in said, word
    book.write(e.Resumed(who="Doi", why="x"))
    book.write(e.Answered(step="promote", how="by-hand", who="Baba", second="Chiba", evidence="seen"))
    assert "the point of no return is passed" in words_of(failover(frame("/failover"), shown(book), 5_000))


def test_all_of_a_snapshot_that_decides_anything_is_shown() -> None:
    """An approval signs the whole of it."""
    book = at_gate_2()
    book.show(
        Evidence(lag_ms=9_000, is_peer_away=True, is_lag_accepted=True, batch_checkpoint="step 14", zengin="open till 15")
    )
    said = words_of(failover(frame("/failover"), shown(book), 5_000))
    on_paper = "\n".join(lines_of(shown(book).view))
    for word in ("to go on alone", "step 14", "open till 15", "loss is accepted"):
        assert word in said, word
        assert word in on_paper, word


def test_without_a_run_there_is_the_calendar() -> None:
    said = words_of(failover(frame("/failover"), shown(Book()), 5_000))
    assert "No run was declared here." in said
    assert "core hours end" in said


@pytest.mark.parametrize("is_configured", [True, False])
async def test_it_is_there_where_an_orchestrator_can_be_asked(tmp_path: Path, is_configured: bool) -> None:
    room = ConsoleRoom(tmp_path)
    room.restart(has_failover=is_configured)
    room.sources.answers["failover-room"] = shown(at_gate_2())
    person = room.browser()
    await person.sign_in("viewer")
    await person.get("/failover")
    assert person.status == (200 if is_configured else 404)
    assert ('href="/failover"' in await person.get("/")) is is_configured
    if is_configured:
        room.time.run(60_000)
        room.sources.answers["failover-room"] = RelayError("no orchestrator answers.", "systemctl status relay-failover")
        assert "no orchestrator answers." in words_of(await person.get("/failover"))


CHIBA = PersonRow(name="Chiba", roles=("business",), has_authenticator=True)


def links_of(room: RoomView, role: Role = Role.OPERATOR) -> set[str]:
    made = failover(frame("/failover", role=role), room, 5_000)
    assert_page(made)
    return {part.partition('"')[0].partition("?")[0] for part in made.split('href="/deed/failover-')[1:]}


def test_who_has_a_part_is_led_to_what_may_be_done() -> None:
    room = msgspec.structs.replace(shown(at_gate_2()), me=CHIBA)
    assert {"approve", "deny", "break-glass", "hold", "escalate", "say", "abort"} <= links_of(room)
    assert "withdraw" not in links_of(room)
    assert links_of(room, Role.VIEWER) == set()
    baba = PersonRow(name="Baba", roles=("operations",), has_authenticator=True)
    assert "withdraw" in links_of(msgspec.structs.replace(room, me=baba))
    assert "approve" not in links_of(msgspec.structs.replace(room, me=baba)), "once is enough"
    copy = msgspec.structs.replace(room, view=msgspec.structs.replace(room.view, may_act=False))
    assert links_of(copy) == {"adopt"}
    assert links_of(RoomView(view=shown(Book()).view, me=CHIBA)) == {"declare"}
    held = at_gate_2()
    held.write(e.Held(why="look", who="Doi"))
    assert not {"approve", "break-glass", "hold"} & links_of(msgspec.structs.replace(shown(held), me=CHIBA))


def test_the_line_to_type_says_at_which_center() -> None:
    there = msgspec.structs.replace(shown(at_gate_2()).view, acting_center="osaka", may_act=False)
    for language, told in (("en", "a terminal at osaka"), ("ja", "osaka で")):
        assert told in words_of(failover(frame("/failover", language=language), RoomView(view=there), 5_000))  # type: ignore[arg-type]


def test_without_an_authenticator_that_is_said() -> None:
    me = msgspec.structs.replace(CHIBA, has_authenticator=False)
    said = words_of(failover(frame("/failover"), msgspec.structs.replace(shown(at_gate_2()), me=me), 5_000))
    assert "No authenticator of yours" in said


def test_a_first_signature_leads_the_second_to_the_same_words() -> None:
    room = msgspec.structs.replace(shown(at_gate_2()), me=CHIBA)
    lone = LoneRow(what=("say", "r1", "accept-loss"), who="Doi", second="Chiba", text="x", left_ms=240_000)
    theirs = LoneRow(what=("takeover", "osaka"), who="tanaka", second="sato", text="x", left_ms=1, place="console")
    view = msgspec.structs.replace(room.view, lone=(lone,))
    made = failover(frame("/failover"), msgspec.structs.replace(room, view=view), 5_000, (theirs,))
    assert_page(made)
    assert "/deed/failover-say?run=r1&amp;topic=accept-loss&amp;second=Doi" in made
    assert "/deed/takeover-begin?center=osaka&amp;second=tanaka" in made, "by the login, as the relay knows people"
    assert "4 min 0 s" in words_of(made)
    alone = failover(frame("/failover"), RoomView(view=shown(Book()).view), 5_000, (theirs,))
    assert "/deed/takeover-begin?center=osaka" in alone, "also where no run was declared"


@pytest.mark.parametrize(("language", "until"), [("en", "holds until"), ("ja", "有効期限")])
def test_a_gate_with_one_of_two_says_until_when_and_who_may_be_the_second(language: Language, until: str) -> None:
    book = at_gate_2()
    people = [Person(name="Baba", roles=("operations", "business")), Person(name="Chiba <b>", roles=("business",))]
    view = view_of(book.run, book.keeper.entries, book.time.wall_ms(), BankClock(), center="tokyo", may_act=True, people=people)
    made = failover(frame("/failover", language=language), RoomView(view=view), 5_000)
    assert_page(made)
    said = words_of(made)
    assert view.gate is not None
    (approval,) = view.gate.approvals
    words = Words(language, 540)
    assert f"{words.clock(approval.at_ms)}" in said
    assert f"{until} {words.clock(approval.until_ms)}" in said
    assert "Chiba <b>" in said
    assert "Chiba <b>" not in made
    nobody = view_of(book.run, book.keeper.entries, book.time.wall_ms(), BankClock(), center="tokyo", people=people[:1])
    assert "nobody else has this role" in words_of(failover(frame("/failover"), RoomView(view=nobody), 5_000))
