"""Records into the journal: a few at a time, progress without gaps, refusals that pass and refusals that stay."""

from __future__ import annotations

from protocols.dialect import Ask, Note, Store, Timer
from protocols.vocabulary import TAKEN, Refusal
from protocols.zengin.file.message import BatchMessage, FileIdentity, RecordMessage
from protocols.zengin.file.rules import LinkRules
from protocols.zengin.file.taker import SKIPPED_MAX, Taker
from protocols.zengin.file.talk import Talk
from protocols.zengin.file.translate import to_reply
from protocols.zengin.file.work import Work
from protocols.zengin.format.settings import FormatSettings
from protocols.zengin.format.writer import FileWriter
from tests.support.zenginfiles import header, payment, sound_file
from tests.support.zenginlink import BANK, COMPANY, WALL_MS, profile

ONE = FileIdentity("COMPANY", "SOUFURI", "20261125", "01")


def taking(count: int = 10, taken: int = 0, **changes: object) -> tuple[Taker, Talk, Work]:
    rules = LinkRules(profile(BANK, COMPANY, **{"asks_waiting_max": 4, "progress_records": 3, **changes}), lambda: WALL_MS)
    rules.archive.load({})
    work = rules.archive.begin(ONE, 120, count + 3)
    assert work is not None
    rules.archive.append(work, sound_file("21", count))
    rules.archive.accept(work, "record")
    work.taken = taken
    return Taker(rules, work), Talk(rules), work


def asked(talk: Talk) -> list[RecordMessage]:
    found = [action.message for action in talk.actions if isinstance(action, Ask)]
    talk.actions = [action for action in talk.actions if not isinstance(action, Ask)]
    return [message for message in found if isinstance(message, RecordMessage)]


def test_never_more_than_the_window() -> None:
    taker, talk, _ = taking()
    taker.ask(talk)
    waiting = asked(talk)
    assert [message.number for message in waiting] == [1, 2, 3, 4]
    taker.decided(waiting[2], to_reply(None, TAKEN, 0), talk)
    assert [message.number for message in asked(talk)] == [5]
    assert not taker.is_finished


def test_progress_is_what_is_taken_without_a_gap() -> None:
    taker, talk, work = taking()
    taker.ask(talk)
    first, *others = asked(talk)
    for message in others:
        taker.decided(message, to_reply(None, TAKEN, 0), talk)
    assert work.taken == 0
    assert not any(isinstance(action, Store) for action in talk.actions)
    taker.decided(first, to_reply(None, TAKEN, 0), talk)
    assert work.taken == 4
    assert [action.name for action in talk.actions if isinstance(action, Store)] == ["zfile/head/COMPANY/SOUFURI/01"]


def test_it_goes_on_where_another_link_stopped() -> None:
    taker, talk, work = taking(taken=7)
    taker.ask(talk)
    waiting = asked(talk)
    assert [message.number for message in waiting] == [8, 9, 10]
    for message in waiting:
        taker.decided(message, to_reply(None, TAKEN, 0), talk)
    assert taker.is_finished
    assert (work.taken, taker.result) == (10, "ok")


def test_what_was_taken_is_passed_over_in_slices() -> None:
    count = 2 * SKIPPED_MAX + 10
    taker, talk, _ = taking(count=count, taken=count - 2)
    for _ in range(2):
        taker.ask(talk)
        assert talk.actions == [Timer("skip", 1)]
        assert not taker.is_finished
        talk.actions.clear()
    taker.ask(talk)
    assert [message.number for message in asked(talk)] == [count - 1, count]


def test_a_passing_refusal_is_asked_again_after_a_pause() -> None:
    taker, talk, _ = taking(count=2)
    taker.ask(talk)
    one, two = asked(talk)
    for message in (one, two):
        taker.decided(message, to_reply(None, Refusal.NO_JOURNAL, 0), talk)
    assert talk.actions == [Timer("retry", 1_000)]
    taker.retry(talk)
    assert asked(talk) == [one, two]
    for message in (one, two):
        taker.decided(message, to_reply(None, TAKEN, 0), talk)
    assert (taker.is_finished, taker.result) == (True, "ok")


def test_a_lasting_refusal_is_counted_and_told() -> None:
    taker, talk, work = taking(count=1)
    taker.ask(talk)
    (message,) = asked(talk)
    taker.decided(message, to_reply(None, Refusal.KEY_CONFLICT, 0), talk)
    assert (taker.is_finished, taker.result, work.refused) == (True, "other", 1)
    assert any(isinstance(action, Note) and action.name == "record-refused" for action in talk.actions)
    taker.decided(message, to_reply(None, TAKEN, 0), talk)
    assert work.refused == 1


def test_a_lasting_refusal_is_remembered_over_a_restart() -> None:
    taker, talk, work = taking(count=5)
    taker.ask(talk)
    first, *others = asked(talk)
    taker.decided(first, to_reply(None, Refusal.KEY_CONFLICT, 0), talk)
    for message in others[:2]:
        taker.decided(message, to_reply(None, TAKEN, 0), talk)
    (mark,) = (action for action in talk.actions if isinstance(action, Store))
    rules = LinkRules(profile(BANK, COMPANY), lambda: WALL_MS)
    parts = {f"zfile/text/{work.slot}/{part}": bytes(work.content) for part, _ in work.parts}
    assert rules.archive.load({mark.name: mark.value, **parts}) == []
    (found,) = rules.archive.unfinished()
    again, talk = Taker(rules, found), Talk(rules)
    again.ask(talk)
    for message in asked(talk):
        assert message.number > 3
        again.decided(message, to_reply(None, TAKEN, 0), talk)
    assert (again.is_finished, again.result) == (True, "other")


def test_a_file_without_data_records_is_finished_at_once() -> None:
    taker, talk, _ = taking(count=0)
    taker.ask(talk)
    assert taker.is_finished


def test_each_batch_of_a_file_is_a_call_of_its_own() -> None:
    """The second batch has another account: one call for both would take all the money from the first."""
    writer = FileWriter("21", FormatSettings())
    content = b""
    for number in (1, 2, 3):
        content += writer.header({**header("21"), "account_no": str(number)})
        content += b"" if number == 2 else writer.data(payment("21", number))
        content += writer.trailer()
    content += writer.end()
    rules = LinkRules(profile(BANK, COMPANY), lambda: WALL_MS)
    rules.archive.load({})
    work = rules.archive.begin(ONE, 120, len(content) // 120)
    assert work is not None
    rules.archive.append(work, content)
    rules.archive.accept(work, "batch")
    taker, talk = Taker(rules, work), Talk(rules)
    taker.ask(talk)
    batches = [action.message for action in talk.actions if isinstance(action, Ask)]
    assert [(one.number, one.count, one.total, len(one.lines)) for one in batches if isinstance(one, BatchMessage)] == [
        (1, 1, 1_001, 3),
        (2, 1, 1_009, 4),
    ]
    for one in batches:
        assert isinstance(one, BatchMessage)
        taker.decided(one, to_reply(None, TAKEN, 0), talk)
    assert taker.is_finished
    assert work.taken == 2
