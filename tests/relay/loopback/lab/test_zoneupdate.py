"""The change in DNS as a message: it compares before it swaps, and a server that does not answer is said and stops nobody."""

from __future__ import annotations

import dns.message
import dns.rcode
import dns.rrset
import dns.update
import pytest

from relay.loopback.lab.zoneupdate import serial, swap

SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ="


def test_it_compares_the_old_text_and_swaps_both_records() -> None:
    sent: dict[str, str] = {}

    def exchange(message: dns.message.Message, server: str) -> dns.message.Message:
        if server == "10.0.0.2":
            raise TimeoutError
        assert isinstance(message, dns.update.UpdateMessage)
        sent["present"] = str([rrset.to_text() for rrset in message.prerequisite])
        sent["update"] = str([rrset.to_text() for rrset in message.update])
        answer = dns.message.Message()
        answer.set_rcode(dns.rcode.NXRRSET if server == "10.0.0.3" else dns.rcode.NOERROR)
        return answer

    said = swap(["10.0.0.1", "10.0.0.2", "10.0.0.3"], SECRET, "old", "new", "osaka", exchange)
    assert said == {"10.0.0.1": "NOERROR", "10.0.0.2": "TimeoutError", "10.0.0.3": "NXRRSET"}
    assert '_active IN TXT "old"' in sent["present"].replace(" 0 ", " ")
    assert 'TXT "new"' in sent["update"]
    assert "CNAME osa" in sent["update"]


def test_a_programming_error_is_no_answer() -> None:
    def exchange(message: dns.message.Message, server: str) -> dns.message.Message:
        raise KeyError(server)

    with pytest.raises(KeyError):
        swap(["10.0.0.1"], SECRET, "old", "new", "osaka", exchange)


def test_the_serial_is_the_zones_own_and_silence_is_none() -> None:
    def exchange(message: dns.message.Message, server: str) -> dns.message.Message:
        if server == "10.0.0.2":
            raise TimeoutError
        answer = dns.message.make_response(message)
        if server == "10.0.0.1":
            answer.answer.append(dns.rrset.from_text("core.lab.", 5, "IN", "SOA", "ns1. admin. 17 5 1 60 5"))
        return answer

    assert [serial(f"10.0.0.{number}", exchange) for number in (1, 2, 3)] == [17, -1, -1]
