"""What archiving promises, run against whatever engine a world is made of: nothing is lost, whenever the process dies.

Owns `ArchiveSuite`; tests/relay/journal/archive/test_run.py and tests/relay/journal/postgres/test_release.py give it a world.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from relay.journal.archive import file as archive_file
from relay.journal.archive.making import TEMPORARY
from relay.journal.archive.record import ArchiveKind, ArchiveTrouble
from relay.journal.keyring import KeyRing
from relay.journal.records import StoredState
from tests.support.archiveworld import ArchiveWorld, Died
from tests.support.journal_suite import DAY_MS, T0_MS, answered, step_to, taken
from tests.support.sqliterig import KEY

BODIES = "SELECT count(*) FROM taken WHERE length(request) > 0"


def dies_at(place: int) -> Callable[[str], None]:
    """The step that ends the process at the `place`-th call."""
    left = place

    def step(name: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Died(name)

    return step


class ArchiveSuite:
    """Subclasses give `world`: an empty journal whose settings name an archive directory."""

    @pytest.fixture
    def world(self) -> ArchiveWorld:
        raise AssertionError("a subclass gives the world")

    def test_closed_dates_are_archived_then_their_bodies_go_then_their_keys(self, world: ArchiveWorld) -> None:
        world.day(0, 7)
        world.day(1, 5)
        world.remember()
        world.rig.later(2 * DAY_MS)
        assert world.run().archived == (), "not yet"
        world.rig.later(3 * DAY_MS)
        assert [record.business_date for record in world.run().archived] == ["2026-11-24", "2026-11-25"]
        assert world.ask(BODIES) == [(12,)], "the body window is not over"
        assert world.archived() == world.whole
        world.rig.later(2 * DAY_MS)
        assert world.run().released_count == 7
        assert world.ask(BODIES) == [(5,)]
        world.rig.later(1 * DAY_MS)
        assert world.run().released_count == 5
        assert (world.ask(BODIES), world.ask("SELECT count(*) FROM history")) == ([(0,)], [(0,)])
        world.nothing_is_lost()
        assert world.prune() == 0
        world.rig.later(28 * DAY_MS)
        assert world.prune() == 12
        assert world.ask("SELECT count(*) FROM taken") == [(0,)]
        assert world.archived() == world.whole
        assert world.run().archived == ()

    def test_a_date_with_something_open_or_listed_waits_and_holds_up_no_other(self, world: ArchiveWorld) -> None:
        world.day(0, 4, StoredState.LISTED)
        world.day(1, 4, StoredState.HELD)
        world.day(2, 4)
        world.rig.later(10 * DAY_MS)
        ran = world.run()
        assert [record.business_date for record in ran.archived] == ["2026-11-26"]
        assert [each.business_date for each in ran.waiting] == ["2026-11-24", "2026-11-25"]
        assert ran.oldest_due_ms is not None
        for each in ran.waiting:
            world.rig.journal.step(step_to(each.exchange_id, StoredState.SETTLED), lambda _: None)
        world.rig.settle()
        world.remember()
        assert [record.business_date for record in world.run().archived] == ["2026-11-24", "2026-11-25"]
        world.nothing_is_lost()

    def test_what_was_only_recorded_is_not_closed(self, world: ArchiveWorld) -> None:
        world.day(0, 2)
        record = taken(world.rig.journal, "recorded", recorded_ms=world.rig.clock.wall_ms())
        world.rig.journal.take(record, lambda _: None)
        world.rig.settle()
        world.rig.later(10 * DAY_MS)
        ran = world.run()
        assert ran.archived == ()
        assert ran.waiting[0].exchange_id == record.exchange_id

    @pytest.mark.timeout(240)  # some forty restarts of a journal
    def test_a_death_at_any_step_loses_nothing_and_the_next_run_goes_on(self, world: ArchiveWorld) -> None:
        """Between any two steps of making, noting, reading back and letting go."""
        names: list[str] = []
        deaths = 0
        for number in range(40):
            prefix = f"r{number}."
            world.day(number, 5, prefix=prefix)
            world.remember()
            world.rig.later(9 * DAY_MS - number % 2)
            place = number
            try:
                world.run(dies_at(place), body_days=1)
            except Died as died:
                deaths += 1
                names.append(str(died))
            world.rig.settle()
            world.rig.crash()
            world.nothing_is_lost()
            if deaths != number + 1:
                break
            world.run(body_days=1)
            world.nothing_is_lost()
            assert world.ask(BODIES) == [(0,)], "the next run took it up"
            world.rig.later(-8 * DAY_MS)
        else:
            raise AssertionError("the run has more steps than this test has deaths")
        steps = {
            "begun",
            "page",
            "written",
            "synced",
            "read",
            "verified",
            "renamed",
            "durable",
            "made",
            "given",
            "noted",
            "released",
        }
        assert steps <= set(names), names
        assert not [path for path in world.folder.iterdir() if path.suffix != ".archive"], "nothing is left half made"

    def test_what_changed_after_its_archive_stays_and_is_archived_anew(self, world: ArchiveWorld) -> None:
        world.day(0, 6)
        world.rig.later(5 * DAY_MS)
        world.run()
        number = world.ask("SELECT exchange_id FROM taken ORDER BY exchange_id LIMIT 1")[0][0]
        late = step_to(number, StoredState.DONE, "OUTCOME", outcome=b"late evidence", at_ms=world.rig.clock.wall_ms())
        world.rig.journal.step(late, lambda _: None)
        world.rig.settle()
        world.remember()
        world.rig.later(5 * DAY_MS)
        assert world.run().released_count == 5
        assert world.ask(BODIES) == [(1,)]
        world.nothing_is_lost()
        ran = world.run()
        assert [(record.kind, record.exchange_count) for record in ran.archived] == [(ArchiveKind.LATE, 1)]
        assert ran.released_count == 1
        assert world.ask(BODIES) == [(0,)]
        world.nothing_is_lost()

    def test_evidence_that_comes_after_the_body_has_gone_is_archived_before_the_key_goes(self, world: ArchiveWorld) -> None:
        world.day(0, 2)
        world.remember()
        world.rig.later(10 * DAY_MS)
        world.run()
        number = world.ask("SELECT exchange_id FROM taken ORDER BY exchange_id LIMIT 1")[0][0]
        late = step_to(number, StoredState.DONE, "OUTCOME", outcome=b"late evidence", at_ms=world.rig.clock.wall_ms())
        world.rig.journal.step(late, lambda _: None)
        world.rig.settle()
        world.rig.later(30 * DAY_MS)
        assert world.prune() == 1
        assert world.ask("SELECT exchange_id FROM taken") == [(number,)]
        assert world.run().archived[0].history_count == 1
        assert world.prune() == 1
        assert world.ask("SELECT count(*) FROM taken") == [(0,)]

    def test_a_key_is_never_deleted_before_its_exchange_is_archived(self, world: ArchiveWorld) -> None:
        world.day(0, 5, StoredState.LISTED)
        world.rig.later(40 * DAY_MS)
        assert world.prune() == 0
        assert world.ask("SELECT count(*) FROM taken") == [(5,)]
        world.remember()
        ran = world.run()
        assert [(record.kind, record.exchange_count) for record in ran.archived] == [(ArchiveKind.LATE, 4)], (
            "but not the listed"
        )
        world.nothing_is_lost()
        assert world.prune() == 4

    def test_a_clock_that_jumped_leaves_no_gap(self, world: ArchiveWorld) -> None:
        """Ahead by months and back, and back by a week."""
        for number, prefix in ((0, "a"), (200, "b"), (0, "c"), (1, "d"), (-7, "e"), (1, "f"), (2, "g")):
            world.day(number, 3, prefix=prefix)
        world.remember()
        world.rig.later(10 * DAY_MS)
        world.run()
        assert world.archived() == world.whole
        ranges = sorted((record.above_id, record.last_id) for record in world.records())
        assert all(one[1] == other[0] for one, other in pairwise(ranges)), ranges
        assert len({record.file_name for record in world.records()}) == len(ranges)

    @pytest.mark.parametrize("how", ["cut", "flipped", "gone", "other"])
    def test_a_damaged_archive_takes_nothing_with_it(self, world: ArchiveWorld, how: str) -> None:
        """Found before anything leaves the journal: made again."""
        world.day(0, 50)
        world.day(1, 50)
        world.remember()
        world.rig.later(5 * DAY_MS)
        world.run()
        path, other = (world.folder / record.file_name for record in world.records())
        content = path.read_bytes()
        if how == "cut":
            path.write_bytes(content[:-100])
        elif how == "flipped":
            path.write_bytes(content[:-300] + bytes([content[-300] ^ 1]) + content[-299:])
        elif how == "other":
            path.write_bytes(other.read_bytes())
        else:
            path.unlink()
        world.rig.later(3 * DAY_MS)
        world.run()
        world.nothing_is_lost()
        world.run()
        world.nothing_is_lost()
        assert world.ask(BODIES) == [(0,)]

    def test_an_archive_damaged_half_way_through_is_a_persons_business(self, world: ArchiveWorld) -> None:
        world.day(0, 3)
        world.remember()
        world.rig.later(5 * DAY_MS)
        world.run()
        record = world.records()[0]
        first = world.whole["k0.0"].released()
        results: list[Any] = []
        world.rig.journal.release(record.file_name, (first,), False, results.append)
        world.rig.settle()
        path = world.folder / record.file_name
        content = path.read_bytes()
        path.write_bytes(content[:-100])
        world.rig.later(5 * DAY_MS)
        world.day(2, 4)
        world.remember()
        world.rig.later(12 * DAY_MS)
        with pytest.raises(ArchiveTrouble, match="damaged") as caught:
            world.run()
        assert caught.value.next_step
        assert world.ask(BODIES) == [(2,)], "what another archive holds has gone all the same"
        path.write_bytes(content)
        assert world.run().released_count == 2
        world.nothing_is_lost()

    def test_another_journals_archive_is_neither_taken_nor_touched(self, world: ArchiveWorld) -> None:
        world.day(0, 3)
        world.rig.later(5 * DAY_MS)
        source = world.open_source()
        stranger = ArchiveWorld(world.rig, world.folder, lambda _: world.open_source())
        theirs = stranger.archive_folder(lambda _: None, source, journal_id=7)
        source.close()
        world.run()
        record = world.records()[0]
        content = (world.folder / record.file_name).read_bytes()
        with pytest.raises(ArchiveTrouble, match="another journal") as caught:
            theirs.check(record)
        assert "archive_directory of its own" in caught.value.next_step
        assert (world.folder / record.file_name).read_bytes() == content

    def test_no_room_and_no_right_are_said_and_the_journal_is_as_it_was(
        self, world: ArchiveWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.day(0, 3)
        world.remember()
        world.rig.later(9 * DAY_MS)
        world.free_mib_min = 1 << 40
        with pytest.raises(ArchiveTrouble, match="archive_free_mib_min") as caught:
            world.run()
        assert "move older archives" in caught.value.next_step
        world.free_mib_min = 0
        for code, step in ((errno.ENOSPC, "Free space"), (errno.EROFS, "ReadWritePaths"), (errno.EIO, "its disk")):

            def fails(descriptor: int, code: int = code) -> None:
                raise OSError(code, os.strerror(code))

            with monkeypatch.context() as patched:
                patched.setattr(os, "fsync", fails)
                with pytest.raises(ArchiveTrouble, match="cannot be written to") as caught:
                    world.run()
            assert step in caught.value.next_step
            assert not (world.folder / TEMPORARY).exists()
            assert world.records() == []
        assert world.ask(BODIES) == [(3,)]
        assert len(world.run().archived) == 1
        world.nothing_is_lost()

    def test_while_keys_change_nothing_is_archived(self, world: ArchiveWorld) -> None:
        world.day(0, 3)
        world.rig.later(9 * DAY_MS)
        world.two_keys()
        ran = world.run()
        assert ran.archived == ()
        assert ran.are_keys_changing

    def test_a_change_of_keys_while_a_file_is_made_throws_it_away(self, world: ArchiveWorld) -> None:
        """Else it would hold card numbers under a key that no row needs any more."""
        world.day(0, 3)
        world.rig.later(9 * DAY_MS)

        def step(name: str) -> None:
            if name == "page":
                world.two_keys()

        ran = world.run(step)
        assert (ran.archived, ran.are_keys_changing) == ((), True)
        assert world.records() == []
        assert not list(world.folder.iterdir()), "nothing is left half made"

    def test_another_key_than_the_journals_makes_no_archive(self, world: ArchiveWorld) -> None:
        """It was changed while the relay runs: what is made with the old one could not be read with the new one alone."""
        world.day(0, 3)
        world.rig.later(9 * DAY_MS)
        mine, world.keys = world.keys, KeyRing(b"o" * 32, [KEY])
        assert world.run().are_keys_changing
        assert world.records() == []
        world.keys = mine
        assert len(world.run().archived) == 1

    def test_a_full_disk_does_not_keep_what_is_archived_from_making_room(self, world: ArchiveWorld) -> None:
        world.day(0, 3)
        world.rig.later(5 * DAY_MS)
        world.run()
        world.day(4, 3)
        world.remember()
        world.rig.later(5 * DAY_MS)
        world.free_mib_min = 1 << 40
        with pytest.raises(ArchiveTrouble, match="archive_free_mib_min"):
            world.run()
        assert world.ask(BODIES) == [(3,)], "the first date has left the journal"
        world.nothing_is_lost()

    def test_a_date_that_cannot_be_archived_holds_up_no_other(
        self, world: ArchiveWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An exchange above the limit of a file."""
        world.rig.journal.take(
            huge := taken(world.rig.journal, "huge", request=bytes(9_000), recorded_ms=T0_MS), lambda _: None
        )
        world.rig.journal.step(answered(huge.exchange_id), lambda _: None)
        world.day(3, 2)
        world.rig.later(20 * DAY_MS)
        monkeypatch.setattr(archive_file, "CHUNK_BYTES_MAX", 5_000)
        with pytest.raises(ArchiveTrouble, match="above the limit"):
            world.run()
        assert [record.business_date for record in world.records()] == ["2026-11-27"]
        assert world.ask(BODIES) == [(1,)]

    def test_a_clock_that_was_ahead_does_not_stop_the_late_ones(self, world: ArchiveWorld) -> None:
        world.day(0, 2, StoredState.LISTED)
        world.rig.later(40 * DAY_MS)
        world.prune()
        world.rig.clock.set_by_ms = 300 * DAY_MS
        assert [record.kind for record in world.run().archived] == [ArchiveKind.LATE]
        world.rig.clock.set_by_ms = 0
        world.day(1, 2, StoredState.LISTED, prefix="l")
        world.prune()
        assert [record.kind for record in world.run().archived] == [ArchiveKind.LATE]

    def test_a_journal_that_was_given_to_another_center_keeps_its_archives(self, world: ArchiveWorld) -> None:
        world.day(0, 3)
        world.remember()
        world.rig.later(5 * DAY_MS)
        world.run()
        world.center = "osaka"
        world.rig.later(5 * DAY_MS)
        assert world.run().released_count == 3
        world.nothing_is_lost()
