"""What the replay of a lost tail reads of a journal: one play, for the source of every engine.

Owns the rows and what is expected of them. It must never know an engine.
"""

from __future__ import annotations

from protocols.vocabulary import Verdict
from relay.journal.items import IDS_PER_INCARNATION
from relay.journal.records import Intent, Step, StoredState
from relay.journal.tailrows import TailReader
from tests.support.journal_suite import APPROVE, T0_MS, Rig, step_to, taken

OLD, NEW = 8, 9
REFUSED = Intent(Verdict.DECLINE, "91", b"")


def write_rows(rig: Rig) -> list[int]:
    """Ten exchanges a second apart: seven confirmed in the old epoch, then an outage that refuses three. As numbers."""
    journal = rig.journal
    records = [taken(journal, f"k{n}", recorded_ms=T0_MS + n * 1_000, epoch=0) for n in range(10)]
    for n, record in enumerate(records):
        journal.take(record, lambda _: None)
        intent = APPROVE if n < 7 else REFUSED
        journal.step(confirmed(record.exchange_id, T0_MS + n * 1_000 + 50, OLD, intent, history=n in (2, 5)), lambda _: None)
    rig.settle()
    return [record.exchange_id for record in records]


def confirmed(exchange_id: int, at_ms: int, epoch: int, intent: Intent = APPROVE, *, history: bool = False) -> Step:
    return step_to(exchange_id, StoredState.ANSWERED, "answered", intent=intent, history=history, epoch=epoch, at_ms=at_ms)


def check(reader: TailReader, ids: list[int]) -> None:
    (life,) = reader.lives()
    assert reader.last_id(life) == ids[9]
    assert reader.last_id(life + 1) == (life + 1) * IDS_PER_INCARNATION
    assert reader.newest_confirmed_ms(NEW) == T0_MS + 6_050, "what an outage refused is no confirmation"
    assert reader.newest_confirmed_ms(OLD) is None, "nothing is older than the first epoch"
    side = reader.by_ids([ids[3]])[ids[3]]
    assert (side.epoch, side.original_key) == (OLD, "")
    assert reader.last_before(T0_MS + 4_000, life) == ids[4] - 1
    lines = reader.moved_lines(0)
    assert [line.exchange_id for line in lines] == [ids[2], ids[5]]
    assert reader.line_before(T0_MS) == 0
    assert reader.line_before(T0_MS + 3_000) == lines[0].mark
    assert reader.line_before(T0_MS + 9_000) == lines[1].mark == reader.last_line()


def write_second_life(rig: Rig) -> None:
    """After a restart, one more is confirmed, in the new epoch, and one in the old one."""
    rig.reopen()
    for key, epoch, at_ms in (("new", NEW, T0_MS + 60_000), ("old", OLD, T0_MS + 30_000)):
        record = taken(rig.journal, key, recorded_ms=at_ms, epoch=0)
        rig.journal.take(record, lambda _: None)
        rig.journal.step(confirmed(record.exchange_id, at_ms, epoch), lambda _: None)
    rig.settle()


def check_second_life(reader: TailReader) -> None:
    assert len(reader.lives()) == 2
    assert reader.newest_confirmed_ms(NEW) == T0_MS + 30_000
    assert reader.newest_confirmed_ms(NEW + 1) == T0_MS + 30_000, "of a life, the newest that was taken"
