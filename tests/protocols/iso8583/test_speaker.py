"""Frames to messages and back, and the MAC over exactly the bytes before it, in every encoding."""

from __future__ import annotations

import hashlib

import pytest

from protocols.errors import FieldError, LocalMisuse
from protocols.framing import Frame, FrameCutter
from protocols.iso8583.dialect import Iso8583Dialect
from protocols.iso8583.hooks import Hooks, MacVerdict
from protocols.iso8583.message import IsoMessage, Value
from protocols.iso8583.speaker import MacError
from tests.support.isolink import OLD_KEY, SumMac, framed, make_dialect, network, withdrawal


def cut(iso: Iso8583Dialect, data: bytes) -> Frame:
    (frame,) = FrameCutter(iso.speaker.framing).feed(data)
    return frame


def with_mac(**profile: object) -> tuple[Iso8583Dialect, SumMac]:
    mac = SumMac()
    return make_dialect(Hooks(mac=mac), mac="required", **profile), mac


def test_without_a_mac() -> None:
    iso = make_dialect()
    assert iso.speaker.read(cut(iso, framed(iso, withdrawal()))) == withdrawal()
    with pytest.raises(FieldError):
        iso.speaker.read(Frame(b"", b"0200"))


@pytest.mark.parametrize("encoding", ["ascii", "bcd", "ebcdic"])
@pytest.mark.parametrize(("changes", "number"), [({}, 64), ({102: "123"}, 128)])
def test_the_mac_is_last_and_covers_the_rest(encoding: str, changes: dict[int, Value | None], number: int) -> None:
    iso, mac = with_mac(encoding=encoding)
    message = withdrawal("0200", changes)
    frame = cut(iso, framed(iso, message))
    assert iso.speaker.read(frame).fields == {**message.fields, number: hashlib.sha256(mac.covered[0]).digest()[:8]}
    width = 16 if encoding == "ascii" else 8
    assert mac.covered == [frame.body[:-width]] * 2


def test_one_changed_byte_is_noticed() -> None:
    iso, _ = with_mac()
    body = bytearray(cut(iso, framed(iso, withdrawal())).body)
    at = body.index(b"000000010000")
    body[at + 7] ^= 1
    with pytest.raises(MacError) as caught:
        iso.speaker.read(Frame(b"", bytes(body)))
    assert caught.value.message.fields[11] == "000002"
    assert not caught.value.is_out_of_step


def test_a_missing_mac_and_another_key() -> None:
    iso, _ = with_mac()
    with pytest.raises(MacError, match="64"):
        iso.speaker.read(Frame(b"", iso.codec.encode(withdrawal())))
    with pytest.raises(MacError, match="another key") as caught:
        iso.speaker.read(Frame(b"", iso.codec.encode(withdrawal("0200", {64: OLD_KEY}))))
    assert caught.value.is_out_of_step


def test_network_management_may_come_without() -> None:
    iso, mac = with_mac()
    assert iso.speaker.read(cut(iso, framed(iso, network()))) == network()
    assert mac.covered == []
    with pytest.raises(MacError):
        iso.speaker.read(Frame(b"", iso.codec.encode(network("001", "0800", {64: None, 128: b"wrongmac"}))))


def test_a_dialect_without_room_for_a_mac_is_refused_at_start() -> None:
    with pytest.raises(LocalMisuse, match="DE 64"):
        with_mac(overlay={"fields": {"64": {"used": False}}})
    with pytest.raises(LocalMisuse, match="no MAC hook"):
        make_dialect(mac="required")


class BrokenMac(SumMac):
    """An HSM that is gone; its error says what no log may show."""

    def check(self, message: IsoMessage, covered: bytes, mac: bytes) -> MacVerdict:
        raise OSError("key 0123456789ABCDEF is not loaded")

    def compute(self, message: IsoMessage, covered: bytes) -> bytes:
        raise OSError("key 0123456789ABCDEF is not loaded")


def test_a_hook_that_fails_believes_and_says_nothing() -> None:
    sound, _ = with_mac()
    iso = make_dialect(Hooks(mac=BrokenMac()), mac="required")
    with pytest.raises(MacError, match=r"the MAC hook failed \(OSError\)$") as refused:
        iso.speaker.read(cut(sound, framed(sound, withdrawal())))
    assert refused.value.__cause__ is None
    assert refused.value.message.fields[11] == "000002"
    with pytest.raises(LocalMisuse, match=r"the MAC hook failed \(OSError\)$"):
        iso.speaker.write(withdrawal())


@pytest.mark.parametrize("made", [b"", b"7 bytes", b"9 bytes..", "8 chars.", None])
def test_a_hook_that_makes_no_mac_is_noticed(made: bytes) -> None:
    class Odd(SumMac):
        def compute(self, message: IsoMessage, covered: bytes) -> bytes:
            return made

    with pytest.raises(LocalMisuse, match="no 8 bytes"):
        make_dialect(Hooks(mac=Odd()), mac="required").speaker.write(withdrawal())


def test_a_verdict_that_is_none_is_no() -> None:
    class Truthful(SumMac):
        def check(self, message: IsoMessage, covered: bytes, mac: bytes) -> MacVerdict:
            return True  # type: ignore[return-value]  # what a hook in a hurry says

    iso = make_dialect(Hooks(mac=Truthful()), mac="required")
    with pytest.raises(MacError):
        iso.speaker.read(cut(iso, framed(iso, withdrawal())))
