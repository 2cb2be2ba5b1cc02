"""NDC in `relay decode`: found out by itself, shown with names, and no card in it."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from protocols.framing import FRAMINGS, wrap
from protocols.iso8583.message import IsoMessage
from protocols.ndc.codec import encode
from protocols.ndc.message import Buffer, DataCommand, JournalUpload
from protocols.vocabulary import Secret
from relay.cli import decode, ndcview
from relay.cli.plausible import Bytes
from relay.main import main
from tests.support.isomessages import CODECS
from tests.support.ndcplay import READY, fault, framed, request

VECTORS = json.loads((Path(__file__).parents[2] / "protocols" / "ndc" / "vectors" / "ndc.json").read_text("utf-8"))
ALL = decode._framings(decode.AUTO)  # the plain ones first, as the tool has them
ASK = IsoMessage("0200", {2: "4111111111111111", 3: "011000", 4: "000000010000", 7: "0604123456", 11: "000001"})
CANARIES = ("4000001234567899", "30122010000012300", "0412:4;=<>?99999", "TYPED", "NEWPIN", "030123456789")
Capture = pytest.CaptureFixture[str]


def streams(data: bytes) -> list[list[Bytes]]:
    return [[Bytes("", ((0, data),))]]


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["id"] != "ndc-053"], ids=lambda v: str(v["id"]))
def test_every_foreign_message_is_found_out(vector: dict[str, str]) -> None:
    body = bytes.fromhex(vector["hex"])
    assert ndcview.is_ndc(body)
    found = ndcview.find(streams(wrap(FRAMINGS["binary2"], body) * 2), ALL)
    assert found is not None
    assert (found.framing, found.read_count, found.is_whole) == ("binary2", 2, True)


@pytest.mark.parametrize("name", ["1987-ascii", "1987-bcd", "1987-ebcdic"])
def test_iso_8583_is_not_taken_for_it(name: str) -> None:
    body = CODECS[name].encode(ASK)
    assert ndcview.find(streams(body), ALL) is None
    assert ndcview.find(streams(wrap(FRAMINGS["binary2"], body)), ALL) is None


def test_a_stream_is_shown_with_names_and_masked(capsys: Capture) -> None:
    message = msgspec.structs.replace(request(buffer_b="TYPED"), buffers=(Buffer("U", Secret("NEWPIN")),))
    assert main(["decode", (framed(message) + framed(fault("E100010000")) + framed(READY)).hex()]) == 0
    said = capsys.readouterr().out
    assert said.startswith("ndc, framing binary2: 3 of 3 messages read")
    for words in ("transaction request, from the terminal", "00015000", "device fault", "solicited status"):
        assert words in said
    assert not [canary for canary in CANARIES if canary in said]


def test_json_has_names_and_offsets(capsys: Capture) -> None:
    assert main(["decode", "--json", "--dialect", "ndc", encode(request()).hex()]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["mti"], told["dialect"], told["framing"]) == ("11", "ndc", "none")
    assert (told["fields"]["operation"], told["offsets"]["operation"]) == (" DA   AD", [50, 8])


def test_what_breaks_off_shows_where_and_no_value(capsys: Capture) -> None:
    body = encode(request()).replace(b" DA   AD", b"DA")
    assert main(["decode", "--dialect", "ndc", (framed(READY) + wrap(FRAMINGS["binary2"], body)).hex()]) == 0
    said = capsys.readouterr().out
    assert "breaks off: field operation at offset" in said
    assert not [canary for canary in CANARIES if canary in said]


def test_keys_and_journal_text_are_masked() -> None:
    key = ndcview.show(encode(DataCommand(luno="001", subclass="4", identifier="2", data=("030123456789",))), framing="none")
    assert set(key.fields["field-4"]) == {"*"}
    text = "CARD 4000001234567899 IN"
    block = JournalUpload(
        machine="000001", date="261102", time="142640", previous="000000", last="000024", length="024", text=Secret(text)
    )
    shown = ndcview.show(encode(block), framing="none")
    assert shown.fields["block"].endswith("CARD 400000******7899 IN")


@pytest.mark.parametrize("words", [["0011"], ["--framing", "none", "1c1c"]])
def test_what_is_no_ndc_is_a_sentence(words: list[str], capsys: Capture) -> None:
    assert main(["decode", "--dialect", "ndc", *words]) != 0
    assert "No NDC message" in capsys.readouterr().err
