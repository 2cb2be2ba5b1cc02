"""The table of answers, row by row, and every way in which an answer can fail to be the core's own word."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.vocabulary import Approved, Balance, Declined, KeyConflict, Money, NotProcessed, Unknown
from relay.core import contract as c
from relay.core.door import HttpAnswer
from relay.core.encoding import key_header_value
from relay.core.mapping import (
    PROBLEMS,
    Asked,
    Reading,
    Remark,
    read_inquire,
    read_ledger,
    read_look,
    read_poll,
    read_region,
    read_submit,
    read_told,
    read_undo,
)
from relay.core.port import Looked, NotFound, Reversed, Superseded, Undone

KEY = "bank/1/ATM/000123"
ASKED = Asked(KEY, key_header_value(KEY), Money(30_000, "JPY"), 0)
EPOCH = 8
YEN = c.Amount("30000", "JPY")
JSON = msgspec.json.Encoder()

Read = Callable[[Asked, HttpAnswer, int], Reading]
VERBS: dict[str, Read] = {"submit": read_submit, "undo": read_undo, "inquire": read_inquire}


def http(status: int, body: object, key: str | None = KEY, epoch: object = EPOCH, **headers: str) -> HttpAnswer:
    """An answer with the headers of the contract; None leaves one out."""
    lines = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    if key is not None:
        lines[b"idempotency-key"] = c.key_field(key).encode()
    if epoch is not None:
        lines[b"region-epoch"] = str(epoch).encode()
    return HttpAnswer(status, lines, body if isinstance(body, bytes) else JSON.encode(body))


def problem(status: int, kind: str, key: str = KEY, **more: object) -> HttpAnswer:
    return http(status, c.Problem(type=kind, status=status, key=key), **more)  # type: ignore[arg-type]  # header values


APPROVED = c.TransactionAnswer(key=KEY, status="approved", authorisation_id="A1B2C3")
REVERSAL = c.ReversalAnswer(key=KEY, state="reversed", standing=c.Amount("0", "JPY"))
POSTED = c.InquiryAnswer(key=KEY, state="posted", answer=APPROVED, standing=YEN)
GOOD: dict[str, object] = {"submit": APPROVED, "undo": REVERSAL, "inquire": POSTED}


# ---- the core's own word ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (APPROVED, Approved(authorisation_id="A1B2C3")),
        (c.TransactionAnswer(key=KEY, status="approved", amount=YEN), Approved(amount=Money(30_000, "JPY"))),
        (c.TransactionAnswer(key=KEY, status="approved", amount=c.Amount("0", "JPY")), Approved(amount=Money(0, "JPY"))),
        (
            c.TransactionAnswer(
                key=KEY,
                status="approved",
                balances=[c.BalanceEntry("10", "02", c.Amount("-500", "JPY"))],
                reply_data={"field-44": "x"},
            ),
            Approved(balances=(Balance("10", "02", Money(-500, "JPY")),), reply_data={"field-44": "x"}),
        ),
        (c.TransactionAnswer(key=KEY, status="declined", reason="insufficient-funds"), Declined(reason="insufficient-funds")),
        (c.TransactionAnswer(key=KEY, status="declined", reason="reversed"), Declined(reason="reversed")),
        (c.TransactionAnswer(key=KEY, status="declined"), Declined(reason="unspecified")),
    ],
)
def test_submit_200(answer: c.TransactionAnswer, outcome: object) -> None:
    assert read_submit(ASKED, http(200, answer), EPOCH) == Reading(outcome)


def test_submit_202_is_polled() -> None:
    reading = read_submit(ASKED, http(202, c.Accepted(KEY, 250), location="/v1/transactions/x"), EPOCH)
    assert isinstance(reading.value, Unknown)
    assert reading.poll == ("/v1/transactions/x", 250)


@pytest.mark.parametrize("state", ["reversed", "tombstone", "declined"])
def test_undo_200(state: str) -> None:
    answer = msgspec.structs.replace(REVERSAL, state=state)
    assert read_undo(ASKED, http(200, answer), EPOCH).value == Undone(state, 0)


def test_undo_200_where_less_stands_than_we_said() -> None:
    asked = msgspec.structs.replace(ASKED, standing_minor=10_000)
    answer = msgspec.structs.replace(REVERSAL, standing=c.Amount("4000", "JPY"))
    assert read_undo(asked, http(200, answer), EPOCH).value == Undone("reversed", 4_000)


@pytest.mark.parametrize(
    ("answer", "finding"),
    [
        (POSTED, Approved(authorisation_id="A1B2C3")),
        (c.InquiryAnswer(key=KEY, state="posted"), Approved()),
        (
            c.InquiryAnswer(key=KEY, state="declined", answer=c.TransactionAnswer(key=KEY, status="declined", reason="x")),
            Declined(reason="x"),
        ),
        (c.InquiryAnswer(key=KEY, state="declined"), Declined(reason="unspecified")),
        (c.InquiryAnswer(key=KEY, state="reversed"), Reversed(0)),
        (c.InquiryAnswer(key=KEY, state="reversed", standing=c.Amount("100", "JPY")), Reversed(100)),
        (c.InquiryAnswer(key=KEY, state="not-found"), NotFound()),
    ],
)
def test_inquire_200(answer: c.InquiryAnswer, finding: object) -> None:
    assert read_inquire(ASKED, http(200, answer), EPOCH) == Reading(finding)


# ---- the table -------------------------------------------------------------------------------------------------------------

P, N = "urn:relay-core:problem:", NotProcessed
EVERYWHERE = {
    (421, P + "wrong-region"): N(reason="wrong-region"),
    (412, P + "superseded-relay"): N(reason="superseded-relay"),
    (429, P + "overloaded"): N(reason="overloaded"),
    (503, P + "overloaded"): N(reason="overloaded"),
    (400, P + "invalid"): N(reason="invalid"),
    (404, P + "invalid"): N(reason="invalid"),
    (405, P + "invalid"): N(reason="invalid"),
    (413, P + "invalid"): N(reason="invalid"),
    (415, P + "invalid"): N(reason="invalid"),
    (401, P + "not-authorised"): N(reason="not-authorised"),
    (403, P + "not-authorised"): N(reason="not-authorised"),
    (409, P + "in-progress"): Unknown(why="in-progress"),
    (409, P + "fence-behind"): N(reason="fence-behind"),
}
PER_VERB = {
    (409, P + "superseded-attempt"): {
        "submit": Unknown(why="status"),
        "undo": Superseded(),
        "inquire": Unknown(why="status"),
    },
    (409, P + "contested-attempt"): {  # of a reversal: of another call it says nothing, which might be booked
        "submit": Unknown(why="status"),
        "undo": N(reason="contested"),
        "inquire": Unknown(why="status"),
    },
    (422, P + "key-conflict"): {
        "submit": KeyConflict(),
        "undo": Unknown(why="key-conflict"),
        "inquire": Unknown(why="key-conflict"),
    },
}
ROWS = [(row, verb, value) for row, value in EVERYWHERE.items() for verb in VERBS] + [
    (row, verb, value) for row, values in PER_VERB.items() for verb, value in values.items()
]


def test_the_rows_tested_here_are_the_rows_of_the_table() -> None:
    assert set(PROBLEMS) == EVERYWHERE.keys() | PER_VERB.keys()


@pytest.mark.parametrize(("row", "verb", "value"), ROWS, ids=[f"{v} {s} {t.rpartition(':')[2]}" for (s, t), v, _ in ROWS])
def test_row(row: tuple[int, str], verb: str, value: object) -> None:
    status, kind = row
    assert VERBS[verb](ASKED, problem(status, kind), EPOCH).value == value


@pytest.mark.parametrize(("row", "verb", "value"), ROWS, ids=[f"{v} {s} {t.rpartition(':')[2]}" for (s, t), v, _ in ROWS])
def test_row_only_with_our_key(row: tuple[int, str], verb: str, value: object) -> None:
    status, kind = row
    for answer in (
        problem(status, kind, key="other"),
        http(status, c.Problem(type=kind, status=status, key=KEY), key="other"),
        http(status, c.Problem(type=kind, status=status), key=None),
    ):
        reading = VERBS[verb](ASKED, answer, EPOCH)
        assert isinstance(reading.value, Unknown)
        assert reading.remark in (Remark.OTHER_KEY, Remark.NO_KEY)
    # One echo is enough, wherever it is.
    assert VERBS[verb](ASKED, problem(status, kind, key=""), EPOCH).value == value
    assert VERBS[verb](ASKED, http(status, c.Problem(type=kind, status=status, key=KEY), key=None), EPOCH).value == value


@pytest.mark.parametrize("row", EVERYWHERE, ids=str)
def test_a_refusal_counts_from_any_epoch(row: tuple[int, str]) -> None:
    status, kind = row
    for epoch in (None, 0, EPOCH - 1, EPOCH + 1, "x"):
        assert read_submit(ASKED, problem(status, kind, epoch=epoch), EPOCH).value == EVERYWHERE[row]


@pytest.mark.parametrize(
    ("text", "retry_after_ms"),
    [("3", 3_000), ("0", 0), ("999999", 60_000), ("-1", 0), ("1.5", 0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0), ("9" * 30, 0)],
)
def test_retry_after(text: str, retry_after_ms: int) -> None:
    reading = read_submit(ASKED, problem(503, c.PROBLEM_OVERLOADED, retry_after=text), EPOCH)
    assert reading.value == NotProcessed(reason="overloaded", retry_after_ms=retry_after_ms)


TYPES = sorted({kind for _, kind in PROBLEMS})
STATUSES = [100, 199, 201, 204, 206, 301, 304, 307, 400, 401, 402, 403, 404, 405, 408, 409, 410, 412, 413, 415, 418, 421, 422]
STATUSES += [423, 425, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 520, 599, 999]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("status", STATUSES)
def test_anything_else_is_unknown(status: int, verb: str) -> None:
    strangers: list[bytes | c.Problem] = [c.Problem(type=kind, status=status, key=KEY) for kind in [*TYPES, "about:blank", ""]]
    strangers += [b"", b"{}", b"<html>503 Service Unavailable</html>", b"null", b'{"type":3}', b"\xff\xfe", b"[" * 5_000]
    strangers += [JSON.encode(GOOD[verb])]
    for body in strangers:
        if isinstance(body, c.Problem) and (status, body.type) in PROBLEMS:
            continue
        reading = VERBS[verb](ASKED, http(status, body), EPOCH)
        assert isinstance(reading.value, Unknown), body
        assert reading.poll is None
        assert reading.remark is (Remark.PROXY if status in (502, 503, 504) else Remark.STATUS)


# ---- good answers that are not the word ------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("epoch", "remark"),
    [
        *((epoch, Remark.NO_EPOCH) for epoch in (None, "", "x", "-8", "8, 8", "9" * 17)),
        *((epoch, Remark.OLD_EPOCH) for epoch in (EPOCH - 1, 0)),
    ],
)
def test_without_the_epoch_that_we_asked_under(verb: str, epoch: object, remark: Remark) -> None:
    reading = VERBS[verb](ASKED, http(200, GOOD[verb], epoch=epoch), EPOCH)
    assert reading == Reading(Unknown(why=remark.value), remark)


@pytest.mark.parametrize("verb", VERBS)
def test_a_higher_epoch_is_good(verb: str) -> None:
    assert VERBS[verb](ASKED, http(200, GOOD[verb], epoch=EPOCH + 1), EPOCH).remark is Remark.NONE


@pytest.mark.parametrize("verb", VERBS)
def test_the_answer_to_another_key(verb: str) -> None:
    other = msgspec.structs.replace(GOOD[verb], key="other")
    for answer in (http(200, other), http(200, other, key=None), http(200, GOOD[verb], key="other")):
        reading = VERBS[verb](ASKED, answer, EPOCH)
        assert reading == Reading(Unknown(why="other-key"), Remark.OTHER_KEY)


@pytest.mark.parametrize("verb", VERBS)
def test_the_key_in_the_body_is_echo_enough_and_a_bare_header_is_read(verb: str) -> None:
    assert VERBS[verb](ASKED, http(200, GOOD[verb], key=None), EPOCH).remark is Remark.NONE
    bare = HttpAnswer(200, {b"idempotency-key": KEY.encode(), b"region-epoch": b"8"}, JSON.encode(GOOD[verb]))
    assert VERBS[verb](ASKED, bare, EPOCH).remark is Remark.NONE


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("body", [b"", b"<html></html>", b'{"key":', b"\xff", b"{'a': 1}", b'{"a":' * 5_000])
def test_what_is_not_json(verb: str, body: bytes) -> None:
    for epoch in (EPOCH, None):
        reading = VERBS[verb](ASKED, http(200, body, epoch=epoch), EPOCH)
        assert reading == Reading(Unknown(why="not-json"), Remark.NOT_JSON)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"null",
        b"[]",
        b'"approved"',
        b'{"key":"%s"}' % KEY.encode(),
        b'{"key":"%s","status":"maybe","state":"maybe"}' % KEY.encode(),
    ],
)
def test_what_breaks_the_schema(verb: str, body: bytes) -> None:
    reading = VERBS[verb](ASKED, http(200, body), EPOCH)
    assert reading == Reading(Unknown(why="schema"), Remark.SCHEMA)


@pytest.mark.parametrize(
    "amount", [c.Amount("30001", "JPY"), c.Amount("-1", "JPY"), c.Amount("30000", "USD"), c.Amount("999999999999999999", "JPY")]
)
def test_an_approved_amount_is_never_above_the_asked_one(amount: c.Amount) -> None:
    answer = msgspec.structs.replace(APPROVED, amount=amount)
    assert read_submit(ASKED, http(200, answer), EPOCH) == Reading(Unknown(why="contradiction"), Remark.CONTRADICTION)


def test_a_reversal_after_which_more_stands_than_we_said_is_no_reversal() -> None:
    answer = msgspec.structs.replace(REVERSAL, standing=c.Amount("1", "JPY"))
    assert read_undo(ASKED, http(200, answer), EPOCH) == Reading(Unknown(why="contradiction"), Remark.CONTRADICTION)


def test_an_inquiry_that_contradicts_itself() -> None:
    declined = c.TransactionAnswer(key=KEY, status="declined", reason="x")
    for state, inner in (("posted", declined), ("declined", APPROVED)):
        answer = c.InquiryAnswer(key=KEY, state=state, answer=inner)  # type: ignore[arg-type]  # a Literal
        assert read_inquire(ASKED, http(200, answer), EPOCH).remark is Remark.CONTRADICTION
    other = c.InquiryAnswer(key=KEY, state="posted", answer=msgspec.structs.replace(APPROVED, key="other"))
    assert read_inquire(ASKED, http(200, other), EPOCH).remark is Remark.OTHER_KEY


# ---- polling ---------------------------------------------------------------------------------------------------------------

AGAIN = ("", 0)


@pytest.mark.parametrize(
    ("answer", "value", "poll"),
    [
        (http(200, APPROVED), Approved(authorisation_id="A1B2C3"), None),
        (http(200, POSTED), Approved(authorisation_id="A1B2C3"), None),
        (http(200, c.InquiryAnswer(key=KEY, state="reversed")), Declined(reason="reversed"), None),
        (http(200, c.InquiryAnswer(key=KEY, state="declined")), Declined(reason="unspecified"), None),
        (http(200, c.InquiryAnswer(key=KEY, state="not-found")), Unknown(why="accepted, not decided"), AGAIN),
        (
            http(202, c.Accepted(KEY, 70), location="/v1/transactions/y"),
            Unknown(why="accepted, not decided"),
            ("/v1/transactions/y", 70),
        ),
        (problem(409, c.PROBLEM_IN_PROGRESS), Unknown(why="in-progress"), AGAIN),
        (problem(503, c.PROBLEM_OVERLOADED, retry_after="2"), Unknown(why="overloaded"), ("", 2_000)),
        (problem(421, c.PROBLEM_WRONG_REGION), Unknown(why="wrong-region"), None),
        (problem(400, c.PROBLEM_INVALID), Unknown(why="invalid"), None),
        (problem(422, c.PROBLEM_KEY_CONFLICT), Unknown(why="key-conflict"), None),
        (http(503, b""), Unknown(why="proxy"), None),
        (http(200, msgspec.structs.replace(APPROVED, key="other")), Unknown(why="other-key"), None),
        (http(200, b"{}"), Unknown(why="schema"), None),
    ],
)
def test_poll(answer: HttpAnswer, value: object, poll: object) -> None:
    reading = read_poll(ASKED, answer, EPOCH)
    assert (reading.value, reading.poll) == (value, poll)
    assert not isinstance(reading.value, NotProcessed)  # it was accepted: never "not processed" any more


# ---- the other verbs -------------------------------------------------------------------------------------------------------


def test_region() -> None:
    said = c.RegionAnswer("tokyo", 8, "serving")
    for epoch in (8, None):
        assert read_region(Asked(), http(200, said, key=None, epoch=epoch), 0).value == said
    for answer in (http(200, said, epoch=9), http(200, b"{}"), http(200, b"<html>"), http(503, b""), http(500, said)):
        assert isinstance(read_region(Asked(), answer, 0).value, Unknown)


def test_look() -> None:
    said = c.InquiryAnswer(key=ASKED.key, state="posted", standing=c.Amount("700", "JPY"), attempt="osaka/1/2")
    assert read_look(ASKED, http(200, said), EPOCH).value == Looked(Approved(), 700, "osaka/1/2")
    gone = c.InquiryAnswer(key=ASKED.key, state="not-found")
    assert read_look(ASKED, http(200, gone), EPOCH).value == Looked(NotFound())
    assert isinstance(read_look(ASKED, http(200, gone, epoch=EPOCH - 1), EPOCH).value, Unknown), "evidence of an old epoch"
    assert read_look(ASKED, problem(503, c.PROBLEM_OVERLOADED), EPOCH).value == NotProcessed(reason="overloaded")


def test_ledger() -> None:
    page = c.LedgerPage(business_date="2026-11-24", entries=[])
    assert read_ledger(Asked(), http(200, page, key=None), EPOCH).value == page
    assert isinstance(read_ledger(Asked(), http(200, page, key=None, epoch=7), EPOCH).value, Unknown)
    assert read_ledger(Asked(), problem(503, c.PROBLEM_OVERLOADED, key=""), EPOCH).value == NotProcessed(reason="overloaded")


@pytest.mark.parametrize("status", [200, 202, 204])
def test_told(status: int) -> None:
    assert read_told(Asked(), http(status, b"", key=None), EPOCH).remark is Remark.NONE
    assert read_told(Asked(), http(500, b"", key=None), EPOCH).remark is Remark.STATUS


@given(
    status=st.integers(100, 999),
    body=st.binary(max_size=80) | st.sampled_from([JSON.encode(v) for v in GOOD.values()]),
    headers=st.dictionaries(
        st.sampled_from([b"idempotency-key", b"region-epoch", b"retry-after", b"location"]), st.binary(max_size=12)
    ),
)
def test_no_answer_raises_and_an_approval_needs_everything(status: int, body: bytes, headers: dict[bytes, bytes]) -> None:
    answer = HttpAnswer(status, headers, body)
    for read in (read_submit, read_undo, read_inquire, read_look, read_poll, read_told, read_ledger, read_region):
        reading = read(ASKED, answer, EPOCH)
        if read is not read_told and isinstance(reading.value, (Approved, Undone)):
            assert status == 200
            assert int(headers[b"region-epoch"]) >= EPOCH
