"""Messages of the core with two journals at one center: known ones stay where they are, waiting ones go out here, once."""

from __future__ import annotations

from functools import partial
from typing import Any

from relay.outbound.front import FrontOutbound
from relay.outbound.ports import Known, NoSuch, NotTaken, Posted, Taken
from tests.support.outboundworld import FarLink, OutboundWorld


class Pair:
    """Osaka's world, with what tokyo's journal holds beside it: its lines are osaka's."""

    def __init__(self) -> None:
        self.tokyo, self.osaka = OutboundWorld(), OutboundWorld()
        self.front = FrontOutbound(self.osaka.outbound)

    def adopt(self) -> None:
        self.tokyo.crash()
        self.tokyo.links = self.osaka.links
        self.front.adopted = self.tokyo.outbound

    def connect(self, mode: str = "send") -> FarLink:
        link = self.osaka.links["switch", ""] = FarLink(self.osaka, mode)
        link.outbound = self.front  # type: ignore[assignment]  # what it says passes the front
        self.front.link_ready("switch", "")
        return link

    def run(self, ms: int = 20) -> None:
        for _ in range(ms):
            self.tokyo.time.run(1)
            self.osaka.time.run(1)

    def post(self, key: str) -> Any:
        results: list[Any] = []
        canonical = f"switch||echo|{b'{}'!r}|None"
        self.front.post(
            Posted(key=key, listener="switch", line="", kind="echo", body=b"{}", canonical=canonical), results.append
        )
        self.run()
        return results[0]


def test_alone_it_is_the_desk_itself() -> None:
    pair = Pair()
    pair.connect()
    assert isinstance(pair.post("m1"), Taken)
    assert pair.osaka.state("m1") == "acknowledged"


def test_what_waited_at_the_lost_center_goes_out_here_once() -> None:
    pair = Pair()
    pair.tokyo.posted("m1")
    pair.adopt()
    pair.connect()
    pair.run()
    assert (pair.osaka.wire, pair.tokyo.state("m1")) == (["m1"], "acknowledged")
    assert pair.tokyo.core.states_of("m1") == ["acknowledged"]


def test_what_may_have_left_there_is_unknown_and_not_sent_again() -> None:
    pair = Pair()
    pair.tokyo.connect(mode="mute")
    pair.tokyo.posted("m1")
    pair.tokyo.time.run(10)
    pair.adopt()
    pair.connect()
    pair.run()
    assert (pair.osaka.wire, pair.tokyo.state("m1")) == ([], "unknown")
    assert pair.tokyo.core.states_of("m1") == ["unknown"]


def test_while_the_other_journal_is_not_at_hand_no_key_is_new() -> None:
    """The core hears no answer of the lost center, and posts again here before its journal is open."""
    pair = Pair()
    pair.tokyo.posted("m1")
    pair.connect()
    assert isinstance(pair.post("m0"), Taken)
    pair.front.is_awaited = True
    assert isinstance(pair.post("m1"), NotTaken)
    found: dict[str, Any] = {}
    for key in ("m0", "m1"):
        pair.front.find(key, partial(found.__setitem__, key))
    pair.front.cancel("m1", "no more", partial(found.__setitem__, "cancel m1"))
    pair.run()
    assert {key: type(each) for key, each in found.items()} == {"m0": Known, "m1": NotTaken, "cancel m1": NotTaken}
    pair.adopt()
    pair.front.is_awaited = False
    pair.connect()
    pair.run()
    assert isinstance(pair.post("m1"), Known)
    assert pair.osaka.wire == ["m0", "m1"], "once"


def test_a_post_that_the_core_repeats_here_is_known_from_there() -> None:
    pair = Pair()
    pair.tokyo.posted("m1")
    pair.adopt()
    pair.connect()
    pair.run()
    assert isinstance(pair.post("m1"), Known)
    assert isinstance(pair.post("m2"), Taken)
    assert pair.osaka.wire == ["m1", "m2"]
    assert pair.osaka.state("m2") == "acknowledged"


def test_each_is_found_and_cancelled_where_it_is() -> None:
    pair = Pair()
    pair.tokyo.posted("m1")
    pair.adopt()
    pair.post("m2")
    found: dict[str, Any] = {}
    for key in ("m1", "m2", "m3"):
        pair.front.find(key, partial(found.__setitem__, key))
    pair.front.cancel("m1", "cancelled by the core", partial(found.__setitem__, "cancelled"))
    pair.run()
    kinds = {key: type(each) for key, each in found.items()}
    assert kinds == {"m1": Known, "m2": Known, "m3": NoSuch, "cancelled": Known}
    assert (pair.tokyo.state("m1"), pair.osaka.state("m2")) == ("cancelled", "queued")


def test_late_evidence_reaches_the_journal_that_has_it() -> None:
    pair = Pair()
    pair.tokyo.connect(mode="mute")
    pair.tokyo.posted("m1")
    pair.tokyo.time.run(10)
    pair.adopt()
    link = pair.connect()
    pair.run()
    link.say("m1", "acknowledged", "in the day's totals")
    pair.run()
    assert pair.tokyo.state("m1") == "acknowledged"
    assert pair.osaka.unexpected() == 0


def test_a_link_that_goes_leaves_both_desks_without_it() -> None:
    pair = Pair()
    pair.tokyo.posted("m1")
    pair.adopt()
    link = pair.connect(mode="mute")
    pair.run()
    link.close()
    pair.run()
    assert pair.tokyo.state("m1") == "unknown"
