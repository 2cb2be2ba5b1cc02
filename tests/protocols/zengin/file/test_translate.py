"""Records as requests: keys, kinds, accounts, dates; and the journal's word as a reply."""

from __future__ import annotations

import pytest

from protocols.vocabulary import TAKEN, Approved, Declined, MessageClass, Refusal, Request, Verdict
from protocols.zengin.file.message import BatchMessage, FileIdentity, RecordMessage
from protocols.zengin.file.translate import account, business_date, compile_to_request, to_reply
from protocols.zengin.format.layouts import LAYOUTS
from protocols.zengin.format.reader import read_file
from protocols.zengin.format.record import Record
from protocols.zengin.format.settings import FormatSettings
from relay.loopback.entries import MOVES
from tests.support.zenginfiles import sound_file
from tests.support.zenginlink import BANK, COMPANY, RECEIVED, profile

ONE = FileIdentity("COMPANY", "SOUFURI", "20261125", "01")
TO_REQUEST = compile_to_request(profile(BANK, COMPANY, kind_of={"12": "gift"}))


def request(code: str, number: int = 1) -> Request:
    records = read_file(sound_file(code, 3), FormatSettings()).records
    made = TO_REQUEST(RecordMessage(ONE, code, number, records[0], records[number]), RECEIVED)
    assert isinstance(made, Request)
    return made


@pytest.mark.parametrize(
    ("code", "kind", "source", "target"),
    [
        ("21", "bulk-transfer", "0001-001-1-7654321", "0009-825-1-0000001"),
        ("11", "salary-transfer", "0001-001-1-7654321", "0009-825-1-0000001"),
        ("12", "gift", "0001-001-1-7654321", "0009-825-1-0000001"),
        ("91", "direct-debit", "0009-825-1-0000001", "0001-001-1-7654321"),
        ("01", "credit-notice", None, "0001-001-1-7654321"),
        ("03", "statement-entry", None, "0001-001-1-0007654321"),
    ],
)
def test_every_format(code: str, kind: str, source: str | None, target: str | None) -> None:
    made = request(code)
    assert made.key == "bank:zfile:COMPANY:SOUFURI:20261125:01:000001"
    assert (made.kind, made.from_account, made.to_account) == (kind, source, target)
    assert made.message_class is MessageClass.ADVICE
    assert made.amount is not None
    assert (made.amount.minor, made.amount.currency) == (1_001, "JPY")
    assert (made.terminal, made.trace, made.business_date) == ("COMPANY", "000001", "2026-11-25")
    assert (made.extra["file"], made.extra["cycle"]) == ("SOUFURI", "01")


def test_money_that_leaves_an_account_in_a_statement() -> None:
    made = request("03", 2)
    assert (made.from_account, made.to_account) == ("0001-001-1-0007654321", None)


def test_the_result_of_a_debit_is_no_debit() -> None:
    results = profile(BANK, COMPANY, files=[{"name": "SOUFURI", "format": {"formats": ["91"], "debit_results": True}}])
    records = read_file(sound_file("91", 1), FormatSettings()).records
    for code in "0", "1":
        record = Record("2", {**records[1].fields, "result_code": code})
        made = compile_to_request(results)(RecordMessage(ONE, "91", 1, records[0], record), RECEIVED)
        assert isinstance(made, Request)
        assert made.kind == "direct-debit-result"
        assert made.extra["result_code"] == code
    whole = compile_to_request(results)(BatchMessage(ONE, "91", 1, 5, records[0], (), ""), RECEIVED)
    assert isinstance(whole, Request)
    assert whole.kind == "direct-debit-result-file"


def test_a_cancelled_credit_is_no_credit() -> None:
    records = read_file(sound_file("01", 1), FormatSettings()).records
    record = Record("2", {**records[1].fields, "cancel_kubun": "1"})
    made = TO_REQUEST(RecordMessage(ONE, "01", 1, records[0], record), RECEIVED)
    assert isinstance(made, Request)
    assert made.kind == "credit-notice-cancelled"


def test_an_account_of_zeros_is_none_and_a_code_of_zeros_is_one() -> None:
    records = read_file(sound_file("21", 1), FormatSettings()).records
    head = Record("1", {**records[0].fields, "account_no": "0000000"})
    record = Record("2", {**records[1].fields, "customer_code1": "0000000000", "new_code": "0"})
    made = TO_REQUEST(RecordMessage(ONE, "21", 1, head, record), RECEIVED)
    assert isinstance(made, Request)
    assert made.from_account is None
    assert made.extra["customer_code1"] == "0000000000"
    assert "new_code" not in made.extra


@pytest.mark.parametrize("code", sorted(LAYOUTS))
def test_a_whole_file_moves_the_money_of_its_header_the_way_its_records_would(code: str) -> None:
    records = read_file(sound_file(code, 1), FormatSettings()).records
    one = TO_REQUEST(RecordMessage(ONE, code, 1, records[0], records[1]), RECEIVED)
    whole = TO_REQUEST(BatchMessage(ONE, code, 1, 5, records[0], (), "", 2), RECEIVED)
    assert isinstance(one, Request)
    assert isinstance(whole, Request)
    holder = account(records[0])
    assert (whole.from_account == holder, whole.to_account == holder) == (one.from_account == holder, one.to_account == holder)
    assert whole.key.endswith(":01:file-2")
    assert {one.kind, whole.kind} <= set(MOVES) | {"gift", "gift-file"}


def test_every_format_has_a_kind() -> None:
    for code in LAYOUTS:
        assert request(code).kind


def test_the_fingerprint_holds_every_field_and_the_key_none() -> None:
    records = read_file(sound_file("21", 1), FormatSettings()).records
    changed = Record("2", {**records[1].fields, "payee_name": "ｲｼﾀﾞ"})
    one, other = (TO_REQUEST(RecordMessage(ONE, "21", 1, records[0], record), RECEIVED) for record in (records[1], changed))
    assert isinstance(one, Request)
    assert isinstance(other, Request)
    assert one.key == other.key
    assert one.fingerprint_text != other.fingerprint_text


def test_a_whole_file() -> None:
    records = read_file(sound_file("21", 2), FormatSettings()).records
    made = TO_REQUEST(BatchMessage(ONE, "21", 2, 2_005, records[0], ("a", "b"), "d" * 64), RECEIVED)
    assert isinstance(made, Request)
    assert (made.key, made.kind) == ("bank:zfile:COMPANY:SOUFURI:20261125:01:file", "bulk-transfer-file")
    assert (made.extra["records"], made.extra["sha256"]) == ("a\nb", "d" * 64)
    unknown = BatchMessage(ONE, "99", 2, 2_005, records[0], (), "")
    assert TO_REQUEST(unknown, RECEIVED) is Refusal.UNSUPPORTED
    assert TO_REQUEST(RecordMessage(ONE, "99", 1, records[0], records[1]), RECEIVED) is Refusal.UNSUPPORTED
    assert TO_REQUEST("nothing", RECEIVED) is Refusal.INTERNAL


def test_a_header_of_january_seen_in_december() -> None:
    assert business_date("21", Record("1", {"date_mmdd": "0104"}), "20261228") == "2027-01-04"
    assert business_date("21", Record("1", {"date_mmdd": "9999"}), "20261228") is None
    assert account(Record("9", {})) == ""


@pytest.mark.parametrize(
    ("answer", "verdict", "code"),
    [
        (TAKEN, Verdict.APPROVE, "taken"),
        (Approved(), Verdict.APPROVE, "taken"),
        (Declined(reason="no-account"), Verdict.APPROVE, "taken"),
        (Refusal.NO_JOURNAL, Verdict.DECLINE, "no-journal"),
        (Refusal.IN_DOUBT, Verdict.DOUBT, "in-doubt"),
    ],
)
def test_replies(answer: Approved | Declined | Refusal, verdict: Verdict, code: str) -> None:
    reply = to_reply(None, answer, 0)
    assert (reply.verdict, reply.code, reply.data) == (verdict, code, b"")
