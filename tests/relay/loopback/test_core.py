"""The fake core's HTTP face: every path, status, problem type and echoed header of the contract."""

from __future__ import annotations

import msgspec
import pytest

from relay.core import contract as c
from relay.loopback.core import PROBLEM_JSON, CoreAnswer, FakeCore
from relay.loopback.ledger import Ledger

HEADERS = {
    "idempotency-key": "k1",
    "attempt": "tokyo/1/1",
    "relay-center": "tokyo",
    "relay-epoch": "1",
    "region-epoch": "1",
    "content-type": "application/json",
}
SENDER = {"relay-center": "tokyo", "relay-epoch": "1", "region-epoch": "1"}
BODY = msgspec.json.encode(
    c.TransactionRequest(
        kind="withdrawal",
        channel="atm",
        realm="bank",
        terminal="ATM00001",
        amount=c.Amount("3000", "JPY"),
        card=c.Card(pan="4000001234567899"),
    )
)
UNDO = msgspec.json.encode(c.ReversalRequest(standing=c.Amount("0", "JPY")))


def header(answer: CoreAnswer, name: str) -> str | None:
    return dict(answer.headers).get(name)


def problem(answer: CoreAnswer) -> c.Problem:
    assert answer.content_type == PROBLEM_JSON
    read = msgspec.json.decode(answer.body, type=c.Problem)
    assert read.status == answer.status
    return read


def post(core: FakeCore, key: str = "k1", body: bytes = BODY, wall_ms: int = 0, **headers: str) -> CoreAnswer:
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    return core.handle("POST", c.TRANSACTIONS_PATH, HEADERS | {"idempotency-key": key} | changed, body, wall_ms)


def test_a_posting_echoes_key_and_epoch() -> None:
    answer = post(FakeCore(Ledger(epoch=1)))
    assert answer.status == 200
    assert (header(answer, c.H_KEY), header(answer, c.H_REGION_EPOCH)) == ('"k1"', "1")
    assert msgspec.json.decode(answer.body, type=c.TransactionAnswer).status == "approved"


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"region_epoch": "0"}, 421, c.PROBLEM_WRONG_REGION),
        ({"relay_epoch": "0"}, 412, c.PROBLEM_SUPERSEDED_RELAY),
        ({"region_epoch": "-1"}, 400, c.PROBLEM_INVALID),
        ({"region_epoch": "9007199254740992"}, 400, c.PROBLEM_INVALID),
        ({"relay_epoch": "one"}, 400, c.PROBLEM_INVALID),
        ({"attempt": ""}, 400, c.PROBLEM_INVALID),
        ({"relay_center": ""}, 400, c.PROBLEM_INVALID),
        ({"content_type": "text/plain"}, 415, c.PROBLEM_INVALID),
    ],
)
def test_headers_that_refuse(headers: dict[str, str], status: int, kind: str) -> None:
    core = FakeCore()
    post(core, "k0")
    answer = post(core, **headers)
    assert (answer.status, problem(answer).type, problem(answer).key) == (status, kind, "k1")
    assert (header(answer, c.H_KEY), header(answer, c.H_REGION_EPOCH)) == ('"k1"', "1")
    assert [e.key for e in core.ledger.entries()] == ["k0"]


@pytest.mark.parametrize("key", ["", "a b", "k\x00", "x" * 256, "ü"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    answer = post(FakeCore(), key)
    assert (answer.status, problem(answer).type) == (400, c.PROBLEM_INVALID)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"kind":"withdrawal"}',
        BODY.replace(b'"3000"', b"3000"),
        BODY.replace(b"JPY", b"yen"),
        b"\xff",
    ],
)
def test_a_body_outside_the_contract_posts_nothing_and_shows_nothing(body: bytes) -> None:
    core = FakeCore()
    answer = post(core, body=body)
    assert (answer.status, problem(answer).type) == (400, c.PROBLEM_INVALID)
    assert b"4000001234567899" not in answer.body
    assert list(core.ledger.entries()) == []


def test_a_quoted_key_is_the_same_key_as_a_bare_one() -> None:
    core = FakeCore()
    post(core, c.key_field('k"\\1'))
    post(core, 'k"\\1')
    assert [e.key for e in core.ledger.entries()] == ['k"\\1']


def test_unknown_members_are_ignored() -> None:
    assert post(FakeCore(), body=BODY[:-1] + b',"new":1}').status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1", 404),
        ("POST", "/v1/transactions/", 404),
        ("GET", "/v1/ledger/", 404),
        ("GET", "/v1/ledger/a/b", 404),
        ("GET", "/v1/transactions/a/b", 404),
        ("GET", "/v1/transactions", 405),
        ("DELETE", "/v1/transactions/k1", 405),
        ("GET", "/v1/transactions/k1/reversals", 405),
        ("POST", "/v1/region", 405),
        ("PUT", "/v1/network-events", 405),
        ("POST", "/v1/ledger/2026-11-20", 405),
    ],
)
def test_unknown_paths_and_methods(method: str, path: str, status: int) -> None:
    answer = FakeCore().handle(method, path, HEADERS, BODY, 0)
    assert (answer.status, problem(answer).status) == (status, status)
    assert (header(answer, "Allow") is not None) == (status == 405)


def test_inquiry_and_reversal_find_a_key_with_any_character_in_it() -> None:
    core = FakeCore()
    key = "bank|iso8583/ATM 1".replace(" ", "%")
    post(core, key)
    quoted = key.replace("%", "%25").replace("/", "%2F").replace("|", "%7C")
    found = core.handle("GET", f"{c.TRANSACTIONS_PATH}/{quoted}", HEADERS, b"", 0)
    assert msgspec.json.decode(found.body, type=c.InquiryAnswer).state == "posted"
    undone = core.handle("POST", f"{c.TRANSACTIONS_PATH}/{quoted}/reversals", HEADERS, UNDO, 0)
    assert msgspec.json.decode(undone.body, type=c.ReversalAnswer) == c.ReversalAnswer(
        key=key, state="reversed", standing=c.Amount("0", "JPY")
    )
    gone = core.handle("GET", f"{c.TRANSACTIONS_PATH}/{quoted}", HEADERS, b"", 0)
    assert msgspec.json.decode(gone.body, type=c.InquiryAnswer).state == "reversed"


def test_not_found_is_an_answer_not_an_error() -> None:
    answer = FakeCore().handle("GET", f"{c.TRANSACTIONS_PATH}/nobody", HEADERS, b"", 0)
    assert answer.status == 200
    assert msgspec.json.decode(answer.body, type=c.InquiryAnswer) == c.InquiryAnswer(key="nobody", state="not-found")


def test_the_same_key_with_another_body_is_422() -> None:
    core = FakeCore()
    post(core)
    answer = post(core, body=BODY.replace(b"3000", b"4000"))
    assert (answer.status, problem(answer).type) == (422, c.PROBLEM_KEY_CONFLICT)


def test_an_automatic_reversal_after_another_attempts_answer_is_409() -> None:
    core = FakeCore()
    post(core)
    post(core, attempt="osaka/1/7", relay_center="osaka")
    body = msgspec.json.encode(c.ReversalRequest(standing=c.Amount("0", "JPY"), automatic=True, attempt="tokyo/1/1"))
    answer = core.handle("POST", f"{c.TRANSACTIONS_PATH}/k1/reversals", HEADERS, body, 0)
    assert (answer.status, problem(answer).type) == (409, c.PROBLEM_SUPERSEDED_ATTEMPT)


def test_a_reversal_for_want_of_an_answer_is_409_where_another_attempt_may_have_been_told() -> None:
    core = FakeCore()
    post(core, attempt="osaka/1/7", relay_center="osaka")
    post(core)
    request = c.ReversalRequest(standing=c.Amount("0", "JPY"), automatic=True, attempt="tokyo/1/1", untold=True)
    answer = core.handle("POST", f"{c.TRANSACTIONS_PATH}/k1/reversals", HEADERS, msgspec.json.encode(request), 0)
    assert (answer.status, problem(answer).type, problem(answer).key) == (409, c.PROBLEM_CONTESTED_ATTEMPT, "k1")
    older = msgspec.structs.replace(request, untold=False)
    answer = core.handle("POST", f"{c.TRANSACTIONS_PATH}/k1/reversals", HEADERS, msgspec.json.encode(older), 0)
    assert answer.status == 200, "a relay that does not say it is judged by the order of the answers"


def test_region_ledger_and_network_events() -> None:
    core = FakeCore(Ledger(region="osaka", epoch=1))
    region = core.handle("GET", c.REGION_PATH, SENDER | {"region-epoch": "0"}, b"", 0)
    assert msgspec.json.decode(region.body, type=c.RegionAnswer) == c.RegionAnswer("osaka", 1, "serving")
    post(core, wall_ms=1_763_596_800_000)  # 2025-11-20 00:00 UTC, 09:00 in Tokyo
    page = core.handle("GET", "/v1/ledger/2025-11-20?terminal=ATM00001&cursor=0", SENDER, b"", 0)
    assert [e.key for e in msgspec.json.decode(page.body, type=c.LedgerPage).entries] == ["k1"]
    assert core.handle("GET", "/v1/ledger/2025-11-20?cursor=x", SENDER, b"", 0).status == 400
    assert core.handle("GET", "/v1/ledger/20251120", SENDER, b"", 0).status == 400
    event = msgspec.json.encode(c.NetworkEvent(event="session-up", terminal="ATM00001"))
    told = core.handle("POST", c.NETWORK_EVENTS_PATH, SENDER | {"content-type": "application/json; charset=utf-8"}, event, 0)
    assert (told.status, told.body) == (204, b"")
    assert core.ledger.network_events[0].event == "session-up"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "/v1/region", b""), ("GET", "/v1/ledger/2025-11-20", b""), ("POST", "/v1/network-events", b'{"event":"x"}')],
)
def test_nobody_is_not_answered_and_an_old_epoch_only_about_the_region(method: str, path: str, body: bytes) -> None:
    core, json_type = FakeCore(Ledger(epoch=2)), {"content-type": "application/json"}
    assert core.handle(method, path, json_type, body, 0).status == 400
    old = core.handle(method, path, SENDER | json_type, body, 0)
    assert old.status == (200 if path == "/v1/region" else 421)


def test_an_asynchronous_core_accepts_then_decides_and_a_reversal_in_between_wins() -> None:
    core = FakeCore(asynchronous_ms=100)
    accepted = post(core, wall_ms=1_000)
    assert accepted.status == 202
    location = header(accepted, "Location")
    assert location == f"{c.TRANSACTIONS_PATH}/k1"
    early = core.handle("GET", location, HEADERS, b"", 1_050)
    assert (early.status, problem(early).type) == (409, c.PROBLEM_IN_PROGRESS)
    assert post(core, wall_ms=1_060).status == 409
    found = core.handle("GET", location, HEADERS, b"", 1_100)
    read = msgspec.json.decode(found.body, type=c.InquiryAnswer)
    assert read.state == "posted"
    assert read.answer is not None
    assert post(core, wall_ms=1_200).status == 200  # the same key again: its current state at once
    post(core, "k2", wall_ms=2_000)
    undone = core.handle("POST", f"{c.TRANSACTIONS_PATH}/k2/reversals", HEADERS, UNDO, 2_010)
    assert msgspec.json.decode(undone.body, type=c.ReversalAnswer).state == "tombstone"
    core.settle(9_000)
    assert [e.state.value for e in core.ledger.entries()] == ["posted", "tombstone"]


def test_a_report_with_a_key_is_taken_once() -> None:
    core = FakeCore(Ledger(epoch=1))
    body = msgspec.json.encode(c.NetworkEvent(event="outbound-delivery", detail={"key": "k1", "state": "unknown"}))
    other = msgspec.json.encode(c.NetworkEvent(event="outbound-delivery", detail={"key": "k1", "state": "failed"}))
    answers = [core.handle("POST", c.NETWORK_EVENTS_PATH, HEADERS, text, 0) for text in (body, body, other)]
    assert [answer.status for answer in answers] == [204, 204, 422]
    assert [header(answer, c.H_KEY) for answer in answers] == ['"k1"'] * 3
    assert problem(answers[2]).type == c.PROBLEM_KEY_CONFLICT
    assert len(core.ledger.network_events) == 1
    assert core.reports["k1"].detail["state"] == "unknown"
    without = {name: value for name, value in HEADERS.items() if name != "idempotency-key"}
    for _ in range(2):
        assert core.handle("POST", c.NETWORK_EVENTS_PATH, without, body, 0).status == 204
    assert len(core.ledger.network_events) == 3


FENCE = msgspec.json.encode(c.FenceRequest(relay_epoch=10_000_000, run="osaka-1", reason="no power"))
BY_OSAKA = {**SENDER, "relay-center": "osaka", "content-type": "application/json"}


def test_a_center_is_fenced_once_and_its_lives_are_refused_while_its_heir_is_not() -> None:
    core = FakeCore(Ledger(epoch=1))
    assert post(core).status == 200
    for _ in range(2):
        fenced = core.handle("PUT", f"{c.CENTERS_PATH}tokyo{c.FENCE_SUFFIX}", BY_OSAKA, FENCE, 0)
        assert (fenced.status, header(fenced, c.H_REGION_EPOCH)) == (200, "1")
        said = msgspec.json.decode(fenced.body, type=c.CenterAnswer)
        assert (said.fence, said.run, said.by) == (10_000_000, "osaka-1", "osaka")
    refused = post(core, key="k2")
    assert (refused.status, problem(refused).type) == (412, c.PROBLEM_SUPERSEDED_RELAY)
    assert post(core, key="k2", relay_epoch="10000003").status == 200
    asked = core.handle("GET", f"{c.CENTERS_PATH}tokyo", SENDER, b"", 0)
    assert msgspec.json.decode(asked.body, type=c.CenterAnswer).newest == 10_000_003, "told to the fenced one, too"


def test_a_fence_that_comes_too_late_or_from_nobody_is_none() -> None:
    core = FakeCore(Ledger(epoch=1))
    post(core, relay_epoch="10000000")
    late = core.handle("PUT", f"{c.CENTERS_PATH}tokyo{c.FENCE_SUFFIX}", BY_OSAKA, FENCE, 0)
    assert (late.status, problem(late).type) == (409, c.PROBLEM_FENCE_BEHIND)
    for target, method, headers, body, status in (
        (f"{c.CENTERS_PATH}tokyo{c.FENCE_SUFFIX}", "PUT", {**BY_OSAKA, "region-epoch": "0"}, FENCE, 421),
        (f"{c.CENTERS_PATH}tokyo{c.FENCE_SUFFIX}", "PUT", BY_OSAKA, b"{}", 400),
        (f"{c.CENTERS_PATH}tokyo{c.FENCE_SUFFIX}", "GET", SENDER, b"", 405),
        (f"{c.CENTERS_PATH}tokyo", "PUT", BY_OSAKA, FENCE, 405),
        (f"{c.CENTERS_PATH}tokyo", "GET", {}, b"", 400),
        (f"{c.CENTERS_PATH}", "GET", SENDER, b"", 404),
        (f"{c.CENTERS_PATH}a/b", "GET", SENDER, b"", 404),
        (f"{c.CENTERS_PATH}a%2Fb", "GET", SENDER, b"", 400),
        (f"{c.CENTERS_PATH}%01", "GET", SENDER, b"", 400),
    ):
        assert core.handle(method, target, headers, body, 0).status == status, target


def test_a_blocked_region_fences_and_posts_nothing() -> None:
    core = FakeCore(Ledger(epoch=1))
    core.ledger.activate(1, "blocked")
    assert core.handle("PUT", f"{c.CENTERS_PATH}tokyo{c.FENCE_SUFFIX}", BY_OSAKA, FENCE, 0).status == 200
    assert core.handle("GET", f"{c.CENTERS_PATH}tokyo", SENDER, b"", 0).status == 200
    core.ledger.activate(1, "standby")
    assert core.handle("GET", f"{c.CENTERS_PATH}tokyo", SENDER, b"", 0).status == 421


def test_without_a_writer_nothing_is_posted_and_everything_can_be_read() -> None:
    core = FakeCore(Ledger())
    assert post(core, "k1").status == 200
    core.has_writer = False
    refused = post(core, "k2")
    assert (refused.status, problem(refused).type, header(refused, "Retry-After")) == (503, c.PROBLEM_OVERLOADED, "1")
    assert not core.ledger.knows("k2")
    undo = core.handle("POST", f"{c.TRANSACTIONS_PATH}/k1{c.REVERSALS_SUFFIX}", HEADERS, UNDO, 0)
    assert undo.status == 503
    assert core.handle("GET", f"{c.TRANSACTIONS_PATH}/k1", HEADERS, b"", 0).status == 200
    core.has_writer = True
    assert post(core, "k2").status == 200
