"""What is asked about a relay center's lives, and what a refused life hears."""

from __future__ import annotations

import msgspec

from protocols.vocabulary import NotProcessed, Unknown
from relay.core import contract as c
from tests.relay.core.builders import PERMIT, Bench, answer_with

SAID = c.CenterAnswer(center="tokyo", newest=10_000_000, fence=10_000_000, run="osaka-1", by="osaka")
ASKED = c.FenceRequest(relay_epoch=10_000_000, run="osaka-1", reason="no power")


def test_the_standing_of_a_center_is_asked_for() -> None:
    b = Bench()
    b.client.center("tokyo", PERMIT, 4_000, b.results.append)
    call = b.door.last
    assert (call.line, call.headers["region-epoch"]) == ("GET /v1/relay-centers/tokyo", "8")
    answer_with(call, SAID, key="")
    assert b.results == [SAID]


def test_a_fence_is_asked_for_and_a_higher_life_is_told() -> None:
    b = Bench()
    b.client.fence("tokyo", ASKED, PERMIT, 4_000, b.results.append)
    call = b.door.last
    assert (call.line, call.headers["content-type"]) == ("PUT /v1/relay-centers/tokyo/fence", "application/json")
    assert msgspec.json.decode(call.call.body, type=c.FenceRequest) == ASKED
    answer_with(call, SAID, key="")
    b.client.fence("tokyo", ASKED, PERMIT, 4_000, b.results.append)
    answer_with(b.door.last, c.Problem(type=c.PROBLEM_FENCE_BEHIND, status=409), status=409, key="")
    assert b.results == [SAID, NotProcessed(reason="fence-behind")]


def test_a_word_of_an_old_epoch_is_no_word() -> None:
    b = Bench()
    b.client.center("tokyo", PERMIT, 4_000, b.results.append)
    answer_with(b.door.last, SAID, epoch=7, key="")
    assert isinstance(b.results[0], Unknown)


def test_who_is_refused_as_superseded_hears_it_and_nobody_else_does() -> None:
    b = Bench()
    heard: list[int] = []
    b.client.on_superseded = lambda: heard.append(len(b.results))
    for problem, status in ((c.PROBLEM_OVERLOADED, 503), (c.PROBLEM_WRONG_REGION, 421), (c.PROBLEM_SUPERSEDED_RELAY, 412)):
        b.submit()
        answer_with(b.door.last, c.Problem(type=problem, status=status), status=status)
    assert heard == [2], "before the outcome is told"
    b.submit()
    b.door.last.answer(412, b"<html>a proxy</html>")
    assert heard == [2]
