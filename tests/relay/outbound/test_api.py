"""Every path, status, problem type and echoed header of /v1/outbound."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.core.contract import Problem
from relay.outbound import contract as c
from relay.outbound.api import PROBLEM_JSON, HttpAnswer, HttpRequest, OutboundApi, read_posted
from relay.outbound.desk import OutboundLimits
from relay.outbound.ports import Posted
from tests.support.outboundworld import OutboundWorld

BODY = b'{"listener":"switch","kind":"cutover","body":{"business_date":"2026-11-25"}}'


class ApiWorld(OutboundWorld):
    """A world asked by HTTP, without the sockets."""

    clients: tuple[str, ...] = ()

    def ask(self, method: str, target: str, body: bytes = b"", client: str = "", **headers: str) -> HttpAnswer:
        answers: list[HttpAnswer] = []
        lines = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
        request = HttpRequest(method, target, {name: value for name, value in lines.items() if value}, body, client)
        OutboundApi(self.outbound, self.clients).handle(request, answers.append)
        self.time.run(3)
        (answer,) = answers
        return answer

    def post_http(self, key: str = '"k1"', body: bytes = BODY, **headers: str) -> HttpAnswer:
        return self.ask("POST", c.OUTBOUND_PATH, body, idempotency_key=key, **headers)


def header(answer: HttpAnswer, name: str) -> str | None:
    return dict(answer.headers).get(name)


def status(answer: HttpAnswer) -> c.OutboundStatus:
    return msgspec.json.decode(answer.body, type=c.OutboundStatus)


def problem(answer: HttpAnswer) -> str:
    assert answer.content_type == PROBLEM_JSON
    read = msgspec.json.decode(answer.body, type=Problem)
    assert read.status == answer.status
    assert read.title == read.type.rpartition(":")[2]
    return read.type


def test_a_post_is_answered_202_with_its_place_once_it_is_durable() -> None:
    world = ApiWorld()
    answer = world.post_http('"a/b"')
    assert answer.status == 202
    assert header(answer, "Location") == "/v1/outbound/a%2Fb"
    assert header(answer, "Idempotency-Key") == '"a/b"'
    assert (status(answer).key, status(answer).state) == ("a/b", "queued")
    assert world.state("a/b") == "queued"
    found = world.ask("GET", "/v1/outbound/a%2Fb")
    assert (found.status, status(found)) == (200, status(answer))


def test_the_same_message_again_is_200_with_its_state_whatever_the_order_of_its_members() -> None:
    world = ApiWorld()
    world.connect()
    world.post_http(body=b'{"listener":"switch","kind":"echo","body":{"a":1,"b":[2, 3]}}')
    world.time.run(50)
    again = world.post_http(body=b' {"body":{"b":[2,3],"a":1},"kind":"echo","line":"","listener":"switch","more":1}')
    assert (again.status, status(again).state, status(again).is_reported) == (200, "acknowledged", True)
    assert status(again).sent_ms is not None
    other = world.post_http(body=b'{"listener":"switch","kind":"echo","body":{"a":1,"b":[3,2]}}')
    assert (other.status, problem(other)) == (422, c.PROBLEM_KEY_CONFLICT)
    assert world.wire == ["k1"]


def test_a_bare_key_is_taken_as_it_is() -> None:
    world = ApiWorld()
    assert world.post_http("k1").status == 202
    assert world.post_http('"k1"').status == 200


@pytest.mark.parametrize("key", ["", '""', '"a b"', '"a", "b"', "é", '"' + "k" * 256 + '"'])
def test_a_key_that_is_none(key: str) -> None:
    answer = ApiWorld().post_http(key)
    assert (answer.status, problem(answer)) == (400, c.PROBLEM_INVALID)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"\xff",
        b'{"listener":"switch"}',
        b'{"kind":"echo"}',
        b'{"listener":"switch","kind":"Echo"}',
        b'{"listener":"","kind":"echo"}',
        b'{"listener":"switch","kind":"echo","line":"\\u0007"}',
        b'{"listener":"switch\\n","kind":"echo"}',
        b'{"listener":"switch","kind":"echo","line":5}',
        b'{"listener":"switch","kind":"echo","body":[]}',
        b'{"listener":"switch","kind":"echo","body":null}',
        b'{"listener":"switch","kind":"echo","body":{"a":1e999}}',
        b'{"listener":"switch","kind":"echo","body":{"a":"\\ud800"}}',
        b'{"listener":"switch","kind":"echo","body":' + b'{"a":' * 3_000 + b"1" + b"}" * 3_001,
    ],
)
def test_a_body_that_is_none(body: bytes) -> None:
    answer = ApiWorld().post_http(body=body)
    assert (answer.status, problem(answer)) == (400, c.PROBLEM_INVALID)


def test_a_mistake_is_named_by_its_place_and_never_by_its_value() -> None:
    answer = ApiWorld().post_http(body=b'{"listener":"switch","kind":"SECRET-4000001234567899"}')
    assert b"SECRET" not in answer.body
    assert b"$.kind" in answer.body


@pytest.mark.parametrize("kind", ["", "text/plain", "application/xml"])
def test_another_type_of_content(kind: str) -> None:
    answer = ApiWorld().post_http(content_type=kind)
    assert (answer.status, problem(answer)) == (415, c.PROBLEM_INVALID)
    assert ApiWorld().post_http(content_type="application/json; charset=utf-8").status == 202


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "/v1/outbound", 405),
        ("PUT", "/v1/outbound", 405),
        ("POST", "/v1/outbound/k1", 405),
        ("GET", "/v1/outbound/", 400),
        ("GET", "/v1/outbound/a b", 400),
        ("GET", "/v1/outbound/k1/more", 404),
        ("GET", "/v1/outboundx", 404),
        ("GET", "/", 404),
        ("GET", "*", 404),
    ],
)
def test_other_paths_and_methods(method: str, target: str, expected: int) -> None:
    answer = ApiWorld().ask(method, target)
    assert (answer.status, problem(answer)) == (expected, c.PROBLEM_INVALID)
    assert (header(answer, "Allow") is not None) == (expected == 405)


def test_cancel() -> None:
    world = ApiWorld()
    world.post_http()
    for _ in range(2):
        answer = world.ask("DELETE", "/v1/outbound/k1")
        assert (answer.status, status(answer).state) == (200, "cancelled")
    assert status(answer).detail == "cancelled by the core"
    world.connect()
    world.post_http('"k2"')
    world.time.run(50)
    late = world.ask("DELETE", "/v1/outbound/k2")
    assert (late.status, problem(late)) == (409, c.PROBLEM_NOT_CANCELLABLE)
    assert b"acknowledged" in late.body
    for method in ("GET", "DELETE"):
        nothing = world.ask(method, "/v1/outbound/k3")
        assert (nothing.status, problem(nothing)) == (404, c.PROBLEM_NOT_FOUND)


def test_what_is_not_taken_says_whether_to_come_again() -> None:
    world = ApiWorld(OutboundLimits(open_count_max=1))
    world.unknown_lines.add(("switch", "x"))
    unknown = world.post_http(body=b'{"listener":"switch","line":"x","kind":"echo"}')
    assert (unknown.status, problem(unknown), header(unknown, "Retry-After")) == (422, c.PROBLEM_UNKNOWN_LINE, None)
    world.post_http()
    full = world.post_http('"k2"')
    assert (full.status, problem(full), header(full, "Retry-After")) == (503, c.PROBLEM_OVERLOADED, "1")
    world.journal.disk.is_full = True
    world = ApiWorld()
    world.journal.disk.is_full = True
    assert problem(world.post_http()) == c.PROBLEM_NO_JOURNAL
    world.outbound.drain()
    draining = world.post_http('"k9"')
    assert (draining.status, problem(draining)) == (503, c.PROBLEM_DRAINING)


def test_only_clients_that_are_named_may_ask() -> None:
    world = ApiWorld()
    world.clients = ("core.test",)
    for client in ("", "atm1.test"):
        answer = world.ask("GET", "/v1/outbound/k1", client=client)
        assert (answer.status, problem(answer)) == (403, c.PROBLEM_NOT_AUTHORISED)
    assert world.ask("GET", "/v1/outbound/k1", client="core.test").status == 404


@given(st.binary(max_size=80), st.text(max_size=20), st.sampled_from(["GET", "POST", "DELETE", "X"]), st.text(max_size=12))
def test_whatever_comes_is_answered_once(body: bytes, path: str, method: str, key: str) -> None:
    answer = ApiWorld().ask(method, f"/v1/outbound{path}", body, idempotency_key=key)
    assert answer.status in {202, 400, 404, 405, 415, 422}


@given(st.binary(max_size=120))
def test_any_body_is_a_message_or_a_reason(body: bytes) -> None:
    assert isinstance(read_posted("k1", body), (Posted, str))


def test_an_expiry_is_part_of_the_message_and_of_its_status() -> None:
    world = ApiWorld()
    timed = BODY[:-1] + b',"expires_ms":1795485059000}'
    assert status(world.post_http(body=timed)).expires_ms == 1_795_485_059_000
    assert world.post_http(body=timed).status == 200
    for other in (BODY, BODY[:-1] + b',"expires_ms":1795485059001}'):
        assert problem(world.post_http(body=other)) == c.PROBLEM_KEY_CONFLICT
    assert world.post_http('"k2"').status == 202
    assert world.post_http('"k2"', body=BODY[:-1] + b',"expires_ms":null}').status == 200, "no end is no end"
    for wrong in (b'"soon"', b"-1", b"1.5"):
        assert problem(world.post_http('"k3"', body=BODY[:-1] + b',"expires_ms":' + wrong + b"}")) == c.PROBLEM_INVALID


def test_an_expired_one_says_so() -> None:
    world = ApiWorld()
    body = BODY[:-1] + b',"expires_ms":%d}' % (world.time.wall_ms() + 1_000)
    world.post_http(body=body)
    world.time.run(2_000)
    said = status(world.ask("GET", c.OUTBOUND_PATH + "/k1"))
    assert (said.state, said.reason) == ("failed", "expired")
