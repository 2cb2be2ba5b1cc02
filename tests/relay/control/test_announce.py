"""When announcing is a problem, and which; and that nobody is told who never had a service address."""

from __future__ import annotations

import msgspec
import pytest

from relay.control.announce import AnnounceArgs, AnnounceReport, announce_problems

GOOD = AnnounceReport(adapter="bird", addresses=("198.18.0.10",), role="holding", why="terminals come here")


def told(**changes: object) -> list[str]:
    return [text for text, _ in announce_problems(msgspec.structs.replace(GOOD, **changes))]


def test_announced_and_seen_is_no_problem() -> None:
    assert told() == []
    assert told(role="standby") == []


def test_a_relay_without_a_service_address_has_none() -> None:
    assert told(adapter="none", addresses=(), role="withdrawn", why="starting") == []
    assert told(adapter="none", addresses=(), role="paused", why="Sato: x") == ["withdrawn by people: Sato: x"]


def test_each_problem_is_told() -> None:
    assert told(role="withdrawn", why="the journal cannot be written") == [
        "the service address is not announced: the journal cannot be written"
    ]
    assert told(problem="BIRD is gone") == ["BIRD is gone"]
    assert told(role="paused", why="Sato: x", problem="BIRD is gone") == ["withdrawn by people: Sato: x"]


@pytest.mark.parametrize("words", [{"who": "", "why": "x"}, {"who": "x", "why": ""}, {"who": "x" * 201, "why": "x"}])
def test_nobody_decides_unsigned(words: dict[str, str]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(words), type=AnnounceArgs)
