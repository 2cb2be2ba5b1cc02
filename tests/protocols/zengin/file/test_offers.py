"""What the core posts: files as fields or as they are, and every reason not to send one."""

from __future__ import annotations

import base64

import msgspec
import pytest

from protocols.dialect import OutboundOffered
from protocols.errors import LocalMisuse
from protocols.zengin.file.offers import read_fetch, read_offer
from tests.support.zenginfiles import header, payment, sound_file
from tests.support.zenginlink import BANK, COMPANY, profile

PROFILE = profile(COMPANY, BANK)
CONTENT = base64.b64encode(sound_file("21", 2)).decode()
WHOLE = {"file": "SOUFURI", "cycle": "01", "format": "21", "content": CONTENT}
FIELDS = {
    "file": "SOUFURI",
    "cycle": "01",
    "format": "21",
    "header": header("21"),
    "records": [payment("21", 1), payment("21", 2)],
}


def offered(body: object, kind: str = "zengin-file") -> OutboundOffered:
    return OutboundOffered("o1", kind, msgspec.json.encode(body))


def test_fields_and_content_make_the_same_file() -> None:
    one, other = read_offer(PROFILE, offered(WHOLE)), read_offer(PROFILE, offered(FIELDS))
    assert one == other
    assert (one.record_bytes, one.record_count, one.code) == (120, 5, "0")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"file": "OTHER"}, "file"),
        ({"cycle": "00"}, "cycle"),
        ({"cycle": "1"}, "cycle"),
        ({"cycle": "١١"}, "cycle"),
        ({"format": "03"}, "format"),
        ({"content": "%%"}, "content"),
        ({"content": base64.b64encode(sound_file("21", 2)[:-1]).decode()}, "content"),
        ({"content": base64.b64encode(b"x").decode()}, "content"),
        ({"unknown": 1}, "body"),
        ({"content": "", "header": header("21"), "records": [{**payment("21", 1), "payee_name": "山"}]}, "record 2.payee_name"),
    ],
)
def test_every_reason_not_to_send(change: dict[str, object], path: str) -> None:
    with pytest.raises(LocalMisuse) as caught:
        read_offer(PROFILE, offered({**WHOLE, **change}))
    assert caught.value.path == path


def test_other_kinds_are_not_ours() -> None:
    with pytest.raises(LocalMisuse):
        read_offer(PROFILE, offered(WHOLE, "zengin-telegram"))


@pytest.mark.parametrize(
    ("data", "name"), [(b'{"file": "MEISAI"}', "MEISAI"), (b"MEISAI", "MEISAI"), (b"OTHER", None), (b"\xff", None)]
)
def test_what_is_asked_for(data: bytes, name: str | None) -> None:
    rule = read_fetch(PROFILE, data)
    assert (None if rule is None else rule.name) == name
