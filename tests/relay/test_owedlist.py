"""What `relay saf` shows: what is owed as the memory knows it, what is listed as the disk does, and one with its history."""

from __future__ import annotations

import asyncio
from typing import cast

import msgspec

from protocols.vocabulary import Approved, Declined, MessageClass, Unknown
from relay.control.commands import SafListArgs
from relay.control.report import SafReport
from relay.journal.port import Journal
from relay.journal.records import StoredExchange, StoredState
from relay.owedlist import SLICE_COUNT, owed_detail, owed_report
from tests.support.deskworld import W1, DeskWorld, Message, reversal, stored

ADVICE = "ATM1-advice-5"


def world_with_everything() -> DeskWorld:
    """A part reversal that the core is silent about with a full one behind it, a refused advice, an unproven withdrawal."""
    world = DeskWorld()
    link = world.link()
    world.say(link, reversal("8", "1", standing_minor=4_000))
    world.say(link, reversal("9", "1"))
    world.core.last("undo").reply(Unknown(why="hang"))
    world.say(link, Message(trace="5", message_class=MessageClass.ADVICE))
    world.core.last("submit").reply(Declined(reason="account-closed"))
    world.say(link, Message(trace="6", needs_completion=True))
    world.core.last("submit").reply(Approved())
    world.time.run(world.limits.completion_deadline_ms + 1_000)
    return world


def report(world: DeskWorld, **args: object) -> SafReport:
    return asyncio.run(owed_report(world.desk, world.journal, SafListArgs(**args), turn))  # type: ignore[arg-type]  # as given


async def turn() -> None:
    """Nobody else wants the loop here."""


def test_owed_then_listed_each_oldest_first_with_the_reason() -> None:
    world = world_with_everything()
    found = report(world)
    assert (found.owed, found.listed) == (2, 2)
    assert [(row.key, row.state, row.is_listed, row.is_waiting) for row in found.rows] == [
        ("ATM1-reversal-8", "delivering", False, False),
        ("ATM1-reversal-9", "delivering", False, True),
        (ADVICE, "listed", True, False),
        ("ATM1-financial-6", "unproven", True, False),
    ]
    first, second, refused, _ = found.rows
    assert (first.why, first.standing_minor, first.original_key, first.tries) == ("hang", 4_000, W1, 1)
    assert (second.why, second.tries) == ("", 0)
    assert (refused.why, refused.amount_minor, refused.currency) == ("declined: account-closed", 10_000, "JPY")


def test_one_half_of_it_and_no_more_than_asked_for() -> None:
    world = world_with_everything()
    assert [row.is_listed for row in report(world, what="owed").rows] == [False, False]
    assert [row.is_listed for row in report(world, what="listed").rows] == [True, True]
    cut = report(world, count_max=3)
    assert (len(cut.rows), cut.owed, cut.listed) == (3, 2, 2)
    assert len(report(world, count_max=1).rows) == 1


def test_one_with_its_history_whatever_its_state() -> None:
    world = world_with_everything()
    owed = owed_detail(world.desk, world.journal, stored(world, "ATM1-reversal-9"))
    assert (owed.row.is_waiting, owed.row.is_listed) == (True, False)
    listed = owed_detail(world.desk, world.journal, stored(world, ADVICE))
    assert listed.row.is_listed
    assert [(step.event, step.detail) for step in listed.history][-1] == ("GIVEN_TO_PERSON", "declined: account-closed")
    world.say(world.link(), Message(trace="7"))
    world.core.last("submit").reply(Approved())
    world.time.run(5)
    closed = owed_detail(world.desk, world.journal, stored(world, "ATM1-financial-7"))
    assert (closed.row.state, closed.row.is_listed) == ("answered", False)


class Ahead:
    """A journal whose disk is ahead of the memory: what is owed there is on the list already."""

    def __init__(self, world: DeskWorld, key: str) -> None:
        self._stored = stored(world, key)
        self.reasons = world.journal.reasons

    def listed(self) -> list[StoredExchange]:
        return [msgspec.structs.replace(self._stored, state=StoredState.LISTED)]


def test_what_is_listed_on_disk_and_not_yet_in_memory_is_one_row() -> None:
    world = DeskWorld()
    world.say(world.link(), Message(trace="5", message_class=MessageClass.ADVICE))
    found = asyncio.run(owed_report(world.desk, cast(Journal, Ahead(world, ADVICE)), SafListArgs(), turn))
    assert (found.owed, found.listed, [row.is_listed for row in found.rows]) == (0, 1, [True])


async def test_between_two_slices_everybody_else_has_the_loop() -> None:
    world, turns = DeskWorld(), list[int]()
    link = world.link()
    for number in range(SLICE_COUNT + 1):
        world.say(link, Message(trace=f"{number:06}", message_class=MessageClass.ADVICE))

    async def counted() -> None:
        turns.append(1)

    owed = len(list(world.desk.saf.entries()))
    assert owed > SLICE_COUNT
    found = await owed_report(world.desk, world.journal, SafListArgs(what="owed", count_max=3), counted)
    assert (found.owed, len(turns)) == (owed, 2)
    numbers = sorted(entry.exchange_id for entry in world.desk.saf.entries())[:3]
    assert [row.key for row in found.rows] == [
        entry.key for number in numbers for entry in world.desk.saf.entries() if entry.exchange_id == number
    ]
