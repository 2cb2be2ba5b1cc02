"""Our own requests: matched by trace and network code, bounded, and never forgotten without a reason."""

from __future__ import annotations

from protocols.iso8583.asking import Asking
from protocols.iso8583.message import IsoMessage, Value
from protocols.iso8583.rules import TRACE_MAX
from tests.support.isolink import make_dialect, unframed

ISO = make_dialect(session={"commands_waiting_max": 3})


def answer(trace: str | None, code: str = "301", mti: str = "0810") -> IsoMessage:
    fields: dict[int, Value] = {39: "00", 70: code}
    if trace is not None:
        fields[11] = trace
    return IsoMessage(mti, fields)


def test_an_answer_finds_its_request_once() -> None:
    asking = Asking(ISO.rules)
    made = asking.request("echo", b"", 5, b"")
    assert made is not None
    trace, data = made
    assert unframed(ISO, data).fields[11] == trace == "000001"
    assert asking.is_waiting
    found = asking.match(answer(trace))
    assert not isinstance(found, str)
    assert (found.name, found.sent_ms, found.is_idle_echo) == ("echo", 5, False)
    assert not asking.is_waiting
    assert asking.match(answer(trace)) == "nothing waits for trace 000001"


def test_why_an_answer_stays_unmatched() -> None:
    asking = Asking(ISO.rules)
    asking.request("echo", b"", 0, b"")
    assert asking.match(answer("000001", mti="0210")) == "this link asks nothing of that class"
    assert asking.match(answer(None)) == "DE 11 is missing"
    assert asking.match(answer("000009")) == "nothing waits for trace 000009"
    assert asking.match(answer("000001", code="001")) == "trace 000001 waits for another network code"
    assert asking.is_waiting


def test_an_answer_without_its_network_code_is_matched_by_trace() -> None:
    asking = Asking(ISO.rules)
    asking.request("echo", b"", 0, b"")
    assert not isinstance(asking.match(IsoMessage("0810", {11: "000001", 39: "00"})), str)


def test_the_limit_of_waiting_requests() -> None:
    asking = Asking(ISO.rules)
    assert all(asking.request("echo", b"", 0, b"") for _ in range(3))
    assert asking.request("echo", b"", 0, b"") is None
    given_up = asking.give_up("000002")
    assert given_up is not None
    assert asking.give_up("000002") is None
    made = asking.request("echo", b"", 0, b"")
    assert made is not None
    assert made[0] == "000004"


def test_traces_wrap_and_never_are_zero() -> None:
    asking = Asking(ISO.rules)
    asking._trace = TRACE_MAX - 1
    traces = []
    for _ in range(3):
        made = asking.request("echo", b"", 0, b"")
        assert made is not None
        traces.append(made[0])
    assert traces == ["999999", "000001", "000002"]


def test_what_cannot_be_said_is_not_waited_for() -> None:
    asking = Asking(ISO.rules)
    assert asking.request("dance", b"", 0, b"") is None
    assert asking.request("cutover", b"tomorrow", 0, b"") is None
    assert not asking.is_waiting


def test_echoes_missed_in_a_row() -> None:
    asking = Asking(ISO.rules)
    assert asking.missed_echo(0) is None
    for count in (1, 2):
        asking.request("echo", b"", 1_000, b"", is_idle_echo=True)
        assert asking.missed_echo(1_000) == count
    asking.request("echo", b"", 2_000, b"", is_idle_echo=True)
    assert asking.missed_echo(2_001) == 0  # something was heard since
    asking.request("echo", b"", 3_000, b"", is_idle_echo=True)
    assert asking.missed_echo(3_000) == 1
    made = asking.request("echo", b"", 4_000, b"", is_idle_echo=True)
    assert made is not None
    asking.match(answer(made[0]))
    asking.request("echo", b"", 5_000, b"", is_idle_echo=True)
    assert asking.missed_echo(5_000) == 1


def test_requests_go_to_where_the_peer_speaks_from() -> None:
    iso = make_dialect(framing="nac")
    made = Asking(iso.rules).request("echo", b"", 0, bytes.fromhex("6000010002"))
    assert made is not None
    assert unframed(iso, made[1]).header == bytes.fromhex("6000020001")
