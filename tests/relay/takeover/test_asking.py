"""What a former life left open is looked at before anything counts as an answer, and both of two calls can be cancelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from protocols.vocabulary import Approved, NotProcessed, Unknown
from relay.core.port import Attempt, Looked, NotFound, Superseded
from relay.permit import Permit
from relay.takeover.asking import AdoptedCore
from tests.support.scriptedcore import Call, ScriptedCore

LIFE = 5
FORMER = Attempt("tokyo", 4, 4_001)
PERMIT = Permit(1, "tokyo")


class Client(ScriptedCore):
    def look(self, key: str, attempt: Attempt, permit: Permit, timeout_ms: int, done: Callable[[Any], None]) -> Call:
        return self._keep(Call("look", key, attempt, permit, done))


def asked(attempt: Attempt = FORMER) -> tuple[Client, list[object], Any]:
    client, said = Client(), list[object]()
    core = AdoptedCore(client, LIFE)  # type: ignore[arg-type]  # as much of the client as it needs
    return client, said, core.inquire("k", attempt, PERMIT, 1_000, said.append)


def test_what_this_life_asked_itself_is_inquired_as_ever() -> None:
    client, said, _ = asked(Attempt("tokyo", LIFE, 5_001))
    assert [call.verb for call in client.calls] == ["inquire"]
    client.calls[0].reply(Approved())
    assert said == [Approved()]


def test_an_approval_that_only_its_own_center_was_told_is_asked_for_so_that_it_counts() -> None:
    for attempt in ("", FORMER.text()):
        client, said, _ = asked()
        client.calls[0].reply(Looked(Approved(), attempt=attempt))
        assert said == []
        client.last("inquire").reply(NotFound())
        assert said == [NotFound()], "the second word is the newer one"


def test_an_approval_that_another_center_was_told_is_taken_over_and_nothing_counts() -> None:
    client, said, _ = asked()
    client.calls[0].reply(Looked(Approved(), attempt="osaka/1/7"))
    assert said == [Superseded()]
    assert [call.verb for call in client.calls] == ["look"]


def test_anything_else_is_passed_on() -> None:
    for look, finding in (
        (Looked(NotFound()), NotFound()),
        (NotProcessed(reason="overloaded"), NotProcessed(reason="overloaded")),
        (Unknown(why="hang"), Unknown(why="hang")),
    ):
        client, said, _ = asked()
        client.calls[0].reply(look)  # type: ignore[arg-type]  # a look's answers
        assert said == [finding]


def test_each_of_the_two_calls_can_be_cancelled_and_the_answer_comes_once() -> None:
    for answers_before in (0, 1):
        client, said, call = asked()
        if answers_before:
            client.calls[0].reply(Looked(Approved()))  # type: ignore[arg-type]  # as above
        call.cancel()
        assert all(each.is_done for each in client.calls)
        assert said == [Unknown(why="cancelled")]


def test_a_look_that_ends_after_its_cancelling_asks_nothing_more() -> None:
    client, said, call = asked()
    look = client.calls[0]
    look.cancel = lambda: None  # type: ignore[method-assign]  # its answer is here already, and read a moment later
    call.cancel()
    look.reply(Looked(Approved()))  # type: ignore[arg-type]  # as above
    assert [each.verb for each in client.calls] == ["look"]
    assert said == [Unknown(why="cancelled")]
