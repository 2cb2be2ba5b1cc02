"""States of the core's messages against what was heard; and the core's hand, against a relay of twenty lines."""

from __future__ import annotations

import asyncio
import json

import pytest

from relay.loopback.deliveries import Delivery, Poster, judge
from relay.loopback.outboundclient import OutboundClient
from relay.loopback.troupe import Post, until
from tests.support.sometroupe import SomeTroupe

POST = Post(listener="atm", kind="echo", body={}, line="T", mark="m")


def told(*states: str) -> list[Delivery]:
    return [Delivery(f"k{number}", POST, state, is_ended=True) for number, state in enumerate(states)]


@pytest.mark.parametrize(
    ("states", "heard", "lost", "doubled"),
    [
        (["acknowledged"], 1, 0, 0),
        (["acknowledged"], 0, 1, 0),
        (["acknowledged"], 2, 0, 1),
        (["unknown"], 0, 0, 0),
        (["unknown"], 1, 0, 0),
        (["unknown"], 2, 0, 1),
        (["failed"], 1, 0, 1),
        (["cancelled"], 1, 0, 1),
        (["queued"], 1, 0, 1),
        (["acknowledged", "unknown", "failed"], 2, 0, 0),
    ],
)
def test_what_was_heard_must_fit_the_states(states: list[str], heard: int, lost: int, doubled: int) -> None:
    outcome = judge(told(*states), {("T", "m"): heard, ("T", "the relay's own"): 9})
    assert (outcome.lost, outcome.doubled) == (lost, doubled)
    assert bool(outcome.examples) == bool(lost or doubled)
    assert sum(outcome.states.values()) == len(states)


def test_a_message_without_an_end_is_open() -> None:
    assert judge([Delivery("k", POST, "acknowledged")], {("T", "m"): 1}).open == 1


class SmallRelay:
    """Takes every post; acknowledges it when it is asked the second time; refuses the kind "bad"."""

    def __init__(self) -> None:
        self.asked: dict[str, int] = {}
        self.posted: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target, _ = head.split(" ", 2)
        if method == "POST":
            sizes = [line.split(":")[1] for line in head.splitlines() if line.lower().startswith("content-length")]
            kind = json.loads(await reader.readexactly(int(sizes[0])))["kind"]
            self.posted.append(kind)
            status = "422 No" if kind == "bad" else "202 Accepted"
            answer = (
                {"type": "urn:x", "title": "invalid", "status": 422, "detail": "no"}
                if kind == "bad"
                else self.status("k", "queued")
            )
        else:
            key = target.rpartition("/")[2]
            self.asked[key] = self.asked.get(key, 0) + 1
            status, answer = "200 OK", self.status(key, "acknowledged" if self.asked[key] > 1 else "sent")
        writer.write(f"HTTP/1.1 {status}\r\n\r\n{json.dumps(answer)}".encode())
        writer.close()

    def status(self, key: str, state: str) -> dict[str, object]:
        ended = state == "acknowledged"
        return {
            "key": key,
            "listener": "atm",
            "kind": "echo",
            "state": state,
            "recorded_ms": 1,
            "updated_ms": 1,
            "is_reported": ended,
        }


async def test_posts_in_turn_and_followed_to_their_ends() -> None:
    relay = SmallRelay()
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    first, second = SomeTroupe("a"), SomeTroupe("b")
    first.posts = [POST, Post(listener="atm", kind="bad", body={})]
    second.posts = [POST]
    poster = Poster(OutboundClient("127.0.0.1", server.sockets[0].getsockname()[1]), [first, second], 100.0)
    try:
        poster.start()
        assert await until(lambda: len(relay.posted) == 3, 20)
        assert await until(lambda: all(one.state for one in poster.deliveries["b"]), 20)
        poster.stop_posting()
        async with asyncio.timeout(20):
            while poster.open_count():
                await poster.look()
        assert (relay.posted, first.tally.violation_count) == (["echo", "echo", "bad"], 1)
        first.book[("T", "m")] = second.book[("T", "m")] = 1
        assert (poster.outcome(first).lost, poster.outcome(second).states) == (0, {"acknowledged": 1})
        assert poster.states("a") == {"acknowledged": 1, "refused": 1}
    finally:
        await poster.stop()
        server.close()


async def test_without_a_rate_nothing_is_posted() -> None:
    poster = Poster(OutboundClient("127.0.0.1", 1), [SomeTroupe("a")], 0)
    poster.start()
    await poster.stop()
    assert poster.deliveries == {"a": []}
