"""The plans looked at between runs: what cannot be looked at is not good, nothing is looked at while a run is open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from relay.failover import events as e
from relay.failover.actions.port import Action, Look, Scene, Sight
from relay.failover.deeds import Deed
from relay.failover.evidence import Evidence
from relay.failover.keeper import Keeper
from relay.failover.logkeys import NO_KEYS, LogKeys
from relay.failover.peer import NoPeer, Peer, Replica
from relay.failover.planwatch import WatchSettings
from relay.failover.store import StoreFailed
from relay.orchestrator.plans import PlanFolder
from relay.orchestrator.watching import Watch
from tests.relay.failover.test_peer import Direct
from tests.support.failoverbook import EVIDENCE, Book
from tests.support.failoverdisk import Executioner, MemoryShelf
from tests.support.failoverworld import sample_plan

ONE, TWO = b"1" * 31 + b"x", b"2" * 31 + b"x"


class Seen:
    """An action of which only the look counts."""

    def __init__(self, sight: Callable[[], Sight], scenes: list[Scene]) -> None:
        self._sight, self._scenes = sight, scenes

    async def observe(self, scene: Scene) -> Look:
        self._scenes.append(scene)
        return Look(self._sight(), "as the test says")

    async def act(self, scene: Scene) -> str:
        raise AssertionError("a look never acts")

    compensate = act


class Room:
    def __init__(self, folder: Path, peer: Peer | None = None, keys: LogKeys = NO_KEYS) -> None:
        self.book = Book()
        self.book.keeper = Keeper(MemoryShelf(self.book.executioner, self.book.files, keys), self.book.time, "tokyo")
        self.plans = folder / "plans"
        self.plans.mkdir()
        (self.plans / "a.toml").write_text(sample_plan(), encoding="utf-8")
        self.sight = Sight.DONE
        self.scenes: list[Scene] = []
        self.watch = Watch(
            self.book.keeper,
            PlanFolder(str(self.plans)),
            self._gather,
            self._make,
            self.book.time,
            center="tokyo",
            folder=str(folder),
            settings=WatchSettings(),
            peer=peer,
        )

    async def _gather(self) -> Evidence:
        return EVIDENCE

    def _make(self, deed: Deed) -> Action:
        return Seen(lambda: self.sight, self.scenes)


async def test_a_good_plan_is_good_and_one_that_cannot_be_looked_at_is_not(tmp_path: Path) -> None:
    room = Room(tmp_path)
    await room.watch.round()
    (view,) = room.watch.views()
    assert (view.is_good, view.checked_ms) == (True, room.book.time.wall_ms())
    assert view.looked == len(room.scenes) + 1 > 5  # and a checklist, which needs no look
    text = sample_plan().replace('centers = ["tokyo", "osaka"]', 'centers = ["tokyo", "nagoya"]')
    (room.plans / "a.toml").write_text(text, encoding="utf-8")
    await room.watch.round()
    (half,) = room.watch.views()
    assert any("leaves out the relay of osaka" in text for text in half.trouble)
    (room.plans / "a.toml").write_text(sample_plan(), encoding="utf-8")
    await room.watch.round()
    room.sight = Sight.UNKNOWN
    room.book.wait(900_000)
    await room.watch.round()
    (after,) = room.watch.views()
    assert (after.is_good, after.good_ms) == (False, view.good_ms)
    assert any("cannot be looked at" in text for text in after.trouble)


async def test_nothing_is_looked_at_while_a_run_is_open(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.book.declare()
    await room.watch.round()
    assert (room.scenes, room.watch.views()) == ([], ())
    room.book.write(e.AbortAsked(who="Doi", why="x"))
    room.book.write(e.Undone())
    await room.watch.round()
    (view,) = room.watch.views()
    assert view.is_good
    assert view.exercised_ms == 0  # what was called off has exercised nothing


async def test_a_folder_that_cannot_be_trusted_makes_no_plan_good(tmp_path: Path) -> None:
    room = Room(tmp_path)
    await room.watch.round()
    room.plans.chmod(0o777)
    await room.watch.round()
    assert "written by others" in room.watch.trouble
    assert room.watch.views() == ()
    room.plans.chmod(0o700)
    await room.watch.round()
    assert room.watch.trouble == ""
    assert room.watch.views()[0].is_good
    (room.plans / "a.toml").unlink()
    await room.watch.round()
    assert "no plan" in room.watch.trouble


async def test_a_disk_that_is_nearly_full_is_found_before_the_run_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(tmp_path)
    monkeypatch.setattr("relay.orchestrator.watching.FREE_BYTES_MIN", room.watch.free_bytes() + 2**40)
    await room.watch.round()
    assert any("MiB left" in text for text in room.watch.views()[0].trouble)


async def test_a_run_that_came_to_its_end_is_remembered_from_its_log(tmp_path: Path) -> None:
    room = Room(tmp_path)
    log = (Path(__file__).parents[1] / "failover" / "logs" / "DONE-plain.run").read_bytes()
    room.book.files["20261101-000000-before"] = bytearray(log)
    room.book.files["20261102-000000-torn"] = bytearray(b"no log\n")
    room.watch.remember(room.book.keeper._shelf)
    await room.watch.round()
    assert room.watch.views()[0].exercised_ms > 0


@pytest.mark.parametrize(
    ("here", "there", "said"),
    [
        (NO_KEYS, NO_KEYS, ""),
        (LogKeys("log-1", {"log-1": ONE}), LogKeys("log-1", {"log-1": ONE}), ""),
        (LogKeys("log-1", {"log-1": ONE}), LogKeys("log-2", {"log-2": TWO, "log-1": ONE}), ""),  # in the middle of a change
        (LogKeys("log-2", {"log-2": TWO, "log-1": ONE}), LogKeys("log-1", {"log-1": ONE}), "not known here"),
        (LogKeys("log-1", {"log-1": ONE}), LogKeys("log-1", {"log-1": TWO}), "not signed by the key"),
        (LogKeys("log-1", {"log-1": ONE}), NO_KEYS, "only one of the two"),
        (NO_KEYS, LogKeys("log-1", {"log-1": ONE}), "only one of the two"),
    ],
)
async def test_a_key_that_the_other_center_does_not_know_is_found_before_the_run(
    tmp_path: Path, here: LogKeys, there: LogKeys, said: str
) -> None:
    other = Keeper(MemoryShelf(Executioner(), {}, there), Book().time, "osaka")
    room = Room(tmp_path, Direct(Replica(other, "osaka")), here)
    await room.watch.round()
    (view,) = room.watch.views()
    assert view.is_good is (not said)
    assert said in "".join(view.trouble)


async def test_a_log_that_is_damaged_at_the_other_center_only_is_its_own_trouble(tmp_path: Path) -> None:
    """The newest run here is over, and the copy of it there cannot be read: it is heard all the same, and would keep others."""
    other = Keeper(MemoryShelf(Executioner(), {"r1": bytearray(b"damage\n")}), Book().time, "osaka")
    other.load()
    room = Room(tmp_path, Direct(Replica(other, "osaka")))
    room.book.declare()
    room.book.write(e.AbortAsked(who="Doi", why="x"))
    room.book.write(e.Undone())
    await room.watch.round()
    assert room.watch.views()[0].is_good


async def test_another_center_that_is_not_heard_is_told_and_none_at_all_is_not(tmp_path: Path) -> None:
    away = Direct(Replica(Keeper(MemoryShelf(Executioner(), {}), Book().time, "osaka"), "osaka"))
    away.is_cut = True
    room = Room(tmp_path, away)
    await room.watch.round()
    assert "is not heard: cut" in room.watch.views()[0].trouble[0]
    room.watch._peer = NoPeer()
    await room.watch.round()
    assert room.watch.views()[0].is_good


async def test_a_damaged_log_that_forbids_a_run_is_found_before_the_run_is(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.book.files["20261102-000000-torn"] = bytearray(b"no log\n")
    room.book.keeper.load()
    await room.watch.round()
    assert any("20261102-000000-torn is damaged and may not be over" in text for text in room.watch.views()[0].trouble)
    room.watch.remember(room.book.keeper._shelf)  # and it says nothing about drills
    room.book.keeper.records.heard("20261102-000000-torn", 0, "DONE", 1)
    await room.watch.round()
    assert room.watch.views()[0].is_good
    room.book.keeper.disk.failed(StoreFailed("no space."), is_log_lost=False)
    await room.watch.round()
    assert any("no copy of the other center's run is kept here: no space." in t for t in room.watch.views()[0].trouble)
