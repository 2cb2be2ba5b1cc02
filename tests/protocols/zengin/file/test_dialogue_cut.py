"""Cut lines, crashes and refusing journals: no record lost, none doubled, whatever is cut where. And any bytes at all."""

from __future__ import annotations

import base64

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.dialect import BytesArrived, CommandRequested, HangUp, LinkOpened, ReplyDecided, TimerFired
from protocols.vocabulary import TAKEN, MessageClass, Refusal, Request, Secret
from protocols.zengin.file.dialect import FileDialect
from protocols.zengin.file.dialogue import FileDialogue
from protocols.zengin.file.message import DataMessage, FileMessage
from tests.support.zenginfiles import sound_file, total
from tests.support.zenginlink import BANK, COMPANY, WALL_MS, Hand, Line, Side, opened, pair, profile

COUNT = 12
CONTENT = sound_file("21", COUNT)
BODY = msgspec.json.encode({"file": "SOUFURI", "cycle": "01", "format": "21", "content": base64.b64encode(CONTENT).decode()})


def whole_length() -> int:
    line = pair()
    line.connect()
    line.caller.offer("o", BODY)
    line.run()
    return line.passed


def attempt(line: Line, offer: str, budget: int | None = None) -> None:
    line.passed = 0
    line.connect()
    line.caller.offer(offer, BODY)
    line.run(budget)


def is_done(line: Line, offer: str) -> bool:
    """The sender knows that the file is there: acknowledged, or refused as one that was completed before."""
    return (
        "o" + offer,
        "acknowledged",
    ) in line.caller.deliveries or "called file-start-answer duplicate-cycle" in line.transcript


def check(side: Side) -> None:
    assert len(side.ledger) == COUNT
    assert sum(side.amounts()) == total(COUNT)
    assert all(request.message_class is MessageClass.ADVICE for request in side.ledger.values())


@pytest.mark.parametrize("crashes", [False, True])
@pytest.mark.parametrize("stage_bytes", [1_024, 262_144])
def test_a_line_cut_after_any_byte(crashes: bool, stage_bytes: int) -> None:
    length = whole_length()
    resumed = 0
    for budget in range(0, length + 1, 13):
        line = pair(stage_bytes=stage_bytes)
        line.crashes = crashes
        attempt(line, "1", budget)
        assert len(line.called.ledger) in (0, COUNT), "all of a file is asked, or nothing"
        line.crashes = False
        attempt(line, "1")
        check(line.called)
        assert line.called.variables.get("zfile/head/COMPANY/SOUFURI/01", b"") == b""
        resumed += "caller file-resend" in line.transcript
    assert resumed > 10


@settings(max_examples=60)
@given(
    budgets=st.lists(st.integers(1, 2_600), max_size=5),
    crashes=st.lists(st.booleans(), min_size=5, max_size=5),
    piece=st.integers(1, 300),
    send_count=st.integers(0, 15),
)
def test_any_number_of_cuts_and_crashes(budgets: list[int], crashes: list[bool], piece: int, send_count: int) -> None:
    line = pair(stage_bytes=1_024, send_count=send_count)
    for budget, crash in zip(budgets, crashes, strict=False):
        line.passed = 0
        line.crashes = crash
        line.connect()
        line.caller.offer("o", BODY)
        line.run(budget, piece)
        line.cut()
    line.crashes = False
    attempt(line, "o")
    check(line.called)


def test_a_resend_begins_behind_the_last_record_that_came() -> None:
    line = pair()
    attempt(line, "1", 1_000)
    before = [entry for entry in line.transcript if entry == "caller data"]
    line.transcript.clear()
    attempt(line, "1")
    after = [entry for entry in line.transcript if entry == "caller data"]
    assert "caller file-resend" in line.transcript
    assert len(before) + len(after) <= 9
    assert line.caller.deliveries == [("1", "deferred"), ("1", "sent"), ("1", "acknowledged")]


def test_after_a_crash_of_the_receiver_it_says_where_it_stands() -> None:
    line = pair(stage_bytes=1_024)
    line.crashes = True
    attempt(line, "1", 2_000)
    line.crashes = False
    line.transcript.clear()
    attempt(line, "1")
    started = [detail for name, detail in line.called.notes if name == "file-started"]
    assert started[-1].endswith("from record 11 of 15")
    check(line.called)


def test_a_lost_answer_is_unknown_to_the_sender_and_the_file_is_not_taken_twice() -> None:
    length = whole_length()
    for budget in range(length - 400, length):
        line = pair()
        attempt(line, "1", budget)
        state = line.caller.deliveries[-1][1]
        assert state in ("deferred", "unknown", "acknowledged")
        assert (state == "acknowledged") <= (len(line.called.ledger) == COUNT)
        asked = line.called.asked_count
        attempt(line, "2")
        check(line.called)
        assert asked in (0, COUNT)
        assert line.called.asked_count == COUNT


def test_the_same_file_on_the_next_day_is_known_by_its_bytes_while_its_answer_was_lost() -> None:
    line = pair()
    budgets = range(whole_length() - 250, whole_length() - 100)
    for budget in budgets:
        line = pair()
        attempt(line, "1", budget)
        if len(line.called.ledger) == COUNT and line.caller.deliveries[-1] == ("1", "unknown"):
            break
    line.caller.wall_ms += 86_400_000
    attempt(line, "2")
    check(line.called)
    assert "file-repeated" in line.called.names
    assert line.caller.deliveries[-1] == ("2", "acknowledged")
    # From here on the far end knows: the same bytes on a later day are a new file.
    line.caller.wall_ms += 86_400_000
    attempt(line, "3")
    assert len(line.called.ledger) == 2 * COUNT


@pytest.mark.parametrize(("setting", "count"), [("refuse", COUNT), ("take", 2 * COUNT)])
def test_the_same_bytes_under_another_cycle_are_taken_only_where_that_is_set(setting: str, count: int) -> None:
    line = pair(files=[{"name": "SOUFURI", "direction": "both", "same_bytes": setting, "format": {"formats": ["21"]}}])
    attempt(line, "1")
    line.connect()
    line.caller.offer("2", BODY.replace(b'"cycle":"01"', b'"cycle":"02"'))
    line.run()
    assert len(line.called.ledger) == count
    assert line.caller.deliveries[-1] == ("2", "failed" if setting == "refuse" else "acknowledged")
    assert ("file-sent-twice" in line.called.names) is (setting == "refuse")


def test_a_crash_while_records_are_taken() -> None:
    for lost_after in range(COUNT + 1):
        line = pair(asks_waiting_max=3, progress_records=2)
        called = line.called
        called.refuse = lambda request, limit=lost_after, side=called: (
            Refusal.NO_JOURNAL if len(side.ledger) >= limit and request.key not in side.ledger else None
        )
        attempt(line, "1", 100_000)
        assert len(called.ledger) == lost_after
        line.crashes = True
        line.cut()
        called.refuse = lambda request: None
        called.open(dialled=False)  # any link will do: the file is ours by now
        check(called)
        called.close()
        attempt(line, "2")
        assert line.caller.deliveries[-1] == ("2", "failed")
        assert "called file-start-answer duplicate-cycle" in line.transcript
        check(called)


def test_records_that_the_journal_refuses_for_a_while_are_asked_again_and_the_far_end_waits() -> None:
    line = pair()
    called = line.called
    called.refuse = lambda request: Refusal.NO_JOURNAL if len(called.ledger) >= 4 else None
    attempt(line, "1", 100_000_000)
    assert len(called.ledger) == 4
    assert called.dialogue is not None
    called.now_ms += 10_000
    called.fire("idle")  # a watch frame keeps the far end patient
    line.run()
    called.refuse = lambda request: None
    called.fire("retry")
    line.run()
    check(called)
    assert line.caller.deliveries[-1] == ("1", "acknowledged")


def test_a_record_that_is_refused_for_ever_is_told_and_the_rest_is_taken() -> None:
    line = pair()
    line.called.refuse = lambda request: Refusal.KEY_CONFLICT if request.trace == "000005" else None
    attempt(line, "1")
    assert len(line.called.ledger) == COUNT - 1
    assert "called file-end-answer other" in line.transcript
    assert line.caller.deliveries[-1] == ("1", "failed")
    assert [detail for name, detail in line.called.notes if name == "record-refused"] == [
        "RecordMessage(COMPANY:SOUFURI:20261125:01, 5): key-conflict"
    ]


def test_fetching_goes_on_after_a_cut() -> None:
    body = msgspec.json.encode(
        {"file": "MEISAI", "cycle": "02", "format": "03", "content": base64.b64encode(sound_file("03", COUNT)).decode()}
    )
    for budget in range(300, 3_600, 31):
        line = pair()
        for limit in (budget, None):
            line.passed = 0
            line.connect()
            line.called.offer("o", body)
            line.caller.step(CommandRequested("fetch", b"MEISAI"))
            line.run(limit)
        assert len(line.caller.ledger) == COUNT
        assert sum(line.caller.amounts()) == total(COUNT)


@settings(max_examples=150)
@given(pieces=st.lists(st.binary(max_size=120), max_size=20), dialled=st.booleans())
def test_any_bytes_never_raise_and_are_never_hoarded(pieces: list[bytes], dialled: bool) -> None:
    side = Side(profile(BANK, COMPANY))
    side.open(dialled=dialled)
    for piece in pieces:
        side.step(BytesArrived(piece))
        assert side.dialogue is not None
        assert side.dialogue._cutter.buffered_count <= side.dialect.rules.codec.framing.max_bytes + 2
    side.close()
    assert not side.ledger


@settings(max_examples=80)
@given(at=st.integers(0, 2_700), junk=st.binary(min_size=1, max_size=8), size=st.integers(1, 200))
def test_a_session_with_bytes_changed_anywhere(at: int, junk: bytes, size: int) -> None:
    """Whatever a line does to the bytes: no exception, all of a file or nothing, and afterwards the file goes through."""
    line = pair()
    line.connect()
    line.caller.offer("o1", BODY)
    passed = 0
    while line.caller.out or line.called.out:
        for source, target in ((line.caller, line.called), (line.called, line.caller)):
            while source.out:
                data = source.out.popleft()
                if passed <= at < passed + len(data):
                    data = data[: at - passed] + junk + data[at - passed + len(junk) :]
                passed += len(data)
                for start in range(0, len(data), size):
                    target.step(BytesArrived(data[start : start + size]))
    line.cut()
    amounts = line.called.amounts()
    assert len(amounts) in (0, COUNT)


def test_replies_and_timers_for_nothing_are_ignored() -> None:
    dialect = FileDialect(profile(BANK, COMPANY), lambda: WALL_MS)
    dialogue = dialect.new_dialogue()
    assert isinstance(dialogue, FileDialogue)
    dialogue.step(LinkOpened("192.0.2.1", 1), 0)
    reply = dialect.to_reply(None, TAKEN, 0)
    assert list(dialogue.step(ReplyDecided("nothing", reply), 0)) == []
    for name in ("ack", "file", "retry", "unheard-of", "idle", "partial"):
        actions = dialogue.step(TimerFired(name), 0)
        assert not [action for action in actions if not isinstance(action, HangUp)] or name in ("ack", "file")


def test_keys_are_alike_however_the_file_came() -> None:
    keys: list[dict[str, Request]] = []
    for change in ({"send_count": 3}, {"text_bytes_max": 2_048}):
        line = pair(**change)
        attempt(line, "1")
        keys.append(line.called.ledger)
    assert list(keys[0]) == list(keys[1]) == [f"bank:zfile:COMPANY:SOUFURI:20261125:01:{n:06}" for n in range(1, COUNT + 1)]


def test_a_station_whose_clock_runs_ahead_does_not_make_us_forget_its_files() -> None:
    files = [{"name": "SOUFURI", "access_key": "KEY1", "direction": "both", "format": {"formats": ["21"]}}]
    line = pair(files=files)
    attempt(line, "1")
    line.caller.wall_ms += 400 * 86_400_000
    attempt(line, "2")  # the same bytes, in a year that is not yet
    assert line.caller.deliveries[-1] == ("2", "failed")
    other = msgspec.json.encode(
        {"file": "SOUFURI", "cycle": "02", "format": "21", "content": base64.b64encode(sound_file("21", 3)).decode()}
    )
    line.connect()
    line.caller.offer("3", other)
    line.run()
    line.caller.wall_ms = WALL_MS
    attempt(line, "4")
    assert line.caller.deliveries[-1] == ("4", "failed")
    assert len(line.called.ledger) == COUNT + 3


def test_a_corrected_file_sent_again_from_a_point_is_not_mixed_with_what_came_before() -> None:
    """The sender puts record 6 right and sends again from there: nothing of the first sending behind it is booked."""
    changed = CONTENT[:600] + CONTENT[600:].replace(b"0000005", b"9999995")
    assert changed != CONTENT
    bank, hand = opened()
    start = FileMessage(
        kind="file-start", file="SOUFURI", access_key=Secret("KEY1"), cycle="01", record_bytes=120, record_count=COUNT + 3
    )
    hand.say(start)
    assert hand.heard(FileMessage).result == "ok"
    for first in range(1, 12, 2):
        hand.say(DataMessage(first, CONTENT[(first - 1) * 120 : (first + 1) * 120]))
    bank.close()
    bank.open(dialled=False)
    hand = Hand(bank)
    hand.open()
    bank.is_slow = True
    hand.say(msgspec.structs.replace(start, kind="file-resend", resume=6))
    assert [one.name for one in hand.signals()] == ["ack"], "no answer before the old part is durably forgotten"
    bank.commit(99)
    bank.is_slow = False
    answer = hand.heard(FileMessage)
    assert isinstance(answer, FileMessage)
    assert (answer.result, answer.resume) == ("ok", 6)
    for at in range(6, COUNT + 4, 2):
        hand.say(DataMessage(at, changed[(at - 1) * 120 : min(len(changed), (at + 1) * 120)]))
    hand.say(msgspec.structs.replace(start, kind="file-end", access_key=Secret("")))
    end = hand.heard(FileMessage)
    assert isinstance(end, FileMessage)
    assert end.result == "ok"
    accounts = [(request.to_account or "")[-7:] for request in bank.ledger.values()]
    assert accounts == [f"{number:07}".replace("0000005", "9999995") for number in range(1, COUNT + 1)]
