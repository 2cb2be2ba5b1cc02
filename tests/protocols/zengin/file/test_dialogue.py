"""Whole sessions between two dialogues: both roles, both directions, every refusal, every disorder."""

from __future__ import annotations

import base64

import msgspec
import pytest

from protocols.dialect import CommandRequested
from protocols.vocabulary import Secret
from protocols.zengin.file.message import DataMessage, FileMessage, StationMessage
from tests.support.zenginfiles import header, payment, sound_file, total
from tests.support.zenginlink import AT, BANK, COMPANY, PASSWORDS, Hand, Line, Side, pair, profile


def body(count: int = 5, file: str = "SOUFURI", cycle: str = "01", code: str = "21") -> bytes:
    content = base64.b64encode(sound_file(code, count)).decode()
    return msgspec.json.encode({"file": file, "cycle": cycle, "format": code, "content": content})


# ---- sessions ------------------------------------------------------------------------------------------------------------
def test_a_company_sends_a_file() -> None:
    line = pair()
    line.connect()
    line.caller.offer("o1", body())
    line.run()
    assert line.transcript == [
        "caller open",
        "called ack",
        "called open-answer",
        "caller ack",
        "caller file-start",
        "called ack",
        "called file-start-answer",
        "caller ack",
        *["caller data", "called ack"] * 4,
        "caller file-end",
        "called ack",
        "called file-end-answer",
        "caller ack",
        "caller close",
        "called ack",
        "called close-answer",
        "caller ack",
    ]
    assert line.caller.deliveries == [("o1", "sent"), ("o1", "acknowledged")]
    assert line.called.amounts() == [1_001, 1_004, 1_009, 1_016, 1_025]
    assert line.called.tells == ["session-up", "file-taken", "session-down"]


def test_a_company_fetches_a_file() -> None:
    line = pair()
    line.connect()
    line.called.offer("o2", body(7, "MEISAI", "03", "03"))
    line.caller.step(CommandRequested("fetch", b"MEISAI"))
    line.run()
    assert "caller file-start" in line.transcript
    assert "called data" in line.transcript
    assert line.called.deliveries == [("o2", "sent"), ("o2", "acknowledged")]
    assert sum(line.caller.amounts()) == total(7)
    assert all(key.startswith("bank:zfile:BANK:MEISAI:20261125:03:") for key in line.caller.ledger)


def test_one_session_turns_its_direction_for_the_next_file() -> None:
    line = pair()
    line.connect()
    line.called.offer("o2", body(2, "MEISAI", "01", "03"))
    line.caller.offer("o1", body(3))
    line.caller.step(CommandRequested("fetch", b"MEISAI"))
    line.caller.offer("o3", body(4, cycle="02"))
    line.run()
    assert line.transcript.count("caller open") == 1
    assert line.transcript.count("caller mode") == 2
    assert len(line.called.ledger) == 7
    assert len(line.caller.ledger) == 2


def test_files_that_are_fetched_at_each_connection() -> None:
    company = Side(
        profile(COMPANY, BANK, files=[{"name": "MEISAI", "fetch": True, "format": {"formats": ["03"]}}], text_bytes_max=256)
    )
    line = Line(company, Side(profile(BANK, COMPANY)))
    line.connect()
    line.run()
    assert "called file-start-answer no-file" in line.transcript
    assert line.transcript[-1] == "caller ack"
    line.connect()
    line.called.offer("o1", body(2, "MEISAI", "01", "03"))
    line.run()
    assert len(company.ledger) == 2


@pytest.mark.parametrize("count", [0, 1, 3, 15])
def test_consecutive_sends_without_an_ack(count: int) -> None:
    line = pair(send_count=count)
    line.connect()
    line.caller.offer("o1", body(40))
    line.run()
    data = line.transcript.count("caller data")
    assert data == 22
    at = line.transcript.index("caller data")
    acks = line.transcript[at : line.transcript.index("caller file-end")].count("called ack")
    assert acks == -(-data // (count + 1))
    assert len(line.called.ledger) == 40


def test_the_smaller_count_and_text_of_the_two_hold() -> None:
    line = Line(
        Side(profile(COMPANY, BANK, send_count=15, text_bytes_max=2048)), Side(profile(BANK, COMPANY, text_bytes_max=240))
    )
    line.connect()
    line.caller.offer("o1", body(4))
    line.run()
    assert line.transcript.count("caller data") == 4
    assert line.transcript.count("called ack") >= 4


def test_one_call_for_the_whole_file() -> None:
    files = [{"name": "SOUFURI", "direction": "both", "calls": "batch", "format": {"formats": ["21"]}}]
    line = pair(files=files)
    line.connect()
    line.caller.offer("o1", body(9))
    line.run()
    (request,) = line.called.ledger.values()
    assert request.kind == "bulk-transfer-file"
    assert request.amount is not None
    assert request.amount.minor == total(9)
    assert request.extra["count"] == "9"
    lines = request.extra["records"].split("\n")
    assert [len(one) for one in lines] == [120] * 12
    assert lines[0].startswith("12101234567890ﾃｽﾄ")


def test_records_as_fields_make_the_same_file() -> None:
    line = pair()
    line.connect()
    fields = {
        "file": "SOUFURI",
        "cycle": "01",
        "format": "21",
        "header": header("21"),
        "records": [payment("21", n) for n in (1, 2)],
    }
    line.caller.offer("o1", msgspec.json.encode(fields))
    line.run()
    assert line.called.amounts() == [1_001, 1_004]


def test_a_session_lingers_for_the_next_file() -> None:
    line = pair(timers={"linger_ms": 500})
    line.connect()
    line.caller.offer("o1", body())
    line.run()
    assert line.caller.deliveries[-1] == ("o1", "acknowledged")
    line.caller.offer("o2", body(cycle="02"))
    line.run()
    assert line.transcript.count("caller open") == 1
    assert line.caller.deliveries[-1] == ("o2", "acknowledged")
    assert "caller close" not in line.transcript
    line.caller.fire("linger")
    line.run()
    assert line.transcript[-2:] == ["called close-answer", "caller ack"]


def test_a_file_that_the_core_offers_a_moment_after_it_was_asked_for() -> None:
    line = pair(timers={"offer_ms": 2_000})
    line.connect()
    line.caller.step(CommandRequested("fetch", b"MEISAI"))
    line.run()
    assert line.transcript[-2:] == ["caller file-start", "called ack"]
    line.called.offer("o1", body(2, "MEISAI", "01", "03"))
    line.run()
    assert line.called.deliveries[-1] == ("o1", "acknowledged")
    assert "offer" not in line.called.timers
    line.caller.step(CommandRequested("fetch", b"MEISAI"))
    line.run()
    line.called.fire("offer")
    line.run()
    assert line.transcript[-1] != "called file-start-answer"
    assert "called file-start-answer no-file" in line.transcript


# ---- refusals ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "result"),
    [({"open_password": "WRONG"}, "wrong-password"), ({"centre_code": "3" * 14}, "wrong-centre")],
)
def test_a_station_that_is_not_let_in(change: dict[str, str], result: str) -> None:
    station = {"name": "BANK", "centre_code": BANK, **PASSWORDS, **change}
    line = Line(Side(profile(COMPANY, BANK, stations=[station])), Side(profile(BANK, COMPANY)))
    line.connect()
    line.caller.offer("o1", body())
    line.run()
    assert line.transcript[-1] in (f"called open-answer {result}", "caller ack")
    assert f"called open-answer {result}" in line.transcript
    assert line.called.hung_up == "" or line.called.hung_up == "open-refused"
    assert line.caller.deliveries == [("o1", "deferred")]
    assert not line.called.ledger


def test_an_unknown_caller_learns_no_password() -> None:
    bank = Side(profile(BANK, COMPANY))
    bank.open(dialled=False)
    stranger = Hand(bank)
    stranger.say(StationMessage(kind="open", peer_code=BANK, own_code="9" * 14, password=Secret("OPEN01"), at=AT))
    answer = stranger.heard(StationMessage)
    assert (answer.result, answer.password) == ("wrong-centre", Secret(""))
    assert bank.hung_up == "open-refused"


def test_an_answer_from_somebody_else_ends_the_session() -> None:
    station = {"name": "COMPANY", "centre_code": COMPANY, **PASSWORDS, "open_answer_password": "FALSE"}
    line = Line(Side(profile(COMPANY, BANK)), Side(profile(BANK, COMPANY, stations=[station])))
    line.connect()
    line.caller.offer("o1", body())
    line.run()
    assert "open-answer-wrong" in line.caller.names
    assert line.caller.deliveries == [("o1", "deferred")]


def test_a_wrong_close_password_is_told_and_costs_nothing() -> None:
    station = {"name": "BANK", "centre_code": BANK, **PASSWORDS, "close_password": "WRONG"}
    line = Line(Side(profile(COMPANY, BANK, stations=[station])), Side(profile(BANK, COMPANY)))
    line.connect()
    line.caller.offer("o1", body())
    line.run()
    assert "called close-answer wrong-password" in line.transcript
    assert "session-close-refused" in line.called.names
    assert line.caller.deliveries[-1] == ("o1", "acknowledged")


def test_a_completed_file_offered_again_is_a_duplicate_cycle() -> None:
    line = pair()
    for offer in ("o1", "o2"):
        line.connect()
        line.caller.offer(offer, body())
        line.run()
    assert "called file-start-answer duplicate-cycle" in line.transcript
    assert line.caller.deliveries[-1] == ("o2", "failed")
    assert len(line.called.ledger) == 5
    assert line.called.asked_count == 5
    line.connect()
    line.caller.offer("o3", body(cycle="02"))
    line.run()
    assert len(line.called.ledger) == 10


@pytest.mark.parametrize(
    ("change", "result"),
    [
        ({"name": "OTHER"}, "no-file"),
        ({"direction": "send"}, "no-file"),
        ({"access_key": "KEY2"}, "wrong-access-key"),
        ({"format": {"formats": ["03"]}}, "wrong-record-length"),
        ({"format": {"formats": ["21"], "characters": {"charset": "ebcdic-kana"}}}, "other"),
    ],
)
def test_a_file_that_is_not_taken_leaves_the_session_open(change: dict[str, object], result: str) -> None:
    rule = {"name": "SOUFURI", "access_key": "KEY1", "direction": "both", "format": {"formats": ["21"]}, **change}
    line = Line(Side(profile(COMPANY, BANK)), Side(profile(BANK, COMPANY, files=[rule])))
    line.connect()
    line.caller.offer("o1", body())
    line.run()
    assert f"called file-start-answer {result}" in line.transcript
    assert line.transcript[-2:] == ["called close-answer", "caller ack"]
    assert line.caller.deliveries == [("o1", "failed")]


def test_a_file_over_a_limit_is_refused_before_it_comes() -> None:
    files = [{"name": "SOUFURI", "access_key": "KEY1", "calls": "batch", "format": {"formats": ["21"]}}]
    for change in ({"file_bytes_max": 1_024}, {"files": files, "batch_bytes_max": 1_024}):
        line = Line(Side(profile(COMPANY, BANK)), Side(profile(BANK, COMPANY, **change)))
        line.connect()
        line.caller.offer("o1", body(6))
        line.run()
        assert "called file-start-answer other" in line.transcript
        line.connect()
        line.caller.offer("o2", body(5))
        line.run()
        assert line.caller.deliveries[-1] == ("o2", "acknowledged")


# ---- unsound files -------------------------------------------------------------------------------------------------------
def sent_by_hand(content: bytes, count: int | None = None) -> tuple[Side, FileMessage]:
    """`content` sent to a bank by hand, whatever is in it; the bank's answer to the end of it."""
    bank = Side(profile(BANK, COMPANY, text_bytes_max=32_767))
    bank.open(dialled=False)
    hand = Hand(bank)
    hand.open()
    announced = len(content) // 120 if count is None else count
    hand.say(
        FileMessage(
            kind="file-start", file="SOUFURI", access_key=Secret("KEY1"), cycle="01", record_bytes=120, record_count=announced
        )
    )
    assert hand.heard(FileMessage).result == "ok"
    hand.say(DataMessage(1, content))
    hand.say(FileMessage(kind="file-end", file="SOUFURI", cycle="01", record_bytes=120, record_count=announced))
    return bank, hand.heard(FileMessage)


def test_a_file_whose_total_is_wrong_costs_nobody_a_yen() -> None:
    content = sound_file("21", 5).replace(b"8000005000000005055", b"8000005000000005056")
    bank, answer = sent_by_hand(content)
    assert (answer.kind, answer.result) == ("file-end-answer", "count-differs")
    assert bank.asked_count == 0
    assert bank.variables["zfile/head/COMPANY/SOUFURI/01"] == b""
    assert [detail for name, detail in bank.notes if name == "file-mistake"] == [
        "COMPANY:SOUFURI:20261125:01: record 7, column 8: total: says 5056, the records add up to 5055"
    ]


def test_every_mistake_of_an_unsound_file_is_told() -> None:
    content = sound_file("21", 5).replace(b"\xd4\xcf\xc0\xde", b"abcd")
    bank, answer = sent_by_hand(content)
    assert answer.result == "other"
    assert bank.names.count("file-mistake") == 5
    assert bank.asked_count == 0


def test_fewer_records_than_announced() -> None:
    bank, answer = sent_by_hand(sound_file("21", 5), count=9)
    assert answer.result == "count-differs"
    assert bank.asked_count == 0
