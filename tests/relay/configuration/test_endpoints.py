"""Endpoint strings: what Twisted reads, and the mistakes that it words badly or lets pass."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.configuration.endpoints import check_endpoints, problem_of
from relay.settings import Settings


def listener(endpoint: str, **more: Any) -> list[str]:
    settings = Settings.model_validate({"listener": ({"name": "x", "endpoint": endpoint, **more},)})
    findings = list(check_endpoints(settings))
    assert all(finding.path == ("listener", 0, "endpoint") for finding in findings)
    return [f"{finding.problem} ({finding.suggestion})" for finding in findings]


def dialer(endpoint: str) -> list[str]:
    settings = Settings.model_validate({"dialer": ({"name": "x", "endpoint": endpoint},)})
    return [f"{finding.problem} ({finding.suggestion})" for finding in check_endpoints(settings)]


@pytest.mark.parametrize(
    "endpoint",
    [
        "tcp:8583",
        "tcp:port=0:interface=10.0.0.1:backlog=100",
        "tcp6:8583:interface=\\:\\:1",
        "unix:/run/relay/atm.sock",
        "systemd:domain=INET:name=atm",
        "systemd:domain=INET6:index=0",
    ],
)
def test_listening_endpoints(endpoint: str) -> None:
    assert listener(endpoint) == []


@pytest.mark.parametrize("endpoint", ["tcp:host=10.1.2.3:port=7000", "tcp:10.1.2.3:7000", "tls:host=switch.bank:port=443"])
def test_dialled_endpoints(endpoint: str) -> None:
    assert dialer(endpoint) == []


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ("tpc:8583", 'did you mean "tcp"?'),
        ("", "for instance tcp:8583"),
        ("tcp", "port is missing"),
        ("tcp:x", '"x" is not a number'),
        ("tcp:70000", "port 70000 is out of bounds"),
        ("tcp:80:interface=an address", "is not an address"),
        ("tcp:80:speed=9", "there is no option speed"),
        ("tcp:1:2:3:4:5:6", "too many parts"),
        ("tcp:1\\", "ends in a backslash"),
        ("ssl:443:privateKey=/no/such/key.pem", "/no/such/key.pem: No such file"),
        ("systemd:domain=INET", "systemd:domain=INET:name=NAME"),
        ("systemd:name=atm", "systemd:domain=INET:name=NAME"),
    ],
)
def test_mistakes_in_words(endpoint: str, says: str) -> None:
    [told] = listener(endpoint)
    assert says in told


def test_nobody_dials_through_systemd() -> None:
    assert dialer("systemd:domain=INET:name=atm")


def test_tls_once() -> None:
    [told] = listener("ssl:443:privateKey=/no", tls={"authorities": "/ca.pem"})[1:]
    assert "TLS twice" in told


NUMBERS = st.text("0123456789", max_size=6)
NAMES = st.text("0123456789.-abcz", max_size=12)


@given(
    st.builds("{}:{}{}:{}{}".format, st.sampled_from(["tcp", "tcp6"]), st.sampled_from(["", "port="]), NUMBERS, NAMES, NAMES)
    | st.builds("tcp:{}{}:interface={}".format, st.sampled_from(["", "port=", "host="]), NUMBERS, NAMES)
    | st.builds("tcp:{}{}:{}{}".format, st.sampled_from(["", "host="]), NAMES, st.sampled_from(["", "port="]), NUMBERS)
    | st.builds("tcp:{}".format, NUMBERS)
)
def test_what_is_too_plain_to_ask_twisted_about_is_what_twisted_reads(endpoint: str) -> None:
    assert bool(listener(endpoint)) == bool(problem_of(endpoint, is_listener=True))
    assert bool(dialer(endpoint)) == bool(problem_of(endpoint, is_listener=False))


@given(st.text("tcpslydmu6:=\\0123456789./-hoina", max_size=40))
def test_any_text_is_an_endpoint_or_a_sentence(endpoint: str) -> None:
    listener(endpoint)
    dialer(endpoint)
