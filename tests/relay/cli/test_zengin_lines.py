"""`relay decode` on an RC line: the vectors, a capture of both directions, masks, and what is broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from protocols.zengin.session.codec import Codec
from protocols.zengin.session.fields import HOST, RC
from protocols.zengin.session.message import DeliveryMessage, Information, Watch
from protocols.zengin.session.message import Path as LinePath
from relay.cli.plausible import Bytes
from relay.cli.reading import Reading
from relay.cli.zengin_lines import RcLines
from relay.main import main
from tests.support.zrcline import LineRig, transfer

Capture = pytest.CaptureFixture[str]
RULES = LineRig().dialect.rules
LINE = LinePath(1, 1, 0)
NOTICE = Codec(RC).encode(Information(LINE, 7, RULES.telegrams.encode(transfer(3))))
VECTORS = json.loads((Path(__file__).parents[2] / "protocols/zengin/vectors/zengin.json").read_text("utf-8"))["vectors"]


def read(streams: list[Bytes]) -> Reading | None:
    return RcLines().read(streams, is_guess=False)


def test_a_telegram_is_found_out_and_masked(capsys: Capture) -> None:
    assert main(["decode", NOTICE.hex()]) == 0
    said = capsys.readouterr().out
    assert "KT  為替通知, interbank-transfer, RC to host" in said
    assert "receipt_serial" in said
    for secret in ("ﾔﾏﾀﾞ", "ｽｽﾞｷ", "1234567"):
        assert secret not in said


def test_json_has_fields_by_name_with_offsets(capsys: Capture) -> None:
    assert main(["decode", "--json", NOTICE.hex()]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["title"][:2], told["dialect"]) == ("KT", "zrc")
    assert told["fields"]["amount"] == "1000"
    assert told["fields"]["account"] == "*******"
    assert told["offsets"]["amount"] == [64 + 78, 12]
    assert told["fields"]["sequence"] == "7"


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["kind"] == "zrc frame"], ids=lambda v: v["id"])
def test_vectors(vector: dict[str, str], capsys: Capture) -> None:
    wanted = {"rc-control-host": "WATCH", "rc-control-rc": "WATCH", "rc-info-host": "????", "rc-ack": "ACK", "rc-nak": "NAK"}
    code = main(["decode", vector["hex"]])
    said = capsys.readouterr().out
    assert wanted[vector["id"]] in said
    assert code == (1 if vector["id"] == "rc-info-host" else 0), "its body is a framing sample and no telegram"


def test_both_directions_in_the_order_of_time() -> None:
    center = Bytes("center", ((1, NOTICE[:100]), (3, NOTICE[100:]), (9, Codec(RC).encode(Watch()))))
    host = Bytes("host", ((5, Codec(HOST).encode(DeliveryMessage(LINE, 7, True))),))
    other = Bytes("web", ((2, b"GET / HTTP/1.1"),))
    reading = read([center, host, other])
    assert reading is not None
    assert [(item.title.split()[0], item.stream) for item in reading.items] == [
        ("KT", "center"),
        ("ACK", "host"),
        ("WATCH", "center"),
    ]


def test_what_is_broken_says_where() -> None:
    bad_header = bytearray(NOTICE)
    bad_header[7] = 9
    cut = NOTICE[:-1]
    mixed = NOTICE + b"SUBX" + bytes(12)
    for data, field in ((bytes(bad_header), "sublayer.protocol"), (cut, "sublayer"), (mixed, "sublayer")):
        reading = read([Bytes("", ((0, data),))])
        assert reading is not None
        assert not reading.is_whole
        assert f"field {field} at" in reading.items[-1].mistakes[0]
    assert read([Bytes("", ((0, b"0800"),))]) is None


def test_the_dialect_by_name_says_what_it_missed(capsys: Capture) -> None:
    assert main(["decode", "--dialect", "zrc", "30383030"]) != 0
    assert "does not begin like zrc" in capsys.readouterr().err
