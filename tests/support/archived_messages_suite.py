"""What archiving promises of messages that the core started, on whatever engine a world is made of.

Owns `ArchivedMessagesSuite`; tests/relay/journal/archive/test_run.py and tests/relay/journal/postgres/test_release.py give it a
world. The promises are those of exchanges: nothing open is let go, nothing leaves but against a verified file, and a key stays
for the duplicate window.
"""

from __future__ import annotations

from typing import Any

import pytest

from relay.journal.archive.record import ArchiveKind, ReleasedMessage
from relay.journal.archive.shelf import Shelf, messages_in
from relay.journal.outbound import OutboundState
from tests.support.archive_suite import dies_at
from tests.support.archiveworld import ArchiveWorld, Died
from tests.support.journal_suite import DAY_MS
from tests.support.outbound_suite import moved

BODIES = "SELECT count(*) FROM outbound WHERE length(body) > 0"


class ArchivedMessagesSuite:
    """Subclasses give `world`: an empty journal whose settings name an archive directory."""

    @pytest.fixture
    def world(self) -> ArchiveWorld:
        raise AssertionError("a subclass gives the world")

    def test_messages_are_archived_then_their_bodies_go_then_their_keys(self, world: ArchiveWorld) -> None:
        world.messages(0, 7)
        world.day(0, 2)
        world.messages(1, 5)
        world.remember_messages()
        world.rig.later(5 * DAY_MS)
        ran = world.run()
        assert [(record.kind, record.file_name, record.exchange_count) for record in ran.archived] == [
            (ArchiveKind.DAY, "2026-11-24.1.archive", 2),
            (ArchiveKind.OUTBOUND, "2026-11-24.outbound.1.archive", 7),
            (ArchiveKind.OUTBOUND, "2026-11-25.outbound.1.archive", 5),
        ]
        assert world.ask(BODIES) == [(12,)], "the body window is not over"
        assert world.archived_messages() == world.sent
        assert world.prune() == 0
        world.rig.later(2 * DAY_MS)
        assert world.run().released_count == 7 + 2
        assert world.ask(BODIES) == [(5,)]
        world.rig.later(1 * DAY_MS)
        assert world.run().released_count == 5
        world.no_message_is_lost()
        assert world.prune() == 0
        world.rig.later(26 * DAY_MS)
        assert world.prune() == 0, "a key stays for the duplicate window"
        world.rig.later(2 * DAY_MS)
        assert world.prune() == 12 + 2
        assert world.ask("SELECT count(*) FROM outbound") == [(0,)]
        assert world.archived_messages() == world.sent
        assert world.run().archived == ()

    @pytest.mark.parametrize(
        ("state", "told"),
        [
            (OutboundState.QUEUED, True),
            (OutboundState.SENT, True),
            (OutboundState.UNKNOWN, True),  # the core has heard of it, and a person has not found out yet
            (OutboundState.ACKNOWLEDGED, False),
            (OutboundState.FAILED, False),
        ],
    )
    def test_a_date_with_something_open_waits_and_holds_up_no_other(
        self, world: ArchiveWorld, state: OutboundState, told: bool
    ) -> None:
        world.messages(0, 3, state, told=told)
        world.messages(1, 2)
        world.remember_messages()
        world.rig.later(60 * DAY_MS)
        ran = world.run()
        assert [record.business_date for record in ran.archived] == ["2026-11-25"]
        (waiting,) = ran.waiting
        (number,) = world.ask("SELECT outbound_id FROM outbound WHERE key = 'm0.2'")[0]
        assert (waiting.business_date, waiting.exchange_id, waiting.kind) == ("2026-11-24", number, ArchiveKind.OUTBOUND)
        world.no_message_is_lost()
        assert world.prune() == 2
        assert world.ask(BODIES) == [(3,)], "nothing of the open date has gone, however old"
        ended = OutboundState.ACKNOWLEDGED
        world.rig.journal.step_outbound(moved(number, ended, reported=ended, at_ms=world.rig.clock.wall_ms()), lambda _: None)
        world.rig.settle()
        world.sent.clear()
        world.remember_messages()
        assert [record.business_date for record in world.run().archived] == ["2026-11-24"]
        assert world.ask(BODIES) == [(0,)]
        world.no_message_is_lost()

    @pytest.mark.timeout(240)  # some forty restarts of a journal
    def test_a_death_at_any_step_loses_no_message(self, world: ArchiveWorld) -> None:
        deaths = 0
        names: set[str] = set()
        for number in range(40):
            world.messages(number, 4, prefix=f"r{number}.")
            world.remember_messages()
            world.rig.later(9 * DAY_MS)
            try:
                world.run(dies_at(number), body_days=1)
            except Died as died:
                deaths += 1
                names.add(str(died))
            world.rig.settle()
            world.rig.crash()
            world.no_message_is_lost()
            if deaths != number + 1:
                break
            world.run(body_days=1)
            world.no_message_is_lost()
            assert world.ask(BODIES) == [(0,)], "the next run took it up"
            world.rig.later(-8 * DAY_MS)
        else:
            raise AssertionError("the run has more steps than this test has deaths")
        assert {"begun", "page", "synced", "verified", "renamed", "durable", "made", "given", "noted", "released"} <= names

    def test_what_stands_otherwise_than_in_its_archive_is_not_let_go(self, world: ArchiveWorld) -> None:
        """A closed message never changes; should one all the same, it stays, and so does its key."""
        world.messages(0, 3)
        world.rig.later(5 * DAY_MS)
        world.run()
        stands = {row[0]: row for row in world.ask("SELECT outbound_id, state, reported, updated_ms FROM outbound")}
        one, two, three = stands
        world.rig.journal.step_outbound(moved(one, OutboundState.FAILED, at_ms=1), lambda _: None)
        world.rig.journal.step_outbound(moved(two, OutboundState.UNKNOWN), lambda _: None)
        world.rig.settle()
        world.rig.later(5 * DAY_MS)
        assert world.run().released_count == 1
        assert [row[0] for row in world.ask("SELECT outbound_id FROM outbound WHERE length(body) = 0")] == [three]
        world.rig.later(60 * DAY_MS)
        assert world.prune() == 1
        assert {row[0] for row in world.ask("SELECT outbound_id FROM outbound")} == {one, two}

    def test_a_slice_that_is_done_twice_does_no_harm(self, world: ArchiveWorld) -> None:
        world.messages(0, 3)
        world.remember_messages()
        world.rig.later(5 * DAY_MS)
        world.run()
        rows = tuple(each.released() for each in world.sent.values())
        assert all(isinstance(row, ReleasedMessage) for row in rows)
        results: list[Any] = []
        for _ in range(2):
            world.rig.journal.release("2026-11-24.outbound.1.archive", rows[:2], False, results.append)
            world.rig.settle()
        assert results == [2, 2]
        assert world.ask(BODIES) == [(1,)]
        assert [record.released_id for record in world.records()] == [rows[1].number]
        world.no_message_is_lost()

    @pytest.mark.parametrize("how", ["cut", "flipped", "gone", "other"])
    def test_a_damaged_file_is_found_before_anything_leaves(self, world: ArchiveWorld, how: str) -> None:
        world.messages(0, 20)
        world.messages(1, 20)
        world.remember_messages()
        world.rig.later(5 * DAY_MS)
        world.run()
        path, other = (world.folder / record.file_name for record in world.records())
        content = path.read_bytes()
        changed = {
            "cut": content[:-50],
            "flipped": content[:-120] + bytes([content[-120] ^ 1]) + content[-119:],
            "other": other.read_bytes(),
        }
        if how == "gone":
            path.unlink()
        else:
            path.write_bytes(changed[how])
        world.rig.later(3 * DAY_MS)
        world.run()
        world.no_message_is_lost()
        world.run()
        world.no_message_is_lost()
        assert world.ask(BODIES) == [(0,)]

    def test_they_are_listed_verified_and_shown_without_their_bodies(self, world: ArchiveWorld) -> None:
        world.messages(0, 3)
        world.rig.later(5 * DAY_MS)
        world.run()
        source = world.open_source()
        shelf = Shelf(world.folder, source)
        (listed,) = shelf.verify(world.keys)
        assert (listed.kind, listed.exchange_count, listed.bodies, listed.problem) == ("outbound", 3, "journal too", "")
        assert shelf.of_date("2026-11-24") == []
        (path,) = shelf.of_date("2026-11-24", messages=True)
        source.close()
        shown = list(messages_in(path, world.keys))
        assert [(each.key, each.state, each.reported, each.has_body) for each in shown] == [
            ("m0.0", "failed", "failed", True),
            ("m0.1", "failed", "failed", True),
            ("m0.2", "acknowledged", "acknowledged", True),
        ]
        assert "body 0" not in repr(shown)
